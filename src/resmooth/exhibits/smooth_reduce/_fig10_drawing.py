"""The picture of smooth_reduce/fig10: curves and ACRs of Smooth-Reduce on clips, a row for each noise level."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.smooth_reduce import _videos as videos
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, PUBLISHED, noise_on
from resmooth.exhibits.smooth_reduce._videos_drawing import draw_curves, legend, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

SHORT = {"": "", "image": ", clip", "patch": ", each"}
ROWS: dict[tuple[str, str], tuple[dict[str, Any], str]] = {  # kind, ACR -> marker and label
    (CERTIFIED, "acr_all"): ({"marker": "o", "color": "black", "ms": 5}, "certified, over all clips"),
    (CERTIFIED, "acr_correct"): (
        {"marker": "o", "color": "black", "mfc": "white", "ms": 5},
        "certified, over correct clips",
    ),
    (PUBLISHED, "acr_all"): ({"marker": "D", "color": "0.6", "ms": 4}, "as published, over all clips"),
    (PUBLISHED, "acr_correct"): (
        {"marker": "D", "color": "0.6", "mfc": "white", "ms": 4},
        "as published, over correct clips",
    ),
}


def draw(frames: Frames) -> Figure:
    """A row for each level: curves with noise in each place, and ACRs."""
    import matplotlib.pyplot as plt

    curves, averages = frames["curves"], frames["averages"]
    places, levels = videos.spaces(curves), sorted(curves.sigma.unique())
    figure = plt.figure(figsize=(13, 1.5 + 4.0 * len(levels)))
    widths = (len(places), 1.25)
    left, right = cast("list[SubFigure]", figure.subfigures(1, 2, width_ratios=widths))
    panels = left.subplots(len(levels), len(places), squeeze=False)
    for row, sigma in zip(panels, levels):
        for axis, space in zip(row, places):
            draw_curves(axis, curves[curves.sigma == sigma], space, looks(curves))
            axis.set_title(f"$\\sigma$ = {sigma:g}, {noise_on(space, clips=True)}", fontsize=10)
            axis.set_xlabel("$l_2$ radius")
        row[0].set_ylabel("certified accuracy [%]")
    legend(left, list(panels.flat), 4)
    axes = right.subplots(len(levels), 1, squeeze=False)[:, 0]
    for axis, sigma in zip(axes, levels):
        _draw_acrs(axis, averages[averages.sigma == sigma])
        axis.set_title(f"ACR, $\\sigma$ = {sigma:g}, 95 % over the clips", fontsize=10)
    legend(right, list(axes), 2)
    first = frames["images"].iloc[0]
    figure.suptitle(
        f"Smooth-Reduce on {first.dataset}, n = {first.n:,}, {frames['images'].idx.nunique()} clips. Curves: certified (R / L); "
        "dotted: R as published. ACRs: noise on the clip, or on each sub-video",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return figure


def _draw_acrs(axis: Axes, level: pd.DataFrame) -> None:
    """ACR of every classifier over all clips and over the correct ones, certified and as published."""
    keys = list(
        dict.fromkeys(
            level.sort_values(["frames", "chunk", "space", "method"])[["name", "space"]].itertuples(
                index=False, name=None
            )
        )
    )
    for number, ((kind, column), (look, label)) in enumerate(ROWS.items()):
        own = level[level.kind == kind].set_index(["name", "space"]).reindex(keys)
        if own[column].notna().any():
            y = np.arange(len(keys)) + 0.16 * (number % 2) + 0.08 * (number // 2) - 0.12
            arms = style.whiskers(own[column], own[f"{column}_low"], own[f"{column}_high"])
            axis.errorbar(own[column], y, xerr=arms, ls="", lw=0.9, label=label, **look)
    axis.set_yticks(range(len(keys)), [f"{name}{SHORT[space]}" for name, space in keys], fontsize=8)
    axis.set(xlabel="ACR [units of the clip]", ylim=(len(keys) - 0.5, -0.5))
    axis.set_xlim(left=0)
