r"""Certifying a pre-set radius with fewer network evaluations.

K-consensus asks the other members only if the first K of k members disagree on a noisy copy. Adaptive sampling (CertifyAdp)
certifies or gives up a radius fixed beforehand, in stages of more and more samples. Two further rules are not in the paper:
Clopper-Pearson on one growing sample with a union bound over the looks, and a confidence sequence. Each rule errs with
probability at most alpha for an image, and is compared with CERTIFY by the full ensemble (the fixed rule).

SampleRF: samples of the fixed rule over those drawn, all images together. KCR: per cent of the samples that K members
decide. Evaluations: network calls of the fixed rule over those made; a sample costs k, with K-consensus K + (1 - KCR)(k - K)
on average. TimeRF: the same for seconds. Intervals resample the images; they have no width where all images stop at the
same number of samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.classifiers.names import aggregation_of
from resmooth.exhibits.base import Frames
from resmooth.exhibits.ensembles import _efficient_drawing
from resmooth.exhibits.ensembles import _efficient_numbers as numbers
from resmooth.exhibits.ensembles._efficient_findings import CLAIMED, CLAIMED_CEILING, findings
from resmooth.stats.decisions import span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "needs", "summary", "table"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The decisions of all ensembles; None below two members."""
    if not (run.several and "decide" in run.config):
        return None
    return {"procedures": [run.paths.measured("procedures", *key) for key in _keys(run)]}


def compute(run: Run) -> Frames:
    """decisions: of each image; stages: their cost; results, overview: what each method does; alike: agreement at all radii."""
    parts = []
    for key in _keys(run):
        part = pd.read_parquet(run.paths.measured("procedures", *key))
        parts.append(part.assign(sigma=float(key[1]), experiment=key[0]))
    frame = pd.concat(parts).sort_values("idx", kind="stable", ignore_index=True)
    frame["aggregation"], frame["number"] = zip(*frame.classifier.map(aggregation_of))
    frame["r"] = (frame.radius / frame.sigma).round(6)
    frame["experiment"] = pd.Categorical(frame.experiment, [each.name for each in run.ensembles])
    results = numbers.results_of(numbers.runs_of(frame), numbers.sizes_of(frame))
    return {
        "decisions": frame,
        "stages": numbers.stage_costs(frame, run.config["decide"]["n0"], run.config["decide"]["stages"]),
        "results": results,
        "alike": numbers.alike_at_every_radius(numbers.kinds_of(numbers.runs_of(frame))),
        "overview": summary(results),
    }


def _keys(run: Run) -> list[tuple[str, str]]:
    """(experiment, level) of all ensembles."""
    return [(each.name, sigma) for each in run.ensembles for sigma in each.sigmas]


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    return pd.concat([frames["results"], frames["alike"]], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The table of docs/replication.md: what each method saves over CERTIFY, and how it decides, all networks and radii."""
    rows, differ = [], [f"{name} [images]" for name in ("lost", "gained", "other class")]
    for method in table.method.unique():
        by = dict(iter(table[table.method == method].groupby("metric").value))
        row = {"method": method}
        row |= {name: span(by[name], ".1f") for name in ("SampleRF", "evaluations", "KCR [%]") if name in by}
        row |= {"decided alike [%]": f"{by['agreement [%]'].mean():.1f}"} | {
            name: int(by[name].sum()) for name in differ
        }
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame, stages = frames["decisions"], frames["stages"]
    k, asked, fixed = numbers.sizes_of(frame)
    levels, radii = (", ".join(f"{x:g}" for x in sorted(frame[name].unique())) for name in ("sigma", "r"))
    costs = ", ".join(f"{row.samples:,} by stage {row.stage}" for row in stages.itertuples())
    consensus = f"K = {asked}{' (a single model)' * (asked == 1)}." if asked else "This run leaves K-consensus out."
    return (
        f"**Here.** Soft ensembles of k = {k} ({', '.join(frame.experiment.cat.categories)}), sigma = {levels}, radii "
        f"{radii} sigma, {frame.idx.nunique()} images. The fixed rule (CERTIFY) draws {fixed:,} samples of an image; "
        f"CertifyAdp draws {costs}. So it saves at most a factor of {fixed / stages.samples.iloc[0]:.1f}, and an "
        f"image of stage {stages.stage.iloc[-1]} costs {stages.samples.iloc[-1] / fixed:.2f} times the fixed rule. "
        f"{consensus}"
    )


def draw(frames: Frames) -> Figure:
    """Factors saved, KCR, stages and agreement: see `_efficient_drawing`."""
    frame, stages = frames["decisions"], frames["stages"]
    k, asked, fixed = numbers.sizes_of(frame)
    facts = {"k": k, "asked": asked, "ceiling": fixed / stages.samples.iloc[0]}
    facts |= {"paper": (CLAIMED, CLAIMED_CEILING), "stages": list(stages.stage[stages.decisions > 0])}
    return _efficient_drawing.figure(
        frames["results"], frames["alike"], list(numbers.methods(numbers.runs_of(frame))), facts
    )
