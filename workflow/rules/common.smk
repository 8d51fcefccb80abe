# The plan of this run, and how the rules ask it (`resmooth.plan`). No rules here, and nothing is decided here.
import sys
from pathlib import Path

import yaml

from resmooth.plan import VERSIONS, ConfigError, Run, jobs
from snakemake_logger_plugin_resmooth.tally import WEIGHTS

try:
    RUN = Run(config, Path(workflow.basedir) / "config/recipes")
except ConfigError as error:
    sys.exit(str(error))

PATHS = RUN.paths
THREADS = RUN.config.get("threads", 1)
RESMOOTH = "python -m resmooth.forked resmooth" if RUN.config.get("jobs", {}).get("forked") else "resmooth"


wildcard_constraints:
    experiment="[a-z0-9_]+(-[a-z0-9_]+){1,2}",
    sigma="[0-9.e-]+",
    trained="[0-9.e-]+",
    seed="[0-9]+",
    start="[0-9]+",
    stop="[0-9]+",
    source="[a-z_]+",
    item="[a-z0-9_]+",


def rules_of(step):
    """The rules of a step, as the plan has them. The logger is told how much a job of each does."""
    found = jobs.rules(RUN, step)
    WEIGHTS.update((rule.name, (step, rule.tasks)) for rule in found)
    return found


def command(rule):
    """The params function for the command of a job. It asks for `output`, so that a change of it alone repeats nothing."""
    return lambda wildcards, output: rule.job(wildcards).command(RESMOOTH)


def measuring(rule):
    """The same, with the options of measurements that affect speed alone."""
    return lambda wildcards, output, threads, resources: rule.job(wildcards).command(
        RESMOOTH, threads=threads, batch_size=resources.batch_size, gpu_memory=resources.gpu_memory
    )


def training(rule):
    """The same, with those of training."""
    workers = {key: RUN.config[key] for key in ("workers",) if key in RUN.config}
    return lambda wildcards, output: rule.job(wildcards).command(LAUNCHER, threads=THREADS, **workers)


def exhibit(wildcards):
    """The table or figure that a notebook shows."""
    return RUN.exhibits[f"{wildcards.source}/{wildcards.item}"]
