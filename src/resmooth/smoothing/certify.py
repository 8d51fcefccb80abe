r"""CERTIFY, PREDICT1 and PREDICT2 as pure functions of class counts (lecture; Cohen et al. 2019, algorithms 1 and 2).

CERTIFY selects the top class c from one set of counts. An independent set gives a lower confidence bound (Clopper-Pearson) on
:math:`p = P(f(x + \epsilon) = c)`, and the noise gives the certified radius at that bound; CERTIFY abstains if the bound is below
1/2. For each image the returned radius exceeds the true one with probability at most alpha.

The total variation distance between noise in exact arithmetic and ideal noise is at most `noise.slack` (noise/grid.py), so p
changes by no more than that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from resmooth.noise.base import inclusion
from resmooth.smoothing import bounds, idrs
from resmooth.smoothing.certificates import ABSTAIN, Certificates, facts

if TYPE_CHECKING:
    import torch
    from numpy.typing import ArrayLike

    from resmooth.noise.base import Noise


def certify_from_counts(
    counts0: ArrayLike | torch.Tensor,
    counts: ArrayLike | torch.Tensor,
    noise: Noise,
    alpha: float,
    norm: float = 2,
    bound: str = "clopper_pearson",
    uniforms: ArrayLike | None = None,
    levels: ArrayLike | None = None,
) -> Certificates:
    """CERTIFY on stored counts: selection counts0 [N, K] and estimation counts [N, K], independent samples.

    `noise` gives the radius in `norm` and the slack to subtract; if it is deterministic, `counts` are those of all its copies
    and alone decide (`certify_exactly`). `bound` names a confidence bound (`bounds.BY_NAME`);
    "randomized" is tighter and needs `uniforms` [N] in (0, 1), drawn independently of the counts and fixed before they are
    seen; "normal_approximation" is not valid. `levels` [N]: sigma(x) of each image under input-dependent noise, and only there:
    the radius then holds for the classifier that is smoothed with sigma(y) at every y (smoothing/idrs.py). Returns Certificates.
    ValueError if the counts' shapes differ or a row is empty, for an unknown bound, or for uniforms or levels that are missing,
    unwanted or out of range.
    """
    if noise.exact:
        return certify_exactly(counts, noise, norm)
    counts0, counts = _count_array(counts0), _count_array(counts)
    if counts0.shape != counts.shape:
        raise ValueError(f"selection counts {counts0.shape} and estimation counts {counts.shape} differ in shape")
    selected, n = counts0.argmax(axis=1), counts.sum(axis=1)
    n_top = np.take_along_axis(counts, selected[:, None], axis=1)[:, 0]
    p_lower = np.maximum(0.0, _lower_bound(n_top, n, alpha, bound, uniforms) - noise.slack)
    abstains = p_lower < 0.5
    return Certificates(
        predict=np.where(abstains, ABSTAIN, selected),
        radius=np.where(abstains, 0.0, _radii(p_lower, noise, norm, levels)),
        p_lower=p_lower,
        n_top=n_top,
        n=n,
        n0=counts0.sum(axis=1),
        counts=counts,
        counts0=counts0,
        selected=selected,
        alpha=float(alpha),
        bound=bound,
        **facts(noise, norm, levels),
    )


def certify_exactly(counts: ArrayLike | torch.Tensor, noise: Noise, norm: float = 1) -> Certificates:
    """Certificates from the counts [N, K] of all copies of deterministic noise (dssn; Levine and Feizi 2021).

    The counts determine the smoothed classifier exactly: it returns the class with most votes (ties go to the first). There is
    no selection, no alpha and no abstention. ValueError unless each row counts all copies; NotImplementedError for a norm
    without certificate.
    """
    counts = _count_array(counts)
    predict, n = counts.argmax(axis=1), counts.sum(axis=1)
    radius = noise.radius_from_counts(counts, norm)
    n_top = np.take_along_axis(counts, predict[:, None], axis=1)[:, 0]
    return Certificates(
        predict=predict,
        radius=radius,
        p_lower=n_top / n,
        n_top=n_top,
        n=n,
        n0=np.zeros_like(n),
        counts=counts,
        counts0=np.zeros_like(counts),
        selected=predict,
        alpha=0.0,
        bound="exact",
        **facts(noise, norm),
    )


def _radii(p_lower: np.ndarray, noise: Any, norm: float, levels: ArrayLike | None) -> np.ndarray:
    """Radii [N] in `norm` at the bounds p_lower [N]."""
    if noise.input_dependent != (levels is not None):
        raise ValueError(f"levels belong to input-dependent noise, which needs them; the noise is {noise.name}")
    if levels is None:
        return noise.radius(p_lower, norm)
    if np.shape(levels) != p_lower.shape:
        raise ValueError(f"{len(p_lower)} images but {np.size(levels)} levels")
    noise.check_norm(norm)
    return inclusion(norm, 2, noise.dim) * idrs.certified_radius(p_lower, levels, noise.rate, noise.dim)


def predict_from_counts(
    counts: ArrayLike | torch.Tensor, alpha: float, method: int = 2, slack: float = 0.0, exact: bool = False
) -> np.ndarray:
    """PREDICT1 or PREDICT2 on counts [N, K]: the top class, or -1 where the evidence for it is weaker than alpha.

    method 1: p-value of n_A successes in n trials under p <= 1/2; answers only where p_A > 1/2.
    method 2: two-sided p-value of n_A successes in n_A + n_B trials under p = 1/2, A and B the two top classes; needs fewer
    samples and also answers where the top class is likeliest without a majority (Hung and Fithian 2019).
    slack: `noise.slack`, a bound on the total variation distance between one drawn noise vector and the ideal one. For n
    vectors the distance is at most n slack, and so is the increase of the error probability: both methods test at
    alpha - n slack. exact: `noise.exact`; counts of all copies of deterministic noise determine g, so its class is returned
    whatever alpha.
    Returns int64 [N]. A returned class is not g's with probability at most alpha. ValueError for another method.
    """
    counts = _count_array(counts)
    if exact:
        return counts.argmax(axis=1)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie strictly between 0 and 1, got {alpha}")
    ordered, n = np.sort(counts, axis=1), counts.sum(axis=1)
    top, second = ordered[:, -1], ordered[:, -2] if counts.shape[1] > 1 else np.zeros(len(counts), dtype=int)
    if method == 1:
        if alpha >= 0.5:
            raise ValueError(
                f"PREDICT1 needs alpha below 1/2, got {alpha}: above it several classes could be significant"
            )
        p_value = stats.binom.sf(top - 1, n, 0.5)
    elif method == 2:
        p_value = np.minimum(1.0, 2 * stats.binom.sf(top - 1, top + second, 0.5))
    else:
        raise ValueError(f"method must be 1 (PREDICT1) or 2 (PREDICT2), got {method!r}")
    return np.where(p_value <= alpha - n * slack, counts.argmax(axis=1), ABSTAIN)


def _lower_bound(
    successes: np.ndarray, trials: np.ndarray, alpha: float, bound: str, uniforms: ArrayLike | None
) -> np.ndarray:
    """The lower confidence bounds [N] by the bound of that name."""
    if bound not in bounds.BY_NAME:
        raise ValueError(f"unknown bound {bound!r}; known: {', '.join(bounds.BY_NAME)}")
    if (bound == "randomized") != (uniforms is not None):
        raise ValueError(f'uniforms belong to the bound "randomized", which needs them; the bound is {bound!r}')
    if uniforms is None:
        return bounds.BY_NAME[bound](successes, trials, alpha)
    uniforms = np.asarray(uniforms, dtype=float)
    if uniforms.shape != successes.shape or not np.all((uniforms > 0) & (uniforms < 1)):
        raise ValueError(f"uniforms must be {len(successes)} numbers strictly between 0 and 1, one for each image")
    return bounds.BY_NAME[bound](successes, trials, alpha, uniforms)


def _count_array(counts: ArrayLike | torch.Tensor) -> np.ndarray:
    """Counts as int64 [N, K]; ValueError if they are no table of counts."""
    counts = np.asarray(counts.cpu() if hasattr(counts, "cpu") else counts)
    if counts.ndim != 2 or not np.issubdtype(counts.dtype, np.integer) or np.any(counts < 0):
        raise ValueError("counts must be a table [images, classes] of non-negative integers")
    if not np.all(counts.any(axis=1)):
        raise ValueError(
            f"image {np.argmin(counts.any(axis=1))} has no counts; draw at least one sample for each image"
        )
    return counts.astype(np.int64)
