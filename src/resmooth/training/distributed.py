"""Training in several processes started by `torchrun`, one for each GPU: each takes an equal part of every batch.

PyTorch's DistributedDataParallel averages the gradients. As in the authors' scripts, batch norm uses the images of its own GPU
only; the running statistics are averaged after every epoch. Without `torchrun` there is one process and nothing to do here.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed, nn

Result = TypeVar("Result")


def launched() -> bool:
    """Whether `torchrun` started this process beside others."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def own_device(name: str) -> str:
    """The device `name`; under `torchrun`, for "auto" or "cuda", the GPU with this process's local number if there are GPUs."""
    if launched() and name in ("auto", "cuda"):
        return f"cuda:{os.environ['LOCAL_RANK']}" if torch.cuda.is_available() else "cpu"
    return name


@contextmanager
def group(device: torch.device) -> Iterator[None]:
    """Join the other processes for the length of a block (gloo on the CPU, NCCL on GPUs)."""
    if launched():
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    finally:
        if distributed.is_initialized():
            distributed.destroy_process_group()


def rank() -> int:
    """Number of this process; 0 is the one that reports and writes files."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def processes() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def local_processes() -> int:
    """How many of them run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def parallel(model: nn.Module) -> nn.Module:
    """`model` with gradients that are averaged over the processes in every backward pass."""
    if processes() == 1:
        return model
    # Statistics are not broadcast at every forward pass, of which attacks take many: they would change under the gradient.
    return torch.nn.parallel.DistributedDataParallel(model, broadcast_buffers=False)


def average(tensors: Iterable[Tensor]) -> None:
    """Replace each floating-point tensor by its mean over the processes, in place."""
    if processes() > 1:
        for tensor in tensors:
            if tensor.is_floating_point():
                distributed.all_reduce(tensor)
                tensor.div_(processes())


def first(function: Callable[[], Result]) -> Result:
    """Call `function` in process 0 alone; all processes get its result. If it raises, the others end without a word."""
    if processes() == 1:
        return function()
    shared: list[Any] = [None, True]
    try:
        if rank() == 0:
            shared = [function(), False]
    finally:
        distributed.broadcast_object_list(shared, src=0)
    if shared[1]:
        raise SystemExit(1)
    return shared[0]
