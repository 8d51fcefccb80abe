r"""CERTIFY, PREDICT1 and PREDICT2 as pure functions of class counts (lecture; Cohen et al. 2019, algorithms 1 and 2).

CERTIFY guesses the top class c from one set of counts, bounds :math:`p = P(f(x + \epsilon) = c)` from below by Clopper-Pearson
on an independent set, and returns the radius that the noise certifies at that bound; it abstains where the bound is below 1/2.
For each image the returned radius exceeds the true one with probability at most alpha.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from resmooth.smoothing import bounds

ABSTAIN = -1


@dataclass(frozen=True)
class Certificates:
    """Certificates of N images; arrays are numpy, aligned.

    predict   int64 [N]      class, -1 where CERTIFY abstains
    radius    float64 [N]    certified radius in units of the [0, 1] image, 0 where it abstains
    p_lower   float64 [N]    lower confidence bound on the probability of the selected class
    counts    int64 [N, K]   class counts of the estimation samples
    counts0   int64 [N, K]   class counts of the selection samples
    alpha, sigma             error probability for each image; noise level
    """

    predict: np.ndarray
    radius: np.ndarray
    p_lower: np.ndarray
    counts: np.ndarray
    counts0: np.ndarray
    alpha: float
    sigma: float

    def to_frame(self, labels, idx=None):
        """Table with the columns of a certificates file; `labels` [N], `idx` global image numbers (default 0..N-1)."""
        labels = np.asarray(labels)
        if labels.shape != self.predict.shape:
            raise ValueError(f"{len(self.predict)} certificates but {labels.size} labels")
        selected = self.counts0.argmax(axis=1)
        return pd.DataFrame(
            {
                "idx": np.arange(len(labels)) if idx is None else np.asarray(idx),
                "label": labels,
                "predict": self.predict,
                "radius": self.radius,
                "correct": (self.predict == labels).astype(int),
                "time": "",
                "p_lower": self.p_lower,
                "n_top": np.take_along_axis(self.counts, selected[:, None], axis=1)[:, 0],
                "n": self.counts.sum(axis=1),
                "n0": self.counts0.sum(axis=1),
                "alpha": self.alpha,
                "sigma": self.sigma,
            }
        )


def certify_from_counts(counts0, counts, noise, alpha, norm=2):
    """CERTIFY on stored counts: selection counts0 [N, K] and estimation counts [N, K], independent samples.

    `noise` gives the radius in `norm`. Returns Certificates. ValueError if the counts' shapes differ or a row is empty.
    """
    counts0, counts = _count_array(counts0), _count_array(counts)
    if counts0.shape != counts.shape:
        raise ValueError(f"selection counts {counts0.shape} and estimation counts {counts.shape} differ in shape")
    selected = counts0.argmax(axis=1)
    n_top = np.take_along_axis(counts, selected[:, None], axis=1)[:, 0]
    p_lower = bounds.clopper_pearson(n_top, counts.sum(axis=1), alpha)
    abstains = p_lower < 0.5
    return Certificates(
        predict=np.where(abstains, ABSTAIN, selected),
        radius=np.where(abstains, 0.0, noise.radius(p_lower, norm)),
        p_lower=p_lower,
        counts=counts,
        counts0=counts0,
        alpha=float(alpha),
        sigma=noise.sigma,
    )


def predict_from_counts(counts, alpha, method=2):
    """PREDICT1 or PREDICT2 on counts [N, K]: the top class, or -1 where the evidence for it is weaker than alpha.

    method 1: p-value of n_A successes in n trials under p <= 1/2; answers only where p_A > 1/2.
    method 2: two-sided p-value of n_A successes in n_A + n_B trials under p = 1/2, A and B the two top classes; needs fewer
    samples and also answers where the top class is likeliest without a majority (Hung and Fithian 2019).
    Returns int64 [N]. A returned class is not g's with probability at most alpha. ValueError for another method.
    """
    counts = _count_array(counts)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie strictly between 0 and 1, got {alpha}")
    ordered = np.sort(counts, axis=1)
    top, second = ordered[:, -1], ordered[:, -2] if counts.shape[1] > 1 else np.zeros(len(counts), dtype=int)
    if method == 1:
        if alpha >= 0.5:
            raise ValueError(
                f"PREDICT1 needs alpha below 1/2, got {alpha}: above it several classes could be significant"
            )
        p_value = stats.binom.sf(top - 1, counts.sum(axis=1), 0.5)
    elif method == 2:
        p_value = np.minimum(1.0, 2 * stats.binom.sf(top - 1, top + second, 0.5))
    else:
        raise ValueError(f"method must be 1 (PREDICT1) or 2 (PREDICT2), got {method!r}")
    return np.where(p_value <= alpha, counts.argmax(axis=1), ABSTAIN)


def _count_array(counts):
    """Counts as int64 [N, K]; ValueError if they are no table of counts."""
    counts = np.asarray(counts.cpu() if hasattr(counts, "cpu") else counts)
    if counts.ndim != 2 or not np.issubdtype(counts.dtype, np.integer) or np.any(counts < 0):
        raise ValueError("counts must be a table [images, classes] of non-negative integers")
    if not np.all(counts.any(axis=1)):
        raise ValueError(
            f"image {np.argmin(counts.any(axis=1))} has no counts; draw at least one sample for each image"
        )
    return counts.astype(np.int64)
