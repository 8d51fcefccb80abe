"""A run: one config, validated and resolved. All other code takes its facts from here.

    run = Run.from_file("config/digits.yaml")
    run.experiments     name -> Experiment: what is trained, and certified at which noise levels
    run.cases           (experiment, level) in the order of the config
    run.paths           names of all files
    run.jobs(step)      what one process computes (`resmooth.plan.jobs`)
    run.exhibits        "<source>/<item>" -> the tables and figures that this run can show
    run.videos          the run on clips: itself, or the one within it (section `videos`), or None

Snakemake, the command line, the notebooks and the tests all use it. A noise level is text here, as it stands in file names.
"""

import functools
import math
from collections.abc import Iterable, Mapping
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from resmooth import noise as noises
from resmooth import storage
from resmooth.classifiers.names import aggregation_of, classifier_columns
from resmooth.datasets import FOLDERS, describe
from resmooth.plan import jobs, patches, videos
from resmooth.plan.experiment import Case, Experiment, as_text
from resmooth.plan.paths import Paths
from resmooth.plan.recipes import read as read_recipes
from resmooth.plan.recipes import resolve
from resmooth.plan.schema import ConfigError, check, schema


class Run:
    """The run that `config` (a mapping as in config/*.yaml) describes.

    recipes   folder of the recipes that the config names
    results   folder of all results; those of this run lie in <results>/<run>

    ConfigError (a ValueError), one line, for a config that cannot be run.
    """

    def __init__(self, config: Mapping, recipes: Path | str = "config/recipes", results: str = "results") -> None:
        self.config = check(_plain(config), schema(), "config")
        self.name, self.dataset = self.config["run"], self.config["dataset"]
        self.paths = Paths(self.name, results)
        self.arithmetic = self.config["sample"].get("arithmetic", "float")
        self._recipes = read_recipes(self.config["recipes"], Path(recipes))
        self.experiments = self._experiments()
        self.idrs = self._add_idrs() if "idrs" in self.config else {}
        self._resolved: dict[tuple[str, str], Mapping] = {}
        self.experiments |= patches.experiments(self) | videos.experiments(self)
        self.cases = [Case(each, sigma) for each in self.experiments.values() for sigma in each.sigmas]
        for case in self.cases:
            self.recipe(*case.key)
        self.videos = self._run_on_clips(recipes)
        for section in ("sample", "margins", "decide", "scores", "draws"):
            part = self.config.get(section)
            if part and not image_numbers(part["start"], part["stop"], part["step"]):
                raise ConfigError(
                    f"config: {section}: no multiple of step lies between start and stop; choose another range"
                )
        jobs.check(self)

    @classmethod
    def from_file(cls, path: Path | str, results: str = "results") -> "Run":
        """The run of a config file; the recipes that it names lie in the folder `recipes` beside it, or in config/recipes.

        FileNotFoundError or ConfigError, one line.
        """
        path = Path(path)
        try:
            config = yaml.safe_load(path.read_text())
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: no such config; the project's own are in config/") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
        beside = path.parent / "recipes"
        return cls(config, beside if beside.is_dir() else "config/recipes", results)

    # --- experiments

    def _experiments(self) -> dict[str, Experiment]:
        found: dict[str, Experiment] = {}
        for entry, group in enumerate(self.config["experiments"]):
            labels = group.get("noise", "normal")
            labels = [labels] if isinstance(labels, str) else labels
            sigmas = group.get("sigmas", self.config["sigmas"])
            for architecture, recipe, label in product(group["architectures"], group["recipes"], labels):
                method = self._recipes.get(recipe, {}).get("method", "gaussian")
                levels = tuple(map(as_text, sigmas))
                each = Experiment(architecture, recipe, method, group["seeds"], levels, label, entry=entry)
                self._check(each, found)
                found[each.name] = each
        return found

    def _check(self, experiment: Experiment, known: Mapping) -> None:
        """ConfigError unless the experiment is new, its recipe known, and its noise possible at all its levels."""
        where = f"config: experiments: {experiment.name}"
        if experiment.recipe not in self._recipes:
            raise ConfigError(f"{where}: recipes has no {experiment.recipe!r}, only {', '.join(self._recipes)}")
        if experiment.name in known:
            raise ConfigError(f"{where} is there twice; give it all its seeds in one place")
        about = describe(self.dataset)
        for sigma in map(float, experiment.sigmas):
            try:
                noises.from_label(experiment.noise, self.dim, sigma, self.arithmetic, about.channels)
            except ValueError as error:
                raise ConfigError(f"{where}: {error}") from None

    def _add_idrs(self) -> dict[str, str]:
        """Add the experiments of input-dependent smoothing. Returns role -> name; "constant" is the one they vary."""
        section = self.config["idrs"]
        base = self.experiments.get(f"{section['architecture']}-{section['recipe']}")
        levels = {as_text(level): as_text(mean) for level, mean in section["sigmas"].items()}
        if base is None or not set(levels) <= set(base.sigmas):
            wanted = f"{section['architecture']}-{section['recipe']} without noise, at the levels {', '.join(levels)}"
            raise ConfigError(f"config: idrs: experiments must hold {wanted}")
        label = "idrs rate={rate} k={k} m={m}".format(**section)
        try:
            noises.from_label(label, 1, 1.0, self.arithmetic)
        except ValueError as error:
            raise ConfigError(f"config: idrs: {error}") from None
        if self.dataset in FOLDERS:
            raise ConfigError(
                f"config: idrs: needs all training images in memory, and those of {self.dataset} stay files"
            )
        same = (base.architecture, base.recipe, base.method, 1)
        entry = len(self.config["experiments"])
        mean = Experiment(*same, tuple(levels.values()), role="mean", entry=entry)
        trained = {level: (mean.name, constant) for level, constant in levels.items()}
        varied = [
            Experiment(*same, tuple(levels), label, "idrs", entry=entry),
            Experiment(*same, tuple(levels), label, "idrs_mean", trained, entry),
        ]
        for each in (mean, *varied):
            self.experiments[each.name] = each
        return {"constant": base.name, "mean": mean.name} | {each.role: each.name for each in varied}

    def _run_on_clips(self, recipes: Path | str) -> "Run | None":
        """This run, if its data are clips, or that of its section `videos`, whose results lie within its own; or None."""
        if describe(self.dataset).frames:
            return self
        if "videos" not in self.config:
            return None
        try:
            return Run(videos.config_of(self), recipes, self.paths.root)
        except ConfigError as error:
            raise ConfigError(f"config: videos: {str(error).removeprefix('config: ')}") from None

    # --- what an experiment is among the others

    @property
    def dim(self) -> int:
        """Coordinates of an image or clip."""
        return math.prod(describe(self.dataset).shape)

    @property
    def parts(self) -> list["Run"]:
        """This run, and the one on clips within it, if there is one."""
        return [self] if self.videos in (None, self) else [self, self.videos]

    def recipe(self, experiment: str, sigma: str) -> Mapping:
        """The recipe of an experiment at one level, resolved."""
        if (experiment, sigma) not in self._resolved:
            self._resolved[experiment, sigma] = resolve(self.experiments[experiment].recipe, self._recipes, sigma)
        return self._resolved[experiment, sigma]

    @functools.cached_property
    def general(self) -> list[Experiment]:
        """All experiments but those that input-dependent smoothing and Smooth-Reduce add."""
        return [each for each in self.experiments.values() if not each.role]

    @functools.cached_property
    def normal(self) -> list[Experiment]:
        """Those of `general` trained on whole images under normal noise, which the lecture and the blog are about."""
        return [each for each in self.general if each.noise == "normal" and not self._trained_on_patches(each)]

    @functools.cached_property
    def first(self) -> Experiment | None:
        """The first of `normal` with two members or more, or else the first of all; None if there is none."""
        several = [each for each in self.normal if each.seeds > 1]
        return next(iter(several or self.normal), None)

    @functools.cached_property
    def ensembles(self) -> list[Experiment]:
        """The experiments that the notebooks on ensembles compare: those with recipe, number of seeds and levels of `first`."""
        alike = ("recipe", "seeds", "sigmas")
        return [each for each in self.normal if all(getattr(each, key) == getattr(self.first, key) for key in alike)]

    def _trained_on_patches(self, experiment: Experiment) -> bool:
        """Whether its recipe shows the network patches of resized images, as Smooth-Reduce cuts them."""
        return any(self.recipe(experiment.name, sigma).get("resize") for sigma in experiment.sigmas)

    def patched(self, experiment: str) -> list[Experiment]:
        """The experiments of Smooth-Reduce that certify the networks of this one, in the order of the config."""
        return [each for each in self.experiments.values() if each.patches and each.base == experiment]

    def cut(self, experiment: str) -> list[Experiment]:
        """Those of Smooth-Reduce over sub-videos that certify the networks of this one, in the order of the config."""
        return [each for each in self.experiments.values() if each.sub_videos and each.base == experiment]

    @functools.cached_property
    def reduced(self) -> list[Experiment]:
        """The first experiment whose network Smooth-Reduce certifies, then its first in each noise space; or none."""
        for base in self.general:
            if found := self.patched(base.name):
                return [base, *(each for each in found if each.role in patches.ROLES)]
        return []

    @functools.cached_property
    def over_frames(self) -> list[Experiment]:
        """The first experiment certified over sub-videos too, then its experiments of these, one in each noise space; or none."""
        return next(([base, *self.cut(base.name)] for base in self.general if self.cut(base.name)), [])

    def group(self, experiment: str) -> str:
        """The name of the first experiment that comes from the same entry of the config."""
        entry = self.experiments[experiment].entry
        return next(name for name, each in self.experiments.items() if each.entry == entry)

    @property
    def several(self) -> bool:
        """Whether `ensembles` have two members or more."""
        return self.first is not None and self.first.seeds > 1

    # --- files and jobs

    @functools.cached_property
    def shards(self) -> list[str]:
        """Index ranges "start-stop" that cut the images to certify into jobs, none of them empty."""
        part = self.config["sample"]
        starts = range(part["start"], part["stop"], part["shard"])
        ranges = [(start, min(start + part["shard"], part["stop"])) for start in starts]
        return [f"{start}-{stop}" for start, stop in ranges if image_numbers(start, stop, part["step"])]

    @functools.cached_property
    def images(self) -> range:
        """Numbers of the images that are certified."""
        part = self.config["sample"]
        return image_numbers(part["start"], part["stop"], part["step"])

    def counts(self, experiment: str, sigma: str) -> list[str]:
        """Paths of the counts of all shards of one case."""
        return [self.paths.counts(experiment, sigma, shard) for shard in self.shards]

    def certificates(self, experiments: Iterable[Experiment], kinds: Iterable[str] | None = None) -> list[str]:
        """Paths of the certificates of these experiments at all their levels; `kinds`: of "member", "soft", ... alone."""
        return [
            self.paths.certificates(each.name, sigma, classifier)
            for each in experiments
            for sigma in each.sigmas
            for classifier in each.classifiers
            if kinds is None or aggregation_of(classifier)[0] in kinds
        ]

    def checkpoints(self, experiment: str, sigma: str) -> list[str]:
        """Paths of the networks certified there, in the order of their seeds."""
        each = self.experiments[experiment]
        trained = each.networks.get(sigma, (experiment, sigma))
        return [self.paths.checkpoint(*trained, seed) for seed in range(each.seeds)]

    def jobs(self, step: str) -> list[jobs.Job]:
        """What the processes of a step ("train", "sample", ...) compute, one Job for each. ValueError names the steps."""
        return jobs.of(self, step)

    @functools.cached_property
    def exhibits(self) -> Mapping:
        """ "<source>/<item>" -> Exhibit of every table and figure that this run can show, in the order of the sources."""
        return import_module("resmooth.exhibits").available(self)  # the room above: the one call upwards

    # --- results, read

    def read_certificates(self, paths: Iterable[str]) -> pd.DataFrame:
        """The certificates in `paths` (from `certificates`), with columns before the file's own that identify each row.

        These are experiment, architecture, recipe, method, role, level (text: the case's; `sigma` may be the image's),
        classifier, aggregation ("member", "soft", ..., "max", "mean", "centre"), number (of the member, or of the ensemble's
        members, patches or frames), members (how many are asked: 1 for a member), and of Smooth-Reduce patches, frames (of a
        sub-video; else 0) and space.
        """
        found: dict[str, tuple[pd.DataFrame, dict]] = {}
        wanted = dict.fromkeys(map(str, paths))
        for case in self.cases:
            for classifier in case.experiment.classifiers:
                path = self.paths.certificates(*case.key, classifier)
                if path in wanted:
                    found[path] = self._checked(storage.read_certificates(path), path), _labels(case, classifier)
        for path in wanted:
            if path not in found:
                raise ValueError(f"{path}: no certificates of the run {self.name}")
        frames, labels = zip(*(found[path] for path in wanted), strict=True)
        rows = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
        about = pd.DataFrame(list(labels)).iloc[rows].reset_index(drop=True)
        return pd.concat([about, pd.concat(frames, ignore_index=True)], axis=1)

    def _checked(self, frame: pd.DataFrame, path: str) -> pd.DataFrame:
        """`frame`; ValueError, one line, unless it holds what the config certifies, and says so consistently."""
        images, found = list(self.images), frame.idx.tolist()
        if sorted(found) != images:
            raise ValueError(
                f"{path}: holds {_in_words(found)}, where the config certifies {_in_words(images)}; delete it and certify again"
            )
        wrong = (frame.predict == frame.label) != (frame.correct == 1)
        if wrong.any():
            line = int(wrong.to_numpy().argmax()) + 2
            raise ValueError(f"{path}, line {line}: column correct does not fit predict and label; certify again")
        if (frame.radius < 0).any():
            raise ValueError(f"{path}: has a radius below 0; delete it and certify again")
        return frame


def _labels(case: Case, classifier: str) -> dict[str, Any]:
    """The columns that identify the certificates of a classifier."""
    each, (_, number) = case.experiment, aggregation_of(classifier)
    about: dict[str, Any] = {"experiment": each.name, "architecture": each.architecture, "recipe": each.recipe}
    about |= {"method": each.method, "role": each.role, "level": case.sigma, "classifier": classifier}
    about |= {"aggregation": classifier_columns(classifier)["aggregation"], "number": number}
    about |= {key: classifier_columns(classifier)[key] for key in ("members", "patches", "frames")}
    return about | {"space": (each.patches or each.sub_videos).get("noise_space", "")}


def _in_words(images: list[int]) -> str:
    """Numbers of images in a few words: "100 images (0 to 495)"."""
    twice = "" if len(set(images)) == len(images) else f", {len(set(images))} of them different"
    return f"{len(images)} images ({min(images)} to {max(images)}{twice})" if images else "no image"


def image_numbers(start: int, stop: int, step: int) -> range:
    """The multiples of `step` in [start, stop): only those image numbers are taken."""
    return range(math.ceil(start / step) * step, stop, step)


def _plain(value):
    """`value` with every mapping a dict and every sequence a list: a config as YAML would give it."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
