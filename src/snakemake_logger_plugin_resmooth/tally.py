"""The jobs of a run: how many, which of them run, are done or have failed, and how long the rest takes."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

WEIGHTS: dict[str, tuple[str, int]] = {}  # rule -> (step, tasks of a job), where the workflow says so
UNKNOWN = 1 / 3  # no estimate where more than this share of the jobs left is of rules that nobody has seen finish


@dataclass
class Job:
    """One job as Snakemake announces it; `started` in seconds since 1970."""

    rule: str
    message: str
    outputs: list[str]
    logs: list[str]
    started: float


class Tally:
    """What is known of a run. A job costs the mean time of its rule's jobs in this run, else in a former one, else of all jobs.
    Where the workflow says how many tasks a job has (`WEIGHTS`), a rule without a mean costs as its tasks do in other rules.

    former: the mean seconds of a job of each rule, where a former run has left them behind; None before anybody has looked.
    """

    def __init__(self) -> None:
        self.planned: Counter[str] = Counter()
        self.running: dict[int, Job] = {}
        self.failed: dict[int, Job] = {}
        self.seconds: dict[str, list[float]] = {}  # rule: of its finished jobs
        self.former: Mapping[str, float] | None = None
        self.began: float | None = None

    @property
    def total(self) -> int:
        return self.planned.total()

    @property
    def done(self) -> int:
        return sum(map(len, self.seconds.values()))

    def plan(self, jobs: Mapping[str, int]) -> None:
        """How many jobs of each rule the run has."""
        self.planned = Counter({rule: number for rule, number in jobs.items() if rule != "total"})

    def start(self, number: int, job: Job) -> None:
        self.began = job.started if self.began is None else self.began
        self.failed.pop(number, None)  # Snakemake tries it again
        self.running[number] = job

    def finish(self, number: int, now: float) -> tuple[Job, float] | None:
        """The job and its seconds; None for a job that was never announced."""
        job = self.running.pop(number, None)
        if job is None:
            return None
        self.seconds.setdefault(job.rule, []).append(now - job.started)
        return job, now - job.started

    def fail(self, number: int) -> Job | None:
        job = self.running.pop(number, None)
        if job is not None:
            self.failed[number] = job
        return job

    def left(self, rule: str) -> int:
        """Jobs of a rule that are neither done nor failed."""
        failed = sum(job.rule == rule for job in self.failed.values())
        return self.planned[rule] - len(self.seconds.get(rule, ())) - failed

    def seconds_left(self, now: float) -> float | None:
        """About how long the run still takes: the work left, shared by as many jobs at a time as ran so far. None: too early."""
        cost = self._costs()
        left = {rule: self.left(rule) for rule in self.planned}
        unknown = sum(number for rule, number in left.items() if rule not in cost)
        if self.began is None or now <= self.began or not cost or unknown > UNKNOWN * sum(left.values()):
            return None
        spent = [seconds for each in self.seconds.values() for seconds in each]
        typical = mean(spent or cost.values())
        work = sum(number * cost.get(rule, typical) for rule, number in left.items())
        work -= sum(min(now - job.started, cost.get(job.rule, typical)) for job in self.running.values())
        busy = sum(spent) + sum(now - job.started for job in self.running.values())
        return work / max(1.0, busy / (now - self.began))

    def _costs(self) -> dict[str, float]:
        """Seconds of a job of each rule of which something is known."""
        seen = {rule: mean(seconds) for rule, seconds in self.seconds.items()}
        of_a_task: dict[str, list[float]] = {}
        for rule in seen.keys() & WEIGHTS.keys():
            step, tasks = WEIGHTS[rule]
            of_a_task.setdefault(step, []).append(seen[rule] / tasks)
        known = {rule: each for rule, each in WEIGHTS.items() if rule in self.planned and each[0] in of_a_task}
        alike = {rule: mean(of_a_task[step]) * tasks for rule, (step, tasks) in known.items()}
        return {**alike, **(self.former or {}), **seen}


def former_seconds(benchmark: str) -> dict[str, float]:
    """Mean seconds of a job of each rule, from the files (`benchmark-extended`) of a former run in the folder `benchmarks`."""
    parts = Path(benchmark).parts
    if "benchmarks" not in parts:
        return {}
    folder = Path(*parts[: parts.index("benchmarks") + 1])
    found: dict[str, list[float]] = {}
    for path in folder.rglob("*.tsv"):
        try:
            with path.open(newline="") as file:
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                    if row.get("rule_name"):
                        found.setdefault(row["rule_name"], []).append(float(row["s"]))
        except (OSError, ValueError, TypeError, csv.Error):  # cut off, or being written
            continue
    return {rule: mean(seconds) for rule, seconds in found.items()}
