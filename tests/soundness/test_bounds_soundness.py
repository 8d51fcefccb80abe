"""How often each confidence bound fails to hold: exactly, by summing over all counts, and by drawing counts."""

import numpy as np
import pytest
from scipy import stats
from soundness_helpers import assert_exact_rate, assert_rate, cases, repetitions

from resmooth import bounds

REPETITIONS = repetitions(long=10_000, short=2_000)
VALID = ["clopper_pearson", "chebyshev"]
P = cases([1e-5, 0.3, 0.5, 0.99], 0.01, 0.8, 0.9999)
GRID = np.concatenate([np.linspace(0, 1, 501), np.geomspace(1e-9, 0.5, 50), 1 - np.geomspace(1e-9, 0.5, 50)])


def wrong(bound, p, side):
    """Whether `bound`, a number or a pair, excludes p."""
    lower, upper = {"lower": (bound, 1), "upper": (0, bound), "both": bound}[side]
    return (lower > p) | (upper < p)


@pytest.mark.parametrize("n", [1, 2, 10, 300])
@pytest.mark.parametrize("alpha", [0.3, 0.05, 0.001])
@pytest.mark.parametrize("side", ["lower", "upper", "both"])
@pytest.mark.parametrize("name", VALID)
def test_the_error_is_at_most_alpha_at_every_p(name, side, alpha, n):
    """At p between 0 and 1, close to both ends, and just inside each value of the bound, where the error is largest."""
    counts = np.arange(n + 1)
    bound = bounds.BY_NAME[name](counts, n, alpha, side)
    values = np.concatenate([np.atleast_1d(part) for part in (bound if side == "both" else [bound])])
    inside = np.concatenate([values * (1 - 1e-9), 1 - (1 - values) * (1 - 1e-9)])
    p = np.concatenate([GRID, inside])[:, None]
    error = np.sum(stats.binom.pmf(counts, n, p) * wrong(bound, p, side), axis=1)
    assert error.max() <= alpha * (1 + 1e-6)
    if name == "clopper_pearson" and n > 10:
        assert error.max() > 0.9 * alpha


@pytest.mark.parametrize("p", P)
@pytest.mark.parametrize("n", [20, 300])
@pytest.mark.parametrize("side", ["lower", "upper", "both"])
@pytest.mark.parametrize("name", [*VALID, "randomized"])
def test_bounds_of_drawn_counts_are_wrong_at_most_as_often_as_alpha(name, side, n, p):
    generator, alpha = np.random.default_rng(1), 0.05
    counts = generator.binomial(n, p, REPETITIONS)
    if name == "randomized":  # has no slack: it must err exactly as often as it may
        bound = bounds.randomized_clopper_pearson(counts, n, alpha, generator.uniform(size=REPETITIONS), side)
        assert_exact_rate(wrong(bound, p, side).sum(), REPETITIONS, alpha)
    else:
        of_each_count = wrong(bounds.BY_NAME[name](np.arange(n + 1), n, alpha, side), p, side)
        assert_rate(of_each_count[counts].sum(), REPETITIONS, alpha)


@pytest.mark.parametrize(("side", "p"), [("lower", 0.999), ("lower", 0.95), ("upper", 0.001), ("both", 0.99)])
def test_the_normal_approximation_is_caught(side, p):
    """It claims certainty whenever all votes agree."""
    counts = np.random.default_rng(2).binomial(100, p, REPETITIONS)
    bound = bounds.normal_approximation(counts, 100, 0.05, side)
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(wrong(bound, p, side).sum(), REPETITIONS, 0.05)


def test_a_randomised_bound_whose_number_knows_the_count_is_caught():
    generator = np.random.default_rng(3)
    votes = generator.uniform(size=(REPETITIONS, 50)) < 0.8
    bound = bounds.randomized_clopper_pearson(votes.sum(axis=1), 50, 0.05, uniform=np.full(REPETITIONS, 0.01))
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(np.sum(bound > 0.8), REPETITIONS, 0.05)
