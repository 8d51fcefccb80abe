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
    """The images or clips of a split as 8-bit arrays that lie on the device as a whole.

    levels   float64 [N], the noise level of each image, after `find_levels`; None where all have the same
    """

    levels: Tensor | None = None

    def __init__(self, split: Split, device: torch.device) -> None:
        self.device = device
        self.images = torch.from_numpy(split.images).to(device).movedim(-1, -3)
        self.labels = torch.from_numpy(split.labels).to(device)

    def __call__(self, numbers: Sequence[Tensor], seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images uint8 [B, C, H, W] or clips [B, F, C, H, W], labels [B]) for each index tensor [B] of `numbers`."""
        for chosen in numbers:
            yield self.images[chosen], self.labels[chosen]

    def find_levels(self, noise: Noise, report: Callable[[str], object]) -> None:
        """Find the level of each image where `noise` has one for each, left out of its own neighbours; report progress."""

        def so_far(done: int, total: int) -> None:
            report(f"noise levels of {done:,} of {total:,} training images")

        levels = noise.levels(self.images, without_itself=True, report=so_far)
        self.levels = None if levels is None else torch.from_numpy(levels).to(self.device)


class Files:
    """The images of a split whose images are files; worker processes decode and randomly crop them.

    chunk: of clips, how many frames to take at a random place of each; 0 for images.
    """

    levels: Tensor | None = None

    def __init__(self, split: FolderSplit, device: torch.device, workers: int, chunk: int = 0) -> None:
        self.split, self.device, self.workers = split, device, workers
        self.chunk = chunk
        self.labels = torch.from_numpy(split.labels).to(device)

    def find_levels(self, noise: Noise, report: Callable[[str], object]) -> None:
        """Nothing to find: ValueError under input-dependent noise, which compares images with all others in memory."""
        if noise.input_dependent:
            raise ValueError(f"{noise.name} noise compares images in memory; those of {self.split.dataset} stay files")

    def __call__(self, numbers: Sequence[Tensor], seed: int, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        pixels = self.split.stream([chosen.cpu() for chosen in numbers], seed, epoch, self.workers, self.chunk)
        for images, chosen in zip(pixels, numbers):
            yield images.to(self.device, non_blocking=True), self.labels[chosen]


def images_of(
    split: Split | FolderSplit, device: torch.device, workers: int | None = None, networks: int = 1, chunk: int = 0
) -> Arrays | Files:
    """Where the training images of `split` come from.

    Files are decoded by `workers` processes for each of `networks` (default: the machine's cores, shared among the networks and
    the processes that train). chunk: frames that are taken of each clip, if they are files.
    """
    if not hasattr(split, "stream"):
        return Arrays(split, device)
    if workers is None:
        cores = (
            len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        )  # not on every system
        workers = max(1, cores // (distributed.local_processes() * networks))
    return Files(cast("FolderSplit", split), device, workers, chunk)


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
    `steps_per_batch` from each batch of `numbers` (index tensors). Of clips the images are chunks [b, T, C, H, W]."""
    for (images, labels), chosen in zip(source(numbers, seed, epoch), numbers):
        if recipe.chunk:
            images = random_chunks(images, recipe.chunk, generator)
        images = augment(images.float().div_(255), recipe.crop, recipe.flip, generator, recipe.resize)
        yield from zip(*(values.chunk(recipe.steps_per_batch) for values in (images, labels, chosen)))


def random_chunks(clips: Tensor, chunk: int, generator: torch.Generator) -> Tensor:
    """`chunk` frames in a row of each clip [B, F, C, H, W], at a random place: [B, chunk, C, H, W]. Shorter clips are looped."""
    (count, frames), device = clips.shape[:2], clips.device
    first = torch.randint(max(1, frames - chunk + 1), (count, 1), generator=generator, device=device)
    within = (first + torch.arange(chunk, device=device)) % frames
    return clips[torch.arange(count, device=device)[:, None], within]


def augment(images: Tensor, crop: int, flip: bool, generator: torch.Generator, resize: int = 0) -> Tensor:
    """Shift each image [B, C, H, W] by up to `crop` pixels in each direction (zeros beyond the border); mirror half of them.

    resize: if not 0, make the images so large (bilinear) and take a random patch of their own size instead of a shift.
    All frames of a chunk [B, T, C, H, W] are shifted and mirrored alike.
    """
    if images.dim() == 5:
        return augment(images.flatten(1, 2), crop, flip, generator, resize).view_as(images)
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
    and mirroring, so that they are computed once. `strength` is the share of the noise that is added (`Recipe.noise_in`).
    """

    def __init__(self, noise: Noise, generators: Sequence[torch.Generator], strength: float = 1.0) -> None:
        self.noise, self.generators, self.sigma, self.strength = noise, generators, noise.sigma * strength, strength
        self.levels: Tensor | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """Noise of the shape of `images` [B * m, C, H, W], m copies of each image in a row."""
        levels = [] if self.levels is None else [self.levels.repeat_interleave(len(images) // len(self.levels))]
        drawn = self._each(images, self.noise.perturbation, *levels)
        return drawn if self.strength == 1 else drawn * self.strength

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
