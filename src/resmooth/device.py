"""Choose the device: a free GPU for this process alone if there is one, else the CPU.

Snakemake counts GPUs but does not assign them. Here each job on a machine reserves one GPU by locking a file; the lock ends with
the process, so a killed job frees its GPU at once. Jobs inside a Slurm allocation share its GPUs in the same way.
"""

from __future__ import annotations

import fcntl
import functools
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import torch

_held: list[
    TextIO
] = []  # open lock files: closing one would free its GPU, but not in a forked process, where it stays its parent's
os.register_at_fork(after_in_child=lambda: [lock.close() for lock in _held])


def choose(name: str = "auto", threads: int | None = None, gpu_memory: float = 0) -> torch.device:
    """Return the torch.device `name` ("auto", "cpu", "cuda", "cuda:1", ...) and set the number of CPU threads.

    "auto" and "cuda" wait for a free GPU, one job to each; "auto" is the CPU where there is none. `gpu_memory`: GiB that this
    process may use of a GPU (0: all). ValueError if `name` is not a device of this machine.
    """
    import torch

    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    if threads:
        torch.set_num_threads(threads)
    if name == "auto" and not torch.cuda.is_available():
        name = "cpu"
    if name in ("auto", "cuda"):
        name = f"cuda:{own_gpu()}"
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda"):
            raise RuntimeError
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):
        raise ValueError(f"device {name!r} is not available here; use auto, cpu or cuda:N") from None
    if not gpu_memory >= 0:
        raise ValueError(f"gpu_memory must be at least 0, got {gpu_memory}")
    if device.type == "cuda":
        torch.cuda.set_device(device)
        if gpu_memory:
            whole = torch.cuda.get_device_properties(device).total_memory / 2**30
            torch.cuda.set_per_process_memory_fraction(min(1.0, gpu_memory / whole), device)
    return device


@functools.cache
def own_gpu() -> int:
    """Number of the GPU that this process holds: one, however many commands it runs. Waits for a free one at the first call."""
    return claim_slot(gpu_names())


def gpu_names() -> list[str]:
    """The UUID of each visible GPU, in CUDA's order: its name in every process, however it is numbered there."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if visible.startswith("MIG-"):  # CUDA shows a process one slice of a GPU, and may give the UUID of the whole one
        return [visible.split(",")[0]]
    return [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]


def claim_slot(names: Sequence[str], folder: str | Path | None = None, poll: float = 1.0) -> int:
    """Position of a GPU of `names` that no other process holds; waits, saying so once, while all are taken.

    `folder` holds the lock files (default: one for each user below the temporary folder). A lock is named by the GPU's UUID, not
    by its number: each step of a Slurm job may see its own GPU as number 0, and steps with different GPUs never wait for each
    other. Every Slurm job has a folder of its own, for what other jobs may use is up to Slurm.
    """
    if not names:
        raise ValueError("device 'cuda' is not available here; use auto, cpu or cuda:N")
    folder = Path(folder or Path(tempfile.gettempdir()) / f"resmooth-gpu-{os.getuid()}")
    if "SLURM_JOB_ID" in os.environ:
        folder /= f"slurm-{os.environ['SLURM_JOB_ID']}"
    folder.mkdir(parents=True, exist_ok=True)
    waiting = False
    while True:
        for number, name in enumerate(names):
            lock = open(folder / name.replace("/", "_"), "w")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.close()
                continue
            _held.append(lock)
            return number
        if not waiting:
            print(f"waiting for one of {len(names)} GPUs", file=sys.stderr, flush=True)
            waiting = True
        time.sleep(poll)
