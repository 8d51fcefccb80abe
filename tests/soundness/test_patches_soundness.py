"""Smooth-Reduce: the radius R / L holds for linear classifiers in every noise space, and the published radius R does not.

For a linear score, w . u of each patch u (two classes: its sign), Smooth-Mean of k patches under independent noise has
p_A = Phi(sqrt(k) m / (sigma |w|)) exactly, m being the mean score of the clean patches: the claimed radius is
R = sqrt(k) m / |w|, and the distance to the decision boundary is m / |mean of P_i^T w|.
"""

import math

import numpy as np
import pytest
import torch
from soundness_helpers import repetitions
from torch import nn

import resmooth as rs
from resmooth.classifiers.patches import layout_offsets
from resmooth.noise.lifts import Crops, operator_norm

SIDE, RESIZE, PATCH = 32, 36, 32
TRIALS = repetitions(long=10_000, short=1500)


def mean_patch(patches, layout="corners"):
    """The matrix [PATCH^2, SIDE^2] of the mean of the patches of an image, and their offsets."""
    offsets = layout_offsets(layout, patches, RESIZE, PATCH)
    unit = torch.eye(SIDE**2, dtype=torch.float64).view(-1, 1, SIDE, SIDE)
    stacked = Crops(PATCH, tuple(offsets), RESIZE).apply(unit)  # [SIDE^2, k, PATCH, PATCH]
    return stacked.mean(dim=1).flatten(1).T.numpy(), offsets


def hann():
    bump = np.hanning(PATCH + 2)[1:-1]
    return np.outer(bump, bump).ravel()


@pytest.mark.parametrize(
    ("patches", "layout", "weight", "ratio"),
    [
        (4, "corners", np.ones(PATCH**2), 2.100),
        (4, "corners", hann(), 2.142),
        (25, "grid", np.ones(PATCH**2), 5.327),
        (25, "grid", hann(), 5.482),
    ],
)
def test_the_published_radius_exceeds_the_distance_to_the_boundary(patches, layout, weight, ratio):
    mean, offsets = mean_patch(patches, layout)
    found = math.sqrt(patches) * np.linalg.norm(mean.T @ weight) / np.linalg.norm(weight)
    assert found == pytest.approx(ratio, abs=1e-3)
    assert found <= operator_norm(SIDE, RESIZE, PATCH, offsets, "patch")  # so R / L is sound


@pytest.mark.parametrize("space", ["image", "resized", "patch"])
def test_no_linear_classifier_violates_the_radius_in_image_space(space):
    """Random weights and images: the certified ball never reaches the boundary; R itself does in patch space, mostly."""
    rng = np.random.default_rng(0)
    mean, offsets = mean_patch(4)
    norm = operator_norm(SIDE, RESIZE, PATCH, offsets, space)
    unit = torch.eye(SIDE**2, dtype=torch.float64).view(-1, 1, SIDE, SIDE)
    resized = Crops(RESIZE, ((0, 0),), RESIZE).apply(unit).flatten(1).T.numpy()
    cut = np.zeros((PATCH**2, RESIZE**2))
    for row, column in offsets:
        places = (np.arange(row, row + PATCH)[:, None] * RESIZE + np.arange(column, column + PATCH)).ravel()
        cut[np.arange(PATCH**2), places] += 1 / len(offsets)
    weights = rng.standard_normal((TRIALS, PATCH**2)) + rng.exponential(1, (TRIALS, 1)) * rng.choice(
        [-1, 1], (TRIALS, 1)
    )
    seen = {  # what multiplies a noise vector of variance 1: its length is the deviation of the score
        "image": np.linalg.norm(weights @ mean, axis=1),
        "resized": np.linalg.norm(weights @ cut, axis=1),
        "patch": np.linalg.norm(weights, axis=1) / math.sqrt(len(offsets)),
    }[space]
    assert np.allclose(cut @ resized, mean)
    distance = 1 / np.linalg.norm(weights @ mean, axis=1)  # of an image with mean score 1 to the boundary
    radius = 1 / seen  # sigma Phi^-1(p_A), before L
    assert (radius / norm <= distance * (1 + 1e-12)).all()
    violated = np.mean(radius > distance * (1 + 1e-9))
    assert violated == 0 if space == "image" else violated > 0.2, violated


def test_smoothed_certifies_the_boundary_of_a_linear_classifier():
    """The whole path, with counts: R / L lies below the distance to the boundary, and R above, whatever the noise space."""
    weight = np.ones(PATCH**2) / PATCH
    net = nn.Sequential(nn.Flatten(), nn.Linear(PATCH**2, 2, bias=False))
    net[1].weight.data = torch.tensor(np.stack([weight, -weight]), dtype=torch.float32)
    image = torch.full((1, 1, SIDE, SIDE), 0.02)
    mean, offsets = mean_patch(4)
    distance = (mean @ image.flatten().numpy()) @ weight / np.linalg.norm(mean.T @ weight)
    for space in ("image", "resized", "patch"):
        classifier = rs.Patches(net, RESIZE, PATCH, noise_space=space)
        noise = rs.noise.make("normal", SIDE**2, sigma=0.5)
        made = rs.Smoothed(classifier, noise, 2, precision="float32").certify(image, 100, 20_000, alpha=1e-6)
        assert 0.5 * distance / made.lipschitz < made.radius[0] <= distance
        if space == "patch":
            assert made.radius[0] * made.lipschitz > 1.9 * distance  # what the paper would print
