"""How often CERTIFY overstates a radius, from the noise to the certificate, where the truth is known exactly."""

import numpy as np
import pytest
import torch
from scipy import stats
from soundness_helpers import (
    DIM,
    FIRST_PIXEL,
    GREY,
    Cells,
    Region,
    assert_exact_rate,
    assert_rate,
    cases,
    false_certificates,
    grey_images,
    repetitions,
)

import resmooth as rs
from resmooth.smoothing import streams

REPETITIONS = repetitions(long=10_000, short=600)
SIGMA = 0.25
NORMAL = rs.noise.make("normal", dim=DIM, sigma=SIGMA)
REGIONS = {  # the grey image lies inside, at a tie, outside
    "linear, deep inside": Region("linear", size=0.7, distance=0.0, sigma=SIGMA),
    "linear, inside": Region("linear", size=0.2, distance=0.0, sigma=SIGMA),
    "linear, near the boundary": Region("linear", size=0.01, distance=0.0, sigma=SIGMA),
    "linear, on the boundary": Region("linear", size=0.3, distance=0.3, sigma=SIGMA),
    "linear, outside": Region("linear", size=-0.1, distance=0.1, sigma=SIGMA),
    "slab, in the middle": Region("slab", size=0.4, distance=0.0, sigma=SIGMA),
    "slab, off the middle": Region("slab", size=0.4, distance=0.25, sigma=SIGMA),
    "slab, outside": Region("slab", size=0.3, distance=0.5, sigma=SIGMA),
    "ball, at the centre": Region("ball", size=0.8, distance=0.0, sigma=SIGMA),
    "ball, off the centre": Region("ball", size=0.8, distance=0.4, sigma=SIGMA),
    "ball, outside": Region("ball", size=0.6, distance=0.6, sigma=SIGMA),
    "ball, which noise leaves": Region("ball", size=0.4, distance=0.3, sigma=SIGMA),
}


def certify(classifier, num_classes=2, noise=NORMAL, smoothing=rs.Smoothed, **sizes):
    sizes = {"n0": 20, "n": 500, "alpha": 0.05, "seed": 1, **sizes}
    return smoothing(classifier, noise, num_classes).certify(grey_images(REPETITIONS), **sizes)


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_the_exact_probabilities_are_exact(region):
    """By noise from numpy, apart from everything that is tested here."""
    noise = np.random.default_rng(0).normal(0, SIGMA, (200_000, DIM))
    inside = int(region.inside(noise, np.array(region.direction)).sum())
    assert stats.binomtest(inside, 200_000, region.probabilities[1]).pvalue > 1e-4
    top = region.probabilities.max()
    assert region.true_radius >= SIGMA * stats.norm.ppf(top) - 1e-9  # Cohen et al. 2019, theorem 1
    if region.kind == "linear":
        assert region.true_radius == pytest.approx(SIGMA * stats.norm.ppf(top), abs=1e-9)


@pytest.mark.parametrize("sizes", [{"alpha": 0.05}, {"alpha": 0.01, "n": 200, "n0": 1}], ids=["5 %", "1 %"])
@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_certified_radii_exceed_the_exact_one_at_most_as_often_as_alpha(region, sizes):
    result = certify(region, **sizes)
    false = false_certificates(result.predict, result.radius, region.probabilities, SIGMA)
    assert_rate(false.sum(), REPETITIONS, sizes["alpha"])
    wrong_class = (result.predict != -1) & (result.predict != region.probabilities.argmax())
    assert_rate(np.sum(wrong_class | (result.radius > region.true_radius)), REPETITIONS, sizes["alpha"])


@pytest.mark.parametrize("votes", [150, 180, 200])
def test_the_worst_case_errs_exactly_as_often_as_alpha(votes):
    """p just below the bound that `votes` of 200 give: no procedure that claimed any more would pass."""
    p = rs.bounds.clopper_pearson(votes, 200, 0.05) * (1 - 1e-9)
    region = Region("linear", size=SIGMA * stats.norm.ppf(p), distance=0.0, sigma=SIGMA)
    result = certify(region, n0=200, n=200)
    assert np.all(result.counts0.argmax(axis=1) == 1)
    assert_exact_rate(np.sum(result.radius > region.true_radius), REPETITIONS, 0.05)


@pytest.mark.parametrize("kind", ["linear", "slab"])
@pytest.mark.parametrize("steps", cases([1, 40], 5))
def test_exact_arithmetic(kind, steps):
    """Boundaries half-way between grid points, where rounding the noise changes no vote and p_A is that of real noise."""
    noise = rs.noise.make("normal", dim=DIM, sigma=SIGMA, arithmetic="exact")
    distance = 0.0 if kind == "linear" else 20 / noise.grid
    region = Region(kind, distance + (steps + 0.5) / noise.grid, distance, SIGMA, FIRST_PIXEL)
    result = certify(region, noise=noise, n=300)
    false = false_certificates(result.predict, result.radius, region.probabilities, SIGMA)
    assert_rate(false.sum(), REPETITIONS, 0.05)


@pytest.mark.parametrize(
    "probabilities", [[0.5, 0.3, 0.2], [0.4, 0.4, 0.2], [0.55, 0.45], [0.02] * 50, [0.9, *[0.002] * 50]], ids=str
)
def test_many_classes(probabilities):
    """Also where it abstains: the bound itself is false at most as often as alpha, whichever class was selected."""
    result = certify(Cells(probabilities, SIGMA), len(probabilities), n0=10, n=200)
    assert_rate(np.sum(result.p_lower > selected_probability(result, probabilities)), REPETITIONS, 0.05)
    assert_rate(false_certificates(result.predict, result.radius, probabilities, SIGMA).sum(), REPETITIONS, 0.05)


@pytest.mark.parametrize("seed", [0, 123456789])
@pytest.mark.parametrize("p", [0.6, 0.99])
def test_the_randomised_bound_on_sampled_counts_errs_exactly_as_often_as_alpha(p, seed):
    """With each image's own number: this needs exact probabilities, honest noise and a number independent of both."""
    smoothed = rs.Smoothed(Cells([p, 1 - p], SIGMA), NORMAL, 2)
    counts = smoothed.counts(grey_images(REPETITIONS), n=200, seed=seed)
    uniforms = np.array([streams.uniform(seed, index) for index in range(REPETITIONS)])
    selected = np.tile([1, 0], (REPETITIONS, 1))  # class 0, without looking
    result = rs.certify_from_counts(selected, counts, NORMAL, 0.05, bound="randomized", uniforms=uniforms)
    assert_exact_rate(np.sum(result.p_lower > p), REPETITIONS, 0.05)


def selected_probability(result, probabilities):
    return np.array(probabilities)[result.counts0.argmax(axis=1)]


def test_selecting_the_class_on_the_samples_that_bound_it_is_caught():
    for probabilities in ([0.02] * 50, [0.5, 0.5]):
        smoothed = rs.Smoothed(Cells(probabilities, SIGMA), NORMAL, len(probabilities))
        counts = smoothed.counts(grey_images(5_000), n=200, seed=1)
        result = rs.certify_from_counts(counts, counts, NORMAL, 0.05)
        with pytest.raises(AssertionError, match="violations"):
            assert_rate(np.sum(result.p_lower > probabilities[0]), 5_000, 0.05)


def test_selection_and_estimation_on_the_same_noise_are_caught():
    class Shared(rs.Smoothed):
        def stream(self, image, seed, index, purpose, level=None):
            return super().stream(image, seed, index, streams.ESTIMATION, level)

    result = certify(Cells([0.02] * 50, SIGMA), 50, smoothing=Shared, n0=100, n=200)
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(np.sum(result.p_lower > 0.02), REPETITIONS, 0.05)


def test_the_normal_approximation_is_caught():
    counts0, counts = (
        rs.Smoothed(Cells([0.99, 0.01], SIGMA), NORMAL, 2).counts(grey_images(REPETITIONS), n=n, seed=1)
        for n in (20, 100)
    )
    result = rs.certify_from_counts(counts0, counts, NORMAL, 0.05, bound="normal_approximation")
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(false_certificates(result.predict, result.radius, [0.99, 0.01], SIGMA).sum(), REPETITIONS, 0.05)


def test_a_network_of_pytorch_is_certified_like_any_other_callable():
    """Through the inference graph in its own precision, bfloat16 or float32, whose rounding moves the boundary a little."""
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(DIM, 2))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[-0.5] * DIM, [0.5] * DIM]))
        network[1].bias.copy_(torch.tensor([2 * GREY - 0.1, 0.1 - 2 * GREY]))
    result = certify(network)
    large = rs.Smoothed(network, NORMAL, 2).counts(grey_images(1), n=1_000_000, seed=2)[0].numpy()
    upper = rs.bounds.clopper_pearson(large, 1_000_000, 1e-6, side="upper")
    assert large[1] / 1_000_000 == pytest.approx(stats.norm.cdf(0.1 / SIGMA), abs=0.02)
    assert_rate(false_certificates(result.predict, result.radius, upper, SIGMA).sum(), REPETITIONS, 0.05)
