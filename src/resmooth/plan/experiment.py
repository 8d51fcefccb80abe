"""What a run is made of: experiments, and their cases, one for each noise level."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from resmooth import noise as noises
from resmooth.classifiers.names import classifier_names, patch_names, sub_video_names


@dataclass(frozen=True)
class Experiment:
    """One architecture trained by one recipe under one noise, with a number of seeds, at each of its noise levels.

    recipe    name in the config; `method` its training objective
    role      "mean", "idrs" or "idrs_mean" for an experiment that the section `idrs` adds, "patches_<noise space>..." for one
              of Smooth-Reduce, "sub_videos_<noise space>" for one of it on clips, else ""
    networks  level -> (experiment, level) whose networks are certified there, if this is another experiment
    entry     position of the entry of `experiments` in the config that it comes from
    patches   the section `patches` of a config, of one noise space; empty but for Smooth-Reduce
    sub_videos  the section `sub_videos` of a config, of one noise space; empty but for Smooth-Reduce on clips
    """

    architecture: str
    recipe: str
    method: str
    seeds: int
    sigmas: tuple[str, ...]
    noise: str = "normal"
    role: str = ""
    networks: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    entry: int = 0
    patches: Mapping[str, Any] = field(default_factory=dict)
    sub_videos: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in files, made from architecture, recipe and role or noise. No code parses it."""
        last = self.role or ("" if self.noise == "normal" else re.sub("[^a-z0-9]+", "_", self.noise))
        return "-".join(filter(None, [self.architecture, self.recipe, last]))

    @property
    def family(self) -> str:
        """The family of its noise: "exp1" of "exp1 k=2"."""
        return noises.parse(self.noise)[0]

    @property
    def base(self) -> str:
        """The name of the experiment whose networks it certifies: its own, unless `networks` says otherwise."""
        return next((name for name, _ in self.networks.values()), self.name)

    @property
    def classifiers(self) -> list[str]:
        """The classifiers that one pass of its members certifies."""
        if self.patches:
            return patch_names(self.patches["sizes"], self.patches["reduce"])
        if self.sub_videos:
            return sub_video_names(self.sub_videos["lengths"], self.sub_videos["reduce"])
        return classifier_names(self.seeds)


@dataclass(frozen=True)
class Case:
    """One experiment at one noise level."""

    experiment: Experiment
    sigma: str

    @property
    def key(self) -> tuple[str, str]:
        """(name of the experiment, level), as `Paths` takes them."""
        return self.experiment.name, self.sigma

    @property
    def level(self) -> float:
        """The noise level as a number."""
        return float(self.sigma)


def as_text(sigma: float) -> str:
    """A noise level as it stands in file names."""
    return f"{sigma:g}" if float(f"{sigma:g}") == sigma else repr(sigma)
