"""Exact arithmetic: the table against mpmath, the draws against the table, and what is refused."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from scipy import special, stats

import resmooth as rs
from resmooth.noise import grid

SHAPE = (3, 32, 32)
IMAGE = torch.randint(0, 256, SHAPE, generator=torch.Generator().manual_seed(0)) / 255


def exact(sigma, dim=3072):
    return rs.noise.make("normal", dim=dim, sigma=sigma, arithmetic="exact")


def law(noise, reach):
    """Probabilities of round(grid eps) = -reach..reach, the tails added to the ends."""
    edges = (np.arange(-reach, reach) + 0.5) / (noise.scale * noise.grid)
    return np.diff(special.ndtr(edges), prepend=0, append=1)


def draws(draw, noise, count, seed=0):
    return draw(count, noise.scale, noise.grid, torch.Generator().manual_seed(seed), "cpu").numpy().astype(int)


@pytest.mark.parametrize(
    ("sigma", "steps"), [(1.0, 255), (0.0628, 255), (0.0627, 510), (0.02, 1020), (10, 255), (1e-5, 255 * 2**13)]
)
def test_the_grid_has_sixteen_steps_to_a_standard_deviation(sigma, steps):
    assert exact(sigma).grid == steps and steps * sigma >= 16


@pytest.mark.parametrize("sigma", [0.07, 0.12, 0.02])
def test_the_table_is_within_the_slack_of_the_rounded_gaussian(sigma):
    mpmath = pytest.importorskip("mpmath")
    noise = exact(sigma, dim=1)
    with mpmath.workdps(60):
        step = 1 / (mpmath.mpf(noise.scale) * noise.grid)
        last = len(grid.thresholds(noise.scale, noise.grid)) // 2
        ideal = [mpmath.ncdf((k + mpmath.mpf(1) / 2) * step) for k in range(-last, last)]
        drawn = [mpmath.mpf(int(word) + 2**63) / 2**64 for word in grid.thresholds(noise.scale, noise.grid)]
        assert max(abs(a - b) for a, b in zip(ideal, drawn)) < mpmath.mpf(2) ** -64
        beyond = 2 * mpmath.ncdf(-(last + mpmath.mpf(1) / 2) * step)  # the ideal noise's mass outside -K..K

        def masses(cdf, low, high):
            return [b - a for a, b in zip([low, *cdf], [*cdf, high])]

        inside = masses(ideal, beyond / 2, 1 - beyond / 2)
        distance = (sum(abs(a - b) for a, b in zip(inside, masses(drawn, 0, 1))) + beyond) / 2
        assert 0 < distance < noise.slack


@pytest.mark.parametrize("sigma", [0.12, 0.25, 0.5, 1.0])
def test_the_table_agrees_with_the_normal_distribution_function(sigma):
    words = grid.thresholds(exact(sigma).scale, 255)
    edges = (np.arange(len(words) // 2) + 0.5) / (sigma * 255)
    np.testing.assert_allclose(words[len(words) // 2 :] / 2.0**64, special.ndtr(edges) - 0.5, rtol=0, atol=1e-15)
    assert np.all(np.diff(words) >= 0) and np.array_equal(words, -words[::-1])


@pytest.mark.parametrize(("sigma", "limit"), [(0.12, 1e-13), (0.25, 2e-13), (0.5, 4e-13), (1.0, 8e-13)])
def test_the_slack_at_cifar_size_is_negligible(sigma, limit):
    assert 0 < exact(sigma).slack < limit
    assert exact(sigma, dim=150528).slack == pytest.approx(49 * exact(sigma).slack)
    assert rs.noise.make("normal", dim=3072, sigma=sigma).slack == 0


@pytest.mark.parametrize(
    ("draw", "sigma", "count"),
    [(grid._draw_short, 0.5, 10_000_000), (grid._draw_short, 0.12, 2_000_000), (grid._draw_full, 0.5, 1_000_000)],
)
def test_draws_follow_the_law(draw, sigma, count):
    noise = exact(sigma)
    reach = int(3.2 * sigma * noise.grid)  # 20 or more draws are expected in every cell of the largest sample
    observed = np.bincount(draws(draw, noise, count).clip(-reach, reach) + reach, minlength=2 * reach + 1)
    assert stats.chisquare(observed, law(noise, reach) * count).pvalue > 1e-4


def test_draws_have_the_moments_of_the_rounded_gaussian_and_its_tails():
    noise, count = exact(1.0), 4_000_000
    z = draws(grid._draw_short, noise, count) / noise.grid
    assert abs(z.mean()) < 5 / count**0.5
    assert z.var() == pytest.approx(1 + 1 / (12 * noise.grid**2), abs=5 * (2 / count) ** 0.5)
    for far in (3, 4, 4.5):  # 4.5: beyond what 16 bits can tell
        expected = 2 * count * special.ndtr(-(np.ceil(far * noise.grid) - 0.5) / noise.grid)
        assert np.sum(abs(z) >= far) == pytest.approx(expected, abs=5 * expected**0.5)


@pytest.mark.parametrize("sigma", [0.02, 0.25, 1.0, 10.0])
def test_sixteen_bits_decide_only_where_all_words_that_begin_so_agree(sigma):
    noise = exact(sigma)
    guide = grid.guide(noise.scale, noise.grid)
    for rest in (0, 2**47, 2**48 - 1):
        words = torch.arange(-(2**15), 2**15) * 2**48 + rest
        counted = grid._count(words, noise.scale, noise.grid).numpy()
        assert np.array_equal(np.where(np.isnan(guide), counted, guide), counted)
    assert np.isnan(guide).mean() < 0.03 * max(1, sigma)


def test_noisy_images_are_reproducible_and_sums_of_whole_steps():
    noise = exact(0.5)
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    first, again, other = (noise.noisy(IMAGE, 128, generator) for generator in generators)
    assert first.shape == (128, *SHAPE) and first.dtype == torch.float32
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert not torch.equal(first, noise.noisy(IMAGE, 128, generators[0]))
    steps = (first - IMAGE) * noise.grid
    assert (steps - steps.round()).abs().max() < 1e-3


def test_sums_are_exact_on_the_finest_grid():
    noise, levels = exact(2e-6, dim=3), torch.tensor([0, 128, 255])
    assert 2**22 < noise.grid and noise.grid + grid._last(noise.scale, noise.grid) < 2**24
    z = noise.noisy(levels / 255, 1000, torch.Generator().manual_seed(0))
    steps = noise._steps((1000, 3), torch.Generator().manual_seed(0), "cpu").long()
    total = steps + levels * (noise.grid // 255)
    assert torch.equal(z, total.float() * (1 / noise.grid)) and torch.equal(total.float().long(), total)


def test_the_noise_stays_light():
    noise = exact(0.5)
    noise.noisy(IMAGE, 1)
    assert pickle.loads(pickle.dumps(noise)).__dict__ == noise.__dict__ and len(pickle.dumps(noise)) < 1000
    code = (
        "import sys, resmooth as rs; n = rs.noise.make('normal', dim=9, sigma=1, arithmetic='exact');"
        "sys.exit('torch' in sys.modules or not n.threshold(1, 2) > n.slack > 0)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("image", [IMAGE + 0.001, IMAGE * 2, IMAGE - 1, IMAGE * float("nan"), IMAGE.bfloat16()])
def test_images_that_are_not_8_bit_are_refused(image):
    with pytest.raises(ValueError, match="8-bit") as caught:
        exact(0.5).noisy(image, 2)
    assert "\n" not in str(caught.value)


def test_other_bad_requests_are_refused():
    for call in [
        lambda: exact(1e-7),
        lambda: exact(1e4),
        lambda: rs.noise.make("normal", dim=3, sigma=1, arithmetic="double"),
        lambda: exact(0.5).noisy(IMAGE[:2], 3),
        lambda: exact(0.5).sample((3, 5)),
    ]:
        with pytest.raises(ValueError) as caught:
            call()
        assert "\n" not in str(caught.value)
