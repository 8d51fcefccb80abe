r"""Which scale gives which level: the two tables of lambda and sigma.

Notes on noises, tables "L-1 Noise" (:math:`\frac1d E\|x\|_1 = \sigma`) and "L-2 Noise" (:math:`\frac1d E\|x\|_2^2 = \sigma^2`):
the scale lambda of a level sigma for seven families. Every printed formula is compared with the exact one (both are in
`resmooth.audit.formulas`) and with samples, and its error is shown against the dimension d. Several formulas are approximations,
some of them printed with "=", and three shorter forms hold for k = 1 alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.noises._correspondences_drawing import draw
from resmooth.exhibits.noises._correspondences_findings import findings
from resmooth.exhibits.noises._correspondences_numbers import (
    D_IMAGE,
    K_LOMAX,
    K_SHOWN,
    KS,
    curves,
    marks,
    norms,
    samples,
    tables,
    wrong_lines,
)

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "table"]

SEED = 0


def compute(run: Run | None = None) -> Frames:
    """tables: lambda at d = D_IMAGE; norms: expected norms; curves: errors against d; samples; wrong: the text's slips.

    marks: every line of the two tables with the sign that the notes print, its error and how that depends on d.
    """
    return {
        "tables": tables(),
        "norms": norms(),
        "curves": curves(),
        "samples": samples(np.random.default_rng(SEED)),
        "wrong": wrong_lines(),
        "marks": marks(),
    }


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn and shown."""
    parts = ("tables", "norms", "curves", "samples", "wrong")
    return pd.concat([frames[name] for name in parts], ignore_index=True)


def here(frames: Frames) -> str:
    """The cases."""
    measured = frames["samples"]
    return (
        f"**Here.** Every printed formula beside the exact one at d = {D_IMAGE} and k = {K_SHOWN} (Lomax: k = {K_LOMAX}), "
        f"against d for k = {', '.join(f'{k:g}' for k in KS)}, and beside {len(measured)} levels measured on samples. No "
        "network and no data: every run shows the same."
    )
