"""How often the sequential rules certify falsely where the class probabilities are known, and how often they fail to decide.

The worst case is p_A exactly at the threshold p*. The error rate is raised to 5 %, so that a rule which spends more than it may
is seen, and n is small enough for 10,000 repetitions.
"""

import numpy as np
import pytest
from scipy import stats
from soundness_helpers import assert_rate, repetitions, votes_of

from resmooth.smoothing import bounds, sequential

ALPHA = 0.05
REPETITIONS = repetitions(long=10_000, short=2_000)
RULES = {
    "adaptive": (sequential.certify_adaptive, {"stages": (100, 1000, 5000), "n0": 20}),
    "union bound": (sequential.certify_union_bound, {"n": 5000}),
    "confidence sequence": (sequential.certify_confidence_sequence, {"n": 5000}),
}
SPLITS = {  # class probabilities, given the threshold: none of them exceeds it
    "at the threshold": lambda t: [t, 1 - t],
    "just below": lambda t: [t - 0.002, 1.002 - t],
    "four classes": lambda t: [t, *[(1 - t) / 3] * 3],
    "a tie": lambda t: [0.5, 0.5],
}


def votes(probabilities, seed):
    return votes_of(np.tile(probabilities, (REPETITIONS, 1)), seed)


def radius_of(p):
    return np.where(p > 0.5, stats.norm.ppf(p), 0.0)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("threshold", [0.5, 0.52, 0.7, 0.95, 0.998])
@pytest.mark.parametrize("rule", RULES)
def test_false_certificates_are_at_most_as_frequent_as_alpha(rule, threshold, split):
    function, settings = RULES[rule]
    draw = votes(SPLITS[split](threshold), seed=1)
    decisions = function(draw, REPETITIONS, threshold, alpha=ALPHA, **settings)
    assert_rate(decisions.certified.sum(), REPETITIONS, ALPHA)


@pytest.mark.parametrize("rule", RULES)
def test_power_and_cost_away_from_the_threshold(rule):
    function, settings = RULES[rule]
    above = function(votes([0.8, 0.1, 0.1], seed=2), REPETITIONS, 0.7, alpha=0.001, **settings)
    below = function(votes([0.6, 0.2, 0.2], seed=3), REPETITIONS, 0.7, alpha=0.001, **settings)
    assert np.mean(above.predict == 0) > 0.97
    assert not np.any(below.certified)
    assert max(above.samples.mean(), below.samples.mean()) < 1500


def test_an_image_worth_the_votes_is_certified_as_often_as_beta_promises():
    """p' is where the last look alone finds enough evidence with probability 1 - beta (abstaining counts)."""
    n, threshold, beta = 5000, 0.7, 0.05
    level = sequential.level_per_class(ALPHA, threshold)
    needed = sequential._certifying_counts(np.array([n]), threshold, level)[0]
    worth = stats.beta.ppf(1 - beta, needed, n - needed + 1)
    draw = votes([worth, 1 - worth], seed=4)
    decisions = sequential.certify_confidence_sequence(draw, REPETITIONS, threshold, n, ALPHA, beta)
    assert_rate(REPETITIONS - np.sum(decisions.predict == 0), REPETITIONS, 2 * beta + ALPHA)


@pytest.mark.parametrize("probabilities", [[0.5, 0.5], [0.6, 0.4], [0.9, 0.05, 0.05], [0.999, 0.001]])
def test_certified_radii_exceed_the_true_one_at_most_as_often_as_alpha(probabilities):
    draw = votes(probabilities, seed=5)
    decisions = sequential.certify_radius(draw, REPETITIONS, radius_of, n=2000, n0=20, alpha=ALPHA)
    true = np.append(probabilities, 0.0)[decisions.predict]  # the last is an abstention's
    assert_rate(np.sum(decisions.certified & (decisions.p_lower > true)), REPETITIONS, ALPHA)
    assert_rate(np.sum(decisions.radius > np.maximum(radius_of(true), 0)), REPETITIONS, ALPHA)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.93])
@pytest.mark.parametrize("side", ["lower", "upper"])
def test_the_confidence_sequence_holds_at_every_number_of_trials_at_once(p, side):
    trials = 300
    count = np.random.default_rng(6).binomial(1, p, (REPETITIONS, trials)).cumsum(axis=1)
    possible = np.minimum(
        np.arange(trials + 1)[:, None], np.arange(1, trials + 1)
    )  # each count at each number of trials
    evidence = sequential.log_evidence(possible, np.arange(1, trials + 1), p, side)[count, np.arange(trials)]
    assert_rate(np.sum(evidence.max(axis=1) >= -np.log(ALPHA)), REPETITIONS, ALPHA)


def test_a_fixed_bound_looked_at_again_and_again_is_caught():
    """The check of the checks: Clopper-Pearson at the full alpha at every look is what the rules above must not be."""
    draw, threshold = votes([0.7, 0.3], seed=7), 0.7
    rows, count, drawn = np.arange(REPETITIONS), 0, 0
    certified = np.zeros(REPETITIONS, dtype=bool)
    for look in sequential._looks(5000):
        count, drawn = count + draw(rows, look - drawn, sequential.ESTIMATION)[:, 0], look
        certified |= bounds.clopper_pearson(count, look, ALPHA) >= threshold
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(certified.sum(), REPETITIONS, ALPHA)


def test_the_leading_class_tested_at_the_full_level_is_caught():
    """Without `level_per_class`, a tie between two classes at p* = 1/2 gives each of them its own alpha."""
    looks = np.array([100])
    counts = sequential._smallest(lambda count: bounds.clopper_pearson(count, 100, ALPHA) >= 0.5, looks)
    decisions = sequential._follow(votes([0.5, 0.5], seed=8), REPETITIONS, looks, counts, looks)
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(decisions.certified.sum(), REPETITIONS, ALPHA)
