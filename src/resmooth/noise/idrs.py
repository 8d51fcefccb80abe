"""Normal noise whose level depends on the image: input-dependent smoothing (Sukenik, Kuvshinov and Guennemann 2022)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from resmooth.noise.base import Noise
from resmooth.noise.neighbours import Neighbours
from resmooth.noise.normal import Normal

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike


class InputDependent(Normal):
    r"""Normal noise of level :math:`\sigma(x) = \sigma_b \exp(r (d_k(x) - m))` (slides `idrs`, appendix "The sigma(x) design").

    :math:`d_k(x)` is the mean l2 distance to the k nearest of a frozen set of reference images (neighbours.py). Since
    :math:`d_k` is 1-Lipschitz, :math:`\log \sigma` is r-Lipschitz: :math:`|\log \sigma(x) - \log \sigma(y)| \le r |x - y|_2`
    for all x and y. This is r-semi-elasticity, which the certificate requires (`resmooth.idrs.certified_radius`).

    sigma        :math:`\sigma_b`, the level at :math:`d_k(x) = m`, in units of the [0, 1] image
    rate, k, m   r at least 0, per unit of length; the number of neighbours; the distance that changes nothing, in [0, 1] units
    reference    [M, C, H, W], 8-bit or floats in [0, 1]: the training images, un-augmented, bound now or later (`on`)

    `mean_abs`, `mean_square` and `scale` are those at the base level. ValueError for parameters out of range, or if sigma(x)
    is needed and no reference images are bound.
    """

    name = "idrs"
    summary = (
        "Gaussian noise whose level sigma exp(rate (d - m)) depends on the image: d, mean distance to its k neighbours"
    )
    parameters = {
        "rate": "how fast log sigma may change, to a unit of l2 distance",
        "k": "neighbours",
        "m": "the distance at which sigma(x) is sigma",
    }
    level = "sigma is the base level; each image has its own"
    shape_parameters = ("rate", "k", "m")
    additive = False
    input_dependent = True
    rate: float
    k: int
    m: float
    neighbours: Neighbours | None

    def __init__(
        self,
        dim: int,
        sigma: float | None = None,
        rate: float = 0.01,
        k: int = 20,
        m: float = 0.0,
        reference: ArrayLike | torch.Tensor | None = None,
    ) -> None:
        for key, value in (("rate", rate), ("m", m)):
            if not (isinstance(value, Real) and math.isfinite(value) and value >= 0):
                raise ValueError(f"idrs noise needs as {key} a number of at least 0, got {value!r}")
        if not (isinstance(k, Integral) and k >= 1):
            raise ValueError(f"idrs noise needs a whole number k of neighbours, at least 1, got {k!r}")
        self.rate, self.k, self.m = float(rate), int(k), float(m)
        Noise.__init__(self, dim, sigma)
        self.neighbours = None if reference is None else Neighbours(reference, k)

    def facts(self) -> dict[str, Any]:
        return super().facts() | ({"reference_sha256": self.neighbours.sha256} if self.neighbours else {})

    def on(self, reference: ArrayLike | torch.Tensor, device: str | torch.device = "cpu") -> Self:
        """This noise, with its level decided by these reference images, searched on `device`."""
        bound = copy.copy(self)
        bound.neighbours = Neighbours(reference, self.k, device)
        return bound

    def levels(
        self,
        images: ArrayLike | torch.Tensor,
        without_itself: bool = False,
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> np.ndarray:
        r""":math:`\sigma(x)` of each of `images` [N, C, H, W], 8-bit or floats in [0, 1]: float64 [N].

        without_itself: for training images, leave each out of its own neighbours; it then gets the level of a new image.
        report: called with how many images are done, and their number.
        """
        if self.neighbours is None:
            raise ValueError(
                "idrs noise needs the reference images that decide sigma(x); bind them: noise.on(train_images)"
            )
        distances = self.neighbours.mean_distance(images, without_itself, report)
        with np.errstate(over="ignore"):
            levels = self.sigma * np.exp(self.rate * (distances - self.m))
        if not np.all((levels > 0) & np.isfinite(levels)):
            raise ValueError(f"{self.label}: sigma(x) leaves the range of numbers; choose a smaller rate, or another m")
        return levels

    def at(self, level: float) -> Normal:
        """The normal noise that an image of this level sees."""
        return Normal(self.dim, sigma=level)

    def for_image(self, image: torch.Tensor, level: float | None = None) -> Normal:
        """The normal noise that one `image` [C, H, W] sees, at `level` or else at its own."""
        return self.at(self.levels(image[None])[0] if level is None else level)

    def check_sequential(self) -> None:
        raise ValueError("under idrs noise each image has a level of its own: use certify, predict or counts")

    def noisy(self, image: torch.Tensor, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """`count` copies of one float `image` [C, H, W] at its own level: a fresh torch tensor [count, C, H, W]."""
        return self.for_image(image).noisy(image, count, generator)

    def perturbation(
        self,
        images: torch.Tensor,
        generator: torch.Generator | None = None,
        levels: ArrayLike | torch.Tensor | None = None,
    ) -> torch.Tensor:
        """What noise adds to each of `images` [B, C, H, W], at `levels` [B] or else at its own: a fresh tensor of their shape."""
        import torch

        levels = torch.as_tensor(self.levels(images) if levels is None else levels)
        unit = torch.randn(images.shape, generator=generator, device=images.device, dtype=images.dtype)
        return unit.mul_(levels.to(unit).view(-1, *[1] * (images.ndim - 1)))

    def sample(
        self,
        shape: tuple[int, ...],
        generator: torch.Generator | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> torch.Tensor:
        raise NotImplementedError("the level of idrs noise depends on the image; use noisy or perturbation")

    def radius(self, p: ArrayLike, norm: float) -> Any:
        raise NotImplementedError(
            "the radius under idrs noise depends on the level of each image; use resmooth.idrs.certified_radius"
        )
