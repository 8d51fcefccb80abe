"""Decide statements by intervals: a statement `holds`, `fails` or is `not resolved`, which is never evidence of no effect.

A statement claims that a quantity lies "above" or "below" a number (`than`, zero by default), or that it is "equal" to it up
to `within`. It holds if the whole interval lies in the claimed region, and fails if the whole interval lies outside. So a false
statement "above" or "below" holds with probability at most (1 - level) / 2, and a true one fails with at most that probability:
2.5 % at 95 %. "equal" with `within` = 0 can fail, but never hold (equivalence needs a margin: Schuirmann 1987).
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from resmooth.stats.intervals import Estimate, paired_mean

HOLDS, FAILS, OPEN = "holds", "fails", "not resolved"


Case = TypeVar("Case", bound=Hashable)


class Decision(NamedTuple, Generic[Case]):
    """A verdict on several cases, the case that decides it, and that case's estimate with the interval used."""

    verdict: str
    case: Case
    estimate: Estimate


def decide(estimate: Estimate, claimed: str, than: float = 0.0, within: float = 0.0) -> str:
    """Verdict on one statement. `claimed`: "above", "below" or "equal"; `than` and `within` in the unit of the estimate.

    An interval that is nan resolves nothing. ValueError for another claim, or a `within` that is not 0 except for "equal".
    """
    inside, outside = _distances(estimate, claimed, than, within)
    return HOLDS if inside > 0 else FAILS if outside > 0 else OPEN


def every(
    cases: Mapping[Case, ArrayLike | tuple],
    claimed: str,
    interval: Callable[..., Estimate] = paired_mean,
    level: float = 0.95,
    than: float = 0.0,
    within: float = 0.0,
) -> Decision[Case]:
    """Verdict on "in every case": `cases` maps names to data, `interval(*data, level=...)` makes an interval of them.

    Data are an array (differences [N] for `paired_mean`), or a tuple of arguments, as (first, second) for `paired_shares`. The
    statement holds if it holds in each case by that case's own interval, which needs no correction (intersection-union
    test, Berger 1982); it fails if it fails in some case at the Bonferroni level 1 - (1 - level) / cases. Either error has
    at most the probability that it has for one case, whatever the dependence between the cases.

    The case that decides: the weakest where the statement holds or is not resolved (its interval's end lies furthest to the wrong
    side), the worst where it fails. ValueError without a case.
    """
    own, strict = _intervals(cases, interval, level)
    inside = {case: _distances(estimate, claimed, than, within)[0] for case, estimate in own.items()}
    outside = {case: _distances(estimate, claimed, than, within)[1] for case, estimate in strict.items()}
    weakest, worst = min(inside, key=inside.__getitem__), max(outside, key=outside.__getitem__)
    if inside[weakest] > 0:
        return Decision(HOLDS, weakest, own[weakest])
    if outside[worst] > 0:
        return Decision(FAILS, worst, strict[worst])
    return Decision(OPEN, weakest, own[weakest])


def some(
    cases: Mapping[Case, ArrayLike | tuple],
    claimed: str,
    interval: Callable[..., Estimate] = paired_mean,
    level: float = 0.95,
    than: float = 0.0,
    within: float = 0.0,
) -> Decision[Case]:
    """Verdict on "in at least one case", the mirror image of `every`, with the same arguments and probabilities of error.

    It holds if it holds in some case at the Bonferroni level, and fails if it fails in each by its own interval. The case that
    decides: the strongest; where the statement fails, the one that comes nearest to it.
    """
    own, strict = _intervals(cases, interval, level)
    inside = {case: _distances(estimate, claimed, than, within)[0] for case, estimate in strict.items()}
    outside = {case: _distances(estimate, claimed, than, within)[1] for case, estimate in own.items()}
    strongest, nearest = max(inside, key=inside.__getitem__), min(outside, key=outside.__getitem__)
    if inside[strongest] > 0:
        return Decision(HOLDS, strongest, strict[strongest])
    if outside[nearest] > 0:
        return Decision(FAILS, nearest, own[nearest])
    return Decision(OPEN, strongest, strict[strongest])


def span(values: Iterable[float], form: str = "+.1f", unit: str = "") -> str:
    """The smallest and the largest value in words: "+2.2 to +6.6 %" by span(values, unit=" %"); one where both read alike."""
    values = list(values)
    return " to ".join(dict.fromkeys(f"{end:{form}}" for end in (min(values), max(values)))) + unit


def counted(estimates: Iterable[Estimate], than: float = 0.0) -> str:
    """How many intervals lie wholly above and below a number: "3 of 4 intervals above zero, none below"."""
    estimates = list(estimates)
    above, below = (sum(decide(one, claim, than) == HOLDS for one in estimates) for claim in ("above", "below"))
    return f"{above} of {len(estimates)} intervals above {f'{than:g}' if than else 'zero'}, {below or 'none'} below"


def in_words(estimate: Estimate, form: str = "+.1f", unit: str = "") -> str:
    """A value with its interval: "+3.1 % (+1.0 to +5.2)" by in_words(estimate, unit=" %")."""
    value, low, high = (f"{part:{form}}" for part in estimate)
    return f"{value}{unit} ({low} to {high})"


def _intervals(cases, interval, level):
    """{case: estimate} at the level itself, and at that of Bonferroni for all cases together."""
    if not cases:
        raise ValueError("a statement about several cases needs at least one case")
    data = {case: value if isinstance(value, tuple) else (value,) for case, value in cases.items()}
    levels = level, 1 - (1 - level) / len(data)
    return [{case: interval(*value, level=each) for case, value in data.items()} for each in levels]


def _distances(estimate, claimed, than, within):
    """How deep the interval lies inside what is claimed, and how far outside: positive where it does so wholly."""
    regions = {"above": (than, np.inf), "below": (-np.inf, than), "equal": (than - within, than + within)}
    if claimed not in regions:
        raise ValueError(f'claimed must be "above", "below" or "equal", got {claimed!r}')
    if within < 0 or (within and claimed != "equal"):
        raise ValueError(f'within is a margin of "equal", zero or more; got {within} for {claimed!r}')
    least, most = regions[claimed]
    _, low, high = estimate
    if np.isnan(low) or np.isnan(high):
        return -np.inf, -np.inf
    return min(low - least, most - high), max(least - high, low - most)
