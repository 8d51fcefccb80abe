"""Certified accuracy of Smooth-Max and Smooth-Mean against the radius.

Smooth-Reduce, Figure 2: at every noise level the network as it is, under Smooth-Max and under Smooth-Mean with the fewest patches
of each noise space; then beside other methods of the paper that a run has, MACER, SmoothAdv, SmoothMix and an ensemble. Certified
(radius R / L), and R as the paper would publish it. Differences are paired over the images, networks fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Finding, Frames
from resmooth.exhibits.smooth_reduce import _fig2_findings
from resmooth.exhibits.smooth_reduce import _methods as methods

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Experiment, Run

TRAINED = {"macer": "MACER", "smoothadv": "SmoothAdv", "smoothmix": "SmoothMix"}  # other methods that the paper draws


def others(run: Run) -> tuple[list[Experiment], list[Experiment]]:
    """Experiments of the base's architecture: the first by each other method in TRAINED, and the first that has an ensemble."""
    base = run.reduced[0]
    alike = [each for each in run.normal if each.architecture == base.architecture]
    by_method = {each.method: each for each in reversed(alike) if each.method in set(TRAINED) - {base.method}}
    trained = sorted(by_method.values(), key=lambda each: list(TRAINED).index(each.method))
    return trained, [each for each in alike if each.seeds > 1][:1]


def needs(run: Run) -> dict[str, list[str]] | None:
    """Certificates of the base and of Smooth-Reduce over it, and of the other methods at the same levels."""
    if not run.reduced:
        return None
    base, *spaces = run.reduced
    reduced = methods.over_patches(run, spaces, ["max", "mean"], methods.smallest)
    at = methods.levels(spaces)
    trained, several = others(run)
    macer = [each for one in trained for each in methods.first_in_each_space(run, one)]
    beside = methods.single(run, trained, at) + methods.over_patches(run, macer, ["mean"], methods.smallest)
    beside += [path for each in several for path in methods.ensemble(run, each, at)]
    own = {"base": methods.single(run, [base], at), "reduced": reduced, "others": beside}
    return {role: paths for role, paths in own.items() if paths} if reduced else None


def compute(run: Run) -> Frames:
    """images; averages; curves: certified accuracy against the radius. `line` names a classifier in legends."""
    paths = needs(run) or {}
    frame = methods.read(run, [path for role in paths.values() for path in role])
    frame["own"] = frame.base == run.reduced[0].name
    frame["trained"] = frame.base.map({each.name: TRAINED.get(each.method, each.name) for each in run.general})
    frame["abstains"] = frame.predict == -1
    kept = frame.drop_duplicates(methods.CASE)[[*methods.CASE, "own", "trained"]]
    return {
        "images": frame,
        "averages": methods.averages(frame).merge(kept, on=methods.CASE),
        "curves": methods.curves(frame).merge(kept, on=methods.CASE),
    }


def table(frames: Frames) -> pd.DataFrame:
    """The curves and the averages."""
    return pd.concat([frames[name].assign(part=name) for name in ("averages", "curves")])


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The table of docs/replication.md: ACR, clean accuracy and abstention of every classifier."""
    shown = table[table.part == "averages"][
        ["base", "sigma", "method", "space", "k", "kind", "acr_all", "accuracy", "abstention"]
    ]
    return shown.assign(space=shown.space.fillna(""), k=shown.k.astype(int)).round(3)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame = frames["images"]
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(frame.sigma.unique()))
    single = frame[~frame.own & (frame.method == methods.ONE)].base.unique()
    several = frame[(frame.k == 0) & (frame.method != methods.ONE)].drop_duplicates(["base", "method"])
    beside = (
        ", ".join([*single, *(f"an {row.method} ({row.base})" for row in several.itertuples())]) or "no other method"
    )
    return (
        f"**Here.** One network of {frame.base[frame.own].iloc[0]} at sigma = {levels} and Smooth-Reduce over "
        f"{', '.join(map(str, sorted(frame.k[frame.own & (frame.k > 0)].unique())))} patches of it, beside {beside}; "
        f"{frame.idx.nunique()} images, n = {frame.n.max():,}, alpha = {frame.alpha.max():g}. Data and networks are not the "
        "paper's."
    )


def findings(frames: Frames) -> list[Finding]:
    """Smooth-Max against its network, abstentions, and other methods."""
    return _fig2_findings.findings(frames)


def draw(frames: Frames) -> Figure:
    """A column for each level; rows: Smooth-Max, Smooth-Mean, and other methods."""
    from resmooth.exhibits.smooth_reduce._fig2_drawing import draw

    return draw(frames)
