"""The picture of lecture/sigma_table: above, the printed table with its logs and its ACRs; below, this run's curves and ACRs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.lecture._sigma_table_numbers import ACR, ceiling

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

PRINTED_N, PRINTED_ALPHA = 100_000, 0.001  # of the printed table
HEADING: dict = {"x": 0.01, "ha": "left", "weight": "bold", "fontsize": 11}
GREYS = ("0.1", "0.4", "0.6", "0.75")  # levels of noise
MOST_BANDS = 2  # more bands hide each other; the right panel has every interval


def draw(frames: Frames) -> Figure:
    """Both rows."""
    import matplotlib.pyplot as plt

    drawn = plt.figure(figsize=(12, 9))
    upper, lower = cast("list[SubFigure]", drawn.subfigures(2, 1))
    _draw_printed(upper, frames)
    _draw_this_run(lower, frames)
    return drawn


def _draw_printed(figure: SubFigure, frames: Frames) -> None:
    """Rings are printed, dots from logs; points of one radius stand side by side. Radii beyond the ceiling are 0, left out."""
    claims = frames["claims"]
    sigmas, methods = sorted(claims.sigma.unique()), list(dict.fromkeys(claims.method))
    looks = {name: {"color": f"C{i}", "marker": style.MARKERS[i % 4]} for i, name in enumerate(methods)}
    logs = bool(claims.ours.notna().any())
    told = (
        "printed (rings) and re-derived from logs (dots, 95 %)" if logs else "printed values alone: no log is at hand"
    )
    figure.suptitle(f"ImageNet, ResNet-50: {told}", **HEADING)
    *panels, forest = figure.subplots(1, len(sigmas) + 1)
    for axis, sigma in zip(panels, sigmas):
        most = ceiling(sigma, PRINTED_N, PRINTED_ALPHA)
        for i, (name, look) in enumerate(looks.items()):
            own = (claims.sigma == sigma) & (claims.method == name) & (claims.radius <= most)
            shift = (i - (len(methods) - 1) / 2) * 0.03 * most
            label = name + " (no log)" * (logs and not claims.ours[own].notna().any())
            _draw_row(axis, claims[own], claims.radius[own] + shift, look, label)
        axis.axvline(most, color="0.4", ls=":", lw=1.2)
        axis.text(most, 64, f"ceiling {most:.2f} ", ha="right", va="top", color="0.3", fontsize=8)
        axis.set(title=f"$\\sigma$ = {sigma:g}", ylim=(0, 66), xlim=(-0.08 * most, 1.03 * most))
        axis.set_xlabel("radius r [units of the [0, 1] image]")
    panels[0].set_ylabel("certified accuracy at r [%]")
    panels[0].legend(loc="lower left")
    _draw_printed_acrs(forest, frames, looks, sigmas)


def _draw_row(axis: Axes, part: pd.DataFrame, x: pd.Series, look: dict, label: str) -> None:
    """Certified accuracies of one method: printed and from its log."""
    axis.plot(x, part.value, ls="none", ms=7, mfc="none", mew=1.2, label=label, **look)
    axis.errorbar(x, part.ours, style.whiskers(part.ours, part.ci_low, part.ci_high), ls="none", ms=3, lw=1.2, **look)


def _draw_printed_acrs(axis: Axes, frames: Frames, looks: dict, sigmas: list[float]) -> None:
    """ACRs as a forest, with that of the full log where the printed one comes from a truncated log."""
    claims, full = frames["claims"], frames["ranking"].full_log
    rows = claims[claims.metric == "acr"].reset_index(drop=True)
    heights = [-i - 0.8 * sigmas.index(sigma) for i, sigma in enumerate(rows.sigma)]
    for i, row in enumerate(rows.itertuples()):
        look = looks[row.method]
        axis.plot(row.value, heights[i], ls="none", ms=7, mfc="none", mew=1.2, **look)
        arms = [[end] for end in style.whiskers(row.ours, row.ci_low, row.ci_high)]
        axis.errorbar(row.ours, heights[i], xerr=arms, ls="none", ms=3, lw=1.2, **look)
        axis.plot(full[i], heights[i], "x", color="black", ms=7, mew=1.6)
    axis.set_yticks(heights, [f"{row.method}, {row.sigma:g}" for row in rows.itertuples()])
    axis.set(title="ACR over all images", xlabel="average certified radius [same units]")
    if full.notna().any():
        from matplotlib.lines import Line2D

        cross = Line2D([], [], color="black", marker="x", ls="none", ms=7, mew=1.6)
        axis.legend([cross], ["full log, same model"], loc="upper right")


def _draw_this_run(figure: SubFigure, frames: Frames) -> None:
    """Curves of each level, and the ACRs of all levels."""
    about, levels, curves = frames["setting"].iloc[0], frames["levels"], frames["curves"]
    names = list(frames["images"].experiment.unique())
    looks = {name: {key: look[key] for key in ("color", "ls")} for name, look in style.looks(names).items()}
    title = f"This run ({about.run}): single models, mean over their seeds, {about.images} images"
    figure.suptitle(title, **HEADING)
    *shown, forest = figure.subplots(1, len(levels) + 1, width_ratios=[1] * len(levels) + [1.1])
    for axis, level in zip(shown, levels.itertuples()):
        for name, look in looks.items():
            part = curves[(curves.sigma == level.sigma) & (curves.method == name)]
            if part.empty:
                continue
            axis.plot([*part.radius, level.ceiling], [*part.value, 0], label=name, lw=1.3, **look)
            if len(names) <= MOST_BANDS:
                axis.fill_between(part.radius, part.low, part.high, color=look["color"], alpha=0.18, lw=0)
        axis.set(title=f"$\\sigma$ = {level.sigma:g}", ylim=(0, 102), xlim=(0, None), xlabel="radius r [same units]")
    shown[0].set_ylabel("certified accuracy at r [%]")
    _draw_acrs(forest, frames, looks)
    handles = {label: handle for axis in shown for handle, label in zip(*axis.get_legend_handles_labels())}
    figure.legend(handles.values(), handles, loc="outside lower center", ncols=5, fontsize=8)


def _draw_acrs(axis: Axes, frames: Frames, looks: dict) -> None:
    """ACR of each experiment at each level, 95 % over the images."""
    acrs, sigmas = frames["ours"][frames["ours"].metric == ACR], list(frames["levels"].sigma)
    height = {name: -position for position, name in enumerate(looks)}
    for i, sigma in enumerate(sigmas):
        own = acrs[acrs.sigma == sigma]
        y = [height[name] - (i - (len(sigmas) - 1) / 2) * 0.22 for name in own.method]
        look: dict = {"ls": "none", "lw": 1.2, "ms": 4, "marker": style.MARKERS[i % 4], "color": GREYS[i % 4]}
        axis.errorbar(
            own.value, y, xerr=style.whiskers(own.value, own.low, own.high), label=f"$\\sigma$ = {sigma:g}", **look
        )
    axis.set_yticks(list(height.values()), list(looks))
    for label, look in zip(axis.get_yticklabels(), looks.values()):
        label.set_color(look["color"])
    axis.set(xlabel="ACR over all images (95 %)")
    if len(sigmas) > 1:
        place: dict = {"loc": "lower right", "bbox_to_anchor": (1.03, 0.99)}
        axis.legend(**place, ncols=len(sigmas), columnspacing=0.8, handletextpad=0)
