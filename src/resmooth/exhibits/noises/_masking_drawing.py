"""How the exhibit `masking` draws its frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.theory.masks import FIXED, IID, UNION, limit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.gridspec import SubplotSpec
    from matplotlib.ticker import MaxNLocator

NAMES = {UNION: "union bound $R p$ (source)", IID: "independent, exact", FIXED: "fixed size k, exact"}
LOOKS: dict[str, dict[str, Any]] = {
    UNION: {"color": "C1", "ls": "-.", "lw": 1.6},
    IID: {"color": "C0", "ls": "-", "lw": 2.6},
    FIXED: {"color": "C2", "ls": (0, (4, 4)), "lw": 1.6},
}


def figure_of(frames: Frames) -> Figure:
    """Theory above: what can move, and the radius against p_A; below a panel for each network."""
    import matplotlib.pyplot as plt

    drawn = list(frames["accuracies"].groupby(["experiment", "sigma"], sort=False)) if len(frames["accuracies"]) else []
    rows = math.ceil(len(drawn) / 4)
    figure = plt.figure(figsize=(12, 7 + 3.4 * rows))
    heights = (7, *[3.4 * rows] * (rows > 0))
    theory, *others = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).flat
    _draw_theory(theory, frames["deltas"], frames["reach"])
    for other in others:
        panels = other.subplots(rows, 4, squeeze=False).flat
        for (case, part), axis in zip(drawn, panels):
            _draw_network(axis, part, _title(frames["images"], case))
        for axis in panels:  # those that are left
            axis.set_axis_off()
    return figure


def _draw_theory(figure: SubFigure, deltas: pd.DataFrame, reach: pd.DataFrame) -> None:
    cases = list(deltas[["dim", "k"]].drop_duplicates().itertuples(index=False, name=None))
    upper, lower = figure.subplots(2, len(cases), squeeze=False)
    for (d, k), axis, below in zip(cases, upper, lower):
        for bound in (IID, FIXED, UNION):
            part = deltas[(deltas.dim == d) & (deltas.bound == bound)]
            axis.plot(part.pixels, part.value, label=NAMES[bound], **LOOKS[bound])
            part = reach[(reach.dim == d) & (reach.bound == bound)]
            below.plot(-np.log10(1 - part.p_a), part.value, **LOOKS[bound])
        axis.axhline(0.5, color="0.4", lw=1, ls=":")
        axis.set(title=f"d = {d}, k = {k}, p = {k / d:.4f}", xlabel="changed pixels R", ylim=(0, 1))
        end = limit(d, k)
        below.axhline(end, color="0.4", lw=1, ls=":")
        below.text(4, 1.01 * end, f"log(1/2) / log(1 - p) = {end:.2f}", va="bottom", ha="right", fontsize=8)
        below.set(xlabel="$p_A$", ylim=(0, 1.15 * end), xlim=(-math.log10(0.5), 4))
        below.set_xticks([-math.log10(0.5), 1, 2, 3, 4], [".5", ".9", ".99", ".999", ".9999"])
        below.yaxis.get_major_locator().set_params(integer=True)
    upper[0].set_ylabel("$\\Delta_R$: probability that can move")
    lower[0].set_ylabel("certified pixels $R_{max}$")
    upper[-1].legend(loc="lower right", fontsize=8)


def _title(images: pd.DataFrame, case: tuple[str, float]) -> str:
    first = images[(images.experiment == case[0]) & (images.sigma == case[1])].iloc[0]
    return f"{first.architecture}, {first['name']}\n{first.kept} of {first.pixels} pixels stay"


def _draw_network(axis: Axes, part: pd.DataFrame, title: str) -> None:
    """Certified accuracy by each bound; bars at the exact one."""
    native = IID if IID in set(part.bound) else FIXED
    line = part[part.bound == native]
    look: dict[str, Any] = {"fmt": "o", "ms": 4, "lw": 1.2, "color": LOOKS[native]["color"], "zorder": 3}
    axis.errorbar(line.pixels, line.value, style.whiskers(line.value, line.low, line.high), **look)
    for bound, line in part.groupby("bound", sort=False):
        axis.step(line.pixels, line.value, where="mid", **LOOKS[bound])
    axis.set_title(title, fontsize=9)
    axis.set(xlabel="changed pixels R", ylim=(-2, 102))
    cast("MaxNLocator", axis.xaxis.get_major_locator()).set_params(integer=True)
    first = cast("SubplotSpec", axis.get_subplotspec()).is_first_col()
    axis.set_ylabel("certified accuracy at R [%]" if first else "")
