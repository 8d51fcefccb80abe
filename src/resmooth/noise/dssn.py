"""Deterministic splitting noise: a few hundred fixed copies of an 8-bit image give its exact certificate (Levine, Feizi 2021)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from resmooth.noise.base import cached_pieces, inclusion
from resmooth.noise.grid import eight_bit
from resmooth.noise.ssn import SSN

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike

LEVELS = 255


class DSSN(SSN):
    r"""Deterministic splitting noise, for images of multiples of 1/255: L = :math:`\lfloor 2 \lambda \cdot 255 \rfloor` copies.

    Copy m = 0..L-1 cuts coordinate i at :math:`s_i(m) + Z L / 255`, where :math:`s_i(m) = ((t_i + m) \bmod L + 1/2) / 255`, and
    takes the middle of the part in [0, 1] of each value's cell (Levine and Feizi 2021). All coordinates share the offset m, so
    the class counts over `passes` = L copies are those of the smoothed classifier itself: no confidence, no abstention.

    `template` is the seed of t, fixed whole numbers uniform in 0..L-1. A network is trained for one template, which is part of
    the model. Level as in `SSN`; the cells are L / 255 wide, a little less than :math:`2 \lambda`. ValueError if L < 1 or
    L >= 2^20, beyond which float32 does not hold every cut exactly.
    """

    name = "dssn"
    summary = "deterministic splitting noise: a few hundred copies are counted and give the exact certificate, for 8-bit images"
    parameters = {"template": "seed of its fixed pattern"}
    shape_parameters = ("template",)
    passes: int

    def __init__(
        self, dim: int, sigma: float | None = None, scale: float | None = None, match: int = 2, template: int = 0
    ) -> None:
        if not hasattr(template, "__index__") or template < 0:
            raise ValueError(f"template must be a whole number of at least 0, got {template!r}")
        self.template = template
        super().__init__(dim, sigma, scale, match)
        self.passes = math.floor(2 * LEVELS * self.scale * (1 + 1e-12))  # L / 510 is L passes, however it was rounded
        if not 1 <= self.passes < 2**20:
            raise ValueError(f"dssn noise needs a scale between 1/510 and 2050, got {self.scale}")
        words = np.random.PCG64(template).random_raw(self.dim) >> np.uint64(32)  # raw words: the same in every numpy
        self._starts = (words * np.uint64(self.passes) >> np.uint64(32)).astype(np.float32)

    def sample_sizes(self, n0: int, n: int) -> tuple[int, int]:
        """(0, `passes`) whatever is asked for: no copies select a class, and all are counted."""
        return 0, self.passes

    def check_sequential(self) -> None:
        raise ValueError("dssn noise is deterministic: certify counts all of its copies")

    def next_copies(
        self, image: torch.Tensor, start: int, count: int, generator: torch.Generator | None = None
    ) -> torch.Tensor:
        """The copies that follow the first `start`, in order and up to the last; they begin again after it."""
        start %= self.passes
        return self.copies(image, start, min(count, self.passes - start))

    def copies(self, image: torch.Tensor, start: int, count: int) -> torch.Tensor:
        """Copies number `start` to start + count - 1 of one 8-bit `image`: a fresh torch tensor [count, *image.shape].

        ValueError if they are not among the `passes`, or if the image is not 8-bit (floats k / 255).
        """
        import torch

        if not 0 <= start <= start + count <= self.passes:
            raise ValueError(f"dssn noise has copies 0 to {self.passes - 1}; got start={start}, count={count}")
        return self._cut(image[None], torch.arange(start, start + count, device=image.device))

    def noisy(self, image: torch.Tensor, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """`count` copies of one 8-bit `image`, each any of the `passes` at random: a fresh torch tensor [count, *image.shape]."""
        return self._cut(image[None], self._numbers(count, generator, image.device))

    def perturbation(self, images: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A random copy less the image for each of the 8-bit `images` [B, ...]: a fresh torch tensor of their shape."""
        return self._cut(images, self._numbers(len(images), generator, images.device)).sub_(images)

    def _numbers(self, count, generator, device):
        import torch

        return torch.randint(self.passes, (count,), generator=generator, device=device)

    def _cut(self, images, numbers):
        """Copy numbers[b] of images[b], or of the one image [1, ...]: [B, ...], in whole steps of 1/510 until the end.

        Pixel values are even numbers of steps and cuts odd ones, so that no value lies on a cut; all are exact in float32.
        """
        import torch

        self._fit(images.shape[1:])
        starts = torch.from_numpy(self._starts).to(images.device).view(images.shape[1:])
        copies = images.new_empty(len(numbers), *images.shape[1:])
        parts = cached_pieces(copies)
        originals = cached_pieces(images) if len(images) == len(numbers) else [images] * len(parts)
        for part, original, chosen in zip(parts, originals, numbers.split([len(part) for part in parts])):
            part.copy_(self._cut_part(original, chosen, starts))
        return copies

    def _cut_part(self, images, numbers, starts):
        """As `_cut`, with `starts` [...] on the device."""
        import torch

        low = numbers.to(torch.float32).view(-1, *[1] * starts.ndim) + starts  # modulo L all the same: L is one cell
        low.mul_(2).add_(1)
        width = 2 * self.passes
        low.add_(eight_bit(images, "dssn noise").mul_(2).sub(low).div_(width).floor_(), alpha=width)
        high = low.add(width).clamp_(0, 2 * LEVELS)
        return low.clamp_(0, 2 * LEVELS).add_(high).mul_(1 / (4 * LEVELS))

    def radius(self, p: ArrayLike, norm: float = 1) -> Any:
        raise NotImplementedError("dssn is exact: its radius follows from the counts of all its passes")

    def radius_from_counts(self, counts: ArrayLike, norm: float = 1) -> np.ndarray:
        r"""Certified radius of the most frequent class, the lowest of those that tie: float64 [N], in units of the image.

        A change of 1/255 in one coordinate alters one of the passes, and so moves one count to another class. Hence in l1, with
        `counts` [N, K] of all passes, :math:`R = \min_{B \ne A} \lfloor (n_A - n_B - 1[B < A]) / 2 \rfloor / 255` (Levine and
        Feizi 2021) holds against every 8-bit image; l2 and linf follow from it. It is inf for K = 1, where nothing can change.
        ValueError unless each row sums to `passes`; NotImplementedError for l0.
        """
        self.check_norm(norm)
        counts = np.asarray(counts).astype(np.int64)
        if (counts < 0).any() or (counts.sum(axis=1) != self.passes).any():
            raise ValueError(f"dssn noise: the counts of an image must be those of all {self.passes} passes")
        top = counts.argmax(axis=1)[:, None]
        lead = np.take_along_axis(counts, top, axis=1) - counts - (np.arange(counts.shape[1]) < top)
        others = np.where(np.arange(counts.shape[1]) == top, math.inf, lead // 2)
        return inclusion(norm, 1, self.dim) * others.min(axis=1) / LEVELS
