"""The picture of idrs/shrinking: above, theory; below, the accuracy of each class over sigma, and its spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs._shrinking_numbers import wide

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from numpy.typing import ArrayLike


def draw(frames: Frames) -> Figure:
    """Above, theory: a disc, a quadrant, balls; below, the accuracy of each class over sigma, and its spread."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12.5, 8.6))
    above, below = figure.subfigures(2, 1, squeeze=False).flat
    _draw_theory(above, frames)
    names = list(frames["classes"].source.unique())
    *panels, last = below.subplots(1, len(names) + 1)
    for source, axis in zip(names, panels):
        _draw_classes(axis, frames["classes"], source, wide(frames["images"], source))
    panels[0].set_ylabel("accuracy of each class [%]")
    _draw_spread(last, frames["spread"], names, sorted(frames["images"].sigma.unique()))
    cast("ConstrainedLayoutEngine", figure.get_layout_engine()).set(w_pad=0.08)
    return figure


def _draw_theory(figure: SubFigure, frames: Frames) -> None:
    """What smoothing leaves of three regions."""
    import matplotlib.pyplot as plt

    disc, quadrant, balls = figure.subplots(1, 3)
    gone = frames["balls"].groupby("dim").sigma.max()
    inside = dict(zip(frames["disc"].sigma, frames["disc"].value))
    shades = dict(zip(inside, plt.get_cmap("viridis")(np.linspace(0.85, 0, len(inside)))))
    disc.add_patch(plt.Circle((0, 0), 1, fc="0.93", ec="black", lw=1.4))
    quadrant.fill_between([0, 2.2], 2.2, color="0.93", lw=0)
    quadrant.plot([0, 0, 2.2], [2.2, 0, 0], color="black", lw=1.4, label="base classifier")
    for s, edge in frames["quadrant"].groupby("sigma"):
        disc.add_patch(plt.Circle((0, 0), inside[s], fc="none", ec=shades[s], lw=1.8))
        quadrant.plot(edge.x, edge.y, color=shades[s], lw=1.8, label=f"$\\sigma$ = {s:g} a")
    disc.plot(0, 0, "+", color="black", ms=7)
    disc.set(title=f"A disc: gone at $\\sigma$ = {gone[2]:.3f} a", xlim=(-1.12, 1.12), ylim=(-1.12, 1.12))
    quadrant.set(title="A quadrant: drawn back, never gone", xlim=(-0.12, 2.12), ylim=(-0.12, 2.12))
    quadrant.legend(loc="upper right", frameon=True, edgecolor="none", framealpha=1, fontsize=8)
    for axis in (disc, quadrant):
        axis.set(aspect="equal", xlabel="$x_1$ / a", ylabel="$x_2$ / a")
    for i, (dim, part) in enumerate(frames["balls"].groupby("dim")):
        balls.plot(part.sigma, part.value, color=f"C{i}", label=f"N = {dim}: gone at {gone[dim]:.3f} a")
    balls.set(
        title="A ball in N dimensions: radius of its region", xscale="log", xlabel="$\\sigma$ / a", ylim=(0, 1.32)
    )
    balls.set_ylabel("radius / a")
    balls.legend(loc="upper right", fontsize=8)


def _draw_classes(axis: Axes, each: pd.DataFrame, source: str, images: pd.DataFrame) -> None:
    """The accuracy of every class of one source over sigma; their names at the end where there are few."""
    levels, each = list(images.columns), each[each.source == source]
    x, part = np.arange(len(levels)), each.pivot(index="class", columns="sigma", values="value")
    few = len(part) <= 20
    for i, line in enumerate(part.to_numpy()):
        look = {"color": f"C{i % 7}", "ls": ("-", "--", ":")[i // 7 % 3]} if few else {"color": "0.7", "lw": 0.5}
        axis.plot(x, line, marker="o", ms=3, **look)
    axis.plot(x, 100 * images.mean(), "o-", ms=5, color="black", lw=2.6, label="all images")
    names = each.drop_duplicates("class").set_index("class").name.loc[part.index].str.removeprefix("class ")
    ends = part[levels[-1]]
    for i, (name, end, y) in enumerate(zip(names, ends, apart(ends, 5.2)) if few else []):
        arrow: dict[str, Any] = {"arrowstyle": "-", "lw": 0.6, "color": f"C{i % 7}", "shrinkA": 0, "shrinkB": 0}
        place: dict[str, Any] = {
            "textcoords": ("axes fraction", "data"),
            "va": "center",
            "fontsize": 8,
            "color": f"C{i % 7}",
        }
        axis.annotate(name, (x[-1], end), (1.03, y), arrowprops=arrow, **place)
    axis.set_xticks(x, [f"{s:g}" for s in levels])
    axis.set(title=source.replace(": ", "\n"), xlabel="$\\sigma$", ylim=(-2, 102), xlim=(-0.2, max(0.2, x[-1] + 0.12)))
    axis.legend(loc="lower left")


def _draw_spread(axis: Axes, uneven: pd.DataFrame, names: list[str], levels: list[float]) -> None:
    """The spread over the classes: observed, by chance, true, and after a loss alike."""
    from matplotlib.lines import Line2D

    for i, (_, part) in enumerate(uneven.groupby("source", sort=False)):
        x = np.array([levels.index(s) for s in part.sigma]) + 0.2 * (i - (len(names) - 1) / 2)
        axis.plot(x, part["chance, 95 %"], "_", ms=15, mew=1.6, color=f"C{i}")
        axis.plot(x - 0.04, part.observed, "o", ms=6, mfc="none", color=f"C{i}")
        axis.errorbar(
            x + 0.04, part.value, style.whiskers(part.value, part.low, part.high), fmt="o", ms=4, lw=1.2, color=f"C{i}"
        )
        if "alike" in part:
            axis.plot(x, part.alike, "x", ms=6, mew=1.4, color="black")
    axis.set_xticks(range(len(levels)), [f"{s:g}" for s in levels])
    axis.set(title="Spread over the classes", xlabel="$\\sigma$", xlim=(-0.5, len(levels) - 0.5))
    axis.set_ylabel("standard deviation [points]")
    if len(uneven):
        kinds: dict[str, dict[str, Any]] = {
            "chance alone, 95 % below": {"marker": "_", "ms": 13},
            "observed": {"marker": "o", "mfc": "none"},
        }
        kinds |= {"true, with 95 % interval": {"marker": "o", "ms": 4}}
        kinds |= {"if all classes lost alike": {"marker": "x"}} if "alike" in uneven else {}
        handles = [Line2D([], [], color=f"C{i}", lw=5, label=name.split(":")[0]) for i, name in enumerate(names)]
        handles += [Line2D([], [], color="0.2", ls="none", label=name, **look) for name, look in kinds.items()]
        axis.set_ylim(-0.02 * uneven.high.max(), 1.75 * max(uneven.observed.max(), uneven.high.max(), 1))
        axis.legend(handles=handles, loc="upper left", fontsize=8)


def apart(values: ArrayLike, gap: float) -> np.ndarray:
    """Positions near `values` [N], in the same order and at least `gap` from each other: for labels."""
    values = np.asarray(values, dtype=float)
    order = np.argsort(values, kind="stable")
    offset = gap * np.arange(len(values))
    free = values[order] - offset
    placed = np.empty(len(values))
    placed[order] = (np.maximum.accumulate(free) + np.minimum.accumulate(free[::-1])[::-1]) / 2 + offset
    return placed
