import numpy as np
import pytest
from scipy import special, stats

from resmooth.theory.loss_bias import exact_bias, monte_carlo, next_order, taylor_bias

X = np.array([0, 0.5, 1, 2])
REFERENCE = {  # K: exact, for x = 0, 0.5, 1, 2; computed apart from this package, by the Poisson mixture
    1: (1.270362845, 1.253584939, 1.110138817, 0.568734190),
    2: (0.577215665, 0.565155278, 0.473763246, 0.219364199),
    4: (0.270362845, 0.262725637, 0.211914311, 0.098147819),
    8: (0.130176693, 0.125812860, 0.099624374, 0.046874020),
    16: (0.063800064, 0.061463087, 0.048303177, 0.022951146),
    64: (0.015706372, 0.015091652, 0.011805929, 0.005652451),
    256: (0.003911336, 0.003755729, 0.002935103, 0.001407955),
}
TAYLOR = {1: (1, 0.96, 0.75, 0.36), 4: (0.25, 0.24, 0.1875, 0.09), 256: (0.00390625, 0.00375, 0.00292969, 0.00140625)}


def poisson_mixture(x, K):
    """The bias as a sum over the Poisson law of J: right to about 1e-14."""
    mean = K * x**2 / 2
    j = np.arange(max(0, mean - 12 * np.sqrt(mean) - 40) // 1, mean + 12 * np.sqrt(mean) + 60)
    weights = stats.poisson.pmf(j, mean)
    return np.log(K / 2) - weights @ special.digamma(K / 2 + j) / weights.sum() + np.log1p(x**2)


@pytest.mark.parametrize("K", REFERENCE)
def test_exact_bias_has_all_printed_digits_of_the_reference(K):
    np.testing.assert_allclose(exact_bias(X, K), REFERENCE[K], rtol=0, atol=5.01e-10)


@pytest.mark.parametrize("K", TAYLOR)
def test_taylor_bias_has_all_printed_digits_of_the_reference(K):
    np.testing.assert_allclose(taylor_bias(X, K), TAYLOR[K], rtol=0, atol=5.01e-9)


@pytest.mark.parametrize("K", [1, 2, 3, 7, 32, 1000, 10**4])
@pytest.mark.parametrize("x", [0.0, 1e-3, 0.1, 0.7, 1.0, 3.0, -3.0])
def test_the_integral_equals_the_poisson_mixture(x, K):
    assert exact_bias(x, K) == pytest.approx(poisson_mixture(x, K), abs=1e-13)


@pytest.mark.parametrize("K", [1, 5, 100, 10**6])
def test_at_x_zero_it_is_a_difference_of_logarithm_and_digamma(K):
    assert exact_bias(0, K) == pytest.approx(np.log(K / 2) - special.digamma(K / 2), rel=1e-13, abs=2e-14)


def test_small_biases_keep_their_digits():
    """Far out the series converges fast: its next term is 1e-8 to 1e-20 of the bias."""
    for x, K, rest in ((300, 1, 1e-9), (1000, 1, 1e-11), (1000, 100, 1e-13), (0, 10**6, 1e-13), (1000, 10**6, 1e-13)):
        assert exact_bias(x, K) == pytest.approx(taylor_bias(x, K) + next_order(x, K), rel=rest)


def test_the_third_order_is_the_error_of_the_second():
    """The error left after two terms falls eightfold when K doubles, that after one term fourfold."""
    for x in X:
        one = [exact_bias(x, K) - taylor_bias(x, K) for K in (2000, 4000)]
        two = [error - next_order(x, K) for error, K in zip(one, (2000, 4000))]
        assert one[0] / one[1] == pytest.approx(4, rel=0.01)
        if abs(two[0]) > 1e-11:
            assert two[0] / two[1] == pytest.approx(8, rel=0.02)


def test_the_bias_is_positive_and_falls_with_the_number_of_copies():
    K = np.arange(1, 200)
    bias = exact_bias(np.linspace(0, 5, 30)[:, None], K)
    assert bias.shape == (30, 199) and np.all(bias > 0) and np.all(np.diff(bias) < 0)


@pytest.mark.parametrize(("x", "K"), [(0, 1), (0.5, 1), (1, 3), (2, 16), (-1, 4)])
def test_drawn_losses_have_the_exact_bias(x, K):
    estimate, error = monte_carlo(x, K, 200_000, seed=1)
    assert abs(estimate - exact_bias(x, K)) < 5 * error
    if K == 1 and x == 0:  # -log of a chi-square with one degree of freedom has the variance pi^2 / 2
        assert error == pytest.approx(np.sqrt(np.pi**2 / 2 / 200_000), rel=0.02)


def test_the_printed_formula_with_its_misprint_is_another():
    """(x + delta^2) in place of (x + delta)^2: right at x = 0 and 1 only."""
    mean = 1 + X
    printed = (2 + 4 * X**2) / (2 * mean**2)
    assert (np.abs(printed - taylor_bias(X, 1)) > 0.1).tolist() == [False, True, False, True]


def test_a_drawn_loss_repeats():
    assert monte_carlo(1, 8, 1000, seed=3) == monte_carlo(1, 8, 1000, seed=3) != monte_carlo(1, 8, 1000, seed=4)


@pytest.mark.parametrize(("x", "K"), [(1, 0), (1, 0.5), (np.nan, 1), (np.inf, 1), (1, np.inf)])
def test_senseless_arguments_are_refused(x, K):
    for function in (exact_bias, taylor_bias, next_order):
        with pytest.raises(ValueError, match="at least 1"):
            function(x, K)
