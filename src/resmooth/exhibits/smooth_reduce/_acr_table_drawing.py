"""The picture of table1 and table2: above, the printed ACRs and what their rows allow; below, this run's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, PUBLISHED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from resmooth.exhibits.base import Frames

HEADING: dict[str, Any] = {"x": 0.01, "ha": "left", "weight": "bold", "fontsize": 11}
ALLOWED = {"all": ("C0", 0.17, "allowed by its row, over all images"), "correct": ("C1", -0.17, "over correct images")}
KINDS: dict[str, dict[str, Any]] = {
    CERTIFIED: {"color": "C0", "marker": "o", "mfc": "C0", "label": "certified, over all images (95 %)"},
    PUBLISHED: {"color": "C3", "marker": "s", "mfc": "none", "label": "as published (R), over all images (95 %)"},
}


def draw(frames: Frames) -> Figure:
    """Both rows."""
    import matplotlib.pyplot as plt

    printed, ours = frames["printed"], frames["ours"]
    rows, lines = printed.groupby("sigma").size().max(), ours.groupby("sigma").label.nunique().max()
    figure = plt.figure(figsize=(12, 3.0 + 0.3 * (rows + lines)))
    upper, lower = cast("list[SubFigure]", figure.subfigures(2, 1, height_ratios=(rows + 4, lines + 5)))
    upper.suptitle("The printed ACR (×), and the ACRs that its row of certified accuracies allows", **HEADING)
    _draw_printed(upper, printed)
    lower.suptitle(f"This run ({frames['setting'].run.iloc[0]})", **HEADING)
    _draw_ours(lower, ours)
    return figure


def _draw_printed(figure: SubFigure, printed: pd.DataFrame) -> None:
    sigmas = sorted(printed.sigma.unique())
    axes = figure.subplots(1, len(sigmas), sharey=True, squeeze=False)[0]
    names = [row if row else method for row, method in zip(printed.row.fillna(""), printed.method)]
    printed = printed.assign(name=[name.replace(" (Ours)", "").split(" (")[0] + _which(name) for name in names])
    height = {name: -position for position, name in enumerate(dict.fromkeys(printed.name))}
    for axis, sigma in zip(axes, sigmas):
        part = printed[printed.sigma == sigma]
        y = np.array([height[name] for name in part.name], dtype=float)
        for definition, (colour, shift, label) in ALLOWED.items():
            low, high = part[f"{definition}_low"], part[f"{definition}_high"]
            axis.barh(y + shift, high - low, 0.26, low, color=colour, alpha=0.6, lw=0, label=label)
        axis.plot(part.printed, y, "x", color="black", ms=6, mew=1.6, label="printed")
        axis.set(title=rf"$\sigma$ = {sigma:g}", xlim=(0, None), xlabel="ACR [units of the [0, 1] image]")
    axes[0].set_yticks(list(height.values()), list(height))
    axes[0].set_ylim(-len(height) + 0.4, 0.6)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8.5)


def _which(name: str) -> str:
    """The base of a row of Table 4, which its name needs: " (PGD)"."""
    return next((f" ({base})" for base in ("PGD", "DDN") if f"({base})" in name), "")


def _draw_ours(figure: SubFigure, ours: pd.DataFrame) -> None:
    sigmas = sorted(ours.sigma.unique())
    axes = figure.subplots(1, len(sigmas), sharey=True, squeeze=False)[0]
    height = {name: -position for position, name in enumerate(dict.fromkeys(ours.label))}
    for axis, sigma in zip(axes, sigmas):
        part = ours[ours.sigma == sigma]
        for kind, look in KINDS.items():
            _draw_kind(axis, part[part.kind == kind], height, look, 0.12 if kind == CERTIFIED else -0.12)
        axis.set(title=rf"$\sigma$ = {sigma:g}", xlim=(0, None), xlabel="ACR [same units]")
    evaluations = ours.drop_duplicates("label").set_index("label").evaluations
    axes[0].set_yticks(list(height.values()), [f"{name} [{evaluations[name]:,.0f}]" for name in height], fontsize=8.5)
    axes[0].set_ylim(-len(height) + 0.4, 0.6)
    handles = {label: handle for axis in axes for handle, label in zip(*axis.get_legend_handles_labels())}
    note = "in brackets: network evaluations for an image"
    figure.legend(
        handles.values(), handles, loc="outside lower center", ncols=3, fontsize=8.5, title=note, title_fontsize=8.5
    )


def _draw_kind(axis: Axes, part: pd.DataFrame, height: dict[str, int], look: dict[str, Any], shift: float) -> None:
    """ACR over all images with its interval; a small bar where the ACR over correct images lies."""
    y = np.array([height[name] + shift for name in part.label])
    arms = style.whiskers(part.acr_all, part.acr_all_low, part.acr_all_high)
    axis.errorbar(part.acr_all, y, xerr=arms, ls="none", ms=5, lw=1.2, **look)
    tick = {"color": look["color"], "marker": "|", "ms": 8, "mew": 1.5, "ls": "none"}
    axis.plot(part.acr_correct, y, label=look["label"].replace("all images (95 %)", "correct images"), **tick)
