"""Random streams: which noise an image sees.

An image's noise depends on the seed and the image's index alone: each (seed, index, purpose) has its own random stream, drawn
in blocks of fixed size. Batch sizes, shards, neighbours and order therefore never change the noise, a longer run extends a
shorter one, and selection, estimation and prediction use independent samples.
"""

import operator

import numpy as np

SELECTION, ESTIMATION, PREDICTION, ANALYSIS = range(4)  # the independent streams of one image
BLOCK = 128  # noisy copies to a draw; part of what a seed means, so changing it changes every count


class Stream:
    """The noisy copies of one image [C, H, W] (float32, on the device that is to draw) for one purpose, in their fixed order."""

    def __init__(self, noise, image, seed, index, purpose):
        self.noise, self.image, self.index = noise, image, index
        self.generator = generator(seed, index, purpose, image.device)
        self.rest = image.new_empty((0, *image.shape))

    def take(self, out):
        """Write the next len(out) noisy copies to `out` [B, C, H, W], converting to its dtype and memory layout."""
        filled = 0
        while filled < len(out):
            if not len(self.rest):
                self.rest = self._draw()
            piece = self.rest[: len(out) - filled]
            out[filled : filled + len(piece)] = piece
            filled, self.rest = filled + len(piece), self.rest[len(piece) :]

    def _draw(self):
        """The next copies."""
        return self.noise.noisy(self.image, BLOCK, self.generator)


class Passes(Stream):
    """All copies of one image [C, H, W] that a noise without chance makes, in their order; they begin again after the last."""

    def __init__(self, noise, image, index):
        self.noise, self.image, self.index, self.next = noise, image, index, 0
        self.rest = image.new_empty((0, *image.shape))

    def _draw(self):
        start, count = self.next, min(BLOCK, self.noise.passes - self.next)
        self.next = (start + count) % self.noise.passes
        return self.noise.copies(self.image, start, count)


def generator(seed, index, purpose, device):
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


def uniform(seed, index):
    """The one number in (0, 1) that an image's randomised confidence bound uses; independent of its noise."""
    check_seed(seed)
    return np.random.default_rng([index, seed]).uniform(2**-53, 1)


def whole(number, name="the number of samples"):
    """`number` as an int; ValueError unless it is a whole number of at least 1."""
    if not hasattr(number, "__index__") or number < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
    return operator.index(number)


def check_seed(seed):
    """ValueError unless `seed` is a whole number of at least 0."""
    if not hasattr(seed, "__index__") or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
