"""How much a few changed pixels can move under masks."""

from itertools import combinations
from math import comb

import numpy as np
import pytest

from resmooth.theory.masks import FIXED, IID, UNION, changed, energies, limit, radii


def test_probabilities_by_counting_masks():
    found = changed(6, 2, 3)
    kept = [any(pixel < 3 for pixel in mask) for mask in combinations(range(6), 2)]
    assert found[FIXED] == pytest.approx(np.mean(kept)) == pytest.approx(1 - comb(3, 2) / comb(6, 2))
    assert found[IID] == pytest.approx(1 - (2 / 3) ** 3) and found[UNION] == pytest.approx(1)


def test_their_order_and_equality_at_one_pixel():
    found = changed(64, 8, np.arange(20))
    assert (found[IID] <= found[FIXED] + 1e-12).all() and (found[FIXED] <= found[UNION] + 1e-12).all()
    assert found[IID][1] == pytest.approx(1 / 8) == found[UNION][1]


def test_radii_of_reference():
    """At p_A = .6, .75, .9, .99: union, independent, fixed (the report on noises, section 4)."""
    expected = {(784, 45): [(1, 1, 1), (4, 4, 4), (6, 8, 8), (8, 11, 11)]}
    expected |= {(64, 8): [(0, 0, 0), (1, 2, 2), (3, 3, 3), (3, 5, 4)]}
    for case, values in expected.items():
        assert [tuple(radii(*case, p).values()) for p in (0.6, 0.75, 0.9, 0.99)] == values


def test_no_radius_passes_the_limit():
    for d, k in ((64, 8), (784, 45)):
        assert limit(d, k) - 1 <= radii(d, k, 1.0)[IID] < limit(d, k)


def test_energies_are_those_of_masked_pixels():
    image = np.array([1.0, 2.0, 0.0, 0.0])
    found = energies(image, 2, 4000, np.random.default_rng(0))
    assert set(found["fixed size"]) <= {0.0, 1.0, 4.0, 5.0} and found["independent"].shape == (4000,)
    for values in found.values():
        assert values.mean() == pytest.approx(2.5, abs=0.15)
