"""The picture of idrs/waterfalls: a panel of curves for each source, and one with the heights of the drops."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(frames: Frames) -> Figure:
    """A panel of curves for each source, and one with the heights of the drops."""
    import matplotlib.pyplot as plt

    ceilings = frames["ceilings"]
    sources, levels = list(ceilings.source.unique()), sorted(ceilings.sigma.unique())
    looks = {s: {"color": f"C{i % 7}", "ls": style.LINES[i // 7 % 4]} for i, s in enumerate(levels)}
    rows = math.ceil((len(sources) + 1) / 2)
    figure, axes = plt.subplots(rows, 2, figsize=(11.5, 4.4 * rows))
    *panels, drop = axes.flat[: len(sources) + 1]
    for source, axis in zip(sources, panels):
        _draw_curves(axis, ceilings[ceilings.source == source], frames["curves"], looks)
        axis.set(title=source if source == sources[0] else f"{source}: logs of Cohen et al.", ylim=(0, 102))
    _draw_heights(drop, ceilings, sources, levels)
    for axis in axes.flat[len(sources) + 1 :]:
        axis.set_axis_off()
    return figure


def _draw_curves(axis: Axes, ceilings: pd.DataFrame, curves: pd.DataFrame, looks: dict) -> None:
    """The curves of one source, each to its ceiling."""
    for row in ceilings.itertuples():
        part, look = curves[(curves.source == row.source) & (curves.sigma == row.sigma)], looks[row.sigma]
        name = f"$\\sigma$ = {row.sigma:g}: {row.ceiling:.2f}"
        axis.plot([*part.radius, row.ceiling], [*part.value, 0], label=name, **look)
        axis.fill_between(part.radius, part.low, part.high, color=look["color"], alpha=0.13, lw=0)
        axis.axvline(row.ceiling, color=look["color"], ls=":", lw=1)
        if row.value > 0:
            axis.plot(row.ceiling, row.value, "o", ms=5, color=look["color"])
    axis.set_xlim(0, 1.04 * ceilings.ceiling.max())
    axis.set_xlabel("radius r [units of the [0, 1] image]")
    axis.set_ylabel("certified accuracy at r [%]")
    box = {"frameon": True, "edgecolor": "none", "framealpha": 1, "borderaxespad": 0}
    axis.legend(title="ceiling (dotted)", alignment="left", loc="upper right", bbox_to_anchor=(0.95, 1), **box)


def _draw_heights(axis: Axes, ceilings: pd.DataFrame, sources: list[str], levels: list[float]) -> None:
    """Images at the ceiling, against the level."""
    for i, source in enumerate(sources):
        part = ceilings[ceilings.source == source]
        x = np.array([levels.index(s) for s in part.sigma]) + 0.16 * (i - (len(sources) - 1) / 2)
        look: dict[str, Any] = {
            "fmt": "os^"[i % 3],
            "ms": 5.5,
            "lw": 1.3,
            "capsize": 2,
            "color": ("0.1", "0.45", "0.65")[i % 3],
        }
        axis.errorbar(x, part.value, style.whiskers(part.value, part.low, part.high), label=source, **look)
    axis.set_xticks(range(len(levels)), [f"{s:g}" for s in levels])
    axis.set(title="Height of the drop at the ceiling", xlabel="$\\sigma$", ylabel="images at the ceiling [% of all]")
    axis.set(xlim=(-0.5, len(levels) - 0.5), ylim=(-2, max(10, 1.25 * ceilings.high.max())))
    axis.legend(loc="upper right")
