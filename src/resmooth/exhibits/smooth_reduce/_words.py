"""Estimates of several cases in words, for the findings of Smooth-Reduce."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from resmooth.stats.decisions import counted, span
from resmooth.stats.intervals import Estimate


def spanned(estimates: Iterable[Estimate], unit: str) -> str:
    """The range of values, and how many intervals lie above and below zero: "-3.0 to +2.0 % (1 of 2 intervals above ...)"."""
    known = [each for each in estimates if not np.isnan(each.value)]
    return f"{span([each.value for each in known], unit=unit)} ({counted(known)})" if known else "an unknown amount"
