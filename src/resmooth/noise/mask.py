"""Masking noise: each pixel is set to 0 at random; certifies changes of a few pixels (l0)."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np

from resmooth.noise.base import Noise, as_probability

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike

ROUNDING = 2.0**-52


class Mask(Noise):
    r"""Each pixel is retained with probability p, independently, or else set to `fill` in all its channels (source `noises`, l0).

    Give p or sigma = 1 - p, the mean share of masked pixels. `dim` coordinates make dim / `channels` pixels: with channels=1
    every coordinate is a pixel of its own, as in the source; with channels=C an image's first axis has C entries and they share
    the mask. ValueError unless 0 < p < 1 and `channels` divides `dim`.

    The source fills with 0, a value that pixels have too. A `fill` outside [0, 1] tells the network which pixels are masked, as
    does the symbol that Levine and Feizi 2020 give them. The certificate is the same, for masks do not depend on x.

    With fill 0, masking adds -x_i to a masked coordinate i, so the moments of this noise depend on the image:
    :math:`E|\epsilon|_2^2 = (1 - p) |x|_2^2`. `mean_abs` and `mean_square` are those for an image of ones, 1 - p.
    """

    name = "mask"
    kind = "masking"
    summary = "each pixel is masked independently, at random"
    parameters = {"fill": "value of masked pixels; outside [0, 1] (-1, say) it tells them from black ones"}
    level = "sigma is the share of masked pixels"
    norms = (0,)
    shape_parameters: tuple[str, ...] = ("channels",)
    additive = False

    def __init__(
        self, dim: int, p: float | None = None, sigma: float | None = None, channels: int = 1, fill: float = 0
    ) -> None:
        self._divide(dim, channels, fill)
        if p is not None and sigma is None:
            self.p, self.sigma = float(p), float(1 - p)
        elif p is None and sigma is not None:
            self.p, self.sigma = float(1 - sigma), float(sigma)
        else:
            raise ValueError(f"{self.name} noise needs exactly one of p and sigma")
        self.scale = self.sigma
        if not (0 < self.p < 1 and 0 < self.sigma < 1):
            given = f"sigma={sigma}" if p is None else f"p={p}"
            raise ValueError(f"{self.name} noise needs p and sigma = 1 - p between 0 and 1, got {given}")

    def _divide(self, dim, channels, fill):
        if type(fill) not in (int, float) or not np.isfinite(fill):
            raise ValueError(f"{self.name} noise fills masked pixels with a number, got {fill!r}")
        self.fill = fill
        if fill:
            self.shape_parameters = ("channels", "fill")
        whole = hasattr(dim, "__index__") and hasattr(channels, "__index__")
        if not whole or dim < 1 or channels < 1 or dim % channels:
            raise ValueError(f"{self.name} noise cannot divide {dim} coordinates into pixels of {channels} channels")
        self.dim, self.channels, self.pixels, self.match = int(dim), int(channels), int(dim // channels), 2

    @property
    def mean_abs(self) -> float:
        """E|z_i| per coordinate for an image of ones: the share of masked pixels."""
        return 1 - self.p

    @property
    def mean_square(self) -> float:
        """E z_i^2 per coordinate for an image of ones: the share of masked pixels."""
        return 1 - self.p

    def sample(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        raise NotImplementedError(f"what {self.name} noise adds depends on the image; use noisy or perturbation")

    def noisy(self, image: torch.Tensor, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """`count` masked copies of one float `image` [C, H, W]: a fresh torch tensor [count, C, H, W]."""
        stays = self._mask(count, image.shape, generator, image.device)
        if not self.fill:
            return stays.to(image.dtype) * image
        return image.where(stays, self.fill)

    def perturbation(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """`fill` - x where a pixel is masked, else 0, for each of `images` [B, C, H, W]: a fresh torch tensor of their shape."""
        import torch

        stays = self._mask(len(images), images.shape[1:], generator, images.device)
        return torch.where(stays, 0, images - self.fill if self.fill else images).neg_()

    def _mask(self, count, shape, generator, device):
        """Which coordinates stay: bool [count, *shape], but for one channel where all share the mask."""
        self._fit(shape)
        if self.channels > 1 and shape[0] != self.channels:
            raise ValueError(
                f"{self.name} noise over {self.channels} channels does not fit images of shape {tuple(shape)}"
            )
        return self.retained(count, generator, device).view(count, *(shape if self.channels == 1 else (1, *shape[1:])))

    def retained(
        self, count: int, generator: torch.Generator | None = None, device: str | torch.device | None = None
    ) -> torch.Tensor:
        """Draw which pixels stay: a torch tensor, bool [count, pixels].

        One 32-bit word decides a pixel. This rounds p down to a multiple of 2^-32, so the certificate stays valid.
        """
        import torch

        words = torch.empty((count, self.pixels), dtype=torch.int32, device=device)
        return words.random_(-(2**31), None, generator=generator) < int(self.p * 2**32) - 2**31

    def radius(self, p: ArrayLike, norm: float = 0) -> Any:
        r"""Certified number of pixels (l0), where `p` bounds p_A from below: the largest R with :math:`p_A - \Delta_R > 1/2`.

        An image and one that differs in R pixels look the same under every mask that retains none of these, so their class
        probabilities differ by at most :math:`\Delta_R`, the probability that one is retained (`changed`). Returns whole
        numbers, float64 of the shape of `p`, at most `pixels`; rounding only lowers them. ValueError for p outside [0, 1];
        NotImplementedError for a norm other than 0.
        """
        self.check_norm(norm)
        lower = self._untouched * (1 - ROUNDING * (2 * np.arange(self.pixels + 1) + 2))
        return np.searchsorted(-lower[1:], as_probability(p) - 1.5).astype(float)[()]

    def union_radius(self, p: ArrayLike) -> Any:
        r"""The smaller radius of the source's union bound: the largest R with :math:`p_A > 1/2 + R p`. Otherwise as `radius`."""
        least = np.ceil((as_probability(p) - 0.5) / self.p * (1 - 2 * ROUNDING)) - 1
        return np.clip(least, 0.0, self.pixels)[()]

    def changed(self, count: ArrayLike) -> Any:
        r""":math:`\Delta_R`, the probability that any of R = `count` given pixels is retained: 1 - (1 - p)^R.

        `count`: whole number or array, 0 to `pixels`; returns float64 of the same shape. ValueError for others.
        """
        count = np.asarray(count)
        number = count.astype(int)
        if not np.all((number == count) & (number >= 0) & (number <= self.pixels)):
            raise ValueError(f"{self.name} noise: changed pixels must be whole numbers between 0 and {self.pixels}")
        return (1 - self._untouched[number])[()]

    @functools.cached_property
    def _untouched(self):
        """The probability that none of R given pixels is retained, R = 0..pixels; relative error below R ROUNDING."""
        return np.append(1.0, np.cumprod(self._masked_in_turn()))

    def _masked_in_turn(self):
        """The probability that pixel i = 0..pixels-1 is masked, given that those before it are."""
        return np.full(self.pixels, self.sigma)
