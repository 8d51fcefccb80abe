r"""Gaussian noise on a grid of 1/255 or finer, so that 8-bit image + noise has no rounding error ("exact" arithmetic).

The theorem of Cohen et al. 2019 holds for real numbers. In float32 the rounding of x + noise depends on x, a classifier can
exploit this, and false certificates exist (Voracek and Hein 2023; Jin et al. 2022). Here images are integers times 1 / grid, with
grid = 255 * 2^m, and so is the noise: Z = round(grid * eps), eps Gaussian. For x on the grid round(x + eps) = x + round(eps),
hence the theorem holds for the base classifier f(round(.)), and the sum in steps is exact below 2^24 in float32.

There remains a distance between the drawn Z and the ideal one. One 64-bit word W draws one coordinate: Z is the
number of thresholds T_k <= W, less K, where T_k = floor(2^64 Phi((k + 1/2) / s)), s = scale * grid, k = -K..K-1 (the table
holds them shifted by -2^63, as signed words). Each threshold is wrong by less than 2^-64, and |Z| > K = ceil(9.2 s), never
drawn, has probability below 2^-64. The total variation distance is therefore at most (2 K + 1) 2^-64 for one coordinate and
dim times that for an image: the `slack` that a certificate subtracts from its probability. Words are taken to be uniform.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

STEPS = 16  # grid steps to one standard deviation, at least: rounding then costs no accuracy worth naming
REACH = 9.2  # 2 Phi(-9.2) = 0.66 * 2^-64
BITS = 192  # of the fixed-point series; its terms stay below 2^65, so that some 110 bits behind the point are correct
PIECE = 2**16  # coordinates to a draw, few enough to stay in the cache; part of what a generator's state means
INVERSE_ROOT = (3989422804014326779399460599343818684758586311649346576659258 << BITS) // 10**61  # 1 / sqrt(2 pi)


def resolution(scale: float) -> int:
    """The grid for Gaussian noise of standard deviation `scale`: the least 255 * 2^m with at least 16 steps to `scale`.

    ValueError if float32 could not hold every sum of an image and noise exactly.
    """
    grid = 255
    while grid * scale < STEPS:
        grid *= 2
    if grid + _last(scale, grid) >= 2**24:
        raise ValueError(f"exact arithmetic in float32 needs noise of scale between 1e-6 and 7000, got {scale}")
    return grid


def slack(dim: int, scale: float, grid: int) -> float:
    """Bound on the total variation distance between the drawn and the ideal noise of `dim` coordinates."""
    return dim * (2 * _last(scale, grid) + 1) * 2.0**-64


def image_steps(image: torch.Tensor, grid: int) -> torch.Tensor:
    """The 8-bit `image`, floats k / 255, in grid steps: exact integers in float32. ValueError if it is not 8-bit."""
    return eight_bit(image, 'arithmetic="exact"', '; use "float" for others').mul_(grid // 255)


def eight_bit(images: torch.Tensor, what: str, instead: str = "") -> torch.Tensor:
    """The levels k of 8-bit `images`, floats k / 255: exact whole numbers in float32. ValueError: `what` needs such images."""
    scaled = images.float() * 255
    levels = scaled.round()
    if not (((scaled - levels).abs() < 1e-4) & (levels >= 0) & (levels <= 255)).all():
        raise ValueError(f"{what} needs 8-bit images, multiples of 1/255 in [0, 1]{instead}")
    return levels


def noise_steps(
    shape: tuple[int, ...],
    scale: float,
    grid: int,
    generator: torch.Generator | None,
    device: str | torch.device | None,
) -> torch.Tensor:
    """Draw Z, integers in a float32 tensor of `shape`: on the CPU by 16 bits for most, elsewhere by 64 bits for each."""
    import torch

    device = torch.device(device or "cpu")
    draw = _draw_short if device.type == "cpu" else _draw_full
    return draw(math.prod(shape), scale, grid, generator, device).view(shape)


def _draw_short(count, scale, grid, generator, device):
    """Z by the upper 16 bits of its word where they decide it (97 % of draws at scale 1); the others draw 48 bits more."""
    import torch

    steps, decided = torch.empty(count), torch.from_numpy(guide(scale, grid))
    for piece in steps.split(PIECE):
        upper = _words(-(-len(piece) // 4), generator, device).view(torch.uint16)[: len(piece)].to(torch.int32)
        torch.index_select(decided, 0, upper, out=piece)
        rest = torch.from_numpy(np.flatnonzero(np.isnan(piece.numpy())))
        lower = torch.empty(len(rest), dtype=torch.int64).random_(0, 2**48, generator=generator)
        piece[rest] = _count(((upper[rest].long() - 2**15) << 48) + lower, scale, grid)
    return steps


def _draw_full(count, scale, grid, generator, device):
    """Z by all 64 bits of its word: the same law, without a branch that a GPU would have to wait for."""
    return _count(_words(count, generator, device), scale, grid)


def _words(count, generator, device):
    import torch

    return torch.empty(count, dtype=torch.int64, device=device).random_(-(2**63), None, generator=generator)


def _count(words, scale, grid):
    """Z of signed 64-bit words: the number of thresholds not above each, less K."""
    import torch

    return torch.searchsorted(_thresholds_on(words.device, scale, grid), words, right=True).float() - _last(scale, grid)


@functools.cache
def _thresholds_on(device, scale, grid):
    import torch

    return torch.from_numpy(thresholds(scale, grid)).to(device)


@functools.cache
def thresholds(scale: float, grid: int) -> np.ndarray:
    r"""The signed words T_k - 2^63, k = -K..K-1, int64 [2 K], by a series in integers, for no floating-point error to bound:

    :math:`\Phi(x) - 1/2 = (2 \pi)^{-1/2} \sum_n (-1)^n x (x^2 / 2)^n / (n! (2 n + 1))`.
    """
    per_step = 1 / (2 * grid * Fraction(scale))  # x = (2 k + 1) per_step
    odd = np.arange(1, 2 * _last(scale, grid), 2).astype(object)
    half_square = (odd**2 * per_step.numerator**2 << BITS) // (2 * per_step.denominator**2)
    term = (odd * per_step.numerator << BITS) // per_step.denominator
    total, n = 0 * odd, 0
    while term.any():
        total = total + (1 - 2 * (n % 2)) * (term // (2 * n + 1))
        n += 1
        term = (term * half_square >> BITS) // n
    upper = (total * INVERSE_ROOT >> 2 * BITS - 64).astype(np.int64)
    return np.concatenate([-upper[::-1], upper])


@functools.cache
def guide(scale: float, grid: int) -> np.ndarray:
    """Z by the upper 16 bits of its word, float32 [65536]; not a number where they do not decide it."""
    first = np.arange(-(2**15), 2**15, dtype=np.int64) << 48
    low, high = (
        np.searchsorted(thresholds(scale, grid), words, side="right") for words in (first, first + (2**48 - 1))
    )
    return np.where(low == high, low - _last(scale, grid), np.nan).astype(np.float32)


def _last(scale, grid):
    """K, the largest value of Z that is drawn."""
    return math.ceil(REACH * scale * grid)
