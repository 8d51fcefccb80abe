"""How often bounds on scores, and certificates of the soft smoothed classifier, claim too much where the truth is known."""

import functools

import numpy as np
import pytest
import torch
from scipy import stats
from soundness_helpers import DIM, GREY, SHAPE, Cells, assert_rate, grey_images, repetitions

import resmooth as rs
from resmooth import bounds
from resmooth.measure.scores import certify_soft

DRAWS = 10_000  # repetitions of a bound alone
REPETITIONS = repetitions(long=10_000, short=500)
SIGMA = 0.25
NORMAL = rs.noise.make("normal", dim=DIM, sigma=SIGMA)


def bernoulli(p):
    return lambda generator, shape: (generator.random(shape) < p).astype(float), p


def two_points(low, high, p_high):
    draw = lambda generator, shape: np.where(generator.random(shape) < p_high, high, low)  # noqa: E731
    return draw, low + (high - low) * p_high


LAWS = {  # how to draw scores in [0, 1], and their mean
    "Bernoulli 1/2": bernoulli(0.5),
    "Bernoulli 0.9": bernoulli(0.9),
    "Bernoulli 0.999": bernoulli(0.999),
    "Bernoulli 0.01": bernoulli(0.01),
    "uniform": (lambda generator, shape: generator.random(shape), 0.5),
    "beta 1/2, 1/2": (lambda generator, shape: generator.beta(0.5, 0.5, shape), 0.5),
    "beta 9, 1": (lambda generator, shape: generator.beta(9, 1, shape), 0.9),
    "beta 0.2, 0.01": (lambda generator, shape: generator.beta(0.2, 0.01, shape), 0.2 / 0.21),
    "nearly constant": two_points(0.7, 0.7001, 0.5),
    "a rare fall": two_points(0.0, 0.95, 0.99),
    "a rare rise": two_points(0.5, 1.0, 0.01),
}
BOUNDS = {
    "hoeffding": lambda mean, variance, n, alpha, side: bounds.hoeffding(mean, n, alpha, side),
    "empirical_bernstein": bounds.empirical_bernstein,
}


@functools.cache
def statistics_of(law, n, seed=0):
    """Means and unbiased variances of n scores, DRAWS times over, and the mean of the law."""
    draw, mean = LAWS[law]
    generator, found = np.random.default_rng(seed), []
    for _ in range(10):
        scores = draw(generator, (DRAWS // 10, n))
        found.append((np.clip(scores.mean(axis=1), 0, 1), scores.var(axis=1, ddof=1)))
    return *np.concatenate(found, axis=1), mean


def wrong(bound, mean, side):
    """Whether `bound`, a number or a pair, excludes the mean."""
    lower, upper = {"lower": (bound, 1), "upper": (0, bound), "both": bound}[side]
    return (lower > mean) | (upper < mean)


@pytest.mark.parametrize("n", [2, 10, 100, 500])
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_on_scores_are_wrong_at_most_as_often_as_alpha(name, law, n):
    average, variance, mean = statistics_of(law, n)
    for side in ("lower", "upper", "both"):
        for alpha in (0.5, 0.05, 0.001):
            bound = BOUNDS[name](average, variance, n, alpha, side)
            assert_rate(wrong(bound, mean, side).sum(), DRAWS, alpha)


@pytest.mark.parametrize("alpha", [0.5, 0.05, 0.001])
@pytest.mark.parametrize("n", [2, 10, 300])
@pytest.mark.parametrize("name", BOUNDS)
def test_on_votes_the_error_is_at_most_alpha_at_every_p(name, n, alpha):
    """Exactly, by a sum over all counts; and at p just inside each value of the bound, where the error is largest."""
    counts = np.arange(n + 1)
    share = counts / n
    for side in ("lower", "upper"):
        bound = BOUNDS[name](share, share * (1 - share) * n / (n - 1), n, alpha, side)
        inside = np.concatenate([bound * (1 - 1e-9), 1 - (1 - bound) * (1 - 1e-9)])
        p = np.concatenate([np.linspace(0, 1, 1001), inside])[:, None]
        error = np.sum(stats.binom.pmf(counts, n, p) * wrong(bound, p, side), axis=1)
        assert error.max() <= alpha * (1 + 1e-9)
        if name == "hoeffding" and n == 300:
            assert error.max() > alpha / 10  # a bound, not a platitude


def refuted(bound, mean, side="lower", alpha=0.05):
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(wrong(bound, mean, side).sum(), DRAWS, alpha)


def test_a_variance_bound_without_its_last_term_is_caught():
    """Of most samples of "a rare fall" no score has fallen: their variance is zero, and it speaks of certainty."""
    n, (average, variance, mean) = 50, statistics_of("a rare fall", 50)
    refuted(average - np.sqrt(2 * variance * np.log(2 / 0.05) / n), mean)


def test_the_normal_approximation_is_caught():
    n, (average, variance, mean) = 50, statistics_of("beta 0.2, 0.01", 50)
    refuted(average - stats.norm.isf(0.05) * np.sqrt(variance / n), mean)


def test_hoeffding_for_scores_of_half_the_range_is_caught():
    n, (average, _, mean) = 500, statistics_of("Bernoulli 1/2", 500)
    refuted(average - np.sqrt(np.log(1 / 0.05) / (8 * n)), mean)


class SoftHalfSpace:
    r"""Softmax :math:`\Phi(d / \tau)` for class 1 of two, d the signed distance to a plane that is `size` from the grey image.

    Under noise its mean score is :math:`\Phi(size / \sqrt{\tau^2 + \sigma^2})` exactly, and the smoothed class changes at the
    plane: the true radius is |size|. Scores near 0 and 1 for a small tau, near 1/2 for a large one.
    """

    def __init__(self, size, tau):
        self.size, self.tau = size, tau

    def __call__(self, images):
        along = (images - GREY).flatten(1).double().sum(dim=1) / 2 + self.size
        return torch.stack([torch.special.log_ndtr(-along / self.tau), torch.special.log_ndtr(along / self.tau)], dim=1)

    @property
    def mean(self):
        """Exact mean scores of the two classes."""
        inside = stats.norm.cdf(self.size / np.hypot(self.tau, SIGMA))
        return np.array([1 - inside, inside])


SOFT = [(0.3, 0.02), (0.3, 0.3), (0.3, 2.0), (0.02, 0.1), (0.0, 0.1), (-0.2, 0.1), (0.8, 0.1), (0.1, 0.0001)]


@pytest.mark.parametrize(("size", "tau"), SOFT)
def test_the_exact_means_are_exact(size, tau):
    """By noise from numpy, apart from everything that is tested here."""
    classifier, noise = SoftHalfSpace(size, tau), np.random.default_rng(0).normal(0, SIGMA, (200_000, DIM))
    scores = classifier(torch.from_numpy(noise).view(-1, *SHAPE) + GREY).softmax(dim=1)[:, 1].numpy()
    assert abs(scores.mean() - classifier.mean[1]) < 5 * scores.std() / np.sqrt(200_000)
    top = classifier.mean.max()
    assert abs(size) >= SIGMA * stats.norm.ppf(top) - 1e-9  # the certificate of the exact mean is true


@pytest.mark.parametrize("bound", ["empirical_bernstein", "hoeffding"])
@pytest.mark.parametrize(("size", "tau"), SOFT)
def test_certified_radii_exceed_the_exact_one_at_most_as_often_as_alpha(size, tau, bound):
    classifier = SoftHalfSpace(size, tau)
    smoothed = rs.Smoothed(classifier, NORMAL, 2)
    result = certify_soft(smoothed, grey_images(REPETITIONS), n0=10, n=200, alpha=0.05, seed=1, bound=bound)
    p = np.append(classifier.mean, 1.0)[result.predict]  # the last is an abstention's
    false = (result.predict != -1) & ((p < 0.5) | (result.radius > SIGMA * stats.norm.ppf(p)))
    assert_rate(false.sum(), REPETITIONS, 0.05)
    assert_rate(np.sum(result.p_lower > classifier.mean[result.selected]), REPETITIONS, 0.05)
    wrong_class = (result.predict != -1) & (result.predict != classifier.mean.argmax())
    assert_rate(np.sum(wrong_class | (result.radius > abs(size))), REPETITIONS, 0.05)


def test_certificates_are_worth_something():
    """Empirical Bernstein comes close to the radius of the exact mean where n is large; a soft score costs radius by itself."""
    for tau, most in ((0.01, 1.0), (0.5, 0.5)):
        classifier = SoftHalfSpace(0.3, tau)
        result = certify_soft(rs.Smoothed(classifier, NORMAL, 2), grey_images(20), n=20_000, alpha=0.001)
        exact = SIGMA * stats.norm.ppf(classifier.mean[1])
        assert np.all(result.predict == 1) and np.all(result.radius > 0.93 * exact) and exact < most * 0.3


@pytest.mark.parametrize("probabilities", [[0.5, 0.3, 0.2], [0.55, 0.45], [0.02] * 50, [0.9, *[0.002] * 50]], ids=str)
@pytest.mark.parametrize("sharpness", [1.0, 30.0])
def test_many_classes(probabilities, sharpness):
    """Also where it abstains: the bound itself is false at most as often as alpha, whichever class was selected."""
    cells, number = Cells(probabilities, SIGMA), len(probabilities)
    smoothed = rs.Smoothed(lambda images: sharpness * cells(images), NORMAL, number)
    result = certify_soft(smoothed, grey_images(REPETITIONS), n0=10, n=100, alpha=0.05, seed=2)
    other = 1 / (np.exp(sharpness) + number - 1)  # score of a class whose cell the copy is not in
    means = other + np.array(probabilities) * (np.exp(sharpness) - 1) * other
    assert_rate(np.sum(result.p_lower > means[result.selected]), REPETITIONS, 0.05)
    assert_rate(np.sum((result.predict != -1) & (means[result.predict] < 0.5)), REPETITIONS, 0.05)


def test_a_radius_of_the_mean_itself_is_caught():
    classifier = SoftHalfSpace(0.3, 0.3)
    result = certify_soft(rs.Smoothed(classifier, NORMAL, 2), grey_images(REPETITIONS), n0=10, n=200, alpha=0.05)
    radius = SIGMA * stats.norm.ppf(np.clip(result.mean, 0.5, None))
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(np.sum(radius > SIGMA * stats.norm.ppf(classifier.mean[1])), REPETITIONS, 0.05)


def test_clopper_pearson_on_the_votes_does_not_bound_the_scores():
    """Votes of a soft classifier are surer than its scores: their bound is about another classifier."""
    classifier = SoftHalfSpace(0.3, 0.5)
    hard = rs.Smoothed(classifier, NORMAL, 2).certify(grey_images(REPETITIONS), n0=10, n=200, alpha=0.05)
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(np.sum(hard.p_lower > classifier.mean[1]), REPETITIONS, 0.05)
