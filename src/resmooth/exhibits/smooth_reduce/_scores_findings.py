"""What smooth_reduce/fig11 and fig12 say of the claims: margins over noisy copies, of patches or of sub-videos."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce import _scores_numbers as numbers
from resmooth.exhibits.smooth_reduce._scores_numbers import CASE
from resmooth.exhibits.smooth_reduce._scores_words import Words
from resmooth.stats.decisions import OPEN, counted, every, span
from resmooth.stats.intervals import paired_mean

SHARED = ("image", "resized")  # noise spaces in which all parts see one noise, the first that a run has decides
PUBLISHED = "patch"  # the paper's


def findings(frames: Frames, words: Words) -> list[Finding]:
    """Whether margins are larger, and vary less, with parts; what independent noises do; and what maxima add up to."""
    both = numbers.pairs(frames["copies"])
    return [
        _decided(
            "larger", "mean margin", "above", both, lambda own, one, level=0.95: paired_mean(own - one, level), words
        ),
        _decided("varies_less", "standard deviation of the margin", "below", both, numbers.spread_apart, words),
        *_noises(frames["copies"], words),
        _totals(frames["statistics"], words),
    ]


def _decided(
    claim: str, what: str, claimed: str, both: dict[tuple, tuple], interval: Callable, words: Words
) -> Finding:
    """On every image, at every level, for parts of every number or size and both reductions, where one noise is on all parts."""
    name = words.claim + claim
    by_space = {space: {case: each for case, each in both.items() if case[1] == space} for space in words.places}
    decisive = next((space for space in SHARED if by_space.get(space)), None)
    told = []
    for space, cases in by_space.items():
        for method in dict.fromkeys(case[3] for case in cases):
            own = [interval(*each) for case, each in cases.items() if case[3] == method]
            published = ", as published" if space == PUBLISHED else ""
            values = span([each.value for each in own], "+.3f")
            told.append(f"{method} {values} with {words.on(space)}{published} ({counted(own)})")
    if decisive is None:
        known = "; ".join(told) or "nothing known"
        return Finding(
            name, OPEN, f"No {words.parts} share one noise. The {what} differs from the network's by {known}."
        )
    decided = every(by_space[decisive], claimed, interval)
    sigma, _, k, method, idx = decided.case
    reason = (
        f"The {what}, {words.parts} less the network alone, {words.whole} by {words.whole}: {'; '.join(told)}. Decided with "
        f"{words.on(decisive)}, by {method} of {words.of.format(k)} on {words.whole} {idx} at sigma {sigma:g}."
    )
    return Finding(name, decided.verdict, reason, *decided.estimate, f"{what}, {words.parts} - one network")


def _noises(frame: pd.DataFrame, words: Words) -> list[Finding]:
    """The same reduction of as many parts, with a noise for each part and with one noise on the whole."""
    cases = {case: part.margin.to_numpy() for case, part in frame[frame.k > 0].groupby(CASE, sort=False)}
    own = []
    for (sigma, space, *rest), values in cases.items():
        shared = cases.get((sigma, SHARED[0], *rest)) if space == PUBLISHED else None
        if shared is not None and len(shared) == len(values):
            own.append(numbers.spread_apart(values, shared))
    if not own:
        return []
    return [
        observation(
            f"With {words.on(PUBLISHED)} the network is asked under an independent noise of sigma for each of the {words.parts}, "
            f"with {words.on(SHARED[0])} under {words.noise}. For the same reduction of as many {words.parts} the standard "
            f"deviation of the margin, each {words.part} less {words.whole}, differs by "
            f"{span([each.value for each in own], '+.3f')} ({counted(own)}). Scores that vary less under more noises are no "
            "better certificate: L, by which the radius is divided, grows too."
        )
    ]


def _totals(found: pd.DataFrame, words: Words) -> Finding:
    """What the scores of all classes add up to."""
    reduced = found[found.k > 0].groupby("method").mean_total
    totals = ", ".join(f"{span(part, '.2f')} for {method}" for method, part in reduced)
    wrong = found[(found.k > 0) & (found.top_class != found.label)]
    return observation(
        f"The scores of all classes add up to {totals} on average: maxima are no probabilities, and raise the runner-up "
        f"as well as the top class. In {len(wrong)} of {(found.k > 0).sum()} cases of {words.parts} the top class is not the "
        f"label; the network alone is wrong in {(found.top_class != found.label)[found.k == 0].sum()} of {(found.k == 0).sum()}."
    )
