"""Training on clips: chunks at random places, and noise that grows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth import datasets
from resmooth.training.batches import Draw, augment, random_chunks
from resmooth.training.loop import train
from resmooth.training.recipe import Recipe

NOISE = rs.noise.make("normal", dim=4 * 256, sigma=0.25)
RECIPE = Recipe(chunk=4, epochs=5, batch_size=32, learning_rate=0.1, milestones=(), noise_steps=1, noise_every=1)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("moving_digits")
    datasets.prepare("moving_digits", folder)
    split = datasets.read(folder / "train.npz")
    return replace(split, images=split.images[:320], labels=split.labels[:320])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_chunk_holds_frames_in_a_row_from_any_place():
    given = torch.arange(48).view(1, 48, 1, 1, 1).expand(2000, -1, 2, 3, 3)
    chunks = random_chunks(given, 4, generator())
    assert chunks.shape == (2000, 4, 2, 3, 3)
    first = chunks[:, 0, 0, 0, 0]
    assert (chunks[..., 0, 0, 0] == first[:, None] + torch.arange(4)).all()
    assert first.min() == 0 and first.max() == 44  # the last place that holds a whole chunk
    seen = torch.bincount(first, minlength=45)
    assert len(seen) == 45 and abs(seen - 2000 / 45).max() < 6 * (2000 / 45) ** 0.5


def test_a_clip_shorter_than_a_chunk_is_looped():
    given = torch.arange(3).view(1, 3, 1, 1, 1)
    assert random_chunks(given, 7, generator()).flatten().tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_all_frames_of_a_chunk_are_shifted_and_mirrored_alike():
    frame = torch.rand(6, 1, 1, 8, 8, generator=generator())
    still = frame.expand(-1, 4, -1, -1, -1)
    moved = augment(still, 2, True, generator(1))
    assert moved.shape == still.shape and not torch.equal(moved, still)
    assert all(torch.equal(moved[:, 0], moved[:, step]) for step in range(4))


def test_noise_grows_from_none_to_its_level():
    recipe = replace(RECIPE, epochs=100, noise_steps=4, noise_every=20)
    assert [recipe.noise_in(epoch) for epoch in (0, 19, 20, 45, 79, 80, 99)] == [0, 0, 0.25, 0.5, 0.75, 1, 1]
    assert replace(recipe, noise_steps=0).noise_in(0) == 1
    with pytest.raises(ValueError, match="whole after 100 epochs, and there are 100"):
        replace(recipe, noise_every=25)


def test_a_draw_adds_its_share_of_the_noise():
    images = torch.zeros(8, 4, 1, 16, 16)
    whole, half, none = (Draw(NOISE, [generator()], strength)(images) for strength in (1, 0.5, 0))
    torch.testing.assert_close(half, whole / 2)
    assert not none.any() and Draw(NOISE, [generator()], 0.5).sigma == 0.125


def test_training_on_chunks_learns_and_resumes_bit_for_bit(clips, tmp_path):
    def run(state, stop=False):
        def report(line):
            if stop:
                raise KeyboardInterrupt

        return train(clips, "resnet3d8", NOISE, RECIPE, [0], tmp_path / state, report=report)

    (whole,), history = run("whole")
    assert len(history) == 5 and history[-1]["loss"] < 2.15 < 2.303  # of guessing
    for _ in range(4):
        with pytest.raises(KeyboardInterrupt):
            run("parts", stop=True)
    (parts,), _ = run("parts")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize(
    ("arch", "changes", "words"),
    [
        ("resnet3d8", {"chunk": 0}, "chunk=0, and moving_digits holds clips"),
        ("resnet8", {}, "resnet8 is not a network of clips"),
    ],
)
def test_what_does_not_fit_clips_is_refused(clips, tmp_path, arch, changes, words):
    with pytest.raises(ValueError, match=words):
        train(clips, arch, NOISE, replace(RECIPE, **changes), [0], tmp_path)


def test_images_have_no_chunks(train_split, tmp_path):
    noise = rs.noise.make("normal", dim=64, sigma=0.25)
    with pytest.raises(ValueError, match="chunk=4, and digits holds images; leave it out"):
        train(train_split, "resnet8", noise, replace(RECIPE, noise_steps=0), [0], tmp_path)
    with pytest.raises(ValueError, match="resnet3d8 is not a network of images"):
        train(train_split, "resnet3d8", noise, replace(RECIPE, chunk=0), [0], tmp_path)


def test_noise_that_is_not_added_cannot_grow(clips, tmp_path):
    mask = rs.noise.from_label("mask", 4 * 256, 0.75)
    with pytest.raises(ValueError, match="noise_steps scale additive noise, and mask is not"):
        train(clips, "resnet3d8", mask, RECIPE, [0], tmp_path)


def test_files_hand_the_chunk_on():
    from resmooth.training.batches import images_of

    class Split:
        labels = np.array([0, 1])
        asked = ()

        def stream(self, batches, seed, epoch, workers, chunk):
            self.asked = (seed, epoch, workers, chunk)
            yield from (torch.zeros(len(batch), chunk, 3, 2, 2, dtype=torch.uint8) for batch in batches)

    split = Split()
    source = images_of(split, torch.device("cpu"), workers=0, chunk=8)
    [(images, labels)] = source([torch.tensor([1, 0])], 3, 2)
    assert images.shape == (2, 8, 3, 2, 2) and labels.tolist() == [1, 0] and split.asked == (3, 2, 0, 8)
