"""How often PREDICT1 and PREDICT2 answer with a class that is not g's."""

import numpy as np
import pytest
from scipy import stats
from soundness_helpers import DIM, Cells, Region, assert_rate, grey_images, repetitions, votes_of

import resmooth as rs
from resmooth.smoothing.certify import ABSTAIN, predict_from_counts

REPETITIONS = repetitions(long=20_000, short=5_000)
SAMPLED = repetitions(long=10_000, short=600)
SIGMA = 0.25
NORMAL = rs.noise.make("normal", dim=DIM, sigma=SIGMA)
SPLITS = [
    [0.55, 0.45],
    [0.505, 0.495],
    [0.5, 0.5],
    [0.95, 0.05],
    [0.42, 0.4, 0.18],
    [0.4, 0.4, 0.2],
    [0.3, 0.25, 0.25, 0.2],
    [1 / 3] * 3,
    [0.1] * 10,
    [0.5, *[0.05] * 10],
    [0.02, *[0.0196] * 50],
]


def wrong(answers, probabilities, method):
    """Answers other than the one top class. At a tie every answer is wrong for PREDICT2.

    For PREDICT1 g's class is then the first: it tests each class at alpha, so that at p_A = p_B = 1/2 either is as likely.
    """
    top = np.flatnonzero(np.isclose(probabilities, np.max(probabilities)))
    right = top[0] if len(top) == 1 or method == 1 else ABSTAIN
    return (answers != ABSTAIN) & (answers != right)


@pytest.mark.parametrize("n", [3, 10, 101, 1000])
@pytest.mark.parametrize("probabilities", SPLITS, ids=str)
@pytest.mark.parametrize("method", [1, 2])
def test_wrong_classes_are_at_most_as_frequent_as_alpha(method, probabilities, n):
    counts = votes_of(np.tile(probabilities, (REPETITIONS, 1)), seed=n)(slice(None), n, None)
    for alpha in (0.2, 0.05, 0.01):
        answers = predict_from_counts(counts, alpha, method)
        assert_rate(wrong(answers, probabilities, method).sum(), REPETITIONS, alpha)
        if method == 1 and max(probabilities) < 0.5:  # answers only where there is a majority
            assert_rate(np.sum(answers != ABSTAIN), REPETITIONS, alpha)


@pytest.mark.parametrize("n", [1, 2, 5, 20, 60])
@pytest.mark.parametrize("method", [1, 2])
def test_the_error_of_three_classes_summed_over_all_counts(method, n):
    first, second = np.indices((n + 1, n + 1)).reshape(2, -1)
    counts = np.stack([first, second, n - first - second], axis=1)[first + second <= n]
    answers = {alpha: predict_from_counts(counts, alpha, method) for alpha in (0.4, 0.1, 0.05, 0.01)}
    for p in np.linspace(0, 1, 21):
        for q in np.linspace(0, 1 - p, 11):
            probabilities = np.array([p, q, max(0.0, 1 - p - q)])
            weights = stats.multinomial.pmf(counts, n, probabilities / probabilities.sum())
            for alpha, classes in answers.items():
                assert np.sum(weights[wrong(classes, probabilities, method)]) <= alpha * (1 + 1e-9)


@pytest.mark.parametrize("probabilities", [[0.52, 0.48], [0.5, 0.5], [0.36, 0.34, 0.3], [0.4, 0.4, 0.2]], ids=str)
@pytest.mark.parametrize("method", [1, 2])
def test_predictions_of_a_smoothed_classifier(method, probabilities):
    smoothed = rs.Smoothed(Cells(probabilities, SIGMA), NORMAL, len(probabilities))
    answers = smoothed.predict(grey_images(SAMPLED), n=200, alpha=0.05, method=method, seed=1)
    assert_rate(wrong(answers, probabilities, method).sum(), SAMPLED, 0.05)


@pytest.mark.parametrize("kind", ["linear", "slab", "ball"])
@pytest.mark.parametrize("method", [1, 2])
def test_predictions_near_the_boundary_of_a_region(method, kind):
    size, distance = {"linear": (0.01, 0.0), "slab": (0.4, 0.399), "ball": (0.8, 0.66)}[kind]
    region = Region(kind, size, distance, SIGMA)
    assert 0.48 < region.probabilities[1] < 0.52
    answers = rs.Smoothed(region, NORMAL, 2).predict(grey_images(SAMPLED), n=300, alpha=0.05, method=method, seed=2)
    assert_rate(wrong(answers, region.probabilities, method).sum(), SAMPLED, 0.05)


def test_predict_2_at_one_side_only_is_caught():
    """Without its factor of 2 it would err twice as often as it may at a tie."""
    counts = votes_of(np.tile([0.5, 0.5], (REPETITIONS, 1)))(slice(None), 1000, None)
    answers = predict_from_counts(counts, 2 * 0.05, method=2)
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(wrong(answers, [0.5, 0.5], 2).sum(), REPETITIONS, 0.05)
