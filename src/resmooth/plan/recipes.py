"""Recipes of a config: written in it, or named files in config/recipes/; resolved at a noise level and checked.

Which methods exist and which options each takes follows from the objectives themselves (`resmooth.training.methods`).
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import yaml

from resmooth.plan.schema import ConfigError, check, definition
from resmooth.training.methods import options
from resmooth.training.recipe import at_sigma


def read(recipes: Mapping, folder: Path) -> dict[str, dict]:
    """The `recipes` of a config, name -> mapping; a recipe given as text is the file <folder>/<text>.yaml.

    ConfigError, one line, for a file that is missing or not a recipe.
    """
    return {
        name: values if isinstance(values, dict) else _from_file(name, values, folder)
        for name, values in recipes.items()
    }


def _from_file(name: str, text: str, folder: Path) -> dict:
    path = folder / f"{text}.yaml"
    if not path.is_file():
        raise ConfigError(f"config: recipes.{name}: there is no file config/recipes/{text}.yaml")
    try:
        return check(yaml.safe_load(path.read_text()), definition("recipe"), f"config/recipes/{text}.yaml")
    except yaml.YAMLError as error:
        raise ConfigError(f"config/recipes/{text}.yaml: not valid YAML ({' '.join(str(error).split())})") from None


def resolve(name: str, recipes: dict[str, dict], sigma: str) -> MappingProxyType:
    """The recipe `name` at one noise level, all its options checked. ConfigError, one line, if it cannot be used there."""
    try:
        resolved = at_sigma(recipes[name], float(sigma))
    except ValueError as error:
        raise ConfigError(f"config: recipes.{name}: {error}") from None
    where = f"config: recipes.{name}, sigma {sigma}"
    check(resolved, definition("recipe"), where)
    given = resolved.get("options", {})
    check(given, _mapping(options(resolved.get("method", "gaussian"))), f"{where}: options")
    if "attack" in given:
        check(given["attack"], _mapping(options("attacks", "attack_smoothed")), f"{where}: attack")
    return MappingProxyType(resolved)


def _mapping(known: dict[str, object]) -> dict:
    """The schema of a mapping of options, those without a default required."""
    required = [name for name, default in known.items() if default is ...]
    return {"type": "object", "required": required, "propertyNames": {"enum": list(known)}}
