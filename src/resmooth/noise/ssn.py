"""Smoothing with splitting noise: each pixel value is rounded to a random cell; certifies l1 (Levine and Feizi 2021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from resmooth.noise.base import Noise

if TYPE_CHECKING:
    import torch


class SSN(Noise):
    r"""Cuts at :math:`s + 2 \lambda Z`, s uniform in :math:`(0, 2 \lambda)` for each coordinate, split the line into cells.

    A coordinate becomes the middle of the part in [0, 1] of its cell. Two values x and x' fall into different cells with
    probability :math:`\min(1, |x - x'| / 2\lambda)` (Levine and Feizi 2021).

    The perturbation depends on the image. As the authors do, we take the level of the uniform distribution on
    :math:`[-\lambda, \lambda]`, which has the same certificate: sigma = :math:`\lambda / \sqrt 3` (match=2) or
    :math:`\lambda / 2` (match=1). `mean_abs` and `mean_square` are those of that distribution.
    """

    name = "ssn"
    kind = "splitting"
    summary = "splitting noise: each value is rounded to a random cell"
    level = "sigma = scale / sqrt 3, as for uniform"
    unit_mean_abs = 1 / 2
    unit_mean_square = 1 / 3
    norms = (1,)
    additive = False

    def sample(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        raise NotImplementedError(f"what {self.name} noise adds depends on the image; use noisy or perturbation")

    def noisy(self, image: torch.Tensor, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """`count` split copies of one float `image` in [0, 1]: a fresh torch tensor [count, *image.shape]."""
        return self._split(image.expand(count, *image.shape), generator)

    def perturbation(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Split copy less image for each of `images` [B, ...] in [0, 1]: a fresh torch tensor of their shape."""
        return self._split(images, generator).sub_(images)

    def _split(self, images, generator):
        import torch

        self._fit(images.shape[1:])
        width = 2 * self.scale
        low = torch.rand(images.shape, generator=generator, device=images.device, dtype=images.dtype).mul_(width)
        cell = images.sub(low).div_(width).floor_()
        low.add_(cell, alpha=width)  # from here on only the cell tells of the image, not its rounded distances
        high = low.add(width).clamp_(0, 1)
        return low.clamp_(0, 1).add_(high).div_(2)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""l1: :math:`2 (p - 1/2)` (Levine and Feizi 2021).

        p changes by at most :math:`|\delta|_1 / 2\lambda`, a union bound over the coordinates, whatever the joint distribution of
        their cuts.
        """
        return 1 - 2 * tail
