"""Tasks: the pieces of work of a run, each one command line, with its inputs, its outputs, and what determines its result.

What one process computes, one task or several, is a job (`resmooth.plan.jobs`).
"""

import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from resmooth.plan.run import Run


@dataclass(frozen=True)
class Task:
    """One piece of work of a step.

    wildcards  what identifies it among the tasks of its step: experiment, sigma, ...
    inputs     role -> paths
    settings   what determines its result besides the inputs; Snakemake repeats a job if this changed
    command    command line after `resmooth`, without options that affect speed alone
    """

    step: str
    wildcards: dict[str, str]
    inputs: dict[str, list[str]]
    outputs: list[str]
    settings: str
    command: str


def of(run: "Run", step: str) -> list[Task]:
    """All tasks of one step of `run`, in the order of the config. ValueError for an unknown step."""
    if step not in STEPS:
        raise ValueError(f"no step {step!r}; known: {', '.join(STEPS)}")
    make, each = STEPS[step]
    return [make(run, **wildcards) for wildcards in each(run)]


def task(run: "Run", step: str, **wildcards: str) -> Task:
    """The task of `step` that these wildcards identify."""
    return STEPS[step][0](run, **wildcards)


# --- options of the command line


def options(section: dict, *keys: str) -> str:
    """Command line options `--key value` for those of the given keys that a section of the config holds."""
    return " ".join(f"--{key.replace('_', '-')} {section[key]}" for key in keys if key in section)


def words(*pieces: str) -> str:
    """Pieces of a command line as one, without the empty ones."""
    return " ".join(filter(None, pieces))


def noise_option(run: "Run", experiment: str) -> str:
    """The noise of an experiment as an option; nothing for normal noise."""
    label = run.experiments[experiment].noise
    return "" if label == "normal" else f"--noise {shlex.quote(label)}"


def patches_option(run: "Run", experiment: str) -> str:
    """The patches or sub-videos of an experiment of Smooth-Reduce as an option; nothing for others."""
    about = run.experiments[experiment]
    cut = {"--patches": dict(about.patches), "--sub-videos": dict(about.sub_videos)}
    found = (f"{option} {shlex.quote(json.dumps(values, sort_keys=True))}" for option, values in cut.items() if values)
    return words(*found)  # JSON is YAML


def images(run: "Run") -> str:
    """The split whose images are certified."""
    return run.paths.data(run.config["sample"]["split"])


def image_range(section: dict) -> str:
    """The images that a section of the config takes, as arguments."""
    return "{start} {stop}".format(**section)


def reference(run: "Run", experiment: str) -> list[str]:
    """The training images, where the noise level depends on the distance to them."""
    return [run.paths.data("train")] if run.experiments[experiment].family == "idrs" else []


def measuring(run: "Run", command: str, taken: str, members: list[str], sigma: str, settings: str, name: str) -> str:
    """The command line of a measurement. taken: which images; name: of its state folder."""
    networks = words(*(f"--members {path}" for path in members))
    return f"{command} {images(run)} {taken} {networks} --sigma {sigma} {settings} --state {run.paths.state(name)}"


# --- steps


def train(run: "Run", experiment: str, sigma: str, seed: str = "0") -> Task:
    """Training of one network or, if the config says `stacked`, of all seeds of an experiment at one level, side by side."""
    about, seeds, name = run.experiments[experiment], [seed], f"seed={seed}"
    if run.config.get("stacked") and about.seeds > 1:
        seeds, name = [str(number) for number in range(about.seeds)], f"seeds=0-{about.seeds - 1}"
    models = [run.paths.checkpoint(experiment, sigma, number) for number in seeds]
    manifests = [run.paths.checkpoint(experiment, sigma, number, "json") for number in seeds]
    recipe = json.dumps(dict(run.recipe(experiment, sigma)), sort_keys=True)  # JSON is YAML
    command = words(
        f"train {run.paths.data('train')} --arch {about.architecture} --sigma {sigma}",
        *(f"--seed {number} --out {path}" for number, path in zip(seeds, models, strict=True)),
        noise_option(run, experiment),
        f"--recipe {shlex.quote(recipe)} --replace",
        f"--state {run.paths.state(f'train/{experiment}/sigma={sigma}/{name}')}",
    )
    inputs, wildcards = {"images": [run.paths.data("train")]}, {"experiment": experiment, "sigma": sigma, "seed": seed}
    return Task("train", wildcards, inputs, models + manifests, recipe, command)


def sample(run: "Run", experiment: str, sigma: str, start: str, stop: str) -> Task:
    """Counting the votes on one shard of images."""
    shard, members = f"{start}-{stop}", run.checkpoints(experiment, sigma)
    keys = ("step", "n0", "n", "seed", "arithmetic", "precision")
    settings = words(
        options(run.config["sample"], *keys), noise_option(run, experiment), patches_option(run, experiment)
    )
    out = run.paths.counts(experiment, sigma, shard)
    name = f"sample/{experiment}/sigma={sigma}/{shard}"
    command = measuring(run, "sample", f"{start} {stop}", members, sigma, settings, name)
    inputs = {"images": [images(run)], "members": members, "reference": reference(run, experiment)}
    wildcards = {"experiment": experiment, "sigma": sigma, "start": start, "stop": stop}
    return Task("sample", wildcards, inputs, [out], settings, f"{command} --out {out}")


def certify(run: "Run", experiment: str, sigma: str) -> Task:
    """Counts of all shards to the certificates of all classifiers."""
    names = run.experiments[experiment].classifiers
    outputs = [run.paths.certificates(experiment, sigma, name) for name in names]
    settings = options(run.config["certify"], "alpha", "bound", "n")
    counts, folder = run.counts(experiment, sigma), outputs[0].rpartition("/")[0]
    command = f"certify {' '.join(counts)} {settings} --out {folder}"
    wildcards = {"experiment": experiment, "sigma": sigma}
    return Task("certify", wildcards, {"counts": counts}, outputs, settings, command)


def measured(step: str, run: "Run", experiment: str, sigma: str) -> Task:
    """A measurement other than votes, on some of the images: margins, scores, decide, draws or ddrs."""
    taken = image_range(run.config["sample"] if step == "ddrs" else run.config[step])
    members = run.checkpoints(experiment, sigma)[: 1 if step == "ddrs" else None]
    settings, out = MEASURED[step](run, experiment), run.paths.measured(step, experiment, sigma)
    command = measuring(run, step, taken, members, sigma, settings, f"{step}/{experiment}/sigma={sigma}")
    inputs, wildcards = {"images": [images(run)], "members": members}, {"experiment": experiment, "sigma": sigma}
    return Task(step, wildcards, inputs, [out], f"{taken} {settings}", f"{command} --out {out}")


def _margins(run: "Run", experiment: str) -> str:
    section = run.config["sample"] | run.config["margins"]
    return options(section, "step", "n", "seed", "precision")


def _scores(run: "Run", experiment: str) -> str:
    section = run.config["sample"] | run.config["scores"]
    keys = ("step", "n0", "n", "seed", "arithmetic", "precision")
    return words(options(section, *keys), noise_option(run, experiment))


def _draws(run: "Run", experiment: str) -> str:
    section = run.config["sample"] | run.config["draws"]
    return words(options(section, "step", "n", "seed", "precision"), patches_option(run, experiment))


def _decide(run: "Run", experiment: str) -> str:
    part = run.config["decide"]
    consensus = {"consensus": min(part["consensus"], run.experiments[experiment].seeds - 1)}
    keys = ("step", "n0", "n", "seed", "arithmetic", "precision")
    radii = (f"--radius {radius}" for radius in part["radii"])
    stages = (f"--stage {size}" for size in part["stages"])
    rest = options(run.config["certify"] | consensus, "consensus", "alpha")
    return words(options(run.config["sample"] | part, *keys), *radii, *stages, rest)


def _ddrs(run: "Run", experiment: str) -> str:
    section = run.config["sample"] | run.config["certify"]
    search = options(run.config["idrs"]["ddrs"], "iterations", "learning_rate", "samples")
    return words(options(section, "step", "n0", "n", "seed", "precision", "alpha"), search)


MEASURED: dict[str, Callable[["Run", str], str]] = {
    "margins": _margins,
    "scores": _scores,
    "draws": _draws,
    "decide": _decide,
    "ddrs": _ddrs,
}


def mismatch(run: "Run", experiment: str, trained: str, sigma: str) -> Task:
    """One network certified at another noise level than the one it was trained at: the second reason to abstain."""
    taken, members = image_range(run.config["sample"]), run.checkpoints(experiment, trained)[:1]
    settings = options(run.config["sample"], "step", "n0", "n", "seed", "arithmetic", "precision")
    out = run.paths.mismatch(experiment, trained, sigma)
    name = f"mismatch/{experiment}/trained={trained}/sigma={sigma}"
    command = measuring(run, "sample", taken, members, sigma, settings, name)
    wildcards = {"experiment": experiment, "trained": trained, "sigma": sigma}
    inputs = {"images": [images(run)], "members": members}
    return Task("mismatch", wildcards, inputs, [out], f"{taken} {settings}", f"{command} --out {out}")


# --- which tasks there are


def _networks(run: "Run") -> Iterator[dict[str, str]]:
    for case in run.cases:
        if case.sigma not in case.experiment.networks:
            for seed in range(1 if run.config.get("stacked") else case.experiment.seeds):
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


def _reduced(run: "Run") -> Iterator[dict[str, str]]:
    for each in [*run.reduced, *run.over_frames] if "draws" in run.config else ():
        for sigma in each.sigmas:
            yield {"experiment": each.name, "sigma": sigma}


def _baseline(run: "Run") -> Iterator[dict[str, str]]:
    for sigma in run.experiments[run.idrs["idrs"]].sigmas if run.idrs else ():
        yield {"experiment": run.idrs["constant"], "sigma": sigma}


def _extremes(run: "Run") -> Iterator[dict[str, str]]:
    levels = sorted(run.normal[0].sigmas, key=float) if run.normal else []
    if len(levels) > 1:
        yield {"experiment": run.normal[0].name, "trained": levels[0], "sigma": levels[-1]}


def _measured(step: str) -> Callable[..., Task]:
    return lambda run, **wildcards: measured(step, run, **wildcards)


STEPS: dict[str, tuple[Callable[..., Task], Callable[["Run"], Iterator[dict[str, str]]]]] = {
    "train": (train, _networks),
    "sample": (sample, _shards),
    "certify": (certify, _cases),
    "margins": (_measured("margins"), _ensembles("margins")),
    "decide": (_measured("decide"), _ensembles("decide")),
    "scores": (_measured("scores"), _first),
    "draws": (_measured("draws"), _reduced),
    "ddrs": (_measured("ddrs"), _baseline),
    "mismatch": (mismatch, _extremes),
}
