"""The numbers of the exhibit `soundness`: operator norms, a linear counter-example, and random linear classifiers.

A linear score w . u of each patch u decides between two classes by its sign, and Smooth-Mean takes their mean. With noise of
standard deviation sigma and B the mean of the patches as a matrix, an image of mean score m has the distance m / |B^T w|
to the boundary. CERTIFY's radius, without error of sampling, is R = m / s, where s is the standard deviation of the mean score
over sigma: |B^T w| for noise on the image, |C^T w| on the resized image (C cuts and averages), |w| / sqrt(k) on the patches.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from resmooth.noise.lifts import Offsets, operator_norm, supremum_norm
from resmooth.noise.singular import resizing_matrix
from resmooth.smoothing.bounds import clopper_pearson

SIDE, RESIZE, PATCH = 32, 36, 32  # CIFAR-10 in the source
IMAGENET = (224, 256, 224)
NUMBERS, NUMBERS_IMAGENET = (4, 9, 16, 25), (4, 8, 16)  # of patches
SIZES = (34, 36, 38, 40, 44, 48, 56, 64)  # of the resized CIFAR-10 image
SIZES_IMAGENET = (256, 384, 512, 640)  # the source's Fig. 4a, and its default
WIDTHS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0)  # pixels by which white weights are blurred
CLASSIFIERS = 1000  # for each width
SPACES = ("image", "resized", "patch")
SEED = 0
TOLERANCE = 1e-9  # radii that exceed by less are equal


def norms() -> pd.DataFrame:
    """L of every noise space at the source's settings, beside sqrt(k) ||A||, A being the resizing; each computed once."""
    rows = []

    def add(data: str, noise: str, layout: str, k: int, norm: float, resize: float) -> None:
        rows.append((data, noise, layout, k, norm, math.sqrt(k) * resize))

    for data, (side, resize, patch), numbers in (
        ("CIFAR-10, 32 to 36", (SIDE, RESIZE, PATCH), NUMBERS),
        ("ImageNet, 224 to 256", IMAGENET, NUMBERS_IMAGENET),
    ):
        scale = operator_norm(side, resize, patch, [(0, 0)], "resized")
        add(data, "image: one", "any", 1, operator_norm(side, resize, patch, [(0, 0)], "image"), 1)
        for k in numbers[:1]:
            add(data, "image: one for each patch", "any", k, operator_norm(side, None, side, [(0, 0)] * k, "patch"), 1)
        add(data, "resized image: one", "any", 1, scale, scale)
        for k in numbers:
            offsets = places(k, resize, patch)
            add(data, "patches", "even grid", k, operator_norm(side, resize, patch, offsets, "patch"), scale)
        if data.startswith("CIFAR"):
            for k in (4, 10):
                add(data, "patches", "random, worst", k, supremum_norm(side, resize, patch, k, "patch"), scale)
    _, side, patch = IMAGENET
    for k in NUMBERS_IMAGENET:
        norm = operator_norm(side, None, patch, places(k, side, patch), "patch")
        add("ImageNet, declared at 256", "patches", "even grid", k, norm, 1)
    columns = ["data", "noise", "layout", "k", "L", "sqrt(k) ||A||"]
    return pd.DataFrame(rows, columns=columns).assign(series="norms")


def places(k: int, side: int, patch: int) -> Offsets:
    """The even grid of k patches from corner to corner, as `resmooth.classifiers.patches.layout_offsets` has it."""
    from resmooth.classifiers.patches import layout_offsets

    return layout_offsets("corners", k, side, patch)


def resizes() -> pd.DataFrame:
    """L against the side of the resized image: noise on it, and on its four corner patches of the original size (CIFAR-10)."""
    rows = []
    for side, sizes in ((SIDE, (SIDE, *SIZES)), (IMAGENET[0], (IMAGENET[0], *SIZES_IMAGENET))):
        for size in sizes:
            resized = operator_norm(side, size, side, [(0, 0)], "resized")
            corners = operator_norm(side, size, side, places(4, size, side), "patch") if size > side else 2.0
            rows.append((side, size, resized, corners, 2 * resized))
    columns = ["side", "resized_to", "L_resized", "L_four_patches", "sqrt(k) ||A||"]
    return pd.DataFrame(rows, columns=columns).assign(series="resizes")


def pixels() -> pd.DataFrame:
    """What the first patch makes of white image noise: the standard deviation of its pixels over sigma, and of neighbours."""
    rows = []
    for data, (side, resize, patch) in (
        ("CIFAR-10, 32 to 36", (SIDE, RESIZE, PATCH)),
        ("ImageNet, 224 to 256", IMAGENET),
    ):
        matrix = resizing_matrix(side, resize)[:patch]
        length = np.linalg.norm(matrix, axis=1)
        next_to = (matrix[:-1] * matrix[1:]).sum(axis=1) / (length[:-1] * length[1:])
        rows.append((data, length.min() ** 2, np.mean(length**2), length.max() ** 2, next_to.mean()))
    return pd.DataFrame(rows, columns=["data", "least_sd", "rms_sd", "largest_sd", "neighbours"]).assign(
        series="pixels"
    )


def cut_matrix(offsets: Offsets) -> np.ndarray:
    """C [PATCH^2, RESIZE^2]: the mean of the patches at `offsets` of a resized image."""
    cut, pixel = np.zeros((PATCH**2, RESIZE**2)), np.arange(PATCH**2)
    for row, column in offsets:
        inside = np.arange(row, row + PATCH)[:, None] * RESIZE + np.arange(column, column + PATCH)
        cut[pixel, inside.ravel()] += 1 / len(offsets)
    return cut


def whole_resize() -> np.ndarray:
    """A [RESIZE^2, SIDE^2]: the resizing of a whole image."""
    rows = resizing_matrix(SIDE, RESIZE)
    return np.kron(rows, rows)


def example() -> pd.DataFrame:
    """The claimed radius over the true distance, for three weights: constant, a Hann bump, and the best of all."""
    bump = np.hanning(PATCH + 2)[1:-1]
    rows = []
    for k in (4, 25):
        offsets = places(k, RESIZE, PATCH)
        mean = cut_matrix(offsets) @ whole_resize()
        norm = operator_norm(SIDE, RESIZE, PATCH, offsets, "patch")
        best = leading(mean)
        for name, weight in (
            ("constant", np.ones(PATCH**2)),
            ("Hann bump", np.outer(bump, bump).ravel()),
            ("best", best),
        ):
            distance = np.linalg.norm(weight) / np.linalg.norm(mean.T @ weight)  # of a mean score |w|
            rows.append(
                (k, name, math.sqrt(k), distance, math.sqrt(k) / distance, norm, math.sqrt(k) / norm / distance)
            )
    columns = ["k", "weight", "claimed", "true", "claimed / true", "L", "divided / true"]
    return pd.DataFrame(rows, columns=columns).assign(series="example")


def leading(mean: np.ndarray, steps: int = 300) -> np.ndarray:
    """The weight w that makes |B^T w| / |w| largest, by power iteration from the constant one."""
    weight = np.ones(len(mean))
    for _ in range(steps):
        weight = mean @ (mean.T @ weight)
        weight /= np.linalg.norm(weight)
    return weight


def simulated() -> pd.DataFrame:
    """How often the radius exceeds the true distance for random linear classifiers: as published (R), and divided (R / L).

    The weights are white noise, blurred by a Gaussian of each width; the same for all noise spaces. `low` and `high` are the 95 %
    interval of the share as published.
    """
    generator, rows = np.random.default_rng(SEED), []
    weights = {width: blurred(generator.standard_normal((CLASSIFIERS, PATCH, PATCH)), width) for width in WIDTHS}
    for k in (4, 25):
        offsets = places(k, RESIZE, PATCH)
        cut = cut_matrix(offsets)
        mean = cut @ whole_resize()
        norm = {space: operator_norm(SIDE, RESIZE, PATCH, offsets, space) for space in SPACES}
        for width, weight in weights.items():
            truth = np.linalg.norm(weight @ mean, axis=1)  # 1 / distance of an image of mean score 1
            seen = {"image": truth, "resized": np.linalg.norm(weight @ cut, axis=1)}
            seen["patch"] = np.linalg.norm(weight, axis=1) / math.sqrt(k)
            rows += [(k, width, space, *counted(truth / seen[space], norm[space])) for space in SPACES]
    columns = ["k", "width", "noise_space", "classifiers", "violated", "share", "low", "high"]
    more = ["largest_ratio", "L", "violated_divided", "largest_divided"]
    return pd.DataFrame(rows, columns=[*columns, *more]).assign(series="simulated")


def blurred(white: np.ndarray, width: float) -> np.ndarray:
    """White weights [N, PATCH, PATCH], blurred by a Gaussian of `width` pixels, flattened."""
    if width:
        apart = np.arange(PATCH)[:, None] - np.arange(PATCH)
        kernel = np.exp(-(apart**2) / (2 * width**2))
        white = kernel @ white @ kernel
    return white.reshape(len(white), -1)


def counted(ratio: np.ndarray, norm: float) -> tuple:
    """Of R over the distance, for each classifier: how many exceed 1, the interval of their share, and the same of R / L."""
    n, violated = len(ratio), int((ratio > 1 + TOLERANCE).sum())
    low, high = clopper_pearson(violated, n, 0.05, side="both")
    divided = ratio / norm
    ends = float(low), float(high)
    return n, violated, violated / n, *ends, ratio.max(), norm, int((divided > 1 + TOLERANCE).sum()), divided.max()
