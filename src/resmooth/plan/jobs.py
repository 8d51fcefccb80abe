"""Jobs: what one process computes. The section `jobs` of the config says how many tasks of a step that is.

Starting Python with PyTorch costs seconds and Snakemake pays for every job, so that small runs do much in one process; large runs
take one network or shard, which a cluster spreads over its GPUs. The files are the same, and so is every number in them.
"""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from resmooth.plan import tasks
from resmooth.plan.schema import ConfigError
from resmooth.plan.tasks import Task

if TYPE_CHECKING:
    from resmooth.plan.run import Experiment, Run

# Raise a number by hand when a change of the package changes what its step produces: finished results then become stale. No other
# change of the code makes them stale (checkpoints are days of GPU time; an edited comment must not cost them).
VERSIONS = {
    "data": 1,
    "train": 1,
    "sample": 2,
    "mismatch": 2,
    "certify": 3,
    "margins": 2,
    "decide": 1,
    "scores": 1,
    "draws": 1,
    "ddrs": 1,
    "logs": 1,
    "audit": 2,
    "exhibits": 1,
}

TASK = "task"
SIZES = (TASK, "level", "experiment", "group", "run")  # a group is one entry of `experiments` in the config
SECTIONS = {"train": "train", "sample": "sample", "certify": "certify"}  # of `jobs`; all other steps: "measure"
SMALLEST = {"train": "network", "sample": "shard", "certify": "level", "measure": "level"}  # the default, one task

TITLES = {
    "train": "Train {}",
    "sample": "Sample {}",
    "certify": "Certify {}",
    "margins": "Measure margins of {}",
    "decide": "Decide pre-set radii of {} by every procedure",
    "scores": "Score {}, soft and hard",
    "draws": "Score every noisy copy of a few images, of {}",
    "ddrs": "Choose a level for each image as DDRS does, of {}",
    "mismatch": "Sample under another level than in training, {}",
}


@dataclass(frozen=True)
class Job:
    """What one process computes: tasks of one step, one after the other. `name`: of its log and benchmark."""

    step: str
    name: str
    tasks: tuple[Task, ...]

    @property
    def wildcards(self) -> dict[str, str]:
        """Those that all its tasks share."""
        first = self.tasks[0].wildcards
        return {key: value for key, value in first.items() if all(task.wildcards[key] == value for task in self.tasks)}

    @property
    def inputs(self) -> dict[str, list[str]]:
        """Role -> paths, each once."""
        roles = self.tasks[0].inputs
        return {role: list(dict.fromkeys(path for task in self.tasks for path in task.inputs[role])) for role in roles}

    @property
    def outputs(self) -> list[str]:
        """Paths of all that it makes."""
        return [path for task in self.tasks for path in task.outputs]

    @property
    def settings(self) -> list[str]:
        """What determines the results besides the inputs, for each task."""
        return [task.settings for task in self.tasks]

    @property
    def title(self) -> str:
        """What it does, in a few words."""
        experiments = list(dict.fromkeys(task.wildcards["experiment"] for task in self.tasks))
        what = experiments[0]
        if len(experiments) > 1:
            what += f" and {len(experiments) - 1} other experiment{'s' * (len(experiments) > 2)}"
        told = (
            self.wildcards if len(self.tasks) == 1 else {key: self.wildcards.get(key) for key in ("trained", "sigma")}
        )
        return TITLES[self.step].format(what + _rest({key: value for key, value in told.items() if value}))

    def command(self, launcher: str = "resmooth", **speed: object) -> str:
        """The command of the shell. speed: options that affect no result (threads, workers, batch_size, gpu_memory), where the
        step has them; launcher: another way to start `resmooth`."""
        lines = [
            tasks.words(task.command, tasks.options(speed, *SPEED.get(self.step, MEASURING))) for task in self.tasks
        ]
        if len(lines) == 1:
            return f"{launcher} {lines[0]}"
        return f"{launcher} together {shlex.join(lines)}"


MEASURING = ("threads", "batch_size", "gpu_memory")
SPEED: dict[str, tuple[str, ...]] = {"train": ("threads", "workers"), "certify": ()}
LONGEST = 120_000  # characters of a job's command: the system takes 131,072 in one piece, and options are still to come


def check(run: "Run") -> None:
    """ConfigError, one line, where the sizes that the config asks for cannot be."""
    if run.config.get("processes", 1) > 1 and size(run, "train") != TASK:
        raise ConfigError("config: processes share the batches of one network: leave jobs.train out, or processes")
    for step in tasks.STEPS:
        for job in of(run, step) if size(run, step) != TASK else ():
            if len(job.command()) > LONGEST:
                section = SECTIONS.get(step, "measure")
                raise ConfigError(
                    f"config: jobs.{section}: a {step} job would have {len(job.tasks)} tasks, too long a command; "
                    f"choose a size below {size(run, step)}"
                )


def of(run: "Run", step: str) -> list[Job]:
    """All jobs of one step of `run`, in the order of the config. ValueError for an unknown step."""
    found: dict[str, list[Task]] = {}
    for task in tasks.of(run, step):
        found.setdefault(_name(run, task, size(run, step)), []).append(task)
    return [Job(step, name, tuple(members)) for name, members in found.items()]


def size(run: "Run", step: str) -> str:
    """How much one process computes of a step, one of SIZES."""
    section = SECTIONS.get(step, "measure")
    wanted = run.config.get("jobs", {}).get(section, SMALLEST[section])
    return TASK if wanted == SMALLEST[section] else wanted


def _name(run: "Run", task: Task, size: str) -> str:
    """The name of the job of this size that the task belongs to."""
    experiment = task.wildcards["experiment"]
    if size == TASK:
        return label(run, task.step, task.wildcards)
    if size == "level":
        return f"{task.step}/{experiment}/sigma={task.wildcards['sigma']}"
    if size == "experiment":
        return f"{task.step}/{experiment}"
    if size == "group":
        return f"{task.step}/{run.group(experiment)}"
    return f"{task.step}/all"


def label(run: "Run", step: str, wildcards: Mapping[str, str], seeds: int | None = None) -> str:
    """The name of the job of one task. Wildcards may be patterns; `seeds`: number of seeds of such an experiment."""
    name = f"{step}/{wildcards['experiment']}"
    if step == "mismatch":
        name += f"/trained={wildcards['trained']}"
    name += f"/sigma={wildcards['sigma']}"
    if step == "train":
        seeds = run.experiments[wildcards["experiment"]].seeds if seeds is None else seeds
        stacked = run.config.get("stacked") and seeds > 1
        return f"{name}/seeds=0-{seeds - 1}" if stacked else f"{name}/seed={wildcards['seed']}"
    return f"{name}/{wildcards['start']}-{wildcards['stop']}" if step == "sample" else name


# --- how the workflow declares them


@dataclass(frozen=True)
class Rule:
    """A rule of the workflow. Where each process does one task it holds for all of them and its names have wildcards, so that
    users and clusters can name a step; where a process does several there is a rule for each job.

    name         of the rule                       outputs      paths or patterns
    label        of log and benchmark              experiments  regular expression of the experiments that it holds for
    title        what a job does, for the reader   job          wildcards -> Job
    tasks        how many tasks a job has          priority     wildcards -> number, the larger the sooner
    speed        batch_size and gpu_memory of measurements, as its run's section `sample` has them, or 0
    """

    name: str
    outputs: list[str]
    label: str
    title: str
    experiments: str
    job: Callable[[Mapping[str, str]], Job]
    priority: Callable[[Mapping[str, str]], int]
    speed: Mapping[str, int]
    tasks: int = 1

    def inputs(self, role: str) -> Callable:
        """The input function for one role ("members")."""
        return lambda wildcards: self.job(wildcards).inputs[role]

    def settings(self, wildcards: Mapping[str, str]) -> list[str]:
        """The params function for what determines the results: Snakemake repeats a job if this changed."""
        return self.job(wildcards).settings


def rules(run: "Run", step: str) -> list[Rule]:
    """The rules of one step of `run`, and of the run on clips within it."""
    found = [replace(each, name=f"videos_{each.name}") for part in run.parts[1:] for each in rules(part, step)]
    return [*_rules(run, step), *found]


def _rules(run: "Run", step: str) -> list[Rule]:
    if size(run, step) != TASK:
        return [_rule_of(run, job) for job in of(run, step)]
    if step == "certify" or (step == "train" and run.config.get("stacked")):
        return [_rule_for_all(run, step, f"{step}_{kind}", alike) for kind, alike in _kinds(run).items()]
    return [_rule_for_all(run, step, step)]


def _kinds(run: "Run") -> dict[str, list["Experiment"]]:
    """The experiments by what their jobs certify, on which the outputs depend: the number of members, or a set of reductions."""
    kinds: dict[str, list[Experiment]] = {}
    sets: list[list[str]] = []
    for each in run.experiments.values():
        kind = str(each.seeds)
        if each.patches or each.sub_videos:
            if each.classifiers not in sets:
                sets.append(each.classifiers)
            kind = f"patches_{1 + sets.index(each.classifiers)}"
        kinds.setdefault(kind, []).append(each)
    return dict(sorted(kinds.items()))


def _rule_of(run: "Run", job: Job) -> Rule:
    name, own = job.name.replace("/", "_"), priority(run, job.step, job.tasks[0].wildcards)
    known = (name, job.outputs, job.name, job.title, ".*")
    return Rule(*known, lambda wildcards: job, lambda wildcards: own, _speed(run), len(job.tasks))


def _speed(run: "Run") -> dict[str, int]:
    """What a run's config says of the batches of its measurements."""
    return {key: run.config["sample"].get(key, 0) for key in ("batch_size", "gpu_memory")}


def _rule_for_all(run: "Run", step: str, name: str, alike: "Sequence[Experiment]" = ()) -> Rule:
    """The rule of that name for all tasks of a step, or for those of experiments `alike`, whose outputs have the same names."""
    seeds = alike[0].seeds if alike else None
    names = ["experiment", "sigma"]
    if not (step == "train" and seeds):  # stacked: all seeds of an experiment
        names += {"train": ["seed"], "sample": ["start", "stop"], "mismatch": ["trained"]}.get(step, [])
    patterns = {name: f"{{{name}}}" for name in names}
    title = TITLES[step].format("{wildcards.experiment}" + _rest({name: f"{{wildcards.{name}}}" for name in names[1:]}))
    which = "|".join(each.name for each in alike or run.experiments.values())

    def job(wildcards: Mapping[str, str]) -> Job:
        task = tasks.task(run, step, **dict(wildcards.items()))
        return Job(step, label(run, step, task.wildcards), (task,))

    patterns |= {"seed": "0"} if "seed" not in patterns else {}
    outputs = _outputs(run, step, patterns, alike)
    own_label = label(run, step, patterns, seeds or 1)
    known = (name, outputs, own_label, title, which, job)
    return Rule(*known, lambda wildcards: priority(run, step, wildcards), _speed(run))


def _outputs(run: "Run", step: str, patterns: dict[str, str], alike: "Sequence[Experiment]") -> list[str]:
    """Patterns of the outputs of one task."""
    experiment, sigma = patterns["experiment"], patterns["sigma"]
    if step == "train":
        numbers = range(alike[0].seeds) if alike else [patterns["seed"]]
        suffixes = ("safetensors", "json")
        return [run.paths.checkpoint(experiment, sigma, number, suffix) for suffix in suffixes for number in numbers]
    if step == "sample":
        return [run.paths.counts(experiment, sigma, "{start}-{stop}")]
    if step == "certify":
        return [run.paths.certificates(experiment, sigma, name) for name in alike[0].classifiers]
    if step == "mismatch":
        return [run.paths.mismatch(experiment, patterns["trained"], sigma)]
    return [run.paths.measured(step, experiment, sigma)]


def priority(run: "Run", step: str, wildcards: Mapping[str, str]) -> int:
    """Experiments are finished one by one, in the order of the config; within an experiment, what was begun is finished first."""
    position = list(run.experiments).index(wildcards["experiment"])
    return 10 * (len(run.experiments) - position) + {"train": 0, "certify": 2}.get(step, 1)


def _rest(wildcards: Mapping[str, str]) -> str:
    """What follows an experiment's name in a title: level, seed, images."""
    found = f" trained at {wildcards['trained']}" if "trained" in wildcards else ""
    found += f" at sigma {wildcards['sigma']}" if "sigma" in wildcards else ""
    found += f", seed {wildcards['seed']}" if "seed" in wildcards else ""
    return found + (f", images {wildcards['start']} to {wildcards['stop']}" if "start" in wildcards else "")
