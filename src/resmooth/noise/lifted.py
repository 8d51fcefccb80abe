"""Noise after a lift (`resmooth.noise.lifts`), as image space sees it."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from resmooth.noise.base import Noise
from resmooth.noise.lifts import Lift, Redrawn

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike


TAKEN = (
    "name",
    "dim",
    "sigma",
    "scale",
    "match",
    "arithmetic",
    "grid",
    "slack",
)  # attributes that a lift does not change


class Lifted(Noise):
    """`noise` after a lift, as image space sees it: radii are divided by `lipschitz`, L of the lift for the images at hand.

    `label`: of the lift; `copies`: makes the noisy copies, if the lift has to (`Redrawn.copies`), else the noise does.

    It has certificates in l2 alone. ValueError for noise whose law is not simply added to the lifted image.
    """

    def __init__(self, noise: Noise, label: str, lipschitz: float, copies: Callable[..., Any] | None = None) -> None:
        if not noise.additive or noise.input_dependent or noise.passes is not None:
            raise ValueError(f"{noise.name} noise cannot follow a lift ({label}): it is not simply added")
        if 2 not in noise.norms:
            raise ValueError(
                f"{noise.name} noise cannot follow a lift ({label}): it has no certificate of its own in l2"
            )
        self.noise, self.lift, self.lipschitz, self.norms = noise, label, lipschitz, (2,)
        vars(self).update({key: getattr(noise, key) for key in TAKEN})
        self._copies = copies or noise.next_copies

    @property
    def label(self) -> str:
        return self.noise.label

    def facts(self) -> dict:
        return self.noise.facts() | {"lift": self.lift, "lipschitz": self.lipschitz}

    def next_copies(
        self, image: torch.Tensor, start: int, count: int, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """The noisy copies of a lifted image after the first `start`, at most `count`."""
        return self._copies(image, start, count, generator)

    def sample(self, *arguments: Any, **options: Any) -> torch.Tensor:
        """Noise for lifted images, as `Noise.sample`."""
        return self.noise.sample(*arguments, **options)

    def radius(self, p: ArrayLike, norm: float) -> Any:
        """Certified l2 radius in image space, where p bounds p_A from below; as `Noise.radius`."""
        self.check_norm(norm)
        return self.noise.radius(p, norm) / self.lipschitz

    def check_norm(self, norm: float) -> None:
        """NotImplementedError unless `norm` is 2: L is a norm of l2."""
        super().check_norm(norm)
        if norm != 2:
            raise NotImplementedError(f"certificates after a lift are known in the l2 norm alone, not in l{norm:g}")


def lifted(noise: Noise, lift: Lift, image: Sequence[int], lipschitz: float) -> Lifted:
    """`noise` after `lift` on images of shape `image` [C, H, W]; `lipschitz`: L of what is certified.

    Noise made for the dimension of the image is made again, at the same sigma, for that of the lifted image. ValueError for any
    other dimension, and for exact arithmetic on an image whose values are no longer those of 8 bits.
    """
    from resmooth.noise import from_label

    dim = math.prod(lift.shape(image))
    if noise.dim not in (dim, math.prod(image)):
        raise ValueError(
            f"the noise has dimension {noise.dim}; the image has {math.prod(image)}, the lifted image {dim}"
        )
    if noise.dim != dim:
        noise = from_label(noise.label, dim, noise.sigma)
    resized = getattr(lift, "resize", None) or getattr(lift, "size", None)
    if noise.arithmetic == "exact" and (isinstance(lift, Redrawn) or resized not in (None, image[-1])):
        raise ValueError(
            "noise in exact arithmetic is added to 8-bit images; choose noise_space 'image', or no resizing"
        )
    copies = functools.partial(lift.copies, noise) if isinstance(lift, Redrawn) else None
    return Lifted(noise, lift.label, lipschitz, copies)
