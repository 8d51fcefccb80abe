r"""Certificates of a network f, counted on a fast twin f' that answers nearly as f does (int8, bfloat16, pruned, ...).

Let A be a class, :math:`\zeta = P(f(x + \epsilon) \ne f'(x + \epsilon))`. Where f' answers A, f answers A or disagrees, so

.. math:: P(f(x + \epsilon) = A) \ge P(f'(x + \epsilon) = A) - \zeta .

The votes of f' on n noisy copies bound :math:`P(f' = A)` from below at level :math:`\alpha - \alpha_\zeta`; the disagreements of
the two on m copies, which are all that f is asked for, bound :math:`\zeta` from above at level :math:`\alpha_\zeta` (both Clopper
and Pearson). By a union bound both hold with probability at least :math:`1 - \alpha`, however the copies of the two bounds depend
on each other: here the m copies are the first of the n. It assumes that A was selected by other samples than the n; that the
copies are independent draws of the noise, the same for f and f'; and that f and f' are functions of one noisy image each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from resmooth.models.mode import evaluation_mode
from resmooth.smoothing import bounds
from resmooth.smoothing.certificates import ABSTAIN, Certificates
from resmooth.smoothing.certify import certify_from_counts
from resmooth.smoothing.engine import count_votes, side_by_side
from resmooth.smoothing.progress import Bar
from resmooth.smoothing.smoothed import Smoothed, checked_images
from resmooth.smoothing.streams import ESTIMATION, SELECTION, Stream, whole

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from resmooth.noise.base import Noise


def certify_transferred(
    counts0: ArrayLike | torch.Tensor,
    counts: ArrayLike | torch.Tensor,
    disagreements: ArrayLike,
    trials: ArrayLike,
    noise: Noise,
    alpha: float,
    alpha_z: float | None = None,
    norm: float | None = None,
) -> Certificates:
    r"""Certificates of the smoothed f from counts of its twin f': selection counts0 [N, K] and estimation counts [N, K].

    disagreements [N]: of how many of `trials` noisy copies f and f' made different classes; `counts0` are independent of `counts`
    and of nothing else. alpha_z: the part of `alpha` that is spent on their bound, by default half. p_lower is
    :math:`\max(p - \zeta - slack, 0)` for the lower bound p at alpha - alpha_z and the upper bound :math:`\zeta` at alpha_z,
    which is kept as `.zeta`; the class is certified where it is at least 1/2. ValueError under deterministic or input-dependent
    noise, and unless 0 < alpha_z < alpha.
    """
    noise.check_sequential()
    alpha_z = alpha / 2 if alpha_z is None else alpha_z
    if not 0 < alpha_z < alpha:
        raise ValueError(f"alpha_z must lie strictly between 0 and alpha = {alpha:g}, got {alpha_z}")
    norm = noise.norm_or_own(norm)
    twin = certify_from_counts(counts0, counts, noise, alpha - alpha_z, norm)
    if np.shape(disagreements) != twin.predict.shape:
        raise ValueError(f"{len(twin.predict)} images but disagreements of shape {np.shape(disagreements)}")
    zeta = bounds.clopper_pearson(disagreements, trials, alpha_z, "upper")
    p_lower = np.maximum(twin.p_lower - zeta, 0.0)  # the twin's is less the slack already
    abstains = p_lower < 0.5
    return replace(
        twin,
        predict=np.where(abstains, ABSTAIN, twin.selected),
        radius=np.where(abstains, 0.0, noise.radius(p_lower, norm)),
        p_lower=p_lower,
        zeta=zeta,
        alpha=float(alpha),
    )


def certify(
    fast: Smoothed,
    exact: Smoothed,
    x: ArrayLike | torch.Tensor,
    n0: int = 100,
    n: int = 100_000,
    trials: int = 10_000,
    alpha: float = 0.001,
    alpha_z: float | None = None,
    seed: int = 0,
    index: Sequence[int] | None = None,
    norm: float | None = None,
    progress: bool | None = None,
) -> Certificates:
    """Certify the classifier of `exact`, asked for `trials` noisy copies alone, by n0 + n copies for that of `fast`.

    Both are smoothed with the same noise and see the same copies: those that `fast.certify` and `exact.certify` see under this
    seed. x [N, C, H, W]: floats in [0, 1]; index, norm and progress as in `Smoothed.certify`, alpha_z as in
    `certify_transferred`. Returns `Certificates` for N images; their class and radius are of the smoothed classifier of `exact`,
    their counts are the votes of `fast`. ValueError unless the two fit each other and trials is at most n.
    """
    x, index = checked_images(x, index)
    for smoothed in (fast, exact):
        smoothed.build(x.shape[1:])
    norm = _checked_pair(fast, exact, norm)
    n0, n, trials = whole(n0, "n0"), whole(n, "n"), whole(trials, "trials")
    if trials > n:
        raise ValueError(f"trials must be at most n = {n}, got {trials}")
    counts0, counts = (torch.zeros((len(x), fast.num_classes), dtype=torch.int64) for _ in range(2))
    disagreements = np.zeros(len(x), dtype=np.int64)
    with Bar(len(x), progress) as bar:
        for group in side_by_side(fast, range(len(x)), n0 + n):
            rows = slice(group.start, group.stop)
            first = [(fast.stream(x[i], seed, index[i], SELECTION), n0) for i in group]
            counts0[rows] = torch.cat([votes[0] for votes in count_votes(fast, fast.vote, first)])
            streams = [fast.stream(x[i], seed, index[i], ESTIMATION) for i in group]
            counts[rows], disagreements[rows] = count_together(fast, exact, streams, trials)
            if n > trials:
                rest = count_votes(fast, fast.vote, [(stream, n - trials) for stream in streams])
                counts[rows] += torch.cat([votes[0] for votes in rest])
            bar.at(group.stop)
    return certify_transferred(counts0, counts, disagreements, trials, fast.noise, alpha, alpha_z, norm)


def count_together(
    fast: Smoothed, exact: Smoothed, streams: Sequence[Stream], trials: int
) -> tuple[torch.Tensor, np.ndarray]:
    """Ask both for the next `trials` noisy copies of each stream. Returns (the classes of `fast` [N, K], disagreements [N])."""
    drawing = fast if fast.form == exact.form else fast.plain()  # both see the same images

    def vote(images: torch.Tensor) -> torch.Tensor:
        one, other = fast.vote(images), exact.vote(images)
        return torch.cat([one, other, (one != other).to(one.dtype)])  # class 0 counts the agreements

    with evaluation_mode(exact.classifier):
        votes = count_votes(drawing, vote, [(stream, trials) for stream in streams])
    classes = torch.stack([counts[0, 0] for counts in votes])
    return classes, np.array([trials - int(counts[2, 0, 0]) for counts in votes])


def _checked_pair(fast: Smoothed, exact: Smoothed, norm: float | None) -> float:
    """The norm of the certificates. ValueError unless both classifiers are smoothed alike, by noise that is drawn at random."""
    fast.check_sampled()
    for name in ("num_classes", "device"):
        if getattr(fast, name) != getattr(exact, name):
            raise ValueError(f"the two have {name} {getattr(fast, name)} and {getattr(exact, name)}; they must agree")
    if fast.noise.facts() != exact.noise.facts():
        raise ValueError(f"the two are smoothed with {fast.noise.facts()} and {exact.noise.facts()}; they must agree")
    return fast.norm_or_own(norm)
