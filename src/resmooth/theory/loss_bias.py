r"""The bias of the loss -log of a mean (notes on noises, appendix "Loss Estimators for the Smoothed Classifier").

For one number x and :math:`\delta_k \sim N(0, 1)` the loss :math:`-\log E (x + \delta)^2 = -\log(1 + x^2)` is estimated by
:math:`-\log \frac1K \sum_{k=1}^K (x + \delta_k)^2`. By Jensen's inequality its mean lies above what it estimates, by

.. math:: b(x, K) = \log(1 + x^2) - E \log \frac{S}{K}, \qquad S \sim \chi^2_K(K x^2) \text{ (noncentral)}.

Training with K noisy copies minimises such a mean: K = 1 is training on noisy data, K to infinity the smoothed classifier's loss.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def exact_bias(x: ArrayLike, K: ArrayLike) -> Any:
    r"""b(x, K), for any x and K >= 1, arrays or numbers, to a relative error below 1e-13.

    S is a Poisson mixture of central chi-squares, so :math:`E \log S = \log 2 + E\,\psi(K/2 + J)` with the digamma function and
    :math:`J \sim \mathrm{Poisson}(K x^2 / 2)`. That difference of nearly equal logarithms loses all digits of a small bias, and
    its sum grows with K. Here the same quantity is an integral of positive terms (Frullani: :math:`\log a = \int (e^{-t} -
    e^{-ta}) dt / t`, with the Laplace transform of S in place of :math:`e^{-ta}`),

    .. math:: b = \int_0^\infty \Big[ (1+s)^{-K/2} e^{-\frac K2 x^2 \frac{s}{1+s}} - e^{-\frac K2 (1 + x^2) s} \Big] \frac{ds}{s},

    summed over equal steps of log s, which converges exponentially. ValueError for K < 1 or an x that is no finite number.
    """
    x, K = _checked(x, K)
    square, half = x[..., None] ** 2, K[..., None] / 2
    steps = np.linspace(0, 1, 600)
    low = -np.log(half * (1 + square)) - 19  # the integrand falls like s^2 on the left,
    high = np.minimum(np.log(40 / (half * (1 + square))) + 4, 4) + 38 / half  # like s^(-K/2) on the right
    s = np.exp(low + (high - low) * steps)
    gap = half * (_s_minus_log1p(s) + square * s * (s / (1 + s)))
    height = np.exp(-half * (np.log1p(s) + square * (s / (1 + s)))) * -np.expm1(-gap)
    return (height.sum(axis=-1) * ((high - low)[..., 0] / (len(steps) - 1)))[()]


def taylor_bias(x: ArrayLike, K: ArrayLike) -> Any:
    r"""The second-order term :math:`\frac{\mathrm{Var}(x + \delta)^2}{2 K (E(x + \delta)^2)^2} = \frac{1 + 2x^2}{K (1 + x^2)^2}`.

    The expansion is around the mean :math:`E(x + \delta)^2 = 1 + x^2`, with :math:`\mathrm{Var}(x + \delta)^2 = 2 + 4x^2`. The
    source prints :math:`(x + \delta^2)` for :math:`(x + \delta)^2`, and an expansion "around x".
    """
    x, K = _checked(x, K)
    return ((1 + 2 * x**2) / (K * (1 + x**2) ** 2))[()]


def next_order(x: ArrayLike, K: ArrayLike) -> Any:
    r"""The term after `taylor_bias`: :math:`\big( \frac{3 \kappa_2^2}{4 \mu^4} - \frac{\kappa_3}{3 \mu^3} \big) / K^2`.

    :math:`\mu = 1 + x^2, \kappa_2 = 2 + 4x^2, \kappa_3 = 8 + 24x^2` are the cumulants of :math:`(x + \delta)^2`. The series is
    asymptotic: adding ever more terms at a fixed K does not reach `exact_bias`. Not in the source.
    """
    x, K = _checked(x, K)
    mean, variance, third = 1 + x**2, 2 + 4 * x**2, 8 + 24 * x**2
    return ((3 * (variance / mean**2) ** 2 / 4 - third / mean**3 / 3) / K**2)[()]


def monte_carlo(x: float, K: int, repetitions: int, seed: int = 0) -> tuple[float, float]:
    """Draw the estimator itself `repetitions` times for numbers x and K: (its mean bias, the standard error of that mean)."""
    generator, losses = np.random.default_rng(seed), []
    rows = max(1, 2**20 // K)
    for start in range(0, repetitions, rows):
        delta = generator.standard_normal((min(rows, repetitions - start), K))
        losses.append(-np.log(np.mean((x + delta) ** 2, axis=1)))
    bias = np.concatenate(losses) + np.log1p(x**2)
    return bias.mean(), bias.std(ddof=1) / np.sqrt(repetitions)


def _s_minus_log1p(s):
    """s - log(1 + s) for s >= 0 without cancellation: log(1 + s) = 2 atanh(z) with z = s / (2 + s), as a series up to s = 1."""
    z = np.minimum(s, 1) / (2 + np.minimum(s, 1))
    series = np.polynomial.polynomial.polyval(z**2, 1 / (2 * np.arange(18) + 3))
    return np.where(s < 1, 2 * z**2 / (1 - z) - 2 * z**3 * series, s - np.log1p(s))


def _checked(x: ArrayLike, K: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """x and K as float64 arrays of one shape. ValueError if they make no sense."""
    x, K = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(K, dtype=float))
    if not (np.all(np.isfinite(x)) and np.all((K >= 1) & np.isfinite(K))):
        raise ValueError("x must be finite numbers, and K numbers of at least 1")
    return x, K
