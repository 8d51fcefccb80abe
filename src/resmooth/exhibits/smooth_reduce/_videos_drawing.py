"""Curves of Smooth-Reduce on clips, as fig5 and fig10 draw them: certified accuracy against the radius."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.smooth_reduce import _fig5_numbers as fig5
from resmooth.exhibits.smooth_reduce import _videos as videos
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, MAX, MEAN, ONE, PUBLISHED, noise_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

METHODS: dict[str, dict[str, Any]] = {MAX: {"marker": "o", "mfc": "white", "lw": 1.1}, MEAN: {"marker": "^", "lw": 1.8}}
NETWORKS = ("black", "0.55")  # of several chunks, the largest first
DOTTED: dict[str, Any] = {"ls": ":", "marker": "", "zorder": 1.5}  # as published


def looks(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Name -> line and marker: one colour for each pair of sub-videos and chunks, networks alone black and grey."""
    chunks = sorted(frame.chunk.unique(), reverse=True)
    sizes = sorted(frame[frame.frames > 0].groupby(["frames", "chunk"]).groups, key=lambda size: (size[0], -size[1]))
    found = {}
    for row in frame.drop_duplicates("name").itertuples(index=False):
        if row.method == ONE:
            number = chunks.index(row.chunk)
            own = {"color": NETWORKS[number % 2], "ls": style.LINES[number % 4], "lw": 2.2, "zorder": 1.8}
        else:
            number = sizes.index((row.frames, row.chunk))
            own = {"color": f"C{number % 7}", "ls": style.LINES[number % 3], "ms": 5} | METHODS[row.method]
        found[row.name] = own
    return found


def draw_panels(frames: Frames) -> Figure:
    """A row for each place of the noise; left chunks of several sizes, right sub-videos of several lengths."""
    import matplotlib.pyplot as plt

    curves = frames["curves"]
    panels, places = fig5.panels(curves), videos.spaces(curves)
    figure = plt.figure(figsize=(12, 0.9 + 3.7 * len(places)))
    columns = cast("list[SubFigure]", figure.subfigures(1, 2, squeeze=False).flat)
    for part, (title, names) in zip(columns, panels.items()):
        axes = part.subplots(len(places), 1, squeeze=False, sharex=True)[:, 0]
        for axis, space in zip(axes, places):
            draw_curves(axis, curves[curves.name.isin(names)], space, looks(curves))
            axis.set_title(f"Varying {title}, {noise_on(space, clips=True)}", fontsize=10)
            axis.set_ylabel("certified accuracy [%]")
        axes[-1].set_xlabel("$l_2$ radius")
        legend(part, list(axes), 3)
    level, first = curves.sigma.iloc[0], frames["images"].iloc[0]
    figure.suptitle(
        f"Smooth-Reduce on {first.dataset}, $\\sigma$ = {level:g}, n = {first.n:,}, {frames['images'].idx.nunique()} clips: "
        "certified (R / L); dotted: R as published",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return figure


def draw_curves(axis: Axes, curves: pd.DataFrame, space: str, look: dict[str, dict[str, Any]]) -> None:
    """Networks alone, and both reductions with noise in one place: certified, and dotted as published."""
    shown = curves[curves.space.isin(["", space])]
    for i, ((name, kind), line) in enumerate(shown.groupby(["name", "kind"], sort=False)):
        line = line[(line.accuracy > 0) | (line.accuracy.shift(fill_value=1) > 0)]  # until it has fallen to 0
        own = look[name] | {"markevery": (3 + 4 * i, 29)}
        label = name if kind == CERTIFIED else f"_{name}"
        axis.plot(line.radius, line.accuracy, label=label, **(own | (DOTTED if kind == PUBLISHED else {})))
    end = shown.radius[shown.accuracy > 0].max()
    axis.set(xlim=(0, 1.03 * end if end > 0 else shown.sigma.iloc[0]), ylim=(0, 101))


def legend(figure: Figure | SubFigure, axes: list[Axes], columns: int) -> None:
    """One entry for each line, below."""
    entries = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(entries.values(), entries, loc="outside lower center", ncols=columns, fontsize=8.5, handlelength=3.4)
