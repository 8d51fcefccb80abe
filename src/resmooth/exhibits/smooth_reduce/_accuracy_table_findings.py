"""What table3 and table4 say of their claims: the printed numbers, exact but for rounding, then this run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Finding, observation
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED
from resmooth.exhibits.smooth_reduce._printed import BASE
from resmooth.stats.decisions import decide, span
from resmooth.stats.intervals import exact

if TYPE_CHECKING:
    from resmooth.exhibits.base import Frames

MEAN = "Smooth-Mean (Ours)"


def of_cifar(frames: Frames) -> list[Finding]:
    """Table 3: certified accuracy at every radius, the largest radius; then the samples, and this run."""
    printed = frames["printed"]
    return [
        _everywhere("smooth_reduce-accuracy_at_every_radius", printed, [MEAN]),
        _largest_radius(printed),
        _in_words_of_samples(frames["samples"]),
        *_of_run(frames["ours"]),
    ]


def of_imagenet(frames: Frames) -> list[Finding]:
    """Table 4: certified accuracy at every radius, and the number of samples; then this run."""
    printed = frames["printed"]
    ours = [name for name in dict.fromkeys(printed.method) if name.startswith("Smooth-Mean-16")]
    return [
        _everywhere("smooth_reduce-imagenet_accuracy_at_every_radius", printed, ours),
        _samples(frames["samples"]),
        *_of_run(frames["ours"]),
    ]


def against_others(printed: pd.DataFrame, method: str, column: str) -> pd.DataFrame:
    """`column` of a method less the accuracy [%] of each method that is not the paper's, where either is above 0."""
    own = printed[printed.method == method].set_index(["sigma", "radius"])[column]
    others = printed[printed.k == 0]
    difference = pd.Series(own.reindex(pd.MultiIndex.from_frame(others[["sigma", "radius"]])).to_numpy(), others.index)
    found = others[["sigma", "radius", "method"]].assign(difference=difference - others.accuracy, its=difference)
    return found[(others.accuracy > 0) | (found.its > 0)]


def _everywhere(claim: str, printed: pd.DataFrame, methods: list[str]) -> Finding:
    """Whether a method of the paper is above all others at every radius, once divided by L."""
    divided = pd.concat([against_others(printed, method, "divided") for method in methods], ignore_index=True)
    published = pd.concat([against_others(printed, method, "accuracy") for method in methods], ignore_index=True)
    base = divided[divided.method == BASE]
    worst = divided.loc[divided.difference.idxmin()]
    reason = (
        f"Divided by L = {printed.lipschitz.max():.3f}, {(divided.difference > 0).sum()} of {len(divided)} certified accuracies "
        f"are above those of other methods at the same radius, against {BASE.partition(' (')[0]}, the network alone, "
        f"{(base.difference > 0).sum()} of {len(base)}; worst at r = {worst.radius:g}, sigma {worst.sigma:g} (its "
        f"{worst.its:.1f} %, {worst.method.partition(' (')[0]} {worst.its - worst.difference:.1f} %). As published, "
        f"{(published.difference > 0).sum()} of {len(published)} are."
    )
    estimate = exact(worst.difference)
    return Finding(claim, decide(estimate, "above"), reason, *estimate, "points")


def _largest_radius(printed: pd.DataFrame) -> Finding:
    """Whether larger radii are certified: the largest with an accuracy above 0, of the paper's methods over the network alone."""
    norm = printed.lipschitz.max()
    last = printed[printed.accuracy > 0].groupby(["method", "sigma"]).radius.max()
    ratio = last[MEAN] / norm / last[BASE]
    reason = (
        f"The largest printed radius above 0 is {span(last[MEAN] / last[BASE], 'g')} times that of SmoothAdv: the number of "
        f"samples limits both alike. Divided by L = {norm:.3f} it is {span(ratio, '.3f')} times."
    )
    estimate = exact(ratio.min())
    return Finding(
        "smooth_reduce-larger_radii",
        decide(estimate, "above", than=1),
        reason,
        *estimate,
        "largest radius / SmoothAdv's",
    )


def _samples(samples: pd.DataFrame) -> Finding:
    """Whether the stated number of samples can be that of the table."""
    row = samples.iloc[0]
    ratio = exact(row.stated / row.most)
    reason = (
        f"All rows end where {row.least:,.0f} to {row.most:,.0f} samples would end them (alpha = {row.alpha:g}): a certified "
        f"accuracy of 0 at radius 3.5 follows many per cent at 3, and n = {row.stated:,.0f} would certify up to 3.8. So the "
        "table was made with some 10,000 samples."
    )
    return Finding(
        "smooth_reduce-imagenet_samples", decide(ratio, "below", than=1), reason, *ratio, "stated n / most possible"
    )


def _in_words_of_samples(samples: pd.DataFrame) -> Finding:
    row = samples.iloc[0]
    return observation(
        f"The table can be made with {row.least:,.0f} samples and more; the stated {row.stated:,.0f} are possible. DDRS at sigma "
        "0.25 has 18 % at radius 1, beyond what that sigma and n certify: its sigma differs between images."
    )


def _of_run(ours: pd.DataFrame) -> list[Finding]:
    """How often a certified accuracy over patches exceeds the network's own on this run, at radii above 0."""
    one = ours[(ours.k == 0) & (ours.method == "one network")].set_index(["base", "sigma", "radius"]).accuracy
    found = []
    for kind, part in ours[(ours.k > 0) & (ours.radius > 0)].groupby("kind"):
        own = one.reindex(pd.MultiIndex.from_frame(part[["base", "sigma", "radius"]])).to_numpy()
        difference = part.accuracy.to_numpy() - own
        either = (part.accuracy.to_numpy() > 0) | (own > 0)
        found.append(
            f"{kind if kind == CERTIFIED else 'as published, where L > 1,'} {(difference[either] > 0).sum()} of {either.sum()} "
            f"accuracies over patches lie above those of the network alone and {(difference[either] < 0).sum()} below"
        )
    return [observation(f"On this run, at the same radii above 0, without regard to intervals: {'; '.join(found)}.")]
