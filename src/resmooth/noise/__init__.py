"""Noise distributions by name: density, exact sampling, moments, certified radius. One family in each file.

A new family is one module here, whose class has a `name`, and a case in tests/noise/test_families.py. Nothing else registers it.
"""

from __future__ import annotations

import inspect
import math
import pkgutil
from importlib import import_module
from typing import Any

from resmooth.noise.base import KINDS, Noise


def _discovered() -> dict[str, type[Noise]]:
    """The classes with a `name` that the modules of this package define: by kind, each after the one that it refines."""
    found: set[type[Noise]] = set()
    for module in pkgutil.iter_modules(__path__):
        for each in vars(import_module(f"{__name__}.{module.name}")).values():
            if inspect.isclass(each) and issubclass(each, Noise) and "name" in vars(each):
                found.add(each)

    def place(noise: type[Noise]) -> tuple[int, list[str]]:
        return KINDS.index(noise.kind), [vars(each)["name"] for each in reversed(noise.mro()) if "name" in vars(each)]

    return {each.name: each for each in sorted(found, key=place)}


NOISES = _discovered()
FAMILIES = {name: noise for name, noise in NOISES.items() if not noise.input_dependent}  # fixed distributions


def table() -> list[dict[str, str]]:
    """What there is, a row for each noise, for tables and help.

    Keys: name; kind; certifies, "l1, linf": the norms of its own certificates, the native one first; parameters, "k=3: what it
    is; ..." with defaults; level, what sigma is where it is not the root mean square of a coordinate; summary.
    """
    rows = []
    for name, noise in NOISES.items():
        defaults = {key: parameter.default for key, parameter in inspect.signature(noise).parameters.items()}
        shown = {key: key if defaults[key] is None else f"{key}={defaults[key]}" for key in noise.parameters}
        about = {
            "certifies": ", ".join("linf" if norm == math.inf else f"l{norm}" for norm in noise.norms),
            "parameters": "; ".join(f"{shown[key]}: {meaning}" for key, meaning in noise.parameters.items()),
        }
        rows.append({"name": name, "kind": noise.kind, **about, "level": noise.level, "summary": noise.summary})
    return rows


def make(name: str, dim: int, **parameters: Any) -> Noise:
    """Build the noise `name` for inputs of `dim` coordinates.

    `parameters`: either sigma (with match=2, the default: E|z|_2^2 / dim = sigma^2, or match=1: E|z|_1 / dim = sigma) or
    scale, the family's own scale; and the family's shape parameters, if any. ValueError if a name is unknown.
    """
    if name not in NOISES:
        raise ValueError(f"unknown noise {name!r}; known: {', '.join(NOISES)}")
    try:
        inspect.signature(NOISES[name]).bind(dim, **parameters)
    except TypeError as error:
        raise ValueError(f"{name} noise: {error}") from None
    try:
        return NOISES[name](dim, **parameters)
    except TypeError:
        values = ", ".join(f"{key}={value!r}" for key, value in ({"dim": dim} | parameters).items())
        raise ValueError(f"{name} noise: expected numbers, got {values}") from None


def parse(label: str) -> tuple[str, dict[str, Any]]:
    """A noise as text, "exp1 k=2": (name, dict of parameters). ValueError, one line, if it is none.

    Everything that `make` takes can stand there but dim and the level: shape parameters, match, arithmetic.
    """
    name, *settings = label.split() or [""]
    if name not in NOISES:
        raise ValueError(f"unknown noise {name!r}; known: {', '.join(NOISES)}")
    known = [
        key for key in inspect.signature(NOISES[name]).parameters if key not in ("dim", "sigma", "scale", "reference")
    ]
    parameters = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not (key and equals and value):
            raise ValueError(f"noise {label!r}: expected a name and key=value pairs, such as 'exp1 k=2'")
        if key not in known or key in parameters:
            raise ValueError(
                f"noise {label!r}: {name} takes {', '.join(known) or 'no parameters'}, each once, not {key}"
            )
        parameters[key] = _number(value)
    return name, parameters


def from_label(label: str, dim: int, sigma: float, arithmetic: str = "float", channels: int | None = None) -> Noise:
    """The noise of a label at level `sigma`; of images with so many `channels`, where that matters and the label is silent.

    `arithmetic` counts where the label says nothing of it. ValueError as `make` and `parse`.
    """
    name, parameters = parse(label)
    if arithmetic != "float":
        if "arithmetic" not in inspect.signature(NOISES[name]).parameters:
            raise ValueError(f"{name} noise is drawn in float arithmetic alone, not in {arithmetic!r}")
        parameters = {"arithmetic": arithmetic} | parameters
    if channels and "channels" in NOISES[name].shape_parameters:
        parameters = {"channels": channels} | parameters
    return make(name, dim, sigma=sigma, **parameters)


def _number(text: str) -> int | float | str:
    """`text` as an int or a float if it is one, else as it is."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
