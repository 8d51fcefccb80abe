"""The picture of table3 and table4: above, printed curves as published and divided by L; below, this run's at its radii."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.smooth_reduce._acr_table_drawing import HEADING
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, PUBLISHED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from resmooth.exhibits.base import Frames

INK = {CERTIFIED: "black", PUBLISHED: "#8c1a1a"}


def draw(frames: Frames) -> Figure:
    """Both rows, a panel for each level."""
    import matplotlib.pyplot as plt

    ours = frames["ours"]
    lines = 0.2 * len(dict.fromkeys(zip(ours.label, ours.kind)))
    figure = plt.figure(figsize=(12, 6.2 + lines))
    upper, lower = cast("list[SubFigure]", figure.subfigures(2, 1, height_ratios=(5, 1.2 + lines)))
    upper.suptitle("Printed (open, dotted), and what is certified of it: radii divided by L (filled)", **HEADING)
    _draw_printed(upper, frames["printed"])
    lower.suptitle(f"This run ({frames['setting'].run.iloc[0]}): certified accuracy at r [%]", **HEADING)
    _draw_ours(lower, ours)
    return figure


def _draw_printed(figure: SubFigure, printed: pd.DataFrame) -> None:
    """The paper's methods twice, others once; of many rows for other bases and numbers of patches those of the ACRs."""
    looks = style.looks(dict.fromkeys(_short(name) for name in printed.method))
    axes = figure.subplots(1, printed.sigma.nunique(), squeeze=False)[0]
    for axis, (sigma, level) in zip(axes, printed.groupby("sigma")):
        for name, part in level.groupby("method", sort=False):
            look = looks[_short(str(name))]
            if part.k.iloc[0]:
                _dotted(axis, part.radius, part.accuracy, look)
            end = part.accuracy.gt(0).sum() + 1
            certified = part.radius / part.lipschitz  # the printed points themselves, moved: no interpolation
            axis.plot(certified[:end], part.accuracy[:end], ms=4, lw=1.3, label=_short(str(name)), **look)
        axis.set(
            title=rf"$\sigma$ = {sigma:g}",
            xlabel="radius r [units of the [0, 1] image]",
            ylim=(0, None),
            xlim=(0, 4.1 * sigma),
        )
    axes[0].set_ylabel("certified accuracy at r [%]")
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=5, fontsize=8)


def _short(name: str) -> str:
    """A printed method without its reference: "Smooth-Max-8 (PGD)" stays, "SmoothAdv (Salman et al., 2019)" does not."""
    return name.partition(" (")[0] if name.endswith(("(Ours)", "2019)", "2020)", "2021)")) else name


def _draw_ours(figure: SubFigure, ours: pd.DataFrame) -> None:
    """The table itself: a row for each classifier, certified and as published."""
    levels = dict(iter(ours.groupby("sigma")))
    names = list(dict.fromkeys(zip(ours.label, ours.kind)))
    widths = [part.radius.nunique() for part in levels.values()]
    axes = figure.subplots(1, len(levels), squeeze=False, width_ratios=widths)[0]
    for axis, (sigma, part) in zip(axes, levels.items()):
        wide = part.pivot(index=["label", "kind"], columns="radius", values="accuracy").reindex(names)
        axis.imshow(wide, aspect="auto", cmap="Blues", vmin=0, vmax=190)  # so that black numbers can be read
        for row, column in zip(*wide.notna().to_numpy().nonzero()):
            shown = f"{wide.iat[row, column]:.0f}"
            axis.text(column, row, shown, ha="center", va="center", fontsize=8, color=INK[names[row][1]])
        axis.set_xticks(range(wide.shape[1]), [f"{radius:.3g}" for radius in wide.columns])
        axis.set(title=rf"$\sigma$ = {sigma:g}", xlabel="radius r [same units]", yticks=[])
        axis.grid(False)
    axes[0].set_yticks(
        range(len(names)), [name if kind == CERTIFIED else "as published" for name, kind in names], fontsize=8
    )
    for tick, (_, kind) in zip(axes[0].get_yticklabels(), names):
        tick.set_color(INK[kind])


def _dotted(axis: Axes, radius: pd.Series, accuracy: pd.Series, look: dict[str, Any]) -> None:
    axis.plot(radius, accuracy, ms=4, lw=0.9, alpha=0.8, mfc="none", **(look | {"ls": ":"}))
