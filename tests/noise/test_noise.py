import math

import numpy as np
import pytest
import torch
from scipy import stats

import resmooth as rs


def test_moments_and_scale():
    noise = rs.noise.make("normal", dim=100, sigma=0.5)
    assert noise.scale == noise.sigma == 0.5 and noise.mean_square == 0.25
    assert noise.mean_abs == pytest.approx(0.5 * math.sqrt(2 / math.pi))
    assert rs.noise.make("normal", dim=3, sigma=0.5, match=1).mean_abs == pytest.approx(0.5)
    assert rs.noise.make("normal", dim=3, scale=2.0).sigma == 2.0


def test_samples_follow_the_law():
    noise = rs.noise.make("normal", dim=192, sigma=0.7)
    sample = noise.sample((500, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    assert sample.shape == (500, 3, 8, 8) and sample.dtype == torch.float32
    assert stats.kstest(sample.flatten()[:50_000].numpy(), stats.norm(scale=0.7).cdf).pvalue > 1e-3


@pytest.mark.parametrize("arithmetic", ["float", "exact"])
def test_noisy_copies_are_the_image_plus_samples(arithmetic):
    noise = rs.noise.make("normal", dim=192, sigma=0.7, arithmetic=arithmetic)
    image = torch.arange(192).view(3, 8, 8) / 255
    noisy = noise.noisy(image, 500, torch.Generator().manual_seed(0))
    sample = noise.sample((500, 3, 8, 8), generator=torch.Generator().manual_seed(0))
    assert noisy.shape == sample.shape and noisy.dtype == sample.dtype == torch.float32
    torch.testing.assert_close(noisy, image + sample)
    assert sample.std() == pytest.approx(0.7, rel=0.02)


@pytest.mark.parametrize(("norm", "shrink"), [(1, 1), (2, 1), (math.inf, 1 / math.sqrt(64))])
def test_radius_against_reference_values(norm, shrink):
    noise = rs.noise.make("normal", dim=64, scale=1.0)
    reference = {0.6: 0.2533471031, 0.9: 1.281551566, 0.999: 3.090232306}
    for p, radius in reference.items():
        assert noise.radius(p, norm=norm) == pytest.approx(radius * shrink, rel=1e-9)


def test_radius_is_vectorised_zero_at_a_half_and_accurate_near_one():
    noise = rs.noise.make("normal", dim=64, sigma=0.25)
    p = np.array([[0.0, 0.3, 0.5], [0.7, 0.99, 1 - 1e-12]])
    radius = noise.radius(p, norm=2)
    assert radius.shape == p.shape and np.all(radius[0] == 0) and np.all(np.diff(radius[1]) > 0)
    assert radius[1, 2] == pytest.approx(0.25 * stats.norm.isf(1 - p[1, 2]), rel=1e-9)
    assert isinstance(noise.radius(0.7, norm=2), float)


@pytest.mark.parametrize("arithmetic", ["float", "exact"])
@pytest.mark.parametrize("norm", [1, 2, math.inf])
def test_the_threshold_is_the_least_probability_that_certifies(arithmetic, norm):
    noise = rs.noise.make("normal", dim=64, sigma=0.25, arithmetic=arithmetic)
    factor = math.sqrt(64) if norm == math.inf else 1
    for radius in (0, 1e-3, 0.1, 0.11):
        p = noise.threshold(radius, norm)
        assert isinstance(p, float) and p == pytest.approx(
            stats.norm.cdf(factor * radius / 0.25) + noise.slack, abs=1e-15
        )
        if arithmetic == "float":
            assert noise.radius(p, norm) >= radius >= noise.radius(math.nextafter(p, 0), norm)
    assert noise.threshold(100, norm) == noise.threshold(math.inf, norm) == 1


def test_bad_requests_are_refused_in_one_line():
    noise = rs.noise.make("normal", dim=64, sigma=1.0)
    with pytest.raises(NotImplementedError, match="l0.*normal"):
        noise.radius(0.7, norm=0)
    for call in [
        lambda: rs.noise.make("normal", dim=64, sigma=-0.5),
        lambda: rs.noise.make("normal", dim=64, sigma=float("nan")),
        lambda: rs.noise.make("normal", dim=64),
        lambda: rs.noise.make("normal", dim=64, sigma=1, scale=1),
        lambda: rs.noise.make("normal", dim=0, sigma=1),
        lambda: rs.noise.make("normal", dim=64, sigma=1, match=3),
        lambda: rs.noise.make("cauchy", dim=64, sigma=1),
        lambda: rs.noise.make("normal", dim=64, sigma=1, k=2),
        lambda: noise.sample((2, 3)),
        lambda: noise.radius(1.5, norm=2),
        lambda: noise.threshold(-0.1, norm=2),
        lambda: noise.threshold(float("nan"), norm=2),
    ]:
        with pytest.raises(ValueError) as caught:
            call()
        assert "\n" not in str(caught.value)
