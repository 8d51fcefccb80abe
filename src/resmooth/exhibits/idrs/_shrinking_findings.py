"""What idrs/shrinking says of the claims: the regions, exactly; unequal classes, beyond chance and growing."""

import math

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.stats.decisions import decide
from resmooth.stats.intervals import Estimate
from resmooth.theory import regions


def findings(frames: Frames) -> list[Finding]:
    """Regions, exactly; unequal classes on this run, beyond chance and growing; what each source shows."""
    uneven, own = frames["spread"], frames["images"].source.iloc[0]
    found = [_region(frames["balls"]), *_unequal(uneven[uneven.source == own])]
    found += [observation(_cone(frames)), *map(observation, _in_words(frames))]
    return [
        *found,
        observation(
            "Not shown by accuracies: the regions themselves. A class may lose since its region shrinks, since its images are "
            "harder under noise, or since the network learned it worse there; one network stands for each sigma. The source "
            "prints no number to compare with."
        ),
    ]


def _region(balls: pd.DataFrame) -> Finding:
    """A bounded region: smaller at each larger sigma, and at last gone. Exact, so without an interval."""
    ends = {dim: (part.sigma.max(), part.value.iloc[-1]) for dim, part in balls.groupby("dim")}
    shrinks = all((np.diff(part.value) < 0).all() for _, part in balls.groupby("dim"))
    verdict = "holds" if shrinks and all(last == 0 for _, last in ends.values()) else "fails"
    gone = "; ".join(f"{sigma:.4g} a in {dim:,} dimensions" for dim, (sigma, _) in ends.items())
    reason = (
        "Computed, no estimate: the region of a ball of radius a is a ball that becomes smaller with every larger sigma tried, "
        f"and is gone at {gone}. Real decision regions are no balls, and how large sigma is beside them is not known from this."
    )
    plane = ends[min(ends)][0]
    return Finding("idrs-shrinking_region", verdict, reason, plane, plane, plane, "a")


def _unequal(uneven: pd.DataFrame) -> list[Finding]:
    """Whether classes differ beyond chance at the largest sigma of this run, and by more than at the smallest."""
    claims = "idrs-unequal_classes", "idrs-unfairness_grows"
    if uneven.empty:
        reason = "No two classes have two images each in this run: a spread cannot be told from chance."
        return [Finding(claim, "not resolved", reason) for claim in claims]
    first, last = uneven.iloc[0], uneven.iloc[-1]
    about = f"{last.images} images of {last.classes} classes, one network for each sigma"
    true = Estimate(last.value, last.low, last.high)
    reason = (
        f"At sigma {last.sigma:g} the accuracies of the classes have a standard deviation of {last.observed:.1f} points, where "
        f"chance alone gives {last.chance:.1f} on average (as much: p = {last.p:.2g}); without chance {true.value:.1f} "
        f"({true.low:.1f} to {true.high:.1f}; {about})."
    )
    found = [Finding(claims[0], decide(true, "above"), reason, *true, "points")]
    if len(uneven) == 1:
        return [*found, Finding(claims[1], "not resolved", "This run has one level of sigma: no spread can grow.")]
    rise = Estimate(last["rise"], last["rise low"], last["rise high"])
    reason = (
        f"From sigma {first.sigma:g} to {last.sigma:g} the variance of the true accuracies over the classes changes by "
        f"{rise.value:+.0f} squared points ({rise.low:+.0f} to {rise.high:+.0f}), their standard deviation from "
        f"{first.value:.1f} to {last.value:.1f} points ({about}, paired)."
    )
    return [*found, Finding(claims[1], decide(rise, "above"), reason, *rise, "squared points")]


def _cone(frames: Frames) -> str:
    """The unbounded region, and two radii of the bounded one, in words."""
    at = frames["disc"].set_index("sigma").value
    return (
        f"In the plane a disc's region has radius {at[0.4]:.2f} a at sigma = 0.4 a and {at[0.8]:.2f} a at 0.8 a. A quadrant's, "
        f"unbounded, is drawn back by {regions.CORNER * math.sqrt(2):.3f} sigma along its diagonal and never gone; a "
        "half-plane's stays."
    )


def _in_words(frames: Frames) -> list[str]:
    """What the spread of each source shows: a text, and a second one where a loss alike was computed."""
    texts = []
    for source, part in frames["spread"].groupby("source", sort=False):
        name = source.split(":")[0]
        values = [
            f"sigma {row.sigma:g}: {row.observed:.1f} (chance alone {row.chance:.1f} on average; true {row.value:.1f}, "
            f"{row.low:.1f} to {row.high:.1f})"
            for row in part.itertuples()
        ]
        more = [f"{row.sigma:g}" for row in part.itertuples() if row.p < 0.05]
        text = f"{name[0].upper() + name[1:]}: spread in points, {'; '.join(values)}. "
        text += (
            f"More than chance, at 5 %, at sigma {', '.join(more)}." if more else "Nowhere more than chance, at 5 %."
        )
        if len(part) > 1:
            text += _change(part, frames["classes"][frames["classes"].source == source])
        texts += [text, *_alike(part.iloc[0], part.iloc[-1], name)]
    return texts


def _change(part: pd.DataFrame, each: pd.DataFrame) -> str:
    """The change of the true variance of one source, and its worst and best class at the largest sigma."""
    first, last = part.iloc[0], part.iloc[-1]
    resolved = "is not resolved" if last["rise low"] <= 0 <= last["rise high"] else "is resolved"
    ends = each[each.sigma == last.sigma].sort_values("value", kind="stable")
    worst, best = (
        f"{row['name']}, {row.value:.0f} % ({row.low:.0f} to {row.high:.0f} %)"
        for _, row in ends.iloc[[0, -1]].iterrows()
    )
    return (
        f" The change of the true variance from sigma {first.sigma:g} to {last.sigma:g} {resolved} ({last['rise']:+.0f} squared "
        f"points, {last['rise low']:+.0f} to {last['rise high']:+.0f}). At sigma {last.sigma:g} the classes reach from "
        f"{worst}, to {best}."
    )


def _alike(first: pd.Series, last: pd.Series, name: str) -> list[str]:
    """How much of the spread a loss alike in log-odds explains; nothing where that was not computed."""
    if not last.get("alike", math.nan) > 0:
        return []
    more = "not resolved" if last["excess low"] <= 0 <= last["excess high"] else "resolved"
    return [
        f"But overall accuracy falls there ({name}) from {first.accuracy:.0f} to {last.accuracy:.0f} %. If all classes had "
        f"lost alike in log-odds, the spread would have gone from {first.observed:.1f} to {last.alike:.1f} points by that "
        f"alone, so that much needs no region that shrinks more than others. Observed beyond it: {last.excess:+.1f} points "
        f"({last['excess low']:+.1f} to {last['excess high']:+.1f}), {more}."
    ]
