"""The picture of idrs/dimensionality: above, thresholds and xi against the ratio; below, windows, the price, the largest r."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs._dimensionality_numbers import COHEN, DISTANCE, EVERYWHERE, P_A, RATE, SIGMA0, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(frames: Frames) -> Figure:
    """Above, thresholds falling and rising, and xi against the ratio; below, windows, the price, and the largest r."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(14, 8.4))
    (fall, rise, at_distance), (window, price, allowance) = axes
    _draw_thresholds(fall, rise, frames["thresholds"])
    _draw_price(price, frames["fixed"])
    _draw_allowance(allowance, frames["allowed"])
    for axis in (fall, rise, price, allowance):
        _mark_dimensions(axis, frames["certified"], named=axis is not price)
    _draw_xi(at_distance, frames["curves"])
    _draw_windows(window, frames["windows"], frames["certified"])
    return figure


def _mark_dimensions(axis: Axes, known: pd.DataFrame, named: bool) -> None:
    """A line at each data set's dimension."""
    axis.set_xlim(EVERYWHERE[0], EVERYWHERE[-1])
    where: dict[str, Any] = {
        "rotation": 90,
        "fontsize": 8,
        "ha": "right",
        "va": "top",
        "transform": axis.get_xaxis_transform(),
    }
    for row in known.itertuples():
        axis.axvline(row.N, color="0.75", lw=0.8, zorder=0)
        if named:
            axis.text(row.N, 0.98, f"{row.data} ", **where)


def _draw_thresholds(fall: Axes, rise: Axes, thresholds: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    for axis, side, sign in ((fall, "lower", -1), (rise, "upper", +1)):
        for i, (p, part) in enumerate(thresholds.groupby("p_b", sort=False)):
            axis.plot(part.N, sign * (part[f"exact_{side}"] - 1), color=f"C{i}", label=f"$p_B$ = {plain(p)}")
            axis.plot(part.N, sign * (part[f"thm_{side}"] - 1), "--", color=f"C{i}", lw=1.2)
        axis.set(xscale="log", yscale="log", xlabel="N")
    kinds = [
        Line2D([], [], color="0.2", label="exact"),
        Line2D([], [], color="0.2", ls="--", lw=1.2, label="Theorem 2.4"),
    ]
    fall.legend(handles=fall.get_legend_handles_labels()[0] + kinds, loc="lower left", fontsize=9)
    fall.set(title=r"How far $\sigma_1$ may fall, at R = 0", ylabel=r"$1 - \sigma_1/\sigma_0$")
    rise.set(title=r"How far $\sigma_1$ may rise, at R = 0", ylabel=r"$\sigma_1/\sigma_0 - 1$")


def _draw_xi(axis: Axes, curves: pd.DataFrame) -> None:
    for i, (dim, part) in enumerate(curves.groupby("N", sort=False)):
        axis.plot(part.ratio, part.xi, color=f"C{i}", label=f"{dim:,}")
    axis.axhline(0.5, color="0.4", lw=1, ls=":")
    axis.axvline(1, color="0.4", lw=1, ls=":")
    axis.set(title=rf"$\xi$ at R = {DISTANCE:g} ($\sigma_0$ = {SIGMA0:g}, $p_A$ = {P_A:g})", ylim=(0, 1.02))
    axis.set(xlabel=r"$\sigma_1/\sigma_0$", ylabel=r"$\xi$", xlim=(curves.ratio.min(), curves.ratio.max()))
    axis.legend(loc="lower left", fontsize=9, title="N", alignment="left")


def _draw_windows(axis: Axes, windows: pd.DataFrame, known: pd.DataFrame) -> None:
    """The certifiable ratios against R, the wedge of a semi-elastic sigma, and where it leaves each window."""
    for i, row in enumerate(known.itertuples()):
        part = windows[windows.N == row.N]
        edge = np.concatenate([part.window_lower, [1], part.window_upper[::-1]])
        radii = np.concatenate([part.R, [COHEN], part.R[::-1]])
        axis.fill(radii, edge, color=f"C{i}", alpha=0.3, lw=0)
        axis.plot(radii, edge, color=f"C{i}")
        label = f"N = {row.N:,}: CR = {row.CR:.4f}"
        axis.plot(row.CR, np.exp(RATE * row.CR), "o", color=f"C{i}", ms=6, zorder=3, label=label)
    wedge = np.linspace(0, COHEN, 50)
    for sign in (-1, +1):
        label = rf"$e^{{\pm rR}}$, r = {RATE:g}" * (sign > 0)
        axis.plot(wedge, np.exp(sign * RATE * wedge), color="black", lw=1, label=label)
    axis.set(title=r"The ratios that can be certified ($\xi < 1/2$)", xlabel="R", ylabel=r"$\sigma_1/\sigma_0$")
    axis.set_xlim(0, 1.02 * COHEN)
    axis.set_ylim(0.91, None)
    axis.legend(loc="lower left", fontsize=8, ncols=2, handlelength=1, columnspacing=1, handletextpad=0.5)


def _draw_price(axis: Axes, fixed: pd.DataFrame) -> None:
    for i, (rate, part) in enumerate(fixed.groupby("rate", sort=False)):
        axis.plot(part.N, part.share, color=f"C{i}", label=f"r = {rate:g}")
        axis.plot(part.N, part.approximation, color="0.3", lw=0.9, ls=":", zorder=3)
    axis.plot([], [], color="0.3", lw=0.9, ls=":", label=r"$1/\sqrt{1 + 2 N r^2 \sigma_0^2}$")
    axis.set(
        title="Certified radius, in shares of Cohen's", xscale="log", xlabel="N", ylabel="CR / Cohen", ylim=(0, 1.03)
    )
    axis.legend(loc="lower left", fontsize=9)


def _draw_allowance(axis: Axes, allowed: pd.DataFrame) -> None:
    for i, (share, part) in enumerate(allowed.groupby("share", sort=False)):
        axis.plot(part.N, part.rate, color=f"C{i}", label=f"CR = {share:g} Cohen")
    axis.set(title="The largest r that keeps so much", xscale="log", yscale="log", xlabel="N", ylabel="r")
    axis.axhline(RATE, color="black", lw=1, ls=":")
    axis.text(3, RATE, f"r = {RATE:g}", fontsize=8, va="bottom")
    axis.legend(loc="lower left", fontsize=9)
