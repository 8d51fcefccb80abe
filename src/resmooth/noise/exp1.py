"""Noise whose density falls with the l1 norm: Laplace at k = 1, certifies l1 perturbations (Yang et al. 2020)."""

from __future__ import annotations

import numpy as np
from scipy import special

from resmooth.noise import differential
from resmooth.noise.radial import Exponential


class Exp1(Exponential):
    r"""Density proportional to :math:`\exp(-(|x|_1 / \lambda)^k)`, one radius for the whole image.

    :math:`E|x_i| = \lambda m_1 / d` and :math:`E x_i^2 = 2 \lambda^2 m_2 / (d (d + 1))`, where
    :math:`m_q = \Gamma((d + q) / k) / \Gamma(d / k)`.
    """

    name = "exp1"
    summary = "density exp(-(norm / scale)^k) of the l1 norm"
    parameters = {"k": "exponent; 1 is Laplace"}
    norms = (1,)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        return native_radius(self, tail)


def native_radius(noise: Exponential, tail: np.ndarray) -> np.ndarray:
    r"""Radius of `noise` in its native norm: one function for exp1 in l1 and expinf in linf. Differential method.

    Along a coordinate (l1) or a vector of signs (linf), log density falls at the rate :math:`k r^{k - 1}` times a fair sign. The
    rate depends on t = :math:`r^k` ~ Gamma(d / k) alone, and a set of mass q collects the highest ones. With T the quantile of t
    that has mass 2q above it (k > 1), or below it (k < 1), and t' ~ Gamma((d + k - 1) / k),

    :math:`\Phi(q) = \frac12 E[k r^{k - 1}] P(t' > T)`, or :math:`P(t' < T)` for k < 1.

    k = 1: :math:`\Phi(q) = q` and :math:`R = -\log(2 (1 - p))`, in l1 that of Laplace noise.
    """
    if noise.k == 1:
        with np.errstate(divide="ignore"):
            return np.maximum(-np.log(2 * tail), 0.0)
    shape, tilted = noise.dim / noise.k, (noise.dim + noise.k - 1) / noise.k
    if noise.k > 1:
        share, quantile = special.gammaincc, special.gammainccinv
    else:
        share, quantile = special.gammainc, special.gammaincinv
    most = noise.mean_slope / 2
    return differential.radius(lambda q: most * share(tilted, quantile(shape, 2 * q)), tail)
