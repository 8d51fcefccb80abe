"""Randomized ablation: a fixed number of pixels is retained; certifies changes of a few pixels, l0 (Levine and Feizi 2020)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from resmooth.noise.base import cached_pieces
from resmooth.noise.mask import Mask

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike


class Ablation(Mask):
    r"""Exactly k of the pixels are retained, uniformly without replacement; the others are set to `fill` (Levine and Feizi 2020).

    Give k or sigma, the share of masked pixels: :math:`k = pixels\,(1 - \sigma)`, rounded; `sigma` stays as it was given and
    `p` = k / pixels is what holds. Pixels, channels and moments as in `Mask`. ValueError unless 0 < k < pixels.

    The authors encode a masked pixel by a symbol of its own; here it is `fill`, as in `Mask`.
    """

    name = "ablation"
    summary = "a fixed number of pixels, chosen at random, is retained; the others are masked"

    def __init__(
        self, dim: int, k: int | None = None, sigma: float | None = None, channels: int = 1, fill: float = 0
    ) -> None:
        self._divide(dim, channels, fill)
        if (k is None) == (sigma is None):
            raise ValueError("ablation noise needs exactly one of k and sigma")
        if sigma is not None:
            if not 0 < sigma < 1:
                raise ValueError(f"ablation noise needs sigma between 0 and 1, got {sigma}")
            k = round(self.pixels * (1 - sigma))
        if k is None or not (hasattr(k, "__index__") and 0 < k < self.pixels):
            raise ValueError(f"ablation noise needs a whole k between 0 and {self.pixels} pixels, got k={k}")
        self.k = k
        self.p = self.k / self.pixels
        self.sigma = self.scale = float(1 - self.p if sigma is None else sigma)
        self.slack = self.pixels**2 * 2.0**-62

    def retained(
        self, count: int, generator: torch.Generator | None = None, device: str | torch.device | None = None
    ) -> torch.Tensor:
        """Draw which pixels stay: a torch tensor, bool [count, pixels], k of each row."""
        if 2 * self.k > self.pixels:  # then it is faster to choose the masked ones
            return self._choose(self.pixels - self.k, count, generator, device).logical_not_()
        return self._choose(self.k, count, generator, device)

    def _choose(self, number, count, generator, device):
        """Choose `number` pixels of each row, all choices equally likely: bool [count, pixels].

        First each pixel by itself, so rarely that hardly a row gets too many (it is drawn anew then); after that pixels one by
        one, wherever they are not chosen yet. By symmetry no choice is likelier than another; `slack` covers that 64-bit words
        taken modulo the number of pixels are not quite uniform.
        """
        import torch

        share = max(0.0, number - 4 * math.sqrt(number)) / self.pixels
        chosen = torch.empty((count, self.pixels), dtype=torch.bool, device=device)
        for part in cached_pieces(chosen):
            words = torch.empty_like(part, dtype=torch.int64).random_(-(2**63), None, generator=generator)
            torch.lt(words, int(share * 2**64) - 2**63, out=part)
        missing = number - chosen.sum(dim=1, keepdim=True)
        while count and (most := int(missing.max())) > 0:
            places = torch.empty((most, count, 1), dtype=torch.int64, device=device).random_(generator=generator)
            for place in places.remainder_(self.pixels):
                new = chosen.gather(1, place).logical_not_().logical_and_(missing > 0)
                chosen.scatter_add_(1, place, new)
                missing -= new.to(missing.dtype)
        again = (missing < 0).squeeze(1)
        if again.any():
            chosen[again] = self._choose(number, int(again.sum()), generator, device)
        return chosen

    def changed(self, count: ArrayLike) -> Any:
        r""":math:`\Delta_R = 1 - {d - R \choose k} / {d \choose k} = 1 - \prod_{i < R} (1 - k / (d - i))`, d pixels.

        The probability that any of R = `count` given pixels is retained. `count`: whole number or array, 0 to `pixels`; returns
        float64 of the same shape. ValueError for others.
        """
        return super().changed(count)

    def _masked_in_turn(self):
        left = self.pixels - np.arange(self.pixels)
        return np.maximum(left - self.k, 0) / left
