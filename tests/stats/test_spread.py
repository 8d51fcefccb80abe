"""Class-wise spread: chance, the unbiased true variance, and coverage of their intervals."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from soundness_helpers import repetitions

from resmooth.stats import metrics, spread

REPETITIONS = repetitions(long=2000, short=1000)
SIZES = np.array([40, 60, 80, 100, 120])
TRUE = np.array([0.9, 0.8, 0.85, 0.6, 0.7])


def accuracies(generator, true=TRUE, sizes=SIZES):
    """Observed class accuracies in repeated samples of images [repetitions, C]."""
    return generator.binomial(sizes, true, (REPETITIONS, len(sizes))) / sizes


def test_observed_is_the_class_spread_of_a_table():
    frame = pd.DataFrame({"label": [7, 2, 2, 7, 7, 9], "correct": [1, 0, 1, 1, 0, 0]})
    assert spread.observed(metrics.class_accuracy(frame)[1]) == pytest.approx(metrics.class_spread(frame))


def test_true_variance_is_unbiased_and_the_observed_one_is_not():
    accuracy, true = accuracies(np.random.default_rng(0)), TRUE.var(ddof=1)
    estimates = spread.true_variance(accuracy, SIZES)
    assert abs(estimates.mean() - true) < 4 * estimates.std() / np.sqrt(REPETITIONS)
    assert (spread.observed(accuracy) ** 2).mean() > true + 10 * estimates.std() / np.sqrt(REPETITIONS)
    by_hand = ((0.1**2 + 0.1**2) - (0.4 * 0.6 / 9 + 0.6 * 0.4 / 19) / 2, 0.02)
    assert spread.true_variance([0.4, 0.6], [10, 20]) == pytest.approx(by_hand[0])


def test_chance_keeps_sizes_and_total_and_rejects_at_the_nominal_rate():
    generator = np.random.default_rng(0)
    chance = spread.by_chance(SIZES, 300, 50, generator)
    assert chance.shape == (50, 5) and (chance @ SIZES) == pytest.approx(300)
    found = []
    for accuracy in accuracies(generator, true=np.full(5, 0.75)):  # equal classes
        chance = spread.by_chance(SIZES, int(round(accuracy @ SIZES)), 99, generator)
        found.append(spread.exceedance(spread.observed(accuracy), spread.observed(chance)))
    for level in (0.05, 0.2):
        rejected = int((np.array(found) <= level).sum())
        assert stats.binomtest(rejected, REPETITIONS, level, alternative="greater").pvalue > 1e-3
        assert rejected > 0.7 * level * REPETITIONS  # and is no idle test
    assert spread.exceedance(0.5, [0.1, 0.5, 0.7]) == 3 / 4


def test_lost_alike_moves_all_classes_by_one_shift_of_log_odds():
    before = np.array([[0.9, 0.8, 0.6], [0.95, 0.7, 0.5]])
    odds = before / (1 - before) * np.exp(-1.3)
    after = odds / (1 + odds)
    assert spread.lost_alike(before, after) == pytest.approx(after.std(axis=-1, ddof=1))
    permuted = after[:, ::-1]  # only the mean of the accuracies after counts
    assert spread.lost_alike(before, permuted) == pytest.approx(after.std(axis=-1, ddof=1))
    assert spread.lost_alike(before, after)[0] > spread.observed(before)[0]  # though nobody lost more than the others


def images(generator, sizes=SIZES):
    """Labels, and whether two methods are right: the second agrees with the first on most images."""
    labels = np.repeat(np.arange(len(sizes)) + 3, sizes)
    first = generator.random(len(labels)) < TRUE[labels - 3]
    second = np.where(generator.random(len(labels)) < 0.8, first, generator.random(len(labels)) < 0.5)
    return first, second, labels


def test_resampled_keeps_each_class_and_the_pairing():
    first, second, labels = images(np.random.default_rng(0))
    one, other = spread.resampled(first, second, labels, 4000, np.random.default_rng(1))
    assert one.shape == other.shape == (4000, 5)
    accuracy = metrics.class_accuracy({"label": labels, "correct": first})[1]
    assert one.mean(axis=0) == pytest.approx(accuracy, abs=0.005)
    gaps = first.astype(float) - second
    widths = [gaps[labels == c].std() / np.sqrt((labels == c).sum()) for c in np.unique(labels)]
    assert (one - other).std(axis=0) == pytest.approx(widths, rel=0.08)  # of paired differences
    assert (one * SIZES).round(9) == pytest.approx((one * SIZES).round())  # whole images
    perfect = spread.resampled(
        np.ones(9, bool), np.ones(9, bool), np.zeros(9), 200, np.random.default_rng(1), added=0.5
    )
    assert perfect[0].min() < 1 == spread.resampled([True], [True], [0], 5, np.random.default_rng(1))[0].min()
    with pytest.raises(ValueError, match="the same images"):
        spread.resampled([True], [True], [0, 1], 5, np.random.default_rng(1))


def test_resampled_is_the_bootstrap_of_scipy_with_classes_as_samples():
    first, second, labels = images(np.random.default_rng(0))
    drawn = spread.resampled(first, second, labels, 20_000, np.random.default_rng(1))
    code = 2 * first + second  # both answers of an image in one number, so that scipy draws them together

    def statistic(*classes, axis):
        answers = [[x // 2 for x in classes], [x % 2 for x in classes]]
        one, other = (np.stack([x.mean(axis=axis) for x in answer], axis=-1) for answer in answers)
        return spread.observed(one) - spread.observed(other)

    data = [code[labels == c] for c in np.unique(labels)]
    theirs = stats.bootstrap(data, statistic, n_resamples=20_000, method="percentile", vectorized=True, rng=2)
    ours = np.quantile(spread.observed(drawn[0]) - spread.observed(drawn[1]), [0.025, 0.975])
    assert ours == pytest.approx(theirs.confidence_interval, abs=0.002)


def test_variance_difference_by_hand_and_without_classes_of_one_image():
    first, second, labels = images(np.random.default_rng(0))
    found = spread.variance_difference(first, second, labels, 500, np.random.default_rng(1))
    accuracy = [metrics.class_accuracy({"label": labels, "correct": correct})[1] for correct in (first, second)]
    assert found.value == pytest.approx(
        spread.true_variance(accuracy[0], SIZES) - spread.true_variance(accuracy[1], SIZES)
    )
    more = (np.append(x, extra) for x, extra in ((first, True), (second, False), (labels, 99)))
    assert spread.variance_difference(*more, 500, np.random.default_rng(1)) == pytest.approx(found)
    same = spread.variance_difference(first, first, labels, 500, np.random.default_rng(1))
    assert same.value == 0 == same.sign() and same.high < found.high - found.low
    assert np.isnan(spread.variance_difference([True, False], [True, True], [0, 0], 9, np.random.default_rng(0))).all()


def covered(sizes, true, percentiles):
    """Shares of repetitions in which 95 % intervals hold the true difference of two methods, the second much less accurate.

    Of true variances by `variance_difference`; and, where asked, of standard deviations by percentiles of observed spreads.
    """
    generator, labels = np.random.default_rng(0), np.repeat(np.arange(len(sizes)), sizes)
    worse = 0.5 * true + 0.5 * 0.1
    hits = np.zeros(2)
    for _ in range(REPETITIONS):
        first = generator.random(len(labels)) < true[labels]
        second = np.where(generator.random(len(labels)) < 0.5, first, generator.random(len(labels)) < 0.1)
        low, high = spread.variance_difference(first, second, labels, 200, generator)[1:]
        hits[0] += low <= true.var(ddof=1) - worse.var(ddof=1) <= high
        if not percentiles:
            continue
        one, other = spread.resampled(first, second, labels, 200, generator)
        low, high = np.quantile(spread.observed(one) - spread.observed(other), [0.025, 0.975])
        hits[1] += low <= true.std(ddof=1) - worse.std(ddof=1) <= high
    return hits / REPETITIONS


@pytest.mark.parametrize(
    ("images", "true"),
    [(20, np.linspace(0.8, 0.99, 5)), (100, np.linspace(0.4, 0.99, 5)), (100, np.full(5, 0.9))],
    ids=["few images", "unequal classes", "equal classes"],
)
def test_variance_difference_covers(images, true):
    ours, percentiles = covered(np.full(5, images), true, percentiles=images == 20)
    assert ours > 0.94
    if images == 20:
        assert percentiles < 0.8  # why it is done otherwise


def test_variance_difference_is_not_idle():
    first, second, labels = images(np.random.default_rng(0), 20 * SIZES)
    assert spread.variance_difference(first, second, labels, 500, np.random.default_rng(1)).sign() == 1
