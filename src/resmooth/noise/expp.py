r"""Generalised normal noise, :math:`\exp(-|z|^p)` per coordinate: Laplace at p = 1, Gaussian at p = 2 (Yang et al. 2020)."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from resmooth.noise.base import Noise, cached_pieces
from resmooth.noise.laplace import two_sided_exponential

if TYPE_CHECKING:
    import torch

LEAST_POWER = 0.1  # below it, draws at unit scale come near the largest float32
LAYER_BITS = 10
LAYERS = 2**LAYER_BITS


class Expp(Noise):
    r"""Independent coordinates with density proportional to :math:`\exp(-|z / \lambda|^p)`; p = 1 is Laplace, p = 2 Gaussian.

    Per coordinate :math:`E|z| = \lambda \Gamma(2/p) / \Gamma(1/p)` and :math:`E z^2 = \lambda^2 \Gamma(3/p) / \Gamma(1/p)`.
    ValueError for a p below 0.1 or infinite.
    """

    name = "expp"
    summary = "independent coordinates of density exp(-abs(x / scale)^p), generalised normal"
    parameters = {"p": "power; 1 is Laplace, 2 Gaussian"}
    norms = (1,)
    shape_parameters = ("p",)

    def __init__(
        self, dim: int, sigma: float | None = None, scale: float | None = None, match: int = 2, p: float = 2.0
    ) -> None:
        if not LEAST_POWER <= p < math.inf:
            raise ValueError(f"expp noise needs a finite power p of at least {LEAST_POWER}, got p={p}")
        self.p = p
        self.unit_mean_abs = math.exp(math.lgamma(2 / p) - math.lgamma(1 / p))
        self.unit_mean_square = math.exp(math.lgamma(3 / p) - math.lgamma(1 / p))
        super().__init__(dim, sigma, scale, match)

    def sample_unit(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None,
        device: str | torch.device | None,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        """Draw by the ziggurat of Marsaglia and Tsang 2000: a uniform point below the density, from layers that cover it."""
        import torch

        edges = torch.tensor(layers(self.p), device=device, dtype=dtype)
        z = torch.empty(shape, device=device, dtype=dtype)
        places, layer, start = [], [], 0
        for part in cached_pieces(z.view(-1)):
            beyond, its_layer = fill(part, edges, generator)
            places.append(beyond.add_(start))
            layer.append(its_layer)
            start += len(part)
        beyond = torch.cat(places)
        if len(beyond):
            z.view(-1)[beyond] = self._beyond(z.view(-1)[beyond], torch.cat(layer), edges, generator)
        return z

    def _beyond(self, z, layer, edges, generator):
        """Settle points beyond the next edge: those below the density stay, layer 0 goes to the tail, others are drawn anew."""
        import torch

        height = (-(edges**self.p)).exp_()
        level = torch.lerp(height[layer], height[layer + 1], torch.empty_like(z).uniform_(generator=generator))
        again = (level >= (-(z.abs() ** self.p)).exp_()) & (layer > 0)
        z[again] = self.sample_unit((int(again.sum()),), generator, z.device, z.dtype)
        tail = (layer == 0).nonzero().squeeze(1)
        power = gamma_tail(edges[1].item() ** self.p, 1 / self.p, z[tail], generator)
        z[tail] = power.pow_(1 / self.p).copysign_(z[tail])
        return z

    def unit_radius(self, tail: np.ndarray, norm: float) -> np.ndarray:
        r"""l1, p >= 1: the R with :math:`P(|z_1| \le R) = 2p_A - 1`, tight.

        p < 1: :math:`\int_c^\infty \frac{dx}{e^{x^p} - 1}` with :math:`P(|z_1| \le c) = 2 (1 - p_A)` (differential method of
        Yang et al. 2020); it stays finite as p_A nears 1.
        """
        a = 1 / self.p
        if a > 1:
            return np.where(tail > 0, a * bose_integral(gamma_quantile(2 * tail, 1 - 2 * tail, a), a), np.inf)
        return line_quantile(tail, self.p)


def line_quantile(tail: np.ndarray, p: float) -> np.ndarray:
    r"""The R with :math:`P(|z| \le R) = 1 - 2\,tail` for one number z of density proportional to :math:`e^{-|z|^p}`, p >= 1."""
    quantile = gamma_quantile(1 - 2 * tail, 2 * tail, 1 / p) ** (1 / p)
    return np.maximum(quantile, (1 - 2 * tail) * math.gamma(1 + 1 / p))  # a lower bound, close where R^p underflows


def fill(z: torch.Tensor, edges: torch.Tensor, generator: torch.Generator | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Set `z` [n] to points of random layers. Returns those beyond the next edge, at least: their places and layers, int [m].

    The others lie below the density. A 64-bit integer holds the layer in its last bits, and the sign and place in the others.
    """
    import torch

    bits = torch.empty_like(z, dtype=torch.int64).random_(-(2**63), None, generator=generator)
    layer = bits.int().bitwise_and_(LAYERS - 1)
    z.copy_(bits.bitwise_right_shift_(LAYER_BITS)).mul_((edges[:-1] * 2.0 ** (LAYER_BITS - 63)).index_select(0, layer))
    inside = z.abs() < edges[1:].index_select(0, layer)
    places = inside.logical_not_().nonzero().squeeze(1)
    return places, layer[places]


@functools.cache
def layers(p: float) -> np.ndarray:
    r"""Edges :math:`x_0 > \dots > x_N = 0` of N layers of equal area that cover :math:`e^{-x^p}`, x >= 0: float64 [N + 1].

    Layer i > 0 is as wide as :math:`x_i` and reaches from the height of the density there to that at :math:`x_{i + 1}`. Layer 0
    holds all below the density at :math:`x_1`, its tail included; :math:`x_0` is how wide it would be as a rectangle.
    """
    from scipy import optimize  # slow to import

    def inner(power):
        """All edges but the last if :math:`x_1^p` is `power`, and how far the layers pass the peak of the density."""
        x = [power ** (1 / p)]
        area = x[0] * math.exp(-power) + math.gamma(1 + 1 / p) * special.gammaincc(1 / p, power)
        while (height := math.exp(-(x[-1] ** p)) + area / x[-1]) < 1 and len(x) < LAYERS - 1:
            x.append((-math.log(height)) ** (1 / p))
        return [area * math.exp(power), *x], LAYERS - 1 - len(x) + height - 1

    power = optimize.brentq(lambda power: inner(power)[1], 1, 60, xtol=1e-14)
    return np.append(inner(power)[0], 0.0)


def gamma_tail(start: float, a: float, like: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Draw from Gamma(a) given that it exceeds `start` > a - 1: a tensor like `like`, by rejection from an exponential tail."""
    import torch

    rise = max(a - 1, 0) / start
    excess = two_sided_exponential(like.shape, generator, like.device, like.dtype).abs_()
    t = excess.div_(1 - rise).add_(start)
    log_accepted = (a - 1) * (t / start).log() - rise * (t - start)
    again = torch.empty_like(like).uniform_(generator=generator) > log_accepted.exp_()
    if again.any():
        t[again] = gamma_tail(start, a, t[again], generator)
    return t


def gamma_quantile(lower: np.ndarray, upper: np.ndarray, a: float) -> np.ndarray:
    """The quantile of Gamma(a) with mass `lower` below it and `upper` above, arrays that sum to 1: from the lesser of the two."""
    return np.where(lower < upper, special.gammaincinv(a, lower), special.gammainccinv(a, upper))


def bose_integral(start: np.ndarray, a: float) -> np.ndarray:
    r""":math:`\int_{start}^\infty \frac{y^{a - 1}}{e^y - 1} dy` for a > 1 and an array `start` >= 0.

    From 1 on it is :math:`\sum_n \Gamma(a, n y) / n^a`; up to 1, term by term, what follows from
    :math:`\frac{y}{e^y - 1} = \sum_n B_n y^n / n!`.
    """
    n = np.arange(1, 45)
    upper = special.gamma(a) * np.sum(special.gammaincc(a, n * np.maximum(start, 1)[:, None]) / n**a, axis=1)
    n = np.arange(24)
    coefficients = special.bernoulli(23) / special.factorial(n) / (a - 1 + n)
    with np.errstate(divide="ignore"):
        return upper - np.expm1(np.log(np.minimum(start, 1))[:, None] * (a - 1 + n)) @ coefficients
