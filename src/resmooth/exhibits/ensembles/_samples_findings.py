"""What ensembles/samples_vs_members says of the claims: members against samples, and what more samples bring to one model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.ensembles._samples_numbers import (
    EQUAL,
    EQUAL_STRICT,
    FREE,
    MORE,
    PRINTED_N,
    acr_pair,
    cases_of,
    ensembles_of,
    share,
    single,
    steps_of,
)
from resmooth.stats.decisions import OPEN, counted, every, some, span
from resmooth.stats.intervals import Estimate, paired_bounded, relative_gain

BARELY = 5  # points of certified accuracy that more samples may bring and still "barely" help


def findings(frames: Frames) -> list[Finding]:
    """Members against samples at equal evaluations; what more samples bring to one model, below and beyond the ceiling."""
    radii, sizes, results = (frames[name] for name in ("radii", "sizes", "results"))
    below = [*steps_of(sizes), sizes.near.iloc[-1]]
    images = f"{radii.index.nunique()} images, networks fixed"
    return [
        _equal(frames, below, images),
        _barely(radii, sizes, results, images),
        _large_radii(radii, sizes, images),
        *_why(results, frames["price"], sizes, below),
    ]


def _at(results: pd.DataFrame, metric: str, radii: Iterable[float], k: int | None = None) -> list[Estimate]:
    """The estimates of one metric at some radii."""
    part = results[(results.metric == metric) & results.r.isin(radii) & ((results.k == k) if k else True)]
    return [Estimate(*row) for row in part[["value", "low", "high"]].itertuples(index=False)]


def _equal(frames: Frames, below: list[float], images: str) -> Finding:
    """The ACR of every ensemble against that of one model that makes as many evaluations."""
    radii, sizes, gains = (frames[name] for name in ("radii", "sizes", "gains"))
    claim, unit = "ensembles-members_beat_samples", "% of ACR"
    pairs = {(*about.values(), row.k): acr_pair(part, row.k, row.n) for about, part, row in ensembles_of(radii, sizes)}
    if gains.value.isna().any():
        return Finding(
            claim, OPEN, f"The single models certify none of {images} in some case: a gain in per cent has no meaning."
        )
    decided = every(pairs, "above", relative_gain)
    sigma, experiment, k = decided.case
    points = _at(frames["results"], EQUAL, below)
    several, (ours, papers) = span(sizes.k[1:], "d"), _paid(frames["price"])
    points_of = span([each.value for each in points])
    ranges = [Estimate(*row) for row in gains[["value", "low", "high"]].itertuples(index=False)]
    reason = (
        f"At {sizes.n.iloc[0]:,} evaluations ensembles of {several} differ from the mean single model by "
        f"{span(gains.value, unit=' %')} in ACR ({counted(ranges)}; {images}); decided by k = {k} of {experiment} at "
        f"sigma {sigma:g}. At radii of 0 to {below[-1]:.2f} sigma they differ by {points_of} points "
        f"({counted(points)}). Fewer samples cost an image of true radius sigma {ours:.3f} sigma here, {papers:.3f} "
        "at the paper's n."
    )
    return Finding(claim, decided.verdict, reason, *decided.estimate.times(100), unit)


def _barely(radii: pd.DataFrame, sizes: pd.DataFrame, results: pd.DataFrame, images: str) -> Finding:
    """What one model gains from the fewest to all samples, at the even radii: none is as near to the ceiling as can be."""
    few, budget, radii_tried = sizes.n.iloc[-1], sizes.n.iloc[0], steps_of(sizes)
    differences = {
        (*about.values(), r): (share(single(part, budget, sizes), r) - share(single(part, few, sizes), r))[:, 0]
        for about, part in cases_of(radii)
        for r in radii_tried
    }
    decided = every(differences, "below", paired_bounded, than=BARELY / 100)
    sigma, experiment, r = decided.case
    points = _at(results, MORE, radii_tried)
    gained, near = span([each.value for each in points]), _at(results, MORE, [sizes.near.iloc[-1]])
    reason = (
        f"From n = {few:,} to {budget:,} a single model gains {gained} points of certified accuracy at radii of 0 to "
        f"{radii_tried[-1]:g} sigma ({counted(points)}; {images}), where up to {BARELY:g} count as barely; decided at "
        f"r = {r:g} sigma, {experiment}, sigma {sigma:g}. Just below the ceiling of {sizes.ceiling.iloc[-1]:.2f} "
        f"sigma it gains {span([each.value for each in near])} points."
    )
    unit = "points of certified accuracy"
    return Finding("ensembles-more_samples_barely_help", decided.verdict, reason, *decided.estimate.times(100), unit)


def _large_radii(radii: pd.DataFrame, sizes: pd.DataFrame, images: str) -> Finding:
    """The single model by all its samples just beyond the ceiling of the fewest, where those certify nothing: in some case."""
    budget, ceiling = sizes.n.iloc[0], sizes.ceiling.iloc[-1]
    gained = {
        tuple(about.values()): share(single(part, budget, sizes), 1.001 * ceiling)[:, 0]
        for about, part in cases_of(radii)
    }
    decided = some(gained, "above", paired_bounded)
    own = [100 * each.mean() for each in gained.values()]
    sigma, experiment = decided.case
    reason = (
        f"n = {sizes.n.iloc[-1]:,} samples certify nothing beyond {ceiling:.2f} sigma, n = {budget:,} up to "
        f"{sizes.ceiling.iloc[0]:.2f}: just beyond the lower ceiling the mean single model still has "
        f"{span(own, '.1f', ' %')} certified accuracy ({images}); most for {experiment} at sigma {sigma:g}."
    )
    estimate = decided.estimate.times(100)
    return Finding("ensembles-samples_for_large_radii", decided.verdict, reason, *estimate, "% certified accuracy")


def _paid(price: pd.DataFrame) -> tuple[float, float]:
    """What the most samples certify more than the fewest at the true radius sigma, in sigma: here, and by the paper's numbers."""
    row = price[price.true == 1].iloc[0]
    return row["here, all"] - row["here, few"], row["paper, all"] - row["paper, few"]


def _why(results: pd.DataFrame, price: pd.DataFrame, sizes: pd.DataFrame, below: list[float]) -> list[Finding]:
    """What the difference would be without sampling limits, and with the selecting samples paid for."""
    members, few, budget = sizes.k.iloc[-1], sizes.n.iloc[-1], sizes.n.iloc[0]
    free, largest = _at(results, FREE, below), _at(results, EQUAL, below, members)
    ours, papers = _paid(price)
    found = [
        observation(
            f"Were samples free, {members} members would gain {span([each.value for each in free])} points at these "
            f"radii ({counted(free)}; mean {np.mean([each.value for each in free]):+.1f}, at equal evaluations "
            f"{np.mean([each.value for each in largest]):+.1f}). The difference is the price of fewer samples: for an "
            f"image whose true radius is sigma, n = {budget:,} instead of {few:,} certifies {ours:.3f} sigma more, "
            f"but the paper's {members * PRINTED_N:,} instead of {PRINTED_N:,} only {papers:.3f} sigma."
        )
    ]
    beyond = _at(results, EQUAL, list(sizes.near[:-1]), members)
    worst = -min(each.value for each in beyond)
    found.append(
        observation(
            f"Beyond its ceiling of {sizes.ceiling.iloc[-1]:.2f} sigma the ensemble of {members} certifies nothing, "
            f"and one model is ahead by up to {worst:.1f} points just below the larger ceilings ({counted(beyond)})."
        )
    )
    strict = _at(results, EQUAL_STRICT, below)
    if strict:
        found.append(
            observation(
                "If the samples that select the class are in the budget too, ensembles get fewer still and lower "
                f"ceilings, and differ by {span([each.value for each in strict])} points ({counted(strict)})."
            )
        )
    return found
