"""Known answers of every interval, and how often each covers the true value in simulated data."""

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from scipy import stats

from resmooth.stats import intervals
from resmooth.stats.intervals import Estimate

REPETITIONS = 4000


def coverage(estimates, true):
    """How many intervals hold the true value, and how many there are."""
    low, high = np.array([(one.low, one.high) for one in estimates], dtype=float).T
    return int(((low <= true) & (true <= high)).sum()), len(low)


def assert_exact(estimates, true, level=0.95):
    """Coverage is the nominal level: a two-sided binomial test does not reject it."""
    held, count = coverage(estimates, true)
    assert stats.binomtest(held, count, level).pvalue > 1e-3, held / count


def assert_no_less(estimates, true, level=0.95):
    """Coverage does not lie below the nominal level: a one-sided binomial test does not reject it."""
    held, count = coverage(estimates, true)
    assert stats.binomtest(held, count, level, alternative="less").pvalue > 1e-3, held / count


# Known answers


def test_paired_mean_is_the_interval_of_the_t_test():
    differences = np.random.default_rng(0).normal(0.1, 1, 30)
    for level in (0.5, 0.95, 0.99):
        low, high = stats.ttest_1samp(differences, 0).confidence_interval(level)
        assert intervals.paired_mean(differences, level) == pytest.approx((differences.mean(), low, high))
        assert intervals.between_seeds(differences, level) == intervals.paired_mean(differences, level)
    value, low, high = intervals.paired_mean([1.0])
    assert value == 1 and np.isnan([low, high]).all()


def test_two_seeds_make_an_interval_of_12_7_standard_errors():
    value, low, high = intervals.between_seeds([1.0, 3.0])
    assert value == 2 and high - value == pytest.approx(12.7062, abs=1e-4) == value - low
    assert np.isnan(intervals.between_seeds([1.0]).low)


def test_paired_shares_by_hand():
    first, second = (
        np.repeat([True, True, False, False], [5, 3, 1, 1]),
        np.repeat([True, False, True, False], [5, 3, 1, 1]),
    )
    half = stats.norm.ppf(0.975) * np.sqrt(
        3.5 + 1.5 - 2**2 / 12
    )  # cells 3 and 1, half an image more in each, of 10 + 2
    assert intervals.paired_shares(first, second) == pytest.approx((0.2, (2 - half) / 12, (2 + half) / 12))
    value, low, high = intervals.paired_shares([True] * 50, [True] * 50)
    assert value == 0 and low < 0 < high
    assert intervals.paired_shares([True], [False]).high == 1  # ends at what a difference can be


def test_paired_bounded_is_that_of_bonett_and_price_for_two_shares():
    first, second = (
        np.repeat([True, True, False, False], [5, 3, 1, 1]),
        np.repeat([True, False, True, False], [5, 3, 1, 1]),
    )
    value, low, high = intervals.paired_bounded(first.astype(float) - second)
    p, q = (3 + 1) / 12, (1 + 1) / 12
    half = stats.norm.ppf(0.975) * np.sqrt(
        (p + q - (p - q) ** 2) / 11
    )  # they divide by N + 2 = 12, a variance with ddof = 0
    assert (value, low, high) == pytest.approx((0.2, p - q - half, p - q + half))


def test_paired_bounded_takes_a_curve_and_never_has_width_zero():
    differences = np.random.default_rng(0).uniform(-1, 1, (40, 7))
    curve = intervals.paired_bounded(differences)
    assert curve.low.shape == (7,)
    alone = intervals.paired_bounded(differences[:, 3])
    assert (curve.value[3], curve.low[3], curve.high[3]) == pytest.approx(alone)
    assert intervals.paired_bounded(np.zeros(30)).sign() == 0 and intervals.paired_bounded(np.zeros(30)).low < 0


def test_relative_gain_by_hand():
    single, ensemble = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0])
    residuals = ensemble - 1.5 * single
    half = stats.t.ppf(0.975, 2) * residuals.std(ddof=1) / np.sqrt(3) / 2
    assert intervals.relative_gain(ensemble, single) == pytest.approx((0.5, 0.5 - half, 0.5 + half))
    assert intervals.relative_gain(1.25 * single, single) == pytest.approx((0.25, 0.25, 0.25))
    assert np.isnan(intervals.relative_gain(single, np.zeros(3))).all()


def test_normal_intervals_by_hand():
    assert intervals.from_error(2.0, 0.5) == pytest.approx((2, 2 - 0.979982, 2 + 0.979982), abs=1e-6)
    assert intervals.unpaired(3.0, 0.3, 1.0, 0.4) == pytest.approx(intervals.from_error(2.0, 0.5))
    assert intervals.from_error([1.0, 2.0], [0.1, np.nan], 0.9).low == pytest.approx(
        [1 - 0.164485, np.nan], nan_ok=True
    )


def test_bootstrap_intervals_by_hand():
    replicates = np.arange(101.0)[:, None] * [1, 2]
    assert intervals.bootstrap_percentile([50, 100], replicates, 0.9).low == pytest.approx([5, 10])
    value, low, high = intervals.bootstrap_se([1.0, 1.0], replicates)
    assert high - value == pytest.approx(1.959964 * replicates.std(axis=0, ddof=1)) == value - low
    weights = intervals.image_weights(30, 8, np.random.default_rng(0))
    assert weights.shape == (8, 30) and (weights.sum(axis=1) == 30).all()


def test_the_percentile_interval_is_that_of_scipy():
    radii, generator = np.random.default_rng(0).exponential(size=60), np.random.default_rng(1)
    replicates = intervals.image_weights(60, 20_000, generator) @ radii / 60
    ours = intervals.bootstrap_percentile(radii.mean(), replicates)
    theirs = stats.bootstrap((radii,), np.mean, method="percentile", n_resamples=20_000, rng=generator)
    assert (ours.low, ours.high) == pytest.approx(theirs.confidence_interval, rel=0.01)
    assert ours.high - ours.value == pytest.approx(2 * theirs.standard_error, rel=0.15)


def test_signs_and_units():
    assert [Estimate(0, *ends).sign() for ends in ((1, 2), (-2, -1), (-1, 1), (0, 1), (np.nan, np.nan))] == [
        1,
        -1,
        0,
        0,
        0,
    ]
    assert Estimate(0, np.array([1, -1]), np.array([2, 1])).sign().tolist() == [1, 0]
    assert Estimate(0.5, 0.25, 0.75).times(100) == (50, 25, 75)
    with pytest.raises(ValueError, match="must be positive"):
        Estimate(0.5, 0.25, 0.75).times(-1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: intervals.paired_mean([]), "at least one image"),
        (lambda: intervals.between_seeds([]), "at least one network"),
        (lambda: intervals.paired_mean(np.zeros((3, 2))), "shape \\(3, 2\\)"),
        (lambda: intervals.paired_mean([1, 2], 95), "level must lie between 0 and 1"),
        (lambda: intervals.from_error(1, 1, 1.0), "level must lie between 0 and 1"),
        (lambda: intervals.bootstrap_percentile(1, [1, 2], 0), "level must lie between 0 and 1"),
        (lambda: intervals.paired_shares([True], [True, False]), "the same images"),
        (lambda: intervals.paired_shares([], []), "at least one"),
        (lambda: intervals.paired_bounded([0.5, 1.5]), "must lie in \\[-1, 1\\]"),
        (lambda: intervals.relative_gain([1.0], [1.0, 2.0]), "the same images"),
    ],
)
def test_wrong_data_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_import_is_light():
    code = "import sys, resmooth.stats; sys.exit(bool({'torch', 'scipy.stats', 'pandas'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Coverage


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("images", [2, 12])
def test_paired_mean_covers_exactly_for_normal_differences(images, level):
    draws = np.random.default_rng(images).normal(0.3, 2, (REPETITIONS, images))
    assert_exact([intervals.paired_mean(row, level) for row in draws], 0.3, level)
    assert_exact([intervals.between_seeds(row, level) for row in draws], 0.3, level)


def radii(generator, images):
    """Radii of a single model and an ensemble on the same images: most spread is shared, a fifth of the images are wrong."""
    single = generator.gamma(2, 0.3, (REPETITIONS, images)) * (generator.random((REPETITIONS, images)) < 0.8)
    ensemble = single * generator.uniform(0.9, 1.4, single.shape) + 0.05 * (generator.random(single.shape) < 0.1)
    return single, ensemble, 0.48, 0.48 * 1.15 + 0.005  # and their true means


def test_paired_mean_covers_for_radii():
    single, ensemble, mean, better = radii(np.random.default_rng(0), 150)
    held, count = coverage(map(intervals.paired_mean, ensemble - single), better - mean)
    assert 0.935 < held / count < 0.96  # differences of radii are skewed: approximate


def test_paired_mean_covers_too_rarely_where_few_images_carry_the_mean():
    generator = np.random.default_rng(0)
    draws = generator.exponential(size=(REPETITIONS, 100)) * (generator.random((REPETITIONS, 100)) < 0.05)
    held, count = coverage(map(intervals.paired_mean, draws), 0.05)
    assert 0.80 < held / count < 0.90  # the deficit that its docstring names: 5 of 100 images differ at all


@pytest.mark.parametrize(
    "wrong",
    [
        lambda one, other: intervals.from_error(  # ignores the pairing: far too wide
            one.mean() - other.mean(), np.hypot(one.std(ddof=1), other.std(ddof=1)) / np.sqrt(len(one))
        ),
        lambda one, other: Estimate(*(np.array(intervals.paired_mean(one - other)) @ half for half in HALF)),
        lambda one, other: intervals.paired_mean(one - other, 0.9),
    ],
    ids=["unpaired", "half the width", "another level"],
)
def test_the_check_of_coverage_rejects_wrong_intervals(wrong):
    single, ensemble, mean, better = radii(np.random.default_rng(0), 150)
    with pytest.raises(AssertionError):
        assert_exact(list(map(wrong, ensemble, single)), better - mean)


HALF = np.array([(1, 0, 0), (0.5, 0.5, 0), (0.5, 0, 0.5)])  # rows: weights of value, low and high


def test_the_normal_interval_of_three_seeds_would_cover_too_rarely():
    draws = np.random.default_rng(0).normal(size=(REPETITIONS, 3))
    normal = [intervals.from_error(row.mean(), row.std(ddof=1) / np.sqrt(3)) for row in draws]
    assert coverage(normal, 0)[0] / REPETITIONS < 0.85
    assert_exact(map(intervals.between_seeds, draws), 0)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_intervals_from_standard_errors_cover_exactly(level):
    generator = np.random.default_rng(0)
    first, second = generator.normal(1, 0.3, REPETITIONS), generator.normal(0.4, 0.1, REPETITIONS)
    assert_exact([intervals.from_error(x, 0.3, level) for x in first], 1, level)
    assert_exact([intervals.unpaired(x, 0.3, y, 0.1, level) for x, y in zip(first, second)], 0.6, level)


@cache
def all_outcomes(made, images, level):
    """Intervals of every pair (won, lost) of images, low and high [images + 1, images + 1]; nan where there are too many."""
    ends = np.full((2, images + 1, images + 1), np.nan)
    for won in range(images + 1):
        for lost in range(images + 1 - won):
            first, second = np.zeros((2, images), dtype=bool)
            first[:won], second[won : won + lost] = True, True
            ends[:, won, lost] = made(first, second, level)[1:]
    return ends


def exact(ends, gained, lost):
    """Exact probabilities that an interval covers gained - lost, and that it lies above zero, for these true shares of images."""
    images = ends.shape[1] - 1
    k = np.arange(images + 1)
    won = stats.binom.pmf(k, images, gained)[:, None]
    chance = won * stats.binom.pmf(k, np.maximum(images - k, 0)[:, None], lost / (1 - gained))
    low, high = ends
    return (chance * ((low <= gained - lost) & (gained - lost <= high))).sum(), (chance * (low > 0)).sum()


PAIRED = {
    "Agresti-Min": intervals.paired_shares,
    "Bonett-Price": lambda first, second, level: intervals.paired_bounded(first.astype(float) - second, level),
}
SHARES = np.linspace(0.005, 0.45, 60)


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_intervals_of_paired_shares_cover_on_average_and_err_at_zero_by_no_more_than_stated(name, level):
    ends, tail = all_outcomes(PAIRED[name], 100, level), (1 - level) / 2
    covered, above = np.array([exact(ends, p, p) for p in SHARES]).T  # no difference
    assert covered.min() > level - 0.005 and above.max() < min(1.2 * tail, tail + 0.0021)
    covered = [exact(ends, p, p / 3)[0] for p in SHARES]  # a difference
    assert np.mean(covered) > level - 0.002


@pytest.mark.parametrize(("name", "least"), [("Agresti-Min", 0.86), ("Bonett-Price", 0.935)])
def test_intervals_of_paired_shares_cover_too_rarely_where_few_images_differ_in_one_direction(name, least):
    ends = all_outcomes(PAIRED[name], 100, 0.95)
    covered = [exact(ends, p, 0)[0] for p in SHARES]
    assert least < min(covered) < 0.95  # the deficit that the docstrings name
    assert np.mean(covered) > 0.94
    if name == "Agresti-Min":
        assert min(covered) < 0.88 and max(exact(all_outcomes(PAIRED[name], 30, 0.95), p, p)[1] for p in SHARES) < 0.033


def test_half_the_width_would_be_found_out():
    low, high = all_outcomes(PAIRED["Agresti-Min"], 100, 0.95)
    half = np.stack([0.75 * low + 0.25 * high, 0.25 * low + 0.75 * high])
    assert exact(half, 0.2, 0.2)[0] < 0.72 and exact(half, 0.2, 0.2)[1] > 0.1


def test_paired_shares_is_not_that_of_independent_shares():
    u = np.random.default_rng(0).random((100, 200))
    first, second = u < 0.55, (u < 0.5) | (u > 0.95)
    widths = [np.diff(intervals.paired_shares(*pair)[1:])[0] for pair in zip(first, second)]
    apart = [2 * 1.96 * np.sqrt((a.var() + b.var()) / 200) for a, b in zip(first, second)]
    assert np.mean(widths) < 0.7 * np.mean(apart)


@pytest.mark.parametrize("chance", [0.05, 0.3])
def test_paired_bounded_covers(chance):
    generator = np.random.default_rng(0)
    hits = generator.random((4, 100, REPETITIONS)) < np.array([0.6 + chance, 0.6, 0.6, 0.6])[:, None, None]
    shared = generator.random((100, REPETITIONS)) < 0.7  # on most images all agree
    hits = np.where(shared, hits[1], hits)
    curve = intervals.paired_bounded(hits[0] - hits[1:].mean(axis=0))
    assert_no_less([Estimate(*one) for one in zip(*curve)], 0.3 * chance)
    narrow = [Estimate(*(np.array(one) @ half for half in HALF)) for one in zip(*curve)]
    with pytest.raises(AssertionError):
        assert_no_less(narrow, 0.3 * chance)


def test_relative_gain_covers_and_its_denominator_counts():
    single, ensemble, mean, better = radii(np.random.default_rng(0), 150)
    assert_exact(list(map(intervals.relative_gain, ensemble, single)), better / mean - 1)
    generator = np.random.default_rng(
        1
    )  # a single model that is independent of the ensemble: the denominator's chance matters
    other = generator.gamma(2, 0.3, ensemble.shape)
    assert_exact(list(map(intervals.relative_gain, ensemble, other)), better / 0.6 - 1)
    fixed = [intervals.paired_mean(e - m).times(1 / m.mean()) for e, m in zip(2 * ensemble, other)]
    with pytest.raises(AssertionError):  # the denominator taken for fixed, where the gain is far from zero
        assert_exact(fixed, 2 * better / 0.6 - 1)


def test_relative_gain_of_few_images_covers_a_little_too_rarely():
    single, ensemble, mean, better = radii(np.random.default_rng(2), 10)
    held, count = coverage(map(intervals.relative_gain, ensemble, single), better / mean - 1)
    assert 0.86 < held / count < 0.90  # the deficit that its docstring names


def test_bootstrap_intervals_cover_a_mean_and_a_ratio():
    generator = np.random.default_rng(0)
    single, ensemble, mean, better = radii(generator, 400)
    weights = intervals.image_weights(400, 3000, generator)  # the same samples for all repetitions
    one, other = (weights @ x.T / 400 for x in (single, ensemble))
    for made in (intervals.bootstrap_se, intervals.bootstrap_percentile):
        for value, replicates, true in (
            (single.mean(axis=1), one, mean),
            (ensemble.mean(axis=1) / single.mean(axis=1), other / one, better / mean),
        ):
            held, count = coverage([Estimate(*line) for line in zip(*made(value, replicates))], true)
            assert 0.935 < held / count < 0.96  # approximate, by the number of images and of bootstrap samples
            narrow = made(value, replicates, level=0.673)  # half the width
            assert coverage([Estimate(*line) for line in zip(*narrow)], true)[0] / count < 0.72
