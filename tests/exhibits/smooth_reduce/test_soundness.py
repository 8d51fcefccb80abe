"""Smooth-Reduce's radius: norms and ratios against single classifiers, and verdicts that follow the numbers."""

import math

import numpy as np
import pytest
import torch

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import _soundness_numbers as numbers
from resmooth.exhibits.smooth_reduce import soundness
from resmooth.noise.lifts import Crops, Resize

EXHIBIT = exhibit("smooth_reduce/soundness")


@pytest.fixture(scope="module")
def frames():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "NUMBERS_IMAGENET", (4, 16))  # the norm of 8 patches alone takes seconds
        return soundness.compute()


def verdicts(frames):
    return {each.claim.removeprefix("smooth_reduce-"): each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_norms(frames):
    norms = frames["norms"].set_index(["data", "noise", "layout", "k"]).L
    cifar, imagenet = "CIFAR-10, 32 to 36", "ImageNet, 224 to 256"
    for k, norm in {4: 2.2555, 9: 3.383, 16: 4.511, 25: 5.639}.items():
        assert norms[cifar, "patches", "even grid", k] == pytest.approx(norm, abs=1e-3)
    assert norms[cifar, "resized image: one", "any", 1] == pytest.approx(1.1300, abs=1e-4)
    assert norms[cifar, "patches", "random, worst", 4] == pytest.approx(2.2590, abs=2e-4)
    assert norms[imagenet, "patches", "even grid", 16] == pytest.approx(4.593, abs=1e-3)
    assert norms["ImageNet, declared at 256", "patches", "even grid", 16] == 4
    assert norms[cifar, "image: one", "any", 1] == 1 and norms[cifar, "image: one for each patch", "any", 4] == 2
    assert (frames["norms"]["sqrt(k) ||A||"] >= frames["norms"].L * (1 - 1e-4)).all()


def test_matrices_are_those_of_the_lifts():
    image = torch.randn(1, numbers.SIDE, numbers.SIDE, dtype=torch.float64)
    resized = numbers.whole_resize() @ image.flatten().numpy()
    assert np.allclose(resized, Resize(numbers.RESIZE).apply(image).flatten())
    offsets = tuple(numbers.places(4, numbers.RESIZE, numbers.PATCH))
    patches = Crops(numbers.PATCH, offsets, numbers.RESIZE).apply(image)
    assert np.allclose(numbers.cut_matrix(offsets) @ resized, patches.mean(dim=0).flatten())


def test_pixels_of_a_patch_by_drawing(frames):
    drawn = torch.randn(4000, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    patch = Crops(32, ((0, 0),), 36).apply(drawn)[:, 0]
    row = frames["pixels"].iloc[0]
    assert patch.square().mean().sqrt().item() == pytest.approx(row.rms_sd, abs=0.01)
    spread = patch.std(dim=0)
    assert spread.min().item() == pytest.approx(row.least_sd, abs=0.03)
    assert spread.max().item() == pytest.approx(row.largest_sd, abs=0.05)
    next_to = (patch[..., 1:] * patch[..., :-1]).mean(dim=0) / (spread[..., 1:] * spread[..., :-1])
    assert next_to.mean().item() == pytest.approx(row.neighbours, abs=0.01)


def test_the_counter_example(frames):
    found = frames["example"]["claimed / true"].tolist()
    assert found == pytest.approx([2.100, 2.142, 2.179, 5.327, 5.482, 5.526], abs=1e-3)
    mean = numbers.cut_matrix(numbers.places(4, numbers.RESIZE, numbers.PATCH)) @ numbers.whole_resize()
    assert found[2] == pytest.approx(2 * np.linalg.norm(mean, 2), rel=1e-4)  # no weight is better


def test_divided_radii_hold_and_published_ones_do_not(frames):
    found = frames["simulated"]
    assert found.violated_divided.sum() == 0 and (found.largest_divided <= 1 + 1e-9).all()
    by_space = found.groupby("noise_space").violated.sum()
    assert by_space["image"] == 0 and by_space["patch"] > 0 and by_space["resized"] > 0
    assert ((found.low <= found.share) & (found.share <= found.high)).all()
    ratio = np.array([0.5, 1.0, 1.5, 3.0])
    n, violated, share, low, high, largest, norm, divided, most = numbers.counted(ratio, 2.0)
    assert (n, violated, share, largest, norm, divided, most) == (4, 2, 0.5, 3.0, 2.0, 1, 1.5) and low < 0.5 < high


def test_verdicts(frames):
    expected = dict.fromkeys(("patch_noise_is_image_noise", "patch_noise_sd", "resizing_leaves_radius"), "fails")
    assert verdicts(frames) == expected


def test_verdicts_follow_the_numbers(frames):
    example = frames["example"].copy()
    example["claimed / true"] /= math.sqrt(example.k.max())
    resizes = frames["resizes"].assign(L_resized=1.0)
    found = verdicts(frames | {"example": example, "resizes": resizes})
    assert found["patch_noise_is_image_noise"] == "holds" and found["resizing_leaves_radius"] != "fails"


def test_picture_table_and_words(frames):
    assert len(EXHIBIT.draw(frames).axes) == 4
    assert set(EXHIBIT.table(frames).series) == set(frames)
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
