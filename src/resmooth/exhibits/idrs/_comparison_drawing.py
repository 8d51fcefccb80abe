"""The picture of idrs/comparison: certified accuracy at each base level; below, ACR less that of RS, and the spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs._comparison_numbers import CLAIMED, NAMES, OURS, THEIRS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

COLORS = dict(zip(NAMES, ("0.45", "C0", "C4", "C1")))
LINES = dict(zip(NAMES, ("-", "-", "--", "-")))


def draw(frames: Frames) -> Figure:
    """Above, certified accuracy against the radius; below, ACR less that of RS, and the class-wise spread."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11.5, 7.2))
    above, below = figure.subfigures(2, 1, height_ratios=(4, 3.2), squeeze=False).flat
    _draw_curves(above, frames["curves"])
    gain, uneven = below.subplots(1, 2)
    _draw_gains(gain, frames["differences"])
    _draw_spread(uneven, frames["summary"])
    levels = frames["summary"].sigma_b.unique()
    for axis in (gain, uneven):
        axis.set_xticks(range(len(levels)), [f"{base:g}" for base in levels])
        axis.set(xlabel="$\\sigma_b$", xlim=(-0.5, len(levels) - 0.5))
    return figure


def _draw_curves(figure: SubFigure, curves: pd.DataFrame) -> None:
    """A panel for each base level."""
    levels = curves.sigma_b.unique()
    panels = np.atleast_1d(figure.subplots(1, len(levels), sharey=True))
    for base, axis in zip(levels, panels):
        part = {name: line for name, line in curves[curves.sigma_b == base].groupby("method")}
        axis.plot(part[CLAIMED].radius, part[CLAIMED].claimed, color="0.7", ls=":", lw=1.6, label=CLAIMED)
        for role, name in NAMES.items():
            axis.plot(part[name].radius, part[name].value, color=COLORS[role], ls=LINES[role], label=name)
        end = part[CLAIMED].radius.max()
        axis.set(title=f"$\\sigma_b$ = {base:g}", xlabel="$l_2$ radius", ylim=(0, 102), xlim=(0, end))
    panels[0].set_ylabel("certified accuracy [%]")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9)


def _draw_gains(axis: Axes, differences: pd.DataFrame) -> None:
    """ACR of either network under sigma(x), less that of RS at either level."""
    acr = differences[differences.metric == "ACR"].set_index(["sigma_b", "method", "against"])
    bars: dict[str, Any] = {}
    for i, base in enumerate(differences.sigma_b.unique()):
        for j, (role, against) in enumerate((r, a) for r in OURS for a in THEIRS):
            row, open_ = acr.loc[(base, NAMES[role], NAMES[against])], against == "constant"
            look: dict[str, Any] = {"color": COLORS[role], "fmt": "s" if open_ else "o", "ms": 4.5, "lw": 1.4}
            look |= {"mfc": "white" if open_ else COLORS[role]}
            arms = np.reshape(style.whiskers(row["value"], row.low, row.high), (2, 1))
            bar = axis.errorbar(i + (j - 1.5) / 6, row["value"], arms, **look)
            label = f"{NAMES[role].replace(', network', ' (network')}) less {NAMES[against].replace(',', ' at')}"
            bars.setdefault(label, bar)
    axis.axhline(0, color="0.3", lw=1)
    axis.set(title="ACR: IDRS less RS, 95 % intervals", ylabel="difference")
    axis.legend(bars.values(), bars, fontsize=8, loc="best")


def _draw_spread(axis: Axes, summary: pd.DataFrame) -> None:
    """Class-wise spread of each method, and what chance makes of it."""
    for i, (_, part) in enumerate(summary.groupby("sigma_b", sort=False)):
        part = part.set_index("method")
        for j, (role, name) in enumerate(NAMES.items()):
            x, chance = i + (j - 1.5) / 6, part["by chance"][name]
            axis.bar(x, part.spread[name], 0.14, color=COLORS[role])
            mark = axis.plot(x + np.array([-0.07, 0.07]), [chance, chance], color="k", lw=1.4)[0]
    axis.set(title="Class-wise accuracy: standard deviation over the classes", ylabel="fraction")
    axis.legend([mark], ["by chance alone"], fontsize=8, loc="upper left")
