"""The numbers of smooth_reduce/fig5 besides certificates: its noise level, its two panels, and where the paper's curves end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.audit.checks import radius_ceiling, samples_for
from resmooth.exhibits.smooth_reduce import _videos as videos

if TYPE_CHECKING:
    from resmooth.plan import Run

SIGMA = 0.5  # of the paper's figure, by its project page
END, READING = 0.75, 0.01  # radius at which all its curves end there, and how far the reading may be off: our estimate
STATED = (1000, 1e-5)  # n and alpha, section 3: "0.001 %"
ROUND = (100, 1e-3)  # n and alpha = 0.001 that end there


def level(run: Run) -> str | None:
    """The noise level at which a run on clips has most of these classifiers; among equals, the one next to the paper's."""
    number: dict[str, int] = {}
    for base in videos.bases(run):
        for sigma in base.sigmas:
            lengths = {length for each in videos.over(run, base) for length in each.sub_videos["lengths"]}
            number[sigma] = number.get(sigma, 0) + 1 + len(lengths)
    return max(number, key=lambda sigma: (number[sigma], -abs(float(sigma) - SIGMA)), default=None)


def panels(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Title -> names of the classifiers of the paper's left panel and of its right one; `frame` has name, chunk and frames."""
    over = frame[frame.frames > 0]
    length = over.groupby("frames").chunk.nunique().idxmax()  # the shortest of those that most chunks have
    chunk = over.groupby("chunk").frames.nunique().idxmax()
    chunks = over.chunk[over.frames == length]
    left = frame[frame.chunk.isin(chunks) & frame.frames.isin([0, length])]
    right = frame[frame.chunk == chunk]
    return {
        f"chunks, sub-videos of {length} frames": list(left.name.unique()),
        f"sub-videos, chunks of {chunk} frames": list(right.name.unique()),
    }


def implied() -> pd.DataFrame:
    """Which n the end of the paper's curves implies, at the alpha that it states and at 0.001; and where other n would end.

    end_low, end_high: the radius as read; least, most: the n that end there; ceiling: of `n` samples.
    """
    rows = []
    for n, alpha in (STATED, (STATED[0], ROUND[1]), ROUND):
        least, most = (samples_for(END + off, SIGMA, alpha) for off in (-READING, READING))
        about = {"sigma": SIGMA, "n": n, "alpha": alpha, "ceiling": radius_ceiling(SIGMA, n, alpha)}
        rows.append(about | {"end_low": END - READING, "end_high": END + READING, "least": least, "most": most})
    return pd.DataFrame(rows).astype({"n": int, "least": int, "most": int})
