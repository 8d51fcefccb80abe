"""Choose the device: a free GPU for this process alone if there is one, else the CPU.

Snakemake counts GPUs but does not assign them. Here each job on a machine reserves one GPU by locking a file; the lock ends with
the process, so a killed job frees its GPU at once. On a cluster the scheduler has already assigned the GPUs.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import time
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
        name = f"cuda:{claim_slot(torch.cuda.device_count())}"
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


def claim_slot(count: int, folder: str | Path | None = None, poll: float = 1.0) -> int:
    """Number (0..count-1) of a GPU that no other process holds; waits, saying so once, while all are taken.

    `folder` holds the lock files (default: one for each user below the temporary folder). Inside a Slurm job slot 0 is
    returned: Slurm shows a job only the GPUs that it was given.
    """
    if count < 1:
        raise ValueError("device 'cuda' is not available here; use auto, cpu or cuda:N")
    if "SLURM_JOB_ID" in os.environ:
        return 0
    folder = Path(folder or Path(tempfile.gettempdir()) / f"resmooth-gpu-{os.getuid()}")
    folder.mkdir(parents=True, exist_ok=True)
    physical = [entry.strip() for entry in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if entry.strip()]
    names = physical if len(physical) == count else [str(number) for number in range(count)]
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
            print(f"waiting for one of {count} GPUs", file=sys.stderr, flush=True)
            waiting = True
        time.sleep(poll)
