"""Robustness against accuracy over sigma.

What a larger constant sigma costs in clean accuracy (of the smoothed classifier, at r = 0, abstentions counted as errors), and
what it gives in average certified radius (ACR, over all images) and in certified accuracy at single radii. This run's first
network, and the logs of Cohen et al. 2019, brought to one alpha. Images are a random sample, the networks fixed; levels are
paired by image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs import _accuracy_tradeoff_numbers as numbers
from resmooth.exhibits.idrs import _levels
from resmooth.exhibits.idrs._accuracy_tradeoff_drawing import draw
from resmooth.exhibits.idrs._accuracy_tradeoff_findings import findings

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "needs", "table"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of one network at each level, and the published logs."""
    return _levels.needs(run)


def compute(run: Run) -> Frames:
    """images: the radius that counts for each image, by level; series, values, overview, steps: see their functions."""
    images, about = [], []
    for source, series in _levels.own(run).items():
        some = next(iter(series.values()))
        images.append(numbers.reached(series, source, int(some.n.max()), float(some.alpha.max())))
        about.append(numbers.sizes(source, series, images[-1], ""))
    for name, series in _levels.published(run, _levels.COHEN).items():
        alike, changed = numbers.at_one_alpha(series)
        images.append(numbers.reached(alike, f"{name}: logs of Cohen et al.", _levels.N, _levels.ALPHA))
        about.append(numbers.sizes(name, alike, images[-1], changed))
    images = pd.concat(images, ignore_index=True)
    values = numbers.shares_and_acr(images)
    return {
        "images": images,
        "series": pd.DataFrame(about),
        "values": values,
        "overview": numbers.overview(values),
        "steps": numbers.steps(images),
    }


def table(frames: Frames) -> pd.DataFrame:
    """Values, then steps."""
    values, moves = frames["values"], frames["steps"]
    return pd.concat([values, *[moves] * (len(moves) > 0)], ignore_index=True)


def here(frames: Frames) -> str:
    """Images, n and alpha of the run and of the logs."""
    own, *others = frames["series"].itertuples()
    counted = "; ".join(
        f"{row.source}, {row.images} images" + f" of {row.of}" * (row.images < row.of) for row in (own, *others)
    )
    text = f"{counted[0].upper() + counted[1:]}. The run has n = {own.n:,} and alpha = {own.alpha:g}"
    if others:
        text += f", the logs n = {_levels.N:,} and alpha = {_levels.ALPHA:g}"
    if notes := "; ".join(f"{row.name}: {row.changed}" for row in others if row.changed):
        text += f" (brought to it: {notes})"
    text += ". Radii are in units of the [0, 1] image."
    return text + _levels.absent(frames["series"].source)
