"""Radial noise: the density depends only on one norm of x. A draw is a radius times a point of that norm's unit sphere."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from resmooth.noise.base import Noise
from resmooth.noise.laplace import two_sided_exponential

if TYPE_CHECKING:
    import torch


class Radial(Noise):
    r"""Noise :math:`x = r u`: the radius r is the native norm of x, the first of `norms`; the direction u is independent of it.

    A family defines, at scale 1, `mean_radius` and `draw_radii`, from which moments and samples follow.
    """

    kind = "radial"

    def __init__(self, dim: int, sigma: float | None = None, scale: float | None = None, match: int = 2) -> None:
        self.dim = dim
        super().__init__(dim, sigma, scale, match)

    @property
    def unit_mean_abs(self) -> float:  # type: ignore[override]
        return self.mean_radius(1) * mean_abs(self.norms[0], self.dim)

    @property
    def unit_mean_square(self) -> float:  # type: ignore[override]
        return self.mean_radius(2) * mean_square(self.norms[0], self.dim)

    def sample(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        import torch

        self._fit(shape[1:])
        return self._draw(tuple(shape), generator, device, dtype or torch.float32, self.scale)

    def sample_unit(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None,
        device: str | torch.device | None,
        dtype: torch.dtype,
    ) -> torch.Tensor:
        return self._draw(tuple(shape), generator, device, dtype, 1.0)

    def _draw(self, shape, generator, device, dtype, scale):
        """Draw at `scale`, which meets the radius in float64: exp1 with k=0.1, d=3072 has radii of 1e45 at scale 1.

        What would still pass the largest float, in the tails of powinf and pow2, is set to 1/64 of it.
        """
        import torch

        points, lengths = DIRECTIONS[self.norms[0]](shape[0], self.dim, generator, device, dtype)
        factors = self.draw_radii(shape[0], generator, device).mul_(scale).div_(lengths)
        factors = factors.clamp_(max=torch.finfo(dtype).max / 64).to(dtype)  # no coordinate of `points` reaches 64
        return points.mul_(factors.unsqueeze(1)).view(shape)

    def mean_radius(self, power: float) -> float:
        """E r^power at scale 1, inf where it diverges."""
        raise NotImplementedError

    def draw_radii(
        self, count: int, generator: torch.Generator | None, device: str | torch.device | None
    ) -> torch.Tensor:
        """Draw `count` radii at scale 1: a fresh float64 tensor [count]."""
        raise NotImplementedError


class Exponential(Radial):
    r"""Density proportional to :math:`e^{-\psi(r)}` with :math:`\psi = r^k`. ValueError unless 0.1 <= k <= 100.

    :math:`r^k` ~ Gamma(d / k), so :math:`E r^q = \Gamma((d + q) / k) / \Gamma(d / k)`.
    """

    shape_parameters = ("k",)

    def __init__(
        self, dim: int, sigma: float | None = None, scale: float | None = None, match: int = 2, k: float = 1.0
    ) -> None:
        self.k = exponent(self, k)
        super().__init__(dim, sigma, scale, match)

    def mean_radius(self, power: float) -> float:
        return exp(log_gamma_ratio(self.dim / self.k, power / self.k))

    @property
    def mean_slope(self) -> float:
        r""":math:`E \psi'(r)`."""
        return self.k * exp(log_gamma_ratio(self.dim / self.k, 1 - 1 / self.k))

    def draw_radii(
        self, count: int, generator: torch.Generator | None, device: str | torch.device | None
    ) -> torch.Tensor:
        """Gamma(d / k) is Gamma(1 + d / k) times U^(k / d), which does not underflow where d / k is small."""
        heights = draw_gamma(1 + self.dim / self.k, count, generator, device)
        return heights.pow_(1 / self.k).mul_(draw_uniform(count, generator, device).pow_(1 / self.dim))

    def potential(self, radius: np.ndarray) -> np.ndarray:
        r""":math:`\psi(r)`."""
        return radius**self.k

    def slope(self, radius: np.ndarray) -> np.ndarray:
        r""":math:`\psi'(r)`."""
        return self.k * radius ** (self.k - 1)

    def stretch(self, radius: np.ndarray, rise: np.ndarray) -> np.ndarray:
        r""":math:`\log(s / r)` for the s at which :math:`\psi(s) = \psi(r)` + rise, with rise > 0."""
        return np.logaddexp(0, np.log(rise) - self.k * np.log(radius)) / self.k

    def score(self, radius: np.ndarray) -> np.ndarray:
        r""":math:`\Phi^{-1}(P(r \le` radius)), precise in both tails."""
        height = radius**self.k
        return normal_score(special.gammainc(self.dim / self.k, height), special.gammaincc(self.dim / self.k, height))

    def quantile(self, score: np.ndarray) -> np.ndarray:
        """The radius of this score."""
        shape, below, above = self.dim / self.k, special.ndtr(score), special.ndtr(-score)
        height = np.where(below < above, special.gammaincinv(shape, below), special.gammainccinv(shape, above))
        first_order = (below * exp(math.lgamma(1 + shape))) ** (1 / self.dim)
        return np.where(height < 1e-30, first_order, height ** (1 / self.k))


class Power(Radial):
    r"""Density proportional to :math:`e^{-\psi(r)}` with :math:`\psi = a \log(1 + r^k)`, for a > b = d / k.

    :math:`r^k / (1 + r^k)` ~ Beta(b, a - b), so :math:`E r^q = B(b + q / k, a - b - q / k) / B(b, a - b)`, infinite for
    q >= k a - d. ValueError unless 0.1 <= k <= 100 and a > b, where alone there is such a density.
    """

    def __init__(
        self,
        dim: int,
        sigma: float | None = None,
        scale: float | None = None,
        match: int = 2,
        k: float = 1.0,
        a: float | None = None,
    ) -> None:
        self.k = exponent(self, k)
        self.a = dim + 10 if a is None else a
        if not dim / k < self.a < math.inf:
            raise ValueError(
                f"{self.name} noise in {dim} dimensions needs a finite a above {dim / k:g}, got a={self.a}"
            )
        super().__init__(dim, sigma, scale, match)

    @property
    def shapes(self) -> tuple[float, float]:
        """(b, a - b)."""
        return self.dim / self.k, self.a - self.dim / self.k

    def mean_radius(self, power: float) -> float:
        b, c = self.shapes
        step = power / self.k
        return exp(log_gamma_ratio(b, step) + log_gamma_ratio(c, -step)) if step < c else math.inf

    @property
    def mean_slope(self) -> float:
        b, c = self.shapes
        return self.k * exp(log_gamma_ratio(b, 1 - 1 / self.k) + log_gamma_ratio(c, 1 / self.k))

    def draw_radii(
        self, count: int, generator: torch.Generator | None, device: str | torch.device | None
    ) -> torch.Tensor:
        """The odds :math:`r^k` are those of two gamma draws; as in `Exponential`, the first without underflow."""
        b, c = self.shapes
        odds = draw_gamma(1 + b, count, generator, device).div_(draw_gamma(c, count, generator, device))
        return odds.pow_(1 / self.k).mul_(draw_uniform(count, generator, device).pow_(1 / self.dim))

    def potential(self, radius: np.ndarray) -> np.ndarray:
        return self.a * np.log1p(radius**self.k)

    def slope(self, radius: np.ndarray) -> np.ndarray:
        return self.a * self.k / (radius + radius ** (1 - self.k))

    def stretch(self, radius: np.ndarray, rise: np.ndarray) -> np.ndarray:
        spread = np.logaddexp(0, -self.k * np.log(radius))
        return np.logaddexp(0, np.log(np.expm1(rise / self.a)) + spread) / self.k

    def score(self, radius: np.ndarray) -> np.ndarray:
        (b, c), odds = self.shapes, radius**self.k
        return normal_score(special.betainc(b, c, odds / (1 + odds)), special.betainc(c, b, 1 / (1 + odds)))

    def quantile(self, score: np.ndarray) -> np.ndarray:
        (b, c), below, above = self.shapes, special.ndtr(score), special.ndtr(-score)
        share, rest = special.betaincinv(b, c, below), special.betaincinv(c, b, above)
        odds = np.where(below < above, share, 1 - rest) / np.where(below < above, 1 - share, rest)
        first_order = (below * b * exp(special.betaln(b, c))) ** (1 / self.dim)
        return np.where(odds < 1e-30, first_order, odds ** (1 / self.k))


def l1_directions(
    count: int, dim: int, generator: torch.Generator | None, device: str | torch.device | None, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor | float]:
    """Independent two-sided exponentials: divided by their l1 norm they are uniform on the l1 sphere."""
    import torch

    points = two_sided_exponential((count, dim), generator, device, dtype)
    return points, torch.linalg.vector_norm(points, 1, dim=1)


def l2_directions(
    count: int, dim: int, generator: torch.Generator | None, device: str | torch.device | None, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor | float]:
    """Independent normal numbers: divided by their l2 norm they are uniform on the l2 sphere."""
    import torch

    points = torch.randn((count, dim), generator=generator, device=device, dtype=dtype)
    return points, torch.linalg.vector_norm(points, dim=1).clamp_(min=torch.finfo(dtype).tiny)


def linf_directions(
    count: int, dim: int, generator: torch.Generator | None, device: str | torch.device | None, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor | float]:
    """Uniform on the surface of the cube [-1, 1]^d, the linf sphere: a uniform point of one of its 2 d faces."""
    import torch

    points = torch.empty((count, dim), device=device, dtype=dtype).uniform_(-1, 1, generator=generator)
    face = torch.randint(2 * dim, (count, 1), generator=generator, device=device)
    return points.scatter_(1, face // 2, (face % 2 * 2 - 1).to(dtype)), 1.0


# By norm: (count, dim, generator, device, dtype) -> points [count, dim], and what to divide them by to put them on the sphere.
DIRECTIONS = {1: l1_directions, 2: l2_directions, math.inf: linf_directions}


def mean_abs(norm: float, dim: int) -> float:
    r""":math:`E|u_i|` for u uniform on the unit sphere of `norm` in `dim` dimensions."""
    if norm == 2:
        return exp(-log_gamma_ratio(dim / 2, 0.5)) / math.sqrt(math.pi)
    return 1 / dim if norm == 1 else (dim + 1) / (2 * dim)


def mean_square(norm: float, dim: int) -> float:
    r""":math:`E u_i^2` for u uniform on the unit sphere of `norm` in `dim` dimensions."""
    return {1: 2 / (dim * (dim + 1)), 2: 1 / dim, math.inf: (dim + 2) / (3 * dim)}[norm]


def draw_gamma(
    shape: float, count: int, generator: torch.Generator | None, device: str | torch.device | None
) -> torch.Tensor:
    """Draw Gamma(shape): a fresh float64 tensor [count]."""
    import torch

    return torch._standard_gamma(torch.full((count,), shape, dtype=torch.float64, device=device), generator=generator)


def draw_uniform(count: int, generator: torch.Generator | None, device: str | torch.device | None) -> torch.Tensor:
    """Draw uniform numbers on [0, 1): a fresh float64 tensor [count]."""
    import torch

    return torch.rand(count, generator=generator, device=device, dtype=torch.float64)


def log_gamma_ratio(a: float, step: float) -> float:
    r""":math:`\log(\Gamma(a + step) / \Gamma(a))`, by Stirling's series where the two logarithms are large and would cancel."""
    if min(a, a + step) < 20:
        return math.lgamma(a + step) - math.lgamma(a)
    rest = [1 / (12 * x) - 1 / (360 * x**3) + 1 / (1260 * x**5) - 1 / (1680 * x**7) for x in (a + step, a)]
    return (a + step - 0.5) * math.log1p(step / a) + step * (math.log(a) - 1) + rest[0] - rest[1]


def exp(value: float) -> float:
    """e^value, inf beyond the range of float64."""
    return math.exp(value) if value < 709 else math.inf


def normal_score(below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """The normal score of a point that has these masses below and above it (arrays), from the lesser of the two."""
    return np.where(below < above, special.ndtri(below), -special.ndtri(above))


def exponent(noise: Noise, k: float) -> float:
    """`k`, or ValueError where radii would leave float64 (small k), or levelset.py was not tried (k beyond 100)."""
    if not 0.1 <= k <= 100:
        raise ValueError(f"{noise.name} noise needs an exponent k from 0.1 to 100, got k={k}")
    return k
