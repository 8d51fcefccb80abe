import subprocess
import sys
import time

import pytest
import torch

from resmooth import device

HOLD = """
import sys, time
from resmooth.device import claim_slot
print(claim_slot(2, sys.argv[1], poll=0.05), flush=True)
time.sleep(60)
"""


def start(folder):
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_each_process_gets_its_own_slot_and_a_kill_frees_it(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    holders = [start(tmp_path), start(tmp_path)]
    slots = [int(process.stdout.readline()) for process in holders]
    assert sorted(slots) == [0, 1]
    third = start(tmp_path)
    assert "waiting for one of 2 GPUs" in third.stderr.readline()
    time.sleep(0.3)
    assert third.poll() is None
    holders[0].kill()
    assert int(third.stdout.readline()) == slots[0]
    for process in (*holders, third):
        process.kill()
        process.wait()


def test_slurm_has_assigned_the_gpus_already(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    assert device.claim_slot(4, tmp_path) == 0 and not list(tmp_path.iterdir())


def test_choosing_a_device():
    assert device.choose("cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        assert device.choose("auto") == torch.device("cpu")
        for name in ("cuda", "cuda:0", "abacus"):
            with pytest.raises(ValueError, match="not available"):
                device.choose(name)


def test_gpu_memory_is_checked():
    assert device.choose("cpu", gpu_memory=2).type == "cpu"
    with pytest.raises(ValueError, match="gpu_memory must be at least 0, got -1"):
        device.choose("cpu", gpu_memory=-1)
