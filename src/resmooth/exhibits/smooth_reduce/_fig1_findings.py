"""What smooth_reduce/fig1 says of the claims."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce._fig1_numbers import (
    ALL,
    CORRECT,
    DIVIDED,
    PRINTED,
    Pairs,
    between_levels,
    kinds,
)
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, COLUMNS, PUBLISHED, Case, noise_on
from resmooth.exhibits.smooth_reduce._ratios import change_of_gain
from resmooth.exhibits.smooth_reduce._words import spanned
from resmooth.stats.decisions import OPEN, every
from resmooth.stats.intervals import relative_gain

PAPER = {"improves_base": "SmoothAdv", "improves_macer": "MACER"}


def findings(frames: Frames) -> list[Finding]:
    """Verdicts on three claims, then what the ratio of correct images hides."""
    frame, printed = frames["images"], frames["printed"]
    macer = set(frame.base[frame.training == "macer"])
    images = f"{frame.idx.nunique()} images, networks fixed"
    pairs = dict(kinds(frame))
    others = {kind: _of(found, set(frame.base) - macer) for kind, found in pairs.items()}
    improved = {"improves_base": others, "improves_macer": {kind: _of(found, macer) for kind, found in pairs.items()}}
    return [
        *(_improves(claim, found, printed, images) for claim, found in improved.items()),
        _grows(pairs, printed, images),
        _definitions(frames["ratios"]),
        _printed_definitions(printed),
    ]


def _of(pairs: Pairs, bases: set[str]) -> Pairs:
    return {case: pair for case, pair in pairs.items() if case.base in bases}


def ratios_in_words(printed: pd.DataFrame, pair: str, definition: str) -> str:
    """The printed ratios of a pair at all levels: "1.25 / 1.46 / 1.64"."""
    own = printed[(printed.pair == pair) & (printed.definition == definition)]
    return " / ".join(f"{value:.2f}" for value in own.sort_values("sigma")["value"])


def _improves(claim: str, pairs: dict[str, Pairs], printed: pd.DataFrame, images: str) -> Finding:
    """Whether the certified ACR of Smooth-Mean exceeds that of the network, in every case."""
    name, pair = f"smooth_reduce-{claim}", PAPER[claim]
    paper = (
        f"The paper's ratios (sigma = 0.25 / 0.5 / 1) over {pair} are {ratios_in_words(printed, pair, PRINTED)} as printed; by "
        f"its certified accuracies {ratios_in_words(printed, pair, ALL)} over all images, which divided by L are "
        f"{ratios_in_words(printed, pair, DIVIDED)}."
    )
    if not pairs[CERTIFIED]:
        return Finding(name, OPEN, f"This run has no Smooth-Mean over such a network. {paper}")
    decided = every(pairs[CERTIFIED], "above", relative_gain)
    gains = {
        kind: [relative_gain(*pair).times(100) for pair in pairs[kind].values()] for kind in COLUMNS if pairs[kind]
    }
    if all(np.isnan(each.value) for each in gains[CERTIFIED]):
        return Finding(name, OPEN, f"The networks certify none of {images}: a ratio has no meaning. {paper}")
    published = f" As published it would be {spanned(gains[PUBLISHED], ' %')}." if PUBLISHED in gains else ""
    reason = (
        f"Certified, Smooth-Mean changes the ACR over all images by {spanned(gains[CERTIFIED], ' %')}, {images}; deciding: "
        f"{decided.case}.{published} {paper}"
    )
    return Finding(name, decided.verdict, reason, *decided.estimate.times(100), "% of ACR")


def _grows(pairs: dict[str, Pairs], printed: pd.DataFrame, images: str) -> Finding:
    """Whether the relative gain is larger at the largest level than at the smallest, in every case."""
    name = "smooth_reduce-gain_grows_with_sigma"
    paper = (
        f"Printed over SmoothAdv: {ratios_in_words(printed, 'SmoothAdv', PRINTED)}; over all images "
        f"{ratios_in_words(printed, 'SmoothAdv', ALL)}, and for MACER {ratios_in_words(printed, 'MACER', ALL)}."
    )
    four = {kind: between_levels(found) for kind, found in pairs.items()}
    if not four[CERTIFIED]:
        return Finding(name, OPEN, f"This run has Smooth-Mean at one noise level only. {paper}")
    decided = every(four[CERTIFIED], "above", change_of_gain)
    own = {case: change_of_gain(*data).times(100) for case, data in four[CERTIFIED].items()}
    if all(np.isnan(each.value) for each in own.values()):
        return Finding(name, OPEN, f"The networks certify none of {images} at some level. {paper}")
    rising = [_short(case) for case, each in own.items() if each.low > 0]
    published = [change_of_gain(*data).times(100) for data in four[PUBLISHED].values()]
    shown = f" As published: {spanned(published, ' points')}." if published else ""
    reason = (
        f"From the smallest to the largest level the gain in certified ACR changes by {spanned(own.values(), ' points')}, "
        f"{images}; up for {', '.join(rising) or 'none'}; deciding: {decided.case}.{shown} {paper}"
    )
    return Finding(name, decided.verdict, reason, *decided.estimate.times(100), "points of the gain in ACR")


def _short(case: Case) -> str:
    return f"{case.base} with {noise_on(case.space)} (k = {case.k})"


def _definitions(ratios: pd.DataFrame) -> Finding:
    """Where the two definitions of the ACR disagree on who is better, in the run."""
    wide = ratios.pivot_table(index=["base", "experiment", "sigma", "k", "kind"], columns="definition", values="value")
    wide = wide.reindex(columns=[ALL, CORRECT]).dropna()
    higher = (wide[CORRECT] > wide[ALL]).sum()
    return observation(
        f"Over correct images alone the ratio is higher than over all images in {higher} of {len(wide)} cases here: images that "
        "Smooth-Mean loses leave the average instead of lowering it."
    )


def _printed_definitions(printed: pd.DataFrame) -> Finding:
    """What the printed ratio to MACER compares."""
    own = printed[(printed.pair == "MACER") & (printed.definition == PRINTED)].sort_values("sigma")
    last = own.iloc[-1]
    return observation(
        f"The printed ratio to MACER divides an ACR over {last.fits_reduced} images by one over {last.fits_one} images "
        f"(sigma = {last.sigma:g}: {last['value']:.2f}); under one definition it is {ratios_in_words(printed, 'MACER', ALL)} "
        f"over all, {ratios_in_words(printed, 'MACER', CORRECT)} over the correct ones."
    )
