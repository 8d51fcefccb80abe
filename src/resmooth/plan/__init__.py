"""A run: its experiments, cases, file names and jobs. Importing this package imports neither torch nor Snakemake."""

from resmooth.plan.jobs import VERSIONS, Job
from resmooth.plan.paths import Paths
from resmooth.plan.run import Case, Experiment, Run, as_text, image_numbers
from resmooth.plan.schema import ConfigError
from resmooth.plan.tasks import Task

__all__ = ["VERSIONS", "Case", "ConfigError", "Experiment", "Job", "Paths", "Run", "Task", "as_text", "image_numbers"]
