"""Counting the votes of noisy copies, as fast as the machine allows.

Batches are full, in the network's precision and memory layout; copies of several images share a batch if one image does not fill
it. Votes are counted on the device, without synchronisation until an image is done. `resmooth.smoothing.streams` determines the
noise of each image; nothing here changes it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from resmooth.classifiers.inference import InferenceGraph
from resmooth.models.mode import evaluation_mode
from resmooth.smoothing.streams import Stream, block

if TYPE_CHECKING:
    import numpy as np

    from resmooth.smoothing.smoothed import Smoothed

Vote = Callable[[torch.Tensor], torch.Tensor]  # images [B, C, H, W] -> classes or scores [V, B, ...] of V classifiers

GROUP = 2**28  # bytes of drawn but unused noise that images sampled side by side may hold


def count_votes(
    smoothed: Smoothed, vote: Vote, streams: Sequence[tuple[Stream, int]], steps: Sequence[int] | None = None
) -> list[torch.Tensor]:
    """Count the votes over noisy copies of images, `streams` being pairs (Stream, number of copies to take from it).

    `vote`: noisy images [B, C, H, W] -> classes [V, B] of V classifiers (`Smoothed.vote`: of one, `Ensemble.votes`: of all that
    its members make up). Returns for each stream int64 [V, S, num_classes] on the CPU: the counts of each `steps[i]` consecutive
    copies, the last of them perhaps fewer; S is 1 without `steps`. ValueError if a score is not a number.
    """
    steps = steps or [n for _, n in streams]
    slots = [-(-n // step) for (_, n), step in zip(streams, steps)]
    first = [sum(slots[:position]) for position in range(len(slots))]
    width = smoothed.num_classes + 1  # the last column counts scores that are no numbers
    total: Any = None
    with torch.inference_mode(), evaluation_mode(smoothed.classifier):
        for images, cells in batches(smoothed, streams, steps, first, width):
            classes = vote_in_memory(smoothed, vote, images)
            if total is None:
                total = classes.new_zeros(len(classes), sum(slots) * width)
                one = classes.new_ones(())
            total.scatter_add_(1, classes + cells, one.expand_as(classes))
    counts = total.cpu().view(len(total), sum(slots), width).split(slots, dim=1)
    for (stream, n), votes in zip(streams, counts):
        if votes[:, :, -1].any():
            bad = int(votes[:, :, -1].sum(dim=1).max())
            raise ValueError(f"image {stream.index}: a score is not a number for {bad} of {n} noisy copies")
    return [votes[:, :, :-1] for votes in counts]


def batches(
    smoothed: Smoothed,
    streams: Sequence[tuple[Stream, int]],
    steps: Sequence[int],
    first: Sequence[int],
    width: int,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield (noisy images [B, C, H, W], where to count them [B]): the copies of all streams, one after the other.

    The batches share one buffer: use each before asking for the next.
    """
    shape, wanted = streams[0][0].image.shape, sum(n for _, n in streams)
    images, filled = smoothed.batch(min(smoothed.batch_size, wanted), shape), 0
    cells = torch.empty(len(images), dtype=torch.int64, device=smoothed.device)
    for (stream, n), step, slot in zip(streams, steps, first):
        taken = 0
        while taken < n:
            number = min(n - taken, len(images) - filled)
            stream.take(images[filled : filled + number])
            within = torch.arange(taken, taken + number, device=smoothed.device) // step
            cells[filled : filled + number] = (slot + within) * width
            taken, filled = taken + number, filled + number
            if filled == len(images):
                yield images, cells
                filled = 0
                if len(images) > smoothed.batch_size:  # memory ran out
                    images, cells = images[: smoothed.batch_size], cells[: smoothed.batch_size]
    if filled:
        yield images[:filled], cells[:filled]


def vote_in_memory(smoothed: Smoothed, vote: Vote, images: torch.Tensor) -> torch.Tensor:
    """`vote(images)`, in halves (and in smaller batches from then on) where the device's memory does not suffice."""
    try:
        return vote(images)
    except torch.OutOfMemoryError as error:
        if len(images) == 1:
            raise MemoryError(f"one image does not fit the memory of {smoothed.device}: {error}") from None
    half = -(-len(images) // 2)
    if half < smoothed.batch_size:
        smoothed.batch_size = half
        smoothed.rebuild()
        print(f"resmooth: out of memory, going on with batches of {half}", file=sys.stderr, flush=True)
    if smoothed.device.type == "cuda":
        torch.cuda.empty_cache()
    return torch.cat([vote_in_memory(smoothed, vote, part) for part in images.split(half)], dim=1)


def side_by_side(smoothed: Smoothed, items: Sequence, samples: int) -> list[Any]:
    """Cut `items` (one for each image, each to be sampled `samples` times) into groups that fill batches together.

    Clips are alone: each takes long, and a kill costs the group in flight.
    """
    if smoothed.of_clips:
        return groups_of(items, 1)
    return groups_of(items, min(math.ceil(8 * smoothed.batch_size / samples), held_side_by_side(smoothed)))


def own_level(levels: np.ndarray | None, position: int) -> tuple[float, ...]:
    """The last argument of `Smoothed.stream`, if there is one: the level at this position (levels None: no image has its own)."""
    return () if levels is None else (levels[position],)


def groups_of(items: Sequence, size: int) -> list[Any]:
    """Cut a sequence into pieces of `size`, the last of them perhaps smaller."""
    return [items[start : start + size] for start in range(0, len(items), size)]


def held_side_by_side(smoothed: Smoothed) -> int:
    """How many images may have streams open at once: each keeps up to a block of noisy copies that nobody has used yet."""
    dim = smoothed.noise.dim
    return max(1, GROUP // (4 * dim * block(dim, smoothed.device)))


def optimised(classifier: Any, precision: str, device: torch.device) -> Any:
    """`classifier` with its networks as inference graphs; callables that are no nn.Module stay as they are."""
    if hasattr(classifier, "with_models"):
        return classifier.with_models([optimised(model, precision, device) for model in classifier.models])
    return InferenceGraph(classifier, precision, device) if isinstance(classifier, nn.Module) else classifier


def leaves(classifier: Any) -> list[Any]:
    """The networks and callables that a classifier is made of: itself, if it is made of no others."""
    if not hasattr(classifier, "with_models"):
        return [classifier]
    return [leaf for model in classifier.models for leaf in leaves(model)]


def graphs_of(classifier: Any, shape: Sequence[int]) -> list[tuple[InferenceGraph, tuple[int, ...]]]:
    """The inference graphs of a classifier, each with the shape of what it sees of an image of `shape`."""
    if isinstance(classifier, InferenceGraph):
        return [(classifier, tuple(shape))]
    if not hasattr(classifier, "with_models"):
        return []
    seen = classifier.model_shape(shape) if hasattr(classifier, "model_shape") else shape
    return [each for model in classifier.models for each in graphs_of(model, seen)]


def held_copies(dim: int, device: torch.device) -> int:
    """How many noisy copies of `dim` numbers a batch may hold on a device: a power of 2, which divides batches of chunks."""
    numbers = 2**25 if device.type == "cpu" else 2**30
    return 2 ** max(0, math.floor(math.log2(numbers / dim)))


def fitting_batch(dim: int, device: torch.device) -> int:
    """Noisy images of `dim` numbers to a forward pass: about what the caches of a CPU hold, or what keeps a GPU busy."""
    numbers, most = (128 * 3072, 512) if device.type == "cpu" else (4096 * 3072, 2**15)
    return 2 ** min(max(3, round(math.log2(numbers / dim))), round(math.log2(most)))
