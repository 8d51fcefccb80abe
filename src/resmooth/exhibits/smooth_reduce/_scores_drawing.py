"""The picture of smooth_reduce/fig11 and fig12: histograms of scores of a few images or clips, and the margins of all."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.smooth_reduce._scores_numbers import BINS, histogram, level, over_parts, shown
from resmooth.exhibits.smooth_reduce._scores_words import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def draw(frames: Frames, words: Words) -> Figure:
    """Above, histograms: the network alone, then parts with noise in each place; below, the margins of all images or clips."""
    import matplotlib.pyplot as plt

    frame, found = frames["copies"], frames["statistics"]
    images = shown(frames, words.shown)
    parts = [frame[(frame.sigma == level(frame)) & (frame.idx == idx)] for idx in images]
    rows, columns = (max(number) for number in zip(*(_shape(part, words) for part in parts)))
    heights = [2.6 * rows + 0.5] * len(parts) + [3.9]
    figure = plt.figure(figsize=(max(2.9 * columns, 11), sum(heights)))
    *upper, lower = cast("list[SubFigure]", figure.subfigures(len(heights), 1, height_ratios=heights))
    for part, own in zip(upper, parts):
        _draw_one(part, own, frames, words)
    left, right = lower.subplots(1, 2)
    _draw_all(left, found, "margin", "mean margin", words)
    _draw_all(right, found, "sd", "standard deviation of the margin", words)
    right.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)
    return figure


def _cells(part: pd.DataFrame, words: Words) -> tuple[list[str], list[str]]:
    """The reductions and the places of the noise of one image or clip."""
    return sorted(set(part.method[part.k > 0])), [space for space, _ in over_parts(part, words)]


def _shape(part: pd.DataFrame, words: Words) -> tuple[int, int]:
    """Rows and columns of its histograms: a row for each reduction, or all in one row."""
    methods, spaces = map(len, _cells(part, words))
    return (1, 1 + methods * spaces) if words.shown > 1 else (max(methods, 1), 1 + spaces)


def _draw_one(figure: SubFigure, part: pd.DataFrame, frames: Frames, words: Words) -> None:
    """All histograms of one image or clip."""
    methods, spaces = _cells(part, words)
    panels = figure.subplots(*_shape(part, words), squeeze=False, sharex=True)
    _draw_scores(panels[0][0], part[part.k == 0], "the network alone")
    for axis, (method, space) in zip(panels[:, 1:].flat, product(methods, spaces)):
        own = part[(part.space == space) & (part.method == method)]
        title = f"{method}, {words.of.format(own.k.min())},\n{words.on(space)}"
        _draw_scores(axis, own[own.k == own.k.min()], title)
    for axis in panels[1:, 0]:
        axis.set_axis_off()
    for axis in [panels[0][0], *panels[-1][1:]]:
        axis.set_xlabel("score")
        axis.tick_params(labelbottom=True)
    for axis in [panels[0][0], *([] if words.shown > 1 else panels[:, 1:2].flat)]:
        axis.set_ylabel("noisy copies [%]")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper right", ncols=2, fontsize=9)
    first = part.iloc[0]
    most = " (the network's margin varies most)" if first.idx == shown(frames, 1)[0] else ""
    title = f"{words.whole.capitalize()} {first.idx}{most}, label {first.label}, sigma = {first.sigma:g}"
    figure.suptitle(f"{title}: scores over {len(part[part.k == 0]):,} noisy copies", x=0.01, ha="left", fontsize=10)


def _draw_scores(axis: Axes, part: pd.DataFrame, title: str) -> None:
    """Both histograms of a classifier."""
    bars, first = histogram(part), part.iloc[0]
    look: dict[str, Any] = {"width": np.diff(BINS), "align": "edge"}
    axis.bar(bars["from"], bars.top, color="C0", label="top class", **look)
    axis.bar(bars["from"], bars.runner_up, fc="none", ec="C1", hatch="////", lw=0.5, label="runner-up", **look)
    classes = f"{first.top_class} ({100 * first.votes:.0f} % of votes), {first.second_class} ({100 * first.second_votes:.0f} %)"
    axis.set_title(f"{title}:\n{classes}", fontsize=9)
    axis.set(xlim=(0, 1))


def _draw_all(axis: Axes, found: pd.DataFrame, column: str, label: str, words: Words) -> None:
    """One number of every image or clip and level: the network alone, and the smallest k in each noise space."""
    keys = list(found[found.k == 0].sort_values(["sigma", "idx"])[["sigma", "idx"]].itertuples(index=False, name=None))
    black: dict[str, Any] = {"color": "black", "marker": "D"}
    lines: list[tuple[str, pd.DataFrame, dict[str, Any]]] = [("the network alone", found[found.k == 0], black)]
    for number, (space, part) in enumerate(over_parts(found, words)):
        for method, own in part[part.k == part.k.min()].groupby("method", sort=True):
            colour = f"C{(0, 1, 2)[number]}"
            marks = {"color": colour, "marker": "os^"[number], "mfc": "white" if method == "Smooth-Max" else colour}
            lines.append((f"{method}, {words.short.format(own.k.min())}, {words.on(space)}", own, marks))
    for number, (name, part, look) in enumerate(lines):
        own = part.set_index(["sigma", "idx"]).reindex(keys)
        x = np.arange(len(keys)) + 0.8 * ((number + 0.5) / len(lines) - 0.5)
        arms = style.whiskers(own[column], own[f"{column}_low"], own[f"{column}_high"])
        axis.errorbar(x, own[column], arms, ls="", ms=4.5, lw=1, label=name, **look)
    axis.axhline(0, color="0.4", lw=1)
    axis.set_xticks(range(len(keys)), [f"{idx}\n{sigma:g}" for sigma, idx in keys], fontsize=8)
    axis.set(xlabel=f"{words.whole}, and sigma below it", ylabel=label)
    axis.set_title(f"{label[0].upper()}{label[1:]}, 95 % over the copies", fontsize=10)
