"""Class counts of many images under noise. This expensive step is stored once; certificates are made from the counts.

Every member, prefix and aggregation of the ensemble is counted in the same pass (`Ensemble.votes`).
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from resmooth import storage
from resmooth.measure.driver import Measurement, run
from resmooth.measure.subject import Subject
from resmooth.smoothing.engine import count_votes, own_level, side_by_side
from resmooth.smoothing.smoothed import Smoothed
from resmooth.smoothing.streams import ESTIMATION, SELECTION, uniform

CODE_VERSION = 2  # raise by hand when a change of this package changes the counts
NUMBERS = 10_000  # how many counts to keep of each image and classifier, for certifying with fewer samples later


def votes(subject: Subject, n0: int = 100, n: int = 100_000) -> Measurement:
    """The counts of n0 selection and n estimation samples of each image: one row for each classifier, columns of a counts file.

    Of deterministic noise (dssn) all copies are counted, whatever n0 and n say: n0 is 0 then, and n their number. Where the level
    of the noise depends on the image there is one more column, `level`.
    """
    smoothed, indices = subject.smoothed, subject.indices
    n0, n = smoothed.noise.sample_sizes(n0, n)
    step = step_of(n, smoothed.num_classes)
    levels = smoothed.levels(subject.images) if smoothed.noise.input_dependent else None
    return Measurement(
        name="votes",
        columns=storage.COUNT_COLUMNS + ([] if levels is None else [storage.LEVEL]),
        identity=subject.identity(n0=n0, n=n),
        indices=indices,
        groups=side_by_side(smoothed, range(len(indices)), n0 + n),
        measure=lambda group: list(_count(subject, levels, group, n0, n, step)),
    )


def sample_images(
    smoothed: Smoothed,
    images: torch.Tensor,
    labels: Sequence[int] | np.ndarray,
    indices: Sequence[int],
    n0: int,
    n: int,
    seed: int,
    state: str | Path,
    identity: dict,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Run `votes` on the images [N, C, H, W] numbered `indices`; `identity`: their `Subject.facts`; `state`: as for `run`."""
    return run(votes(Subject(smoothed, images, labels, indices, seed, identity), n0, n), state, report)


def step_of(n: int, num_classes: int) -> int:
    """Counts are kept for every so many samples of n; 1, that is every sample, where they are few."""
    return math.ceil(n / max(1, NUMBERS // num_classes))


def _count(
    subject: Subject, levels: np.ndarray | None, group: Sequence[int], n0: int, n: int, step: int
) -> Iterator[dict]:
    """Sample the images at the positions `group` side by side; their rows."""
    smoothed, seed, start = subject.smoothed, subject.seed, time.perf_counter()
    streams, steps = [], []
    for position in group:
        image, index, level = subject.images[position], subject.indices[position], own_level(levels, position)
        for purpose, number, each in ((SELECTION, n0, n0), (ESTIMATION, n, step)):
            if number:
                streams.append((smoothed.stream(image, seed, index, purpose, *level), number))
                steps.append(each)
    counted = [counts.numpy() for counts in count_votes(smoothed, smoothed.classifier.votes, streams, steps)]
    estimated = counted[1::2] if n0 else counted  # each [classifiers, steps, classes]
    selected = counted[::2] if n0 else [counts[:, :1] * 0 for counts in counted]
    seconds = round((time.perf_counter() - start) / len(group), 4)
    for position, counts0, by_step in zip(group, selected, estimated):
        yield from _rows(subject, levels, position, counts0[:, 0], by_step, n0, n, step, seconds)


def _rows(
    subject: Subject,
    levels: np.ndarray | None,
    position: int,
    counts0: np.ndarray,
    by_step: np.ndarray,
    n0: int,
    n: int,
    step: int,
    seconds: float,
) -> Iterator[dict]:
    """The rows of one image: counts0 [classifiers, classes], by_step [classifiers, steps, classes]."""
    index = subject.indices[position]
    shared = {"idx": index, "label": int(subject.labels[position]), "n0": n0, "n": n, "seconds": seconds, "step": step}
    shared |= {"uniform": uniform(subject.seed, index)}
    if levels is not None:
        shared[storage.LEVEL] = levels[position]
    for name, chosen, steps in zip(subject.smoothed.classifier.names, counts0, by_step):
        own = {**storage.classifier_columns(name), "counts0": chosen, "counts": steps.sum(axis=0)}
        yield shared | own | {"by_step": steps.astype("int32").ravel()}
