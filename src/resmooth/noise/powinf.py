"""Noise whose density falls as a power of the linf norm: certifies linf and l1 perturbations (Yang et al. 2020)."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from resmooth.noise import differential
from resmooth.noise.radial import Power


class PowInf(Power):
    r"""Density proportional to :math:`(1 + |x|_\infty / \lambda)^{-a}`, a > d (by default d + 10).

    :math:`E|x_i| = \lambda \frac{d + 1}{2 (a - d - 1)}` for a > d + 1 and
    :math:`E x_i^2 = \lambda^2 \frac{(d + 1) (d + 2)}{3 (a - d - 1) (a - d - 2)}` for a > d + 2, else infinite: a scale, no sigma.
    """

    name = "powinf"
    summary = "density (1 + norm / scale)^-a of the linf norm, a power law"
    parameters = {"a": "power, by default the dimension + 10"}
    level = "finite for a large enough"
    norms = (math.inf, 1)
    shape_parameters = ("a",)

    def __init__(
        self, dim: int, sigma: float | None = None, scale: float | None = None, match: int = 2, a: float | None = None
    ) -> None:
        super().__init__(dim, sigma, scale, match, a=a)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""linf: :math:`\int_{1-p}^{1/2} dq / \Phi(q)`. l1: :math:`\frac{2d}{a - d} (p - 1/2)`. Both by the differential method.

        Log density falls at the rate a / (1 + r) times a fair sign along a vector of signs, hence (as in exp1)
        :math:`\Phi(q) = \frac{a - d}{2} P(w' < W)`, with W the (2q)-quantile of w = r / (1 + r) ~ Beta(d, a - d) and
        w' ~ Beta(d, a - d + 1). Along a coordinate it falls only where :math:`|x_i| = r`, and
        :math:`\Phi \le \frac{a - d}{2d}`.
        """
        rest = self.a - self.dim
        if norm == 1:
            return np.where(tail > 0, 2 * self.dim / rest * (0.5 - tail), np.inf)

        def growth(q):
            return rest / 2 * special.betainc(self.dim, rest + 1, special.betaincinv(self.dim, rest, 2 * q))

        return differential.radius(growth, tail)
