"""The waterfalls of certified accuracy.

Certified accuracy against the radius, one curve for each constant sigma, up to the ceiling sigma Phi^-1(alpha^(1/n)) that n
samples allow; and the share of the images that stand at it, by which the curve drops there at once. This run's first network, and
the logs of Cohen et al. 2019. Images are a random sample, the networks fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs import _levels
from resmooth.exhibits.idrs._waterfalls_drawing import draw
from resmooth.exhibits.idrs._waterfalls_findings import findings
from resmooth.exhibits.idrs._waterfalls_numbers import at_ceiling, curves, heights

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "needs", "table"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of one network at each level, and the published logs."""
    return _levels.needs(run)


def compute(run: Run) -> Frames:
    """images: what each log or table says of each image; ceilings, curves: see their functions."""
    parts = []
    for source, series in _levels.own(run).items():
        parts += [
            at_ceiling(frame, source, s, int(frame.n.max()), float(frame.alpha.max())) for s, frame in series.items()
        ]
    for source, series in _levels.published(run, _levels.COHEN).items():
        made = _levels.alphas(series)
        parts += [at_ceiling(log, source, s, _levels.N, made.alpha[s], bool(made.told[s])) for s, log in series.items()]
    images = pd.concat(parts, ignore_index=True)
    ceilings = heights(images)
    return {"images": images, "ceilings": ceilings, "curves": curves(images, ceilings)}


def table(frames: Frames) -> pd.DataFrame:
    """Curves, then ceilings."""
    return pd.concat([frames["curves"], frames["ceilings"].assign(part="ceiling")], ignore_index=True)


def here(frames: Frames) -> str:
    """The run, and the logs beside it."""
    own, *others = frames["ceilings"].groupby("source", sort=False)
    name, first = own
    text = f"{name.capitalize()}, one network for each sigma, {first.images.max()} images, n = {first.n.max():,}, "
    text += f"alpha = {first.alpha.max():g}"
    if others:
        text += f"; and {sum(len(part) for _, part in others)} logs that Cohen et al. published, with n = {_levels.N:,}"
    text += (
        ". Each network is certified with the noise that it was trained with. Radii are in units of the [0, 1] image; "
    )
    return text + "abstentions count as errors." + _levels.absent(frames["ceilings"].source.unique())
