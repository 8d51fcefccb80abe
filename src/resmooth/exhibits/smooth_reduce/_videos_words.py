"""Findings on pairs of classifiers of clips, decided by what is certified and told beside what would be published."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, PUBLISHED, noise_on
from resmooth.exhibits.smooth_reduce._words import spanned
from resmooth.stats.decisions import OPEN, every
from resmooth.stats.intervals import Estimate, relative_gain

ACR = "% of ACR"
Cases = Mapping[Any, tuple]


def clips_of(frame: pd.DataFrame) -> str:
    """On what intervals are: "40 clips, networks fixed"."""
    return f"{frame.idx.nunique()} clips, networks fixed"


def decided(
    claim: str,
    what: str,
    found: Mapping[str, Cases],
    frame: pd.DataFrame,
    missing: str,
    interval: Callable[..., Estimate] = relative_gain,
    than: float = 0.0,
    unit: str = ACR,
    words: str = " %",
) -> Finding:
    """Whether `interval` lies above `than` in every certified case of `found` (kind -> cases); `missing`: why there is none.

    what    what changes, to begin the reason: "Against their networks the certified ACR of both reductions changes by"
    words   unit of the values in the reason, which are hundredths, as in the finding
    """
    name, clips = f"smooth_reduce-videos_{claim}", clips_of(frame)
    cases = found[CERTIFIED]
    if not cases:
        return Finding(name, OPEN, missing)
    if all(np.isnan(interval(*case).value) for case in cases.values()):
        return Finding(name, OPEN, f"What is compared with certifies none of {clips}: a ratio has no meaning.")
    verdict = every(cases, "above", interval, than=than)
    reason = f"{what} {by_space(found, interval, words)}, {clips}; deciding: {verdict.case}."
    return Finding(name, verdict.verdict, reason, *verdict.estimate.times(100), unit)


def by_space(found: Mapping[str, Cases], interval: Callable[..., Estimate], words: str) -> str:
    """The ranges of estimates [hundredths], for each place of the noise; as published too where that is something else."""
    parts = []
    for space in dict.fromkeys(_space(case) for case in found[CERTIFIED]):
        kinds = {
            kind: spanned((interval(*data).times(100) for case, data in cases.items() if _space(case) == space), words)
            for kind, cases in found.items()
        }
        published = f", as published {kinds[PUBLISHED]}" if space == "patch" else ""
        parts.append(f"{kinds[CERTIFIED]} with {noise_on(space, clips=True)}{published}")
    return "; ".join(parts)


def _space(case: Any) -> str:
    """Where the noise is; of a network alone, on the clip."""
    return (case if hasattr(case, "space") else case[0]).space or "image"
