import numpy as np
import pytest
import torch
from torch.nn import functional as F

import resmooth as rs
from resmooth.training import gaussian, loop
from resmooth.training.loop import augment, load_state, run_epoch, run_identity, train
from resmooth.training.recipe import Recipe

NOISE = rs.noise.make("normal", dim=64, sigma=0.25)
SHORT = Recipe(epochs=3, batch_size=32, learning_rate=0.02, milestones=(2,), crop=1, flip=False)


def run(split, state, recipe=SHORT, seed=0, report=lambda line: None):
    return train(split, "resnet8", NOISE, recipe, seed, state, report=report)


def test_training_learns_and_seeds_reproduce(train_split, tmp_path):
    tensors, history = run(train_split, tmp_path / "a")
    again, _ = run(train_split, tmp_path / "b")
    other, _ = run(train_split, tmp_path / "c", seed=1)
    assert history[-1]["accuracy"] > 0.5 and history[-1]["loss"] < history[0]["loss"]
    assert all(torch.equal(tensors[name], again[name]) for name in tensors)
    assert not torch.equal(tensors["1.weight"], other["1.weight"])


def test_an_interrupted_run_ends_bit_for_bit_like_an_undisturbed_one(train_split, tmp_path):
    class Stop(Exception):
        pass

    def stop(line):
        raise Stop

    whole, _ = run(train_split, tmp_path / "whole")
    for _ in range(2):
        with pytest.raises(Stop):
            run(train_split, tmp_path / "parts", report=stop)
    parts, history = run(train_split, tmp_path / "parts")
    assert [entry["epoch"] for entry in history] == [1, 2, 3]
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_state_of_another_run_is_refused(train_split, tmp_path):
    run(train_split, tmp_path)
    with pytest.raises(ValueError, match="other settings; delete this folder"):
        run(train_split, tmp_path, seed=1)


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
    identity = run_identity(train_split, "resnet8", NOISE, SHORT, 0)
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


def test_gaussian_objective_is_cross_entropy_on_noisy_images():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
    images, noise, labels = torch.rand(5, 1, 4, 4), torch.randn(5, 1, 4, 4), torch.tensor([0, 1, 2, 1, 0])
    loss, scores = gaussian.objective(model, images, labels, lambda like: noise, epoch=0)
    weights, bias = (tensor.double() for tensor in model[1].parameters())
    expected = (images + noise).double().flatten(1) @ weights.T + bias
    slow = -torch.stack([F.log_softmax(row, dim=0)[label] for row, label in zip(expected, labels)]).mean()
    assert loss.item() == pytest.approx(slow.item(), rel=1e-5)
    torch.testing.assert_close(scores.double(), expected, rtol=1e-5, atol=1e-6)


def test_step_schedule():
    recipe = Recipe(learning_rate=0.1, milestones=(30, 60))
    assert [recipe.learning_rate_in(epoch) for epoch in (0, 29, 30, 59, 60, 89)] == pytest.approx(
        [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epoch": 3}, "unknown key 'epoch'"),
        ({"method": "magic"}, "unknown method"),
        ({"epochs": 0}, "epochs must be a whole number"),
        ({"precision": "int8"}, "precision"),
        ({"epochs": 1.5}, "whole number"),
        ({"epochs": True}, "whole number"),
        ({"learning_rate": "1e-3"}, "1.0e-3"),
        ({"momentum": 2}, "below 1"),
        ({"gamma": -1}, "gamma"),
        ({"flip": "no"}, "true or false"),
        ({"milestones": 3}, "list of epochs"),
        ({"options": {"lambda": 1}}, "no option 'lambda'"),
    ],
)
def test_bad_recipes_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Recipe.from_dict(values)
