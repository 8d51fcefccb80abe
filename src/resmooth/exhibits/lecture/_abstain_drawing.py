"""The picture of lecture/abstain: one panel for each reason and its remedy, and one on which reason it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.lecture._abstain_numbers import BELOW, LOOSE, OPEN, P_EXAMPLE, P_THEORY, WRONG

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEGEND: dict = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2, "fontsize": 8}  # below the panel


def draw(frames: Frames) -> Figure:
    """All panels; that of the second reason only where it was provoked."""
    import matplotlib.pyplot as plt

    if frames["setting"].mismatch[0]:
        figure, axes = plt.subplots(2, 2, figsize=(11.5, 9.2))
    else:
        figure, axes = plt.subplots(1, 3, figsize=(15, 5))
    guessing, *training, sampling, why = axes.flat
    _draw_guesses(guessing, frames)
    for axis in training:
        _draw_training(axis, frames)
    _draw_samples(sampling, frames)
    _draw_reasons(why, frames)
    return figure


def _dots(axis: Axes, frames: Frames, panel: str) -> None:
    """Measured abstention: the image with its 95 % interval, and all images."""
    name, rates = frames["setting"].image[0], frames["rates"]
    own, every = (rates[(rates.panel == panel) & (rates.series == series)] for series in (name, "all images"))
    if len(own):
        arms = style.whiskers(own.value, own.low, own.high)
        axis.errorbar(own.x, own.value, arms, fmt="o", color="C0", ms=5, lw=1, capsize=2, label=f"{name}, measured")
    label = f"all {len(frames['images'])} images, measured"
    axis.plot(every.x, every.value, "s-", color="black", ms=4.5, lw=1, label=label)
    axis.set(xscale="log", ylabel="share of CERTIFY runs that ABSTAIN", ylim=(-0.02, 1.02))


def _line(frames: Frames, panel: str, series: str) -> pd.DataFrame:
    lines = frames["exact"]
    return lines[(lines.panel == panel) & (lines.series == series)]


def _draw_guesses(axis: Axes, frames: Frames) -> None:
    """Abstention against n0: exact lines, measured dots."""
    about = frames["setting"].iloc[0]
    for series, look, colour, text in (
        (about.image, "-", "C0", f"{about.image}, its vote shares"),
        ("one rival", "--", "C1", f"$p_A$ = {P_EXAMPLE:g}, one rival"),
        ("seven rivals", ":", "C2", f"$p_A$ = {P_EXAMPLE:g}, seven rivals"),
    ):
        part = _line(frames, "n0, exact", series)
        axis.plot(part.x, part.value, look, color=colour, label=f"{text}: exact")
    _dots(axis, frames, "n0")
    title = f"1. Wrong guess: increase $n_0$ (here n = {about.n_half:,})"
    axis.set(xlabel="samples $n_0$ for the guess", title=title)
    axis.legend(fontsize=8, loc="upper right")


def _draw_training(axis: Axes, frames: Frames) -> None:
    """Shares of the top class under both trainings, marked by where CERTIFY abstains."""
    about, images = frames["setting"].iloc[0], frames["images"]
    sigma, trained = f"{about.sigma:g}", f"{about.trained:g}"
    looks = {"both": ("s", "C3", "C3"), f"trained at {trained} only": ("v", "C4", "C4")}
    looks |= {f"trained at {sigma} only": ("D", "C1", "C1"), "neither": ("o", "0.45", "none")}
    for state, (marker, colour, fill) in looks.items():
        part = images[images.state == state]
        label = f"abstains: {state} ({len(part)})"
        axis.plot(part.share_other, part.share, marker, color=colour, mfc=fill, ms=5, ls="none", label=label)
    own = images[images.chosen]
    ring: dict = {"color": "C0", "ms": 12, "mfc": "none", "mew": 1.6, "ls": "none", "label": about.image}
    axis.plot(own.share_other, own.share, "o", **ring)
    axis.axhline(0.5, color="0.4", lw=1)
    axis.axvline(0.5, color="0.4", lw=1)
    axis.plot([0, 1], [0, 1], ":", color="0.4", lw=1)
    abstained = images[images.state != "neither"] if (images.state != "neither").any() else images
    ends = abstained[["share", "share_other"]].min().min() - 0.03, 1.02
    axis.set(xlim=ends, ylim=ends, title=rf"2. $p_A \leq 1/2$: train with the noise, $\sigma$ = {sigma}")
    axis.set(xlabel=rf"top share of votes, trained at $\sigma$ = {trained}", ylabel=rf"trained at $\sigma$ = {sigma}")
    axis.legend(**LEGEND)


def _draw_samples(axis: Axes, frames: Frames) -> None:
    """Abstention against n: exact lines, measured dots, and the share of images that no n reaches."""
    about = frames["setting"].iloc[0]
    for p, look, colour in zip(P_THEORY, ("-.", "--"), ("C3", "C1")):
        part = _line(frames, "n, exact", f"p_A = {p:g}")
        axis.plot(part.x, part.value, look, color=colour, label=f"$p_A$ = {p:g}: exact")
    part = _line(frames, "n, exact", about.image)
    axis.plot(part.x, part.value, "-", color="C0", label=f"{about.image}, its vote share (95 %): exact")
    axis.fill_between(part.x, part.low, part.high, color="C0", alpha=0.15, lw=0)
    _dots(axis, frames, "n")
    never = frames["reasons"][BELOW].iloc[0] / len(frames["images"])
    axis.axhline(never, color="black", lw=1, ls=(0, (1, 3)), label="all images: no class above 1/2")
    title = f"3. Bound too loose: increase n (here $n_0$ = {about.n0})"
    axis.set(xlabel="samples n for the bound", title=title)
    axis.legend(**LEGEND)


def _draw_reasons(axis: Axes, frames: Frames) -> None:
    """Bars: abstentions in each setting, cut by reason."""
    counted, images = frames["reasons"], len(frames["images"])
    left = np.zeros(len(counted))
    for reason, colour, hatch in zip((WRONG, BELOW, LOOSE, OPEN), ("C1", "C3", "C5", "0.8"), ("", "///", "...", "")):
        part = 100 * counted[reason].to_numpy() / images
        axis.barh(range(len(counted)), part, left=left, color=colour, hatch=hatch, ec="white", label=reason)
        left += part
    for y, value in enumerate(left):
        axis.text(value + 1, y, f"{value:.0f} %", va="center")
    axis.set_yticks(range(len(counted)), counted.setting)
    axis.set(xlim=(0, 110), ylim=(len(counted) - 0.5, -0.5), xlabel=f"share of the {images} images [%]")
    axis.set(xticks=range(0, 101, 20), title="Abstentions by the reason that all votes show")
    axis.grid(axis="y", visible=False)
    axis.legend(**LEGEND)
