"""The picture of idrs/accuracy_tradeoff: for each source, ACR against clean accuracy, and certified accuracy over sigma."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs._accuracy_tradeoff_numbers import ACR, RADII

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(frames: Frames) -> Figure:
    """For each source, ACR against clean accuracy over sigma, and certified accuracy at several radii against sigma."""
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    values = frames["values"]
    sources, levels = list(values.source.unique()), sorted(values.sigma.unique())
    shape = (2, len(sources)) if len(sources) > 1 else (1, 2)
    figure, axes = plt.subplots(*shape, figsize=(4.4 * max(2, len(sources)), 4.2 * shape[0]), squeeze=False)
    axes = axes.reshape(2, -1)
    drawn = [r for r in RADII if values[values.radius == r].value.any()]
    shades = dict(zip(drawn, plt.get_cmap("viridis")(np.linspace(0, 0.9, len(drawn)))))
    for source, (path, by_sigma) in zip(sources, axes.T):
        part = values[values.source == source]
        _draw_path(path, part, levels)
        path.set(title=source.replace(": ", "\n"), xlabel="clean accuracy [%]", ylim=(0, None))
        _draw_radii(by_sigma, part, shades)
    axes[0, 0].set_ylabel("ACR over all images")
    axes[1, 0].set_ylabel("certified accuracy at r [%]")
    handles = [Line2D([], [], color=shade, marker="o", ms=4, label=f"{r:g}") for r, shade in shades.items()]
    axes[1, -1].legend(handles=handles, title="radius r", loc="upper left", bbox_to_anchor=(1, 1), alignment="left")
    return figure


def _draw_path(axis: Axes, part: pd.DataFrame, levels: list[float]) -> None:
    """ACR against clean accuracy, one point for each level."""
    accuracy, acr = part[part.radius == 0], part[part.metric == ACR]
    axis.plot(accuracy.value, acr.value, color="0.7", lw=1.2, zorder=1)
    for c, a in zip(accuracy.itertuples(), acr.itertuples()):
        bars: dict[str, Any] = {
            "xerr": [[c.value - c.low], [c.high - c.value]],
            "yerr": [[a.value - a.low], [a.high - a.value]],
        }
        axis.errorbar(c.value, a.value, **bars, fmt="o", ms=6, lw=1.2, color=f"C{levels.index(c.sigma) % 7}")
        label: dict[str, Any] = {"textcoords": "offset points", "color": f"C{levels.index(c.sigma) % 7}", "fontsize": 9}
        label["bbox"] = {"fc": "white", "ec": "none", "pad": 0.6}
        axis.annotate(f"$\\sigma$ = {c.sigma:g}", (c.value, a.value), (6, 6), **label)
    axis.margins(x=0.12)


def _draw_radii(axis: Axes, part: pd.DataFrame, shades: dict) -> None:
    """Certified accuracy against the level, one line for each radius."""
    x = np.arange(part.sigma.nunique())
    for i, (r, shade) in enumerate(shades.items()):
        line = part[part.radius == r]
        if line.value.any():
            offset = 0.05 * (i - (len(shades) - 1) / 2)
            arms = style.whiskers(line.value, line.low, line.high)
            axis.errorbar(x + offset, line.value, arms, fmt="o-", ms=4, lw=1.2, color=shade)
    axis.set_xticks(x, [f"{s:g}" for s in part.sigma.unique()])
    axis.set(xlabel="$\\sigma$", ylim=(-2, 102), xlim=(-0.4, len(x) - 0.6))
