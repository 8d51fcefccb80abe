r"""Confidence bounds for a probability p from `successes` out of `trials` independent draws (numpy, vectorised).

`hoeffding` and `empirical_bernstein` bound the expected value of scores between 0 and 1, of which votes are the extreme case.

Each function takes arrays or numbers, the error probability `alpha` in (0, 1) and a `side`:
"lower" and "upper" are one-sided bounds, each wrong with probability at most alpha; "both" returns the pair
(lower, upper), whose two errors together have probability at most alpha (alpha / 2 each).
ValueError if counts or alpha are out of range.

Sources: the lecture, "Monte Carlo Integration Bounds"; Clopper and Pearson 1934; Stevens 1950; Hoeffding 1963; Maurer and
Pontil 2009.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def clopper_pearson(successes: ArrayLike, trials: ArrayLike, alpha: float, side: str = "lower") -> Any:
    r"""The exact binomial bound, conservative at every p.

    Lower bound: the alpha quantile of Beta(k, n - k + 1), which is 0 for k = 0 and alpha^(1/n) for k = n.
    Upper bound: the 1 - alpha quantile of Beta(k + 1, n - k), which is 1 for k = n.
    """

    def bound(k, n, level, sign):
        if sign < 0:
            lower = special.betaincinv(np.maximum(k, 1), n - k + 1, level)
            return np.where(k == 0, 0.0, np.minimum(lower, np.nextafter(1.0, 0.0)))  # 1 would certify everything
        return np.where(k == n, 1.0, special.betainccinv(k + 1, np.maximum(n - k, 1), level))

    return _sided(bound, successes, trials, alpha, side)


def randomized_clopper_pearson(
    successes: ArrayLike, trials: ArrayLike, alpha: float, uniform: ArrayLike, side: str = "lower"
) -> Any:
    r"""Stevens 1950: a bound that errs with probability alpha exactly at every p, hence tighter than Clopper-Pearson.

    `uniform` (array or number in [0, 1], one for each count, drawn independently of it and kept with it) splits the ties that
    make Clopper-Pearson conservative. The lower bound solves :math:`P(X > k) + u P(X = k) = \alpha` for p, the upper bound
    :math:`P(X < k) + (1 - u) P(X = k) = \alpha`; so u = 1 gives the lower bound of Clopper-Pearson, u = 0 its upper one,
    and the pair of bounds never crosses.

    Lower bound: 0 where k = 0 and :math:`u \ge \alpha`; :math:`(\alpha / u)^{1/n}` for k = n, which the cap below 1 replaces
    where :math:`u \le \alpha`: there the equation has no solution, and exact coverage demands that every p be excluded. So
    a vote of n out of n claims near-certainty in a fraction alpha of cases: average over u before reading much into a radius.
    """
    u = np.asarray(uniform, dtype=float)
    if not np.all((u >= 0) & (u <= 1)):
        raise ValueError("uniform must hold numbers between 0 and 1")

    def bound(k, n, level, sign):
        votes, draws, ties = np.broadcast_arrays(k, n, u)
        return _stevens(votes, draws, ties, level, sign)

    return _sided(bound, successes, trials, alpha, side)


def chebyshev(successes: ArrayLike, trials: ArrayLike, alpha: float, side: str = "lower") -> Any:
    r"""Chebyshev's inequality with the largest possible variance 1/4: :math:`\hat p \mp 1 / (2 \sqrt{n \alpha})`, clipped.

    Valid for every p, and far wider than Clopper-Pearson; here for the lecture's comparison.
    """

    def bound(k, n, level, sign):
        return np.clip(k / n + sign / (2 * np.sqrt(n * level)), 0.0, 1.0)

    return _sided(bound, successes, trials, alpha, side)


def normal_approximation(successes: ArrayLike, trials: ArrayLike, alpha: float, side: str = "lower") -> Any:
    r"""The central limit theorem: :math:`\hat p \mp z_{1 - \alpha} \sqrt{\hat p (1 - \hat p) / n}`, clipped. NOT a valid bound.

    Its error exceeds alpha when p is near 0 or 1 (at k = n it claims p = 1), the very region that certification lives in;
    here for the lecture's comparison.
    """

    def bound(k, n, level, sign):
        estimate = k / n
        half_width = -special.ndtri(level) * np.sqrt(estimate * (1 - estimate) / n)
        return np.clip(estimate + sign * half_width, 0.0, 1.0)

    return _sided(bound, successes, trials, alpha, side)


def hoeffding(mean: ArrayLike, n: ArrayLike, alpha: float, side: str = "lower") -> Any:
    r"""Hoeffding 1963, for n independent scores in [0, 1]: :math:`\bar x \mp \sqrt{\ln(1/\alpha) / (2n)}`, clipped.

    It uses only the `mean`, so it is as wide for scores that hardly vary as for votes at p = 1/2.
    """
    average, _, number = _checked_scores(mean, 0.0, n, least=1)

    def bound(level, sign):
        return _inside(average + sign * np.sqrt(-np.log(level) / (2 * number)), sign)

    return _by_side(bound, alpha, side)


def empirical_bernstein(mean: ArrayLike, variance: ArrayLike, n: ArrayLike, alpha: float, side: str = "lower") -> Any:
    r"""Maurer and Pontil 2009, for n >= 2 independent scores in [0, 1] whose unbiased sample variance is `variance`:

    .. math:: \bar x \mp \Big( \sqrt{\frac{2 V \ln(2/\alpha)}{n}} + \frac{7 \ln(2/\alpha)}{3 (n - 1)} \Big),

    clipped to [0, 1]. Scores that hardly vary are bounded at the rate 1/n instead of :math:`1/\sqrt n`. One side costs
    :math:`\ln(2/\alpha)`, not :math:`\ln(1/\alpha)`, because the variance is estimated too.
    """
    average, spread, number = _checked_scores(mean, variance, n, least=2)

    def bound(level, sign):
        log = np.log(2 / level)
        return _inside(average + sign * (np.sqrt(2 * spread * log / number) + 7 * log / (3 * (number - 1))), sign)

    return _by_side(bound, alpha, side)


BY_NAME: dict[str, Callable[..., Any]] = {
    "clopper_pearson": clopper_pearson,
    "randomized": randomized_clopper_pearson,
    "chebyshev": chebyshev,
    "normal_approximation": normal_approximation,
}


def _stevens(k, n, u, level, sign):
    """Bisect for the bound between the Clopper-Pearson bounds of k and of the next count, and err on the safe side."""
    side, tail = ("lower", special.betainc) if sign < 0 else ("upper", special.betaincc)

    def error(p):
        """The weight, under p, of counts at least as far out as k: u splits P(X >= k) and P(X > k), or P(X < k) and P(X <= k)."""
        this = np.where(k == 0, sign < 0, tail(np.maximum(k, 1), n - k + 1, p))
        following = np.where(k == n, sign > 0, tail(k + 1, np.maximum(n - k, 1), p))
        return u * this + (1 - u) * following

    last, extreme = (n, np.nextafter(1.0, 0.0)) if sign < 0 else (0, 0.0)
    safe = clopper_pearson(k, n, level, side)
    beyond = np.where(k == last, extreme, clopper_pearson(np.clip(k - sign, 0, n), n, level, side))
    for _ in range(60):  # kept: elementwise.find_root ends at another float, 4 eps short of the safe one
        middle = (safe + beyond) / 2
        excluded = error(middle) < level
        safe, beyond = np.where(excluded, middle, safe), np.where(excluded, beyond, middle)
    return safe


def _inside(bound, sign):
    """A lower (sign -1) or upper bound on a mean, clipped to what scores can have; 1 would certify everything."""
    return np.clip(bound, 0.0, np.nextafter(1.0, 0.0) if sign < 0 else 1.0)


def _sided(bound, successes, trials, alpha, side):
    """Check counts, then evaluate `bound(k, n, level, sign)` by `_by_side`."""
    k, n = np.asarray(successes), np.asarray(trials)
    if np.any(n < 1) or np.any(k < 0) or np.any(k > n):
        raise ValueError("successes must lie between 0 and trials, and trials must be at least 1")
    return _by_side(lambda level, sign: bound(k, n, level, sign), alpha, side)


def _checked_scores(mean, variance, n, least):
    """The arguments as arrays. ValueError if scores in [0, 1] cannot have them."""
    mean, variance, n = (np.asarray(values, dtype=float) for values in (mean, variance, n))
    if not np.all(n >= least):
        raise ValueError(f"the number of scores must be at least {least}")
    largest = mean * (1 - mean) * n / np.maximum(n - 1, 1)
    if not np.all((mean >= 0) & (mean <= 1) & (variance >= 0) & (variance <= largest + 1e-9)):
        raise ValueError("scores must lie between 0 and 1; no such scores have this mean and variance")
    return mean, variance, n


def _by_side(bound, alpha, side):
    """Evaluate `bound(level, sign)` with sign -1 (lower) or +1 (upper). ValueError for another alpha or side."""
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must lie strictly between 0 and 1, got {alpha}")
    if side == "both":
        return bound(alpha / 2, -1)[()], bound(alpha / 2, +1)[()]
    if side not in ("lower", "upper"):
        raise ValueError(f'side must be "lower", "upper" or "both", got {side!r}')
    return bound(alpha, -1 if side == "lower" else +1)[()]
