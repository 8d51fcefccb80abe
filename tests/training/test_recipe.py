"""Recipes: what they say at each noise level, and what is refused with which words."""

import copy
import inspect
from types import SimpleNamespace

import pytest
import torch
import yaml
from helpers import ROOT

import resmooth as rs
from resmooth.models.layers import normalization_constants
from resmooth.training import recipe as recipes
from resmooth.training.attacks import attack_smoothed
from resmooth.training.objectives import OBJECTIVES
from resmooth.training.recipe import Recipe, at_sigma, check_options

ATTACK = {"epsilon": 2.0, "steps": 2}


def test_step_schedule():
    recipe = Recipe(learning_rate=0.1, milestones=(30, 60))
    assert [recipe.learning_rate_in(epoch) for epoch in (0, 29, 30, 59, 60, 89)] == pytest.approx(
        [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    )


def test_cosine_schedule():
    recipe = Recipe(learning_rate=0.1, schedule="cosine", epochs=4)
    assert [recipe.learning_rate_in(epoch) for epoch in range(4)] == pytest.approx(
        [0.1, 0.0853553, 0.05, 0.0146447], rel=1e-5
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schedule": "linear"}, "schedule must be steps or cosine, got 'linear'"),
        ({"schedule": "cosine", "milestones": [3]}, "milestones and gamma belong to the schedule steps"),
        ({"method": "stability", "options": {"reference": "both"}}, "must be clean or noisy, got 'both'"),
        ({"epoch": 3}, "unknown key 'epoch'; known: method, options, epochs"),
        ({"sigma": {}}, "unknown key 'sigma'"),
        (
            {"method": "magic"},
            "unknown method 'magic'; known: consistency, direct, gaussian, macer, smoothadv, smoothmix, stability",
        ),
        ({"epochs": 0}, "epochs must be a whole number"),
        ({"precision": "int8"}, "precision must be float32 or bfloat16, got 'int8'"),
        ({"epochs": 1.5}, "whole number"),
        ({"epochs": True}, "whole number"),
        ({"learning_rate": "1e-3"}, "1.0e-3"),
        ({"learning_rate": float("inf")}, "learning_rate must be a positive number"),
        ({"momentum": 2}, "below 1"),
        ({"gamma": -1}, "gamma"),
        ({"flip": "no"}, "true or false"),
        ({"nesterov": 1}, "nesterov must be true or false"),
        ({"channels_last": None}, "channels_last must be true or false"),
        ({"milestones": 3}, "list of epochs"),
        ({"milestones": [1.5]}, "list of epochs"),
        ({"steps_per_batch": 0}, "steps_per_batch must be a whole number of at least 1"),
        ({"normalization": "imagenet"}, "normalization must be standard, center, none, got 'imagenet'"),
        ({"options": None}, "options must be a mapping"),
        ({"options": {"lambda": 1}}, "method gaussian has no option 'lambda'; known: none"),
        ({"method": "stability", "options": {"noises": 2}}, "method stability has no option 'noises'; known: lbd"),
        (
            {"method": "stability", "options": {"lbd": -1}},
            "option lbd of method stability must be a number of at least 0",
        ),
        ({"method": "consistency", "options": {"noises": 0}}, "noises of method consistency must be a whole number"),
        ({"method": "consistency", "options": {"attack": None}}, "attack of method consistency must be a mapping"),
        ({"method": "consistency", "options": {"attack": {"steps": 1}}}, "the attack of consistency needs .*'epsilon'"),
        ({"method": "smoothadv"}, "method smoothadv needs the option 'attack'"),
        (
            {"method": "smoothadv", "options": {"attack": ATTACK | {"epsilon": "512/256"}}},
            "512/256 is 2.0, got '512/256'",
        ),
        ({"method": "smoothadv", "options": {"attack": ATTACK | {"method": "fgsm"}}}, "must be pgd or ddn, got 'fgsm'"),
        (
            {"method": "smoothadv", "options": {"attack": ATTACK | {"noise": 1}}},
            "the attack of smoothadv has no option 'noise'",
        ),
        ({"method": "smoothadv", "options": {"attack": ATTACK, "train_on_all": 1}}, "train_on_all .* true or false"),
        ({"method": "macer", "options": {"deferred": -1}}, "deferred of method macer must be a whole number of epochs"),
        ({"method": "macer", "options": {"beta": 0}}, "beta of method macer must be a positive number"),
        ({"method": "macer", "options": {"model": 0}}, "has no option 'model'"),
        ({"method": "smoothmix", "options": {"mix_step": 2}}, "mix_step of method smoothmix must be 0 or 1, got 2"),
        ({"method": "smoothmix", "options": {"mix_step": 1.0}}, "mix_step of method smoothmix must be 0 or 1, got 1.0"),
        ({"method": "smoothmix", "options": {"max_norm": 0}}, "max_norm of method smoothmix must be a positive number"),
    ],
)
def test_bad_recipes_are_refused(values, message):
    with pytest.raises(ValueError, match=f"^recipe: .*{message}") as error:
        Recipe.from_dict(values)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("direct", {"noises": 16}),
        ("stability", {"lbd": 0, "reference": "noisy"}),
        ("consistency", {"noises": 2, "lbd": 10, "eta": 0.5, "attack": ATTACK | {"method": "ddn", "warmup": 10}}),
        ("smoothadv", {"attack": ATTACK, "noises": 8, "train_on_all": False}),
        ("macer", {"noises": 16, "lbd": 12.0, "gamma": 8.0, "beta": 16.0, "deferred": 50}),
        ("smoothmix", {"steps": 4, "alpha": 0.5, "eta": 5, "warmup": 10, "mix_step": 1, "max_norm": None}),
    ],
)
def test_a_recipe_survives_its_json(method, options):
    recipe = Recipe(method=method, options=options, milestones=(50, 100), steps_per_batch=2)
    assert Recipe.from_dict(recipe.as_dict()) == recipe
    assert recipe.as_dict()["milestones"] == [50, 100] and recipe.as_dict()["options"] == options


def test_every_option_has_its_limits_and_every_default_is_within():
    for function in (*OBJECTIVES.values(), attack_smoothed):
        for parameter in list(inspect.signature(function).parameters.values())[5:]:
            valid, wanted = recipes.OPTIONS[parameter.name]
            assert wanted
            if parameter.default is not parameter.empty and parameter.name != "attack":
                assert valid(parameter.default), (function, parameter)


def test_check_options():
    def function(model, images, steps, lbd=1.0):
        pass

    check_options({"steps": 1}, function, 2, "the test")
    check_options({"steps": 1, "lbd": 0.0}, function, 2, "the test")
    for options, message in (
        ({}, "recipe: the test needs the option 'steps'"),
        ({"steps": 1, "images": 2}, "recipe: the test has no option 'images'; known: steps, lbd"),
        ({"steps": 1.0}, "recipe: option steps of the test must be a whole number of at least 1, got 1.0"),
        ({"steps": 1, "lbd": float("nan")}, "recipe: option lbd of the test must be a number of at least 0, got nan"),
    ):
        with pytest.raises(ValueError) as error:
            check_options(options, function, 2, "the test")
        assert str(error.value) == message


BY_LEVEL = {
    "source": "a paper, page 3",
    "method": "smoothadv",
    "epochs": 150,
    "milestones": [50, 100],
    "options": {"noises": 2, "attack": {"epsilon": 2.0, "steps": 2, "warmup": 10}},
    "sigma": {
        0.25: {"options": {"noises": 8, "attack": {"epsilon": 0.99609375, "steps": 10}}},
        0.5: {},
        1: {"options": {"attack": {"steps": 10}}, "milestones": [30], "flip": True},
    },
}


def test_a_recipe_at_a_noise_level():
    before = copy.deepcopy(BY_LEVEL)
    quarter, half, one = (at_sigma(BY_LEVEL, sigma) for sigma in (0.25, 0.5, 1.0))
    common = {"method": "smoothadv", "epochs": 150, "milestones": [50, 100]}
    attack = {"epsilon": 0.99609375, "steps": 10, "warmup": 10}
    assert quarter == common | {"options": {"noises": 8, "attack": attack}}
    assert half == common | {"options": BY_LEVEL["options"]}
    attack = {"epsilon": 2.0, "steps": 10, "warmup": 10}
    assert one == common | {"milestones": [30], "flip": True, "options": {"noises": 2, "attack": attack}}
    assert BY_LEVEL == before
    assert all(isinstance(Recipe.from_dict(values), Recipe) for values in (quarter, half, one))
    assert at_sigma(BY_LEVEL, 1) == one


def test_a_recipe_for_all_noise_levels_stays_as_it_is():
    assert at_sigma({"epochs": 3, "source": "here"}, 0.37) == {"epochs": 3}
    assert at_sigma({}, 0.37) == {}


def test_a_noise_level_that_a_recipe_does_not_list_is_refused():
    with pytest.raises(ValueError, match="^recipe: made for sigma 0.25, 0.5, 1, not 0.12; add it under its key sigma$"):
        at_sigma(BY_LEVEL, 0.12)


def test_mappings_are_merged_and_all_else_is_replaced():
    values = {"options": {"lbd": 1.0}, "milestones": [1, 2], "sigma": {0.5: {"options": 3, "milestones": {"a": 1}}}}
    assert at_sigma(values, 0.5) == {"options": 3, "milestones": {"a": 1}}
    assert at_sigma({"sigma": {0.5: {"options": {"lbd": 2.0}}}}, 0.5) == {"options": {"lbd": 2.0}}


def test_normalization():
    about = SimpleNamespace(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    images = torch.rand(2, 3, 8, 8)
    columns = [torch.tensor(values).view(3, 1, 1) for values in (about.mean, about.std)]
    for name, expected in (
        ("standard", (images - columns[0]) / columns[1]),
        ("center", images - columns[0]),
        ("none", images),
    ):
        constants = normalization_constants(name, about.mean, about.std)
        torch.testing.assert_close(rs.models.build("resnet8", 10, 3, 8, *constants)[0](images), expected)


@pytest.mark.parametrize("levels", [[0.25, 0.5], 0.5, {"half": {}}, {}, {0.5: 3}])
def test_noise_levels_that_are_no_mapping_are_refused(levels):
    with pytest.raises(ValueError, match="recipe: sigma must map noise levels"):
        at_sigma({"epochs": 2, "sigma": levels}, 0.5)


def test_a_noise_level_may_change_nothing():
    assert at_sigma({"epochs": 2, "sigma": {0.5: None}}, 0.5) == {"epochs": 2}


def test_nesterov_needs_momentum():
    with pytest.raises(ValueError, match="nesterov needs a momentum"):
        Recipe(nesterov=True, momentum=0)


@pytest.mark.parametrize("path", sorted((ROOT / "config" / "recipes").glob("*/*.yaml")), ids=lambda path: path.stem)
def test_published_recipes_are_valid_at_their_noise_levels(path):
    values = yaml.safe_load(path.read_text())
    assert values["source"]
    for sigma in values.get("sigma", [0.25]):
        Recipe.from_dict(at_sigma(values, sigma))
