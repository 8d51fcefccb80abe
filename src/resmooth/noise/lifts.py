r"""Lifts: linear maps M of an image that are applied before noise is added (Smooth-Reduce, arXiv 2205.06154).

A base classifier h that sees :math:`Mx + z` under noise z is certified for the lifted image: its class is the same at all
:math:`u` with :math:`\|u - Mx\|_2 < R`. As :math:`\|M(x + \delta) - Mx\|_2 \le L \|\delta\|_2` with :math:`L = \|M\|`, the
largest singular value, the radius in image space is :math:`R / L`. A published radius R that leaves out L is too large.

    Identity()                     x itself: noise in image space, L = 1
    Resize(36)                     x at another size: bilinear, in floats, without rounding to 8 bits
    Crops(32, offsets, resize=36)  k patches of the (resized) image, stacked along the channels, each with noise of its own
    Redrawn(space, 36, 32, (), 4)  patches at places that each noisy copy draws
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from resmooth.noise.singular import largest_eigenvalue, largest_singular_value, resizing_matrix

if TYPE_CHECKING:
    import torch

    from resmooth.noise.base import Noise

Offsets = Sequence[tuple[int, int]]  # (row, column) of the upper left corner of each patch


class Lift(Protocol):
    """A linear map of images [C, H, W]."""

    @property
    def label(self) -> str:
        """Its name in files."""

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """M x of an `image` [C, H, W], or of each of a batch [B, C, H, W]: floats, of shape `shape`."""

    def shape(self, image: Sequence[int]) -> tuple[int, ...]:
        """The shape [C', H', W'] of a lifted image of shape `image` [C, H, W]."""

    def norm(self, image: Sequence[int]) -> float:
        """L = ||M|| for images of shape `image` [C, H, W], never below the true value."""


@dataclass(frozen=True)
class Identity:
    """The image itself."""

    @property
    def label(self) -> str:
        return "identity"

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        return image

    def shape(self, image: Sequence[int]) -> tuple[int, ...]:
        return tuple(image)

    def norm(self, image: Sequence[int]) -> float:
        return 1.0


@dataclass(frozen=True)
class Resize:
    """The image at `size` x `size` pixels. An image that has this size already is left as it is, bit for bit."""

    size: int

    @property
    def label(self) -> str:
        return f"resize {self.size}"

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        from torch.nn import functional as F

        if tuple(image.shape[-2:]) == (self.size, self.size):
            return image
        batch = image.reshape(-1, *image.shape[-3:])
        resized = F.interpolate(batch, size=(self.size, self.size), mode="bilinear", align_corners=False)
        return resized.reshape(*image.shape[:-2], self.size, self.size)

    def shape(self, image: Sequence[int]) -> tuple[int, ...]:
        return *image[:-2], self.size, self.size

    def norm(self, image: Sequence[int]) -> float:
        return math.prod(largest_singular_value(resizing_matrix(side, self.size)) for side in image[-2:])


@dataclass(frozen=True)
class Crops:
    """The patches of `patch` x `patch` pixels at `offsets` of the image (first resized to `resize`, unless None), stacked."""

    patch: int
    offsets: tuple[tuple[int, int], ...]
    resize: int | None = None

    @property
    def label(self) -> str:
        places = " ".join(f"{row},{column}" for row, column in self.offsets)
        return f"patches {self.patch} of {self.resize or 'image'} at {places}"

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        import torch

        if self.resize:
            image = Resize(self.resize).apply(image)
        return torch.cat([crop(image, self.patch, place) for place in self.offsets], dim=-3)

    def shape(self, image: Sequence[int]) -> tuple[int, ...]:
        return len(self.offsets) * image[0], self.patch, self.patch

    def norm(self, image: Sequence[int]) -> float:
        height, width = (_side(side, self.resize) for side in image[-2:])
        check_offsets(self.offsets, height, width, self.patch)
        coverage = np.zeros((height, width))
        for row, column in self.offsets:
            coverage[row : row + self.patch, column : column + self.patch] += 1
        if height == image[-2] and width == image[-1]:
            return math.sqrt(coverage.max())
        return math.sqrt(
            largest_eigenvalue(coverage, *(resizing_matrix(*each) for each in zip(image[-2:], coverage.shape)))
        )


@dataclass(frozen=True)
class Redrawn:
    r"""Patches at the `fixed` places and at `drawn` more, which every noisy copy draws uniformly, last place included.

    The places are independent of the image and of the noise, which is added in `space`. For each draw P the smoothed classifier
    obeys :math:`\|\nabla g_P\| \le L_P \varphi(\Phi^{-1}(g_P)) / \sigma`; as :math:`\varphi \circ \Phi^{-1}` is concave, their
    mean over P obeys the same with the largest L_P, and CERTIFY's counts are binomial with this mean.
    """

    space: str
    resize: int | None
    patch: int
    fixed: tuple[tuple[int, int], ...]
    drawn: int

    @property
    def label(self) -> str:
        return f"{self.drawn} patches {self.patch} of {self.resize or 'image'} drawn for each copy, noise on the {self.space}"

    def apply(self, image: torch.Tensor) -> torch.Tensor:
        """To what `copies` adds noise: the resized image, or the image itself."""
        return image if self.space == "image" else self._resized(image)

    def shape(self, image: Sequence[int]) -> tuple[int, ...]:
        """The shape of the noise."""
        if self.space == "patch":
            return self.seen(image)
        return tuple(image) if self.space == "image" or not self.resize else (*image[:-2], self.resize, self.resize)

    def seen(self, image: Sequence[int]) -> tuple[int, ...]:
        """The shape of a noisy copy, cut into patches."""
        return (len(self.fixed) + self.drawn) * image[0], self.patch, self.patch

    def norm(self, image: Sequence[int]) -> float:
        return supremum_norm(image[-1], self.resize, self.patch, len(self.fixed) + self.drawn, self.space)

    def copies(
        self, noise: Noise, lifted: torch.Tensor, start: int, count: int, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """The noisy copies after the first `start`, at most `count`, of an image as `apply` lifts it: [n, *seen]."""
        if self.space == "patch":
            patches = self._cut(lifted.expand(count, *lifted.shape), generator)
            return patches.add_(noise.sample(tuple(patches.shape), generator, lifted.device, lifted.dtype))
        noisy = noise.next_copies(lifted, start, count, generator)
        return self._cut(self._resized(noisy) if self.space == "image" else noisy, generator)

    def _resized(self, image: torch.Tensor) -> torch.Tensor:
        return Resize(self.resize).apply(image) if self.resize else image

    def _cut(self, images: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
        """The patches of each image [n, C, H, W] at the fixed places and at its own: a fresh tensor [n, k C, patch, patch]."""
        import torch

        device, (number, _, height, width) = images.device, images.shape
        rows, columns = (
            torch.randint(0, side - self.patch + 1, (number, self.drawn), generator=generator, device=device)
            for side in (height, width)
        )
        known = torch.tensor(self.fixed, dtype=torch.int64, device=device).view(-1, 2, 1).expand(-1, 2, number)
        rows, columns = (torch.cat([known[:, axis].T, own], dim=1) for axis, own in enumerate((rows, columns)))
        span = torch.arange(self.patch, device=device)
        copy = torch.arange(number, device=device)[:, None, None, None]
        down, across = rows[:, :, None, None] + span[:, None], columns[:, :, None, None] + span
        cut = images.movedim(1, -1)[copy, down, across]  # [n, k, patch, patch, C]
        return cut.movedim(-1, 2).reshape(number, -1, self.patch, self.patch)


def crop(image: torch.Tensor, patch: int, place: tuple[int, int]) -> torch.Tensor:
    """The patch of `patch` x `patch` pixels at `place` (row, column) of an image [..., H, W]."""
    row, column = place
    return image[..., row : row + patch, column : column + patch]


def operator_norm(image_size: int, resize: int | None, patch: int, offsets: Offsets, noise_space: str) -> float:
    """L = ||M|| by which the radius under noise in `noise_space` is divided, for square images of `image_size` pixels a side.

    resize: side of the resized image, None for no resizing; patch: side of the patches at `offsets` [k] of (row, column) in it;
    noise_space: "image" (M is the identity, L = 1), "resized" (M resizes), or "patch" (M resizes and stacks the patches).
    At most 1e-5 above the true value, relatively, and never below. ValueError for another space or an offset outside.
    """
    return lift(noise_space, resize, patch, offsets).norm((1, image_size, image_size))


def supremum_norm(image_size: int, resize: int | None, patch: int, number: int, noise_space: str) -> float:
    """The largest `operator_norm` over all offsets of `number` patches: that of the worst patch, taken each time."""
    if noise_space != "patch":
        return operator_norm(image_size, resize, patch, [(0, 0)], noise_space)
    side = _side(image_size, resize)
    check_offsets([(0, 0)], side, side, patch)
    if side == image_size:
        return math.sqrt(number)
    rows = resizing_matrix(image_size, side)
    worst = max(largest_singular_value(rows[first : first + patch]) for first in range(side - patch + 1))
    return math.sqrt(number) * worst**2


def lift(noise_space: str, resize: int | None, patch: int, offsets: Offsets) -> Lift:
    """The lift of noise in `noise_space`: "image", "resized" or "patch". ValueError for another."""
    if noise_space == "image":
        return Identity()
    if noise_space == "resized":
        return Resize(resize) if resize else Identity()
    if noise_space == "patch":
        return Crops(patch, tuple((int(row), int(column)) for row, column in offsets), resize)
    raise ValueError(f"noise_space must be image, resized or patch, got {noise_space!r}")


def check_offsets(offsets: Offsets, height: int, width: int, patch: int) -> None:
    """ValueError unless there are offsets, and each patch lies inside an image of height x width pixels."""
    if not len(offsets):
        raise ValueError("no patch: give at least one offset (row, column)")
    for row, column in offsets:
        if not (0 <= row <= height - patch and 0 <= column <= width - patch):
            raise ValueError(f"a patch of {patch} pixels at {row},{column} does not fit an image of {height}x{width}")


def _side(size: int, resize: int | None) -> int:
    return size if resize is None else resize
