import numpy as np
import pytest
from scipy import stats

from resmooth import bounds

ALL = [bounds.clopper_pearson, bounds.chebyshev, bounds.normal_approximation]


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
