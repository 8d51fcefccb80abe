# Names and helpers that the other rule files share. No rules here.
import json
import os
import shlex

RUN = f"results/{config['run']}"
SIGMAS = [f"{sigma:g}" for sigma in config["sigmas"]]
SEEDS = range(config["seeds"])
EXPERIMENTS = [f"{arch}-{recipe}" for arch in config["architectures"] for recipe in config["recipes"]]

# What one pass of an ensemble certifies; the names are those of resmooth.classifiers.ensemble.classifier_names.
CLASSIFIERS = [f"{kind}-{size + 1}" for kind in ("member", "soft", "softmax", "vote") for size in SEEDS]

CERTIFICATES = expand(
    RUN + "/certificates/{experiment}/sigma={sigma}/{classifier}.tsv",
    experiment=EXPERIMENTS,
    sigma=SIGMAS,
    classifier=CLASSIFIERS,
)

# Raise by hand when a change of the package changes what these steps produce: it makes finished results stale, and nothing else
# about the code does (checkpoints are days of GPU time; an edited comment must not cost them).
VERSIONS = {"data": 1, "train": 1, "sample": 1, "certify": 1, "margins": 1, "audit": 1}


wildcard_constraints:
    arch="[a-z0-9_]+",
    recipe="[a-z0-9_]+",
    experiment="[a-z0-9_]+-[a-z0-9_]+",
    sigma="[0-9.]+",
    seed="[0-9]+",
    start="[0-9]+",
    stop="[0-9]+",


def shards(part):
    """Index ranges (start, stop) that cut the images of `part` (a section of the config) into shards."""
    size = part.get("shard", part["stop"] - part["start"])
    return [(start, min(start + size, part["stop"])) for start in range(part["start"], part["stop"], size)]


def options(section, *keys):
    """Command line options `--key value` for the given keys of a section of the config."""
    return " ".join(f"--{key.replace('_', '-')} {section[key]}" for key in keys if key in section)


def recipe_of(wildcards):
    """The recipe of a training job as one line of JSON (which is YAML), quoted for the shell."""
    return shlex.quote(json.dumps(config["recipes"][wildcards.recipe], sort_keys=True))


def members(wildcards):
    """Checkpoints of an experiment's members, in the order of their seeds."""
    return expand(RUN + "/models/{experiment}/sigma={sigma}/seed={seed}.safetensors", seed=SEEDS, **wildcards)
