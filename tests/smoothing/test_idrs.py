import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from resmooth import idrs, noise
from resmooth.smoothing.idrs import (
    _needed_by_chi_square,
    _needed_by_quadrature,
    _nodes,
    _xi_by_chi_square,
    _xi_by_quadrature,
)

# Computed with 30 and more digits (mpmath): the noncentral chi-square law as a Poisson mixture or as an integral over W. Many
# rows lie near the switch between the two methods of idrs.py, others far from it on either side.
REFERENCE = pd.read_csv(Path(__file__).parent / "idrs_reference.csv")
DIMS = [1, 2, 3, 10, 64, 784, 3072, 196608]
PRINTED = {  # the table of the slides: p_B -> dim -> lower threshold
    0.1: {784: 0.946, 3072: 0.973, 196608: 0.997},
    0.01: {784: 0.924, 3072: 0.961, 196608: 0.995},
    0.001: {784: 0.908, 3072: 0.953, 196608: 0.994},
    0.00007: {784: 0.892, 3072: 0.945, 196608: 0.993},
}


def reference(quantity):
    return REFERENCE[REFERENCE.quantity == quantity]


def cohen(p_a, sigma):
    return noise.make("normal", dim=4, sigma=sigma).radius(p_a, 2)


def random_cases(size, seed=0):
    """p_a, rate and dim over all orders of magnitude; sigma0 = 1."""
    rng = np.random.default_rng(seed)
    near_half, near_one = 0.5 + 10 ** rng.uniform(-5, -0.31, size), 1 - 10 ** rng.uniform(-12, -0.31, size)
    p_a = np.where(rng.random(size) < 0.5, near_half, near_one)
    return p_a, 10 ** rng.uniform(-7, 1, size), rng.choice(DIMS, size)


def test_xi_agrees_with_thirty_digits():
    rows = reference("xi")
    ours = idrs.xi(rows.radius, rows.sigma0, rows.sigma1, rows.dim, rows.p)
    np.testing.assert_allclose(ours, rows.value, rtol=0, atol=2e-13)


@pytest.mark.parametrize("dim", [2, 64, 3072, 196608])
def test_xi_is_the_closed_form_of_noncentral_chi_square_laws(dim):
    """A ball for sigma1 < sigma0, the complement of one for sigma1 > sigma0; also where p_a < 1/2."""
    p_a, ratio = np.array([0.01, 0.3, 0.7, 0.99]), np.exp(np.array([[-3], [-1], [1], [3]]) / np.sqrt(2 * dim))
    centre = 0.8 / (1 - ratio**2)
    l0, l1 = centre**2, (ratio * centre) ** 2
    ball = stats.ncx2.cdf(stats.ncx2.ppf(1 - p_a, dim, l0) / ratio**2, dim, l1)
    outside = stats.ncx2.sf(stats.ncx2.isf(1 - p_a, dim, l0) / ratio**2, dim, l1)
    ours = idrs.xi(0.8 * 0.3, 0.3, 0.3 * ratio, dim, p_a)
    np.testing.assert_allclose(ours, np.where(ratio < 1, ball, outside), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("quantity", "sign"), [("falling", -1), ("rising", 1)])
def test_radii_are_the_exact_ones_from_below(quantity, sign):
    rows = reference(quantity)
    ours = idrs.branch_radius(rows.p, rows.sigma0, rows.rate, rows.dim, sign)
    worst = np.nanmax(ours / rows.value)
    assert np.all(ours <= rows.value * (1 + 1e-11)), worst  # the digits that the rows give
    assert np.all(ours >= rows.value * (1 - 3e-10) - 1e-14 * np.sqrt(rows.dim) * rows.sigma0)


def test_the_certificate_is_the_smaller_branch():
    p_a, rate, dim = random_cases(300)
    falling, rising = (idrs.branch_radius(p_a, 0.5, rate, dim, sign) for sign in (-1, 1))
    np.testing.assert_array_equal(idrs.certified_radius(p_a, 0.5, rate, dim), np.minimum(falling, rising))


def test_one_xi_and_one_radius_of_the_slides_figure():
    assert idrs.xi(1.08, 0.5, 0.5 * np.exp(-0.0108), 3072, 0.99) == pytest.approx(0.496961953541295, abs=1e-13)
    assert idrs.xi(1.08, 0.5, 0.5 * np.exp(0.0108), 3072, 0.99) == pytest.approx(0.497901935240348, abs=1e-13)
    assert idrs.certified_radius(0.99, 0.5, 0.01, 3072) == pytest.approx(1.0824712961, abs=1e-9)


@pytest.mark.parametrize("quantity", ["lower", "upper", "exact_lower", "exact_upper"])
def test_thresholds_have_the_digits_of_the_reference(quantity):
    rows = reference(quantity)
    function = idrs.exact_ratio_threshold if quantity.startswith("exact") else idrs.ratio_threshold
    ours = function(rows.p, rows.dim)[quantity.endswith("upper")]
    np.testing.assert_allclose(ours, rows.value, rtol=0, atol=6e-10)


def test_the_printed_table_is_the_lower_threshold_but_for_one_cell_rounded_twice():
    wrong = {}
    for p_b, column in PRINTED.items():
        for dim, printed in column.items():
            lower = idrs.ratio_threshold(p_b, dim)[0]
            if round(lower, 3) != printed:
                wrong[p_b, dim] = lower, printed
    assert list(wrong) == [(0.01, 3072)]
    lower, printed = wrong[0.01, 3072]
    assert lower == pytest.approx(0.961535158, abs=1e-9) and printed == 0.961
    assert 0.00007 == round(1 - 0.001 ** (1 / 100_000), 5)  # the least p_B that 100,000 samples certify


@pytest.mark.parametrize("dim", DIMS)
def test_thresholds_solve_the_inequality_of_theorem_2_4(dim):
    p_b = np.array([1e-300, 1e-12, 1e-4, 0.1, 0.49, 1 - 1e-9])
    lower, upper = idrs.ratio_threshold(p_b, dim)
    for ratio, factor in ((lower, 1), (upper, 1 - 1 / dim)):
        if factor:  # in one dimension the second implication is empty
            log_z = 2 * np.log(ratio) + np.log(factor)
            left = log_z - np.expm1(log_z)
            np.testing.assert_allclose(left, 2 * np.log(p_b) / dim, rtol=1e-7, atol=1e-14)
    assert np.all(lower < 1) and np.all(upper > 1)


def test_thresholds_at_the_ends():
    assert idrs.ratio_threshold(1.0, 784)[0] == 1 and idrs.ratio_threshold(0.0, 784) == (0, np.inf)
    assert idrs.ratio_threshold(0.1, 1)[1] == np.inf
    assert idrs.exact_ratio_threshold(0.0, 784) == (0, np.inf)
    assert np.all(np.isnan(idrs.exact_ratio_threshold([0.5, 0.7, 1.0], 784)))


@pytest.mark.parametrize("dim", DIMS)
def test_theorem_2_4_is_necessary_and_not_sufficient(dim):
    p_b = np.array([1e-12, 7e-5, 0.01, 0.1, 0.4])
    lower, upper = idrs.ratio_threshold(p_b, dim)
    exact_lower, exact_upper = idrs.exact_ratio_threshold(p_b, dim)
    assert np.all(lower < exact_lower) and np.all(exact_lower < 1)
    assert np.all(upper > exact_upper) and np.all(exact_upper > 1)
    for outside in (0.999 * lower, 1.001 * np.where(np.isinf(upper), 1e3, upper)):
        assert np.all(idrs.xi(np.array([0, 1e-6, 0.3, 3])[:, None], 1.0, outside, dim, 1 - p_b) > 0.5)
    just_inside = 0.5 * (lower + exact_lower)
    assert np.all(idrs.xi(0, 1.0, just_inside, dim, 1 - p_b) > 0.5)


@pytest.mark.parametrize("dim", DIMS)
def test_at_distance_zero_xi_is_central(dim):
    p_b = np.array([1e-12, 7e-5, 0.1, 0.3])
    for ratio in (0.8, 0.99, 1 - 1e-6):
        ball = stats.chi2.cdf(stats.chi2.ppf(p_b, dim) / ratio**2, dim)
        np.testing.assert_allclose(idrs.xi(0, 0.5, 0.5 * ratio, dim, 1 - p_b), ball, rtol=1e-4, atol=1e-12)
        outside = stats.chi2.sf(stats.chi2.isf(p_b, dim) * ratio**2, dim)
        np.testing.assert_allclose(idrs.xi(0, 0.5 * ratio, 0.5, dim, 1 - p_b), outside, rtol=1e-4, atol=1e-12)
    near = idrs.xi([0, 1e-300, 1e-12, 1e-9], 1.0, 0.95, dim, 0.9)
    np.testing.assert_allclose(near, near[0], rtol=0, atol=1e-8)


@pytest.mark.parametrize("dim", [2, 3, 10, 64, 784, 3072, 150528, 196608, 602112])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_two_methods_agree_where_both_hold(dim, sign):
    rng = np.random.default_rng(dim)
    p_a = 1 - 10 ** rng.uniform(-12, -0.31, 40)
    t = rng.uniform(0.1, 1.1, 40) * stats.norm.isf(1 - p_a)
    k = min(1 / np.sqrt(2 * dim), 1 / 32) * rng.uniform(
        0.7, 0.95, 40
    )  # of the largest that the quadrature is asked for
    u = -0.5 * np.log1p(2 * sign * k * t) * np.where(k * t < 0.4, 1, 0.1)
    xis = [method(t, u, p_a, dim) for method in (_xi_by_quadrature, _xi_by_chi_square)]
    np.testing.assert_allclose(*xis, rtol=0, atol=5e-13)
    needed = [method(t, u, dim) for method in (_needed_by_quadrature, _needed_by_chi_square)]
    np.testing.assert_allclose(*needed, rtol=2e-11, atol=1e-14 * np.sqrt(dim))


@pytest.mark.parametrize("dim", [2, 3, 64, 196608, 10**7])
def test_the_quadrature_has_the_moments_of_chi_square(dim):
    v, weight = _nodes(dim)
    w = stats.chi2(dim - 1)
    assert weight.sum() == pytest.approx(1, abs=1e-14)
    assert weight @ v == pytest.approx(-1, abs=1e-12 * np.sqrt(dim))
    assert weight @ (v + 1) ** 2 == pytest.approx(w.var(), rel=1e-12)
    assert weight @ ((v + 1) / w.std()) ** 3 == pytest.approx(w.stats("s"), abs=1e-11)


def test_rate_zero_is_cohen_bit_for_bit():
    p_a = np.concatenate([np.linspace(0, 1, 101), 1 - 10.0 ** -np.arange(1, 17), 0.5 + 10.0 ** -np.arange(1, 17)])
    for sigma in (0.12, 0.25, 1.0, 1 / 3, 1e-3):
        np.testing.assert_array_equal(idrs.certified_radius(p_a, sigma, 0, 3072), cohen(p_a, sigma))
    levels = np.random.default_rng(0).uniform(0.1, 1, p_a.size)
    each = [cohen(p, sigma) for p, sigma in zip(p_a, levels)]
    np.testing.assert_array_equal(idrs.certified_radius(p_a, levels, 0.0, 196608), each)


def test_equal_sigmas_are_cohen_bit_for_bit():
    p_a, sigma = np.array([0.6, 0.9, 0.99993, 1 - 1e-12]), 0.3
    score = noise.make("normal", dim=1, sigma=1).radius(p_a, 2)
    np.testing.assert_array_equal(idrs.xi(0.2, sigma, sigma, 3072, p_a), stats.norm.cdf(0.2 / sigma - score))
    assert idrs.xi(0, 0.25, 0.25, 3072, 0.9) == pytest.approx(0.1, abs=1e-15)
    assert np.all(idrs.xi(np.nextafter(cohen(p_a, sigma), 0), sigma, sigma, 64, p_a) <= 0.5)


@pytest.mark.parametrize("dim", DIMS)
def test_a_vanishing_rate_gives_cohens_radius_or_just_less(dim):
    p_a, rate = np.array([[0.6], [0.99], [1 - 1e-12]]), 10.0 ** -np.array([320, 300, 100, 20, 15, 12, 11])
    share = idrs.certified_radius(p_a, 0.5, rate, dim) / cohen(p_a, 0.5)
    assert np.all(share <= 1) and np.all(share >= 1 - 2e-10)


@pytest.mark.parametrize("dim", DIMS)
def test_xi_passes_smoothly_through_equal_sigmas(dim):
    """d xi / d log sigma1 at sigma1 = sigma0 is the same in every dimension, by the envelope theorem: Cohen's set is fixed."""
    step, score = 1e-9, stats.norm.ppf(0.9)
    falling, equal, rising = idrs.xi(0.3, 0.5, 0.5 * (1 + step * np.array([-1, 0, 1])), dim, 0.9)
    slope = stats.norm.pdf(0.6 - score) * (score - 0.6)
    assert rising - falling == pytest.approx(2 * step * slope, rel=3e-6)
    assert falling < equal < rising


def test_never_above_cohen_and_less_at_a_higher_rate():
    p_a, rate, dim = random_cases(400)
    for sign in (-1, 1):
        radius = idrs.branch_radius(p_a, 0.5, rate, dim, sign)
        assert np.all(radius > 0) and np.all(radius <= cohen(p_a, 0.5))
        assert np.all(idrs.branch_radius(p_a, 0.5, 1.5 * rate, dim, sign) <= radius * (1 + 2e-10))


def test_probabilities_at_the_ends():
    p_a = np.array([0, 0.3, 0.5, np.nextafter(0.5, 1), 1 - 2.0**-53, 1])
    for rate in (0.0, 1e-9, 0.01, 3.0, 1e300):
        radius = idrs.certified_radius(p_a, 0.5, rate, 3072)
        assert np.all(radius[:3] == 0) and radius[-1] == np.inf and np.all(radius <= cohen(p_a, 0.5))
    for ratio in (0.01, 0.98, 1, 1.02, 100):
        assert idrs.xi(1.0, 0.5, 0.5 * ratio, 3072, 1.0) == 0 and idrs.xi(1.0, 0.5, 0.5 * ratio, 3072, 0.0) == 1


def test_radii_scale_with_the_unit_of_length():
    p_a, rate, dim = random_cases(200, seed=1)
    radius = idrs.certified_radius(p_a, 0.25, rate, dim)
    np.testing.assert_allclose(idrs.certified_radius(p_a, 0.25 * 255, rate / 255, dim), 255 * radius, rtol=1e-9)
    worst = idrs.xi(radius, 0.25, 0.26, dim, p_a)
    np.testing.assert_allclose(idrs.xi(255 * radius, 0.25 * 255, 0.26 * 255, dim, p_a), worst, rtol=0, atol=1e-9)


@pytest.mark.parametrize("dim", DIMS)
def test_xi_grows_with_distance_and_is_quasi_convex_in_log_sigma1(dim):
    """The docstring proves the first, and of the second what it needs: that xi < 1/2 on an interval of sigma1."""
    p_a = np.array([0.6, 0.9, 0.99, 1 - 7e-5])
    t = np.concatenate([[0], np.geomspace(0.01, 6, 24)])[:, None, None]
    u = np.linspace(-1, 1, 61)[:, None] * min(0.8, 12 / np.sqrt(2 * dim))
    worst = idrs.xi(t, 1.0, np.exp(u), dim, p_a)
    noise_floor = 1e-12
    assert np.all(np.diff(worst, axis=0) >= -noise_floor)
    rises = np.maximum.accumulate(np.diff(worst, axis=1) > noise_floor, axis=1)
    assert not np.any(rises & (np.diff(worst, axis=1) < -noise_floor))
    below = worst < 0.5
    assert np.all(np.count_nonzero(np.diff(below, axis=1), axis=1) <= 2) and below.any() and not below.all()
    assert np.all(worst[t[:, 0, 0] > stats.norm.isf(0.4), :, 0] >= 0.5)  # from Cohen's radius on, at every sigma1


def test_shrinking_sigma1_a_little_lowers_xi():
    u = np.linspace(-0.4, 0.1, 51)
    p_b = 7e-5
    radius = 0.6 * stats.norm.isf(p_b)
    worst = idrs.xi(radius, 1.0, np.exp(u), 10, 1 - p_b)
    assert u[worst.argmin()] == pytest.approx(-0.19, abs=0.011) and worst.min() == pytest.approx(0.0465, abs=1e-4)
    assert idrs.xi(radius, 1.0, 1.0, 10, 1 - p_b) == pytest.approx(0.0638, abs=1e-4)


def test_the_returned_radius_is_certified_and_hardly_more_is():
    p_a, rate, dim = random_cases(300, seed=2)
    sigma0 = np.full(300, 0.25)
    for sign in (-1, 1):
        radius = idrs.branch_radius(p_a, sigma0, rate, dim, sign)
        further = (radius + 1e-14 * np.sqrt(dim) * sigma0) * (1 + 1e-9)
        inside, outside = (idrs.xi(r, sigma0, sigma0 * np.exp(sign * rate * r), dim, p_a) for r in (radius, further))
        assert np.all(inside < 0.5 + 1e-13) and np.all(outside > 0.5 - 1e-13)
        sharp = p_a > 0.51
        assert np.all(inside[sharp] < 0.5) and np.all(outside[sharp] > 0.5)


def test_every_sigma_admissible_at_every_smaller_distance_is_certified():
    p_a, rate, dim = random_cases(4000, seed=3)
    rng = np.random.default_rng(4)
    radius = idrs.certified_radius(p_a, 0.5, rate, dim) * rng.choice([0.999, rng.random()], 4000) ** rng.random(4000)
    sigma1 = 0.5 * np.exp(rng.uniform(-1, 1, 4000) * rate * radius)
    assert np.all(idrs.xi(radius, 0.5, sigma1, dim, p_a)[p_a > 0.5001] < 0.5)


def test_the_falling_branch_alone_exceeds_the_true_radius():
    """The figure of the slides shows xi_> alone; its crossing is certified by no valid argument."""
    dim, sigma0, rate, p_a = 3072, 0.5, 0.01, 0.99
    claimed = idrs.branch_radius(p_a, sigma0, rate, dim, -1)
    assert claimed == pytest.approx(1.0835121386, abs=1e-9)
    assert claimed > idrs.certified_radius(p_a, sigma0, rate, dim) * 1.0009
    between = 0.5 * (claimed + idrs.certified_radius(p_a, sigma0, rate, dim))
    assert idrs.xi(between, sigma0, sigma0 * np.exp(-rate * between), dim, p_a) < 0.5
    assert idrs.xi(between, sigma0, sigma0 * np.exp(rate * between), dim, p_a) > 0.5
    assert idrs.branch_radius(1 - 7e-5, 1.0, 0.3, 2, -1) > 1.13 * idrs.branch_radius(1 - 7e-5, 1.0, 0.3, 2, 1)


def test_the_rising_branch_binds_in_every_case():
    p_a, rate, dim = random_cases(600, seed=5)
    falling, rising = (idrs.branch_radius(p_a, 1.0, rate, dim, sign) for sign in (-1, 1))
    assert np.all(rising <= falling * (1 + 2e-10) + 1e-14 * np.sqrt(dim))


def test_a_sigma_a_tenth_smaller_close_by_loses_everything():
    assert idrs.xi(0.1, 0.5, 0.45, 3072, 0.999) == pytest.approx(0.99999992, abs=5e-9)


@pytest.mark.parametrize(
    ("radius", "dim", "lower", "upper"),
    [
        (0.5, 784, 0.947411, 1.053528),
        (1.0, 784, 0.970127, 1.030174),
        (0.5, 3072, 0.973321, 1.026919),
        (1.0, 3072, 0.984877, 1.015200),
        (0.5, 196608, 0.996652, 1.003352),
        (1.0, 196608, 0.998106, 1.001895),
    ],
)
def test_window_of_ratios(radius, dim, lower, upper):
    window = idrs.ratio_window(radius, 0.5, 0.01, dim)
    assert window == pytest.approx((lower, upper), abs=6e-7)
    for end, step in zip(window, (-1e-9, 1e-9)):
        assert idrs.xi(radius, 0.5, 0.5 * end, dim, 0.99) < 0.5 < idrs.xi(radius, 0.5, 0.5 * (end + step), dim, 0.99)


def test_window_closes_at_cohens_radius():
    radius = cohen(0.99, 0.5) * np.array([0, 1e-9, 0.5, 0.999999, 1, 1.001, 100])
    lower, upper = idrs.ratio_window(radius, 0.5, 0.01, 3072)
    assert np.all(np.diff(lower[:4]) >= -1e-12) and np.all(np.diff(upper[:4]) <= 1e-12)
    assert (lower[0], upper[0]) == idrs.exact_ratio_threshold(0.01, 3072)
    assert 1 - 1e-4 < lower[3] < 1 < upper[3] < 1 + 1e-4
    assert np.all(np.isnan(lower[4:])) and np.all(np.isnan(upper[4:]))
    assert np.all(np.isnan(idrs.ratio_window(0.1, 0.5, [0.5, 0.9, 1], 3072)))
    assert idrs.ratio_window(5.0, 0.5, 0.0, 3072) == (0, np.inf)


@pytest.mark.parametrize(("dim", "ratio", "radius"), [(2, 0.7, 0.8), (2, 1.6, 0.8), (784, 0.98, 0.9), (784, 1.02, 0.9)])
def test_xi_by_sampling_the_likelihood_ratio_in_the_plane(dim, ratio, radius):
    """In units of sigma0: y is the coordinate along x1 - x0, s the squared length of all others; P(B) = p_b fixes the set."""
    rng, n, p_b = np.random.default_rng(dim), 400_000, 0.2

    def log_ratio(y, s):
        return (y**2 + s) / 2 - ((y - radius) ** 2 + s) / (2 * ratio**2)

    s = rng.chisquare(dim - 1, (2, n))
    level = np.quantile(log_ratio(rng.standard_normal(n), s[0]), 1 - p_b)
    sampled = np.mean(log_ratio(radius + ratio * rng.standard_normal(n), ratio**2 * s[1]) > level)
    shifts = idrs.xi(radius, 1.0, ratio, dim, 1 - p_b + np.array([-1, 1]) * np.sqrt(p_b * (1 - p_b) / n))
    error = np.hypot(np.sqrt(sampled * (1 - sampled) / n), np.ptp(shifts) / 2)
    assert abs(sampled - idrs.xi(radius, 1.0, ratio, dim, 1 - p_b)) < 5 * error
    assert error < 3e-3


def test_no_classifier_with_the_same_p_a_does_worse_in_space():
    """Three dimensions without any reduction: the worst set attains xi; a half-space and a ball around x1 stay below it."""
    rng, n, ratio, radius, p_a = np.random.default_rng(0), 300_000, 1.3, 0.7, 0.9
    x0, x1 = np.zeros(3), np.array([0, radius, 0])
    under0, under1 = x0 + rng.standard_normal((n, 3)), x1 + ratio * rng.standard_normal((n, 3))
    scores = {
        "worst": lambda x: (x**2).sum(1) / 2 - ((x - x1) ** 2).sum(1) / (2 * ratio**2),
        "half-space": lambda x: x[:, 1],
        "ball": lambda x: -((x - x1) ** 2).sum(1),
    }
    mass = {name: np.mean(score(under1) > np.quantile(score(under0), p_a)) for name, score in scores.items()}
    assert mass["worst"] == pytest.approx(idrs.xi(radius, 1.0, ratio, 3, p_a), abs=0.006)
    assert mass["half-space"] < mass["worst"] - 0.02 and mass["ball"] < mass["worst"] - 0.02


def test_extreme_arguments_give_numbers_without_a_warning():
    radius = np.array([0, 1e-300, 1e-9, 0.5, 40, 1e6, 1e300])[:, None, None]
    sigma1 = np.array([1e-300, 1e-9, 0.01, 0.9, 1 - 1e-15, 1, 1 + 1e-12, 1.1, 100, 1e9, 1e300])[:, None]
    p_a = np.array([0, 5e-324, 1e-12, 0.3, 0.5, 0.9, 1 - 2.0**-53, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for dim in (1, 2, 3072, 196608):
            worst = idrs.xi(radius, 1.0, sigma1, dim, p_a)
            assert np.all((worst >= 0) & (worst <= 1)) and np.all(np.diff(worst, axis=0) > -1e-12)
            rate = np.array([0, 1e-320, 1e-12, 1.0, 1e100, 1e308])
            radii = idrs.certified_radius(p_a[:, None], [1e-5, 1.0, 1e5, 1e-300, 1e300, 10], rate, dim)
            assert np.all(radii >= 0)
            lower, upper = idrs.ratio_window(radius[..., 0], 1.0, p_a, dim)
            assert np.all(np.isnan(lower) | ((lower <= 1) & (upper >= 1)))


def test_all_arguments_broadcast_and_numbers_stay_numbers():
    assert isinstance(idrs.xi(0.1, 0.25, 0.26, 784, 0.9), float)
    assert isinstance(idrs.certified_radius(0.9, 0.25, 0.01, 784), float)
    assert all(
        isinstance(end, float) for end in idrs.ratio_threshold(0.1, 784) + idrs.ratio_window(0.1, 0.25, 0.1, 784)
    )
    table = idrs.certified_radius([[0.6], [0.9]], np.array([0.2, 0.3, 0.4]), 0.01, [784, 3072, 64])
    assert table.shape == (2, 3) and table.dtype == np.float64
    for i, p_a in enumerate((0.6, 0.9)):
        for j, (sigma0, dim) in enumerate(((0.2, 784), (0.3, 3072), (0.4, 64))):
            assert table[i, j] == idrs.certified_radius(p_a, sigma0, 0.01, dim)
    assert idrs.xi(np.empty((0, 3)), 1.0, 2.0, 784, 0.9).shape == (0, 3)


def test_a_radius_does_not_depend_on_its_neighbours():
    p_a, rate, dim = random_cases(2500, seed=6)  # more than one block
    dim = np.where(np.arange(2500) < 2000, 3072, dim)
    radius, worst = idrs.certified_radius(p_a, 0.3, rate, dim), idrs.xi(0.1, 0.3, 0.3 + 0.01 * rate, dim, p_a)
    for i in range(0, 2500, 97):
        assert radius[i] == idrs.certified_radius(p_a[i], 0.3, rate[i], dim[i])
        assert worst[i] == idrs.xi(0.1, 0.3, 0.3 + 0.01 * rate[i], dim[i], p_a[i])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"p_a": 1.1}, "p_a must be a probability, between 0 and 1, got 1.1"),
        ({"p_a": np.nan}, "p_a must be a probability"),
        ({"sigma0": 0}, "sigma0 must be a positive number, got 0.0"),
        ({"sigma0": [0.1, np.inf]}, "sigma0 must be a positive number, got inf"),
        ({"rate": -0.1}, "rate must be a finite number of at least 0, got -0.1"),
        ({"rate": np.inf}, "rate must be a finite number"),
        ({"dim": 0}, "dim must be a whole number from 1 to 10\\^9, got 0"),
        ({"dim": 2.5}, "dim must be a whole number from 1 to 10\\^9, got 2.5"),
        ({"dim": np.nan}, "dim must be a whole number"),
    ],
)
def test_radius_refuses_what_is_out_of_range(change, words):
    arguments = {"p_a": 0.9, "sigma0": 0.25, "rate": 0.01, "dim": 784} | change
    with pytest.raises(ValueError, match=words) as error:
        idrs.certified_radius(**arguments)
    assert "\n" not in str(error.value)


def test_the_others_refuse_what_is_out_of_range():
    for call, words in (
        (lambda: idrs.xi(-1, 1, 1, 784, 0.9), "radius must be a finite number of at least 0, got -1.0"),
        (lambda: idrs.xi(np.nan, 1, 1, 784, 0.9), "radius must be"),
        (lambda: idrs.xi(1, 1, -1, 784, 0.9), "sigma1 must be a positive number, got -1.0"),
        (lambda: idrs.branch_radius(0.9, 1, 0.1, 784, 0), r"sign must be -1 .* or \+1"),
        (lambda: idrs.ratio_threshold(-0.1, 784), "p_b must be a probability"),
        (lambda: idrs.exact_ratio_threshold(np.nan, 784), "p_b must be a probability"),
        (lambda: idrs.ratio_window(0.1, 0.0, 0.1, 784), "sigma0 must be a positive number"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
