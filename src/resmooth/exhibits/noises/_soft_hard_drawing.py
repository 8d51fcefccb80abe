"""How the exhibit `soft_hard` draws its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Case = tuple[str, float]  # experiment, sigma

LOOKS = {  # colour, line, marker
    "hard, Clopper-Pearson": ("C0", "-", "o"),
    "hard, empirical Bernstein": ("C0", "--", "o"),
    "soft, empirical Bernstein": ("C1", "-", "s"),
    "soft, Hoeffding": ("C1", ":", "s"),
}


def figure_of(frames: Frames) -> Figure:
    """Above, certified accuracy at each level; below, the ACRs, each image's votes and scores, and the bound as printed."""
    import matplotlib.pyplot as plt

    acr = frames["acr"]
    cases = list(acr[["experiment", "sigma"]].drop_duplicates().itertuples(index=False, name=None))
    figure = plt.figure(figsize=(max(11, 3.7 * len(cases)), 8.4))
    upper, lower = figure.subfigures(2, 1, squeeze=False).flat
    panels = upper.subplots(1, len(cases), squeeze=False, sharey=True)[0]
    norm = frames["about"].norm.iloc[0]
    for axis, (name, sigma) in zip(panels, cases):
        lines = frames["curves"]
        _draw_curves(axis, lines[(lines.experiment == name) & (lines.sigma == sigma)])
        axis.set(xlabel=f"l{norm:g} radius", title=f"{name}, $\\sigma$ = {sigma:g}", ylim=(0, 1.02), xlim=(0, None))
    panels[0].set_ylabel("certified accuracy")
    panels[-1].legend(loc="upper right", fontsize=8)
    mean, plane, bound = lower.subplots(1, 3)
    _draw_acr(mean, acr, cases, f"average certified l{norm:g} radius")
    _draw_images(plane, frames["label"], cases)
    _draw_bound(bound, frames["bound"])
    return figure


def _name(cases: list[Case], name: str, sigma: float, between: str, alone: str = "{}") -> str:
    """How a case is called: by its level, and its experiment if there are several."""
    several = len({each for each, _ in cases}) > 1
    return f"{name}{between}{sigma:g}" if several else alone.format(f"{sigma:g}")


def _draw_curves(axis: Axes, lines: pd.DataFrame) -> None:
    for kind, (colour, ls, _) in LOOKS.items():
        line = lines[lines.kind == kind]
        axis.plot(line.radius, line.accuracy, ls, color=colour, label=kind)
        if ls == "-":
            axis.fill_between(line.radius, line.low, line.high, color=colour, alpha=0.13, lw=0)


def _draw_acr(axis: Axes, acr: pd.DataFrame, cases: list[Case], label: str) -> None:
    for i, (kind, (colour, ls, marker)) in enumerate(LOOKS.items()):
        part = acr[acr.kind == kind]
        look: dict[str, Any] = {
            "fmt": marker,
            "color": colour,
            "mfc": colour if ls == "-" else "white",
            "ms": 5,
            "lw": 1.2,
            "capsize": 2,
        }
        at = np.arange(len(cases)) + (i - 1.5) * 0.13
        axis.errorbar(at, part.value, style.whiskers(part.value, part.low, part.high), label=kind, **look)
    axis.set_xticks(range(len(cases)), [_name(cases, *case, "\n") for case in cases])
    axis.set(xlabel="$\\sigma$", ylabel=label, xlim=(-0.5, len(cases) - 0.5))
    axis.set_ylim(0, 1.45 * axis.get_ylim()[1])
    axis.set_title("Average over all images (bars: 95 %)")
    axis.legend(loc="upper left", fontsize=8)


def _draw_images(axis: Axes, label: pd.DataFrame, cases: list[Case]) -> None:
    for i, (name, sigma) in enumerate(cases):
        dots = label[(label.experiment == name) & (label.sigma == sigma)]
        look: dict[str, Any] = {
            "ms": 4,
            "mew": 0,
            "color": f"C{i + 2}",
            "alpha": 0.8,
            "label": _name(cases, name, sigma, ", ", "$\\sigma$ = {}"),
        }
        axis.plot(dots["share of votes"], dots["mean score"], "os^Dv<>"[i % 7], **look)
    apart = label[label.differs]
    if len(apart):
        ring: dict[str, Any] = {"color": "black", "mfc": "none", "ms": 8, "label": "classes differ"}
        axis.plot(apart["share of votes"], apart["mean score"], "o", **ring)
    axis.plot([0, 1], [0, 1], color="0.4", lw=1)
    axis.axhline(0.5, color="0.4", lw=1, ls="--")
    axis.axvline(0.5, color="0.4", lw=1, ls="--")
    axis.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axis.set(xlabel="share of votes for the label", ylabel="mean score of the label")
    axis.set_title("Each image")
    axis.legend(loc="upper left", fontsize=8)


def _draw_bound(axis: Axes, bound: pd.DataFrame) -> None:
    n = bound.votes.max()
    axis.plot(bound.votes / n, bound["count"], color="C0", label="count of votes")
    axis.plot(bound.votes[1:] / n, bound["as printed"][1:], "--", color="C1", label="mean of votes, as printed")
    axis.axhline(0.5, color="0.4", lw=1, ls=":")
    axis.text(0.02, 0.55, "needed to certify", color="0.3", fontsize=8)
    axis.set(yscale="log", ylim=(1e-7, 2), xlabel=f"share of {n:,} votes", ylabel="lower bound on $q$")
    axis.set_title("Clopper-Pearson, and the source's display")
    axis.legend(loc="center right", fontsize=8)
