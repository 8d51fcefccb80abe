"""Jobs: each is what one process computes, with its inputs, its outputs, and the settings that determine its result.

`settings` are pieces of the command line. Snakemake compares them with those of the last run and repeats a job if one changed.
Options that only affect speed (threads, batch size, device) are not among them.
"""

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resmooth.plan.run import Run

# Raise a number by hand when a change of the package changes what its step produces: finished results then become stale. No other
# change of the code makes them stale (checkpoints are days of GPU time; an edited comment must not cost them).
VERSIONS = {
    "data": 1,
    "train": 1,
    "sample": 2,
    "certify": 3,
    "margins": 2,
    "decide": 1,
    "scores": 1,
    "ddrs": 1,
    "logs": 1,
    "audit": 2,
    "exhibits": 1,
}


@dataclass(frozen=True)
class Job:
    """One process of `step`. `inputs`: role -> paths; `settings`: name -> piece of the command line `resmooth <step>`."""

    step: str
    wildcards: dict[str, str]
    inputs: dict[str, list[str]]
    outputs: list[str]
    settings: dict[str, str]


def of(run: "Run", step: str) -> list[Job]:
    """All jobs of one step of `run`, in the order of the config. ValueError for an unknown step."""
    if step not in STEPS:
        raise ValueError(f"no step {step!r}; known: {', '.join(STEPS)}")
    make, each = STEPS[step]
    return [make(run, **wildcards) for wildcards in each(run)]


def job(run: "Run", step: str, **wildcards: str) -> Job:
    """The job of `step` that these wildcards name. ValueError for an unknown step."""
    if step not in STEPS:
        raise ValueError(f"no step {step!r}; known: {', '.join(STEPS)}")
    return STEPS[step][0](run, **wildcards)


def options(section: dict, *keys: str) -> str:
    """Command line options `--key value` for those of the given keys that a section of the config holds."""
    return " ".join(f"--{key.replace('_', '-')} {section[key]}" for key in keys if key in section)


def noise_option(run: "Run", experiment: str) -> str:
    """The noise of an experiment as an option; nothing for normal noise."""
    label = run.experiments[experiment].noise
    return "" if label == "normal" else f" --noise {shlex.quote(label)}"


def images(run: "Run") -> str:
    """The split whose images are certified."""
    return run.paths.data(run.config["sample"]["split"])


def reference(run: "Run", experiment: str) -> list[str]:
    """The training images, where the noise level depends on the distance to them."""
    return [run.paths.data("train")] if run.experiments[experiment].family == "idrs" else []


def trained_together(run: "Run", experiment: str, seed: str) -> tuple[list[str], str]:
    """(seeds that one process trains, name of the job): all seeds of an experiment if the config says `stacked`, else one."""
    seeds = [str(number) for number in range(run.experiments[experiment].seeds)]
    if not run.config.get("stacked") or len(seeds) == 1:
        return [seed], f"seed={seed}"
    return seeds, f"seeds=0-{len(seeds) - 1}"


def train(run: "Run", experiment: str, sigma: str, seed: str = "0") -> Job:
    """Training of one network, or of all seeds of an experiment at one level."""
    seeds, name = trained_together(run, experiment, seed)
    models = [run.paths.checkpoint(experiment, sigma, number) for number in seeds]
    manifests = [run.paths.checkpoint(experiment, sigma, number, "json") for number in seeds]
    made = " ".join(f"--seed {number} --out {path}" for number, path in zip(seeds, models, strict=True))
    about = run.experiments[experiment]
    recipe = json.dumps(dict(run.recipe(experiment, sigma)), sort_keys=True)  # JSON is YAML
    settings = {
        "networks": f"--arch {about.architecture} {made}{noise_option(run, experiment)}",
        "recipe": shlex.quote(recipe),
        "state": run.paths.state(f"train/{experiment}/sigma={sigma}/{name}"),
    }
    inputs = {"images": [run.paths.data("train")]}
    wildcards = {"experiment": experiment, "sigma": sigma, "seed": seed}
    return Job("train", wildcards, inputs, models + manifests, settings)


def sample(run: "Run", experiment: str, sigma: str, start: str, stop: str) -> Job:
    """Counting the votes on one shard of images."""
    shard = f"{start}-{stop}"
    inputs = {"images": [images(run)], "members": run.checkpoints(experiment, sigma)}
    keys = ("step", "n0", "n", "seed", "arithmetic", "precision")
    settings = {
        "options": options(run.config["sample"], *keys) + noise_option(run, experiment),
        "state": run.paths.state(f"sample/{experiment}/sigma={sigma}/{shard}"),
    }
    wildcards = {"experiment": experiment, "sigma": sigma, "start": start, "stop": stop}
    outputs = [run.paths.counts(experiment, sigma, shard)]
    return Job("sample", wildcards, inputs | {"reference": reference(run, experiment)}, outputs, settings)


def certify(run: "Run", experiment: str, sigma: str) -> Job:
    """Counts of all shards to the certificates of all classifiers."""
    names = run.experiments[experiment].classifiers
    outputs = [run.paths.certificates(experiment, sigma, name) for name in names]
    settings = {"options": options(run.config["certify"], "alpha", "bound", "n")}
    inputs = {"counts": run.counts(experiment, sigma)}
    return Job("certify", {"experiment": experiment, "sigma": sigma}, inputs, outputs, settings)


def measured(step: str, run: "Run", experiment: str, sigma: str) -> Job:
    """A measurement other than votes, on some of the images: margins, scores, decide or ddrs."""
    section = run.config["sample"] if step == "ddrs" else run.config[step]
    members = run.checkpoints(experiment, sigma)
    inputs = {"images": [images(run)], "members": members[:1] if step == "ddrs" else members}
    settings = {"images": "{start} {stop}".format(**section), "options": MEASURED[step](run, experiment)}
    settings["state"] = run.paths.state(f"{step}/{experiment}/sigma={sigma}")
    outputs = [run.paths.measured(step, experiment, sigma)]
    return Job(step, {"experiment": experiment, "sigma": sigma}, inputs, outputs, settings)


def _margins(run: "Run", experiment: str) -> str:
    section = run.config["sample"] | run.config["margins"]
    return options(section, "step", "n", "seed", "precision")


def _scores(run: "Run", experiment: str) -> str:
    section = run.config["sample"] | run.config["scores"]
    keys = ("step", "n0", "n", "seed", "arithmetic", "precision")
    return options(section, *keys) + noise_option(run, experiment)


def _decide(run: "Run", experiment: str) -> str:
    part = run.config["decide"]
    consensus = {"consensus": min(part["consensus"], run.experiments[experiment].seeds - 1)}
    keys = ("step", "n0", "n", "seed", "arithmetic", "precision")
    radii = " ".join(f"--radius {radius}" for radius in part["radii"])
    stages = " ".join(f"--stage {size}" for size in part["stages"])
    rest = options(run.config["certify"] | consensus, "consensus", "alpha")
    return f"{options(run.config['sample'] | part, *keys)} {radii} {stages} {rest}"


def _ddrs(run: "Run", experiment: str) -> str:
    section = run.config["sample"] | run.config["certify"]
    search = options(run.config["idrs"]["ddrs"], "iterations", "learning_rate", "samples")
    return f"{options(section, 'step', 'n0', 'n', 'seed', 'precision', 'alpha')} {search}"


MEASURED: dict[str, Callable[["Run", str], str]] = {
    "margins": _margins,
    "scores": _scores,
    "decide": _decide,
    "ddrs": _ddrs,
}


def mismatch(run: "Run", experiment: str, trained: str, sigma: str) -> Job:
    """One network certified at another noise level than the one it was trained at: the second reason to abstain."""
    name = f"mismatch/{experiment}/trained={trained}/sigma={sigma}"
    settings = {
        "images": "{start} {stop}".format(**run.config["sample"]),
        "options": options(run.config["sample"], "step", "n0", "n", "seed", "arithmetic", "precision"),
        "state": run.paths.state(name),
    }
    inputs = {"images": [images(run)], "members": run.checkpoints(experiment, trained)[:1]}
    wildcards = {"experiment": experiment, "trained": trained, "sigma": sigma}
    outputs = [run.paths.mismatch(experiment, trained, sigma)]
    return Job("mismatch", wildcards, inputs, outputs, settings)


def _networks(run: "Run") -> Iterator[dict[str, str]]:
    for case in run.cases:
        if case.sigma not in case.experiment.networks:
            stacked = run.config.get("stacked")
            for seed in range(1 if stacked else case.experiment.seeds):
                yield {"experiment": case.experiment.name, "sigma": case.sigma, "seed": str(seed)}


def _shards(run: "Run") -> Iterator[dict[str, str]]:
    for case in _cases(run):
        for shard in run.shards:
            start, stop = shard.split("-")
            yield case | {"start": start, "stop": stop}


def _cases(run: "Run") -> Iterator[dict[str, str]]:
    for case in run.cases:
        yield {"experiment": case.experiment.name, "sigma": case.sigma}


def _ensembles(section: str) -> Callable[["Run"], Iterator[dict[str, str]]]:
    def cases(run: "Run") -> Iterator[dict[str, str]]:
        for each in run.ensembles if run.several and section in run.config else ():
            for sigma in each.sigmas:
                yield {"experiment": each.name, "sigma": sigma}

    return cases


def _first(run: "Run") -> Iterator[dict[str, str]]:
    if run.first and "scores" in run.config:
        for sigma in run.first.sigmas:
            yield {"experiment": run.first.name, "sigma": sigma}


def _baseline(run: "Run") -> Iterator[dict[str, str]]:
    for sigma in run.experiments[run.idrs["idrs"]].sigmas if run.idrs else ():
        yield {"experiment": run.idrs["constant"], "sigma": sigma}


def _extremes(run: "Run") -> Iterator[dict[str, str]]:
    levels = sorted(run.normal[0].sigmas, key=float) if run.normal else []
    if len(levels) > 1:
        yield {"experiment": run.normal[0].name, "trained": levels[0], "sigma": levels[-1]}


def _measured(step: str) -> Callable[..., Job]:
    return lambda run, **wildcards: measured(step, run, **wildcards)


STEPS: dict[str, tuple[Callable[..., Job], Callable[["Run"], Iterator[dict[str, str]]]]] = {
    "train": (train, _networks),
    "sample": (sample, _shards),
    "certify": (certify, _cases),
    "margins": (_measured("margins"), _ensembles("margins")),
    "decide": (_measured("decide"), _ensembles("decide")),
    "scores": (_measured("scores"), _first),
    "ddrs": (_measured("ddrs"), _baseline),
    "mismatch": (mismatch, _extremes),
}
