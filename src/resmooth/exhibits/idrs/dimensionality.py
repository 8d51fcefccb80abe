r"""Input-dependent smoothing against the dimension.

Slides, figure "Problems with the curse of dimensionality": only its caption is left. This substitute shows quantities that
the slides define: the ratios :math:`\sigma_1 / \sigma_0` that Theorem 2.4 excludes, and xi, the largest probability that
another class can have at a point at distance R. Both against the dimension N, beside exact limits; the window of ratios that
can be certified at R > 0, into which an r-semi-elastic sigma(x) has to fit; and how small r has to be for that. Radii are in
units of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs._dimensionality_drawing import draw
from resmooth.exhibits.idrs._dimensionality_findings import findings
from resmooth.exhibits.idrs._dimensionality_numbers import (
    COHEN,
    EVERYWHERE,
    P_A,
    P_B,
    SIGMA0,
    allowed,
    certified,
    curves,
    ends,
    fixed_rate,
    plain,
    powers,
    thresholds,
    windows,
)

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "table"]


def compute(run: Run | None = None) -> Frames:
    """thresholds, curves, windows, fixed, allowed: what is drawn; powers: how windows close; certified, ends: at DIMS.

    The same for every run.
    """
    return {
        "thresholds": thresholds(),
        "curves": curves(),
        "windows": windows(),
        "fixed": fixed_rate(),
        "allowed": allowed(),
        "powers": powers(),
        "certified": certified(),
        "ends": ends(),
    }


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    parts = ("thresholds", "curves", "windows", "fixed", "allowed")
    return pd.concat([frames[name] for name in parts], ignore_index=True)


def here(frames: Frames) -> str:
    """The cases."""
    return (
        f"**Here.** N from 2 to {max(EVERYWHERE):,}, thresholds at p_B = {', '.join(map(plain, P_B))}; xi, windows and radii "
        f"at sigma_0 = {SIGMA0:g}, p_A = {P_A:g}, where a constant sigma certifies {COHEN:.4f} (Cohen). No network and no "
        "data: every run shows the same."
    )
