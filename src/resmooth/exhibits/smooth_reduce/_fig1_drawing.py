"""The picture of smooth_reduce/fig1: ACR against sigma and the ratios as forests, printed above and of the run below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.smooth_reduce._fig1_numbers import ALL, CORRECT, DIVIDED, PRINTED
from resmooth.exhibits.smooth_reduce._looks import ONE, look
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, PLACES, PUBLISHED
from resmooth.exhibits.smooth_reduce._methods import ONE as NETWORK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

LABEL = "ACR [units of the [0, 1] image]"
MEAN_LOOKS: dict[str, dict[str, Any]] = {  # definition -> line of Smooth-Mean in the printed panels
    PRINTED: {"color": "C3", "ls": ":", "marker": "^", "mfc": "white", "lw": 1.3},
    ALL: {"color": "C3", "ls": "-", "marker": "^"},
    DIVIDED: {"color": "C1", "ls": "-.", "marker": "^"},
}
ONE_LOOKS: dict[str, dict[str, Any]] = {
    PRINTED: ONE | {"color": "0.45", "ls": ":", "mfc": "white", "lw": 1.3},
    ALL: ONE,
}


def draw(frames: Frames) -> Figure:
    """Above, the printed ACRs and ratios; below, those of the run."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(13, 10))
    above, below = cast("list[SubFigure]", figure.subfigures(2, 1, height_ratios=(1, 1.15)))
    _draw_printed(above, frames["printed"])
    _draw_run(below, frames["acr"], frames["ratios"])
    return figure


def _draw_printed(figure: SubFigure, printed: pd.DataFrame) -> None:
    pairs = printed.pair.unique()
    *axes, forest = figure.subplots(1, len(pairs) + 1, width_ratios=[1] * len(pairs) + [1.1])
    for axis, pair in zip(axes, pairs):
        for definition, part in printed[printed.pair == pair].groupby("definition", sort=False):
            if definition in ONE_LOOKS:
                axis.plot(part.sigma, part.one, label=f"{pair}, {definition}", ms=5, **ONE_LOOKS[definition])
            if definition in MEAN_LOOKS:
                axis.plot(part.sigma, part.reduced, label=f"Smooth-Mean, {definition}", ms=6, **MEAN_LOOKS[definition])
        axis.set(xlabel=r"$\sigma$", xticks=sorted(printed.sigma.unique()), xlim=(0.2, 1.05), ylim=(0, 2.9))
        axis.set_title(f"Paper: {pair}, and Smooth-Mean over it")
        axis.legend(loc="upper left", fontsize=8)
    axes[0].set_ylabel(LABEL)
    groups = {
        f"{pair}: {definition}": (
            part.assign(low=part["value"], high=part["value"]),
            MEAN_LOOKS.get(definition, {"color": "C4"}),
        )
        for (pair, definition), part in printed.groupby(["pair", "definition"], sort=False)
    }
    _draw_forest(forest, groups, "Paper: ACR of Smooth-Mean / ACR of its network")


def _draw_run(figure: SubFigure, acr: pd.DataFrame, ratios: pd.DataFrame) -> None:
    bases = list(acr.base.unique())
    *axes, forest = figure.subplots(1, len(bases) + 1, width_ratios=[1] * len(bases) + [1.15])
    top = 1.08 * acr.acr_all_high.max()
    for axis, base in zip(axes, bases):
        _draw_acr(axis, acr[acr.base == base])
        axis.set(title=f"Run: {base}", ylim=(0, top or 1))
    axes[0].set_ylabel(LABEL + ", over all")
    entries = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(entries.values(), entries, loc="outside lower left", ncols=4, fontsize=8)
    groups = {}
    ratios = ratios.sort_values("base", kind="stable", key=lambda names: names.map(bases.index))
    for (base, space, k, kind), part in ratios.groupby(["base", "space", "k", "kind"], sort=False):
        short = f"{base}: " if len(bases) > 1 else ""
        name = f"{short}{PLACES[space]}, {k}{', R' if kind == PUBLISHED else ''}"
        groups[name] = part, look(space, kind)
    _draw_forest(forest, groups, "Run: ratio (R: as published)")


def _draw_acr(axis: Axes, part: pd.DataFrame) -> None:
    """One network: its own ACR, and that of Smooth-Mean for each noise space, number of patches and kind."""
    for (method, space, k, kind), line in part.groupby(["method", "space", "k", "kind"], sort=False):
        line = line.sort_values("sigma")
        if method == NETWORK:
            looks, label = ONE, NETWORK
        else:
            looks = look(space, kind, largest=k > part.k[part.space == space].min())
            label = f"{PLACES[space]}, {k} patches, {kind if kind == CERTIFIED else 'R as published'}"
        arms = style.whiskers(line.acr_all, line.acr_all_low, line.acr_all_high)
        axis.errorbar(line.sigma, line.acr_all, arms, label=label, ms=5, elinewidth=0.8, **looks)
    levels = sorted(part.sigma.unique())
    margin = 0.12 * (levels[-1] - levels[0]) or 0.05
    axis.set(xlabel=r"$\sigma$", xticks=levels, xlim=(levels[0] - margin, levels[-1] + margin))


def _draw_forest(axis: Axes, groups: dict[str, tuple[pd.DataFrame, dict[str, Any]]], title: str) -> None:
    """A row for each group: its ratios at all levels (markers), over all images filled, over the correct ones open.

    Ratios of printed numbers are grey inside, as they may mix both. Numbers beside ratios that have no interval.
    """
    from matplotlib.lines import Line2D

    levels = sorted({sigma for part, _ in groups.values() for sigma in part.sigma})
    markers = dict(zip(levels, "os^Dv<>" * len(levels)))
    for row, (part, looks) in enumerate(groups.values()):
        fills = {CORRECT: "white", PRINTED: "0.85"}
        step = 0.8 / part.groupby(["sigma", "definition"]).ngroups
        places = part.sort_values(["sigma", "definition"]).reset_index(drop=True)
        for each in places.itertuples():
            y = row - 0.4 + step * (each.Index + 0.5)
            fill = fills.get(each.definition, looks["color"])
            arms = np.reshape(style.whiskers(each.value, each.low, each.high), (2, 1))
            mark: dict[str, Any] = {"fmt": markers[each.sigma], "color": looks["color"], "mfc": fill, "ms": 5, "lw": 1}
            axis.errorbar([each.value], [y], xerr=arms, **mark)
            if each.low == each.high:
                axis.annotate(f"{each.value:.2f}", (each.value, y), (6, -3), textcoords="offset points", fontsize=7)
    axis.axvline(1, color="0.35", lw=1)
    axis.set_yticks(range(len(groups)), list(groups), fontsize=8)
    axis.set(ylim=(len(groups) - 0.5, -0.5), xlabel="all images filled, correct open")
    axis.set_title(title)
    handles = [
        Line2D([], [], color="0.3", marker=mark, ls="none", label=rf"$\sigma$ = {s:g}") for s, mark in markers.items()
    ]
    axis.legend(handles=handles, fontsize=8, loc="best")
