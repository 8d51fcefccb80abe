"""Is the noise of images, purposes and seeds independent, and that of one image as spread as independent draws must be?"""

import numpy as np
import pytest
import torch
from scipy import stats
from soundness_helpers import DIM, SHAPE, Cells, grey_images, repetitions

import resmooth as rs
from resmooth.smoothing import streams

REPETITIONS = repetitions(long=10_000, short=2_000)
SAMPLES = 150  # more than one block
NORMAL = rs.noise.make("normal", dim=DIM, sigma=0.25)
PURPOSES = (streams.SELECTION, streams.ESTIMATION, streams.PREDICTION, streams.ANALYSIS)


class Purpose(rs.Smoothed):
    """`counts` on the stream of one purpose."""

    def stream(self, image, seed, index, purpose, level=None):
        return super().stream(image, seed, index, self.purpose, level)


@pytest.fixture(scope="module")
def votes():
    """Votes for class 0, of probability 1/2, out of SAMPLES: int [seeds, purposes, images]."""
    smoothed, result = Purpose(Cells([0.5, 0.5], 0.25), NORMAL, 2), []
    for seed in (0, 1):
        for smoothed.purpose in PURPOSES:
            result.append(smoothed.counts(grey_images(REPETITIONS), SAMPLES, seed)[:, 0].numpy())
    return np.reshape(result, (2, len(PURPOSES), REPETITIONS))


def assert_uncorrelated(first, second):
    assert stats.pearsonr(first, second).pvalue > 1e-6


def test_votes_of_seeds_and_purposes_are_uncorrelated(votes):
    rows = [*votes[0], *votes[1]]
    for position, first in enumerate(rows):
        for second in rows[:position]:
            assert_uncorrelated(first, second)


@pytest.mark.parametrize("apart", [1, 2, 3, 4, 16, 256, 1024])
def test_votes_of_images_are_uncorrelated(votes, apart):
    for row in [*votes[0], *votes[1]]:
        assert_uncorrelated(row[apart:], row[:-apart])


def test_votes_of_neighbours_for_different_purposes_are_uncorrelated(votes):
    """Their generators' numbers are neighbours, too, before they are permuted."""
    assert_uncorrelated(votes[0, -1, :-1], votes[0, 0, 1:])
    assert_uncorrelated(votes[0, streams.SELECTION, 1:], votes[0, streams.ESTIMATION, :-1])


def test_votes_are_binomial(votes):
    """Neither samples repeated within an image nor images that lean to one side together would leave this variance."""
    expected = stats.binom.pmf(np.arange(SAMPLES + 1), SAMPLES, 0.5) * REPETITIONS
    ends = expected < 10
    for row in [*votes[0], *votes[1]]:
        found = np.bincount(row, minlength=SAMPLES + 1)
        pooled = [np.append(part[~ends], part[ends].sum()) for part in (found, expected)]
        assert stats.chisquare(*pooled).pvalue > 1e-6


@pytest.mark.parametrize("seed", [0, 1])
def test_the_number_of_a_randomised_bound_is_uniform_and_independent_of_the_votes(votes, seed):
    uniforms = np.array([streams.uniform(seed, index) for index in range(REPETITIONS)])
    assert stats.kstest(uniforms, "uniform").pvalue > 1e-6
    assert_uncorrelated(uniforms[1:], uniforms[:-1])
    for row in votes[seed]:
        assert_uncorrelated(uniforms, row)
        assert_uncorrelated(uniforms, np.abs(row - SAMPLES / 2))


@pytest.mark.parametrize("arithmetic", ["float", "exact"])
def test_first_copies_are_normal_over_images_and_uncorrelated_over_pixels(arithmetic):
    """A generator's first numbers betray a poor seed first."""
    noise = rs.noise.make("normal", dim=DIM, sigma=0.25, arithmetic=arithmetic)
    copies = torch.empty(REPETITIONS, 3, *SHAPE)
    for index, first in enumerate(copies):
        streams.Stream(noise, torch.zeros(SHAPE), 5, index, streams.SELECTION).take(first)
    columns = copies.flatten(1).T.double().numpy()
    if noise.grid:  # fill the steps
        columns += np.random.default_rng(0).uniform(-0.5, 0.5, columns.shape) / noise.grid
    for position, column in enumerate(columns):
        assert stats.kstest(column / noise.sigma, "norm").pvalue > 1e-6
        for other in columns[:position]:
            assert_uncorrelated(column, other)
