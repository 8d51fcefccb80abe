"""The GPU check runs on the CPU, in tiny sizes; it sees what is broken, stores what is finished, and goes on where it stopped."""

import json
import subprocess
import sys

import pytest
import torch
from helpers import ROOT, benchmark

from resmooth.classifiers import inference

CPU = torch.device("cpu")
ABSENT = ("filelock", "pooch", "jinja2", "sklearn", "matplotlib", "tqdm", "jsonschema", "art", "snakemake")


@pytest.fixture(scope="module")
def gpu_check():
    with benchmark("gpu_check") as module:
        yield module


@pytest.fixture(autouse=True)
def untraced(monkeypatch):
    """Tracing networks for every batch size would take half of the time, and is tested elsewhere."""
    monkeypatch.setattr(inference, "FUSIBLE", set())


def start(gpu_check, out, *options):
    """(exit status, what is stored, the page) of a start with tiny sizes."""
    status = gpu_check.main(["--device", "cpu", "--quick", "--out", str(out), *map(str, options)])
    return status, json.loads((out / "gpu_check.json").read_text()), (out / "gpu_check.md").read_text()


def test_all_of_it_runs_on_the_cpu(gpu_check, tmp_path, digits_folder, monkeypatch):
    status, stored, page = start(gpu_check, tmp_path, "--result", "--data", digits_folder, "--minutes", 0)
    failed = [row for row in stored["checks"].values() if not row["passed"]]
    assert status == 0 and not failed and set(stored["checks"]) == set(gpu_check.CHECKS)
    assert set(stored["speed"]) == set(gpu_check.speed.measurements(True))
    assert stored["speed"]["certify resnet8"]["over_literal"]["ratio"] > 0
    result = stored["result"]["ensemble"]
    assert result["images"] == 5 and set(result["classifiers"]) >= {"member-1", "soft-5"}
    assert all(row["expected"] in page for row in stored["checks"].values()) and "| soft-5 |" in page
    monkeypatch.setattr(gpu_check, "attempt", None)  # a second start repeats nothing
    monkeypatch.setattr(gpu_check.result, "run", None)
    assert start(gpu_check, tmp_path, "--result", "--data", digits_folder) == (status, stored, page)


def test_every_training_method_and_every_noise_is_checked(gpu_check):
    from resmooth import noise
    from resmooth.training.objectives import OBJECTIVES

    assert set(gpu_check.check_training.METHODS) == set(OBJECTIVES)
    assert {f"noise {name}" for name in noise.NOISES} <= set(gpu_check.CHECKS)


@pytest.fixture
def few(gpu_check, monkeypatch):
    """Three checks and no measurement instead of all; what was called is noted in the list that this returns."""
    called = []

    def noted(name, row):
        return lambda device, size: called.append(name) or row()

    right = gpu_check.common.finding("4", "4", True)
    checks = {"right": lambda: right, "wrong": lambda: right | {"seen": "5", "passed": False}, "broken": lambda: 1 / 0}
    monkeypatch.setattr(gpu_check, "CHECKS", {name: noted(name, row) for name, row in checks.items()})
    monkeypatch.setattr(gpu_check.speed, "measurements", lambda quick: {})
    return called


def test_a_failure_is_one_line_and_the_rest_goes_on(gpu_check, few, tmp_path, capsys, monkeypatch):
    status, stored, page = start(gpu_check, tmp_path)
    assert status == 1 and few == ["right", "wrong", "broken"]
    said = capsys.readouterr().err
    assert "FAIL wrong: expected 4; seen 5" in said and "FAIL broken: expected no error; seen ZeroDivisionError" in said
    assert "2 of 3" not in page and "1 of 3 finished checks passed" in page
    assert start(gpu_check, tmp_path)[0] == 1 and len(few) == 3  # a failure is finished, too
    start(gpu_check, tmp_path, "--again")
    assert len(few) == 6
    monkeypatch.setattr(gpu_check, "code_of", lambda part: "other code")
    start(gpu_check, tmp_path)
    assert len(few) == 9


def test_when_the_time_is_over_the_next_start_goes_on(gpu_check, few, tmp_path, monkeypatch):
    now = iter([0, 1, 61, *[100] * 5])
    monkeypatch.setattr(gpu_check.time, "monotonic", lambda: next(now))
    status, stored, page = start(gpu_check, tmp_path, "--minutes", 1)
    assert status == 1 and few == ["right"] and list(stored["checks"]) == ["right"] and "minutes are over" in page
    start(gpu_check, tmp_path, "--minutes", 1)
    assert few == ["right", "wrong", "broken"]


def test_the_result_says_why_it_was_left_out_and_stops_and_goes_on(
    gpu_check, few, tmp_path, digits_folder, monkeypatch
):
    monkeypatch.delenv("RESMOOTH_MIRROR", raising=False)
    monkeypatch.setattr(gpu_check.result, "ROOT", tmp_path)
    assert "The result was left out: no CIFAR-10" in start(gpu_check, tmp_path / "none", "--result")[2]
    lines = []

    def check_time(line):
        lines.append(line)
        raise gpu_check.result.TimeOver

    arguments = (digits_folder, tmp_path, True, CPU, gpu_check.result.SIZES[True])
    for expected in ("epoch 1/1", "0 of 5"):  # the networks are trained at the second try
        with pytest.raises(gpu_check.result.TimeOver):
            gpu_check.result.run(*arguments, check_time)
        assert expected in lines[-1]
    row = gpu_check.result.run(*arguments, lines.append)
    assert "5 of 5" in lines[-1] and row["stacked"] and len(row["classifiers"]) == 20


def test_the_checks_see_a_device_that_computes_something_else(gpu_check, monkeypatch):
    size = gpu_check.common.SIZES[True]
    noise, votes, engine = gpu_check.check_noise, gpu_check.check_votes, gpu_check.check_engine
    drawn, counted, plain = noise.statistics, votes.votes_of, engine.uncompiled
    monkeypatch.setattr(noise, "statistics", lambda noise, *given: drawn(noise, *given) * (1 + 0.2 * given[1]))
    assert not gpu_check.CHECKS["noise laplace"](CPU, size)["passed"]
    monkeypatch.setattr(
        votes, "votes_of", lambda subject, *given: counted(subject, *given)[..., :: 1 - 2 * subject.seed]
    )
    assert not votes.check_votes(CPU, size)["passed"]
    monkeypatch.setattr(engine, "uncompiled", lambda *given: plain(*given) + torch.arange(10) % 2)
    assert not gpu_check.CHECKS["rewritten network, float32"](CPU, size)["passed"]


def test_nothing_but_the_base_packages_is_imported():
    """A bare GPU machine has neither the workflow's packages nor this one installed."""
    code = f"import sys; sys.modules.update(dict.fromkeys({ABSENT})); sys.path[:0] = ['src', 'benchmarks']; import gpu_check"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
