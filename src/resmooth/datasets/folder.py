"""A split whose images or clips stay files: they are decoded when they are needed, in this process or ahead by others."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from resmooth.datasets.source import BaseSplit

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class FolderSplit(BaseSplit, ABC):
    """One split whose images or clips are files: paths below `root` as bytes [N], sizes in bytes int64 [N]."""

    root: Path
    paths: np.ndarray
    sizes: np.ndarray

    def path(self, number: int) -> Path:
        """Where file `number` is."""
        return self.root / os.fsdecode(self.paths[number])

    def content(self, number: int) -> bytes:
        """The bytes of file `number`. FileNotFoundError or ValueError names a file that is not what was prepared."""
        path = self.path(number)
        try:
            content = path.read_bytes()
        except OSError as error:
            check_root(self.root)
            raise FileNotFoundError(f"{path}: cannot be read ({error.strerror}); restore the file") from None
        if len(content) != self.sizes[number]:
            raise ValueError(
                f"{path}: has {len(content)} bytes, but had {self.sizes[number]} when the data were prepared; "
                "restore the file, or delete the prepared folder and prepare the data again"
            )
        return content

    @abstractmethod
    def tensor(self, numbers: slice | Sequence[int] | np.ndarray = slice(None)) -> torch.Tensor:
        """The images or clips of these `numbers` for evaluation, float32 [N, *description.shape] in [0, 1]."""

    @abstractmethod
    def stream(
        self, batches: Sequence[np.ndarray | torch.Tensor], seed: int, epoch: int, workers: int, chunk: int = 0
    ) -> Iterator[torch.Tensor]:
        """Yield a random part of each image or clip of each batch for training, uint8, in the given order.

        batches   list of int64 arrays or tensors of numbers
        workers   processes that decode ahead (0: this process)
        chunk     frames of a clip's part; 0 for images

        The part is what (seed, epoch, its number) say, whatever the batch and the worker. No generator of the caller is touched.
        """


def check_root(root: Path) -> None:
    """FileNotFoundError if the folder that was prepared is not where it was."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root}: no such folder, but the data were prepared from it; put it back (a link will do), "
            "or delete the prepared folder and prepare the data again"
        )


def undecodable(path: Path, reason: object) -> ValueError:
    """The error that a file which a decoder stumbles over is reported with."""
    return ValueError(
        f"{path}: cannot be decoded ({reason}), truncated or altered; copy the file again, then delete the "
        "prepared folder and prepare the data again"
    )


def seed_of(seed: int, epoch: int, number: int) -> int:
    """32 random bits, with which to seed what is drawn for image or clip `number` in an epoch, and for no other."""
    return int(np.random.SeedSequence(seed, spawn_key=(epoch, number)).generate_state(1)[0])


def ahead(
    one: Callable[[int], torch.Tensor], batches: Sequence[np.ndarray | torch.Tensor], workers: int
) -> Iterator[torch.Tensor]:
    """Yield what `one(number)` makes of each batch's numbers, stacked, in the given order.

    batches   list of int64 arrays or tensors of numbers
    workers   processes that work ahead (0: this process)

    No generator of the caller is touched. An error of `one` (OSError, ValueError) is raised here as it is.
    """
    import torch
    from torch.utils.data import DataLoader, Dataset

    loader = DataLoader(
        cast("Dataset[torch.Tensor]", _Stacked(one)),  # it need not be a subclass
        batch_sampler=[batch.tolist() for batch in batches],
        num_workers=min(workers, len(batches)),
        collate_fn=_as_it_is,
        pin_memory=torch.cuda.is_available(),  # so that copies to the GPU overlap with its work
        generator=torch.Generator(),  # else the workers' seeds come from the caller's
    )
    for batch in loader:
        if isinstance(batch, Exception):
            raise batch
        yield batch


@dataclass(frozen=True)
class _Stacked:
    """What `one` makes of numbers, for a DataLoader that fetches batch by batch."""

    one: Callable[[int], torch.Tensor]

    def __getitems__(self, numbers: list[int]) -> torch.Tensor | Exception:
        """A batch, or the error that one of its numbers caused: raised in a worker it would become many lines."""
        import torch

        try:
            return torch.stack([self.one(number) for number in numbers])
        except (OSError, ValueError) as error:
            return error


def _as_it_is(batch):
    return batch
