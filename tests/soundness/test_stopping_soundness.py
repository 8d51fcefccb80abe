"""The sequential rules through `Smoothed`: noise, streams and stopping together, on classifiers whose truth is known exactly.

tests/soundness/test_sequential_soundness.py asks the rules alone, on simulated votes, at many thresholds.
"""

import numpy as np
import pytest
from scipy import stats
from soundness_helpers import (
    DIM,
    FIRST_PIXEL,
    Cells,
    Region,
    assert_rate,
    false_certificates,
    grey_images,
    repetitions,
)

import resmooth as rs

ALPHA = 0.05
REPETITIONS = repetitions(long=10_000, short=300)
SIGMA = 0.25
NORMAL = rs.noise.make("normal", dim=DIM, sigma=SIGMA)
RULES = {
    "adaptive": {"stages": (50, 100, 300), "n0": 10},
    "union_bound": {"n": 300},
    "confidence_sequence": {"n": 300},
}
REGIONS = {
    "linear": Region("linear", size=0.2, distance=0.0, sigma=SIGMA),
    "slab": Region("slab", size=0.4, distance=0.2, sigma=SIGMA),
    "ball": Region("ball", size=0.8, distance=0.5, sigma=SIGMA),
}


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
@pytest.mark.parametrize("rule", RULES)
def test_no_more_than_the_exact_radius_is_certified(rule, region):
    """At the radius of p_A itself, the worst case; for the linear classifier that is the true radius."""
    p = region.probabilities.max()
    smoothed = rs.Smoothed(region, NORMAL, 2)
    radius = SIGMA * stats.norm.ppf(p) * (1 + 1e-9)
    decisions = smoothed.certify_at(grey_images(REPETITIONS), radius, rule, ALPHA, seed=1, **RULES[rule])
    assert_rate(decisions.certified.sum(), REPETITIONS, ALPHA)
    assert np.mean(decisions.certified) > ALPHA / 50  # or the check would not be one


@pytest.mark.parametrize("rule", RULES)
def test_no_class_without_a_majority_is_certified(rule):
    smoothed = rs.Smoothed(Cells([0.5, *[0.025] * 20], SIGMA), NORMAL, 21)
    decisions = smoothed.certify_at(grey_images(REPETITIONS), 1e-9, rule, ALPHA, seed=2, **RULES[rule])
    assert_rate(decisions.certified.sum(), REPETITIONS, ALPHA)


@pytest.mark.parametrize("rule", RULES)
def test_a_smaller_radius_is_certified_for_the_right_class(rule):
    smoothed = rs.Smoothed(Region("slab", size=0.2, distance=0.6, sigma=SIGMA), NORMAL, 2)
    decisions = smoothed.certify_at(grey_images(200), 0.0, rule, ALPHA, seed=3, **RULES[rule])
    assert np.mean(decisions.predict == 0) > 0.9


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_radii_that_stop_when_they_are_precise_enough(region):
    smoothed = rs.Smoothed(region, NORMAL, 2)
    result = smoothed.certify_within(grey_images(REPETITIONS), 0.1, ALPHA, seed=4, n=300, n0=10)
    false = false_certificates(result.predict, result.radius, region.probabilities, SIGMA)
    assert_rate(false.sum(), REPETITIONS, ALPHA)
    assert_rate(np.sum(result.radius > region.true_radius), REPETITIONS, ALPHA)


def test_radii_of_a_tie_are_nothing():
    smoothed = rs.Smoothed(Cells([0.5, 0.5], SIGMA), NORMAL, 2)
    result = smoothed.certify_within(grey_images(REPETITIONS), alpha=ALPHA, seed=5, n=300, n0=10)
    assert_rate(np.sum(result.predict != -1), REPETITIONS, ALPHA)


@pytest.mark.parametrize("rule", RULES)
def test_exact_arithmetic(rule):
    noise = rs.noise.make("normal", dim=DIM, sigma=SIGMA, arithmetic="exact")
    region = Region("linear", 12.5 / noise.grid, 0.0, SIGMA, FIRST_PIXEL)
    smoothed = rs.Smoothed(region, noise, 2)
    decisions = smoothed.certify_at(grey_images(REPETITIONS), region.true_radius, rule, ALPHA, seed=6, **RULES[rule])
    assert_rate(decisions.certified.sum(), REPETITIONS, ALPHA)


def test_stopping_at_the_first_good_look_is_caught():
    """The fixed bound after every hundred votes of one stream, the best of them taken."""
    smoothed, radius = rs.Smoothed(REGIONS["linear"], NORMAL, 2), REGIONS["linear"].true_radius
    best = np.zeros(400)
    for n in range(50, 501, 50):
        best = np.maximum(best, smoothed.certify(grey_images(len(best)), n0=20, n=n, alpha=ALPHA).radius)
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(np.sum(best > radius), len(best), ALPHA)
