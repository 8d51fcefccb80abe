r"""Checks of a printed number by per-image logs, or by the other printed numbers alone.

A radius in a log is :math:`R = \sigma \Phi^{-1}(p)`, p the Clopper-Pearson lower bound for k of n samples at level
alpha (Cohen et al. 2019, CERTIFY). So n samples give at most n + 1 different radii, the largest for k = n. The largest radii
lie far enough apart to determine the alpha of a log.
"""

import math
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from resmooth import metrics, noise
from resmooth.smoothing import bounds

ALPHAS = (0.05, 0.01, 0.001, 0.0001)  # the levels that a log is tested for
TOP = 6  # so many of the largest possible radii are compared: further down they lie closer than a log's rounding


def radius_ceiling(sigma: float, n: float, alpha: float) -> float:
    r"""Largest l2 radius that n samples can certify, in units of the image: :math:`\sigma \Phi^{-1}(\alpha^{1/n})`."""
    return float(sigma * _radii(np.array([n]), int(n), alpha)[0])


def _radii(counts, n, alpha):
    """Radius, in units of sigma, that each of `counts` out of n samples certifies; 0 where CERTIFY abstains."""
    return noise.make("normal", dim=1, sigma=1.0).radius(bounds.clopper_pearson(counts, n, alpha), norm=2)


def acr_bounds(curve: ArrayLike, radii: ArrayLike, max_radius: float) -> tuple[float, float]:
    r"""Bounds (lower, upper) on the average certified radius over all images that a certified-accuracy row allows.

    `curve` [M]: certified accuracies, as fractions, at ascending `radii` [M] (units of the [0, 1] image); no radius
    exceeds `max_radius`. The ACR is the area under the whole curve, which never increases: the right Riemann sum is the
    lower bound; the left one, continued to `max_radius`, is the upper. Below radii[0] the curve lies between curve[0]
    and 1. For the ACR over correct images, divide both by the certified accuracy at radius 0. ValueError if no curve
    can be so.
    """
    curve, radii = np.asarray(curve, dtype=float), np.asarray(radii, dtype=float)
    if curve.ndim != 1 or curve.shape != radii.shape or len(curve) == 0:
        raise ValueError("curve and radii must be two rows of the same length, at least 1")
    if not (radii[0] >= 0 and np.all(np.diff(radii) > 0)):
        raise ValueError("radii must ascend from 0 or above")
    if not (np.all((curve >= 0) & (curve <= 1)) and np.all(np.diff(curve) <= 0)):
        raise ValueError("certified accuracies must be fractions that never increase with the radius")
    if np.any(curve[radii > max_radius] > 0):
        raise ValueError(f"certified accuracy must be 0 beyond the largest possible radius {max_radius:.4g}")
    edges = np.minimum(np.concatenate([[0.0], radii, [max_radius]]), max_radius)
    widths = np.diff(edges)
    return float(widths[:-1] @ curve), float(widths @ np.concatenate([[1.0], curve]))


def fitted_alpha(frame: pd.DataFrame, sigma: float, n: float) -> float:
    """The alpha, out of ALPHAS, at which a log was made with n samples, determined by its largest radii; else nan.

    An alpha fits if at least three different radii lie among the TOP largest possible ones, and each equals one of
    these to the three significant digits that logs print. Exactly one alpha must fit.
    """
    fits = [alpha for alpha in ALPHAS if _fits(np.unique(frame["radius"]), sigma, int(n), alpha)]
    return fits[0] if len(fits) == 1 else float("nan")


def _fits(radii, sigma, n, alpha):
    possible = sigma * _radii(n - np.arange(TOP), n, alpha)
    largest = radii[radii > (possible[-1] + possible[-2]) / 2]
    if len(largest) < 3:
        return False
    misfit = np.abs(largest[:, None] - possible).min(axis=1)
    half_digit = 0.5 * 10.0 ** (np.floor(np.log10(largest)) - 2)
    return bool(np.all(misfit <= half_digit + 1e-9))


def at_alpha(frame: pd.DataFrame, sigma: float, n: float, made_at: float, alpha: float) -> pd.DataFrame:
    """A log made at level `made_at` as it would read at the smaller level `alpha`: same counts, other confidence.

    Each radius is turned back into its count of n, to within the log's rounding. Returns `frame` with new `radius` and
    `correct`; an image that now abstains counts as wrong. ValueError for a larger alpha: abstentions hide their counts.
    """
    if alpha > made_at:
        raise ValueError(f"a log made at alpha = {made_at} does not tell what alpha = {alpha} would certify")
    before, after = _all_radii(int(n), made_at), _all_radii(int(n), alpha)
    radius = np.asarray(frame["radius"], dtype=float)
    radius = np.where(radius > 0, sigma * after[_nearest(before, radius / sigma)], 0.0)
    return frame.assign(radius=radius, correct=np.where(radius > 0, frame["correct"], 0))


@lru_cache(maxsize=8)
def _all_radii(n, alpha):
    """Radii, in units of sigma, of the counts n // 2 ... n, ascending."""
    return _radii(np.arange(n // 2, n + 1), n, alpha)


def _nearest(grid, values):
    """Index of the entry of the ascending `grid` that is nearest to each of `values`."""
    right = np.clip(np.searchsorted(grid, values), 1, len(grid) - 1)
    return right - (values - grid[right - 1] < grid[right] - values)


def samples_for(radius: float, sigma: float, alpha: float) -> int:
    r"""Fewest samples that certify an l2 radius R (units of the image): :math:`\ln \alpha / \ln \Phi(R / \sigma)`, rounded up."""
    return math.ceil(math.log(alpha) / special.log_ndtr(radius / sigma))


def trapezoid(curve: ArrayLike, radii: ArrayLike, max_radius: float) -> float:
    """The area under a certified-accuracy row by the trapezoid rule, its last value continued to `max_radius`.

    Arguments as in `acr_bounds`, between whose bounds it lies if radii[0] is 0. An estimate of the ACR over all images.
    """
    curve, radii = np.asarray(curve, dtype=float), np.asarray(radii, dtype=float)
    curve, radii = curve[radii <= max_radius], radii[radii <= max_radius]
    return float(np.diff(radii) @ (curve[1:] + curve[:-1]) / 2 + curve[-1] * (max_radius - radii[-1]))


def measure(frame: pd.DataFrame, metric: str, radius: float, over: str) -> tuple[float, float, float, float]:
    """Returns (value, standard error, low, high) of a metric on a log; low and high end a 95 % confidence interval.

    `metric` "certified_accuracy" and its like in other norms: percent of all images at `radius`; "abstention": share of all
    images on which CERTIFY abstains; both with the Clopper-Pearson interval. "acr": average certified radius over "all" or
    "correct" images (`over`), with the normal interval. Images count as a random sample.
    """
    if metric != "acr":
        abstains = metric == "abstention"
        share = float(metrics.abstention_rate(frame) if abstains else metrics.certified_accuracy(frame, radius))
        low, high = bounds.clopper_pearson(round(share * len(frame)), len(frame), 0.05, side="both")
        error, unit = math.sqrt(share * (1 - share) / len(frame)), 1 if abstains else 100
        return unit * share, unit * error, unit * float(low), unit * float(high)
    value, error = metrics.acr(frame, over), metrics.acr_se(frame, over)
    return value, error, value - 1.96 * error, value + 1.96 * error


def verdict(printed: float, digits: int, ours: float) -> str:
    """Compare our value with a printed one of `digits` decimals: "reproduced", "rounding" or "differs".

    reproduced: ours rounds to the printed one. rounding: ours truncates to it, or is off by at most one unit of its
    last digit. A value half-way between two printed ones rounds to both.
    """
    off = abs(ours - printed) * 10**digits
    return "reproduced" if off <= 0.5 + 1e-6 else "rounding" if off <= 1 + 1e-6 else "differs"


def truncates(printed: float, digits: int, ours: float) -> bool:
    """Whether cutting `ours` off after `digits` decimals gives the printed number."""
    return -1e-6 <= (ours - printed) * 10**digits < 1 - 1e-6
