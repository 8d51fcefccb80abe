"""Snakemake's logger "resmooth": how far a run is and how long it still takes, on one line; results, errors and their logs.

Snakemake finds this package by its name, and profiles/default switches it on. A line stays for each job that made a page (a
notebook, the audit) or took a minute, and for each rule whose jobs are all done. Whoever asks Snakemake for more, by --dry-run,
--printshellcmds (`make replicate VERBOSE=1`), --verbose or --debug-dag, sees all that Snakemake says, as it says it.
"""

import re
import sys
import threading
import time
from logging import WARNING, LogRecord
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from .screen import Screen
from .tally import Job, Tally, former_seconds

LONG = 60.0  # seconds: a job that takes longer leaves a line behind
TAIL = 20  # lines of a failed job's log
CHATTER = (  # what Snakemake says of itself, and what is said here in other words
    "host: ",
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Using shell: ",
    "Job stats:",
    "Select jobs to execute",
    "Shutting down, this might take some time",
    "Removing output files of failed job",
    "Exiting because a job execution failed",
    "Elapsed time: ",
    "RuleException:\nCalledProcessError in ",
    "WorkflowError:\nAt least one job did not complete successfully",
)
STOPPING = "Terminating processes on user request"
NO_OUTPUT = re.compile(r"^Job (\d+) +completed successfully, but some output files are missing", re.M)


class LogHandler(LogHandlerBase):
    """What Snakemake calls, in a thread of its own, with one record after the other."""

    writes_to_stream = True
    writes_to_file = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        self.plain: Any = None
        if settings.dryrun or settings.printshellcmds or settings.verbose or settings.debug_dag:
            from snakemake.logging import ColorizingTextHandler

            self.plain = ColorizingTextHandler(nocolor=settings.nocolor, stream=stream)
        quiet = {each.name for each in settings.quiet or ()}
        self.silent, self.errors_only = "ALL" in quiet, bool(quiet & {"PROGRESS", "RULES"})
        self.screen, self.tally = Screen(stream), Tally()
        self.stopping = False  # by the user: jobs that end now have not failed
        self.ended = threading.Event()

    @property
    def has_filter(self) -> bool:
        return self.plain is None

    has_formatter = has_filter

    def emit(self, record: LogRecord) -> None:
        try:
            if self.plain is not None:
                self.plain.setFormatter(self.formatter)
                self.plain.emit(record)
            elif not self.silent:
                self._take(record)
        except Exception:
            self.handleError(record)

    def _take(self, record: LogRecord) -> None:
        """One record. Records of the same event have the same attributes, which logging.LogRecord does not declare."""
        said: Any = record
        match getattr(record, "event", None):
            case LogEvent.RUN_INFO:
                self.tally.plan(said.stats)
                self._tell(f"{self.tally.total} jobs to do", record.created)
            case LogEvent.JOB_INFO:
                self._started(said)
            case LogEvent.JOB_FINISHED:
                self._finished(said.job_id, record.created)
            case LogEvent.JOB_ERROR:
                self._failed(said)
            case LogEvent.GROUP_ERROR:
                self.screen.tell(f"{record.getMessage()}: {', '.join(said.aux_logs) or 'no log'}")
            case None | LogEvent.ERROR:
                self._pass_on(record)
        self._show(record.created)

    def _started(self, said: Any) -> None:
        if self.tally.began is None:
            threading.Thread(target=self._tick, daemon=True).start()
        if said.benchmark and self.tally.former is None:
            self.tally.former = former_seconds(said.benchmark)
        message = said.rule_msg or " ".join([said.rule_name, *map(str, said.wildcards.values())])
        self.tally.start(said.jobid, Job(said.rule_name, message, said.output, said.log, said.created))

    def _finished(self, number: int, now: float) -> None:
        finished = self.tally.finish(number, now)
        if finished is None:
            return
        job, seconds = finished
        pages = [path for path in job.outputs if path.endswith(".html")]
        planned = self.tally.planned[job.rule]
        if pages or seconds >= LONG or planned == 1:
            self._tell(f"{job.message} ({span(seconds)})" + "".join(f": {path}" for path in pages), now)
        if planned > 1 and not self.tally.left(job.rule):
            self._tell(f"All {planned} jobs of rule {job.rule}", now)

    def _failed(self, said: Any) -> None:
        if self.stopping:
            self.tally.running.pop(said.jobid, None)
            return
        job = self.tally.fail(said.jobid)
        lines = [f"FAILED: {job.message if job else said.rule_msg or said.rule_name} (rule {said.rule_name})"]
        for path in said.log:
            lines += [f"    log: {path}", *(f"    | {line}" for line in tail(path))]
        if said.shellcmd:
            lines.append(f"    command: {said.shellcmd}")
        lines += [f"    {name}: {value}" for name, value in said.aux.items()]
        self.screen.tell("\n".join(lines))

    def _pass_on(self, record: LogRecord) -> None:
        """What is said in words: all but chatter."""
        text = record.getMessage().strip()
        self.stopping = self.stopping or text.startswith(STOPPING)
        without_output = NO_OUTPUT.search(text)
        if without_output:
            self.tally.fail(int(without_output[1]))
        chatter = text.startswith(CHATTER) or (text.startswith("Complete log") and not self.tally.failed)
        if text not in ("", "None") and not chatter and (record.levelno >= WARNING or not self.errors_only):
            self.screen.tell(text)

    def _tell(self, text: str, now: float) -> None:
        """A line that stays."""
        if not self.errors_only:
            self.screen.tell(clock(now - (self.tally.began or now)) + text)

    def _show(self, now: float) -> None:
        if not self.tally.running:
            self.screen.clear()
        elif not self.errors_only:
            self.screen.status(clock(now - (self.tally.began or now)), status(self.tally, now), now)

    def _tick(self) -> None:
        """The line goes on while no record comes."""
        while not self.ended.wait(1.0):
            with self.lock:  # type: ignore[union-attr]  # logging.Handler makes it
                if not self.ended.is_set():
                    self._show(time.time())

    def close(self) -> None:
        with self.lock:  # type: ignore[union-attr]
            if not self.ended.is_set() and self.tally.began is not None and not self.errors_only:
                self.screen.clear()
                self.screen.tell(conclusion(self.tally, time.time()))
            self.ended.set()
        super().close()


def status(tally: Tally, now: float) -> str:
    """ "12 of 70 jobs, about 6 min to go: Train resnet8-gaussian at sigma 0.25, and 1 more". Needs a job that runs."""
    job = min(tally.running.values(), key=lambda each: each.started)
    seconds = tally.seconds_left(now)
    text = f"{tally.done} of {tally.total} jobs"
    text += f", {len(tally.failed)} failed" if tally.failed else ""
    text += f", about {span(max(60.0, seconds))} to go" if seconds is not None else ""
    text += f": {job.message}"
    text += f" ({span(now - job.started)})" if now - job.started >= LONG else ""
    return text + (f", and {len(tally.running) - 1} more" if len(tally.running) > 1 else "")


def conclusion(tally: Tally, now: float) -> str:
    """What became of the run: one line, and one for each job that failed."""
    text = f"{tally.done} of {tally.total} jobs done in {span(now - (tally.began or now))}"
    if tally.failed:
        text += f", {len(tally.failed)} failed, {tally.total - tally.done - len(tally.failed)} not run:"
    elif tally.done < tally.total:
        text += ", then stopped"
    return "\n".join([text, *(f"    {job.message}: {' '.join(job.logs) or 'no log'}" for job in tally.failed.values())])


def clock(seconds: float) -> str:
    """Minutes and seconds since the first job began, or hours, as lines start with them."""
    minutes, seconds = divmod(int(seconds), 60)
    return f"{minutes:3d}:{seconds:02d}  " if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}  "


def span(seconds: float) -> str:
    """A length of time as a person says it: 40 s, 6 min, 2.5 h, 3.0 days."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.1f} days"


def tail(path: str) -> list[str]:
    """The last lines of a job's log, or why there are none."""
    try:
        return Path(path).read_text(errors="replace").splitlines()[-TAIL:] or ["(empty)"]
    except OSError as error:
        return [f"({error.strerror})"]
