from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

import resmooth as rs
from resmooth.training import batches, loop
from resmooth.training.batches import augment
from resmooth.training.loop import load_state, run_epoch, run_identity, train
from resmooth.training.recipe import Recipe

NOISE = rs.noise.make("normal", dim=64, sigma=0.25)
SHORT = Recipe(epochs=3, batch_size=32, learning_rate=0.02, milestones=(2,), crop=1, flip=False)


class Stop(Exception):
    pass


def stop(line):
    raise Stop


def run(split, state, recipe=SHORT, seed=0, report=lambda line: None):
    """Train one network: (its tensors, history)."""
    (tensors,), history = train(split, "resnet8", NOISE, recipe, [seed], state, report=report)
    return tensors, history


@pytest.fixture(scope="module")
def few(train_split):
    return replace(train_split, images=train_split.images[:64], labels=train_split.labels[:64])


def test_training_learns_and_seeds_reproduce(train_split, few, tmp_path):
    _, history = run(train_split, tmp_path / "all")
    assert history[-1]["accuracy"][0] > 0.5 and history[-1]["loss"] < history[0]["loss"]
    tensors, _ = run(few, tmp_path / "a")
    again, _ = run(few, tmp_path / "b")
    other, _ = run(few, tmp_path / "c", seed=1)
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
    assert not torch.equal(tensors["1.weight"], other["1.weight"])


@pytest.mark.parametrize("channels_last", [False, True])
def test_an_interrupted_run_ends_bit_for_bit_like_an_undisturbed_one(few, tmp_path, channels_last):
    recipe = replace(SHORT, channels_last=channels_last)
    whole, _ = run(few, tmp_path / "whole", recipe)
    for _ in range(2):
        with pytest.raises(Stop):
            run(few, tmp_path / "parts", recipe, report=stop)
    parts, history = run(few, tmp_path / "parts", recipe)
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_two_networks_at_once_resume_bit_for_bit_too(few, tmp_path):
    recipe = Recipe(epochs=2, batch_size=32, learning_rate=0.02, crop=1, method="smoothmix", options={"steps": 1})

    def run_both(state, report=lambda line: None):
        return train(few, "resnet8", NOISE, recipe, [4, 2], state, report=report)

    whole, _ = run_both(tmp_path / "whole")
    with pytest.raises(Stop):
        run_both(tmp_path / "parts", stop)
    parts, history = run_both(tmp_path / "parts")
    assert [entry["epoch"] for entry in history] == [1, 2] and len(history[0]["accuracy"]) == len(parts) == 2
    assert all(torch.equal(one[name], other[name]) for one, other in zip(whole, parts) for name in one)
    assert not torch.equal(whole[0]["1.weight"], whole[1]["1.weight"])
    with pytest.raises(ValueError, match="other settings"):
        train(few, "resnet8", NOISE, recipe, [4, 3], tmp_path / "parts")


def test_a_batch_is_cut_into_optimiser_steps(few):
    """Each step learns from its own piece; together the pieces are the batch."""
    seen = []

    class Counting(torch.optim.SGD):
        def step(self):
            seen.append("step")
            super().step()

    def images_seen(module, inputs):
        seen.append(len(inputs[0]))

    torch.manual_seed(0)
    model = rs.models.build("resnet8", 10, 1, 8)
    model.register_forward_pre_hook(images_seen)
    optimizer = Counting(model.parameters(), 0.01)
    source = batches.images_of(few, torch.device("cpu"))
    options = {"noises": 3, "beta": 1.0}
    for steps, expected in ((1, [72, 72, 48]), (4, [18] * 8 + [12] * 4)):  # 64 digits in batches of 24, 24 and 16
        seen.clear()
        recipe = Recipe(method="macer", options=options, batch_size=24, steps_per_batch=steps, learning_rate=0.01)
        run_epoch(model, optimizer, source, NOISE, recipe, [0], 0)
        assert seen == [word for count in expected for word in (count, "step")]


def test_every_image_is_seen_once_an_epoch_by_one_process():
    for processes in (1, 2, 3):
        parts = [
            batches.order(100, 24, torch.Generator().manual_seed(5), "cpu", rank, processes)
            for rank in range(processes)
        ]
        numbers = torch.cat([batch for part in parts for batch in part])
        assert len(numbers) == len(numbers.unique()) == 100 // processes * processes
        assert len({tuple(map(len, part)) for part in parts}) == 1  # equal parts of every batch


def test_state_of_another_run_is_refused(few, tmp_path):
    run(few, tmp_path)
    with pytest.raises(ValueError, match="other settings; delete this folder"):
        run(few, tmp_path, seed=1)


def test_divergence_stops_with_the_last_good_state_kept(train_split, tmp_path, monkeypatch):
    wild = Recipe(epochs=5, learning_rate=1e30, milestones=())
    with pytest.raises(FloatingPointError, match="diverged in epoch 1 of 5.*lower learning_rate"):
        run(train_split, tmp_path / "wild", wild)
    assert not list((tmp_path / "wild").glob("*"))

    def spoil_the_second_epoch(model, *arguments):
        """The last step of an epoch may ruin a weight after the last loss was computed."""
        loss, accuracy = run_epoch(model, *arguments)
        if arguments[-1] == 1:
            model[1].weight.data[0] = float("inf")
        return loss, accuracy

    monkeypatch.setattr(loop, "run_epoch", spoil_the_second_epoch)
    with pytest.raises(FloatingPointError, match="diverged in epoch 2 of 3"):
        run(train_split, tmp_path / "late")
    model = rs.models.build("resnet8", 10, 1, 8)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9)
    identity = run_identity(train_split, "resnet8", NOISE, SHORT, [0])
    history = load_state(tmp_path / "late" / "last.safetensors", model, optimizer, identity)
    assert len(history) == 1 and all(tensor.isfinite().all() for tensor in model.state_dict().values())


def test_bfloat16_and_channels_last_train_too(train_split, tmp_path):
    recipe = Recipe(epochs=2, batch_size=128, learning_rate=0.05, precision="bfloat16", channels_last=True)
    tensors, history = run(train_split, tmp_path, recipe)
    assert history[-1]["loss"] < history[0]["loss"] and tensors["1.weight"].dtype == torch.float32
    assert all(tensor.is_contiguous() for tensor in tensors.values())


def test_augmentation_equals_a_slow_loop():
    images = torch.rand(40, 3, 6, 5)
    shifted = augment(images, 2, True, torch.Generator().manual_seed(0))
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)))
    seen = set()
    for image, source in zip(shifted.numpy(), padded):
        matches = [
            (row, column, flip)
            for row in range(5)
            for column in range(5)
            for flip in (False, True)
            if np.array_equal(image, (source[:, :, ::-1] if flip else source)[:, row : row + 6, column : column + 5])
        ]
        assert matches
        seen.update(matches)
    assert {row for row, _, _ in seen} == {column for _, column, _ in seen} == set(range(5))
    assert {flip for _, _, flip in seen} == {True, False}


def test_resized_images_give_every_patch_of_their_own_size():
    images = torch.rand(200, 3, 6, 6)
    taken = augment(images, 0, True, torch.Generator().manual_seed(0), resize=8)
    both = [functional.interpolate(each, size=(8, 8), mode="bilinear") for each in (images, images.flip(3))]
    seen = set()
    for image, source in zip(taken, torch.stack(both, dim=1)):
        matches = [
            (row, column, flip)
            for row in range(3)
            for column in range(3)
            for flip in (0, 1)
            if torch.equal(image, source[flip, :, row : row + 6, column : column + 6])
        ]
        assert len(matches) == 1
        seen.update(matches)
    assert len(seen) == 18
    assert torch.equal(augment(images, 0, False, torch.Generator(), resize=6), images)


def test_a_network_trains_on_patches_and_too_small_a_size_is_refused(train_split, tmp_path):
    recipe = Recipe(epochs=2, batch_size=128, learning_rate=0.05, resize=10)
    _, history = run(train_split, tmp_path / "patches", recipe)
    assert history[-1]["loss"] < history[0]["loss"]
    with pytest.raises(ValueError, match="recipe: resize=7 leaves no patch of 8x8 pixels"):
        run(train_split, tmp_path / "small", Recipe(epochs=1, resize=7))
    with pytest.raises(ValueError, match="crop and resize both shift"):
        Recipe(crop=1, resize=10)
