"""Clips of real digits in made motion."""

import numpy as np
import pytest

from resmooth import datasets
from resmooth.datasets import digits, moving_digits


@pytest.fixture(scope="module")
def clips():
    return moving_digits.load("test", None, None)


def test_every_digit_of_the_split_is_one_clip_of_its_class(clips):
    images = digits.load("test", None, None)
    assert clips.images.shape == (500, 48, 16, 16, 1) and clips.images.dtype == np.uint8
    assert (clips.labels == images.labels).all()
    assert datasets.describe("moving_digits").shape == (48, 1, 16, 16)


def test_every_frame_holds_the_whole_digit(clips):
    """Bilinear interpolation shares the pixels of the digit out, and the border never cuts it."""
    images = digits.load("test", None, None)
    whole = images.images.sum(axis=(1, 2, 3)).astype(float)
    frames = clips.images.sum(axis=(2, 3, 4)).astype(float)
    assert np.abs(frames / whole[:, None] - 1).max() < 0.02  # rounded to 8 bits


def test_digits_move_and_the_motion_comes_from_the_number_of_the_image(clips):
    moved = (clips.images[:, 0] != clips.images[:, -1]).any(axis=(1, 2, 3))
    assert moved.mean() > 0.95
    image = digits.load("train", None, None).images[0, ..., 0]
    first, again, other = (moving_digits.clip(image, seed) for seed in (3, 3, 4))
    assert (first == again).all() and (first != other).any()


def test_walls_reflect():
    assert moving_digits.bounced(np.array([0.5, 3, 4.5, 7, 8.5, -1]), 4).tolist() == [0.5, 3, 3.5, 1, 0.5, 1]


def test_a_prepared_split_gives_clips(tmp_path):
    datasets.prepare("moving_digits", tmp_path)
    split = datasets.read(tmp_path / "test.npz")
    clips = split.tensor([0, 7])
    assert clips.shape == (2, 48, 1, 16, 16) and 0 <= clips.min() and clips.max() <= 1
    assert (clips[1, 5, 0].numpy() * 255 == split.images[7, 5, ..., 0]).all()
