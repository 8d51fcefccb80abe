"""The design of sigma(x): levels by the distance to the training set.

The level sigma(x) = sigma_b exp(r (d_k(x) - m)) of every test image, d_k(x) its mean l2 distance to the k nearest training
images; the slope of log sigma between every pair of them, which may not exceed r; what that costs in certified radius; whether
the images that get more noise are the harder ones. The images with the lowest and the highest levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs import _sigma

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from resmooth.plan import Run

EXAMPLES = 8  # images shown of either end
PROBABILITIES = (0.9, 0.99)
ROUNDING = 1e-9  # relative, of a slope


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates under sigma(x), whose column sigma holds the levels, and the images; None without such noise."""
    return {"certificates": _sigma.certificates(run, "idrs"), "images": [_sigma.images(run)]} if run.idrs else None


def compute(run: Run) -> Frames:
    """about: the noise; pairs: slopes of log sigma, in units of r (of 1, where r = 0); images, levels, pictures: see below."""
    frame = _sigma.read(run, "idrs")
    law = _sigma.law(run, frame)
    images = levels_of_images(frame, law.rate, law.m)
    pixels = np.load(_sigma.images(run))["images"][images.idx] / 255
    return {
        "about": pd.DataFrame([{"rate": law.rate, "k": law.k, "m": law.m, "dim": law.dim}]),
        "images": images,
        "pairs": pd.DataFrame({"of r": _sigma.slopes(images.ratio.to_numpy(), pixels) / (law.rate or 1.0)}),
        "levels": pd.concat([cost(base, part, law.rate, law.dim) for base, part in frame.groupby("base", sort=False)]),
        "pictures": extremes(images, pixels),
    }


def levels_of_images(frame: pd.DataFrame, rate: float, m: float) -> pd.DataFrame:
    """ratio sigma(x) / sigma_b and distance d_k(x) of each image. ValueError if they differ between the base levels."""
    ratios = (frame.sigma / frame.base).to_numpy().reshape(frame.base.nunique(), -1)
    if not np.allclose(ratios, ratios[0], rtol=1e-12, atol=0):
        raise ValueError("sigma(x) / sigma_b differs between the base levels: these certificates are not of one design")
    first = frame[frame.base == frame.base.iloc[0]]
    distance = m + np.log(ratios[0]) / rate if rate else np.nan
    return pd.DataFrame({"idx": first.idx, "label": first.label, "distance": distance, "ratio": ratios[0]})


def cost(base: float, part: pd.DataFrame, rate: float, dim: int) -> pd.DataFrame:
    """What the design costs and gives at one base level: one row.

    Certified radius over Cohen's sigma Phi^-1(p_A), at equal sigma and p_A, at the lowest, the mean and the highest level of the
    images; and the rank correlation (Spearman) of sigma(x) with the lower bound on the right class's probability, 0 where the
    answer is wrong.
    """
    from scipy import stats

    from resmooth.smoothing.idrs import certified_radius

    row = {"sigma_b": base, "lowest": part.sigma.min(), "mean": part.sigma.mean(), "highest": part.sigma.max()}
    for p_a in PROBABILITIES:
        for name in ("lowest", "mean", "highest"):
            cohen = row[name] * special.ndtri(p_a)
            row[f"radius / Cohen's, {name}, p_A = {p_a:g}"] = certified_radius(p_a, row[name], rate, dim) / cohen
    share = np.where(part.correct == 1, part.p_lower, 0)
    known = len(np.unique(share)) > 1 and part.sigma.nunique() > 1
    test = stats.spearmanr(part.sigma, share) if known else (np.nan, np.nan)
    return pd.DataFrame([row | {"correlation with p_lower": test[0], "p-value": test[1]}])


def extremes(images: pd.DataFrame, pixels: np.ndarray) -> pd.DataFrame:
    """The images with the lowest and the highest ratio, up to EXAMPLES of either: a row each, ascending.

    Index: (end, label, ratio); columns: (row, column, channel) of a pixel, values in [0, 1].
    """
    order = np.argsort(images.ratio.to_numpy(), kind="stable")
    number = min(EXAMPLES, len(order) // 2)
    chosen = np.concatenate([order[:number], order[len(order) - number :]])
    ends = ["lowest levels"] * number + ["highest levels"] * number
    index = pd.MultiIndex.from_arrays([ends, images.label.to_numpy()[chosen], images.ratio.to_numpy()[chosen]])
    columns = pd.MultiIndex.from_product(map(range, pixels.shape[1:]))
    return pd.DataFrame(pixels[chosen].reshape(len(chosen), len(columns)), index, columns)


def table(frames: Frames) -> pd.DataFrame:
    """Images, then levels."""
    return pd.concat([frames["images"].assign(part="image"), frames["levels"].assign(part="level")], ignore_index=True)


def here(frames: Frames) -> str:
    """The design of this run, and what it makes of the test images."""
    images, about = frames["images"], frames["about"].iloc[0]
    distance, ratio = images.distance, images.ratio
    return (
        f"{len(images)} test images, {about.dim:g} pixels, k = {about.k:g}, r = {about.rate:g}, m = {about.m:g}. $d_k$ is "
        f"{distance.mean():.3f} on average ({distance.min():.3f} to {distance.max():.3f}), so $\\sigma(x) / \\sigma_b$ is "
        f"{ratio.mean():.4f} on average ({ratio.min():.4f} to {ratio.max():.4f})."
    )


def findings(frames: Frames) -> list[Finding]:
    """Semi-elasticity on all pairs; then the spread of the levels, by class, and where more noise goes."""
    images, rate = frames["images"], frames["about"].rate.iloc[0]
    found = [_semi_elastic(frames["pairs"]["of r"], rate)]
    ratio = images.ratio
    found.append(
        observation(
            f"The levels differ by a factor of {ratio.max() / ratio.min():.3f} between the extreme images, "
            f"{100 * ratio.std(ddof=0) / ratio.mean():.1f} % in standard deviation: with a semi-elasticity of r = {rate:g} the "
            "method can deviate from one constant level by no more than the spread of distances allows."
        )
    )
    medians = images.groupby("label").ratio.median()
    if len(medians) > 1:
        found.append(
            observation(
                f"Among classes the median level, over the base level, runs from {medians.min():.3f} (class "
                f"{medians.idxmin()}) to {medians.max():.3f} (class {medians.idxmax()}): a class whose images lie close "
                "together gets less noise."
            )
        )
    correlations = [
        f"at sigma_b = {row.sigma_b:g} {row['correlation with p_lower']:+.2f} (p = {row['p-value']:.2g})"
        for _, row in frames["levels"].iterrows()
        if np.isfinite(row["correlation with p_lower"])
    ]
    if correlations:
        found.append(
            observation(
                "Hard images lie further from the training set where the rank correlation of sigma(x) with the right class's "
                f"lower bound is negative: {'; '.join(correlations)}, on {len(images)} images. There, more noise goes to the "
                "images that are harder already."
            )
        )
    text = (
        "Test images are no neighbours of themselves. A training image is, at distance 0; the levels at which variable-noise "
        "training draws leave it out, since only certificates need the one fixed function."
    )
    return [*found, observation(text)]


def _semi_elastic(steepness: pd.Series, rate: float) -> Finding:
    """No pair steeper than r: counted over all pairs, not estimated."""
    if steepness.empty:
        return Finding(
            "idrs-semi_elastic", "not resolved", "This run has no pair of different images: no slope to look at."
        )
    most, steeper = steepness.max(), int((steepness > (1 + ROUNDING if rate else 0)).sum())
    unit = "of r" if rate else "per unit of length"
    reason = (
        f"Of {len(steepness):,} pairs of images {steeper or 'none'} {'is' if steeper < 2 else 'are'} steeper than r = {rate:g} "
        f"allows; the steepest reaches {most:.3f} {unit}, {steepness.mean():.3f} on average: slack that the certificate cannot "
        "use. Counted over all pairs, without an interval; that it holds for every pair is proved."
    )
    return Finding("idrs-semi_elastic", "fails" if steeper else "holds", reason, most, most, most, unit)


def draw(frames: Frames) -> Figure:
    """Above, the levels, by class, and the slopes; below, the images with the lowest and the highest level."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11, 6.6))
    plots, pictures = figure.subfigures(2, 1, height_ratios=(3.3, 3.3), squeeze=False).flat
    _draw_levels(plots, frames["images"], frames["pairs"]["of r"])
    _draw_pictures(pictures, frames["pictures"])
    return figure


def _draw_levels(figure: SubFigure, images: pd.DataFrame, steepness: pd.Series) -> None:
    """Histogram of the levels, boxes by class, histogram of the slopes."""
    left, middle, right = figure.subplots(1, 3)
    ratio = images.ratio.to_numpy()
    top = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "top"}
    left.hist(ratio, bins=min(25, max(5, len(ratio) // 4)), color="C0")
    left.axvline(1, color="0.3", ls="--", lw=1.2)
    left.annotate("$\\sigma_b$", (1, 0.97), xytext=(4, 0), **top)
    left.set(title="Levels of the test images", xlabel="$\\sigma(x) / \\sigma_b$", ylabel="images")
    groups = images.groupby("label").ratio
    look = {"widths": 0.6, "medianprops": {"color": "C1", "lw": 1.6}, "flierprops": {"ms": 3}}
    middle.boxplot([part.to_numpy() for _, part in groups], tick_labels=list(groups.groups), **look)
    middle.set(title="Levels by class", xlabel="class", ylabel="$\\sigma(x) / \\sigma_b$")
    right.hist(steepness, bins=40, color="C2")
    right.axvline(1, color="C1", lw=1.6)
    right.annotate("allowed: r", (1, 0.97), xytext=(-4, 0), ha="right", **top)
    slope = "$|\\log\\sigma(x) - \\log\\sigma(y)|\\,/\\,(r\\,|x-y|_2)$"
    right.set(title="Slopes between pairs of images", xlabel=slope, ylabel="pairs")
    right.set_xlim(0, 1.04 * max(1, steepness.max()))


def _draw_pictures(figure: SubFigure, pictures: pd.DataFrame) -> None:
    """Two rows of images, lowest and highest levels, each with its class and ratio."""
    number, shape = len(pictures) // 2, [len(level) for level in pictures.columns.levels]
    axes = figure.subplots(2, max(1, number), squeeze=False)
    for i, ((_, label, ratio), pixels) in enumerate(zip(pictures.index, pictures.to_numpy())):
        axis = axes[divmod(i, number)]
        axis.imshow(pixels.reshape(shape).squeeze(), cmap="gray" if shape[-1] == 1 else None, vmin=0, vmax=1)
        axis.set_title(f"{label}: {ratio:.3f}", fontsize=9, loc="center")
    for row, title in zip(axes, ("lowest levels", "highest levels")):
        row[0].set_ylabel(title)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
    title = "The images with the lowest and the highest level (class: $\\sigma(x) / \\sigma_b$)"
    figure.suptitle(title, fontsize=10, x=0.01, ha="left")
