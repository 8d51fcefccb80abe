"""Noise whose density falls with the linf norm: certifies linf and l1 perturbations (Yang et al. 2020)."""

from __future__ import annotations

import math

import numpy as np

from resmooth.noise.exp1 import native_radius
from resmooth.noise.radial import Exponential


class ExpInf(Exponential):
    r"""Density proportional to :math:`\exp(-(|x|_\infty / \lambda)^k)`, one radius for the whole image.

    :math:`E|x_i| = \lambda m_1 (d + 1) / 2d` and :math:`E x_i^2 = \lambda^2 m_2 (d + 2) / 3d`, where
    :math:`m_q = \Gamma((d + q) / k) / \Gamma(d / k)`.
    """

    name = "expinf"
    summary = "density exp(-(norm / scale)^k) of the linf norm"
    parameters = {"k": "exponent"}
    norms = (math.inf, 1)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""linf: as exp1 in l1. l1: :math:`2g (p - 1/2)`, with :math:`g = d / E[k r^{k - 1}]`, and for k >= 1 where 1 - p < 1/2d
        the larger :math:`g (1 - 1/d) + R_\infty(1 - d (1 - p))`. Both by the differential method.

        Along a coordinate the density changes only where :math:`|x_i| = r`, which has mass 1/d. So :math:`\Phi(q)` is constant
        above q = 1/2d; below, it is that of linf at d q, divided by d.
        """
        if norm == math.inf:
            return native_radius(self, tail)
        g = self.dim / self.mean_slope
        if self.k < 1:
            return np.where(tail > 0, 2 * g * (0.5 - tail), np.inf)
        return 2 * g * (0.5 - np.maximum(tail, 0.5 / self.dim)) + native_radius(self, np.minimum(self.dim * tail, 0.5))
