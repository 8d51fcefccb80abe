"""The picture of noises/samplers: points in the plane above; below, the radius: law, quantiles, and errors against d."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.noises._samplers_numbers import D_RADIUS, DRAWS, K_SHOWN, Z_95
from resmooth.theory.recipes import ORDERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(frames: Frames) -> Figure:
    """Points in the plane, by the recipe and to the letter; below, the radius: law, quantiles, and errors against d."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11, 11.2))
    above, below = figure.subfigures(2, 1, height_ratios=[2, 1], squeeze=False).flat
    _draw_planes(above.subplots(2, 3, sharex=True, sharey=True), frames["scatter"], frames["level_sets"])
    law, quantile, distance = below.subplots(1, 3)
    _draw_law(law, frames["histograms"])
    _draw_quantiles(quantile, frames["quantiles"])
    _draw_distances(distance, frames["sweep"])
    return figure


def _draw_planes(panels: np.ndarray, scatter: pd.DataFrame, level_sets: pd.DataFrame) -> None:
    for row, recipe in zip(panels, ("exact", "as printed")):
        for axis, (name, order) in zip(row, ORDERS.items()):
            part = scatter[(scatter.noise == name) & (scatter.recipe == recipe)]
            color = "C0" if recipe == "exact" else "C1"
            axis.plot(part.x1, part.x2, ".", color=color, ms=3, mew=0, alpha=0.6)
            angle = np.linspace(0, 2 * np.pi, 401)
            ring = np.stack([np.cos(angle), np.sin(angle)])
            ring /= np.linalg.norm(ring, order, axis=0)
            for r in level_sets.x1:
                axis.plot(*(r * ring), "-", color="0.25", lw=0.9)
            axis.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal")
            axis.grid(False)
    for axis, name in zip(panels[0], ORDERS):
        axis.set_title(f"{name}: the recipe")
    for axis, name, text in zip(panels[1], ORDERS, ("no random sign", "multiplied by z", "no factor r")):
        axis.set_title(f"{name} to the letter: {text}")
        axis.set_xlabel("$x_1$ (multiples of $\\lambda$)")
    for axis in panels[:, 0]:
        axis.set_ylabel("$x_2$")
    box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.85}
    for share, r in zip(level_sets.exact, level_sets.x1):
        panels[0, 0].text(0, r, f"{share:.0%}", ha="center", va="center", fontsize=8, bbox=box)


def _draw_law(axis: Axes, histograms: pd.DataFrame) -> None:
    """Bars: draws; lines: the density of the law. In units of the mean radius."""
    from scipy import stats

    for i, (k, part) in enumerate(histograms.groupby("k", sort=False)):
        law = stats.gengamma(D_RADIUS / k, k)
        mean, edges = law.mean(), np.append(part.x1, part.x2.iloc[-1])
        axis.stairs(part.measured * mean, edges / mean, fill=True, color=f"C{i}", alpha=0.25)
        t = np.linspace(0.01, 2.4, 400)
        axis.plot(t, law.pdf(t * mean) * mean, color=f"C{i}", lw=1.3, label=f"k = {k:g}")
    axis.set(
        title=f"Radius, d = {D_RADIUS}: law and {DRAWS:,} draws", xlabel="r / E[r]", ylabel="density", xlim=(0, 2.2)
    )
    axis.legend()


def _draw_quantiles(axis: Axes, quantiles: pd.DataFrame) -> None:
    for (text, part), color in zip(quantiles.groupby("recipe", sort=False), ("C0", "C1", "C4", "C2")):
        axis.plot(part.exact, part.measured, color=color, label=text)
    axis.plot([0, 2.5], [0, 2.5], color="0.3", lw=0.8, ls="--")
    axis.set(title=f"Quantiles of the radius, d = 2, k = {K_SHOWN}", xlim=(0, 2.5), ylim=(0, 4))
    axis.set(xlabel="law of r", ylabel="samples")
    axis.legend()


def _draw_distances(axis: Axes, sweep: pd.DataFrame) -> None:
    lines = zip(sweep.groupby("recipe", sort=False), ("C1", "C4", "C2"), ("-", "--", "-."))
    for (recipe, part), color, line in lines:
        axis.plot(part.d, part.ks, line, color=color, label=recipe)
    seen = Z_95 / np.sqrt(DRAWS)
    axis.axhline(seen, color="0.5", lw=1, ls=":")
    axis.text(1, seen * 0.9, f"seen by {DRAWS:,} draws (5 % level)", va="top", color="0.4", fontsize=8)
    axis.set(title=f"Error of the radius, k = {K_SHOWN}", xscale="log", yscale="log", xlabel="dimension d")
    axis.set(ylabel="KS distance from the law of r", ylim=(2e-3, 2))
    axis.legend(fontsize=8, loc="lower left")
