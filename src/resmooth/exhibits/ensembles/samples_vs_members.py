r"""More samples of one model, or more members?

Every classifier spends the same number of network evaluations on bounding p_A: a single model by n samples, a soft ensemble
of the first k seeds by n / k. All see the same images and the first samples of the same noise. The single model is the mean
over the members, so that none is picked. Even n votes out of n certify no more than the ceiling :math:`\sigma\,\Phi^{-1}
(\alpha^{1/n})`. Radii are in sigma, certified accuracies and their differences in per cent and points.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pandas as pd

from resmooth import storage
from resmooth.exhibits.base import Frames
from resmooth.exhibits.ensembles import _samples_drawing
from resmooth.exhibits.ensembles._samples_findings import findings
from resmooth.exhibits.ensembles._samples_numbers import (
    EQUAL,
    FREE,
    PRINTED_N,
    at_some_radii,
    budgets,
    cases_of,
    compare,
    ensembles_of,
    gain,
    price,
    radii_of,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Experiment, Run

__all__ = ["compute", "draw", "findings", "here", "needs", "settings", "table"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The counts of all ensembles; None below two members."""
    return {"counts": [path for key in _keys(run) for path in run.counts(*key)]} if run.several else None


def settings(run: Run) -> dict:
    """The error probability of the certificates made here."""
    return {"alpha": run.config["certify"]["alpha"]}


def compute(run: Run) -> Frames:
    """sizes: what each k can spend; radii: of each image; results: curves and differences; gains, price: see below."""
    alpha, keys = settings(run)["alpha"], _keys(run)
    counts, about = storage.read_counts(run.counts(*keys[0]))
    sizes = budgets(cast("Experiment", run.first).seeds, about["n"], about["n0"], counts.step.max(), alpha)
    radii = pd.concat(
        [radii_of(run.counts(*key), sizes, alpha).assign(sigma=float(key[1]), experiment=key[0]) for key in keys]
    )
    results = pd.concat([compare(part, sizes).assign(**about) for about, part in cases_of(radii)], ignore_index=True)
    columns = ["sigma", "experiment", "metric", "classifier", "k", "n", "r", "value", "low", "high"]
    gains = [
        gain(part, row).times(100)._asdict() | about | {"k": row.k, "n": row.n}
        for about, part, row in ensembles_of(radii, sizes)
    ]
    return {
        "sizes": sizes,
        "radii": radii,
        "results": results[columns],
        "differences": at_some_radii(results, sizes),
        "gains": pd.DataFrame(gains)[["sigma", "experiment", "k", "n", "value", "low", "high"]],
        "price": price(sizes, alpha),
    }


def _keys(run: Run) -> list[tuple[str, str]]:
    """(experiment, level): experiments in the order of the config, levels ascending."""
    return [(each.name, sigma) for each in run.ensembles for sigma in sorted(each.sigmas, key=float)]


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    return frames["results"]


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    sizes, radii = frames["sizes"], frames["radii"]
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(radii.sigma.unique()))
    spent = ", ".join(f"{row.n:,} (k = {row.k})" for row in sizes[1:].itertuples())
    return (
        f"**Here.** {', '.join(radii.experiment.unique())}, sigma = {levels}, {radii.index.nunique()} images. Every "
        f"classifier makes {sizes.n.iloc[0]:,} evaluations of a network to bound p_A: a single model by as many "
        f"samples, soft ensembles of the first k seeds by n = {spent}. The paper has {PRINTED_N:,} for an ensemble "
        "and k times as many for a single model, on CIFAR-10 and ImageNet: its ceilings are higher and closer "
        "together."
    )


def draw(frames: Frames) -> Figure:
    """For each experiment: certified accuracy against the radius, and below it ensemble minus single model."""
    return _samples_drawing.figure(frames["results"], frames["sizes"], {"equal": EQUAL, "free": FREE})
