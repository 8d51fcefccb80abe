"""Random streams: they determine the noise of each image.

An image's noise depends on the seed and the image's index alone: each (seed, index, purpose) has its own random stream, drawn
in blocks of fixed size. Batch sizes, shards, neighbours and order therefore never change the noise, a longer run extends a
shorter one, and selection, estimation and prediction use independent samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from resmooth.noise.base import whole as whole

if TYPE_CHECKING:
    import torch

    from resmooth.noise.base import Noise

SELECTION, ESTIMATION, PREDICTION, ANALYSIS = range(4)  # the independent streams of one image
BLOCK = 128  # noisy copies to a draw; part of what a seed means, so changing it changes every count
GPU_BLOCK = 2**22  # numbers to a draw on a GPU, for which 128 small images are too little work
LARGEST = BLOCK * 3 * 224**2  # numbers to a draw at most, those of 128 images of ImageNet: a clip has millions


class Stream:
    """The noisy copies of one (lifted) image (float32, on the device that is to draw) for one purpose, in their fixed order.

    Copies of deterministic noise (dssn) are the same for each seed and purpose, and begin again after the last.
    """

    def __init__(self, noise: Noise, image: torch.Tensor, seed: int, index: int, purpose: int) -> None:
        self.noise, self.image, self.index, self.drawn = noise, image, index, 0
        self.generator, self.block = generator(seed, index, purpose, image.device), block(noise.dim, image.device)
        self.rest = self._none = image.new_empty((0, *image.shape))

    def take(self, out: torch.Tensor) -> None:
        """Write the next len(out) noisy copies to `out` [B, C, H, W], converting to its dtype and memory layout."""
        filled = 0
        while filled < len(out):
            if not len(self.rest):
                self.rest = self.noise.next_copies(self.image, self.drawn, self.block, self.generator)
                self.drawn += len(self.rest)
            piece = self.rest[: len(out) - filled]
            out[filled : filled + len(piece)] = piece
            filled += len(piece)
            self.rest = self.rest[len(piece) :] if len(piece) < len(self.rest) else self._none
            del piece  # a view, which would keep the memory of all copies while the next are drawn


def block(dim: int, device: torch.device) -> int:
    """How many noisy copies of an image of `dim` numbers are drawn at once on a device."""
    wanted = BLOCK if device.type == "cpu" else max(BLOCK, GPU_BLOCK // dim)
    return max(1, min(wanted, LARGEST // dim))


def generator(seed: int, index: int, purpose: int, device: str | torch.device) -> torch.Generator:
    """The torch.Generator of one image and purpose.

    PyTorch's CPU generator keeps 32 bits of a seed, so hashing could give two images the same noise. A keyed permutation of
    the 32-bit numbers cannot: every (index, purpose) of one seed has its own stream (another seed may give it to another image).
    A GPU draws other numbers than the CPU. ValueError for index >= 2^30.
    """
    import torch

    if not 0 <= index < 2**30:
        raise ValueError(f"image index must lie in [0, 2^30), got {index}")
    check_seed(seed)
    number = 4 * index + purpose
    for key in np.random.SeedSequence(seed).generate_state(4).tolist():
        number = ((number ^ key) * 0x9E3779B1) % 2**32  # an odd factor is invertible modulo 2^32
        number ^= number >> 16
    return torch.Generator(device).manual_seed(number)


def uniform(seed: int, index: int) -> float:
    """The uniform number in (0, 1) for the randomised confidence bound of an image; independent of its noise."""
    check_seed(seed)
    return np.random.default_rng([index, seed]).uniform(2**-53, 1)


def check_seed(seed: int) -> None:
    """ValueError unless `seed` is a whole number of at least 0."""
    if not hasattr(seed, "__index__") or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
