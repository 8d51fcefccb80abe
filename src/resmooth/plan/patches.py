"""Smooth-Reduce in a config: the section `patches` of an entry of `experiments`, or several, each with experiments of its own."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from resmooth.datasets import describe
from resmooth.plan.experiment import Experiment, as_text
from resmooth.plan.schema import ConfigError

if TYPE_CHECKING:
    from resmooth.plan.run import Run

SPACES = ("image", "resized", "patch")
ROLES = tuple(f"patches_{space}" for space in SPACES)  # of the first experiment in each noise space


def experiments(run: "Run") -> dict[str, Experiment]:
    """The experiments that the sections `patches` of a run's config add, name -> Experiment: one for each noise space.

    Each certifies the first network of an experiment. The first in a noise space has a short name, "...-patches_image"; names of
    further ones say what they cut, "...-patches_image_12_corners". ConfigError, one line.
    """
    found: dict[str, Experiment] = {}
    for base in run.general:
        sections = run.config["experiments"][base.entry].get("patches", [])
        for section in [sections] if isinstance(sections, dict) else sections:
            where = f"config: experiments: {base.name}: patches"
            _check(run, base, section, where)
            for each in _of_section(run, base, section):
                if each.name in found:
                    each = replace(each, role=each.role + _suffix(section))
                if each.name in found:
                    raise ConfigError(f"{where}: two sections make {each.name}; join them, or cut other patches")
                found[each.name] = each
    return found


def _check(run: "Run", base: Experiment, section: Mapping[str, Any], where: str) -> None:
    """ConfigError for a section that the networks of `base` cannot be smoothed by."""
    if base.noise != "normal":
        raise ConfigError(f"{where}: Smooth-Reduce is certified under normal noise, not under {base.noise}")
    if not set(map(as_text, section.get("sigmas", []))) <= set(base.sigmas):
        raise ConfigError(f"{where}: its networks are trained at {', '.join(base.sigmas)}; choose sigmas of these")
    side = describe(run.dataset).image_size
    if section["patch"] != side:
        raise ConfigError(f"{where}: its networks see {side} pixels a side, so patch must be that")


def _of_section(run: "Run", base: Experiment, section: Mapping[str, Any]) -> Iterator[Experiment]:
    """The experiments of one section."""
    cut = {key: value for key, value in section.items() if key not in ("noise_space", "sigmas")}
    sigmas = tuple(map(as_text, section.get("sigmas", map(float, base.sigmas))))
    for space in section.get("noise_space", SPACES):
        yield Experiment(
            *(base.architecture, base.recipe, base.method, 1, sigmas),
            role=f"patches_{space}",
            networks={sigma: (base.name, sigma) for sigma in sigmas},
            entry=len(run.config["experiments"]) + 1 + base.entry,
            patches={"sizes": [4], "reduce": ["max", "mean"]} | cut | {"noise_space": space},
        )


def _suffix(section: Mapping[str, Any]) -> str:
    """What a section cuts, as a part of names."""
    drawn = "_copy" if section.get("redraw") == "copy" else ""
    return f"_{section.get('resize', section['patch'])}_{section.get('layout', 'corners')}{drawn}"
