r"""The variance model of ensembles under noise (Horvath et al. 2022; blog, "Variance Reduction via Ensembles").

At a fixed image, member l has the classification margin z^l: its score of the top class minus that of the runner-up. Under noise
the margins of L members that see the same noise have an L x L covariance. The model gives all members one variance
:math:`\sigma^2(1)` and all pairs one correlation :math:`\zeta`; the mean margin of k members then has the variance

.. math:: \sigma^2(k) = \frac{1 + \zeta (k - 1)}{k} \sigma^2(1) \to \zeta \sigma^2(1).
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def correlation(covariance: ArrayLike) -> Any:
    """zeta: mean off-diagonal over mean diagonal entry of margin covariances [..., L, L], L >= 2. Returns [...]."""
    covariance = np.asarray(covariance, dtype=float)
    size = covariance.shape[-1]
    if size < 2:
        raise ValueError("the correlation between members needs at least two of them")
    trace = np.trace(covariance, axis1=-2, axis2=-1)
    return (covariance.sum(axis=(-2, -1)) - trace) / (size - 1) / trace


def variance_ratio(zeta: float | np.ndarray, k: ArrayLike) -> Any:
    """sigma^2(k) / sigma^2(1) = (1 + zeta (k - 1)) / k for ensembles of k members."""
    k = np.asarray(k)
    return (1 + zeta * (k - 1)) / k


def ensemble_variance(covariance: ArrayLike, k: int) -> Any:
    """Variance [...] of the mean margin of the first k members, from margin covariances [..., L, L]."""
    return np.asarray(covariance, dtype=float)[..., :k, :k].mean(axis=(-2, -1))
