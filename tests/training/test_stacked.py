"""Several networks trained as one equal the same networks trained one by one."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.training import batches, loop
from resmooth.training.recipe import Recipe
from resmooth.training.stacked import Stacked

NOISE = rs.noise.make("normal", dim=64, sigma=0.25)
SEEDS = [3, 0, 7]
METHODS = {
    "gaussian": ("gaussian", {}),
    "direct": ("direct", {"noises": 2}),
    "stability": ("stability", {}),
    "stability, both noisy": ("stability", {"reference": "noisy"}),
    "consistency": ("consistency", {"lbd": 5.0}),
    "consistency attacked": ("consistency", {"lbd": 1.0, "attack": {"epsilon": 0.5, "steps": 2}}),
    "smoothadv pgd": ("smoothadv", {"noises": 2, "attack": {"epsilon": 0.5, "steps": 2}}),
    "smoothadv ddn": ("smoothadv", {"noises": 2, "attack": {"epsilon": 0.5, "steps": 3, "method": "ddn"}}),
    "macer": ("macer", {"noises": 4, "beta": 1.0}),
    "smoothmix": ("smoothmix", {"steps": 2, "alpha": 0.5}),
    "smoothmix, one step first": ("smoothmix", {"steps": 2, "alpha": 0.5, "mix_step": 1}),
}
ATTACKING = [name for name, (_, options) in METHODS.items() if "steps" in str(options)]


@pytest.fixture
def float64(monkeypatch):
    """Everything that the loop and the objectives convert to float32 becomes float64."""
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)


@pytest.fixture(scope="module")
def few(train_split):
    """20 digits: a batch of 16 and a rest of 4 in an epoch."""
    return replace(train_split, images=train_split.images[:20], labels=train_split.labels[:20])


def recipe_of(name):
    method, options = METHODS[name]
    return Recipe(
        method=method, options=options, batch_size=16, steps_per_batch=2, learning_rate=0.02, crop=1, flip=True
    )


def networks_of(split, recipe, seeds, dtype):
    return [loop.initial_model(split, "resnet8", recipe, [seed]).to(dtype) for seed in seeds]


def train(model, split, recipe, seeds):
    """One epoch; its (loss, accuracies)."""
    optimizer = torch.optim.SGD(model.parameters(), recipe.learning_rate, 0.9, 0, 1e-3)
    source = batches.images_of(split, torch.device("cpu"))
    return loop.run_epoch(model, optimizer, source, NOISE, recipe, seeds, 0)


def compare(split, recipe, dtype):
    """(greatest difference of a tensor of the states relative to its change in training, metrics stacked, metrics alone)."""
    networks = networks_of(split, recipe, SEEDS, dtype)
    before = [copy.deepcopy(network.state_dict()) for network in networks]
    stacked = Stacked(networks)
    together = train(stacked, split, recipe, SEEDS)
    alone = [train(network, split, recipe, [seed]) for network, seed in zip(networks, SEEDS)]
    worst = 0.0
    for start, network, state in zip(before, networks, stacked.states()):
        assert list(state) == list(dict.fromkeys([*dict(network.named_parameters()), *dict(network.named_buffers())]))
        for name, expected in network.state_dict().items():
            if expected.is_floating_point() and not torch.equal(start[name], expected):
                moved = (expected - start[name]).norm()
                worst = max(worst, ((state[name] - expected).norm() / moved).item())
            else:
                assert torch.equal(state[name], expected), name
    return worst, together, alone


@pytest.mark.parametrize("name", METHODS)
def test_side_by_side_equals_one_by_one(few, float64, name):
    """In float64: a PGD step is divided by the length of a gradient, which magnifies rounding errors where that is small."""
    worst, (loss, accuracies), alone = compare(few, recipe_of(name), torch.float64)
    assert worst < 1e-9
    assert loss == pytest.approx(np.mean([loss for loss, _ in alone]), rel=1e-6)
    assert accuracies == pytest.approx([accuracy for _, (accuracy,) in alone])


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ATTACKING])
def test_side_by_side_equals_one_by_one_in_float32(few, name):
    """Measured: at most 5e-5 of what training changed; ten times that for processors that sum in another order."""
    worst, _, _ = compare(few, recipe_of(name), torch.float32)
    assert worst < 5e-4


def test_side_by_side_in_bfloat16_and_channels_last(few):
    """Eight bits of precision: about the same loss in the first epoch."""
    recipe = replace(recipe_of("smoothmix"), precision="bfloat16", channels_last=True)
    stacked = loop.initial_model(few, "resnet8", recipe, SEEDS)
    loss, _ = train(stacked, few, recipe, SEEDS)
    alone = [train(loop.initial_model(few, "resnet8", recipe, [seed]), few, recipe, [seed])[0] for seed in SEEDS]
    assert loss == pytest.approx(np.mean(alone), rel=0.02)
    assert all(tensor.isfinite().all() for tensor in stacked.parameters())


def test_mixed_precision_reaches_the_convolutions(few):
    recipe = replace(recipe_of("gaussian"), precision="bfloat16")
    stacked, images = loop.initial_model(few, "resnet8", recipe, SEEDS), torch.rand(len(SEEDS) * 2, 1, 8, 8)
    seen = []
    for module in stacked.skeleton[0].modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.register_forward_hook(lambda module, inputs, output: seen.append((inputs[0].dtype, output.dtype)))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = stacked(images)
    assert set(seen) == {(torch.bfloat16, torch.bfloat16)} and len(seen) == 10
    stacked(images)
    assert set(seen[10:]) == {(torch.float32, torch.float32)}
    rounded.float().sum().backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in stacked.parameters())


def test_noise_does_not_depend_on_the_others():
    images = torch.zeros(3 * 4, 1, 8, 8)

    def generators(*seeds):
        return [torch.Generator().manual_seed(seed) for seed in seeds]

    draw, alone = batches.Draw(NOISE, generators(5, 6, 7)), batches.Draw(NOISE, generators(6))
    for _ in range(2):
        assert torch.equal(draw(images)[4:8], alone(images[:4]))
        assert torch.equal(draw.uniform(images)[4:8], alone.uniform(images[:4]))
    assert not torch.equal(draw(images)[:4], draw(images)[4:8]) and draw.sigma == NOISE.sigma
    assert ((draw.uniform(images) >= 0) & (draw.uniform(images) < 1)).all()


@pytest.fixture
def trained(few):
    """Networks with statistics of their own, and their stack."""
    networks = networks_of(few, recipe_of("gaussian"), SEEDS, torch.float32)
    for number, network in enumerate(networks):
        torch.manual_seed(number)
        network(torch.rand(32, 1, 8, 8) * (1 + number))
    return networks, Stacked(networks)


def test_evaluation_uses_each_networks_own_statistics_and_leaves_them(trained):
    networks, stacked = trained
    images = torch.rand(len(SEEDS) * 5, 1, 8, 8)
    before = copy.deepcopy(stacked.state_dict())
    with torch.no_grad():
        scores = stacked.eval()(images)
        for network, part, own in zip(networks, images.split(5), scores.split(5)):
            torch.testing.assert_close(own, network.eval()(part), rtol=1e-4, atol=1e-5)
            assert (own - network.train()(part)).abs().max() > 0.01
    assert all(torch.equal(before[name], tensor) for name, tensor in stacked.state_dict().items())
    stacked.train()(images)
    assert not torch.equal(before["2/running_mean"], stacked.state_dict()["2/running_mean"])


def test_states_are_those_of_the_networks(trained, few):
    networks, stacked = trained
    for network, state in zip(networks, stacked.states()):
        expected = network.state_dict()
        assert state.keys() == expected.keys() and not any(tensor.requires_grad for tensor in state.values())
        assert all(torch.equal(state[name], tensor) for name, tensor in expected.items())
        networks_of(few, recipe_of("gaussian"), [9], torch.float32)[0].load_state_dict(state)
    with torch.no_grad():
        next(stacked.parameters()).zero_()
    assert networks[0][1].weight.any()  # the stack has weights of its own


def test_its_parameters_are_those_of_all_networks_and_no_more(trained):
    networks, stacked = trained
    count = sum(parameter.numel() for network in networks for parameter in network.parameters())
    assert sum(parameter.numel() for parameter in stacked.parameters()) == count
    assert all(parameter.device.type == "cpu" and parameter.is_leaf for parameter in stacked.parameters())


def test_a_gradient_stays_within_its_network(trained):
    _, stacked = trained
    scores = stacked(torch.rand(len(SEEDS) * 5, 1, 8, 8))
    scores[5:10].square().sum().backward()
    for parameter in stacked.parameters():
        assert not parameter.grad[[0, 2]].any() and parameter.grad[1].isfinite().all()


def test_images_that_cannot_be_shared_are_refused(trained):
    _, stacked = trained
    with pytest.raises(ValueError, match="16 images cannot be shared equally among 3 networks"):
        stacked(torch.rand(16, 1, 8, 8))
