"""Laplace noise: certifies l1 perturbations, tightly, and linf by the differential method (Yang et al. 2020)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from resmooth.noise.base import Noise, cached_pieces

if TYPE_CHECKING:
    import torch


class Laplace(Noise):
    r"""Independent coordinates with density :math:`\exp(-|z| / \lambda) / 2\lambda`.

    Per coordinate :math:`E|z| = \lambda` and :math:`E z^2 = 2 \lambda^2`.
    """

    name = "laplace"
    summary = "independent coordinates with exponential tails"
    unit_mean_abs = 1.0
    unit_mean_square = 2.0
    norms = (1, math.inf)

    def sample_unit(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None,
        device: str | torch.device | None,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        return two_sided_exponential(shape, generator, device, dtype)

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""l1: :math:`-\log(2 (1 - p))`. linf: :func:`differential_linf`, which needs no approximation by a Gaussian."""
        if norm == math.inf:
            return differential_linf(tail, self.dim)
        with np.errstate(divide="ignore"):
            return np.maximum(-np.log(2 * tail), 0.0)


def two_sided_exponential(
    shape: tuple[int, ...], generator: torch.Generator | None, device: str | torch.device | None, dtype: torch.dtype
) -> torch.Tensor:
    r"""Draw :math:`\pm E` with :math:`P(E > t) = e^{-t}` and a fair sign: a fresh torch tensor of `shape`, never infinite.

    One 64-bit integer holds sign and level. As a float it keeps its relative precision near 0, so the tail reaches to
    :math:`63 \log 2 = 43.7` in float32 too, where a float32 uniform number would end it at 16.6.
    """
    import torch

    z = torch.empty(shape, device=device, dtype=dtype)
    for part in cached_pieces(z.view(-1)):
        part.copy_(torch.empty_like(part, dtype=torch.int64).random_(-(2**63), None, generator=generator))
        level = part.abs().clamp_(min=1).mul_(2.0**-63)
        torch.copysign(level.log_().neg_(), part, out=part)
    return z


def differential_linf(tail: np.ndarray, dim: int) -> np.ndarray:
    r"""linf radius of unit Laplace noise: :math:`R = \int_{1-p}^{1/2} dq / \Phi(q)`, in closed form.

    Along a vector of signs the density falls at the rate T = 2B - d, B ~ Binomial(d, 1/2), the number of coordinates with the
    shift less the number against it. :math:`\Phi(q)`, the mean of T over its top mass q, is linear between the nodes
    :math:`q_b = P(B \ge b)`, with slope c = 2b - d and :math:`\Phi(q_b) = b P(B = b)`. Hence :math:`\Phi` grows over a whole
    piece by the factor b / (d - b), which adds :math:`\log(b / (d - b)) / c` to R (2 / d where c = 0), and over the part from
    q to :math:`q_b`, a fraction f of the piece, by one that adds :math:`-\log(1 - f c / b) / c` (f / b where c = 0).

    `tail`: array [N] of 1 - p, at most 1/2; returns float64 [N], lowered by 1e-12 of itself to cover rounding.
    """
    b = np.arange((dim + 1) // 2, min(dim, dim // 2 + math.ceil(18 * math.sqrt(dim))) + 1)
    mass = np.cumprod(np.append(1.0, (dim - b[:-1]) / b[1:]))  # P(B = b), but for a factor
    b, mass = b[mass > 1e-290].astype(float), mass[mass > 1e-290]
    b[-1] = dim  # below the last node kept, where it is not d already: Phi(q) <= d q
    c = 2 * b - dim
    share = np.where(c == 0, 0.5, 1.0)  # of each piece, the part below 1/2
    mass *= 0.5 / np.sum(share * mass)
    node = np.cumsum((share * mass)[::-1])[::-1]  # q_b, or 1/2 for the first piece
    above = np.cumsum(np.append(0.0, share * mass))  # 1/2 - q_b, precise where q_b - tail would cancel
    slope = np.where(c == 0, 1.0, c)

    whole = np.where(c == 0, 2 / dim, np.log(b / np.maximum(dim - b, 1)) / slope)  # not of the last, which is infinite
    radius = np.cumsum(np.append(0.0, share * whole))  # at q_b
    i = np.maximum(np.searchsorted(-node, -tail, side="right") - 1, 0)
    b, c, slope, mass = b[i], c[i], slope[i], mass[i]
    f = np.minimum(np.where(tail > 0.25, 0.5 - tail - above[i], node[i] - tail) / mass, share[i])
    with np.errstate(divide="ignore"):
        part = np.where(c == 0, f / b, -np.log1p(-f * c / b) / slope)
        part = np.where((b == dim) & (f > 0.5), -np.log(tail / mass) / dim, part)
    return (radius[i] + part) * (1 - 1e-12)
