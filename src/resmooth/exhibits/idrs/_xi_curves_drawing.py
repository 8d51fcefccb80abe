"""The picture of idrs/xi_curves: above, the curves and their difference; below, the crossings from near, and the excess."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs._xi_curves_numbers import BRANCHES, COHEN, P_A, RATE, SIGMA0, wide

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHED = (0, (4, 2))


def draw(frames: Frames) -> Figure:
    """Above, the curves and their difference; below, the crossings from near, and the excess over r sigma_0."""
    import matplotlib.pyplot as plt

    curves, crossings = frames["curves"], frames["crossings"]
    colors = {dim: f"C{i}" for i, dim in enumerate(crossings.N)}
    figure = plt.figure(figsize=(12.5, 8.2))
    above, below = figure.subfigures(2, 1, height_ratios=(1.35, 1), squeeze=False).flat
    whole, apart = above.subplots(1, 2, width_ratios=(1.35, 1))
    _draw_whole(whole, curves, crossings, colors)
    _draw_apart(apart, curves, crossings, colors)
    *axes, general = below.subplots(1, len(crossings) + 1, width_ratios=[1] * len(crossings) + [1.5])
    for (_, row), axis in zip(crossings.iterrows(), axes):
        _draw_zoom(axis, frames["zooms"][frames["zooms"].N == row.N], row, colors[row.N])
    axes[0].set_ylabel(r"$\xi(R)$ near the crossings")
    _draw_excess(general, frames["excess"], colors)
    return figure


def _draw_whole(axis: Axes, curves: pd.DataFrame, crossings: pd.DataFrame, colors: dict) -> None:
    from matplotlib.lines import Line2D

    lines = dict(zip(BRANCHES, ("-", DASHED)))
    for row in crossings.itertuples():
        for branch, line in lines.items():
            part = curves[(curves.N == row.N) & (curves.branch == branch)]
            axis.plot(part.R, part.xi, ls=line, color=colors[row.N])
        axis.plot(row.CR, 0.5, "o", color=colors[row.N], ms=6, zorder=3, label=f"N = {row.N:,}: CR = {row.CR:.4f}")
    flat = curves[curves.branch == "r = 0"]
    axis.plot(flat.R, flat.xi, color="0.35", lw=1.2)
    axis.plot(COHEN, 0.5, "o", color="0.35", ms=6, zorder=3, label=f"r = 0, any N: {COHEN:.4f} (Cohen)")
    axis.axhline(0.5, color="0.4", lw=1, ls=":")
    names = {"xi_>": r"$\xi_>$ ($\sigma_1 < \sigma_0$)", "xi_<": r"$\xi_<$ ($\sigma_1 > \sigma_0$)"}
    handles = [Line2D([], [], color="0.2", ls=line, label=names[branch]) for branch, line in lines.items()]
    axis.legend(handles=axis.get_legend_handles_labels()[0] + handles, loc="upper left", bbox_to_anchor=(0.4, 0.95))
    axis.set(xlabel="R", ylabel=r"$\xi(R)$", xlim=(0, curves.R.max()), ylim=(0, 1.03))
    axis.set_title(rf"$\sigma_0$ = {SIGMA0:g}, r = {RATE:g}, $p_A$ = {P_A:g}")


def _draw_apart(axis: Axes, curves: pd.DataFrame, crossings: pd.DataFrame, colors: dict) -> None:
    for row in crossings.itertuples():
        lines = wide(curves).loc[row.N]
        apart = lines["xi_<"] - lines["xi_>"]
        axis.plot(lines.index, apart, color=colors[row.N], label=f"N = {row.N:,}")
        axis.plot(row.CR, np.interp(row.CR, lines.index, apart), "o", color=colors[row.N], ms=6)
    axis.axhline(0, color="0.4", lw=1, ls=":")
    axis.set(title=r"$\xi_<(R) - \xi_>(R)$, and where $\xi_<$ reaches 1/2", xlabel="R", xlim=(0, curves.R.max()))
    axis.legend(loc="lower left")


def _draw_zoom(axis: Axes, near: pd.DataFrame, row: pd.Series, color: str) -> None:
    """Both branches of one N near 1/2; shaded: what xi_> alone certifies too much."""
    low, high = row["CR_<"], row["CR_>"]
    for (_, part), line in zip(near.groupby("branch", sort=False), ("-", DASHED)):
        axis.plot(part.R, part.xi, ls=line, color=color)
    axis.axhline(0.5, color="0.4", lw=1, ls=":")
    axis.axvspan(low, high, color="0.9", lw=0)
    axis.plot([low, high], [0.5, 0.5], "o", color=color, ms=5)
    axis.set(title=f"N = {row.N:,.0f}: {high / low - 1:.2%} too far", xlabel="R", xlim=(near.R.min(), near.R.max()))
    axis.set_xticks([low, high], [f"{low:.4f}", f"{high:.4f}"])


def _draw_excess(axis: Axes, excess: pd.DataFrame, colors: dict) -> None:
    further = [dim for dim in excess.N.unique() if dim not in colors]
    colors = {dim: f"C{3 + i % 4}" for i, dim in enumerate(further)} | colors
    for dim, part in excess[excess.p_a == P_A].groupby("N"):
        axis.plot(part["r sigma0"], part.excess, color=colors[dim], label=f"N = {dim:,}")
    axis.set(xscale="log", yscale="log", xlabel=r"$r\,\sigma_0$", ylabel="relative excess", ylim=(1e-6, 4))
    axis.set_title(rf"What $\xi_>$ alone certifies too much, $p_A$ = {P_A:g}")
    axis.legend(loc="upper left", fontsize=8)
