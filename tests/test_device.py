import os
import subprocess
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import torch

from resmooth import device

HOLD = """
import sys
from resmooth.device import claim_slot
print(claim_slot(sys.argv[2:], sys.argv[1], poll=0.05), flush=True)
sys.stdin.read()
"""
OUTSIDE = {key: value for key, value in os.environ.items() if not key.startswith("SLURM_")}


@contextmanager
def holders(folder):
    """start(*names, job=None): a process that claims one of the GPUs `names`, in Slurm job `job`, and holds it to the end."""
    started = []

    def start(*names, job=None):
        env = OUTSIDE | ({} if job is None else {"SLURM_JOB_ID": job, "SLURM_STEP_ID": str(len(started))})
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen([sys.executable, "-c", HOLD, folder, *names], env=env, **pipes))
        return started[-1]

    try:
        yield start
    finally:
        for process in started:
            process.kill()
            process.communicate()


def slot(process):
    return int(process.stdout.readline())


def assert_waits(process, number):
    assert f"waiting for one of {number} GPUs" in process.stderr.readline()
    time.sleep(0.3)
    assert process.poll() is None


@pytest.mark.parametrize("job", [None, "7"])
def test_each_process_gets_its_own_slot_and_a_kill_frees_it(tmp_path, job):
    with holders(tmp_path) as start:
        first, second = start("a", "b", job=job), start("a", "b", job=job)
        slots = [slot(first), slot(second)]
        assert sorted(slots) == [0, 1]
        third = start("a", "b", job=job)
        assert_waits(third, 2)
        first.kill()
        assert slot(third) == slots[0]


def test_steps_that_number_their_own_gpu_0_do_not_wait_for_each_other(tmp_path):
    """srun --gpus-per-task=1: each step sees one GPU, another one; its number says nothing, its UUID all."""
    with holders(tmp_path) as start:
        assert [slot(start(name, job="7")) for name in "abc"] == [0, 0, 0]
        assert slot(start("c", "d", job="7")) == 1
        assert_waits(start("d", "a", job="7"), 2)


def test_jobs_of_one_allocation_get_a_gpu_each(tmp_path):
    with holders(tmp_path) as start:
        assert sorted(slot(start("a", "b", "c", "d", job="7")) for _ in range(4)) == [0, 1, 2, 3]


def test_what_another_allocation_uses_is_up_to_slurm(tmp_path):
    """Two allocations share a GPU only where the cluster is set up so (shards, MPS): then neither may wait."""
    with holders(tmp_path) as start:
        assert slot(start("a", job="7")) == slot(start("a", job="8")) == slot(start("a")) == 0


def test_a_forked_process_does_not_keep_the_gpu(tmp_path, monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setattr(device, "_held", [])
    assert device.claim_slot(["a"], tmp_path) == 0
    released = os.pipe()
    child = os.fork()
    if not child:  # a loader's worker, say, that outlives its parent
        os.read(released[0], 1)
        os._exit(0)
    device._held.pop().close()
    assert device.claim_slot(["a"], tmp_path) == 0
    device._held.pop().close()
    os.write(released[1], b"x")
    os.waitpid(child, 0)
    for end in released:
        os.close(end)


def test_gpus_are_named_by_their_uuid(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=f"uuid-{number}"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,3")
    assert device.gpu_names() == ["uuid-0", "uuid-1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-1,MIG-2")
    assert device.gpu_names() == ["MIG-1"]


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


def test_a_process_that_runs_several_commands_holds_one_gpu(monkeypatch):
    claimed = []
    monkeypatch.setattr(device, "gpu_names", lambda: ["a", "b"])
    monkeypatch.setattr(device, "claim_slot", lambda names: claimed.append(names) or 1)
    device.own_gpu.cache_clear()
    assert [device.own_gpu(), device.own_gpu()] == [1, 1] and len(claimed) == 1
    device.own_gpu.cache_clear()
