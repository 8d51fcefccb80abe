"""The picture of smooth_reduce/fig2: certified accuracy against the radius, a column for each noise level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce._looks import look
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, MAX, MEAN, PLACES, PUBLISHED, noise_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

NETWORK: dict[str, Any] = {"color": "black", "ls": "-", "lw": 1.8}
OTHERS: tuple[dict[str, Any], ...] = (  # of single networks by other methods, in turn
    {"color": "C3", "ls": "--"},
    {"color": "C5", "ls": (0, (1, 1))},
    {"color": "C4", "ls": (0, (3, 1, 1, 1, 1, 1))},
)
ENSEMBLE: dict[str, Any] = {"color": "0.5", "ls": "-", "lw": 2.6}


def draw(frames: Frames) -> Figure:
    """A column for each level; rows: Smooth-Max, Smooth-Mean, and other methods."""
    import matplotlib.pyplot as plt

    curves = frames["curves"]
    rows = (
        [MAX, MEAN, "other methods"]
        if (~curves.own | ((curves.k == 0) & (curves.method != methods.ONE))).any()
        else [MAX, MEAN]
    )
    figure = plt.figure(figsize=(12, 0.4 + 3.4 * len(rows)))
    for row, part in zip(rows, cast("list[SubFigure]", figure.subfigures(len(rows), 1, squeeze=False).flat)):
        _draw_row(part, row, curves)
    return figure


def _draw_row(figure: SubFigure, row: str, curves: pd.DataFrame) -> None:
    levels = sorted(curves.sigma.unique())
    axes = figure.subplots(1, len(levels), squeeze=False)[0]
    for axis, sigma in zip(axes, levels):
        level = curves[curves.sigma == sigma]
        _draw_lines(
            axis, level[level.own & (level.k == 0) & (level.method == methods.ONE)], NETWORK, "the network alone"
        )
        if row in (MAX, MEAN):
            _draw_reduced(axis, level[level.own & (level.method == row)])
        else:
            _draw_others(axis, level)
        last = max((space for space in PLACES if space in set(level.space[level.k > 0])), key=list(PLACES).index)
        words = row if row in (MAX, MEAN) else f"Other methods; {noise_on(last)}"
        axis.set_title(f"{words}, $\\sigma$ = {sigma:g}")
        end = level.radius[level.accuracy > 0].max()
        axis.set(xlim=(0, 1.02 * end if end > 0 else sigma), ylim=(0, 101), xlabel="$l_2$ radius")
    axes[0].set_ylabel("certified accuracy [%]")
    entries = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(entries.values(), entries, loc="outside lower center", ncols=3, fontsize=8)


def _draw_lines(axis: Axes, part: pd.DataFrame, looks: dict[str, Any], label: str, band: bool = True) -> None:
    """One classifier; `band`: with its 95 % intervals, point by point."""
    if len(part):
        looks = {key: value for key, value in looks.items() if key not in ("marker", "mfc")}
        axis.plot(part.radius, part.accuracy, label=label, **looks)
        if band:
            axis.fill_between(part.radius, part.low, part.high, color=looks["color"], alpha=0.09, lw=0)


def _draw_reduced(axis: Axes, part: pd.DataFrame) -> None:
    """Smooth-Max or Smooth-Mean in each noise space, certified and as published."""
    for (space, k, kind), line in part.groupby(["space", "k", "kind"], sort=False):
        words = "certified" if kind == CERTIFIED else "R as published"
        label = f"{noise_on(space)}, {k} patches, {words}"
        _draw_lines(axis, line, look(space, kind), label, band=kind == CERTIFIED)


def _draw_others(axis: Axes, level: pd.DataFrame) -> None:
    """Single networks by other methods, an ensemble, and Smooth-Mean with noise on each patch, or else in the last space."""
    last = [space for space in PLACES if space in set(level.space[level.k > 0])][-1:]
    trained = level[(level.k == 0) & (level.method == methods.ONE) & ~level.own]
    for (name, line), looks in zip(trained.groupby("trained", sort=False), OTHERS):
        _draw_lines(axis, line, looks, name, band=False)
    for (name, method), line in level[(level.k == 0) & (level.method != methods.ONE)].groupby(
        ["base", "method"], sort=False
    ):
        _draw_lines(axis, line, ENSEMBLE, f"{method} ({name})", band=False)
    reduced = level[(level.method == MEAN) & level.space.isin(last)]
    for (own, name, space, kind), line in reduced.groupby(["own", "trained", "space", "kind"], sort=False):
        looks = look(space, kind) | ({} if own else {"color": OTHERS[0]["color"]})
        words = "certified" if kind != PUBLISHED else "R as published"
        _draw_lines(axis, line, looks, f"Smooth-Mean of {'the network' if own else name}, {words}", band=False)
