"""The training methods and the options of each, read from their source without importing torch.

A method is a module of this package that defines `objective` (`resmooth.training.objectives`); `OPTIONS` describes its options.
"""

import ast
import functools
from pathlib import Path

FOLDER = Path(__file__).parent
GIVEN = 5  # the first parameters of an objective or an attack are no options


def methods() -> list[str]:
    """Names of the training methods, in the order of the alphabet."""
    return sorted(path.stem for path in FOLDER.glob("*.py") if _function(path.stem, "objective"))


@functools.cache
def options(module: str, function: str = "objective") -> dict[str, object]:
    """Options of a function of a module of this package, name -> default; `...` for one that must be given."""
    definition = _function(module, function)
    if definition is None:
        raise ValueError(f"resmooth.training.{module} defines no {function}")
    names = [argument.arg for argument in definition.args.args][GIVEN:]
    defaults = [ast.literal_eval(default) for default in definition.args.defaults]
    return dict(zip(names, [...] * (len(names) - len(defaults)) + defaults, strict=True))


def meanings(module: str) -> dict[str, str]:
    """What the options of a method are, in a few words: its `OPTIONS`."""
    for node in _tree(module).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "OPTIONS":
            return ast.literal_eval(node.value)
    return {}


@functools.cache
def _tree(module: str) -> ast.Module:
    return ast.parse((FOLDER / f"{module}.py").read_text())


def _function(module: str, name: str) -> ast.FunctionDef | None:
    """The definition of the function `name` at the top level of a module, or None."""
    nodes = _tree(module).body
    return next((node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == name), None)
