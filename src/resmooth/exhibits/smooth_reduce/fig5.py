"""Certified accuracy of Smooth-Reduce on videos, for several chunks and sub-videos.

Smooth-Reduce, Figure 5, at one noise level: that of the paper, or the one at which a run has most classifiers. Left, chunks of
several sizes, alone and in sub-videos of one length; right, sub-videos of several lengths, of one chunk. Noise on the clip,
where L = 1, and on each sub-video as in the paper: certified (R / L), and R as the paper would publish it. Differences are
paired over the clips, networks fixed. Beside it: which n and alpha the paper's own curves imply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Finding, Frames
from resmooth.exhibits.smooth_reduce import _fig5_findings, _fig5_numbers
from resmooth.exhibits.smooth_reduce import _videos as videos
from resmooth.exhibits.smooth_reduce._videos import summary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run

__all__ = ["summary"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """Certificates of networks on chunks, alone and over sub-videos, at one level."""
    sigma = _fig5_numbers.level(run)
    return videos.needs(run, {sigma}) if sigma else None


def compute(run: Run) -> Frames:
    """images: the certificates, clip by clip; averages; curves; implied: n by where the paper's curves end."""
    return videos.numbers(videos.read(run, needs(run))) | {"implied": _fig5_numbers.implied()}


def table(frames: Frames) -> pd.DataFrame:
    """All but the clips one by one."""
    return pd.concat([frames[name].assign(part=name) for name in ("averages", "implied", "curves")])


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    return (
        f"**Here.** {videos.told(frames['images'])}. The paper: UCF-101 at sigma = 0.5 (not in its caption, but on its project "
        "page), chunks of 16 and 8 frames, sub-videos of 64 and 128, noise on each sub-video."
    )


def findings(frames: Frames) -> list[Finding]:
    """Sub-videos against networks alone, larger chunks and sub-videos, and the samples behind the paper's curves."""
    return _fig5_findings.findings(frames)


def draw(frames: Frames) -> Figure:
    """A row for each place of the noise; left chunks of several sizes, right sub-videos of several lengths."""
    from resmooth.exhibits.smooth_reduce._videos_drawing import draw_panels

    return draw_panels(frames)
