r"""How often PREDICT abstains and errs, exactly, for two or three classes (lecture, "Inference Procedure").

A `rule` takes tables of counts [N, K] and answers each with a class, or with -1 where it abstains. The number of possible tables
of n votes is finite: n + 1 for two classes, (n + 1)(n + 2) / 2 for three. So every probability here is a sum, without simulation.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import special

Rule = Callable[[np.ndarray], np.ndarray]


def outcomes(p: Sequence[float], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Every table of counts that n samples can give [N, K], and its multinomial law [N]. ValueError unless K is 2 or 3."""
    a = np.arange(n + 1)
    if len(p) == 2:
        tables = np.stack([a, n - a], axis=1)
    elif len(p) == 3:
        a, b = (grid.ravel() for grid in np.meshgrid(a, a, indexing="ij"))
        tables = np.stack([a, b, n - a - b], axis=1)[a + b <= n]
    else:
        raise ValueError(f"tables are listed for two or three classes, not for {len(p)}")
    log = special.gammaln(n + 1) - special.gammaln(tables + 1).sum(axis=1) + special.xlogy(tables, p).sum(axis=1)
    return tables, np.exp(log)


def abstention(rule: Rule, p: Sequence[float], n: int) -> float:
    """P(ABSTAIN) with n samples."""
    tables, law = outcomes(p, n)
    return law[rule(tables) < 0].sum()


def error(rule: Rule, p: Sequence[float], n: int) -> tuple[float, float]:
    """(P(another class than the first is returned), P(any class is returned)) with n samples.

    The first class is taken to be the right one. At a tie, the worst case of the guarantee, it leads by a hair.
    """
    tables, law = outcomes(p, n)
    found = rule(tables)
    return law[found > 0].sum(), law[found >= 0].sum()


def error_if_asked_again(rule: Rule, n: int, every: int = 10) -> float:
    """P(first answer is wrong) at p = (1/2, 1/2), if `rule` is asked after every so many of n votes.

    The guarantee supposes that n is fixed in advance; this breaks that condition. The walk of the count of the second class is
    followed exactly, without the paths that were answered before.
    """
    law, wrong = np.ones(1), 0.0
    for k in range(1, n + 1):
        law = np.convolve(law, [0.5, 0.5])
        if k % every == 0:
            found = rule(outcomes([0.5, 0.5], k)[0][::-1])
            wrong += law[found == 1].sum()
            law[found >= 0] = 0
    return wrong
