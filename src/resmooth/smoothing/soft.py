r"""Certificates of the soft smoothed classifier :math:`F_{soft}(x) = E_\epsilon P(y | x + \epsilon)`, P the softmax scores.

(Notes on noises, "Randomized Smoothing" and "Approximating the Smoothed Classifier".) As for votes, one set of noisy copies
selects a class, here by its mean score, and a fresh set bounds its mean from below; scores are no binomial draws, so the bound is
one for variables in [0, 1].

The radius is the one of votes at the same lower bound p. Of all functions with values in [0, 1] and mean p around x, the one
whose mean around x' is least is (by Neyman and Pearson) the indicator of a region that the likelihood ratio bounds, so that a
certificate which holds for the votes of every classifier holds for scores too. And scores sum to one: a class whose mean stays
above 1/2 leaves every other class below.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from resmooth.smoothing import bounds
from resmooth.smoothing.certify import ABSTAIN

BOUNDS = {  # on the mean of scores [N], from below
    "empirical_bernstein": bounds.empirical_bernstein,
    "hoeffding": lambda mean, variance, n, alpha: bounds.hoeffding(mean, n, alpha),
}


@dataclass(frozen=True)
class SoftCertificates:
    """Certificates of the soft smoothed classifier at N images; arrays are numpy, aligned.

    predict   int64 [N]      class, -1 where it abstains
    radius    float64 [N]    certified radius in units of the [0, 1] image, 0 where it abstains
    p_lower   float64 [N]    lower confidence bound on the mean score of the selected class, less the noise's slack
    selected  int64 [N]      class that the selection samples chose
    mean, variance           its mean score over the n estimation samples, and their unbiased variance: float64 [N]
    n                        number of estimation samples: int64 [N]
    alpha, sigma, noise      error probability for each image; noise level; label of the noise
    bound, norm              name of the confidence bound; norm of the radii
    """

    predict: np.ndarray
    radius: np.ndarray
    p_lower: np.ndarray
    selected: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    n: np.ndarray
    alpha: float
    sigma: float
    noise: str
    bound: str
    norm: float

    def to_frame(self, labels, idx=None):
        """Table with columns as in a certificates file; `labels` [N], `idx` global image numbers (default 0..N-1)."""
        labels = np.asarray(labels)
        if labels.shape != self.predict.shape:
            raise ValueError(f"{len(self.predict)} certificates but {labels.size} labels")
        numbers = np.arange(len(labels)) if idx is None else np.asarray(idx)
        correct = (self.predict == labels).astype(int)
        columns = {"idx": numbers, "label": labels, "predict": self.predict, "radius": self.radius, "correct": correct}
        rest = ["p_lower", "mean", "variance", "n", "alpha", "sigma", "noise", "bound", "norm"]
        return pd.DataFrame(columns | {name: getattr(self, name) for name in rest})


def certify_scores(mean0, mean, variance, n, noise, alpha, bound="empirical_bernstein", norm=2):
    """Certificates from the statistics of softmax scores (`resmooth.smoothing.scores`), each [N, K]; n: number or [N].

    mean0      mean scores of the selection samples, which choose the class
    mean       mean scores of n other, independent samples
    variance   their unbiased sample variances
    bound      "empirical_bernstein", or "hoeffding", which needs no variance and is wider but for scores that vary as votes do

    For each image the radius exceeds the true one with probability at most alpha. Abstains where the bound, less the noise's
    slack, is not above 1/2. Returns SoftCertificates. ValueError for other shapes, numbers that no scores have, or another bound.
    """
    mean0, mean, variance = (np.asarray(values, dtype=float) for values in (mean0, mean, variance))
    if not mean0.shape == mean.shape == variance.shape or mean.ndim != 2:
        raise ValueError(f"mean0 {mean0.shape}, mean {mean.shape} and variance {variance.shape} must be tables [N, K]")
    if bound not in BOUNDS:
        raise ValueError(f"unknown bound {bound!r} for scores; known: {', '.join(BOUNDS)}")
    if not np.allclose(mean.sum(axis=1), 1, rtol=0, atol=1e-6):
        raise ValueError("the scores of an image do not sum to one; give softmax probabilities")
    selected = mean0.argmax(axis=1)
    top, spread = (np.take_along_axis(values, selected[:, None], axis=1)[:, 0] for values in (mean, variance))
    n = np.broadcast_to(np.asarray(n), selected.shape)
    p_lower = np.maximum(0.0, BOUNDS[bound](top, spread, n, alpha) - noise.slack)
    abstains = p_lower <= 0.5
    return SoftCertificates(
        predict=np.where(abstains, ABSTAIN, selected),
        radius=np.where(abstains, 0.0, noise.radius(p_lower, norm)),
        p_lower=p_lower,
        selected=selected,
        mean=top,
        variance=spread,
        n=n,
        alpha=float(alpha),
        sigma=noise.sigma,
        noise=noise.label,
        bound=bound,
        norm=norm,
    )
