"""Confidence intervals, each written once. Each docstring says what is random: images, networks or bootstrap samples.

Every interval takes its data first and `level` (two-sided, 0.95 by default) last, and returns an `Estimate`, so that an interval
can be passed as a function (`decisions.every`). The interval of a share, k of n images, is
`resmooth.smoothing.bounds.clopper_pearson(k, n, 1 - level, side="both")`.

Two designs must not be confused. Methods compared on the same images are *paired*: easy and hard images cancel in the
differences, and the networks are fixed. `between_seeds` is about training: it compares independently trained networks.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

Value = Any  # a float, or a float64 array: of what shape, only the caller knows


class Estimate(NamedTuple):
    """A value with the ends of its confidence interval: numbers, or arrays of one shape. Unpacks as (value, low, high).

    The ends are nan where the data allow no interval.
    """

    value: Value
    low: Value
    high: Value

    def sign(self) -> int | np.ndarray:
        """+1 where the whole interval lies above zero, -1 where below, 0 where it holds zero or is nan."""
        sign = np.greater(self.low, 0).astype(int) - np.less(self.high, 0).astype(int)
        return sign if sign.ndim else int(sign)

    def times(self, factor: float) -> "Estimate":
        """The estimate in another unit, as `times(100)` for per cent. ValueError for a factor that is not positive."""
        if not factor > 0:
            raise ValueError(f"factor must be positive, or low and high change places; got {factor}")
        return Estimate(*(factor * part for part in self))


def exact(value: float) -> Estimate:
    """A number without uncertainty: its interval is itself."""
    return Estimate(float(value), float(value), float(value))


def from_error(value: ArrayLike, error: ArrayLike, level: float = 0.95) -> Estimate:
    """The normal interval value +- z * error of numbers whose standard errors are known. Arrays of one shape, or numbers.

    `error`: a printed standard error, that of a metric (`metrics.acr_se`) or of a Monte-Carlo mean. Too narrow where the error
    is estimated from a few values; `paired_mean` uses the t distribution.
    """
    value, half = np.asarray(value, dtype=float)[()], _normal(level) * np.asarray(error, dtype=float)[()]
    return Estimate(value, value - half, value + half)


def unpaired(
    first: ArrayLike, first_error: ArrayLike, second: ArrayLike, second_error: ArrayLike, level: float = 0.95
) -> Estimate:
    """first - second, independent of each other, from their standard errors: the normal interval, as an Estimate.

    For printed values, whose single images are not known. On the same images the errors are not independent, and
    `paired_mean` of the differences gives a much narrower interval.
    """
    difference = np.subtract(first, second, dtype=float)
    return from_error(difference, np.hypot(first_error, second_error), level)


def paired_mean(differences: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean of differences between two methods on the same images [N], with its t interval; nan ends for a single image.

    Images are a random sample; the methods' networks are fixed. The interval has width zero if all differences are equal, and
    covers too rarely where a few images carry the mean (85 % where 5 of 100 differ at all, tests): for differences of shares take
    `paired_shares` or `paired_bounded`. ValueError without an image.
    """
    return _student(differences, level, "image")


def between_seeds(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean over independently trained networks [S], one value each, with its t interval; nan ends below two networks.

    Use it also for differences between two recipes trained from the same seeds. With two networks the interval is wide (12.7
    standard errors on each side), because they hardly determine the spread between seeds. ValueError without a network.
    """
    return _student(values, level, "network")


def paired_shares(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Estimate:
    """Difference of two shares on the same images (bool [N] each), fractions: share of `first` less that of `second`.

    The interval is that of Agresti and Min 2005 (half an image is added to each of the four cells), never of width zero.
    Approximate: without a true difference it lies above zero in at most 2.7 % of samples of 100 images (nominal 2.5; 3.2 % of
    30 images); but where few images differ, all of them in one direction, it covers the difference in 87 % only (exact, tests).
    ValueError if the two differ in length, or without an image.
    """
    first, second = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if first.shape != second.shape or first.ndim != 1 or len(first) == 0:
        raise ValueError(
            f"two shares need the same images, at least one: got arrays of {first.shape} and {second.shape}"
        )
    only_first, only_second = (first & ~second).sum() + 0.5, (second & ~first).sum() + 0.5
    middle, size = only_first - only_second, len(first) + 2
    half = _normal(level) * np.sqrt(only_first + only_second - middle**2 / size)
    low, high = max(-1.0, (middle - half) / size), min(1.0, (middle + half) / size)
    return Estimate(first.mean() - second.mean(), low, high)


def paired_bounded(differences: ArrayLike, level: float = 0.95) -> Estimate:
    """Mean over images of differences in [-1, 1], as of an ensemble's hit and the share of its members that hit.

    `differences` [N, ...]: the mean is over the first axis, so that a whole curve [N, radii] is one call. One image won (+1) and
    one lost (-1) are added, after Bonett and Price 2012, who do so for two shares; so no interval has width zero. Each point
    has its own interval: they do not hold jointly along a curve. For two shares of 100 images it covers
    the difference in 93.6 % at least, more than `paired_shares` (exact, tests). ValueError for differences outside [-1, 1].
    """
    differences = np.asarray(differences, dtype=float)
    if len(differences) == 0 or not np.abs(differences).max() <= 1:
        raise ValueError("differences must lie in [-1, 1], one image at least")
    more = np.concatenate([differences, np.ones_like(differences[:1]), -np.ones_like(differences[:1])])
    mean, half = more.mean(axis=0), _normal(level) * more.std(axis=0, ddof=1) / np.sqrt(len(more))
    return Estimate(differences.mean(axis=0), np.maximum(-1, mean - half), np.minimum(1, mean + half))


def relative_gain(ensemble: ArrayLike, single: ArrayLike, level: float = 0.95) -> Estimate:
    """mean(ensemble) / mean(single) - 1, a fraction, from values of the same images (for example radii, [N] each).

    The interval is the t interval of the residuals e - (1 + g) m (e of the ensemble, m of the single model, g the gain)
    over mean(single): the delta method, which accounts for the chance in the denominator. Approximate: with 150 images
    of skewed radii it covers as it should, with ten in 88 % (tests). nan throughout where mean(single) is not positive.
    ValueError if the two differ in length, or without an image.
    """
    ensemble, single = np.asarray(ensemble, dtype=float), np.asarray(single, dtype=float)
    if ensemble.shape != single.shape or ensemble.size == 0:
        raise ValueError(
            f"a gain needs the same images, at least one: got arrays of {ensemble.shape} and {single.shape}"
        )
    if not single.mean() > 0:
        return Estimate(np.nan, np.nan, np.nan)
    gain = ensemble.mean() / single.mean() - 1
    _, low, high = paired_mean(ensemble - (1 + gain) * single, level)
    return Estimate(gain, gain + low / single.mean(), gain + high / single.mean())


# Bootstrap. scipy.stats.bootstrap takes a statistic of arrays of observations and draws the samples itself. Here several
# statistics, several noises or two levels of sigma must see the *same* samples, so that their differences are paired, and many
# are weighted means, for which all samples are one matrix product. So weights are drawn once.


def image_weights(images: int, samples: int, generator: np.random.Generator) -> np.ndarray:
    """How often each image is in each bootstrap sample: whole numbers [samples, images], every row sums to `images`."""
    return generator.multinomial(images, np.full(images, 1 / images), size=samples)


def bootstrap_se(value: ArrayLike, replicates: ArrayLike, level: float = 0.95) -> Estimate:
    """value +- z * (standard deviation of its bootstrap replicates [samples, ...] over the first axis, ddof = 1).

    The interval is centred on the value even if the replicates are biased, as for a maximum or a spread: resampling adds its own
    randomness to that of the data. Use this for such statistics, and `bootstrap_percentile` for skewed, unbiased ones.
    """
    return from_error(value, np.std(np.asarray(replicates), axis=0, ddof=1), level)


def bootstrap_percentile(value: ArrayLike, replicates: ArrayLike, level: float = 0.95) -> Estimate:
    """The value with the percentiles (1 +- level) / 2 of its bootstrap replicates [samples, ...] over the first axis.

    Ratios of sums over images keep their skewness; the interval has no width where all images are equal.
    """
    _check(level)
    ends = np.round([0.5 - level / 2, 0.5 + level / 2], 12)  # 0.025, not the 0.025000000000000022 of floating point
    low, high = np.quantile(np.asarray(replicates), ends, axis=0)
    return Estimate(np.asarray(value, dtype=float)[()], low, high)


def _student(values: ArrayLike, level: float, unit: str) -> Estimate:
    """The t interval of a mean [N]; `unit` names in the error what is missing."""
    _check(level)
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"a mean needs a list with at least one {unit}, got an array of shape {values.shape}")
    mean, half = np.mean(values), np.nan
    if len(values) > 1:
        t = special.stdtrit(len(values) - 1, 0.5 + level / 2)  # scipy.stats.t.ppf, without its second of import
        half = t * np.std(values, ddof=1) / np.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)


def _normal(level: float) -> float:
    """Standard errors on each side of a two-sided normal interval: 1.96 at 0.95."""
    _check(level)
    return special.ndtri(0.5 + level / 2)


def _check(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1 (0.95 for 95 %), got {level}")
