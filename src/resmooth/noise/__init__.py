"""Noise distributions by name: density, exact sampling, moments, certified radius. One family in each file."""

import inspect

from resmooth.noise.normal import Normal

FAMILIES = {"normal": Normal}


def make(name, dim, **parameters):
    """Build the noise `name` for inputs of `dim` coordinates.

    `parameters`: either sigma (with match=2, the default: E|z|_2^2 / dim = sigma^2, or match=1: E|z|_1 / dim = sigma) or
    scale, the family's own scale; and the family's shape parameters, if any. ValueError if a name is unknown.
    """
    if name not in FAMILIES:
        raise ValueError(f"unknown noise {name!r}; known: {', '.join(FAMILIES)}")
    try:
        inspect.signature(FAMILIES[name]).bind(dim, **parameters)
    except TypeError as error:
        raise ValueError(f"{name} noise: {error}") from None
    return FAMILIES[name](dim, **parameters)
