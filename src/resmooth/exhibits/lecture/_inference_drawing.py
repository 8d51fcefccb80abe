"""The picture of lecture/inference: abstention and errors, exact; abstention on the run; which image is answered by which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Frames
from resmooth.exhibits.lecture._inference_numbers import AGAIN, LEVELS, METHODS, N_ERROR, POINTS, TIES, named

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEGEND: dict = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": 2, "fontsize": 8}  # below the panel
STYLES = {1: "--", 2: "-"}
FLOOR = 1e-6  # least error that is drawn


def draw(frames: Frames) -> Figure:
    """All four panels."""
    import matplotlib.pyplot as plt

    drawn, ((exact, error), (sampled, plane)) = plt.subplots(2, 2, figsize=(11.5, 9.6))
    _draw_exact(exact, frames)
    _draw_errors(error, frames)
    _draw_measured(sampled, frames)
    _draw_plane(plane, frames)
    return drawn


def _line(frame: pd.DataFrame, series: str, method: int) -> pd.DataFrame:
    return frame[(frame.series == series) & (frame.method == method)]


def _draw_exact(axis: Axes, frames: Frames) -> None:
    """Exact abstention against n. PREDICT1 knows p_A only: one line for each p_A."""
    rows, drawn = frames["abstention"], set()
    for p, colour in zip(POINTS, ("C0", "C2", "C1")):
        if p[0] not in drawn:
            part = _line(rows, named(p), 1)
            axis.plot(part.x, part.value, "--", color=colour, label=f"PREDICT1, $p_A$ = {named(p[:1])}")
        drawn.add(p[0])
        part = _line(rows, named(p), 2)
        axis.plot(part.x, part.value, "-", color=colour, label=f"PREDICT2, p = {named(p)}")
    axis.set(xscale="log", xlabel="samples n", ylabel="probability of ABSTAIN", ylim=(-0.02, 1.02))
    axis.set_title(rf"Abstention, exact ($\alpha$ = {frames['setting'].alpha[0]:g})")
    axis.legend(**LEGEND)


def _draw_errors(axis: Axes, frames: Frames) -> None:
    """Exact errors against alpha, and what was seen on the run: an arrow where no error was."""
    two, three = map(named, TIES)
    for series, method, colour, look, text in (
        (two, 1, "C0", "--", f"PREDICT1, p = {two}"),
        (two, 2, "C0", "-", f"PREDICT2, p = {two}"),
        (three, 2, "C4", "-", "PREDICT2, p = 1/3, 1/3, 1/3"),
        (named(POINTS[-1]), 2, "C1", "-", f"PREDICT2, p = {named(POINTS[-1])}"),
        (AGAIN, 1, "C3", ":", f"PREDICT1, p = {two}, asked every 10 votes"),
    ):
        part = _line(frames["errors"], series, method)
        axis.plot(part.x, part.value.where(part.value > FLOOR / 10), look, color=colour, label=text, lw=1.4)
    axis.plot(LEVELS, LEVELS, color="black", lw=1.2, label=r"allowed: $\alpha$")
    for method, marker, shift in zip(METHODS, ("o", "s"), (0.93, 1.07)):
        part = frames["wrong"][frames["wrong"].method == method]
        if part.empty:
            continue
        none = (part.value == 0).to_numpy()
        at = part.value.where(~none, part.high)
        arms = style.whiskers(at, part.low.where(~none, part.high / 2), part.high)
        dots: dict = {"color": "black", "mfc": "white", "ms": 5, "lw": 1, "uplims": none, "capsize": 2}
        label = f"PREDICT{method}, run (arrow: end of 95 % interval)"
        axis.errorbar(part.x * shift, at, arms, fmt=marker, label=label, **dots)
    axis.set(xscale="log", yscale="log", ylim=(FLOOR, 1), xlabel=r"$\alpha$", ylabel="probability of a wrong answer")
    axis.set_title(f"Wrong answers, exact (n = {N_ERROR})")
    axis.legend(**LEGEND)


def _draw_measured(axis: Axes, frames: Frames) -> None:
    """Abstention on the run against n: lines are what the other half of the votes predicts."""
    images, about = frames["images"], frames["setting"].iloc[0]
    chosen = [f"image {idx}" for idx in images.idx[images.chosen]]
    for series, colour, marker in zip(["all images", *chosen], ("black", "C1"), ("s", "o")):
        for method, look in STYLES.items():
            part, line = (_line(frames[name], series, method) for name in ("measured", "expected"))
            if part.empty:
                continue
            axis.plot(line.x, line.value, look, color=colour, lw=1.2)
            dots: dict = {"color": colour, "mfc": "white" if method == 1 else colour, "ms": 5, "lw": 1, "capsize": 2}
            arms = style.whiskers(part.value, part.low, part.high)
            axis.errorbar(part.x, part.value, arms, fmt=marker, label=f"PREDICT{method}, {series}", **dots)
    level: dict = {"color": "0.4", "lw": 1, "ls": (0, (1, 3)), "label": "images with no majority class"}
    axis.axhline(images.minority.mean(), **level)
    axis.set(xscale="log", xlabel="samples n", ylabel="share of PREDICT runs that ABSTAIN", ylim=(-0.02, 1.02))
    axis.set_title(f"Abstention, {len(images)} images under $\\sigma$ = {about.sigma:g} (lines: expected)")
    axis.legend(**LEGEND)


def _draw_plane(axis: Axes, frames: Frames) -> None:
    """Each image at its two largest probabilities, marked by which procedure answers it."""
    images, about = frames["images"], frames["setting"].iloc[0]
    looks = {"both": ("o", "0.45", "none"), "only PREDICT2": ("D", "C1", "C1")}
    looks |= {"only PREDICT1": ("^", "C0", "C0"), "neither": ("x", "black", "black")}
    for kind, (marker, colour, fill) in looks.items():
        part = images[images.answered_by == kind]
        label = f"{kind} answer{'s' * (kind != 'both')} ({len(part)})"
        axis.plot(part.p_a, part.p_b, marker, color=colour, mfc=fill, ms=5, ls="none", label=label)
    for own in images[images.chosen].itertuples():
        ring: dict = {"color": "C1", "mfc": "none", "ms": 12, "mew": 1.6, "ls": "none", "label": f"image {own.idx}"}
        axis.plot(own.p_a, own.p_b, "o", **ring)
    axis.plot([0, 0.5], [0, 0.5], color="0.4", lw=1)
    axis.plot([0.5, 1], [0.5, 0], color="0.4", lw=1)
    axis.axvline(0.5, color="0.4", lw=1, ls="--")
    axis.set(xlim=(max(0, images.p_a.min() - 0.05), 1.01), ylim=(-0.01, 0.52))
    axis.set(xlabel="$p_A$ (share in the second half)", ylabel="$p_B$", title=f"Who answers with n = {about.n:,}")
    axis.legend(**LEGEND)
