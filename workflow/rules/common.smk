# The plan of this run, and how the rules ask it (`resmooth.plan`). No rules here, and nothing is decided here.
import os
import sys
from pathlib import Path

import yaml

from resmooth.classifiers.names import classifier_names
from resmooth.plan import VERSIONS, ConfigError, Run, jobs

try:
    RUN = Run(config, Path(workflow.basedir) / "config/recipes")
except ConfigError as error:
    sys.exit(str(error))

PATHS = RUN.paths
THREADS = RUN.config.get("threads", 1)
BATCH_SIZE, GPU_MEMORY = (RUN.config["sample"].get(key, 0) for key in ("batch_size", "gpu_memory"))
IMAGES = ancient(jobs.images(RUN))  # prepared again, they are the same


wildcard_constraints:
    experiment="[a-z0-9_]+(-[a-z0-9_]+){1,2}",
    sigma="[0-9.e-]+",
    trained="[0-9.e-]+",
    seed="[0-9]+",
    start="[0-9]+",
    stop="[0-9]+",
    source="[a-z_]+",
    item="[a-z0-9_]+",


def inputs(step, role):
    """The input function of `step` for one role ("members"): the paths that the plan names."""
    return lambda wildcards: jobs.job(RUN, step, **dict(wildcards.items())).inputs[role]


def setting(step, name):
    """The params function of `step` for one of its settings ("options")."""
    return lambda wildcards: jobs.job(RUN, step, **dict(wildcards.items())).settings[name]


def networks(wildcards, output):
    """What a training job makes, as options. Not what it depends on: params that ask for `output` retrain nothing."""
    return jobs.job(RUN, "train", **dict(wildcards.items())).settings["networks"]


def members(wildcards, input):
    """The checkpoints of a job as options."""
    return " ".join(f"--members {path}" for path in input.members)


def with_seeds(number):
    """Pattern of the experiments with this number of seeds: an output that depends on it needs a rule for each number."""
    return "|".join(name for name, each in RUN.experiments.items() if number in (None, each.seeds))


def exhibit(wildcards):
    """The table or figure that a notebook shows."""
    return RUN.exhibits[f"{wildcards.source}/{wildcards.item}"]
