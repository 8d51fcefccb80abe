"""Exact distances to the nearest of a frozen set of reference images."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike

REFERENCES, QUERIES = 4096, 4096  # rows to a matrix product
COPIES = 2**25  # numbers of neighbours' pixels to hold at once


class Neighbours:
    r"""The mean l2 distance to the k nearest reference images, :math:`d_k(x) = \frac1k \sum_{x_i \in N_k(x)} |x - x_i|_2`.

    It is 1-Lipschitz in l2. For a fixed set S of k references, :math:`x \mapsto \frac1k \sum_{i \in S} |x - x_i|` is a mean of
    1-Lipschitz functions, hence 1-Lipschitz; :math:`d_k` is the smallest of these over all S, and a minimum of 1-Lipschitz
    functions is 1-Lipschitz. This requires a fixed reference set and exact search: approximate search, or a reference set that
    is augmented anew for each run, would break it.

    reference   images [M, C, H, W], 8-bit or floats in [0, 1], of which a copy is kept; k from 1 to M; device: where to search

    Distances are computed in float64. Between 8-bit images they are exact but for the final square root: squared distances are
    whole numbers below 2^53 in units of 1/255, whatever the order of summation, so batches, threads and devices change no bit.
    An image of floats nearest to k / 255 is treated as that 8-bit image, a shift by one rounding error. ValueError for
    references of another kind or outside [0, 1], and for k out of range.
    """

    def __init__(self, reference: ArrayLike | torch.Tensor, k: int = 20, device: str | torch.device = "cpu") -> None:
        reference = _pixels(reference, "reference images")
        if reference.ndim != 4 or not len(reference):
            raise ValueError(f"reference images must be [M, C, H, W] with M at least 1, got {list(reference.shape)}")
        if reference.is_floating_point() and not ((reference >= 0) & (reference <= 1)).all():
            raise ValueError("reference images must lie in [0, 1]; divide 8-bit images by 255, or give them as uint8")
        if not hasattr(k, "__index__") or not 1 <= k <= len(reference):
            raise ValueError(f"k must be a whole number from 1 to the {len(reference)} reference images, got {k!r}")
        self.k, self.shape = int(k), reference.shape[1:]
        self.sha256 = hashlib.sha256(reference.cpu().contiguous().numpy().tobytes()).hexdigest()  # which set it is
        self.reference = reference.flatten(1).to(device, copy=True)

    def mean_distance(
        self,
        images: ArrayLike | torch.Tensor,
        without_itself: bool = False,
        report: Callable[[int, int], None] = lambda done, total: None,
    ) -> np.ndarray:
        r""":math:`d_k` of each of `images` [N, C, H, W], 8-bit or floats in [0, 1]: float64 [N], in units of the [0, 1] image.

        without_itself: for images that are themselves references, leave each out of its own neighbours. report: called with how
        many images are done, and their number. ValueError for images of another shape than the references', or if leaving one
        out leaves fewer than k, or for pixels that are no numbers.
        """
        import torch

        images = _pixels(images, "images")
        if images.shape[1:] != self.shape:
            raise ValueError(
                f"images {list(images.shape[1:])} and reference images {list(self.shape)} differ in shape; "
                "smooth with the training set of the same data"
            )
        wanted = self.k + without_itself
        if wanted > len(self.reference):
            raise ValueError(f"{len(self.reference)} reference images have only {len(self.reference) - 1} others")
        means = [np.zeros(0)]
        for points in images.flatten(1).split(QUERIES):
            points = _levels(points.to(self.reference.device))
            if not points.isfinite().all():
                raise ValueError("images must hold finite numbers: one has a pixel that is nan or infinite")
            nearest = self._nearest(points, wanted)
            rows = max(1, COPIES // (wanted * points.shape[1]))
            squares = [
                (self._references(chosen) - own[:, None]).square_().sum(dim=2)
                for own, chosen in zip(points.split(rows), nearest.split(rows))
            ]
            distances = torch.cat(squares).sqrt_().sort(dim=1).values.cpu().numpy() / 255
            means.append(distances[:, without_itself:].mean(axis=1))
            report(sum(map(len, means)), len(images))
        return np.concatenate(means)

    def _nearest(self, points: torch.Tensor, number: int) -> torch.Tensor:
        """Which references are nearest to each of `points` [n, d]: int64 [n, number]."""
        import torch

        best = torch.empty((len(points), 0), dtype=torch.float64, device=points.device)
        which = torch.empty((len(points), 0), dtype=torch.int64, device=points.device)
        for start in range(0, len(self.reference), REFERENCES):
            block = self._references(slice(start, start + REFERENCES))
            ranking = torch.addmm(block.square().sum(dim=1), points, block.T, alpha=-2)  # less |x|^2, the same for all
            best = torch.cat([best, ranking], dim=1)
            own = torch.arange(start, start + len(block), device=points.device).expand(len(points), -1)
            which = torch.cat([which, own], dim=1)
            best, places = best.topk(min(number, best.shape[1]), dim=1, largest=False)
            which = which.gather(1, places)
        return which

    def _references(self, chosen: torch.Tensor | slice) -> torch.Tensor:
        """These reference images in units of 1/255, float64 [..., d]."""
        return _levels(self.reference[chosen])


def _pixels(images: ArrayLike | torch.Tensor, what: str) -> torch.Tensor:
    """`images` as a tensor, half precision as float32, in which noise is added. ValueError unless it is 8-bit or of floats."""
    import torch

    images = torch.as_tensor(images)
    if not (images.is_floating_point() or images.dtype == torch.uint8):
        raise ValueError(f"{what} must be 8-bit (uint8) or floats in [0, 1], got {images.dtype}")
    return images.float() if images.element_size() == 2 else images


def _levels(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels in units of 1/255 as float64, those of 8-bit images exactly; `pixels` [..., d]: 8-bit, or floats in [0, 1]."""
    if not pixels.is_floating_point():
        return pixels.double()
    levels = pixels.double() * 255
    whole = levels.round()
    of_8_bit = ((whole / 255).to(pixels.dtype) == pixels).all(dim=-1, keepdim=True)
    return whole.where(of_8_bit, levels)
