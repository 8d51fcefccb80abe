"""The level set method: against laws whose radius is known, and against sets of large likelihood ratio, found by sorting."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import special, stats
from soundness_helpers import cases

import resmooth as rs
from resmooth.noise import levelset, radial

TAILS = np.array([1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 0.01, 0.1, 0.25, 0.4, 0.49, 0.4999, 0.49999])
LAWS = [
    ("exp2", {"k": 0.3}),
    ("exp2", {"k": 1}),
    ("exp2", {"k": 2.1}),
    ("exp2", {"k": 10}),
    ("pow2", {}),
    ("pow2", {"k": 1}),
    ("pow2", {"k": 4}),
]


def unit(name, dim, **parameters):
    return rs.noise.make(name, dim=dim, scale=1.0, **parameters)


@pytest.mark.parametrize("dim", [1, 2, 3, 10, 64, 3072, 150528])
def test_gaussian_noise(dim):
    radius = levelset.radius(unit("exp2", dim, k=2), TAILS)
    exact = -special.ndtri(TAILS) / math.sqrt(2)
    np.testing.assert_allclose(radius, exact, rtol=1e-8)
    assert np.all(radius <= exact)


@pytest.mark.parametrize("k", [1.5, 3, 10])
def test_log_concave_noise_on_a_line_has_its_quantile(k):
    radius, exact = levelset.radius(unit("exp2", 1, k=k), TAILS), stats.gengamma(1 / k, k).isf(2 * TAILS)
    np.testing.assert_allclose(radius, exact, rtol=2e-8)
    assert np.all(radius <= exact)


def test_reference_values():
    with open(Path(__file__).parent / "noise_radii.csv") as file:
        rows = {(row["noise"], int(row["dim"])): row for row in csv.DictReader(file)}
    for dim in (64, 3072):
        for name, k in [("Exp2 k=1 levelset", 1), ("Exp2 k=2 levelset", 2), ("Exp2 k=3", 3)]:
            radius = levelset.radius(unit("exp2", dim, k=k), np.array([0.4, 0.1, 0.001]))
            expected = [float(rows[name, dim][f"p={p}"]) for p in (0.6, 0.9, 0.999)]
            np.testing.assert_allclose(radius, expected, rtol=1e-8)


def clean_mass(noise, shift):
    """The least mass of a set that has mass 1/2 once the input moved by `shift`, by sorting a grid of cells.

    In coordinates along the shift and across it, where the d - 1 dimensions across leave one, with the weight of a sphere.
    """
    far = noise.quantile(np.array([5.0]))[0]
    along = np.linspace(-far, far + shift, 600_000 if noise.dim == 1 else 1500)
    across = np.zeros(1) if noise.dim == 1 else (np.arange(700) + 0.5) * far / 700
    x, y = np.meshgrid(along, across)
    weight = y ** (noise.dim - 2) if noise.dim > 1 else 1.0
    clean, moved = noise.potential(np.hypot(x, y)), noise.potential(np.hypot(x - shift, y))
    before, after = weight * np.exp(-clean), weight * np.exp(-moved)
    order = np.argsort((moved - clean).ravel())
    before, after = (np.cumsum(mass.ravel()[order]) / mass.sum() for mass in (before, after))
    return np.interp(0.5, after, before)


SORTED = [
    ("exp2", {"k": 0.5}),
    ("exp2", {"k": 1}),
    ("exp2", {"k": 3}),
    ("pow2", {}),
    ("pow2", {"k": 1}),
    ("pow2", {"k": 4}),
]
TIED = [("exp2", {"k": 1}, 1)]  # on a line the likelihood ratio of Laplace noise is constant beyond the shift


@pytest.mark.parametrize(
    ("name", "parameters", "dim"),
    [(*law, dim) for law in SORTED for dim in cases([2, 10], 1) if (*law, dim) not in TIED],
)
def test_the_worst_set_found_by_sorting(name, parameters, dim):
    noise = unit(name, dim, **parameters)
    tails = np.array([1e-3, 0.1])
    for tail, shift in zip(tails, noise.unit_radius(tails, 2)):
        assert clean_mass(noise, shift) == pytest.approx(tail, rel=1e-3)


@pytest.mark.parametrize("dim", [2, 10, 64, 3072])
def test_exceeds_the_differential_bound(dim):
    """Its closed form for k = 1, :math:`(d - 1) \\mathrm{atanh}(1 - 2 I^{-1}(1 - p))`: below, and close to p = 1/2 the same."""
    b = (dim - 1) / 2
    x = special.betaincinv(b, b, TAILS)
    differential = (dim - 1) * (np.log1p(-x) - np.log(x)) / 2
    excess = unit("exp2", dim, k=1).unit_radius(TAILS, 2) / differential
    assert np.all(excess[:-3] > 1 + 1e-7) and np.all(excess[-3:] > 1 - 1e-8) and np.all(excess[-2:] < 1 + 1e-7)


@pytest.mark.parametrize(
    ("name", "parameters", "dim"),
    [(*law, dim) for law in LAWS for dim in cases([1, 2, 8], 5, 64) if (*law, dim) not in TIED],
)
def test_no_radius_is_larger_than_finer_integrals_give(name, parameters, dim, monkeypatch):
    noise = unit(name, dim, **parameters)
    radius = levelset.radius(noise, TAILS)
    monkeypatch.setattr(levelset, "MARGIN", 1e-12)
    count = levelset._node_count(noise)
    monkeypatch.setattr(levelset, "_node_count", lambda noise: 3 * count)
    fine = levelset.radius(noise, TAILS)
    assert np.all(radius <= fine * (1 + 1e-12)) and np.all(radius >= fine * (1 - 1e-7))


@pytest.mark.parametrize(("name", "parameters"), LAWS)
@pytest.mark.parametrize("dim", [1, 2, 64, 3072])
def test_exceeds_the_tangent_and_is_convex(name, parameters, dim):
    noise = unit(name, dim, **parameters)
    tails = 0.5 - np.concatenate([np.geomspace(1e-7, 1e-3, 8), np.linspace(0.002, 0.499, 16)])
    radius, gaps = noise.unit_radius(tails[::-1], 2)[::-1], 0.5 - tails
    slope = radius / gaps
    assert np.all(np.diff(radius) > 0) and np.all(slope >= slope[0] * (1 - 1e-12))
    assert np.all(np.diff(np.diff(radius) / np.diff(gaps)) > -1e-7 * slope[1:-1])


def test_extreme_exponents_stay_sound(monkeypatch):
    """In few dimensions the density of k = 100 has an edge nearly as sharp as a ball's, and nearly the radii of a ball."""
    tails = np.array([1e-6, 0.01, 0.3])
    for dim in (2, 8, 64):
        noise = unit("exp2", dim, k=100)
        radius, ball = noise.unit_radius(tails, 2), unit("uniformball", dim).unit_radius(tails, 2)
        assert dim > 8 or np.all(abs(radius[1:] / ball[1:] - 1) < 0.05)
        count = levelset._node_count(noise)
        with monkeypatch.context() as patch:
            patch.setattr(levelset, "_node_count", lambda noise: 2 * count)  # noqa: B023
            np.testing.assert_allclose(radius, noise.unit_radius(tails, 2), rtol=1e-9)


def test_an_unsolved_equation_leaves_the_tangent(monkeypatch):
    noise = unit("pow2", 10)
    solved = levelset.radius(noise, TAILS)
    monkeypatch.setattr(levelset, "STEPS", 0)
    tangent = levelset.radius(noise, TAILS)
    np.testing.assert_allclose(tangent, solved[-1] / (0.5 - TAILS[-1]) * (0.5 - TAILS), rtol=1e-8)
    assert np.all(tangent <= solved)


def test_tails_are_solved_in_chunks_without_a_seam():
    noise = unit("exp2", 64, k=1)
    tails = np.sort(np.random.default_rng(0).uniform(1e-9, 0.49, 3 * levelset.CHUNK))
    radius = noise.unit_radius(tails, 2)
    some = [0, levelset.CHUNK - 1, levelset.CHUNK, -1]
    np.testing.assert_allclose(radius[some], noise.unit_radius(tails[some], 2), rtol=1e-12)
    assert np.all(np.diff(radius) < 0) and levelset.radius(noise, np.array([])).shape == (0,)


@pytest.mark.parametrize(("d", "k", "a"), [(5, 5, 1.02), (3, 0.5, 6.06), (9, 0.2, 45.2)])
def test_tails_that_the_integrals_cannot_follow_get_the_weaker_bound(d, k, a):
    """There the level set method certified radii up to hundreds of times too large."""
    noise = rs.noise.make("pow2", d, scale=1.0, k=k, a=a)
    p = np.array([0.501, 0.6, 0.75, 0.99, 0.9999])
    expected = (2 * p - 1) / (noise.mean_slope * radial.mean_abs(2, d))
    np.testing.assert_allclose(noise.radius(p, 2), expected, rtol=1e-12)


def test_in_one_dimension_a_radius_never_vanishes_above_one_half():
    for k in (1, 10, 100):
        p = 0.5 + np.array([1e-12, 1e-9, 1e-4, 0.1])
        np.testing.assert_allclose(
            rs.noise.make("exp2", 1, scale=1.0, k=k).radius(p, 2), rs.noise.make("expp", 1, scale=1.0, p=k).radius(p, 1)
        )
