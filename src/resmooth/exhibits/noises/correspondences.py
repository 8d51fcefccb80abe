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
from resmooth.exhibits.noises import _correspondences_numbers as numbers
from resmooth.exhibits.noises._correspondences_drawing import draw
from resmooth.exhibits.noises._correspondences_findings import findings

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "table"]

SEED = 0


def compute(run: Run | None = None) -> Frames:
    """tables: lambda at d = D_IMAGE; norms: expected norms; curves: errors against d; samples; wrong: the text's slips.

    marks: every line of the two tables with the sign that the notes print, its error and how that depends on d.
    """
    return {
        "tables": numbers.tables(),
        "norms": numbers.norms(),
        "curves": numbers.curves(),
        "samples": numbers.samples(np.random.default_rng(SEED)),
        "wrong": numbers.wrong_lines(),
        "marks": numbers.marks(),
    }


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn and shown."""
    parts = ("tables", "norms", "curves", "samples", "wrong")
    return pd.concat([frames[name] for name in parts], ignore_index=True)


def here(frames: Frames) -> str:
    """The cases."""
    measured = frames["samples"]
    return (
        f"**Here.** Every printed formula beside the exact one at d = {numbers.D_IMAGE} and k = {numbers.K_SHOWN} "
        f"(Lomax: k = {numbers.K_LOMAX}), against d for k = {', '.join(f'{k:g}' for k in numbers.KS)}, and beside "
        f"{len(measured)} levels measured on samples. No "
        "network and no data: every run shows the same."
    )
