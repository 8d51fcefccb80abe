"""Uniform noise on an l2 ball: certifies l2 perturbations, tightly (Yang et al. 2020)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from resmooth.noise.radial import Radial, draw_uniform

if TYPE_CHECKING:
    import torch


class UniformBall(Radial):
    r"""Uniform on the ball :math:`|x|_2 \le \lambda`: r is :math:`U^{1/d}`, U uniform on [0, 1].

    :math:`E|x_i| = \lambda \frac{d}{d + 1} \frac{\Gamma(d / 2)}{\sqrt\pi \Gamma((d + 1) / 2)}` and
    :math:`E x_i^2 = \lambda^2 / (d + 2)`.
    """

    name = "uniformball"
    summary = "flat in an l2 ball"
    norms = (2,)

    def mean_radius(self, power: float) -> float:
        return self.dim / (self.dim + power)

    def draw_radii(
        self, count: int, generator: torch.Generator | None, device: str | torch.device | None
    ) -> torch.Tensor:
        return draw_uniform(count, generator, device).pow_(1 / self.dim)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""l2, tight: the R for which :math:`P(|x_1| \le R / 2) = p - 1/2`, where :math:`x_1^2` ~ Beta(1/2, (d + 1) / 2).

        The worst set holds all of the shifted ball that lies outside the ball, and 1 - p of what they share. They share two caps,
        the mass of :math:`|x_1| \ge R / 2`. With the shift, the set has mass 1/2 where that is 3/2 - p.
        """
        return 2 * np.sqrt(special.betaincinv(0.5, (self.dim + 1) / 2, 0.5 - tail))
