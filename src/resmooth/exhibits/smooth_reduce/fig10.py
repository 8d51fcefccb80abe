"""Certified accuracy and ACR of Smooth-Reduce on videos, at every noise level.

Smooth-Reduce, Figure 10: the classifiers of Figure 5 at all noise levels of a run, a row for each. Certified accuracy against the
radius with noise on the clip, where L = 1, and on each sub-video as in the paper: certified (R / L), and R as the paper would
publish it; and the ACR over all clips and over those that are classified right. Differences are paired over the clips, networks
fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Finding, Frames
from resmooth.exhibits.smooth_reduce import _fig10_findings
from resmooth.exhibits.smooth_reduce import _videos as videos
from resmooth.exhibits.smooth_reduce._videos import summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run

__all__ = ["summary"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """Certificates of networks on chunks, alone and over sub-videos, at all levels."""
    return videos.needs(run)


def compute(run: Run) -> Frames:
    """images: the certificates, clip by clip; averages; curves."""
    return videos.numbers(videos.read(run, needs(run)))


def table(frames: Frames) -> pd.DataFrame:
    """All but the clips one by one."""
    return pd.concat([frames[name].assign(part=name) for name in ("averages", "curves")])


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    return (
        f"**Here.** {videos.told(frames['images'])}. The paper: UCF-101 at sigma = 0.25, 0.5 and 1, noise on each sub-video; "
        "the number of clips and the stride of sub-videos are not stated."
    )


def findings(frames: Frames) -> list[Finding]:
    """Radii and certified accuracies beside the network alone, and larger chunks and sub-videos, at every level."""
    return _fig10_findings.findings(frames)


def draw(frames: Frames) -> Figure:
    """A row for each level: curves with noise in each place, and ACRs."""
    from resmooth.exhibits.smooth_reduce._fig10_drawing import draw

    return draw(frames)
