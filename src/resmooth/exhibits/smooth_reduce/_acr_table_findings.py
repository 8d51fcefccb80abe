"""What table1 and table2 say of their claims. The printed numbers are exact: no interval, but for rounding (`fits`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Finding, observation
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, PLACES
from resmooth.exhibits.smooth_reduce._printed import IMAGENET
from resmooth.stats.decisions import decide, in_words, span
from resmooth.stats.intervals import Estimate, exact

if TYPE_CHECKING:
    from resmooth.exhibits.base import Frames

OURS = "(Ours)"
MEAN, MAX = "Smooth-Mean (Ours)", "Smooth-Max (Ours)"
SMOOTHADV = "SmoothAdv (Salman et al., 2019)"
LEAST = {"mean": (MEAN, 0.25), "max": (MAX, 0.14)}  # by how much the ACR exceeds others, in the text
IMAGENET_GAIN = 0.329  # of Smooth-Mean over SmoothAdv, in the text


def of_cifar(frames: Frames) -> list[Finding]:
    """Table 1: the two gains of the text, the definition, the best method; then this run."""
    printed = frames["printed"]
    gains = [_least_gain(name, printed) for name in LEAST]
    return [*gains, _definition(printed), _best("smooth_reduce-best_acr", printed), *_of_run(frames)]


def of_imagenet(frames: Frames) -> list[Finding]:
    """Table 2: the gain of the text, the best method; then this run."""
    printed = frames["printed"]
    return [_imagenet_gain(printed), _best("smooth_reduce-imagenet_best_acr", printed), *_of_run(frames)]


def ratios(printed: pd.DataFrame, column: str, method: str) -> pd.DataFrame:
    """`column` of a method over that of each other method that is not the paper's, less 1: sigma, method, gain."""
    own = printed[printed.method == method].set_index("sigma")[column]
    others = printed[~printed.method.str.contains(OURS, regex=False)]
    gain = others.sigma.map(own.groupby(level=0).first()) / others[column] - 1
    return others[["sigma", "method"]].assign(gain=gain).dropna()


def _least_gain(name: str, printed: pd.DataFrame) -> Finding:
    """Whether the printed ACR exceeds all others by what the text says, at every level."""
    method, least = LEAST[name]
    gains, alike = ratios(printed, "printed", method), ratios(printed, "all_estimate", method)
    worst, one = gains.loc[gains.gain.idxmin()], alike.loc[alike.gain.idxmin()]
    short = (gains.gain < least).sum()
    reason = (
        f"By the printed ACRs the gain over {worst.method} at sigma {worst.sigma:g} is {100 * worst.gain:.1f} %; "
        f"{short} of {len(gains)} comparisons lie below {100 * least:.0f} %. The printed ACRs have different definitions; over "
        f"all images, by the trapezoid rule from the certified accuracies, the least gain is {100 * one.gain:.1f} % "
        f"({one.method}, sigma {one.sigma:g}), before any division by L."
    )
    estimate = exact(100 * worst.gain)
    return Finding(
        f"smooth_reduce-acr_gain_{name}", decide(estimate, "above", than=100 * least), reason, *estimate, "%"
    )


def _definition(printed: pd.DataFrame) -> Finding:
    """Whether the printed ACRs can be averages over all images."""
    checked = printed[printed.row.fillna("") != ""]
    of_all = checked.fits.map(lambda text: "all" in text.split(", "))
    only = checked[checked.fits == "correct"]
    neither = checked[checked.fits == ""]
    impossible = exact((~of_all).sum())
    reason = (
        f"{len(only)} of {len(checked)} printed ACRs that a row of certified accuracies bounds are possible over the correct "
        f"images alone, {(checked.fits == 'all').sum()} over all images alone ({_named(checked[checked.fits == 'all'])}), "
        f"{len(neither)} over neither ({_named(neither)}). So ACRs of two definitions stand in one column."
    )
    verdict = decide(impossible, "below", than=0.5)
    return Finding(
        "smooth_reduce-acr_over_all_images", verdict, reason, *impossible, "ACRs not possible over all images"
    )


def _named(rows: pd.DataFrame) -> str:
    return ", ".join(f"{row.method.split(' (')[0]} {row.sigma:g}" for row in rows.itertuples()) or "none"


def _best(claim: str, printed: pd.DataFrame) -> Finding:
    """Whether the best of the paper's methods has the largest ACR over all images at every level, once divided by L."""
    known = printed[printed.all_estimate.notna()]
    ours = known[known.method.str.contains(OURS, regex=False)]
    best = ours.groupby("sigma").all_estimate.max()
    quoted = printed[
        (printed.row.fillna("") == "") & (printed.dataset == IMAGENET)
    ]  # over all images, by their sources
    others = known[~known.method.str.contains(OURS, regex=False)]
    others = pd.concat([others, quoted.assign(all_estimate=quoted.printed)])
    other = others.groupby("sigma").all_estimate.max()
    norm = printed.norm.iloc[0]
    ratio = best / norm / other
    words = ", ".join(f"{best[sigma] / norm:.3f} against {other[sigma]:.3f} at sigma {sigma:g}" for sigma in best.index)
    reason = (
        f"Over all images and divided by L = {norm:.3f}, the best of the paper's methods comes to {words} (trapezoid rule). As "
        f"published it would be {span(best / other, '.2f')} times the best other ACR of that definition."
    )
    estimate = exact(ratio.min())
    return Finding(claim, decide(estimate, "above", than=1), reason, *estimate, "certified ACR / best of the others")


def _imagenet_gain(printed: pd.DataFrame) -> Finding:
    """Whether Smooth-Mean's ACR is larger than SmoothAdv's by what the text says, at every level."""
    gains = ratios(printed, "printed", MEAN)
    gains = gains[gains.method == SMOOTHADV].drop_duplicates("sigma").set_index("sigma").gain
    words = ", ".join(f"{100 * gain:.1f} % at sigma {sigma:g}" for sigma, gain in gains.items())
    off = (gains - IMAGENET_GAIN).abs()
    worst = exact(100 * gains[off.idxmax()])
    reason = (
        f"By the printed ACRs it is {words}: what the text says is the last of these. Both are averages over the correct images, "
        "and Smooth-Mean's is not divided by L."
    )
    verdict = decide(worst, "equal", than=100 * IMAGENET_GAIN, within=0.1)
    return Finding("smooth_reduce-imagenet_gain", verdict, reason, *worst, "%")


def _of_run(frames: Frames) -> list[Finding]:
    """What this run adds: certified and claimed gains over one network, and how many of them."""
    gains, ours = frames["gains"], frames["ours"]
    found = []
    for space, part in gains.groupby("space", sort=False):
        certified, claimed = part[part.kind == CERTIFIED], part[part.kind != CERTIFIED]
        above = [(rows.low > 0).sum() for rows in (certified, claimed)]
        below = [(rows.high < 0).sum() for rows in (certified, claimed)]
        norms = ours[(ours.space == space) & (ours.kind == CERTIFIED)].lipschitz
        top = certified.loc[certified.value.idxmax()]
        gain = in_words(Estimate(top.value, top.low, top.high), "+.3f")
        found.append(
            observation(
                f"Noise on {PLACES[space]} (L = {span(norms, '.3f')}): of {len(certified)} certified ACRs over patches "
                f"{above[0]} lie above that of the network alone and {below[0]} below (paired 95 %), best {gain} ({top.method} "
                f"of {top.k}, sigma {top.sigma:g}, {top.base}). As published {above[1]} would lie above, {below[1]} below."
            )
        )
    return found
