"""The picture of smooth_reduce/fig3: curves for several numbers of patches as published and certified, and the ACR against k."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, MAX, MEAN, ONE, PUBLISHED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

LOOKS: dict[str, dict[str, Any]] = {
    MAX: {"color": "C0", "lw": 1.2, "marker": "o", "ms": 4},
    MEAN: {"color": "C1", "lw": 1.9, "marker": "^", "ms": 5},
}
ROWS = {PUBLISHED: "R as published", CERTIFIED: "certified, R / L"}


def draw(frames: Frames) -> Figure:
    """A column for each level; rows: certified accuracy as published, certified, and the ACR against k."""
    import matplotlib.pyplot as plt

    group = shown(frames["averages"])
    curves, averages = (part[part.group.isin([group, ""])] for part in (frames["curves"], frames["averages"]))
    levels = sorted(curves.sigma[curves.k > 0].unique())
    kinds = [kind for kind in ROWS if kind == CERTIFIED or (curves.kind == PUBLISHED).any()]
    figure = plt.figure(figsize=(12, 3.1 * (len(kinds) + 1)))
    above, below = cast("list[SubFigure]", figure.subfigures(2, 1, height_ratios=(len(kinds), 1)))
    panels = above.subplots(len(kinds), len(levels), squeeze=False)
    for kind, row in zip(kinds, panels):
        for sigma, axis in zip(levels, row):
            level = curves[curves.sigma == sigma]
            _draw_curves(axis, level, kind)
            end = level.radius[level.accuracy > 0].max()
            axis.set(xlim=(0, 1.02 * end if end > 0 else sigma), ylim=(0, 101))
            axis.set_title(f"{ROWS[kind]}, $\\sigma$ = {sigma:g}")
        row[0].set_ylabel("certified accuracy [%]")
    for axis in panels[-1]:
        axis.set_xlabel("$l_2$ radius")
    entries = {label: handle for axis in panels.flat for handle, label in zip(*axis.get_legend_handles_labels())}
    above.legend(entries.values(), entries, loc="outside lower center", ncols=len(entries), fontsize=8)
    above.suptitle(f"Smooth-Reduce over k patches: {group}", x=0.01, ha="left", fontsize=10)
    _draw_averages(below, averages, levels)
    return figure


def shown(averages: pd.DataFrame) -> str:
    """The group that is drawn: the one with noise on each patch, as in the paper, if there is one, with the most numbers k."""
    sizes = averages[averages.k > 0].groupby("group", sort=False).agg(sizes=("k", "nunique"), space=("space", "first"))
    own = sizes[sizes.space == "patch"] if (sizes.space == "patch").any() else sizes
    return str(own.sizes.idxmax())


def _draw_curves(axis: Axes, level: pd.DataFrame, kind: str) -> None:
    """The network, and both reductions for each number of patches."""
    alone = level[level.method == ONE]
    axis.plot(alone.radius, alone.accuracy, color="black", lw=1.8, label="the network alone")
    sizes = sorted(level.k[level.k > 0].unique())
    for method, looks in LOOKS.items():
        for k, line in zip(sizes, style.LINES * len(sizes)):
            part = level[(level.method == method) & (level.k == k) & (level.kind == kind)]
            if len(part):
                axis.plot(part.radius, part.accuracy, ls=line, markevery=(5, 23), label=f"{method}, k = {k}", **looks)


def _draw_averages(figure: SubFigure, averages: pd.DataFrame, levels: list[float]) -> None:
    """ACR over all images against k: certified filled, as published open."""
    sizes = sorted(averages.k[averages.k > 0].unique())
    axes = figure.subplots(1, len(levels), squeeze=False)[0]
    for sigma, axis in zip(levels, axes):
        level = averages[averages.sigma == sigma]
        alone = level[level.method == ONE]
        axis.axhline(alone.acr_all.iloc[0], color="black", lw=1.4, label="the network alone")
        axis.axhspan(alone.acr_all_low.iloc[0], alone.acr_all_high.iloc[0], color="black", alpha=0.08, lw=0)
        for i, ((method, kind), part) in enumerate(level[level.k > 0].groupby(["method", "kind"], sort=False)):
            x = part.k + (i - 1.5) * 0.008 * (sizes[-1] - sizes[0])
            looks = LOOKS[method] | ({"ls": "-"} if kind == CERTIFIED else {"ls": ":", "lw": 1.1, "mfc": "white"})
            arms = style.whiskers(part.acr_all, part.acr_all_low, part.acr_all_high)
            axis.errorbar(x, part.acr_all, arms, elinewidth=0.9, label=f"{method}, {ROWS[kind]}", **looks)
        axis.set(title=f"ACR over all images, $\\sigma$ = {sigma:g}", xlabel="number of patches k", xticks=sizes)
        axis.set_ylim(bottom=0)
    axes[0].set_ylabel("ACR [units of the image]")
    entries = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(entries.values(), entries, loc="outside lower center", ncols=len(entries), fontsize=8)
