"""The schema's names follow from the modules that define them."""

import inspect
from dataclasses import fields

import pytest
import yaml
from helpers import ROOT

from resmooth.plan.schema import schema
from resmooth.training import methods
from resmooth.training.recipe import Recipe, at_sigma

PUBLISHED = sorted((ROOT / "config" / "recipes").rglob("*.yaml"))


def test_the_schema_knows_every_architecture_data_set_and_recipe_key():
    from resmooth.datasets import DATASETS
    from resmooth.models import ARCHITECTURES
    from resmooth.models.layers import NORMALIZATIONS
    from resmooth.training.objectives import OBJECTIVES
    from resmooth.training.recipe import PRECISIONS

    group = schema()["properties"]["experiments"]["items"]["properties"]
    keys = schema()["$defs"]["hyperparameters"]["properties"]
    assert group["architectures"]["items"]["enum"] == list(ARCHITECTURES)
    assert schema()["properties"]["dataset"]["enum"] == list(DATASETS)
    assert set(keys) == {field.name for field in fields(Recipe)}
    assert set(keys["method"]["enum"]) == set(OBJECTIVES)
    assert keys["normalization"]["enum"] == list(NORMALIZATIONS)
    assert keys["precision"]["enum"] == list(PRECISIONS)


def test_options_are_those_of_the_functions():
    from resmooth.training.attacks import attack_smoothed
    from resmooth.training.objectives import OBJECTIVES

    def defaults(function):
        parameters = list(inspect.signature(function).parameters.values())[5:]
        return {each.name: ... if each.default is each.empty else each.default for each in parameters}

    assert methods.options("attacks", "attack_smoothed") == defaults(attack_smoothed)
    for method, objective in OBJECTIVES.items():
        assert methods.options(method) == defaults(objective)
        assert set(methods.meanings(method)) == set(methods.options(method))


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_published_recipes_are_complete_at_every_sigma(path):
    values = yaml.safe_load(path.read_text())
    assert "arXiv" in values["source"]
    assert f"`{path.parent.name}/{path.stem}`" in (path.parents[1] / "README.md").read_text()
    for sigma in values.get("sigma", [0.25, 0.5, 1.0]):
        recipe = Recipe.from_dict(at_sigma(values, sigma))
        if recipe.method not in ("macer", "direct"):  # these take a whole batch of noisy copies in one step
            assert recipe.steps_per_batch == recipe.options.get("noises", 1)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_recipes_of_every_config_are_valid(path):
    config = yaml.safe_load(path.read_text())
    for values in config["recipes"].values():
        for sigma in config["sigmas"] if isinstance(values, dict) else []:
            Recipe.from_dict(at_sigma(values, sigma))
