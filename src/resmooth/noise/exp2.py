"""Noise whose density falls with the l2 norm: Gaussian at k = 2, certifies l2 perturbations, tightly (Yang et al. 2020)."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from resmooth.noise import levelset
from resmooth.noise.expp import line_quantile
from resmooth.noise.radial import Exponential


class Exp2(Exponential):
    r"""Density proportional to :math:`\exp(-(|x|_2 / \lambda)^k)`, one radius for the whole image.

    :math:`E|x_i| = \lambda m_1 \frac{\Gamma(d / 2)}{\sqrt\pi \Gamma((d + 1) / 2)}` and :math:`E x_i^2 = \lambda^2 m_2 / d`, where
    :math:`m_q = \Gamma((d + q) / k) / \Gamma(d / k)`.
    """

    name = "exp2"
    summary = "density exp(-(norm / scale)^k) of the l2 norm"
    parameters = {"k": "exponent; 2 is Gaussian"}
    norms = (2,)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""l2, tight: :math:`\Phi^{-1}(p) / \sqrt2` for k = 2, otherwise by the level set method.

        In one dimension with k >= 1 the density is log-concave, and the radius its p-quantile.
        """
        if self.k == 2:
            return -special.ndtri(tail) / math.sqrt(2)
        if self.dim == 1 and self.k >= 1:
            return line_quantile(tail, self.k)
        return levelset.radius(self, tail)
