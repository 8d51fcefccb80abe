"""Lifts: what they do to an image, and their norms."""

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import sparse

import resmooth as rs
from resmooth.noise import singular
from resmooth.noise.lifted import lifted
from resmooth.noise.lifts import Crops, Identity, Redrawn, Resize, operator_norm, supremum_norm

CORNERS = [(0, 0), (0, 4), (4, 0), (4, 4)]
RNG = np.random.default_rng(0)


def grid(steps):
    return list(itertools.product(steps, steps))


# Norms of the specification, by power iteration and by eigenvalues of their own
NORMS = [
    (1.1300, 32, 36, 32, CORNERS, "resized"),
    (1.1282, 32, 36, 32, [(2, 2)], "patch"),
    (1.1296, 32, 36, 32, [(0, 0)], "patch"),
    (2.2555, 32, 36, 32, CORNERS, "patch"),
    (2.2575, 32, 36, 32, [(0, 0), (0, 1), (0, 2), (0, 3)], "patch"),
    (3.383, 32, 36, 32, grid([0, 2, 4]), "patch"),
    (4.512, 32, 36, 32, grid(range(4)), "patch"),
    (5.639, 32, 36, 32, grid(range(5)), "patch"),
    (1.1483, 224, 256, 224, CORNERS, "resized"),
    (2.296, 224, 256, 224, grid([0, 32]), "patch"),
    (3.445, 224, 256, 224, grid([0, 16, 32]), "patch"),
    (4.593, 224, 256, 224, grid([0, 11, 21, 32]), "patch"),
    (5.741, 224, 256, 224, grid([0, 8, 16, 24, 32]), "patch"),
    (2.129, 32, 34, 32, grid([0, 2]), "patch"),
    (2.754, 32, 44, 32, grid([0, 12]), "patch"),
    (2.964, 32, 48, 32, grid([0, 16]), "patch"),
    (3.329, 32, 56, 32, grid([0, 24]), "patch"),
    (2.000, 32, 64, 32, grid([0, 32]), "patch"),  # the corners tile it
]


@pytest.mark.parametrize(("value", "size", "resize", "patch", "offsets", "space"), NORMS)
def test_norms_are_those_known(value, size, resize, patch, offsets, space):
    digits = 4 if value < 2.3 and f"{value:.4f}"[-1] != "0" else 3
    assert operator_norm(size, resize, patch, offsets, space) == pytest.approx(value, abs=0.51 * 10**-digits)


@pytest.mark.parametrize("resize", [None, 256])
@pytest.mark.parametrize(
    ("offsets", "value"), [(grid([0, 32]), 2), (grid([0, 16, 32])[:8], math.sqrt(8)), (grid([0, 11, 21, 32]), 4)]
)
def test_pure_crops_have_the_root_of_how_often_a_pixel_is_seen(offsets, value, resize):
    assert operator_norm(256, resize, 224, offsets, "patch") == value
    assert operator_norm(256, resize, 224, offsets, "resized") == 1 == operator_norm(256, resize, 224, offsets, "image")


def matrix_of(lift, shape):
    """The matrix of a lift, column by column."""
    unit = torch.eye(math.prod(shape), dtype=torch.float64).view(-1, *shape)
    return torch.stack([lift.apply(each).flatten() for each in unit], dim=1).numpy()


CASES = [
    (Resize(11), (2, 8, 8)),
    (Resize(5), (1, 9, 9)),
    (Resize(9), (1, 7, 9)),
    (Crops(8, ((0, 0), (1, 2), (2, 1)), 10), (1, 8, 8)),
    (Crops(8, ((2, 2), (2, 2), (0, 1)), 10), (2, 8, 8)),
    (Crops(4, ((0, 0), (5, 5)), None), (1, 9, 9)),
    (Crops(3, ((0, 0), (0, 3), (9, 9)), 12), (1, 6, 6)),
    (Crops(7, tuple(map(tuple, RNG.integers(0, 6, (5, 2)).tolist())), 12), (1, 10, 10)),
]


@pytest.mark.parametrize("dense", [0, singular.DENSE])
@pytest.mark.parametrize(("lift", "shape"), CASES)
def test_the_norm_is_the_largest_singular_value_and_never_below(lift, shape, dense, monkeypatch):
    monkeypatch.setattr(singular, "DENSE", dense)
    true = np.linalg.norm(matrix_of(lift, shape), 2)
    assert true * (1 - 1e-14) <= lift.norm(shape) <= true * (1 + 1.1e-5)
    assert lift.apply(torch.rand(shape)).shape == lift.shape(shape)


def test_the_norm_at_the_size_of_imagenet_against_sparse_singular_values():
    offsets = tuple(map(tuple, RNG.integers(0, 97, (6, 2)).tolist()))
    rows = sparse.csr_array(singular.resizing_matrix(160, 192))
    whole = sparse.kron(rows, rows).tocsr()
    coverage = np.zeros((192, 192))
    for row, column in offsets:
        coverage[row : row + 96, column : column + 96] += 1
    stacked = sparse.diags_array(np.sqrt(coverage.ravel())) @ whole
    vector = np.ones(160 * 160)
    for _ in range(300):
        vector = stacked.T @ (stacked @ vector)
        vector /= np.linalg.norm(vector)
    below = np.linalg.norm(stacked @ vector)
    assert below <= operator_norm(160, 192, 96, offsets, "patch") <= below * 1.001


def test_the_supremum_is_that_of_the_worst_patch_repeated():
    repeated = [operator_norm(32, 36, 32, [place] * 4, "patch") for place in grid(range(5))]
    assert supremum_norm(32, 36, 32, 4, "patch") == pytest.approx(max(repeated), abs=1e-9)
    for seed in range(20):
        drawn = np.random.default_rng(seed).integers(0, 5, (4, 2)).tolist()
        assert operator_norm(32, 36, 32, drawn, "patch") <= supremum_norm(32, 36, 32, 4, "patch")
    assert supremum_norm(32, 36, 32, 4, "resized") == operator_norm(32, 36, 32, CORNERS, "resized")
    assert supremum_norm(32, None, 28, 9, "patch") == 3


def test_resizing_to_the_same_size_changes_no_bit():
    image = torch.rand(3, 8, 8)
    assert Resize(8).apply(image) is image and Resize(8).norm((3, 8, 8)) == 1
    assert Identity().apply(image) is image and Identity().norm((3, 8, 8)) == 1


def test_offsets_and_spaces_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="a patch of 32 pixels at 0,5 does not fit an image of 36x36"):
        operator_norm(32, 36, 32, [(0, 5)], "patch")
    with pytest.raises(ValueError, match="no patch"):
        operator_norm(32, 36, 32, [], "patch")
    with pytest.raises(ValueError, match="noise_space must be image, resized or patch, got 'pixel'"):
        operator_norm(32, 36, 32, CORNERS, "pixel")


# Noise after a lift


def after(lift, shape=(1, 8, 8), name="normal", **options):
    return lifted(rs.noise.make(name, math.prod(shape), sigma=0.5, **options), lift, shape, lift.norm(shape))


def test_radii_and_thresholds_are_those_in_image_space():
    noise = after(Crops(8, ((0, 0), (2, 2)), 10))
    plain = rs.noise.make("normal", 128, sigma=0.5)
    assert noise.dim == 128 and noise.radius(0.9, 2) == plain.radius(0.9, 2) / noise.lipschitz
    assert noise.radius(noise.threshold(0.2, 2), 2) >= 0.2 > noise.radius(noise.threshold(0.2, 2) - 1e-9, 2)
    assert noise.facts() == plain.facts() | {"lift": "patches 8 of 10 at 0,0 2,2", "lipschitz": noise.lipschitz}


@pytest.mark.parametrize("norm", [1, math.inf])
def test_other_norms_are_refused(norm):
    with pytest.raises(NotImplementedError, match="in the l2 norm alone"):
        after(Resize(9)).radius(0.9, norm)


@pytest.mark.parametrize(("name", "options"), [("ssn", {}), ("mask", {"channels": 1}), ("laplace", {}), ("idrs", {})])
def test_noise_that_no_l2_certificate_follows_is_refused(name, options):
    with pytest.raises(ValueError, match="cannot follow a lift"):
        after(Resize(9), name=name, **options)


def test_exact_arithmetic_needs_the_values_of_8_bits():
    assert after(Crops(7, ((0, 0),), None), arithmetic="exact").dim == 49
    for lift in (Resize(9), Crops(8, ((0, 0),), 9), Redrawn("patch", None, 7, (), 2)):
        with pytest.raises(ValueError, match="added to 8-bit images"):
            after(lift, arithmetic="exact")


def test_a_wrong_dimension_is_refused():
    with pytest.raises(ValueError, match="dimension 63; the image has 64, the lifted image 81"):
        lifted(rs.noise.make("normal", 63, sigma=0.5), Resize(9), (1, 8, 8), 1.2)


@pytest.mark.parametrize("space", ["image", "resized", "patch"])
def test_redrawn_patches_lie_everywhere_equally_often(space):
    lift, image = Redrawn(space, None, 6, ((1, 1),), 3), torch.arange(64.0).view(1, 8, 8)
    noise = rs.noise.make("normal", math.prod(lift.shape((1, 8, 8))), scale=1e-9)
    copies = lift.copies(noise, lift.apply(image), 0, 3000, torch.Generator().manual_seed(0))
    assert copies.shape == (3000, *lift.seen((1, 8, 8))) == (3000, 4, 6, 6)
    assert torch.allclose(copies[:, 0], image[0, 1:7, 1:7].expand(3000, 6, 6), atol=1e-4)
    corner = copies[:, 1:, 0, 0].round().long().flatten().numpy()
    assert np.array_equal(copies[:, 1:, 5, 5].round().long().flatten().numpy(), corner + 45)
    seen = np.bincount(corner, minlength=64).reshape(8, 8)
    assert seen[3:].sum() == seen[:, 3:].sum() == 0 and seen[:3, :3].min() > 1000 - 5 * math.sqrt(1000)
    assert noise_law(lift, space) == 1.0


def noise_law(lift, space):
    """The standard deviation of a pixel of redrawn patches, in units of sigma, to a twentieth."""
    noise = rs.noise.make("normal", math.prod(lift.shape((1, 8, 8))), sigma=1.0)
    copies = lift.copies(noise, torch.zeros(1, 8, 8), 0, 2000, torch.Generator().manual_seed(1))
    shared = torch.corrcoef(copies[:, :, 0, 0].T)[0, 1:].abs().max().item() if space == "patch" else 0.0
    assert shared < 0.15
    return round(copies.std().item() * 20) / 20
