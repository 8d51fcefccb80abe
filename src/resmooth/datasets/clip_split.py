"""A data set of clips that stay video files, whose decoded frames are kept beside the prepared data."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from resmooth import storage
from resmooth.datasets.clips import frames_of, read_clip
from resmooth.datasets.folder import FolderSplit, ahead, seed_of

if TYPE_CHECKING:
    import torch

SWITCH = "RESMOOTH_FRAME_CACHE"  # environment variable: 0 keeps no decoded frames


@dataclass(frozen=True, kw_only=True)
class ClipSplit(FolderSplit):
    """One split whose clips are video files.

    cache   folder of the decoded frames, <number>.npy; None: they are not kept. It belongs to this list of files and no other
    short   what becomes of clips with fewer frames than the description has: "loop" or "refuse", see `frames_of`
    """

    cache: Path | None = None
    short: str = "loop"

    def clip(self, number: int) -> np.ndarray:
        """All frames of clip `number`, uint8 [F, side, side, 3]; decoded at the first time, then a read-only memory map.

        FileNotFoundError or ValueError names a file that is not what was prepared. OSError if the frames cannot be kept.
        """
        path = self.cache / f"{number}.npy" if self.cache and os.environ.get(SWITCH) != "0" else None
        side = self.description.image_size
        kept = kept_frames(path, side) if path else None
        if kept is not None:
            return kept
        frames = read_clip(self.path(number), side, self.content(number))
        if path:
            keep_frames(path, frames)
        return frames

    def tensor(self, numbers: slice | Sequence[int] | np.ndarray = slice(None)) -> torch.Tensor:
        """The clips of these `numbers` for evaluation, float32 [N, frames, 3, side, side] in [0, 1], by `frames_of`.

        A clip of 160 frames of 112x112 is 24 MB: ask for a few at a time.
        """
        import torch

        numbers = np.arange(len(self))[numbers]
        clips = torch.empty(len(numbers), *self.description.shape)
        for position, number in enumerate(numbers):
            clips[position] = self._frames_of(self.clip(number), self.description.frames, number)
        return clips.div_(255)

    def stream(
        self, batches: Sequence[np.ndarray | torch.Tensor], seed: int, epoch: int, workers: int, chunk: int = 0
    ) -> Iterator[torch.Tensor]:
        """Yield chunks of the clips of each batch, uint8 [B, chunk, 3, side, side], as FolderSplit.stream says.

        A chunk is so many consecutive frames (at least one) at a random place of the whole clip, or of the looped clip where that
        is shorter, or refused by `short`. Nothing is mirrored.
        """
        if chunk < 1:
            raise ValueError(
                f"a chunk of {chunk} frames; networks for clips are trained on chunks of at least one frame"
            )
        return ahead(functools.partial(self._chunk, seed, epoch, chunk), batches, workers)

    def _chunk(self, seed, epoch, chunk, number):
        """The random chunk of clip `number` in an epoch, uint8 [chunk, 3, side, side]."""
        clip = self.clip(number)
        places = max(1, len(clip) - chunk + 1)
        start = np.random.default_rng(seed_of(seed, epoch, number)).integers(places)
        return self._frames_of(clip[start : start + chunk], chunk, number)

    def _frames_of(self, clip, frames, number):
        """So many frames of `clip`, which is clip `number` or a part of it, as a tensor of its own, uint8 [F, 3, S, S]."""
        import torch

        chosen = frames_of(clip, frames, self.short, self.path(number))
        return torch.from_numpy(np.array(chosen)).permute(0, 3, 1, 2)


def kept_frames(path: Path, side: int) -> np.ndarray | None:
    """The frames uint8 [F, side, side, 3] kept in `path` as a memory map; None if there are none, or if the file is damaged.

    Damage shows in its header and its size in bytes; an altered pixel does not.
    """
    try:
        frames = np.load(path, mmap_mode="r")
        whole = frames.offset + frames.nbytes == path.stat().st_size
    except (OSError, ValueError, EOFError, AttributeError):
        return None
    expected = frames.dtype == np.uint8 and frames.ndim == 4 and frames.shape[1:] == (side, side, 3)
    return frames if whole and expected and len(frames) else None


def keep_frames(path: Path, frames: np.ndarray) -> None:
    """Write decoded frames to `path`, whole or not at all, one process at a time. OSError, one line, if there is no room."""
    from filelock import FileLock

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / "lock"), storage.atomic(path) as temporary, open(temporary, "wb") as file:
            np.save(file, frames)
    except OSError as error:
        raise OSError(
            f"{path.parent}: decoded frames cannot be kept ({error.strerror or error}); free space there, "
            f"or set {SWITCH}=0 to decode clips each time"
        ) from None
