"""Lomax (Pareto II) noise: heavier tails than Laplace, certifies l1 perturbations (Yang et al. 2020)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from resmooth.noise.base import Noise, cached_pieces
from resmooth.noise.laplace import two_sided_exponential

if TYPE_CHECKING:
    import torch


class Lomax(Noise):
    r"""Independent coordinates with survival function :math:`P(|z| > t) = (1 + t / \lambda)^{-k}`, k the tail exponent.

    Per coordinate :math:`E|z| = \lambda / (k - 1)` for k > 1 and :math:`E z^2 = 2\lambda^2 / ((k - 1)(k - 2))` for k > 2, else
    infinite: such noise has a scale and no sigma. ValueError for a k that is not positive.
    """

    name = "lomax"
    summary = "independent coordinates with heavy tails, a power law"
    parameters = {"k": "exponent of the tail"}
    level = "finite for k > 2"
    norms = (1,)
    shape_parameters = ("k",)

    def __init__(
        self, dim: int, sigma: float | None = None, scale: float | None = None, match: int = 2, k: float = 3.0
    ) -> None:
        if not 0 < k < math.inf:
            raise ValueError(f"lomax noise needs a tail exponent k above 0, got k={k}")
        self.k = k
        self.unit_mean_abs = 1 / (k - 1) if k > 1 else math.inf
        self.unit_mean_square = 2 / ((k - 1) * (k - 2)) if k > 2 else math.inf
        super().__init__(dim, sigma, scale, match)

    def sample_unit(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None,
        device: str | torch.device | None,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        """Draw by inverting the survival function; what would pass the largest float, for a k near 0, is set to it."""
        import torch

        largest = math.log(torch.finfo(dtype).max / max(1.0, self.scale)) - 1
        z = two_sided_exponential(shape, generator, device, dtype)
        for part in cached_pieces(z.view(-1)):
            torch.copysign(part.div_(self.k).abs().clamp_(max=largest).expm1_(), part, out=part)
        return z

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""l1: :math:`\frac1k \int_0^w \frac{du}{1 - u^{1 + 1/k}}`, w = 2p - 1 (differential method).

        It is :math:`\frac{1}{k + 1} \int_0^x \frac{v^{\beta - 1}}{1 - v} dv` with :math:`\beta = k / (k + 1)` and
        :math:`x = w^{1/\beta}`. That integral is :math:`x^\beta \sum_{n \ge 0} x^n / (n + \beta)`, summed where x <= 1/2, and
        :math:`-\log y - \psi(\beta) - \gamma - \sum_{n \ge 1} \frac{(1 - \beta)_n}{n!} \frac{y^n}{n}`, y = 1 - x, elsewhere.
        """
        beta, n = self.k / (self.k + 1), np.arange(1, 60)
        with np.errstate(divide="ignore"):
            log_x = np.log1p(-2 * tail) / beta
            x, y = np.exp(np.minimum(log_x, -math.log(2))), -np.expm1(log_x)
            about_0 = (1 - 2 * tail) * np.polynomial.polynomial.polyval(x, 1 / (beta + np.append(0, n)))
            about_1 = -np.log(y) - special.psi(beta) - np.euler_gamma
            coefficients = np.append(0.0, np.cumprod((n - beta) / n) / n)
            about_1 -= np.polynomial.polynomial.polyval(np.minimum(y, 0.5), coefficients)
        return np.where(y >= 0.5, about_0, about_1) / (self.k + 1)
