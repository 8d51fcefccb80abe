"""The figure of smooth_reduce/fig4_calibrated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.smooth_reduce._calibrated_numbers import ACR
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, PUBLISHED, noise_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALONE: dict[str, Any] = {"color": "black", "lw": 2.2}


def figure(curves: pd.DataFrame, differences: pd.DataFrame, averages: pd.DataFrame) -> Figure:
    """Columns: levels. Rows: certified accuracies, those as published, differences in ACR."""
    import matplotlib.pyplot as plt

    sigmas, cuts = sorted(curves.sigma.unique()), list(dict.fromkeys(zip(differences.space, differences.k)))
    looks = style.looks(cuts, 6)
    height = 6 + 0.5 * len(cuts)
    made, panels = plt.subplots(
        3,
        len(sigmas),
        figsize=(max(5.2 * len(sigmas), 9), height),
        height_ratios=(1, 1, 0.16 * len(cuts) + 0.35),
        squeeze=False,
    )
    rows = list(dict.fromkeys(zip(differences.space, differences.k, differences.method)))
    honest, loose = curves.alpha.min(), curves.alpha.max()
    n = averages[averages.k == 0].n.max()
    for sigma, axes in zip(sigmas, panels.T):
        level = curves[curves.sigma == sigma]
        right = level[(level.kind == CERTIFIED) & (level.alpha == honest)]
        for axis, part in zip(axes, (right, _published(level, loose))):
            _draw_curves(axis, part, looks, level.radius.max())
        axes[0].set_title(rf"$\sigma$ = {sigma:g}: certified, R / L, $\alpha$ = {honest:g} for all")
        axes[1].set_title(rf"as published: R, patches at $\alpha$ = {loose:g}")
        axes[1].set_xlabel("radius [units of the [0, 1] image]")
        _draw_differences(axes[2], differences[differences.sigma == sigma], rows, (honest, loose))
    for axis in panels[:2, 0]:
        axis.set_ylabel("certified accuracy [%]")
    for axis in panels[2, 1:]:
        axis.set_yticklabels([])
    shown: dict = {}
    for axis in (*panels[0], panels[2][0]):
        shown |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels()) if label not in shown}
    made.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=3, fontsize=9)
    title = f"n = {n:,} evaluations each, of the network or of k patches by n / k (curves: filled Smooth-Mean, open Smooth-Max)"
    made.suptitle(title, x=0.01, ha="left", fontsize=10)
    return made


def _published(level: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """The curves as the paper would show them: R, which is the certified radius where L = 1."""
    own = level[level.alpha == alpha]
    return own[(own.kind == PUBLISHED) | ~own.space.isin(own.space[own.kind == PUBLISHED])]


def _draw_curves(axis: Axes, part: pd.DataFrame, looks: dict, most: float) -> None:
    alone = part[part.k == 0]
    axis.plot(alone.radius, alone.accuracy, label="one network, n samples", **ALONE)
    axis.fill_between(alone.radius, alone.low, alone.high, color="0.88", lw=0)
    for cut, look in looks.items():
        space, k = cut
        own = part[(part.space == space) & (part.k == k)]
        for fill, (_, line) in zip(("white", look["color"]), own.groupby("method", sort=True)):
            label = f"{k} patches, {noise_on(space)}" if fill != "white" else None
            line = line[line.accuracy.shift(fill_value=100) > 0]  # to the first zero
            every = (3 + 3 * list(looks).index(cut), 22)
            axis.plot(line.radius, line.accuracy, mfc=fill, markevery=every, ms=5, lw=1.2, label=label, **_line(look))
    axis.set(ylim=(0, 102), xlim=(0, most or 1))


def _line(look: dict) -> dict:
    return {"color": look["color"], "marker": look["marker"], "ls": look["ls"]}


def _draw_differences(axis: Axes, part: pd.DataFrame, rows: list[tuple], alphas: tuple[float, float]) -> None:
    """Differences in ACR, a line for each of `rows` (space, k, method): certified (filled) and as published (open)."""
    honest, loose = alphas
    own = part[part.measure == ACR]
    for kind, alpha, fill, shift in ((CERTIFIED, honest, "black", -0.15), (PUBLISHED, loose, "white", 0.15)):
        shown = own[(own.kind == kind) & (own.alpha == alpha)].set_index(["space", "k", "method"]).reindex(rows)
        arms = style.whiskers(shown.value, shown.low, shown.high)
        label = rf"difference {kind}, $\alpha$ = {alpha:g}"
        where = np.arange(len(rows)) + shift
        axis.errorbar(shown.value, where, xerr=arms, fmt="o", color="black", mfc=fill, ms=4.5, lw=1.1, label=label)
    axis.axvline(0, color="0.4", lw=1)
    names = [f"{method}, {k}, {noise_on(space)}" for space, k, method in rows]
    axis.set_yticks(range(len(rows)), names, fontsize=8)
    axis.set(ylim=(max(len(rows), 1) - 0.5, -0.5), xlabel="ACR less that of one network, paired 95 %")
