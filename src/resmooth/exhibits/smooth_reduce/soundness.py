r"""Noise on patches is not noise on the image.

Smooth-Reduce, the Remark of section 3 and the paragraph on resizing in section 4. The network sees patches
:math:`P_i x + z_i` with noise of their own, and the paper takes Cohen's radius R as one of the image, as the :math:`P_i` are
linear. It is a radius of the stacked patches; for the image it must be divided by :math:`L = \|(P_1; \dots; P_k)\|`
(`resmooth.noise.lifts`). All L at the paper's settings, a linear classifier whose boundary lies nearer than R, and random ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce import _soundness_numbers as numbers
from resmooth.exhibits.smooth_reduce._looks import SPACES as LOOKS
from resmooth.stats.decisions import decide, span
from resmooth.stats.intervals import exact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run


def compute(run: Run | None = None) -> Frames:
    """norms, resizes: L; pixels: what a patch makes of image noise; example, simulated: linear ones. The same for every run."""
    return {name: getattr(numbers, name)() for name in ("norms", "resizes", "pixels", "example", "simulated")}


def here(frames: Frames) -> str:
    """The cases."""
    simulated = frames["simulated"]
    return (
        f"**Here.** {len(frames['norms'])} operator norms at the paper's sizes, without images; {len(frames['example'])} linear "
        f"classifiers exactly; and {simulated.classifiers.max():,} random ones at each of {simulated.width.nunique()} widths of "
        "blur. One colour channel: with three, every norm is the same. No network and no data: every run shows the same."
    )


def findings(frames: Frames) -> list[Finding]:
    """The Remark, its sentence on the standard deviation, and resizing; then what can be said instead."""
    return [
        _remark(frames["example"], frames["simulated"]),
        _deviation(frames["pixels"]),
        _resizing(frames["resizes"]),
        _printed(frames["norms"]),
        _divided(frames["example"], frames["simulated"]),
        _closed_form(frames["norms"]),
    ]


def _remark(example: pd.DataFrame, simulated: pd.DataFrame) -> Finding:
    """Whether the published radius stays within the distance to the boundary."""
    parts = [(k, part["claimed / true"]) for k, part in example.groupby("k")]
    words = " and ".join(f"{span(part, '.3f')} (k = {k})" for k, part in parts)
    least = exact(parts[0][1].max())
    smooth = simulated[(simulated.noise_space == "patch") & (simulated.k == parts[0][0])]
    some = smooth.loc[(smooth.share - 0.5).abs().idxmin()]
    reason = (
        f"For linear classifiers the published radius is {words} times the true distance to the boundary, at constant, bump and "
        f"best weights; so adversarial images lie inside it. Of {some.classifiers:,} random classifiers of {some.k} patches it "
        f"is too large for {100 * some.share:.1f} % ({100 * some.low:.1f} to {100 * some.high:.1f}) at weights blurred by "
        f"{some.width:g} pixel, for {100 * smooth.share.iloc[0]:.0f} % at white and {100 * smooth.share.iloc[-1]:.0f} % at the "
        "smoothest weights."
    )
    claim = "smooth_reduce-patch_noise_is_image_noise"
    return Finding(claim, decide(least, "below", than=1), reason, *least, "published radius / true distance")


def _deviation(pixels: pd.DataFrame) -> Finding:
    """Whether a linear patch leaves the standard deviation of the noise as it is."""
    first = pixels.iloc[0]
    reason = (
        f"White noise of standard deviation sigma on the image gives pixels of a patch {first.least_sd:.2f} to "
        f"{first.largest_sd:.2f} sigma (root mean square {span(pixels.rms_sd, '.3f')}), and neighbours in a row correlate by "
        f"{span(pixels.neighbours, '.2f')} on average ({', '.join(pixels.data)}). White noise on the patches is another noise: "
        "the network sees more of it, and every patch sees other noise."
    )
    value = exact(first.rms_sd)
    return Finding("smooth_reduce-patch_noise_sd", decide(value, "equal", than=1), reason, *value, "of sigma")


def _resizing(resizes: pd.DataFrame) -> Finding:
    """Whether L is the same at every size of the resized image."""
    (side, small), (other, large) = resizes.groupby("side")
    by_size = ", ".join(f"{row.L_resized:.2f} at {row.resized_to}" for row in large.itertuples())
    most = small.loc[small.L_four_patches.idxmax()]
    reason = (
        f"With noise on the resized image L grows from 1 at {side} pixels to {small.L_resized.iloc[-1]:.3f} at "
        f"{small.resized_to.iloc[-1]}, and from {other} pixels it is {by_size}: the image's radius is smaller by that. With "
        f"noise on four corner patches it grows from {small.L_four_patches.iloc[0]:.2f} to {most.L_four_patches:.2f} at "
        f"{most.resized_to:.0f} pixels, and falls only as they cease to overlap."
    )
    value = exact(small.L_resized.iloc[-1] / small.L_resized.iloc[0])
    verdict = decide(value, "equal", than=1)
    return Finding("smooth_reduce-resizing_leaves_radius", verdict, reason, *value, "L / L without resizing")


def _printed(norms: pd.DataFrame) -> Finding:
    """By how much the printed radii are too large."""
    cut = norms[(norms.noise == "patches") & (norms.layout == "even grid")]
    words = "; ".join(
        f"{data}: {', '.join(f'{row.L:.3f} (k = {row.k})' for row in part.itertuples())}"
        for data, part in cut.groupby("data", sort=False)
    )
    return observation(
        "With noise on the patches, as the paper describes its experiments, a radius is certified for the image only after "
        f"division by L. {words}. The norm is about sqrt(k), by which averaging lowers the noise of the score: what k patches "
        "gain in R, L takes back."
    )


def _divided(example: pd.DataFrame, simulated: pd.DataFrame) -> Finding:
    """R / L, which is proved, is not refuted either, and is not much too small."""
    space = simulated.groupby("noise_space", sort=False)
    words = ", ".join(f"{name} {part.largest_divided.max():.3f}" for name, part in space)
    best = span(example.groupby("k")["divided / true"].max(), ".3f")
    return observation(
        f"R / L exceeds the true distance in {simulated.violated_divided.sum()} of {simulated.classifiers.sum():,} cases "
        "(a random linear classifier, a noise space, a number of patches); at most it reaches this share of the "
        f"distance: {words}. At the best weights it is {best} of the distance, so that no much smaller L would do."
    )


def _closed_form(norms: pd.DataFrame) -> Finding:
    """sqrt(k) ||A||, for every layout."""
    over = 100 * (norms["sqrt(k) ||A||"] / norms.L - 1)
    return observation(
        f"sqrt(k) ||A||, with ||A|| the norm of the resizing, is never below L, and at these settings at most {over.max():.2f} % "
        "above it: where the patches lie hardly matters as long as all of them overlap."
    )


def draw(frames: Frames) -> Figure:
    """L against k and against the size; below, how often radii are too large, and the largest claimed over true distance."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(12, 8.4))
    _draw_norms(axes[0][0], frames["norms"])
    _draw_resizes(axes[0][1], frames["resizes"])
    four = frames["simulated"][frames["simulated"].k == 4]
    _draw_shares(axes[1][0], four)
    _draw_ratios(axes[1][1], four, frames["example"])
    return figure


def _draw_norms(axis: Axes, norms: pd.DataFrame) -> None:
    cut = norms[(norms.noise == "patches") & (norms.layout == "even grid")]
    for number, (data, part) in enumerate(cut.groupby("data", sort=False)):
        axis.plot(part.k, part.L, color=f"C{number}", marker="os^"[number], ls=("-", "--", "-.")[number], label=data)
    drawn = norms[norms.layout == "random, worst"]
    axis.plot(drawn.k, drawn.L, "x", color="black", ms=8, label="CIFAR-10, random patches, worst case")
    axis.axhline(1, color="C2", lw=1.4, ls=":", label="as the paper takes it")
    axis.set(xlabel="number of patches k", ylabel="L", ylim=(0, 6), xticks=sorted(set(cut.k)))
    axis.set_title("Norm L by which a radius under patch noise is divided")
    axis.legend(loc="upper left", fontsize=9)


def _draw_resizes(axis: Axes, resizes: pd.DataFrame) -> None:
    for number, (side, part) in enumerate(resizes.groupby("side")):
        look: dict[str, Any] = {"color": f"C{number}", "marker": "os"[number]}
        factor = part.resized_to / side
        axis.plot(factor, part.L_four_patches, ls="--", label=f"{side} pixels, four corner patches", **look)
        axis.plot(factor, part.L_resized, ls="-", mfc="white", label=f"{side} pixels, the resized image", **look)
    axis.axhline(1, color="C2", lw=1.4, ls=":", label="as the paper takes it")
    axis.set(xlabel="side after resizing / before", ylabel="L", ylim=(0, 4.6))
    axis.set_title("Resizing: L of noise on the resized image, or its patches")
    axis.legend(loc="upper left", fontsize=9, ncols=2)


def _draw_shares(axis: Axes, four: pd.DataFrame) -> None:
    for space, part in four.groupby("noise_space", sort=False):
        error = [100 * (part.share - part.low), 100 * (part.high - part.share)]
        axis.errorbar(part.width, 100 * part.share, _no_less(error), capsize=2, ms=5, **LOOKS[str(space)])
    divided = four.groupby("width").violated_divided.sum()
    look: dict[str, Any] = {"color": "black", "ms": 7, "label": "all three, divided by L", "zorder": 3}
    axis.plot(divided.index, 100 * divided / four.classifiers.max(), "x", **look)
    axis.set(xlabel="blur of the random weights [pixels]", ylabel="classifiers [%]", ylim=(-4, 104))
    axis.set_title("Radius as published beyond the boundary, k = 4")
    axis.legend(loc="center right", fontsize=9)


def _no_less(error: list) -> list:
    """Lengths of error bars, none below zero by rounding."""
    return [part.clip(lower=0) for part in error]


def _draw_ratios(axis: Axes, four: pd.DataFrame, example: pd.DataFrame) -> None:
    for space, part in four.groupby("noise_space", sort=False):
        axis.plot(part.width, part.largest_ratio, ms=5, **LOOKS[str(space)])
    best = example[example.k == 4]
    for row, style in zip(best.itertuples(), (":", "--", "-")):
        axis.axhline(row[5], color="0.45", lw=1, ls=style, label=f"{row.weight} weight: {row[5]:.3f}")
    axis.axhline(best.L.iloc[0], color="black", lw=1.4, label=f"L = {best.L.iloc[0]:.3f}")
    axis.set(xlabel="blur of the random weights [pixels]", ylabel="radius / distance", ylim=(0.4, 2.4))
    axis.set_title("Largest published radius over the true distance, k = 4")
    axis.legend(loc="lower right", fontsize=8.5, ncols=2)
