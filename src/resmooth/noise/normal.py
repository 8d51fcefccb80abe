"""Gaussian noise, the one of Cohen et al. 2019: certifies l2 perturbations, tightly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from resmooth.noise import grid
from resmooth.noise.base import Noise

if TYPE_CHECKING:
    import torch


class Normal(Noise):
    r"""Independent coordinates with density :math:`\exp(-z^2 / 2\lambda^2) / (\lambda \sqrt{2 \pi})`; sigma = lambda (match=2).

    Per coordinate :math:`E|z| = \lambda \sqrt{2/\pi}` and :math:`E z^2 = \lambda^2`.

    arithmetic="exact" rounds the noise to multiples of 1 / `grid`, so that its sum with an 8-bit image is exact and the
    certificate holds in float32 (grid.py); "float" adds float32 numbers. ValueError for another, or a scale beyond float32.
    """

    name = "normal"
    kind = "Gaussian"
    summary = "Gaussian noise, the noise of Cohen et al. 2019"
    parameters = {"arithmetic": "exact rounds it to a grid, so that sums with 8-bit images have no rounding error"}
    unit_mean_abs = math.sqrt(2 / math.pi)
    unit_mean_square = 1.0
    norms = (2,)

    def __init__(
        self,
        dim: int,
        sigma: float | None = None,
        scale: float | None = None,
        match: int = 2,
        arithmetic: str = "float",
    ) -> None:
        super().__init__(dim, sigma, scale, match)
        if arithmetic not in ("float", "exact"):
            raise ValueError(f'arithmetic must be "float" or "exact", got {arithmetic!r}')
        if arithmetic == "exact":
            self.arithmetic = arithmetic
            self.grid = grid.resolution(self.scale)
            self.slack = grid.slack(self.dim, self.scale, self.grid)

    def sample(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        if self.arithmetic == "float":
            return super().sample(shape, generator, device, dtype)
        noise = self._steps(shape, generator, device).mul_(1 / self.grid)
        return noise if dtype is None else noise.to(dtype)

    def noisy(self, image: torch.Tensor, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """`count` noisy copies of one image [count, *image.shape]; ValueError if exact arithmetic gets an image not 8-bit."""
        if self.arithmetic == "float":
            return super().noisy(image, count, generator)
        steps = self._steps((count, *image.shape), generator, image.device)
        return steps.add_(grid.image_steps(image, self.grid)).mul_(1 / self.grid)

    def _steps(self, shape, generator, device):
        self._fit(shape[1:])
        return grid.noise_steps(tuple(shape), self.scale, self.grid, generator, device)

    def sample_unit(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None,
        device: str | torch.device | None,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        import torch

        return torch.randn(shape, generator=generator, device=device, dtype=dtype)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""l2: :math:`\Phi^{-1}(p)` (Cohen et al. 2019, theorem 1), tight.

        What follows from it is tight too: the same value in l1, and :math:`\Phi^{-1}(p) / \sqrt d` in linf.
        """
        return -special.ndtri(tail)
