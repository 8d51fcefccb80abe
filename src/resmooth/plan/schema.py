"""The schema of a config: config.schema.yaml beside this file, completed with the names of data sets, networks and methods."""

import ast
import functools
from pathlib import Path
from typing import Any, cast

import yaml

FOLDER = Path(__file__).parent


class ConfigError(ValueError):
    """A config that cannot be run. One line: what is wrong, where, and what to do."""


@functools.cache
def schema() -> dict:
    """The whole schema. Names that modules of the package define are taken from there."""
    from resmooth.datasets import DATASETS
    from resmooth.training.methods import methods

    values = yaml.safe_load((FOLDER / "config.schema.yaml").read_text())
    group = values["properties"]["experiments"]["items"]["properties"]
    values["properties"]["dataset"] = {"enum": list(DATASETS)}
    group["architectures"]["items"] = {"enum": architectures()}
    values["$defs"]["hyperparameters"]["properties"]["method"] = {"enum": methods()}
    return values


def architectures() -> list[str]:
    """Names of `resmooth.models.ARCHITECTURES`, read from its source: importing it would import torch."""
    for node in ast.parse((FOLDER.parent / "models" / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ARCHITECTURES":
            return [ast.literal_eval(key) for key in cast(ast.Dict, node.value).keys if key is not None]
    raise AssertionError("resmooth.models defines no ARCHITECTURES")


def definition(name: str) -> dict:
    """The schema of one of the definitions ("recipe")."""
    return {"$ref": f"#/$defs/{name}", "$defs": schema()["$defs"]}


def check(values: Any, rules: dict, name: str) -> Any:
    """Return `values`; ConfigError, one line, if they break `rules`. `name` says what they are."""
    from jsonschema import Draft202012Validator

    for error in Draft202012Validator(rules).iter_errors(values):
        where = ".".join(map(str, error.absolute_path)) or "top level"
        raise ConfigError(f"{name}: {where}: {error.message}; config/README.md explains every key")
    return values
