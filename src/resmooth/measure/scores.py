"""Softmax scores and votes of the same noisy copies, to compare soft and hard smoothing of one network.

Selection and estimation samples come from the same streams as in `resmooth.measure.votes`, in the same batches: under the same
seed the votes equal those of its counts file.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from resmooth import storage
from resmooth.measure.driver import Measurement
from resmooth.measure.subject import Subject
from resmooth.models.mode import evaluation_mode
from resmooth.smoothing.certificates import Certificates
from resmooth.smoothing.engine import side_by_side
from resmooth.smoothing.smoothed import Smoothed
from resmooth.smoothing.soft import certify_scores
from resmooth.smoothing.streams import ESTIMATION, SELECTION, whole

COLUMNS = ["idx", "label", *storage.CLASSIFIER_COLUMNS, "counts0", "counts", "mean0", "mean", "variance", "n0", "n"]


def scores(subject: Subject, n0: int = 100, n: int = 10_000) -> Measurement:
    """Votes and softmax scores of every member, and of the mean scores of the first j ("soft-j"): a row for each classifier.

    Lists of K numbers, one for each class:

    counts0, counts   votes of the n0 selection and of the n estimation copies (n >= 2)
    mean0, mean       mean softmax scores of the same copies
    variance          unbiased sample variances of the scores of the n estimation copies
    """
    n0, n = _checked_sizes(subject.smoothed, n0, n)
    return Measurement(
        name="scores",
        columns=COLUMNS,
        identity=subject.identity(n0=n0, n=n),
        indices=subject.indices,
        groups=side_by_side(subject.smoothed, range(len(subject.indices)), n0 + n),
        measure=lambda group: _score(subject, group, n0, n),
    )


def _score(subject: Subject, group: Sequence[int], n0: int, n: int) -> list[dict]:
    """The rows of the images at the positions `group`."""
    ensemble, indices = subject.smoothed.classifier, [subject.indices[position] for position in group]
    first = range(1, len(ensemble.models) + 1)
    names = [storage.classifier_name(kind, number) for kind in ("member", "soft") for number in first]
    sizes = [1] * len(first) + list(first)

    def sums(images):
        scores = ensemble.member_scores(images)
        return torch.cat([scores, scores.cumsum(dim=0)])

    images = [subject.images[position] for position in group]
    table, rows = _statistics(subject.smoothed, sums, sizes, images, indices, n0, n, subject.seed), []
    for row, (position, index) in enumerate(zip(group, indices)):
        for v, name in enumerate(names):
            shared = {"idx": index, "label": int(subject.labels[position]), "n0": n0, "n": n}
            lists = {key: values[row, v] for key, values in table.items()}
            rows.append(shared | storage.classifier_columns(name) | lists)
    return rows


def certify_soft(
    smoothed: Smoothed,
    x: torch.Tensor,
    n0: int = 100,
    n: int = 100_000,
    alpha: float = 0.001,
    seed: int = 0,
    index: Sequence[int] | None = None,
    norm: float | None = None,
    bound: str = "empirical_bernstein",
) -> Certificates:
    """Certify the soft smoothed classifier of the base classifier of a `Smoothed`, on the noisy copies that its `certify` sees.

    x [N, C, H, W]: floats in [0, 1]; index: N global image numbers (default 0..N-1); norm: by default the noise's own. The
    guarantee is that of `certify_scores`. Returns Certificates.
    """
    x, norm = torch.as_tensor(x), smoothed.norm_or_own(norm)
    if not len(x):
        raise ValueError("there are no images to certify")
    n0, n = _checked_sizes(smoothed, n0, n)
    index = range(len(x)) if index is None else index
    smoothed.build(x.shape[1:])

    def sums(noisy):
        return smoothed.classifier(noisy)[None]

    tables = []
    for group in side_by_side(smoothed, range(len(x)), n0 + n):
        images, numbers = ([values[position] for position in group] for values in (x, index))
        tables.append(_statistics(smoothed, sums, [1], images, numbers, n0, n, seed))
    mean0, mean, variance = (
        np.concatenate([table[key][:, 0] for table in tables]) for key in ("mean0", "mean", "variance")
    )
    return certify_scores(mean0, mean, variance, n, smoothed.noise, alpha, bound, norm)


def _checked_sizes(smoothed, n0, n):
    """(n0, n) as ints. ValueError for too few samples, or for noise that is not drawn at one level for all images."""
    smoothed.check_sampled()
    n0, n = whole(n0), whole(n)
    if n < 2:
        raise ValueError("the variance of scores needs at least 2 estimation samples")
    return n0, n


def _statistics(smoothed, sums, sizes, images, indices, n0, n, seed):
    """counts0, counts, mean0, mean, variance: dict of arrays [N, V, K] over N images, side by side, and V classifiers.

    sums: noisy images [B, C, H, W] -> [V, B, K], for each classifier the sum of so many members' scores as `sizes` [V] says.
    """
    streams = [
        (smoothed.stream(image, seed, index, purpose), number)
        for image, index in zip(images, indices)
        for purpose, number in ((SELECTION, n0), (ESTIMATION, n))
    ]
    votes, mean, squares = _accumulate(smoothed, sums, sizes, streams)
    found = {"counts0": votes[::2], "counts": votes[1::2], "mean0": mean[::2], "mean": mean[1::2]}
    return found | {"variance": squares[1::2] / (n - 1)}


def _accumulate(smoothed, sums, sizes, streams):
    """Votes, mean scores and sums of squared deviations from them over the copies of each stream: arrays [S, V, K].

    Batches are joined as by Chan, Golub and LeVeque (1979), in float64: no digits of a small variance are lost.
    """
    sizes = torch.tensor(sizes, dtype=torch.float64, device=smoothed.device)[:, None, None]
    zero: Any = 0  # tensors [S, V, K] from the first batch on
    drawn, votes, mean, squares = zero, zero, zero, zero
    with torch.inference_mode(), evaluation_mode(smoothed.classifier):
        for scores, which in smoothed.evaluate(sums, streams):
            scores = _checked(scores, smoothed.num_classes, which, streams)
            probabilities = (scores.double() / sizes).softmax(dim=2)
            belongs = F.one_hot(which, len(streams)).double()  # [B, S]
            number = belongs.sum(dim=0)[:, None, None]
            own = _by_stream(belongs, probabilities) / number.clamp(min=1)
            gap, total = own - mean, drawn + number
            votes = votes + _by_stream(belongs, F.one_hot(scores.argmax(dim=2), smoothed.num_classes).double())
            squares = squares + _by_stream(belongs, (probabilities - own[which].transpose(0, 1)) ** 2)
            squares = squares + gap**2 * (drawn * number / total.clamp(min=1))
            mean = mean + gap * (number / total.clamp(min=1))
            drawn = total
    return votes.long().cpu().numpy(), mean.clamp(0, 1).cpu().numpy(), squares.cpu().numpy()


def _by_stream(belongs, values):
    """Sums [S, V, K] of `values` [V, B, K] over the copies of each stream."""
    return torch.einsum("bs,vbk->svk", belongs, values)


def _checked(scores, num_classes, which, streams):
    """The scores [V, B, K]. ValueError if they are for another number of classes, or have no softmax."""
    if scores.ndim != 3 or scores.shape[2] != num_classes:
        raise ValueError(f"the classifier returned scores {list(scores.shape[1:])}, expected [images, {num_classes}]")
    broken = ~scores.logsumexp(dim=2).isfinite().all(dim=0)
    if broken.any():
        raise ValueError(f"image {streams[which[broken][0]][0].index}: the softmax of its scores is not a number")
    return scores
