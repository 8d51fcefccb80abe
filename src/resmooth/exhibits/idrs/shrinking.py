"""Shrinking decision regions and uneven classes.

The phenomenon for a ball and a quadrant, exactly (`resmooth.theory.regions`); then the accuracy of each class over sigma,
abstentions counted as errors, and its spread, the standard deviation over the classes, on the images that all levels share. This
run's first network, and the logs of Salman et al. 2019, which have many images. Images are drawn within each class, the networks
fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs import _levels
from resmooth.exhibits.idrs._shrinking_drawing import draw
from resmooth.exhibits.idrs._shrinking_findings import findings
from resmooth.exhibits.idrs._shrinking_numbers import INSIDE, LOGS, balls, classes, disc, quadrant, right, spreads

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "needs", "table"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of one network at each level, and the published logs."""
    return _levels.needs(run)


def compute(run: Run) -> Frames:
    """balls, disc, quadrant: theory; images, classes, spread: the run and the logs. See the functions below."""
    series = _levels.own(run)
    if logs := _levels.published(run, _levels.SALMAN).get(LOGS):
        series[f"{LOGS}: logs of Salman et al."] = logs
    images = pd.concat([right(each, source) for source, each in series.items()], ignore_index=True)
    return {
        "balls": balls(),
        "disc": disc(),
        "quadrant": pd.concat([quadrant(sigma) for sigma in INSIDE], ignore_index=True),
        "images": images,
        "classes": pd.concat([classes(images, source) for source in series], ignore_index=True),
        "spread": spreads(images),
    }


def table(frames: Frames) -> pd.DataFrame:
    """Theory, then classes, then their spread."""
    theory = [frames["balls"], frames["disc"].drop(columns="accuracy of A [%]")]
    uneven = [part for part in (frames["classes"].drop(columns="name"), frames["spread"]) if len(part)]
    return pd.concat([*theory, *uneven], ignore_index=True)


def here(frames: Frames) -> str:
    """Images and classes of the run and of the logs."""
    counted = [
        f"{source}, {part.idx.nunique():,} images of {part.label.nunique()} classes"
        for source, part in frames["images"].groupby("source", sort=False)
    ]
    text = "; ".join(counted) + ". One network for each sigma, certified with its own noise."
    return text[0].upper() + text[1:] + _levels.absent(counted)
