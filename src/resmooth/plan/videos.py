"""Videos in a config: the section `sub_videos` of an entry of `experiments`, and the section `videos` of a run of images."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from resmooth.datasets import describe
from resmooth.plan.experiment import Experiment
from resmooth.plan.schema import ConfigError

if TYPE_CHECKING:
    from resmooth.plan.run import Run

SPACES = ("image", "patch")
INHERITED = ("certify", "jobs", "processes", "workers", "threads", "sigmas")  # by the run within, unless it has its own


def experiments(run: "Run") -> dict[str, Experiment]:
    """The experiments that the sections `sub_videos` of a run's config add, name -> Experiment: one for each noise space.

    Each certifies the first network of an experiment, "...-sub_videos_image". ConfigError, one line.
    """
    found = {}
    for base in run.general:
        section = run.config["experiments"][base.entry].get("sub_videos")
        for each in _of_section(run, base, section) if section else ():
            found[each.name] = each
    return found


def _of_section(run: "Run", base: Experiment, section: Mapping[str, Any]) -> Iterator[Experiment]:
    where = f"config: experiments: {base.name}: sub_videos"
    if base.noise != "normal":
        raise ConfigError(f"{where}: Smooth-Reduce is certified under normal noise, not under {base.noise}")
    if not describe(run.dataset).frames:
        raise ConfigError(f"{where}: {run.dataset} holds images; sub-videos are cut from clips")
    chunk = max(run.recipe(base.name, sigma).get("chunk", 0) for sigma in base.sigmas)
    if min(section["lengths"]) < chunk:
        raise ConfigError(f"{where}: its network sees {chunk} frames at once; lengths must be at least that")
    cut = {key: value for key, value in section.items() if key != "noise_space"}
    for space in section.get("noise_space", SPACES):
        yield Experiment(
            *(base.architecture, base.recipe, base.method, 1, base.sigmas),
            role=f"sub_videos_{space}",
            networks={sigma: (base.name, sigma) for sigma in base.sigmas},
            entry=len(run.config["experiments"]) + 1 + base.entry,
            sub_videos={"reduce": ["max", "mean"]} | cut | {"noise_space": space},
        )


def config_of(run: "Run") -> dict[str, Any]:
    """The config of the run on clips within a run of images, whose section `videos` it is."""
    shared = {key: run.config[key] for key in INHERITED if key in run.config}
    return shared | run.config["videos"] | {"run": "videos"}
