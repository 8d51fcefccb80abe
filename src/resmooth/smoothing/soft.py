r"""Certificates of the soft smoothed classifier :math:`F_{soft}(x) = E_\epsilon P(y | x + \epsilon)`, P the softmax scores.

(Notes on noises, "Randomized Smoothing" and "Approximating the Smoothed Classifier".) As for votes, the selection samples select
a class, here by its mean score, and independent estimation samples give a lower confidence bound on that mean. Scores are not
binomial, so the bound is one for variables in [0, 1].

The certified radius is that of votes at the same lower bound p. Among all functions with values in [0, 1] and mean p around x,
the mean around x' is smallest for the indicator of a level set of the likelihood ratio (Neyman and Pearson). So a certificate
that holds for the votes of every classifier holds for scores too. Scores sum to one: if the mean of one class stays above 1/2,
every other class stays below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from resmooth.smoothing import bounds
from resmooth.smoothing.certificates import ABSTAIN, Certificates, facts

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from resmooth.noise.base import Noise

BOUNDS: dict[str, Callable[..., Any]] = {  # on the mean of scores [N], from below
    "empirical_bernstein": bounds.empirical_bernstein,
    "hoeffding": lambda mean, variance, n, alpha: bounds.hoeffding(mean, n, alpha),
}


def certify_scores(
    mean0: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    n: ArrayLike,
    noise: Noise,
    alpha: float,
    bound: str = "empirical_bernstein",
    norm: float = 2,
) -> Certificates:
    """Certificates from the statistics of softmax scores (`resmooth.measure.scores`), each [N, K]; n: number or [N].

    mean0      mean scores of the selection samples, which choose the class
    mean       mean scores of n other, independent samples
    variance   their unbiased sample variances
    bound      "empirical_bernstein", or "hoeffding", which needs no variance and is wider but for scores that vary as votes do

    For each image the radius exceeds the true one with probability at most alpha. Abstains where the bound, less the noise's
    slack, is not above 1/2. Returns Certificates. ValueError for other shapes, numbers that no scores have, or another bound.
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
    return Certificates(
        predict=np.where(abstains, ABSTAIN, selected),
        radius=np.where(abstains, 0.0, noise.radius(p_lower, norm)),
        p_lower=p_lower,
        selected=selected,
        mean=top,
        variance=spread,
        n=n,
        alpha=float(alpha),
        bound=bound,
        **facts(noise, norm),
    )
