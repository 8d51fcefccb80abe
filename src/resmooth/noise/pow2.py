"""Noise whose density falls as a power of the l2 norm: certifies l2 perturbations, tightly (Yang et al. 2020)."""

from __future__ import annotations

import numpy as np

from resmooth.noise import levelset
from resmooth.noise.radial import Power


class Pow2(Power):
    r"""Density proportional to :math:`(1 + (|x|_2 / \lambda)^k)^{-a}`, a > d / k (by default d + 10).

    With :math:`M_q = B(\frac{d + q}{k}, a - \frac{d + q}{k}) / B(\frac{d}{k}, a - \frac{d}{k})`, infinite for q >= k a - d,
    :math:`E|x_i| = \lambda M_1 \frac{\Gamma(d / 2)}{\sqrt\pi \Gamma((d + 1) / 2)}` and :math:`E x_i^2 = \lambda^2 M_2 / d`.
    """

    name = "pow2"
    summary = "density (1 + (norm / scale)^k)^-a of the l2 norm, a power law"
    parameters = {"k": "exponent", "a": "power, by default the dimension + 10"}
    level = "finite for a large enough"
    norms = (2,)
    shape_parameters = ("k", "a")

    def __init__(
        self,
        dim: int,
        sigma: float | None = None,
        scale: float | None = None,
        match: int = 2,
        k: float = 2.0,
        a: float | None = None,
    ) -> None:
        super().__init__(dim, sigma, scale, match, k, a)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        """l2: by the level set method; where k a - d < 1, whose tails its integrals cannot follow, by a weaker lower bound."""
        heavy = self.k * self.a - self.dim < 1  # not even the mean is finite
        return levelset.tangent(self, tail) if heavy else levelset.radius(self, tail)
