r"""How often CERTIFY abstains, exactly, for known class probabilities (lecture, "Certification Procedure").

CERTIFY guesses the top class from n0 votes and abstains if fewer than :math:`k^*` of n further votes are for the guess. With
class probabilities :math:`p_1 \dots p_K`

.. math:: P(\mathrm{ABSTAIN}) = \sum_c P(\hat c_A = c)\; P(\mathrm{Bin}(n, p_c) < k^*),

because guess and estimate use different samples. :math:`P(\hat c_A = c)` is a finite sum over the multinomial law.
"""

from functools import cache

import numpy as np
from numpy.typing import ArrayLike
from scipy import special


@cache
def needed(n: int, alpha: float) -> int:
    """The least count k* of n votes that certifies a positive radius; n + 1 where no count does.

    The lower Clopper-Pearson bound of k votes is at least 1/2 exactly where P(Bin(n, 1/2) >= k) <= alpha.
    """
    certifies = special.bdtrc(np.arange(n), n, 0.5) <= alpha  # of the counts 1..n
    return int(certifies.argmax()) + 1 if certifies.any() else n + 1


def least_samples(alpha: float) -> int:
    """The least n with which anything can be certified: a unanimous vote of n has the bound alpha^(1/n) >= 1/2."""
    n = max(1, int(np.floor(-np.log2(alpha))))
    return n if needed(n, alpha) <= n else n + 1


def too_few(n: int, p: ArrayLike, alpha: float) -> np.ndarray:
    """P(ABSTAIN) if the guess is a class of probability p (number or array): the third reason, and the second where p <= 1/2."""
    from scipy import stats

    return stats.binom.cdf(needed(n, alpha) - 1, n, p)


def guesses(p: ArrayLike, n0: int) -> np.ndarray:
    """P(guess = c) of each class [K] from n0 votes; a tie goes to the lower class, as argmax has it.

    The multinomial law is that of independent Poisson counts, given that their sum is n0.
    """
    from scipy import stats

    p = np.asarray(p, dtype=float)
    law = stats.poisson.pmf(np.arange(n0 + 1), n0 * p[:, None])  # [K, n0 + 1]
    wins = np.zeros(len(p))
    for c in np.flatnonzero(p):
        for k in range(-(-n0 // len(p)), n0 + 1):
            others = np.ones(1)  # law of the sum of all other counts, none of which beats k
            for other in np.flatnonzero(p):
                if other != c:
                    others = np.convolve(others, law[other, : k + (other > c)])[: n0 - k + 1]
            if len(others) == n0 - k + 1:
                wins[c] += law[c, k] * others[-1]
    return wins / stats.poisson.pmf(n0, n0)


def abstains(p: ArrayLike, n0: int, n: int, alpha: float) -> float:
    """P(ABSTAIN) for class probabilities p [K]."""
    return guesses(p, n0) @ too_few(n, np.asarray(p), alpha)


def unordered(p: ArrayLike, n0: int, n: int, alpha: float) -> float:
    """P(ABSTAIN) for probabilities p [K] without an order of classes: ties of the guess go both ways alike."""
    return (abstains(p, n0, n, alpha) + abstains(np.asarray(p)[::-1], n0, n, alpha)) / 2
