"""The picture of noises/correspondences: errors of the long forms with samples above, the short forms below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.noises._correspondences_numbers import D_IMAGE, NAMES, NORMS, RADIAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(frames: Frames) -> Figure:
    """Above, errors of the long forms with samples; below, the short forms. Columns: the two normalisations."""
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    curves, measured = frames["curves"], frames["samples"]
    figure, axes = plt.subplots(2, 2, figsize=(11, 8.4), sharex=True)
    looks = _looks(curves)
    for long, short, norm in zip(*axes, NORMS):
        here = curves[curves.normalisation == norm]
        _draw_long(long, here[here.panel == "long form"], measured[measured.normalisation == norm], looks)
        _draw_short(short, here[here.panel == "short form"], looks)
    axes[0, 0].set_title(r"L-1 table, $E\|x\|_1/d = \sigma$: long forms")
    axes[0, 1].set_title(r"L-2 table, $E\|x\|_2^2/d = \sigma^2$: long forms")
    axes[0, 0].text(1.3, 2e-6, "all k alike\nexact: Normal, Laplace, Uniform, Lomax, Exp1", color="0.3", va="center")
    axes[0, 1].text(1.3, 2e-6, "Exp1 and Exp2 alike\nexact: Normal, Laplace, Uniform, Lomax", color="0.3", va="center")
    forms = (r"ExpInf $2\sigma/d$, Exp1 $\sigma$", r"ExpInf $\sqrt{3}\,\sigma/d$")
    for axis, norm, form in zip(axes[1], NORMS, forms):
        axis.set_title(f"L-{norm} table: short forms, {form}")
    for axis in axes.flat:
        axis.axvline(D_IMAGE, color="0.6", lw=0.8, ls=":")
    axes[1, 0].text(D_IMAGE, 3e-6, f" d = {D_IMAGE}", color="0.4", fontsize=8)
    noises = [Line2D([], [], label=name, **look) for name, look in looks["noise"].items()]
    axes[0, 1].legend(handles=noises, loc="upper right")
    common: dict[str, Any] = {"color": "0.3", "mfc": "white", "ms": 4.5}
    shapes = [Line2D([], [], ls=s, marker=m, label=f"k = {k:g}", **common) for k, (s, m) in looks["k"].items()]
    axes[0, 0].legend(handles=shapes, loc="upper right")
    return figure


def _looks(curves: pd.DataFrame) -> dict[str, dict]:
    """noise -> colour, width and opacity (Exp1 lies below another curve in two panels); k -> (line, marker)."""
    drawn = curves.noise.unique()
    order = [name for name in dict.fromkeys([*NAMES.values(), *drawn]) if name in drawn]
    colors = {"ExpInf": "C0", "Exp1": "C2", "Exp2": "C1"} | {
        name: f"C{3 + i % 4}" for i, name in enumerate(name for name in order if name.lower() not in RADIAL)
    }
    wide = {"Exp1": {"lw": 4, "alpha": 0.4}}
    return {
        "noise": {name: {"color": colors[name]} | wide.get(name, {"lw": 1.3, "alpha": 1}) for name in order},
        "k": {k: ((":", "-", "--", "-.")[i % 4], "vosD"[i % 4]) for i, k in enumerate(curves.k.unique())},
    }


def _draw_long(axis: Axes, curves: pd.DataFrame, measured: pd.DataFrame, looks: dict) -> None:
    """Lines: exact errors; marks: samples, where the error exceeds four of their standard errors."""
    for (name, k), part in curves.groupby(["noise", "k"], sort=False):
        axis.plot(part.d, part.error.abs(), looks["k"][k][0], **looks["noise"][name])
    dots = measured[measured.noise.isin(curves.noise) & (measured.error > 4 * measured.se)]
    for (name, k), part in dots.groupby(["noise", "k"], sort=False):
        color = looks["noise"][name]["color"]
        axis.plot(part.d, part.level - 1, looks["k"][k][1], color=color, ms=4.5, mfc="white", mew=1.1)
    axis.set(xscale="log", yscale="log", ylim=(3e-7, 10), ylabel=r"$\lambda$ printed / $\lambda$ exact $-$ 1")


def _draw_short(axis: Axes, curves: pd.DataFrame, looks: dict) -> None:
    for (name, k), part in curves.groupby(["noise", "k"], sort=False):
        axis.plot(part.d, part.ratio, looks["k"][k][0], **looks["noise"][name])
    axis.axhline(1, color="0.6", lw=0.8)
    axis.set(xscale="log", yscale="log", ylim=(2e-6, 3e6), xlabel="dimension d")
    axis.set_ylabel(r"$\lambda$ printed / $\lambda$ exact")
