"""Numbers of idrs/waterfalls: images at their ceiling, how far each curve drops there, and the curves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.audit.checks import radius_ceiling
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.intervals import Estimate, paired_shares
from resmooth.stats.metrics import certified_accuracy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from pandas.api.typing import DataFrameGroupBy

POINTS = 161  # of a curve
NEAR = 0.99  # of the ceiling: a log without votes; the next radius is 2 % lower


def at_ceiling(frame: pd.DataFrame, source: str, sigma: float, n: int, alpha: float, told: bool = True) -> pd.DataFrame:
    """The images of one table, with the `ceiling` of n samples at alpha, and whether each stands there: all votes for one class.

    A log does not print votes: there, a radius above `NEAR` of the ceiling. `counted`: its radius, rounding at the ceiling
    undone. `told`: whether alpha is known.
    """
    ceiling = radius_ceiling(sigma, n, alpha)
    top = frame.n_top == frame.n if "n_top" in frame else frame.radius > NEAR * ceiling
    images = frame[["idx", "radius"]].assign(correct=frame.correct.astype(bool), top=top)
    about = {"source": source, "sigma": sigma, "n": n, "alpha": alpha, "told": told, "ceiling": ceiling}
    return images.assign(counted=images.radius.mask(top, ceiling), **about)


def cases(images: pd.DataFrame) -> DataFrameGroupBy:
    """((source, sigma, n, alpha, told, ceiling), its images) of all there are, in their order."""
    return images.groupby(["source", "sigma", "n", "alpha", "told", "ceiling"], sort=False)


def heights(images: pd.DataFrame) -> pd.DataFrame:
    """How far each curve drops at its ceiling: images that are correct with all votes, in % of all (Clopper-Pearson interval).

    `of correct`: the same in % of the correct ones. `largest`: the largest radius of a correct image.
    """
    rows = []
    for (source, sigma, n, alpha, told, ceiling), part in cases(images):
        held, correct = int((part.top & part.correct).sum()), part.correct
        row = {"source": source, "sigma": sigma, "images": len(part), "n": n, "alpha": alpha, "told": told}
        row |= {"ceiling": ceiling, "largest": part.radius[correct].max() if correct.any() else 0.0}
        row |= {"value": 100 * (held / len(part))} | ends(held, len(part))
        rows.append(row | {"of correct": 100 * held / correct.sum() if correct.any() else math.nan})
    return pd.DataFrame(rows)


def curves(images: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy [%] at radii up to the ceiling, with the Clopper-Pearson interval at each."""
    parts = []
    for ((source, sigma, *_), part), ceiling in zip(cases(images), ceilings.ceiling):
        radii = np.linspace(0, ceiling, POINTS)
        certified = np.rint(len(part) * certified_accuracy({"correct": part.correct, "radius": part.counted}, radii))
        about = {
            "part": "curve",
            "source": source,
            "sigma": sigma,
            "radius": radii,
            "value": 100 * certified / len(part),
        }
        parts.append(pd.DataFrame(about | ends(certified, len(part))))
    return pd.concat(parts, ignore_index=True)


def ends(count: ArrayLike, images: int) -> dict:
    """The Clopper-Pearson interval of a count, or of an array of counts, of `images`, in per cent."""
    low, high = clopper_pearson(count, images, 0.05, side="both")
    return {"low": 100 * low, "high": 100 * high}


def beyond(images: pd.DataFrame, source: str) -> dict[tuple[float, float], Estimate]:
    """(sigma, the next larger) -> what that certifies more at the smaller one's ceiling, in points, on the same images.

    Only where the smaller one's curve drops there.
    """
    parts = {sigma: part for (name, sigma, *_), part in cases(images) if name == source}
    found = {}
    for (sigma, one), (larger, other) in zip(parts.items(), list(parts.items())[1:]):
        both = one.merge(other, on="idx", suffixes=("", "_next"))
        held = (both.counted >= both.ceiling) & both.correct
        if (one.top & one.correct).any() and len(both):
            more = (both.counted_next >= both.ceiling) & both.correct_next
            found[sigma, larger] = paired_shares(more, held).times(100)
    return found
