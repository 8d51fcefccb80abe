"""What smoothing leaves of a ball and a quadrant, against simulation and closed forms."""

import math

import numpy as np
import pytest
from scipy import special

from resmooth.theory import regions


def test_in_the_plane_the_disc_is_gone_at_a_closed_form():
    assert regions.vanishes(2) == pytest.approx(1 / math.sqrt(2 * math.log(2)), rel=1e-12)
    assert regions.vanishes(3072) == pytest.approx(1 / math.sqrt(3072), rel=2e-4)


@pytest.mark.parametrize("dim", [2, 64, 3072])
def test_the_region_shrinks_to_nothing(dim):
    gone = regions.vanishes(dim)
    radii = [regions.ball_radius(share * gone, dim) for share in (0.05, 0.3, 0.6, 0.9, 0.999, 1.0, 2.0)]
    assert all(np.diff(radii[:-1]) < 0) and radii[-2:] == [0, 0]
    assert radii[0] < 1


def test_its_edge_is_where_half_of_the_noise_stays_inside():
    sigma, generator = 0.5, np.random.default_rng(0)
    points = [regions.ball_radius(sigma, 2), 0] + sigma * generator.standard_normal((200_000, 2))
    assert np.mean(np.linalg.norm(points, axis=1) <= 1) == pytest.approx(0.5, abs=5 * 0.5 / math.sqrt(200_000))


def test_the_quadrant_is_drawn_back_in_proportion():
    x, y = regions.quadrant_edge(0.3)
    assert special.ndtr(x / 0.3) * special.ndtr(y / 0.3) == pytest.approx(0.5)
    twice = regions.quadrant_edge(0.6)
    assert np.allclose(twice, (2 * x, 2 * y), rtol=1e-12)
    assert special.ndtr(regions.CORNER) ** 2 == pytest.approx(0.5)
