r"""Scores of the top class and of the runner-up over noisy copies of clips.

Smooth-Reduce, Fig. 12 and appendix D.1: Fig. 11 for videos. For two clips, the scores in [0, 1] of the two classes with most
votes, over the noisy copies that CERTIFY draws: by the network alone, averaged over chunks, and by Smooth-Max and Smooth-Mean
over sub-videos, with noise on the clip and on each sub-video. Their difference, the margin: its mean, and its standard
deviation. Intervals are over the copies, for these clips and this network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Finding, Frames
from resmooth.exhibits.smooth_reduce import _scores_findings
from resmooth.exhibits.smooth_reduce import _scores_numbers as numbers
from resmooth.exhibits.smooth_reduce._scores_words import CLIPS
from resmooth.stats.decisions import span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run


def needs(run: Run) -> dict[str, list[str]] | None:
    """The stored scores of the first network on chunks, alone and over sub-videos."""
    return numbers.needs(run.videos, run.videos.over_frames) if run.videos else None


def compute(run: Run) -> Frames:
    """copies: scores, copy by copy; statistics: of each classifier and clip; differences: sub-videos less the network alone."""
    assert run.videos is not None
    return numbers.compute(run.videos, run.videos.over_frames)


def table(frames: Frames) -> pd.DataFrame:
    """Statistics, differences, and the histograms that are drawn."""
    return numbers.table(frames, CLIPS)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    return (
        f"**Here.** {numbers.told(frames, CLIPS)}, where k counts frames of a sub-video. The paper: two clips of UCF-101, which "
        "are not named; sigma, sizes of chunks and sub-videos, and number of copies are not stated; noise on each sub-video."
    )


def findings(frames: Frames) -> list[Finding]:
    """Whether margins are larger, and vary less, over sub-videos; and how scores compare with those of images."""
    larger, narrower, *others = _scores_findings.findings(frames, CLIPS)
    return [larger, narrower, _beside_images(frames["statistics"]), *others]


def _beside_images(found: pd.DataFrame) -> Finding:
    """Scores of clips and of images are of other data and other networks: what this run has of clips."""
    tops = ", ".join(
        f"{span(part.mean_top, '.2f')} by {method if method in ('Smooth-Max', 'Smooth-Mean') else 'the network alone'}"
        for method, part in found.groupby("method", sort=False)
    )
    return Finding(
        "smooth_reduce-videos_scores_lower",
        "not comparable",
        "The paper sets clips of UCF-101 by a 3D ResNeXt-101 beside images of CIFAR-10 by a ResNet-110: data, networks and "
        "number of pixels differ at once, and this run has other ones. Here the top class of clips scores on average "
        f"{tops}, over {found.idx.nunique()} clips and {found.sigma.nunique()} levels.",
    )


def draw(frames: Frames) -> Figure:
    """Above, histograms of two clips: the network alone, then sub-videos with noise in each place; below, all clips."""
    from resmooth.exhibits.smooth_reduce._scores_drawing import draw

    return draw(frames, CLIPS)
