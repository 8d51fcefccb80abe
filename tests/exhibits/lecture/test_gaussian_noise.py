"""Gaussian noise: densities and lengths against closed forms and against each other."""

import numpy as np
import pytest

from resmooth.exhibits import exhibit
from resmooth.exhibits.lecture import gaussian_noise as module

GAUSSIAN_NOISE = exhibit("lecture/gaussian_noise")


@pytest.fixture(scope="module")
def frames():
    return GAUSSIAN_NOISE.compute(None)


def test_densities_add_up_to_one(frames):
    one, two = frames["one"], frames["two"]
    part = one[one.series == f"density sigma={module.SIGMA:g}"]
    assert np.trapezoid(part.y, part.x) == pytest.approx(1, abs=1e-4)
    grid = two[two.series == "density"]
    width = np.diff(np.unique(grid.x))[0]
    assert grid.y.sum() * width**2 == pytest.approx(1, abs=1e-3)


def test_level_sets_hold_their_share_of_samples(frames):
    circles = frames["two"][frames["two"].series == "level set"]
    lengths = np.linalg.norm(np.random.default_rng(5).normal(0, module.SIGMA, (100_000, 2)), axis=1)
    shares = [(lengths < r).mean() for r in circles.y]
    assert shares == pytest.approx(circles.x.to_list(), abs=0.005)


def test_lengths_follow_the_chi_law(frames):
    laws = frames["laws"]
    assert laws.mean_exact.iloc[0] == pytest.approx(np.sqrt(np.pi / 2))  # of two coordinates: Rayleigh
    assert laws.sd_exact.iloc[-1] == pytest.approx(np.sqrt(0.5), rel=1e-3)  # the shell keeps its thickness
    assert (np.abs(laws.mean_measured - laws.mean_exact) < 4 * laws.standard_error).all()
    assert laws.ks_p_value.min() > 0.001


def test_lengths_of_another_law_are_seen():
    wide = {64: 1.1 * module.lengths(64, np.random.default_rng(0))}
    assert module.laws(wide).ks_p_value.iloc[0] < 1e-6


def test_the_density_is_highest_at_the_centre_and_its_opposite_is_seen(frames):
    finding = GAUSSIAN_NOISE.findings(frames)[0]
    assert finding.claim == "lecture-densest_at_centre" and finding.verdict == "holds"
    assert finding.value == pytest.approx(1 - module.SHARES[-1])
    two = frames["two"].copy()
    two.loc[two.series == "density", "y"] *= -1
    assert GAUSSIAN_NOISE.findings(frames | {"two": two})[0].verdict == "fails"


def test_it_is_drawn_and_told(frames):
    assert len(GAUSSIAN_NOISE.draw(frames).axes) == 5  # four panels and a colour bar
    assert "150,528" in GAUSSIAN_NOISE.here(frames)
