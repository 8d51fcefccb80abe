"""Several commands in one process: what fails, what is kept, and that nothing finished is computed twice."""

import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
from helpers import ROOT

from resmooth import storage

RECIPE = "{epochs: 3, batch_size: 256, learning_rate: 0.05}"


def train_line(digits_folder, folder, sigma, *more, recipe=RECIPE):
    out, state = folder / f"sigma={sigma}.safetensors", folder / f"state/sigma={sigma}"
    words = ("train", digits_folder / "train.npz", "--arch", "resnet8", "--sigma", sigma, "--recipe", recipe)
    return shlex.join(map(str, (*words, "--threads", 1, "--state", state, "--out", out, *more)))


def history(path):
    """How training went, with its times: two trainings never agree in these."""
    return storage.read_manifest(path)["history"]


@pytest.fixture
def lines(digits_folder, tmp_path):
    return [train_line(digits_folder, tmp_path, sigma) for sigma in (0.1, 0.2)]


def test_commands_together_make_what_they_make_alone(resmooth, lines, tmp_path):
    done = resmooth("together", *lines)
    assert done.returncode == 0 and not (tmp_path / "state" / "sigma=0.1").exists(), done.stderr
    together = {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors")}
    assert len(together) == 2
    for path in tmp_path.glob("sigma=*"):
        path.unlink()
    for line in lines:
        assert resmooth(*shlex.split(line)).returncode == 0
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.safetensors")} == together


def test_a_failure_stops_no_other_command_and_loses_nothing(resmooth, lines, digits_folder, tmp_path):
    broken = train_line(digits_folder, tmp_path, 0.3, recipe="{epochs: 3, learning_rate: 1.0e+9}")
    done = resmooth("together", broken, *lines)
    messages = done.stderr.splitlines()
    assert done.returncode == 1 and "diverged in epoch 1" in messages[0]
    assert messages[-1].startswith("resmooth: 1 of 3 commands failed")
    before = {sigma: history(tmp_path / f"sigma={sigma}.safetensors") for sigma in (0.1, 0.2)}
    for path in tmp_path.glob("sigma=*"):  # as Snakemake deletes what a failed job made
        path.unlink()
    done = resmooth("together", *lines)
    assert done.returncode == 0, done.stderr
    assert {sigma: history(tmp_path / f"sigma={sigma}.safetensors") for sigma in (0.1, 0.2)} == before
    assert not [path for path in (tmp_path / "state").rglob("*") if path.is_file()]


def test_kill_9_loses_an_epoch_at_most(resmooth, lines, tmp_path):
    command = [sys.executable, "-m", "resmooth.cli", "together", *lines]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    second = tmp_path / "state" / "sigma=0.2" / storage.TRAINING
    while not second.exists():
        assert process.poll() is None, "finished before it could be killed"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    first = tmp_path / "sigma=0.1.safetensors"
    before = history(first)
    done = resmooth("together", *lines)
    assert done.returncode == 0 and f"{first} is finished" in done.stderr, done.stderr
    assert history(first) == before and len(history(tmp_path / "sigma=0.2.safetensors")) == 3


def test_a_checkpoint_of_other_settings_is_replaced_where_this_is_asked_for(resmooth, digits_folder, lines, tmp_path):
    assert resmooth("together", *lines).returncode == 0
    kept, other = (
        tmp_path / "sigma=0.1.safetensors",
        train_line(digits_folder, tmp_path, 0.2, recipe="{epochs: 1, batch_size: 256}"),
    )
    before = history(kept)
    refused = resmooth(*shlex.split(other))
    assert refused.returncode == 1 and "other settings; --replace" in refused.stderr
    done = resmooth("together", f"{lines[0]} --replace", f"{other} --replace")
    assert done.returncode == 0 and history(kept) == before, done.stderr
    assert len(history(tmp_path / "sigma=0.2.safetensors")) == 1
    kept.write_bytes(b"cut short")
    done = resmooth("together", f"{lines[0]} --replace")
    assert done.returncode == 0 and len(history(kept)) == 3 and history(kept) != before


def test_finished_counts_are_kept(resmooth, digits_folder, checkpoints, tmp_path):
    out = tmp_path / "counts.parquet"
    words = ("sample", digits_folder / "test.npz", 0, 4, "--members", checkpoints[0], "--sigma", 0.25, "--n", 50)
    assert resmooth(*words, "--threads", 1, "--out", out).returncode == 0
    before, seconds = out.read_bytes(), out.stat().st_mtime_ns
    done = resmooth(*words, "--threads", 1, "--out", out)
    assert done.returncode == 0 and "is finished; --force samples it again" in done.stderr
    assert out.read_bytes() == before and out.stat().st_mtime_ns > seconds
    assert resmooth(*words, "--seed", 1, "--threads", 1, "--out", out).returncode == 0 and out.read_bytes() != before


def test_a_wrong_command_line_is_named(resmooth):
    done = resmooth("together", "certify nowhere.parquet --out x", "paint")
    assert done.returncode == 1 and "No such command 'paint'" in done.stderr and "2 of 2 commands failed" in done.stderr
