"""Training images on the device in random order, shifted, mirrored and cut into the pieces of an optimiser step each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from resmooth.noise.lifts import Resize
from resmooth.training import distributed

if TYPE_CHECKING:
    from resmooth.datasets import FolderSplit, Split
    from resmooth.noise.base import Noise
    from resmooth.training.recipe import Recipe


class Arrays:
    """The images of a split as 8-bit arrays that lie on the device as a whole.

    levels   float64 [N], the noise level of each image, after `find_levels`; None where all have the same
    """

    levels: Tensor | None = None

    def __init__(self, split: Split, device: torch.device) -> None:
        self.device = device
        self.images = torch.from_numpy(split.images).to(device).permute(0, 3, 1, 2)
        self.labels = torch.from_numpy(split.labels).to(device)

    def __call__(self, numbers: Sequence[Tensor], seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images uint8 [B, C, H, W], labels [B]) for each index tensor [B] of `numbers`."""
        for chosen in numbers:
            yield self.images[chosen], self.labels[chosen]

    def find_levels(self, noise: Noise, report: Callable[[str], object]) -> None:
        """Find the level of each image where `noise` has one for each, left out of its own neighbours; report progress."""

        def so_far(done: int, total: int) -> None:
            report(f"noise levels of {done:,} of {total:,} training images")

        levels = noise.levels(self.images, without_itself=True, report=so_far)
        self.levels = None if levels is None else torch.from_numpy(levels).to(self.device)


class Files:
    """The images of a split whose images are files; worker processes decode and randomly crop them."""

    levels: Tensor | None = None

    def __init__(self, split: FolderSplit, device: torch.device, workers: int) -> None:
        self.split, self.device, self.workers = split, device, workers
        self.labels = torch.from_numpy(split.labels).to(device)

    def find_levels(self, noise: Noise, report: Callable[[str], object]) -> None:
        """Nothing to find: ValueError under input-dependent noise, which compares images with all others in memory."""
        if noise.input_dependent:
            raise ValueError(f"{noise.name} noise compares images in memory; those of {self.split.dataset} stay files")

    def __call__(self, numbers: Sequence[Tensor], seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        pixels = self.split.stream([chosen.cpu() for chosen in numbers], seed, epoch, self.workers)
        for images, chosen in zip(pixels, numbers):
            yield images.to(self.device, non_blocking=True), self.labels[chosen]


def images_of(
    split: Split | FolderSplit, device: torch.device, workers: int | None = None, networks: int = 1
) -> Arrays | Files:
    """Where the training images of `split` come from.

    Files are decoded by `workers` processes for each of `networks` (default: the machine's cores, shared among the networks and
    the processes that train).
    """
    if not hasattr(split, "stream"):
        return Arrays(split, device)
    if workers is None:
        cores = (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )  # not on every system
        workers = max(1, cores // (distributed.local_processes() * networks))
    return Files(cast("FolderSplit", split), device, workers)


def order(
    count: int,
    batch_size: int,
    generator: torch.Generator,
    device: torch.device,
    rank: int = 0,
    processes: int = 1,
) -> list[Tensor]:
    """Index tensors of an epoch's batches in random order; for each of several processes an equal part of every batch.

    A rest of images that they cannot share equally is left out of the epoch. ValueError if they cannot share a batch.
    """
    if batch_size % processes:
        raise ValueError(
            f"recipe: {processes} processes cannot share batches of {batch_size} images equally; "
            "start another number of processes, or change batch_size"
        )
    numbers = torch.randperm(count, generator=generator, device=device)
    return [batch[rank::processes] for batch in numbers[: count // processes * processes].split(batch_size)]


def pieces(
    source: Arrays | Files,
    numbers: Sequence[Tensor],
    recipe: Recipe,
    generator: torch.Generator,
    seed: int,
    epoch: int,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (images float32 [b, C, H, W] in [0, 1], labels [b], which images [b]) for each optimiser step, up to
    `steps_per_batch` from each batch of `numbers` (index tensors)."""
    for (images, labels), chosen in zip(source(numbers, seed, epoch), numbers):
        images = augment(images.float().div_(255), recipe.crop, recipe.flip, generator, recipe.resize)
        yield from zip(*(values.chunk(recipe.steps_per_batch) for values in (images, labels, chosen)))


def augment(images: Tensor, crop: int, flip: bool, generator: torch.Generator, resize: int = 0) -> Tensor:
    """Shift each image [B, C, H, W] by up to `crop` pixels in each direction (zeros beyond the border); mirror half of them.

    resize: if not 0, make the images so large (bilinear) and take a random patch of their own size instead of a shift.
    """
    count, _, height, width = images.shape
    device = images.device
    if flip:
        mirrored = torch.rand(count, generator=generator, device=device) < 0.5
        images = torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
    if crop or resize:
        padded = F.pad(images, (crop,) * 4) if crop else Resize(resize).apply(images)
        shift = torch.randint(padded.shape[2] - height + 1, (2, count, 1), generator=generator, device=device)
        rows = (shift[0] + torch.arange(height, device=device)).view(count, 1, height, 1)
        columns = (shift[1] + torch.arange(width, device=device)).view(count, 1, 1, width)
        images = padded.gather(2, rows.expand(-1, images.shape[1], -1, padded.shape[3]))
        images = images.gather(3, columns.expand(-1, images.shape[1], height, -1))
    return images


class Draw:
    """The random draws of an objective for its images: noise, and uniform numbers.

    The images of several networks lie one after the other, in equal parts; each part is drawn from a generator of its own, so
    that a network's noise does not depend on which others are trained beside it.

    `levels` [B] is set for each step if noise levels depend on the image. They are those of the training images before shifts
    and mirroring, so that they are computed once.
    """

    def __init__(self, noise: Noise, generators: Sequence[torch.Generator]) -> None:
        self.noise, self.generators, self.sigma = noise, generators, noise.sigma
        self.levels: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """Noise of the shape of `images` [B * m, C, H, W], m copies of each image in a row."""
        if self.levels is None:
            return self._each(images, self.noise.perturbation)
        levels = self.levels.repeat_interleave(len(images) // len(self.levels))
        return self._each(images, self.noise.perturbation, levels)

    def uniform(self, images: Tensor) -> Tensor:
        """A number in [0, 1) for each of `images`: [B]."""
        return self._each(
            images, lambda part, generator: torch.rand(len(part), generator=generator, device=part.device)
        )

    def _each(self, images, draw, *values):
        """What `draw(images, generator, *values)` makes of each network's part of `images` and `values`, one after the other."""
        parts, *others = (tensor.chunk(len(self.generators)) for tensor in (images, *values))
        return joined([draw(*part) for part in zip(parts, self.generators, *others)])


def joined(tensors: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    """The tensors one after the other; a single one as it is, without a copy."""
    return tensors[0] if len(tensors) == 1 else torch.cat(tensors)
