r"""Data-dependent smoothing (DDRS, Alfarra et al. 2020): a sigma of its own for each image. A baseline, NOT a certificate.

Gradient ascent finds the sigma(x) that maximises an estimate of the radius at x, and CERTIFY at that sigma gives
:math:`R = \sigma(x) \Phi^{-1}(p)`. This R holds for the classifier that uses the one level sigma(x) everywhere. The deployed
classifier uses another level sigma(x') at x', the end of another ascent, which nothing bounds: it may return another class at any
x' != x, however large R is. (In 3072 dimensions, if :math:`\sigma(x') = 0.9 \sigma(x)`, no p that sampling can show certifies
anything: `resmooth.idrs.ratio_threshold`.) So the radii here are called claims, and their tables give the certified radius 0.

`Memory` is the authors' remedy: it stores all answers and changes later ones to agree with them. It says nothing about a
classifier that does not keep this memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from resmooth.measure.ascent import CLIP, ascent, optimise_sigma, radius_estimate
from resmooth.measure.driver import Measurement, progress_of, run
from resmooth.measure.memory import Memory
from resmooth.measure.subject import Subject
from resmooth.noise.normal import Normal
from resmooth.smoothing import bounds
from resmooth.smoothing.certify import certify_from_counts
from resmooth.smoothing.engine import count_votes, side_by_side
from resmooth.smoothing.smoothed import Smoothed
from resmooth.smoothing.streams import ESTIMATION, SELECTION, Stream, whole

__all__ = ["CLIP", "COLUMNS", "GUARANTEE", "Claims", "Memory", "claimed_radii", "claims_frame", "ddrs"]
__all__ += ["optimise_sigma", "radius_estimate"]

GUARANTEE = "none: sigma(x) is not semi-elastic"
COLUMNS = ["idx", "label", "predict", "claimed_radius", "correct", "sigma", "p_lower", "n_top", "n", "n0", "alpha"]
COLUMNS += ["memory_predict", "memory_claimed_radius", "memory_correct", "certified_radius", "guarantee"]


def ddrs(
    subject: Subject,
    network: Callable,
    state: str | Path,
    sigma0: float,
    n0: int = 100,
    n: int = 100_000,
    alpha: float = 0.001,
    reports: Sequence[Callable[[int, int], None]] = (lambda done, total: None,) * 2,
    **search: Any,
) -> pd.DataFrame:
    """The table of claims (COLUMNS), resumable: the ascent and the counts are measurements, the memory follows at the end.

    The subject's `Smoothed` samples with its one network, rewritten for speed; `network` is the same one as it was trained, which
    has gradients. The ascents start at sigma0; search: iterations, learning_rate and samples of `optimise_sigma`. reports: of the
    ascent and of the claims; state: as for `run`.
    """
    n0, n = _check_sampling(subject.smoothed, n0, n, alpha)
    climb = ascent(subject, network, sigma0, **search)
    sigma = np.zeros(len(subject.indices))
    sampling = _votes(subject, sigma, climb.identity, n0, n)
    progress_of(sampling, state)  # refuse that of other work before the ascent, not after
    sigma[:] = run(climb, state, reports[0]).sigma
    votes = run(sampling, state, reports[1])
    claims = _claims(subject.smoothed.noise.dim, sigma, np.stack(votes.counts0), np.stack(votes.counts), alpha)
    return claims_frame(claims, subject.images, subject.labels, subject.indices)


def _votes(subject: Subject, sigma: np.ndarray, identity: dict, n0: int, n: int) -> Measurement:
    """Class counts of each image at its own `sigma` [N]; identity: of the ascent that found it."""

    def measure(group):
        indices = [subject.indices[position] for position in group]
        shared = (subject.images[group], sigma[group], n0, n, subject.seed, indices)
        return [
            {"idx": index, "counts0": counts0, "counts": counts}
            for index, counts0, counts in zip(indices, *_count(subject.smoothed, *shared))
        ]

    groups = side_by_side(subject.smoothed, range(len(subject.indices)), n0 + n)
    about = identity | {"n0": n0, "n": n}
    return Measurement("claims", ["idx", "counts0", "counts"], about, subject.indices, groups, measure)


@dataclass(frozen=True)
class Claims:
    """What CERTIFY says of N images, each at a sigma of its own: claims, not certificates. Arrays are numpy, aligned.

    predict         int64 [N]      class, -1 where CERTIFY abstains
    claimed_radius  float64 [N]    sigma Phi^-1(p_lower), 0 where it abstains: a certificate of the classifier with that sigma at
                                   every x', and of no other
    p_lower         float64 [N]    lower confidence bound on the probability of the selected class at sigma
    sigma           float64 [N]    noise levels
    counts, counts0 int64 [N, K]   class counts of the estimation and of the selection samples
    alpha                          error probability for each image
    """

    predict: np.ndarray
    claimed_radius: np.ndarray
    p_lower: np.ndarray
    sigma: np.ndarray
    counts: np.ndarray
    counts0: np.ndarray
    alpha: float


def claimed_radii(
    smoothed: Smoothed,
    x: torch.Tensor,
    sigma: np.ndarray,
    n0: int = 100,
    n: int = 100_000,
    alpha: float = 0.001,
    seed: int = 0,
    index: Sequence[int] | None = None,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Claims:
    """CERTIFY each image x [N, C, H, W] at its own `sigma` [N] by the formula of one constant sigma, as published.

    smoothed: a `Smoothed` with normal noise, whose own level plays no part; index: N global image numbers (default 0..N-1).
    Under the same seed each image sees the noise of `Smoothed.certify`, scaled to its sigma. Returns `Claims`.
    """
    n0, n = _check_sampling(smoothed, n0, n, alpha)
    x, sigma = torch.as_tensor(x), np.asarray(sigma, dtype=float)
    index = range(len(x)) if index is None else list(index)
    if not len(x):
        raise ValueError("there are no images to certify")
    if sigma.shape != (len(x),) or len(index) != len(x):
        raise ValueError(f"{len(x)} images need as many sigmas and indices, got {sigma.size} and {len(index)}")
    smoothed.build(x.shape[1:])
    parts = []
    for group in side_by_side(smoothed, range(len(x)), n0 + n):
        rows = slice(group.start, group.stop)
        parts.append(_count(smoothed, x[rows], sigma[rows], n0, n, seed, index[rows]))
        report(group.stop, len(x))
    counts0, counts = (np.concatenate(values) for values in zip(*parts))
    return _claims(smoothed.noise.dim, sigma, counts0, counts, alpha)


def _check_sampling(smoothed, n0, n, alpha):
    """(n0, n) as ints. ValueError unless CERTIFY can use these, and the noise is normal: better now than after the ascent."""
    if smoothed.noise.label != "normal":
        raise ValueError(f"data-dependent smoothing claims radii of normal noise, not of {smoothed.noise.label}")
    bounds.clopper_pearson(0, 1, alpha)
    return whole(n0), whole(n)


def _count(smoothed, x, sigma, n0, n, seed, index):
    """(counts0, counts), int64 [N, K] each, of the images x [N, C, H, W] at `sigma` [N], all side by side."""
    streams = []
    for image, level, number in zip(x, sigma, index):
        noise = Normal(smoothed.noise.dim, sigma=level)
        for purpose, size in ((SELECTION, n0), (ESTIMATION, n)):
            streams.append((Stream(noise, image.to(smoothed.device, torch.float32), seed, number, purpose), size))
    counts = [votes[0, 0].numpy() for votes in count_votes(smoothed, smoothed.vote, streams)]
    return np.stack(counts[::2]), np.stack(counts[1::2])


def _claims(dim, sigma, counts0, counts, alpha):
    """The `Claims` that these counts make: radii in units of sigma, times sigma."""
    unit = certify_from_counts(counts0, counts, Normal(dim, scale=1), alpha)
    return Claims(unit.predict, sigma * unit.radius, unit.p_lower, sigma, counts, counts0, float(alpha))


def claims_frame(
    claims: Claims, x: torch.Tensor, labels: Sequence[int] | np.ndarray, idx: Sequence[int] | None = None
) -> pd.DataFrame:
    """Table of claims with columns COLUMNS, the images x [N, C, H, W] put through an empty `Memory` in their order.

    No column is called radius, so that no metric takes a claim for a certificate; `certified_radius` is 0 throughout.
    """
    truth, memory = np.asarray(labels), Memory()
    if not len(claims.predict) == len(x) == len(truth):
        raise ValueError(f"{len(claims.predict)} claims for {len(x)} images with {len(truth)} labels")
    remembered = [memory.answer(*claim) for claim in zip(np.asarray(x), claims.predict, claims.claimed_radius)]
    classes, radii = (np.array(values) for values in zip(*remembered))
    selected = claims.counts0.argmax(axis=1)
    return pd.DataFrame(
        {
            "idx": np.arange(len(truth)) if idx is None else np.asarray(idx),
            "label": truth,
            "predict": claims.predict,
            "claimed_radius": claims.claimed_radius,
            "correct": (claims.predict == truth).astype(int),
            "sigma": claims.sigma,
            "p_lower": claims.p_lower,
            "n_top": np.take_along_axis(claims.counts, selected[:, None], axis=1)[:, 0],
            "n": claims.counts.sum(axis=1),
            "n0": claims.counts0.sum(axis=1),
            "alpha": claims.alpha,
            "memory_predict": classes,
            "memory_claimed_radius": radii,
            "memory_correct": (classes == truth).astype(int),
            "certified_radius": 0.0,
            "guarantee": GUARANTEE,
        },
        columns=COLUMNS,
    )
