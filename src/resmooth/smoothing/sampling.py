r"""Class counts under noise: the expensive step. Everything after it is arithmetic on these counts.

The smoothed classifier is :math:`g(x) = \arg\max_c P_\epsilon(f(x + \epsilon) = c)` (lecture, "Constructing classifier g").

An image's noise depends on the seed and the image's index alone: each (seed, index, purpose) has its own random stream, drawn
in blocks of fixed size. Batch sizes, shards, neighbours and order therefore never change the noise, a longer run extends a
shorter one, and selection, estimation and prediction use independent samples.
"""

import json
import math
import operator
import time
from contextlib import contextmanager

import numpy as np
import pandas as pd
import torch
from torch import nn

from resmooth.classifiers.ensemble import mark_invalid
from resmooth.smoothing.certify import certify_from_counts, predict_from_counts

SELECTION, ESTIMATION, PREDICTION, ANALYSIS = range(4)  # the independent streams of one image
STATE = "images.jsonl"  # finished images, one line each, in the state folder
BLOCK = 128  # noise vectors to a draw; part of what a seed means, so changing it changes every count


class Smoothed:
    """The smoothed classifier g of a base classifier f, `Smoothed(classifier, noise, num_classes)`.

    classifier   images [B, C, H, W] -> scores [B, num_classes], any callable or nn.Module (run in evaluation mode)
    noise        a `resmooth.noise` distribution of dimension C * H * W
    batch_size   noisy images to a forward pass; never changes the noise
    device       where to run; by default where the classifier's parameters are, or the CPU

    Guarantee: with probability at least 1 - alpha over the noise drawn by `certify`, and for each image separately, g is
    constant, equal to the returned class, within the returned radius of the image. It speaks of exact arithmetic and of g,
    not of f; to answer for a new image by g, use `predict`.
    """

    def __init__(self, classifier, noise, num_classes, batch_size=1000, device=None):
        self.classifier, self.noise = classifier, noise
        self.num_classes = _whole(num_classes, "num_classes")
        self.batch_size = _whole(batch_size, "batch_size")
        parameters = classifier.parameters() if isinstance(classifier, nn.Module) else iter(())
        self.device = torch.device(device or next((parameter.device for parameter in parameters), "cpu"))

    def counts(self, x, n, seed, index=None):
        """Count the classes of n noisy copies of each image, on the images' estimation streams.

        x [N, C, H, W]: floats in [0, 1]; index: N global image numbers (default 0..N-1), which choose the noise.
        Returns an int64 tensor [N, num_classes] on the CPU, each row summing to n.
        """
        return self._counts(x, n, seed, index, ESTIMATION)

    def certify(self, x, n0=100, n=100_000, alpha=0.001, seed=0, index=None, norm=2):
        """CERTIFY (lecture; Cohen et al. 2019): select a class by n0 samples, bound its probability by n fresh ones.

        x [N, C, H, W]: floats in [0, 1]. Returns `Certificates` for N images; `.predict` is -1 where it abstains.
        """
        counts0 = self._counts(x, n0, seed, index, SELECTION)
        counts = self._counts(x, n, seed, index, ESTIMATION)
        return certify_from_counts(counts0, counts, self.noise, alpha, norm)

    def predict(self, x, n=1000, alpha=0.001, method=2, seed=0, index=None):
        """Classes [N] of g by PREDICT1 or PREDICT2 (lecture, "Inference Procedure"), -1 where it abstains.

        A returned class differs from g's with probability at most alpha, for each image that was chosen without knowing the
        noise: give a new `seed` where an adversary may have seen answers under the old one.
        """
        return predict_from_counts(self._counts(x, n, seed, index, PREDICTION), alpha, method)

    def vote(self, images):
        """Classes [1, B] of the base classifier for noisy images [B, C, H, W]."""
        scores = self.classifier(images)
        if scores.shape != (len(images), self.num_classes):
            raise ValueError(
                f"the classifier returned scores {list(scores.shape)}, expected [{len(images)}, {self.num_classes}]"
            )
        return mark_invalid(scores.argmax(dim=1)[None], scores[None])

    def _counts(self, x, n, seed, index, purpose):
        x = torch.as_tensor(x)
        if not x.is_floating_point():
            raise ValueError(f"images must be floats in [0, 1], got {x.dtype}; divide 8-bit images by 255")
        index = range(len(x)) if index is None else index
        if len(index) != len(x):
            raise ValueError(f"{len(x)} images but {len(index)} indices")
        rows = [
            count_votes(self, self.vote, image, n, seed, operator.index(number), purpose)[0]
            for image, number in zip(x, index)
        ]
        return torch.stack(rows) if rows else torch.zeros((0, self.num_classes), dtype=torch.int64)


def count_votes(smoothed, vote, image, n, seed, index, purpose):
    """Count the votes over n noisy copies of one image [C, H, W], the copies of no other image beside them in a batch.

    `vote`: noisy images [B, C, H, W] -> classes [V, B] of V classifiers (`Smoothed.vote`: of one, `Ensemble.votes`: of all that
    its members make up). Returns int64 [V, num_classes] on the CPU. ValueError if a score was not a number.
    """
    n = _whole(n, "the number of samples")
    image = image.to(smoothed.device, torch.float32)
    generator = stream(seed, index, purpose, smoothed.device)
    one = torch.ones((), dtype=torch.int64, device=smoothed.device)
    counts = None
    with torch.inference_mode(), evaluation_mode(smoothed.classifier):
        for noise in noise_batches(smoothed.noise, n, image.shape, smoothed.batch_size, generator):
            classes = vote(noise.add_(image))
            if counts is None:
                counts = one.new_zeros(
                    len(classes), smoothed.num_classes + 1
                )  # the last column: scores that are no numbers
            counts.scatter_add_(1, classes, one.expand_as(classes))
    counts = counts.cpu()
    if counts[:, -1].any():
        raise ValueError(f"image {index}: a score is not a number for {int(counts[:, -1].max())} of {n} noisy copies")
    return counts[:, :-1]


@contextmanager
def evaluation_mode(classifier):
    """Run a block with every module of `classifier` in evaluation mode, then give each its own mode back."""
    modules = list(classifier.modules()) if isinstance(classifier, nn.Module) else []
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        yield
    finally:
        for module, mode in zip(modules, modes):
            module.training = mode


def _whole(number, name):
    """`number` as an int; ValueError unless it is a whole number of at least 1."""
    if not hasattr(number, "__index__") or number < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {number!r}")
    return operator.index(number)


def noise_batches(noise, n, shape, batch_size, generator):
    """Yield n noise vectors of `shape` in batches [at most batch_size, *shape]; the values do not depend on batch_size.

    The batches share one buffer: use each before asking for the next.
    """
    buffer = torch.empty((min(batch_size, n), *shape), device=generator.device)
    filled = 0
    for start in range(0, n, BLOCK):
        block = noise.sample((BLOCK, *shape), generator, generator.device)[: n - start]
        while len(block):
            piece = block[: len(buffer) - filled]
            buffer[filled : filled + len(piece)] = piece
            filled, block = filled + len(piece), block[len(piece) :]
            if filled == len(buffer):
                yield buffer
                filled = 0
    if filled:
        yield buffer[:filled]


def stream(seed, index, purpose, device):
    """The torch.Generator of one image and purpose.

    PyTorch's CPU generator keeps 32 bits of a seed, so hashing could give two images the same noise. A keyed permutation of
    the 32-bit numbers cannot: every (index, purpose) of one seed has its own stream (another seed may give it to another image).
    A GPU draws other numbers than the CPU. ValueError for index >= 2^30.
    """
    if not 0 <= index < 2**30:
        raise ValueError(f"image index must lie in [0, 2^30), got {index}")
    if not hasattr(seed, "__index__") or seed < 0:
        raise ValueError(f"seed must be a whole number of at least 0, got {seed!r}")
    number = 4 * index + purpose
    for key in np.random.SeedSequence(seed).generate_state(4).tolist():
        number = ((number ^ key) * 0x9E3779B1) % 2**32  # an odd factor is invertible modulo 2^32
        number ^= number >> 16
    return torch.Generator(device).manual_seed(number)


def sample_images(smoothed, images, labels, indices, n0, n, seed, state, identity, report=lambda done, total: None):
    """Sample every classifier of a smoothed Ensemble on the images numbered `indices`, resuming where a killed run stopped.

    images, labels: sequences over the images to sample, aligned with `indices` (global image numbers). `state` is a folder in
    which each finished image is one line of images.jsonl; `identity` (JSON-able) says what is sampled, and a state folder that
    belongs to something else is refused. Returns a frame with the columns of a counts file.
    """
    n0, n = _whole(n0, "the number of samples"), _whole(n, "the number of samples")
    path = state / STATE
    done = _finished_images(path, identity, (len(smoothed.classifier.names), smoothed.num_classes))
    with open(path, "a") as file:
        if not file.tell():
            print(json.dumps(identity), file=file, flush=True)
        for position, index in enumerate(indices):
            if index not in done:
                start = time.perf_counter()
                votes, image = smoothed.classifier.votes, images[position]
                counts0 = count_votes(smoothed, votes, image, n0, seed, index, SELECTION).tolist()
                counts = count_votes(smoothed, votes, image, n, seed, index, ESTIMATION).tolist()
                seconds = round(time.perf_counter() - start, 4)
                done[index] = {"idx": index, "counts0": counts0, "counts": counts, "seconds": seconds}
                print(json.dumps(done[index]), file=file, flush=True)
            report(position + 1, len(indices))
    rows = [
        (index, int(label), name, counts0, counts, n0, n, done[index]["seconds"])
        for index, label in zip(indices, labels)
        for name, counts0, counts in zip(smoothed.classifier.names, done[index]["counts0"], done[index]["counts"])
    ]
    return pd.DataFrame(rows, columns=["idx", "label", "classifier", "counts0", "counts", "n0", "n", "seconds"])


def _finished_images(path, identity, shape):
    """Records of images.jsonl by index, after cutting off a last line that a killed process left half-written.

    `shape` (classifiers, classes) of the counts in each record. ValueError if the file is altered or of another run.
    """
    if not path.exists():
        return {}
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if len(whole) < len(text):
        with open(path, "r+b") as file:
            file.truncate(len(whole))
    try:
        lines = [json.loads(line) for line in whole.splitlines()]
        for record in lines[1:]:
            if any(np.shape(record[counts]) != shape for counts in ("counts0", "counts")) or "seconds" not in record:
                raise ValueError
        done = {record["idx"]: record for record in lines[1:]}
    except (ValueError, TypeError, KeyError, IndexError):
        raise ValueError(f"{path}: not readable, altered; delete this file to start over") from None
    if lines and lines[0] != json.loads(json.dumps(identity)):
        raise ValueError(
            f"{path.parent}: unfinished work of a run with other settings; delete this folder to start over"
        )
    return done


def images_in(start, stop, step, total):
    """Global image numbers of a shard: the multiples of `step` in [start, stop). ValueError if none, or outside 0..total."""
    if not 0 <= start < stop <= total or step < 1:
        raise ValueError(f"images {start}-{stop} step {step} do not fit a split of {total} images")
    numbers = list(range(math.ceil(start / step) * step, stop, step))
    if not numbers:
        raise ValueError(f"images {start}-{stop} hold no multiple of {step}; choose another step or range")
    return numbers
