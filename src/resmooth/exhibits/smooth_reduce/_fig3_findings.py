"""What smooth_reduce/fig3 says of the claims."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce._fig3_numbers import PRINTED_SIZES, Images, Pair, pairs
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, MAX, MEAN, PUBLISHED
from resmooth.exhibits.smooth_reduce._ratios import change_of_gain
from resmooth.exhibits.smooth_reduce._words import spanned
from resmooth.stats.decisions import OPEN, every, span
from resmooth.stats.intervals import relative_gain

SAME = 0.05  # of the ACR: a smaller change with the number of patches counts as none
UNIT = "% of ACR"


def findings(frames: Frames) -> list[Finding]:
    """Verdicts on three claims, then the largest radii and where more patches certify fewer images."""
    frame, printed = frames["images"], frames["printed"]
    images = f"{frame.idx.nunique()} images, networks fixed"
    found = {kind: pairs(frame, kind) for kind in (CERTIFIED, PUBLISHED)}
    return [
        _changes("max_unaffected_by_k", MAX, found, printed, images),
        _changes("mean_grows_with_k", MEAN, found, printed, images),
        _more_at_a_larger_level(found, printed, images),
        _reach(frames["averages"], frames["curves"]),
    ]


def _of(found: dict[Pair, Images], method: str) -> dict[Pair, Images]:
    return {pair: images for pair, images in found.items() if pair.method == method}


def _paper(printed: pd.DataFrame, method: str) -> str:
    """Table 4 in words."""
    own = printed[printed.method == method]
    few, many = PRINTED_SIZES
    return (
        f"Table 4 gives {span(100 * own['value'], unit=' %')} from {few} to {many} patches (ACR over all images by the trapezoid "
        f"rule, two networks, three levels), divided by L {span(100 * own.divided, unit=' %')}."
    )


def _changes(
    claim: str, method: str, found: dict[str, dict[Pair, Images]], printed: pd.DataFrame, images: str
) -> Finding:
    """Whether the certified ACR of Smooth-Max stays the same, or that of Smooth-Mean grows, with the number of patches."""
    name, paper = f"smooth_reduce-{claim}", _paper(printed, method)
    certified, published = (_of(found[kind], method) for kind in (CERTIFIED, PUBLISHED))
    if not certified:
        return Finding(name, OPEN, f"This run has no {method} over several numbers of patches. {paper}")
    own, claimed = ([relative_gain(*pair).times(100) for pair in cases.values()] for cases in (certified, published))
    if all(np.isnan(each.value) for each in own):
        return Finding(name, OPEN, f"{method} with the fewest patches certifies none of {images}. {paper}")
    decided = (
        every(certified, "equal", relative_gain, within=SAME)
        if method == MAX
        else every(certified, "above", relative_gain)
    )
    reason = (
        f"From the fewest to the most patches the certified ACR of {method} changes by {spanned(own, ' %')}, {images}; deciding: "
        f"{decided.case}. As published: {spanned(claimed, ' %')}. {paper}"
    )
    return Finding(name, decided.verdict, reason, *decided.estimate.times(100), UNIT)


def _more_at_a_larger_level(found: dict[str, dict[Pair, Images]], printed: pd.DataFrame, images: str) -> Finding:
    """Whether Smooth-Mean gains more by further patches at the largest level than at the smallest, in every group."""
    name = "smooth_reduce-more_patches_help_more_at_high_sigma"
    own = printed[printed.method == MEAN].groupby("sigma")["value"]
    paper = "Table 4 gives, from 8 to 16 patches, " + ", ".join(
        f"{span(100 * part, unit=' %')} (sigma = {sigma:g})" for sigma, part in own
    )
    four = {kind: _between_levels(_of(cases, MEAN)) for kind, cases in found.items()}
    if not four[CERTIFIED]:
        return Finding(
            name, OPEN, f"This run has Smooth-Mean over several numbers of patches at one level at most. {paper}."
        )
    decided = every(four[CERTIFIED], "above", change_of_gain)
    changes = {kind: [change_of_gain(*data).times(100) for data in cases.values()] for kind, cases in four.items()}
    if all(np.isnan(each.value) for each in changes[CERTIFIED]):
        return Finding(
            name, OPEN, f"Smooth-Mean with the fewest patches certifies none of {images} at some level. {paper}."
        )
    reason = (
        f"The change of the certified ACR of Smooth-Mean with the number of patches is larger at the largest level than at the "
        f"smallest by {spanned(changes[CERTIFIED], ' points')}, {images}; deciding: {decided.case}. As published: "
        f"{spanned(changes[PUBLISHED], ' points')}. {paper}."
    )
    return Finding(name, decided.verdict, reason, *decided.estimate.times(100), "points of the change in ACR")


def _between_levels(found: dict[Pair, Images]) -> dict[Pair, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """The pair at the largest level and the one at the smallest, of all groups whose numbers of patches are the same at both."""
    alike: dict[Pair, list[Pair]] = {}
    for pair in sorted(found, key=lambda each: each.sigma):
        alike.setdefault(pair._replace(sigma=0.0), []).append(pair)
    ends = [(same[0], same[-1]) for same in alike.values() if len(same) > 1]
    return {late: (*found[late], *found[early]) for early, late in ends}


def _reach(averages: pd.DataFrame, curves: pd.DataFrame) -> Finding:
    """The largest radius that each number of patches can certify, and from where on the fewest certify more images."""
    parts = []
    for (group, sigma), part in averages[(averages.method == MEAN) & (averages.kind == CERTIFIED)].groupby(
        ["group", "sigma"], sort=False
    ):
        few, many = part.loc[part.k.idxmin()], part.loc[part.k.idxmax()]
        lines = curves[
            (curves.group == group) & (curves.sigma == sigma) & (curves.method == MEAN) & (curves.kind == CERTIFIED)
        ]
        wide = lines.pivot_table(index="radius", columns="k", values="accuracy")
        behind = wide.index[wide[many.k] < wide[few.k]]
        where = f"fewer images from radius {behind.min():.3f} on" if len(behind) else "nowhere fewer images"
        parts.append(
            f"{group}, sigma {sigma:g}: {few.ceiling:.3f} with {few.k} patches (L = {few.lipschitz:.2f}), {many.ceiling:.3f} "
            f"with {many.k} (L = {many.lipschitz:.2f}), {where}"
        )
    return observation(
        f"The largest radius that can be certified at all, and where Smooth-Mean of more patches certifies fewer images than of "
        f"few: {'; '.join(parts)}."
    )
