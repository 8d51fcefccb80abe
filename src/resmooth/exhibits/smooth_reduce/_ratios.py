"""Ratios of average certified radii on the same images, and how such a ratio changes, with intervals by the delta method.

`resmooth.stats.intervals.relative_gain` is the ratio of two ACRs over all images, less 1. These are its relatives. Every argument
is [N], one value for each image, in the same order; images are a random sample, networks are fixed. nan throughout where what is
divided by is not positive.
"""

from __future__ import annotations

import numpy as np

from resmooth.stats.intervals import Estimate, paired_mean


def ratio_over_correct(
    first: np.ndarray, second: np.ndarray, first_right: np.ndarray, second_right: np.ndarray, level: float = 0.95
) -> Estimate:
    """ACR of `first` over its own correct images / that of `second` over its own. Radii are 0 where the class is wrong."""
    above, its = _ratio(first, first_right)
    below, other = _ratio(second, second_right)
    if not below > 0:
        return Estimate(np.nan, np.nan, np.nan)
    value = above / below
    return _around(value, (its - value * other) / below, level)


def change_of_gain(
    late: np.ndarray, late_one: np.ndarray, early: np.ndarray, early_one: np.ndarray, level: float = 0.95
) -> Estimate:
    """mean(late) / mean(late_one) - mean(early) / mean(early_one), a fraction: by how much a relative gain has grown."""
    after, its = _ratio(late, late_one)
    before, other = _ratio(early, early_one)
    return _around(after - before, its - other, level)


def _ratio(over: np.ndarray, under: np.ndarray) -> tuple[float, np.ndarray]:
    """mean(over) / mean(under), and how each image moves it [N], to first order."""
    over, under = np.asarray(over, dtype=float), np.asarray(under, dtype=float)
    if not under.mean() > 0:
        return np.nan, np.full(len(under), np.nan)
    value = over.mean() / under.mean()
    return value, (over - value * under) / under.mean()


def _around(value: float, residuals: np.ndarray, level: float) -> Estimate:
    _, low, high = paired_mean(residuals, level)
    return Estimate(value, value + low, value + high)
