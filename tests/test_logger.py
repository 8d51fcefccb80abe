"""What the person watching a run sees: records as Snakemake sends them, and toy runs as a user starts them."""

import io
import logging
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import ROOT
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_resmooth import LogHandler, screen, span
from snakemake_logger_plugin_resmooth import tally as tally_module
from snakemake_logger_plugin_resmooth.tally import Job, Tally, former_seconds

START = 1_000_000.0


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Run:
    """A handler, fed with records; `seconds` since the first of them."""

    def __init__(self, monkeypatch, stream, quiet=None):
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setattr("threading.Thread.start", lambda thread: None)  # the clock is that of the records
        names = ("dryrun", "printshellcmds", "verbose", "debug_dag", "stdout")
        settings = SimpleNamespace(**dict.fromkeys(names, False), nocolor=True, quiet=quiet)
        self.stream, self.handler, self.numbers = stream, LogHandler(settings, None), {}

    def record(self, seconds, event=None, message=None, level=logging.INFO, **attributes):
        record = logging.LogRecord("snakemake", level, "", 0, message, None, None)
        record.__dict__.update(attributes, created=START + seconds, event=event)
        self.handler.handle(record)

    def plan(self, **rules):
        self.record(0, LogEvent.RUN_INFO, "Job stats:", stats={**rules, "total": sum(rules.values())})

    def start(self, seconds, rule, message, output=(), benchmark=None):
        number = self.numbers[message] = len(self.numbers) + 1
        about = {"jobid": number, "rule_name": rule, "rule_msg": message, "wildcards": {}, "benchmark": benchmark}
        self.record(seconds, LogEvent.JOB_INFO, **about, output=list(output), log=[])

    def finish(self, seconds, message):
        self.record(seconds, LogEvent.JOB_FINISHED, job_id=self.numbers[message])

    def fail(self, seconds, rule, message, log=(), shellcmd=None):
        about = {"jobid": self.numbers[message], "rule_name": rule, "rule_msg": None, "shellcmd": shellcmd, "aux": {}}
        self.record(seconds, LogEvent.JOB_ERROR, level=logging.ERROR, **about, log=list(log))

    @property
    def lines(self):
        return self.stream.getvalue().splitlines()


@pytest.fixture
def file(monkeypatch):
    return Run(monkeypatch, io.StringIO())


def test_a_file_gets_a_line_now_and_then_and_one_for_each_result(file):
    file.plan(train=2, notebook=4, all=1)
    file.start(0, "train", "Train a")
    file.finish(10, "Train a")
    file.start(10, "train", "Train b")
    file.start(11, "notebook", "Render c", output=["c.ipynb", "c.html"])
    file.finish(19, "Render c")
    file.finish(20, "Train b")
    file.start(21, "notebook", "Render d", output=["d.html"])
    file.finish(91, "Render d")
    file.handler.close()
    *lines, conclusion = file.lines
    assert lines == [
        "  0:00  7 jobs to do",
        "  0:00  0 of 7 jobs: Train a",
        "  0:19  Render c (8 s): c.html",
        "  0:19  2 of 7 jobs, about 1 min to go: Train b",
        "  0:20  All 2 jobs of rule train",
        "  1:31  Render d (1 min): d.html",
    ]
    assert conclusion.startswith("4 of 7 jobs done in ")


def test_a_terminal_shows_one_line_rewritten_in_place(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(screen.shutil, "get_terminal_size", lambda: os.terminal_size((30, 24)))
    run = Run(monkeypatch, Terminal())
    run.plan(train=3)
    run.start(0, "train", "Train a network of a long name")
    run.start(1, "train", "Train b")
    run.finish(2, "Train a network of a long name")
    run.handler.close()
    written = run.stream.getvalue()
    assert "\x1b" not in written
    rewritten, conclusion = written.removeprefix("  0:00  3 jobs to do\n").removesuffix("\n").rsplit("\r", 1)
    assert [part for part in rewritten.split("\r") if part.strip()] == [
        "  0:00  0 of 3 jobs: Train...",
        "  0:01  0 of 3 jobs: Train...",
        "  0:02  1 of 3 jobs, about...",
    ]
    assert conclusion.startswith("1 of 3 jobs done in ") and conclusion.endswith(", then stopped")


def test_a_line_that_stays_stands_above_the_one_that_is_rewritten(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    run = Run(monkeypatch, Terminal())
    run.plan(train=2, notebook=1)
    run.start(0, "train", "Train a")
    run.start(0, "notebook", "Render b", output=["b.html"])
    run.finish(5, "Render b")
    shown, told = "  0:00  0 of 3 jobs: Train a, and 1 more", "  0:05  Render b (5 s): b.html\n"
    blank = "\r" + " " * len(shown) + "\r"
    assert f"{shown}{blank}{told}{shown}{blank}  0:05  1 of 3" in run.stream.getvalue()


def test_errors_in_full(file, tmp_path):
    log = tmp_path / "b.log"
    log.write_text("".join(f"line {number}\n" for number in range(100)) + "ValueError: broken\n")
    file.plan(train=3)
    for name in "abc":
        file.start(0, "train", f"Train {name}")
    file.record(1, LogEvent.ERROR, "RuleException:\nCalledProcessError in file x", level=logging.ERROR)
    file.fail(1, "train", "Train b", log=[str(log), "nowhere.log"], shellcmd="resmooth train")
    missing = "MissingOutputException in rule train:\nJob 3  completed successfully, but some output files are missing."
    file.record(2, LogEvent.ERROR, missing, level=logging.ERROR)
    file.record(3, None, "Exiting because a job execution failed. Look above for error messages", level=logging.ERROR)
    file.finish(60, "Train a")
    file.handler.close()
    text = file.stream.getvalue()
    assert (
        f"FAILED: Train b (rule train)\n    log: {log}\n    | line 81\n" in text
        and "    | ValueError: broken\n" in text
    )
    assert "    log: nowhere.log\n    | (No such file or directory)\n    command: resmooth train\n" in text
    assert missing in text and "Exiting" not in text and "CalledProcessError" not in text
    assert text.splitlines()[-3].endswith(", 2 failed, 0 not run:")
    assert text.splitlines()[-2:] == ["    Train b: no log", "    Train c: no log"]


def test_a_job_that_succeeds_when_tried_again_has_not_failed(file):
    file.plan(train=1)
    file.start(0, "train", "Train a")
    file.fail(1, "train", "Train a")
    file.record(
        2,
        LogEvent.JOB_INFO,
        jobid=1,
        rule_name="train",
        rule_msg=None,
        wildcards={"seed": 0},
        benchmark=None,
        output=[],
        log=[],
    )
    file.record(3, LogEvent.JOB_FINISHED, job_id=1)
    assert file.lines[-1] == "  0:03  train 0 (1 s)" and not file.handler.tally.failed


def test_jobs_that_the_user_stops_have_not_failed(file):
    file.plan(train=2)
    file.start(0, "train", "Train a")
    file.record(1, None, "Terminating processes on user request, this might take some time.")
    file.record(1, LogEvent.ERROR, "RuleException:\nCalledProcessError in file x", level=logging.ERROR)
    file.fail(1, "train", "Train a")
    file.handler.close()
    assert file.lines[2].startswith("Terminating") and len(file.lines) == 4
    assert file.lines[3].startswith("0 of 2 jobs done in ") and file.lines[3].endswith(", then stopped")


def test_chatter_is_left_out_and_what_a_person_must_know_is_not(file):
    for text in ("Building DAG of jobs...", "Select jobs to execute...", "host: vm", None):
        file.record(0, None, text)
    file.record(0, LogEvent.SHELLCMD, "Shell command: true")
    nothing = "Nothing to be done (all requested files are present and up to date)."
    file.record(0, None, nothing)
    file.record(0, None, "Directory cannot be locked.", level=logging.WARNING)
    file.handler.close()
    assert file.lines == [nothing, "Directory cannot be locked."]


@pytest.mark.parametrize(("quiet", "number"), [({Quietness.PROGRESS, Quietness.RULES}, 1), ({Quietness.ALL}, 0)])
def test_quiet_leaves_errors_or_nothing(monkeypatch, quiet, number):
    run = Run(monkeypatch, io.StringIO(), quiet)
    run.plan(train=1)
    run.start(0, "train", "Train a")
    run.record(0, None, "Nothing to be done")
    run.fail(1, "train", "Train a")
    run.handler.close()
    assert run.lines == ["FAILED: Train a (rule train)"][:number]


def test_time_left_is_that_of_the_rules_seen_shared_by_the_jobs_at_a_time():
    tally = Tally()
    tally.plan({"train": 6, "all": 1, "total": 7})
    for number in range(2):
        tally.start(number, Job("train", "", [], [], START))
    assert tally.seconds_left(START + 5) is None, "nothing has finished"
    for number in range(2):
        tally.finish(number, START + 10)
        tally.start(number + 2, Job("train", "", [], [], START + 10))
    # four networks of 10 s are left, of which two have run for 4 s, and something unknown; two run at a time
    assert tally.seconds_left(START + 14) == pytest.approx((4 * 10 + 10 - 2 * 4) / 2)
    tally.plan({"train": 6, "measure": 3, "total": 9})
    assert tally.seconds_left(START + 14) is None, "three of seven jobs left are of a rule that nobody has seen"
    tally.former = {"measure": 20.0, "train": 1000.0}
    assert tally.seconds_left(START + 14) == pytest.approx((4 * 10 + 3 * 20 - 2 * 4) / 2)


def test_a_rule_never_seen_costs_as_its_tasks_do_elsewhere(monkeypatch):
    monkeypatch.setattr(
        tally_module, "WEIGHTS", {"train_a": ("train", 2), "train_b": ("train", 6), "other": ("train", 1)}
    )
    tally = Tally()
    tally.plan({"train_a": 1, "train_b": 1})
    tally.start(0, Job("train_a", "", [], [], START))
    tally.finish(0, START + 10)
    tally.start(1, Job("train_b", "", [], [], START + 10))
    assert tally.seconds_left(START + 20) == pytest.approx(6 * 5 - 10)


def test_a_former_run_is_remembered_by_its_benchmark_files(tmp_path):
    folder = tmp_path / "benchmarks" / "train"
    folder.mkdir(parents=True)
    for name, text in {
        "a": "s\trule_name\tparams\n10.5\ttrain\t{'x': '\"'}\n",
        "b": "s\trule_name\n20.5\ttrain\n",
        "cut": "s\trule_name\n",
        "odd": "s\trule_name\nNA\ttrain\n",
        "plain": "s\th:m:s\n1.0\t0:00:01\n",
    }.items():
        (folder / f"{name}.tsv").write_text(text)
    assert former_seconds(str(folder / "new.tsv")) == {"train": 15.5}
    assert former_seconds("elsewhere/new.tsv") == {}


def test_lengths_of_time_as_a_person_says_them():
    assert [span(seconds) for seconds in (0.4, 59, 61, 5399, 9000, 260_000)] == [
        "0 s",
        "59 s",
        "1 min",
        "90 min",
        "2.5 h",
        "3.0 days",
    ]


WORKFLOW = """
rule all:
    input: "good.html", "bad.txt"
    message: "Everything is up to date"
rule good:
    output: "good.html"
    benchmark: "benchmarks/good.tsv"
    message: "Make a good page"
    shell: "touch {output}"
rule bad:
    output: "bad.txt"
    log: "logs/bad.log"
    message: "Make a bad file"
    shell: "test -e repaired || (echo 'ValueError: broken' > {log}; exit 3); touch {output}"
"""


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """run(*arguments) -> what Snakemake did in a folder with a small workflow, whose profile switches the logger on."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "Snakefile").write_text(WORKFLOW)
    (folder / "profiles" / "default").mkdir(parents=True)
    profile = (ROOT / "profiles" / "default" / "profile.yaml").read_text()
    (folder / "profiles" / "default" / "profile.yaml").write_text(profile)

    def run(*arguments):
        command = [Path(sys.executable).with_name("snakemake"), "--cores", "1", *arguments]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        done.lines = [
            line for line in done.stderr.splitlines() if not line.startswith("Using workflow specific profile")
        ]
        return done

    run.folder = folder
    return run


def test_a_workflow_from_its_first_failure_to_nothing_to_do(toy):
    failed = toy()
    assert failed.returncode == 1 and failed.stdout == ""
    text = "\n".join(failed.lines)
    assert failed.lines[0] == "  0:00  3 jobs to do" and "Make a good page (" in text and "): good.html" in text
    assert (
        "FAILED: Make a bad file (rule bad)\n    log: logs/bad.log\n    | ValueError: broken\n    command: test -e"
        in text
    )
    assert failed.lines[-2].startswith("1 of 3 jobs done in ") and failed.lines[-2].endswith(", 1 failed, 1 not run:")
    assert failed.lines[-1] == "    Make a bad file: logs/bad.log" and "\x1b" not in text
    assert "rule_name" in (toy.folder / "benchmarks" / "good.tsv").read_text()

    (toy.folder / "repaired").touch()
    dry = toy("--dry-run", "--quiet", "host")
    assert (
        dry.returncode == 0
        and "Make a bad file" in dry.stdout
        and "Reason: Missing output files: bad.txt" in dry.stdout
    )
    listed = toy("--list")
    assert listed.stdout.split() == ["all", "bad", "good"] and not listed.lines
    summary = toy("--summary")
    assert summary.returncode == 0 and summary.stdout.startswith("output_file") and not summary.lines
    mended = toy("--printshellcmds")
    assert (
        mended.returncode == 0 and "test -e repaired" in mended.stderr and "2 of 2 steps (100%) done" in mended.stderr
    )
    again = toy()
    assert again.lines == ["Nothing to be done (all requested files are present and up to date)."]


def test_snakemake_starts_without_the_package_resmooth():
    """Every start of Snakemake imports each logger that there is."""
    code = "import sys, snakemake_logger_plugin_resmooth; sys.exit(bool({'resmooth', 'numpy', 'snakemake'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
