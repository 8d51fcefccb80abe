"""Softmax scores under noise beside the votes of the very same copies: what soft and hard smoothing make of one network.

Selection and estimation use the images' streams of `resmooth sample`, in the same batches: under the same seed the votes are
those of its counts file.
"""

import numpy as np
import torch
from torch.nn import functional as F

from resmooth.models.mode import evaluation_mode
from resmooth.smoothing.sampling import side_by_side
from resmooth.smoothing.soft import certify_scores
from resmooth.smoothing.streams import ESTIMATION, SELECTION, whole

COLUMNS = ["idx", "label", "classifier", "counts0", "counts", "mean0", "mean", "variance", "n0", "n"]


def score_rows(smoothed, images, labels, indices, n0, n, seed, report=lambda done, total: None):
    """Votes and softmax scores of every member of a smoothed Ensemble, and of the mean scores of its first j ("soft-j").

    images, labels: sequences aligned with `indices` (global image numbers). Returns a list of dicts with the keys COLUMNS, one
    for each image and classifier, with lists of K numbers, one for each class:

    counts0, counts   votes of the n0 selection and of the n estimation copies (n >= 2)
    mean0, mean       mean softmax scores of the same copies
    variance          unbiased sample variances of the scores of the n estimation copies
    """
    ensemble = smoothed.classifier
    alone, first = [1] * len(ensemble.models), list(range(1, len(ensemble.models) + 1))
    names = [f"member-{number}" for number in first] + [f"soft-{number}" for number in first]

    def sums(images):
        scores = ensemble.member_scores(images)
        return torch.cat([scores, scores.cumsum(dim=0)])

    table = _statistics(smoothed, sums, alone + first, images, indices, n0, n, seed, report)
    rows = []
    for position, (index, label) in enumerate(zip(indices, labels)):
        for v, name in enumerate(names):
            lists = {key: values[position, v].tolist() for key, values in table.items()}
            rows.append({"idx": index, "label": int(label), "classifier": name, **lists, "n0": n0, "n": n})
    return rows


def certify_soft(
    smoothed, x, n0=100, n=100_000, alpha=0.001, seed=0, index=None, norm=None, bound="empirical_bernstein"
):
    """Certify the soft smoothed classifier of the base classifier of a `Smoothed`, on the noisy copies that its `certify` sees.

    x [N, C, H, W]: floats in [0, 1]; index: N global image numbers (default 0..N-1); norm: by default the noise's own. The
    guarantee is that of `certify_scores`. Returns SoftCertificates.
    """
    x, norm = torch.as_tensor(x), smoothed.norm_or_own(norm)
    if not len(x):
        raise ValueError("there are no images to certify")
    index = range(len(x)) if index is None else index
    smoothed.build(x.shape[1:])
    table = _statistics(smoothed, lambda images: smoothed.classifier(images)[None], [1], x, index, n0, n, seed)
    means = (table[key][:, 0] for key in ("mean0", "mean", "variance"))
    return certify_scores(*means, n, smoothed.noise, alpha, bound, norm)


def _statistics(smoothed, sums, sizes, images, indices, n0, n, seed, report=lambda done, total: None):
    """counts0, counts, mean0, mean, variance: dict of arrays [N, V, K] over N images and V classifiers.

    sums: noisy images [B, C, H, W] -> [V, B, K], for each classifier the sum of so many members' scores as `sizes` [V] says.
    """
    smoothed.check_sampled()
    n0, n = whole(n0), whole(n)
    if n < 2:
        raise ValueError("the variance of scores needs at least 2 estimation samples")
    parts = []
    for group in side_by_side(smoothed, range(len(indices)), n0 + n):
        streams = []
        for position in group:
            for purpose, number in ((SELECTION, n0), (ESTIMATION, n)):
                streams.append((smoothed.stream(images[position], seed, indices[position], purpose), number))
        parts.append(_accumulate(smoothed, sums, sizes, streams))
        report(group[-1] + 1, len(indices))
    votes, mean, squares = (np.concatenate(values) for values in zip(*parts))
    found = {"counts0": votes[::2], "counts": votes[1::2], "mean0": mean[::2], "mean": mean[1::2]}
    return found | {"variance": squares[1::2] / (n - 1)}


def _accumulate(smoothed, sums, sizes, streams):
    """Votes, mean scores and sums of squared deviations from them over the copies of each stream: arrays [S, V, K].

    Batches are joined as by Chan, Golub and LeVeque (1979), in float64: no digits of a small variance are lost.
    """
    sizes = torch.tensor(sizes, dtype=torch.float64, device=smoothed.device)[:, None, None]
    drawn, votes, mean, squares = 0, 0, 0, 0
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
