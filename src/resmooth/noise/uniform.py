"""Uniform noise on a cube: certifies l1 and linf perturbations, both tightly (Yang et al. 2020)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from resmooth.noise.base import Noise

if TYPE_CHECKING:
    import torch


class Uniform(Noise):
    r"""Independent coordinates, uniform on :math:`[-\lambda, \lambda]`.

    Per coordinate :math:`E|z| = \lambda / 2` and :math:`E z^2 = \lambda^2 / 3`.
    """

    name = "uniform"
    summary = "independent coordinates, flat on an interval"
    unit_mean_abs = 1 / 2
    unit_mean_square = 1 / 3
    norms = (1, math.inf)

    def sample_unit(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None,
        device: str | torch.device | None,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        import torch

        return torch.empty(shape, device=device, dtype=dtype).uniform_(-1, 1, generator=generator)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""l1: :math:`2 (p - 1/2)`; linf: :math:`2 (1 - (3/2 - p)^{1/d})`. Both are tight.

        A shift by v leaves the share :math:`\prod_i (1 - |v_i| / 2)` of the cube in common with the shifted cube, which is at
        least :math:`1 - |v|_1 / 2`; the shift is certified while p less the share that is lost exceeds 1/2.
        """
        if norm == 1:
            return 1 - 2 * tail
        return -2 * np.expm1(np.log1p(tail - 0.5) / self.dim)
