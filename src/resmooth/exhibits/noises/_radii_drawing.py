"""The picture of `radii`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from resmooth.exhibits.base import Frames
from resmooth.exhibits.noises.radii import NODES, SIGMA, TIE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike

TICKS = np.array([0.5, 0.75, 0.9, 0.99, 0.999, 0.9999])
COLORS = ("C0", "C1", "C2", "C3", "C6", "C4", "C5")
LINES = ("-", "--", ":")  # by dimension
PERCENTS = (-10, -1, -0.1, -0.01, 0, 0.01, 0.1, 1)


def draw(frames: Frames, groups: dict[str, list[str]]) -> Figure:
    """Above, norms by groups of noises, each beside "normal"; below, the strip of leaders, simpler formulas, looked-up radii."""
    import matplotlib.pyplot as plt

    curves = frames["curves"]
    dims, norms = curves.dim.unique(), curves.norm.unique()
    columns = {group: members for group, members in groups.items() if group}
    figure = plt.figure(figsize=(13, 14.5))
    above, below = figure.subfigures(2, 1, height_ratios=(3, 1.15), squeeze=False).flat
    panels = above.subplots(len(norms), len(columns), sharey="row", squeeze=False)
    for norm, row in zip(norms, panels):
        part = curves[curves.norm == norm]
        most = 1.7 * part.radius.max()
        least = {"l1": 0.02, "l2": 0.02 / math.sqrt(max(dims)), "linf": 0.2 / max(dims)}[norm] * SIGMA
        for members, axis in zip(columns.values(), row):
            _draw_radii(axis, part, ["normal", *members], (least, most))
        row[0].set_ylabel(f"{norm} radius at $\\sigma$ = {SIGMA:g}")
    for (group, members), axis in zip(columns.items(), panels[0]):
        families = ", ".join(dict.fromkeys(label.split()[0] for label in sorted(members)))
        axis.set_title(group if " " in group else f"{group}: {families}", fontsize=10)
    for axis in panels[-1]:
        axis.set_xlabel("p (axis even in $\\Phi^{-1}(p)$)")
    panels[0][0].legend(handles=_dimensions(dims), loc="lower right", fontsize=9)
    strip, gap, lookup = below.subplots(1, 3, width_ratios=(1.25, 1, 1))
    _draw_strip(strip, frames["best"])
    _draw_pairs(gap, frames["pairs"])
    _draw_tables(lookup, frames["tables"])
    for axis in (*panels.flat, strip, gap, lookup):
        _probability_axis(axis, curves.p.max())
    return figure


def _probability_axis(axis: Axes, most: float) -> None:
    """Let x be Phi^-1(p), with ticks that say p."""
    axis.set_xticks(special.ndtri(TICKS), [f"{p:g}"[1:] for p in TICKS], fontsize=8)
    axis.set_xlim(0, special.ndtri(most))


def _dimensions(dims: np.ndarray) -> list[Line2D]:
    from matplotlib.lines import Line2D

    return [Line2D([], [], color="0.2", ls=line, label=f"d = {d}") for d, line in zip(dims, LINES)]


def spread(values: ArrayLike, gap: float) -> np.ndarray:
    """Positions nearest to `values` (logarithms) that are at least `gap` apart, in the same order."""
    values = np.asarray(values)
    order = np.argsort(values)
    offset = gap * np.arange(len(values))
    blocks = []  # pool adjacent violators: positions less offset must not decrease
    for value in values[order] - offset:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m), (b, n) = blocks[-2:]
            blocks[-2:] = [[(a * m + b * n) / (m + n), m + n]]
    placed = np.empty(len(values))
    placed[order] = np.concatenate([[mean] * count for mean, count in blocks]) + offset
    return placed


def _draw_radii(axis: Axes, curves: pd.DataFrame, members: list[str], limits: tuple[float, float]) -> None:
    """One norm, one group: lines by dimension, names at their right ends."""
    dims, (least, most) = curves.dim.unique(), limits
    ends: dict[str, tuple[str, str, float]] = {}
    last = special.ndtri(curves.p.max())
    for i, label in enumerate(members):
        color = COLORS[(i - 1) % len(COLORS)] if i else "0.55"
        for d, line in zip(dims, LINES):
            part = curves[(curves.noise == label) & (curves.dim == d)]
            axis.plot(special.ndtri(part.p), part.radius, line, color=color, lw=1.5 if i else 2.2)
            ends.setdefault(label, (color if i else "0.4", color, part.radius.iloc[-1]))
    axis.set(yscale="log", ylim=limits)
    places = np.exp(spread([math.log(end) for *_, end in ends.values()], 0.058 * math.log(most / least)))
    for (label, (dark, color, end)), y in zip(ends.items(), places):
        arrow: dict[str, Any] = {"arrowstyle": "-", "lw": 0.6, "color": color, "shrinkA": 0, "shrinkB": 0}
        name = label.split()[-1] if label.startswith(("exp1", "exp2", "expinf")) else label
        where: dict[str, Any] = {"textcoords": ("axes fraction", "data"), "va": "center", "fontsize": 8}
        axis.annotate(name, (last, end), (1.06, y), color=dark, arrowprops=arrow, **where)


def _draw_strip(axis: Axes, winners: pd.DataFrame) -> None:
    """Who has the largest radius at which p, one bar for each norm and dimension."""
    import matplotlib.pyplot as plt

    cases = list(dict.fromkeys(zip(winners.norm, winners.dim)))
    names = list(dict.fromkeys(winners.noise))
    shades = dict(zip(names, plt.get_cmap("tab20")(np.arange(1, 2 * len(names), 2) % 20)))
    for y, case in enumerate(cases):
        for _, run in winners[(winners.norm == case[0]) & (winners.dim == case[1])].iterrows():
            left, right = special.ndtri([run.p, run.p_to])
            axis.barh(y, right - left, left=left, color=shades[run.noise], edgecolor="white", height=0.85)
            narrow = 0.11 * len(run.noise) > right - left
            name = run.noise.replace("uniformball", "uniform\nball") if narrow else run.noise
            look: dict[str, Any] = {"fontsize": 7 if narrow else 8, "rotation": 90 if narrow else 0}
            axis.text((left + right) / 2, y, name, ha="center", va="center", **look)
    axis.set_yticks(range(len(cases)), [f"{norm}, d = {d}" for norm, d in cases])
    axis.invert_yaxis()
    axis.grid(False)
    axis.set(title=f"The noise with the largest radius (within {TIE:.1%})", xlabel="p")


def _draw_pairs(axis: Axes, pairs: pd.DataFrame) -> None:
    """Simpler formulas less tight ones, per cent."""
    for i, (name, part) in enumerate(pairs.groupby("pair", sort=False)):
        for j, (d, line) in enumerate(zip(pairs.dim.unique(), LINES)):
            curve = part[part.dim == d]
            label = None if j else name
            axis.plot(special.ndtri(curve.p), 100 * curve.relative, line, color=f"C{i}", label=label)
    axis.set_yscale("symlog", linthresh=0.01)
    axis.set(title="Simpler formula against tight one", xlabel="p", ylabel="relative difference of the radius [%]")
    axis.set_ylim(-80, 8000)
    axis.set_yticks(PERCENTS[:5], [f"{value:g}" for value in PERCENTS[:5]])
    axis.legend(loc="upper left", fontsize=8)


def _draw_tables(axis: Axes, tables: pd.DataFrame) -> None:
    """Looked-up radii less exact ones, per cent, in the first dimension; dotted: the last node."""
    d = tables.dim.iloc[0]
    for i, (name, part) in enumerate(tables[tables.dim == d].groupby("nodes", sort=False)):
        axis.plot(special.ndtri(part.p), 100 * part.relative, color=f"C{i}", lw=1.1, label=f"nodes: {name}")
        axis.axvline(special.ndtri(NODES[name][-1]), color=f"C{i}", ls=":", lw=1)
    axis.set_yscale("symlog", linthresh=0.001)
    axis.set(title=f"Exp1 k=2, l1, d = {d}: table against exact", xlabel="p")
    axis.set_ylabel("relative difference of the radius [%]")
    axis.set_ylim(-100, 300)
    axis.set_yticks(PERCENTS, [f"{value:g}" for value in PERCENTS])
    axis.legend(loc="upper left", fontsize=8, frameon=True, edgecolor="none", framealpha=1)
