r"""Scores of the top class and of the runner-up over noisy copies.

Smooth-Reduce, Fig. 11 and appendix D.1. For a few images, the scores in [0, 1] of the two classes with most votes, over the
noisy copies that CERTIFY draws: by the network alone, by Smooth-Max and by Smooth-Mean, with the noise in each place. Their
difference, the margin: its mean, and its standard deviation. Intervals are over the copies, for these images and this network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Finding, Frames
from resmooth.exhibits.smooth_reduce import _scores_findings
from resmooth.exhibits.smooth_reduce import _scores_numbers as numbers
from resmooth.exhibits.smooth_reduce._scores_words import IMAGES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run


def needs(run: Run) -> dict[str, list[str]] | None:
    """The stored scores of the network alone and of its patches."""
    return numbers.needs(run, run.reduced)


def compute(run: Run) -> Frames:
    """copies: scores, copy by copy; statistics: of each classifier and image; differences: patches less the network alone."""
    return numbers.compute(run, run.reduced)


def table(frames: Frames) -> pd.DataFrame:
    """Statistics, differences, and the histograms that are drawn."""
    return numbers.table(frames, IMAGES)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    return (
        f"**Here.** {numbers.told(frames, IMAGES)}. The paper: examples of CIFAR-10 by SmoothAdv's ResNet-110, whose images, "
        "sigma and number of copies are not stated, with noise on each patch."
    )


def findings(frames: Frames) -> list[Finding]:
    """Whether margins are larger, and vary less, with patches; what independent noises do; and what maxima add up to."""
    return _scores_findings.findings(frames, IMAGES)


def draw(frames: Frames) -> Figure:
    """Above, histograms of one image: the network alone, then patches with noise in each place; below, all images."""
    from resmooth.exhibits.smooth_reduce._scores_drawing import draw

    return draw(frames, IMAGES)
