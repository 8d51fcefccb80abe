# Names and helpers that the other rule files share. No rules here.
import json
import os
import re
import shlex
from pathlib import Path

SIGMAS = [f"{sigma:g}" if float(f"{sigma:g}") == sigma else repr(sigma) for sigma in config["sigmas"]]
SEEDS = range(int(config["seeds"]))
EXPERIMENTS = [f"{arch}-{recipe}" for arch in config["architectures"] for recipe in config["recipes"]]

# What one pass of an ensemble certifies; the names are those of resmooth.classifiers.ensemble.classifier_names.
CLASSIFIERS = [f"{kind}-{size + 1}" for kind in ("member", "soft", "softmax", "vote") for size in SEEDS]

CERTIFICATES = expand(
    "results/{run}/certificates/{experiment}/sigma={sigma}/{classifier}.tsv",
    run=config["run"],
    experiment=EXPERIMENTS,
    sigma=SIGMAS,
    classifier=CLASSIFIERS,
)

# Raise by hand when a change of the package changes what these steps produce: it makes finished results stale, and nothing else
# about the code does (checkpoints are days of GPU time; an edited comment must not cost them).
VERSIONS = {"data": 1, "train": 1, "sample": 2, "certify": 2, "margins": 2, "decide": 1, "audit": 1}


wildcard_constraints:
    run=re.escape(config["run"]),
    arch="[a-z0-9_]+",
    recipe="[a-z0-9_]+",
    experiment="[a-z0-9_]+-[a-z0-9_]+",
    sigma="[0-9.e-]+",
    trained="[0-9.e-]+",
    seed="[0-9]+",
    start="[0-9]+",
    stop="[0-9]+",


def holds_images(start, stop, step):
    """Whether a multiple of `step` lies in [start, stop): only those image numbers are taken."""
    return -(-start // step) * step < stop


def shards(part):
    """Index ranges "start-stop" that cut the images of `part` (a section of the config) into shards, none of them empty."""
    starts = range(part["start"], part["stop"], part["shard"])
    ranges = [(start, min(start + part["shard"], part["stop"])) for start in starts]
    return [f"{start}-{stop}" for start, stop in ranges if holds_images(start, stop, part["step"])]


def options(section, *keys):
    """Command line options `--key value` for those of the given keys that a section of the config holds."""
    return " ".join(f"--{key.replace('_', '-')} {section[key]}" for key in keys if key in section)


def recipe_of(wildcards):
    """The recipe of a training job as one line of JSON (which is YAML), quoted for the shell."""
    return shlex.quote(json.dumps(config["recipes"][wildcards.recipe], sort_keys=True))


def members(wildcards):
    """Checkpoints of an experiment's members, in the order of their seeds; trained at sigma, or at `trained` if that is named."""
    sigma = wildcards.get("trained", wildcards.sigma)
    return expand(
        "results/{run}/models/{experiment}/sigma={sigma}/seed={seed}.safetensors",
        run=wildcards.run,
        experiment=wildcards.experiment,
        sigma=sigma,
        seed=SEEDS,
    )


def notebook_outputs(notebook):
    """Everything that the notebook `<source>/<item>` produces."""
    suffixes = {"notebooks": ("ipynb", "html"), "figures": ("png",), "tables": ("csv",)}
    return [f"results/{config['run']}/{folder}/{notebook}.{end}" for folder in suffixes for end in suffixes[folder]]


def target_name(notebook):
    """Name of the target that regenerates the notebook `<source>/<item>`."""
    return "_".join(Path(notebook).parts)
