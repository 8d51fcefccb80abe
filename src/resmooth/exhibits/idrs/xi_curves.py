r"""The certified radius as a crossing: xi_>(R), xi_<(R) and 1/2.

Slides on input-dependent smoothing: :math:`CR(x_0) = \sup\{R \ge 0 : \xi(R) < 0.5\}` for an r-semi-elastic sigma(x), and the
figure "Numerical evaluation of the certified radii. The function xi_> and the threshold for different values of N", whose
picture and parameters are lost. xi(R) is the largest probability that another class can have at distance R, where
sigma_1 may lie anywhere from :math:`\sigma_0 e^{-rR}` (there it is xi_>) to :math:`\sigma_0 e^{rR}` (xi_<). Radii are in units
of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs._xi_curves_drawing import draw
from resmooth.exhibits.idrs._xi_curves_findings import findings
from resmooth.exhibits.idrs._xi_curves_numbers import DIMS, P_A, RATE, SIGMA0, crossings, curves, excess, inner, zooms

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "summary", "table"]


def compute(run: Run | None = None) -> Frames:
    """curves, crossings, excess: see their functions; inner: between the ends; zooms: curves near the crossings.

    The same for every run.
    """
    cross = crossings()
    return {"curves": curves(), "crossings": cross, "excess": excess(), "inner": inner(), "zooms": zooms(cross)}


def table(frames: Frames) -> pd.DataFrame:
    """Curves, crossings and the grid of cases."""
    parts = {"curves": "curve", "crossings": "crossing", "excess": "excess"}
    return pd.concat([frames[name].assign(part=part) for name, part in parts.items()], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Certified radius and the crossing of xi_> alone, for each N."""
    shown = table[table.part == "crossing"][["N", "CR", "CR_>", "CR / Cohen", "excess"]].reset_index(drop=True)
    shown["CR / Cohen"] = (100 * shown["CR / Cohen"]).map("{:.1f} %".format)
    shown["excess"] = (100 * shown.excess).map("{:.2f} %".format)
    return shown.assign(CR=shown.CR.map("{:.5f}".format), **{"CR_>": shown["CR_>"].map("{:.5f}".format)})


def here(frames: Frames) -> str:
    """The cases."""
    return (
        f"**Here.** sigma_0 = {SIGMA0:g}, r = {RATE:g}, p_A = {P_A:g} (the slides' own parameters are not known) and the N of "
        f"their table, {', '.join(f'{dim:,}' for dim in DIMS)}; what xi_> alone certifies too much over "
        f"{len(frames['excess']):,} cases of N, p_A and r sigma_0. No network and no data: every run shows the same."
    )
