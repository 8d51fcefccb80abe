"""The numbers of table1 and table2: printed ACRs beside what their rows allow, and those of a run under both definitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from resmooth.exhibits.smooth_reduce import _methods, _printed
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, ONE, PUBLISHED
from resmooth.stats.decisions import in_words
from resmooth.stats.intervals import Estimate

if TYPE_CHECKING:
    from resmooth.exhibits.base import Frames
    from resmooth.plan import Experiment, Run

DDRS = "DDRS"


@dataclass(frozen=True)
class AcrTable:
    """One of the paper's two tables of ACRs and abstentions.

    item     of the claims: "table1"
    dataset  that the paper prints it for
    several  whether the run shows all numbers of patches of one base, as the paper does for ImageNet, or the first number of
             every base, beside all other methods, as for CIFAR-10
    """

    item: str
    dataset: str
    several: bool

    def needs(self, run: Run) -> dict[str, list[str]] | None:
        """The claims, and the certificates of everything that the run can put into the table; None without patches."""
        if not run.reduced:
            return None
        bases, others = compared(run)
        if self.several:
            paths = _methods.single(run, bases[:1]) + run.certificates(cut_alike(run, bases[0]))
        else:
            first = [each for base in bases for each in _methods.first_in_each_space(run, base)]
            paths = _methods.single(run, bases + others) + _methods.ensemble(run, bases[0]) + run.certificates(first)
        files, ddrs = {"claims": [_printed.CLAIMS], "certificates": paths}, _ddrs(run)
        return files if self.several or not ddrs else files | {"ddrs": list(ddrs.values())}

    def compute(self, run: Run) -> Frames:
        """printed: `_printed.acrs`; ours: `_methods.averages` of this run; gains: over one network, certified and claimed."""
        files = cast("dict[str, list[str]]", self.needs(run))
        frame = self.shown(_methods.read(run, files["certificates"]))
        gains = [
            _methods.against_one(frame, column).assign(kind=kind)
            for column, kind in (("certified", CERTIFIED), ("claimed", PUBLISHED))
        ]
        shown = {} if self.several else _ddrs(run)
        ddrs = [_of_ddrs(run, float(sigma), path) for sigma, path in shown.items() if float(sigma) in set(frame.sigma)]
        found = [_methods.averages(frame), *ddrs]
        about = {"run": run.name, "images": frame.idx.nunique(), "n": int(frame.n.max()), "alpha": frame.alpha.max()}
        ours = pd.concat(found, ignore_index=True)
        return {
            "setting": pd.DataFrame([about]),
            "printed": _printed.acrs(self.item).assign(
                norm=_printed.norm(self.dataset, _printed.PATCHES[self.dataset])
            ),
            "ours": labelled(ours),
            "gains": labelled(pd.concat(gains, ignore_index=True)),
        }

    def shown(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The classifiers of the table, at the levels at which patches are cut: others have nothing to be compared with."""
        frame = frame[(frame.method != "centre patch") & frame.sigma.isin(frame.sigma[frame.k > 0])]
        return frame if self.several else frame[frame.k == frame.groupby("experiment").k.transform("min")]


def compared(run: Run) -> tuple[list[Experiment], list[Experiment]]:
    """(experiments with patches, all other networks of that architecture under normal noise)."""
    bases = _methods.bases(run)
    others = [each for each in run.normal if each.architecture == bases[0].architecture and each not in bases]
    return bases, others


def cut_alike(run: Run, base: Experiment) -> list[Experiment]:
    """The experiments of Smooth-Reduce that cut one base at fixed places, at the side with most numbers of patches."""
    fixed = [each for each in run.patched(base.name) if each.patches.get("layout", "corners") != "random"]
    most = max(fixed, key=lambda each: len(each.patches["sizes"]))
    return [each for each in fixed if each.patches.get("resize") == most.patches.get("resize")]


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with a column `label`, its rows in words."""
    return frame.assign(label=[label(row) for row in frame.itertuples()])


def label(row: Any) -> str:
    """A row of the table in words: "resnet8-gaussian, Smooth-Mean of 4, noise on each patch"."""
    if not row.k:
        return f"{row.base}, {row.method}" if row.method != ONE else row.base
    return f"{row.base}, {row.method} of {row.k}, {_methods.noise_on(row.space)}"


def _ddrs(run: Run) -> dict[str, str]:
    """Level -> path of the radii of DDRS; none unless the run has this baseline of the first base."""
    if not run.idrs or run.idrs["constant"] != run.reduced[0].name:
        return {}
    levels = run.experiments[run.idrs["idrs"]].sigmas
    return {sigma: run.paths.measured("ddrs", run.idrs["constant"], sigma) for sigma in levels}


def _of_ddrs(run: Run, sigma: float, path: str) -> pd.DataFrame:
    """The averages of DDRS at one level: its radii are claims, for sigma(x) is not constant; nothing is certified."""
    table = pd.read_csv(path, sep="\t")
    about = {"base": run.reduced[0].name, "experiment": DDRS, "sigma": sigma, "method": DDRS, "space": ""}
    table = table.assign(
        **about, k=0, frames=0, lipschitz=1.0, evaluations=table.n0 + table.n, radius=table.claimed_radius
    )
    return _methods.averages(table).assign(kind=PUBLISHED)


def here(frames: Frames) -> str:
    """What this run shows in place of the paper's experiment."""
    ours, about = frames["ours"], frames["setting"].iloc[0]
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(ours.sigma.unique()))
    return (
        f"**Here.** First the printed ACRs, each beside the ACRs that its row of certified accuracies allows. Then the run "
        f"`{about.run}` at sigma = {levels}: {about.images} images, n = {about.n:,}, alpha = {about.alpha:g} for every method. "
        "Radii are in units of the [0, 1] image; as published means R, certified means R / L. Evaluations count forward passes "
        "of one network for an image. Other data and networks: signs can be compared, numbers cannot."
    )


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn; column `part` says which."""
    return pd.concat([frames[name].assign(part=name) for name in ("printed", "ours", "gains")], ignore_index=True)


SHOWN = {CERTIFIED: "certified ACR", PUBLISHED: "R as published"}


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """For docs/replication.md: ACR over all images, certified and as published, each also less that of the network, paired."""
    rows: dict[tuple, dict[str, str]] = {}
    for row in table[table.part == "ours"].itertuples():
        cell = rows.setdefault((row.sigma, row.label), {"sigma": f"{row.sigma:g}", "method": row.label})
        cell[SHOWN[row.kind]] = f"{row.acr_all:.3f}"
        cell |= {"over correct images": f"{row.acr_correct:.3f}", "accuracy": f"{100 * row.accuracy:.0f} %"}
        cell |= {"abstains": f"{100 * row.abstention:.0f} %", "L": f"{row.lipschitz:.3f}"}
        cell["evaluations"] = f"{row.evaluations:,.0f}"
    for row in table[table.part == "gains"].itertuples():
        if SHOWN[row.kind] in rows[row.sigma, row.label]:
            gain = in_words(Estimate(row.value, row.low, row.high), "+.3f")
            rows[row.sigma, row.label][f"{SHOWN[row.kind]}, less the network's"] = gain
    columns = ["sigma", "method", "evaluations", "L", "accuracy", "abstains"]
    columns += [name for kind in SHOWN.values() for name in (kind, f"{kind}, less the network's")]
    ordered = [rows[key] for key in sorted(rows, key=lambda key: key[0])]
    return pd.DataFrame(ordered).reindex(columns=[*columns, "over correct images"]).fillna("")
