"""Videos: the radius R / L holds for linear classifiers, and R as published under independent noises of sub-videos does not.

A linear network scores a chunk by w . u (two classes: its sign), so a sub-video by a . u, a being w repeated over its chunks and
divided by their number. Smooth-Mean of k sub-videos under independent noise has p_A = Phi(sqrt(k) m / (sigma |a|)), m being the
mean score of the clean sub-videos: the claimed radius is R = sqrt(k) m / |a|, and the distance of the clip to the decision
boundary is m / |mean of P_i^T a|, which is smaller by up to L, the root of how many sub-videos share a frame.
"""

import math

import numpy as np
import pytest
import torch
from soundness_helpers import repetitions
from torch import nn

import resmooth as rs

PIXELS = (1, 2, 2)
TRIALS = repetitions(long=10_000, short=1500)


def sub_videos(frames, length, stride, chunk, weight=None, space="patch"):
    """Smooth-Mean of a linear network of chunks, with the matrix [k, length * 4, frames * 4] that cuts a clip."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(chunk * 4, 2, bias=False))
    if weight is not None:
        network[1].weight.data = torch.tensor(np.stack([weight, -weight]), dtype=torch.float32)
    sub = rs.SubVideos(rs.Video(network, chunk), length, stride, noise_space=space)
    unit = torch.eye(frames * 4, dtype=torch.float64).view(-1, frames, *PIXELS)
    lift = rs.SubVideos(rs.Video(network, chunk), length, stride, noise_space="patch").lift_for((frames, *PIXELS))
    stack = lift.apply(unit).flatten(1).T.numpy()
    return sub, stack.reshape(-1, length * 4, frames * 4)


def over_the_sub_video(weight, length, chunk):
    """a: the weights of all pixels of a sub-video, from those [..., chunk * 4] of a chunk."""
    repeated = np.tile(weight, length // chunk)
    return np.pad(repeated, [(0, 0)] * (weight.ndim - 1) + [(0, length * 4 - repeated.shape[-1])]) / (length // chunk)


@pytest.mark.parametrize(
    ("frames", "length", "stride", "chunk", "squared"),
    [(128, 64, 16, 16, 3), (48, 16, 4, 4, 31 / 9), (48, 32, 4, 4, 4), (32, 8, 8, 4, 1)],
)
def test_the_published_radius_exceeds_the_distance_by_the_ratio_of_the_theory(frames, length, stride, chunk, squared):
    """The same weight everywhere: the ratio squared is the mean over a sub-video's pixels of c_f^2 / k, by hand."""
    sub, cuts = sub_videos(frames, length, stride, chunk)
    a = over_the_sub_video(np.ones(chunk * 4), length, chunk)
    ratio = math.sqrt(len(cuts)) * np.linalg.norm(np.mean(cuts, axis=0).T @ a) / np.linalg.norm(a)
    assert ratio**2 == pytest.approx(squared)
    assert ratio <= sub.lipschitz((frames, *PIXELS)) * (1 + 1e-12)


@pytest.mark.parametrize("space", ["image", "patch"])
def test_no_linear_video_classifier_violates_the_radius(space):
    """Random weights, from rough to nearly constant: R / L never reaches beyond the boundary; R does under independent noises."""
    frames, length, stride, chunk = 24, 10, 3, 4  # chunks leave two frames of each sub-video out
    sub, cuts = sub_videos(frames, length, stride, chunk, space=space)
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((TRIALS, chunk * 4)) + rng.exponential(1, (TRIALS, 1)) * rng.choice(
        [-1, 1], (TRIALS, 1)
    )
    a = over_the_sub_video(weights, length, chunk)
    on_the_clip = np.linalg.norm(a @ np.mean(cuts, axis=0), axis=1)
    distance = 1 / on_the_clip  # of a clip with mean score 1 to the boundary
    radius = 1 / (on_the_clip if space == "image" else np.linalg.norm(a, axis=1) / math.sqrt(len(cuts)))
    assert (radius / sub.lipschitz((frames, *PIXELS)) <= distance * (1 + 1e-12)).all()
    violated = np.mean(radius > distance * (1 + 1e-9))
    assert violated == 0 if space == "image" else violated > 0.2, violated


@pytest.mark.parametrize("space", ["image", "patch"])
def test_smoothed_certifies_the_boundary_of_a_linear_video_classifier(space):
    """The whole path, with counts: R / L lies below the distance to the boundary; R as published is sqrt(3) times it."""
    frames, length, stride, chunk = 32, 16, 4, 4
    weight = np.ones(chunk * 4) / 4
    sub, cuts = sub_videos(frames, length, stride, chunk, weight, space)
    a = over_the_sub_video(weight, length, chunk)
    clip = torch.full((1, frames, *PIXELS), 0.02)
    gradient = np.mean(cuts, axis=0).T @ a
    distance = gradient @ clip.flatten().numpy() / np.linalg.norm(gradient)
    noise = rs.noise.make("normal", frames * 4, sigma=0.5)
    made = rs.Smoothed(sub, noise, 2, precision="float32").certify(clip, 100, 20_000, alpha=1e-6)
    assert 0.5 * distance / made.lipschitz < made.radius[0] <= distance
    if space == "patch":
        assert made.lipschitz == 2 and 1.5 * distance < made.radius[0] * made.lipschitz < math.sqrt(3) * distance
