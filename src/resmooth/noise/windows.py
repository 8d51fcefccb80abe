r"""The lift of videos: overlapping sub-videos of a clip, each with noise of its own (Smooth-Reduce, arXiv 2205.06154)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Windows:
    r"""The sub-videos of a clip [F, C, H, W] at `windows` (first frame, frames), one after the other along the frames.

    A window that reaches beyond the last frame begins again at the first, as often as it takes. Each sub-video that holds a frame
    moves by as much as the frame does, so :math:`\|M \delta\|^2 = \sum_f c_f \|\delta_f\|^2` with c_f, how often the windows
    hold frame f, and :math:`L = \|M\| = \sqrt{\max_f c_f}`, exactly.
    """

    windows: tuple[tuple[int, int], ...]

    @property
    def label(self) -> str:
        """Its name in files: "sub-videos of 64 frames at 0,16,32"."""
        lengths = dict.fromkeys(length for _, length in self.windows)
        starts = {length: [str(start) for start, own in self.windows if own == length] for length in lengths}
        return "sub-videos " + " and ".join(f"of {length} frames at {','.join(at)}" for length, at in starts.items())

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """The sub-videos of a clip [..., F, C, H, W]: [..., sum of all lengths, C, H, W]."""
        import torch

        frames = torch.tensor(list(self._frames(image.shape[-4])), device=image.device)
        return image.index_select(-4, frames)

    def shape(self, image: Sequence[int]) -> tuple[int, ...]:
        """The shape of what `apply` makes of a clip of shape `image` [F, C, H, W]."""
        return sum(length for _, length in self.windows), *image[1:]

    def norm(self, image: Sequence[int]) -> float:
        """L = ||M|| for clips of shape `image` [F, C, H, W]. ValueError if there is no window."""
        held = [0] * image[0]
        for frame in self._frames(image[0]):
            held[frame] += 1
        if not self.windows:
            raise ValueError("no sub-video: give at least one window (first frame, frames)")
        return math.sqrt(max(held))

    def _frames(self, number: int) -> Iterator[int]:
        """The frame of a clip of so many that each frame of the stack shows."""
        for start, length in self.windows:
            yield from ((start + step) % number for step in range(length))
