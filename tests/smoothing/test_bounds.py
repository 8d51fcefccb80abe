import numpy as np
import pytest
from scipy import stats

from resmooth import bounds

ALL = [bounds.clopper_pearson, bounds.chebyshev, bounds.normal_approximation]
RANDOMIZED = bounds.randomized_clopper_pearson


def test_clopper_pearson_is_the_beta_quantile():
    n = 1000
    k = np.arange(1, n)
    np.testing.assert_allclose(bounds.clopper_pearson(k, n, 0.001), stats.beta.ppf(0.001, k, n - k + 1), rtol=1e-9)
    upper = bounds.clopper_pearson(k, n, 0.001, side="upper")
    np.testing.assert_allclose(upper, stats.beta.isf(0.001, k + 1, n - k), rtol=1e-9)


@pytest.mark.parametrize("n", [1, 100, 100_000, 10_000_000])
def test_clopper_pearson_at_the_edges(n):
    assert bounds.clopper_pearson(0, n, 0.001) == 0
    assert bounds.clopper_pearson(n, n, 0.001) == pytest.approx(0.001 ** (1 / n), rel=1e-12)
    assert bounds.clopper_pearson(n, n, 0.001, side="upper") == 1
    assert bounds.clopper_pearson(0, n, 0.001, side="upper") == pytest.approx(-np.expm1(np.log(0.001) / n), rel=1e-9)


@pytest.mark.parametrize("bound", [bounds.clopper_pearson, bounds.chebyshev])
@pytest.mark.parametrize("side", ["lower", "upper"])
def test_valid_bounds_err_at_most_alpha_at_every_p(bound, side):
    n, alpha = 50, 0.05
    k = np.arange(n + 1)
    limit = bound(k, n, alpha, side)
    for p in np.linspace(0.001, 0.999, 400):
        wrong = limit > p if side == "lower" else limit < p
        assert stats.binom.pmf(k, n, p)[wrong].sum() <= alpha + 1e-12


def chance_of_error(k, n, alpha, side, p):
    """P over u that the randomised bound of each count k is wrong about p: by bisection, for the bound is monotone in u."""
    low, high = np.zeros(len(k)), np.ones(len(k))
    for _ in range(45):
        middle = (low + high) / 2
        bound = RANDOMIZED(k, n, alpha, middle, side=side)
        wrong = (
            bound > p if side == "lower" else ~(bound < p)
        )  # small u is wrong on the lower side, large u on the upper
        low, high = np.where(wrong, middle, low), np.where(wrong, high, middle)
    return low if side == "lower" else 1 - low


@pytest.mark.parametrize("side", ["lower", "upper"])
@pytest.mark.parametrize(("n", "alpha"), [(1, 0.3), (2, 0.001), (10, 0.05), (40, 0.001)])
def test_the_randomised_bound_errs_with_probability_alpha_exactly(n, alpha, side):
    k = np.arange(n + 1)
    for p in [1e-6, 0.3, 0.77, 1 - 1e-7]:
        error = stats.binom.pmf(k, n, p) @ chance_of_error(k, n, alpha, side, p)
        assert error == pytest.approx(alpha, abs=1e-11)


def test_the_randomised_bound_errs_with_probability_alpha_at_the_size_of_a_certificate():
    n, alpha = 100_000, 0.001
    for p in [0.5, 0.9995]:
        k = np.arange(max(0, int(stats.binom.isf(1e-3, n, p)) - 50), min(n, int(stats.binom.isf(1e-16, n, p))) + 1)
        assert stats.binom.pmf(k, n, p) @ chance_of_error(k, n, alpha, "lower", p) == pytest.approx(alpha, abs=1e-10)


@pytest.mark.parametrize("n", [1, 37, 100_000])
def test_the_randomised_bound_lies_between_those_of_this_count_and_the_next(n):
    k = np.unique(np.linspace(0, n, 38).astype(int))
    for side, least in (("lower", 1.0), ("upper", 0.0)):
        np.testing.assert_allclose(
            RANDOMIZED(k, n, 0.01, least, side), bounds.clopper_pearson(k, n, 0.01, side), rtol=1e-14
        )
    np.testing.assert_allclose(
        RANDOMIZED(k[:-1], n, 0.01, 0.0), bounds.clopper_pearson(k[:-1] + 1, n, 0.01), rtol=1e-14
    )
    u = np.random.default_rng(0).random(len(k))
    lower, upper = RANDOMIZED(k, n, 0.01, u, side="both")
    assert np.array_equal(lower, RANDOMIZED(k, n, 0.005, u)) and np.array_equal(
        upper, RANDOMIZED(k, n, 0.005, u, "upper")
    )
    assert np.all(bounds.clopper_pearson(k, n, 0.005) <= lower) and np.all(lower < upper)
    assert np.all(upper <= bounds.clopper_pearson(k, n, 0.005, "upper") + 1e-15)


def test_the_randomised_bound_at_the_edges():
    u = np.array([1e-4, 0.001, 0.002, 0.5, 1.0])
    top = RANDOMIZED(1000, 1000, 0.001, u)
    np.testing.assert_allclose(top[2:], (0.001 / u[2:]) ** 1e-3, rtol=1e-14)
    assert np.all(top < 1) and top[0] == pytest.approx(1, abs=1e-15) and top[1] == pytest.approx(1, abs=1e-15)
    bottom = RANDOMIZED(0, 1000, 0.001, u)
    np.testing.assert_allclose(bottom[0], 1 - (0.999 / (1 - 1e-4)) ** 1e-3, rtol=1e-9)
    assert np.all(bottom[1:] < 1e-15)
    with pytest.raises(ValueError, match="between 0 and 1"):
        RANDOMIZED(1, 2, 0.1, [0.5, 1.5])


def test_the_normal_approximation_is_not_valid_near_one():
    n, alpha, p = 100, 0.01, 0.999
    k = np.arange(n + 1)
    wrong = bounds.normal_approximation(k, n, alpha) > p
    assert stats.binom.pmf(k, n, p)[wrong].sum() > 0.9


def test_a_lower_bound_never_claims_certainty():
    assert bounds.clopper_pearson(3, 3, 1 - 1e-16) < 1


@pytest.mark.parametrize("bound", ALL)
def test_sides_agree(bound):
    lower, upper = bound(70, 100, 0.01, side="both")
    assert lower == bound(70, 100, 0.005) and upper == bound(70, 100, 0.005, side="upper")
    assert lower < 0.7 < upper


@pytest.mark.parametrize("bound", ALL)
def test_bounds_are_monotone_in_successes_and_broadcast(bound):
    values = bound(np.arange(101), np.full(101, 100), 0.01)
    assert values.shape == (101,)
    if bound is not bounds.normal_approximation:
        assert np.all(np.diff(values) >= 0)


@pytest.mark.parametrize(
    "arguments", [(-1, 10, 0.1), (11, 10, 0.1), (0, 0, 0.1), (1, 10, 0.0), (1, 10, 1.0), (1, 10, 0.1, "left")]
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(ValueError):
        bounds.clopper_pearson(*arguments)


def test_bounds_on_scores_are_the_printed_formulas():
    assert bounds.hoeffding(0.8, 200, 0.01) == pytest.approx(0.8 - np.sqrt(np.log(100) / 400), rel=1e-14)
    log = np.log(200)
    width = np.sqrt(2 * 0.05 * log / 200) + 7 * log / (3 * 199)
    assert bounds.empirical_bernstein(0.8, 0.05, 200, 0.01) == pytest.approx(0.8 - width, rel=1e-14)
    assert bounds.empirical_bernstein(0.4, 0.05, 200, 0.01, side="upper") == pytest.approx(0.4 + width, rel=1e-14)


@pytest.mark.parametrize(
    "bound",
    [bounds.hoeffding, lambda *values, **side: bounds.empirical_bernstein(values[0], 0.02, *values[1:], **side)],
)
def test_bounds_on_scores_keep_within_what_scores_can_have(bound):
    lower, upper = bound(0.6, 1000, 0.01, side="both")
    assert lower == bound(0.6, 1000, 0.005) and upper == bound(0.6, 1000, 0.005, side="upper") and lower < 0.6 < upper
    assert bound(np.array([0.5, 0.9]), np.array([5, 5000]), 0.01).shape == (2,)
    assert bound(0.1, 10, 0.01) == 0 and bound(0.9, 10, 0.01, side="upper") == 1


def test_scores_that_hardly_vary_are_bounded_better_by_their_variance_and_votes_by_clopper_pearson():
    n = 1000
    assert bounds.empirical_bernstein(0.9, 1e-4, n, 0.001) > bounds.hoeffding(0.9, n, 0.001)
    assert bounds.empirical_bernstein(0.5, 0.25, n, 0.001) < bounds.hoeffding(0.5, n, 0.001)
    for votes in (600, 900, 999, 1000):
        share = votes / n
        best = max(
            bounds.empirical_bernstein(share, share * (1 - share) * n / (n - 1), n, 0.001),
            bounds.hoeffding(share, n, 0.001),
        )
        assert best < bounds.clopper_pearson(votes, n, 0.001)


def test_bounds_on_scores_never_claim_certainty():
    assert bounds.hoeffding(1.0, 10**15, 1 - 1e-16) < 1
    assert bounds.empirical_bernstein(1.0, 0.0, 10**17, 1 - 1e-16) < 1


@pytest.mark.parametrize(
    "arguments", [(1.1, 0.1, 9), (-0.1, 0.1, 9), (0.5, -0.1, 9), (0.5, 0.3, 9), (0.5, 0.1, 1), (np.nan, 0.1, 9)]
)
def test_numbers_that_no_scores_have_are_refused(arguments):
    with pytest.raises(ValueError, match="scores"):
        bounds.empirical_bernstein(*arguments, 0.1)
    with pytest.raises(ValueError):
        bounds.hoeffding(arguments[0], 0 if 0 <= arguments[0] <= 1 else 9, 0.1)
