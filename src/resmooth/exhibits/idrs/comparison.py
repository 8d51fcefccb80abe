"""Input-dependent smoothing against one constant level.

For each base level sigma_b the same images under randomized smoothing (RS) at sigma_b and at the mean level of sigma(x), and
under input-dependent smoothing (IDRS) by a network trained at that mean level and by one trained with noise of level sigma(x).
DDRS (Alfarra et al. 2020) beside them: its radii are claims, its certified radius is 0. Differences are paired over the images,
networks fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.idrs import _comparison_numbers as numbers
from resmooth.exhibits.idrs import _sigma
from resmooth.exhibits.idrs._comparison_drawing import draw
from resmooth.exhibits.idrs._comparison_findings import findings

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "needs", "summary", "table"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of the four methods and the claims of DDRS at each base level, and the images; None without IDRS."""
    if not run.idrs:
        return None
    ddrs = [run.paths.measured("ddrs", run.idrs["constant"], base) for base in _sigma.bases(run)]
    return {role: _sigma.certificates(run, role) for role in numbers.NAMES} | {
        "ddrs": ddrs,
        "images": [_sigma.images(run)],
    }


def compute(run: Run) -> Frames:
    """images, claims: what each method and DDRS say of each image; summary, differences, curves: see their functions."""
    law, files = _sigma.law(run, _sigma.read(run, "idrs")), cast("dict[str, list[str]]", needs(run))
    images = pd.concat(
        [numbers.with_ceilings(_sigma.read(run, role), role, law) for role in numbers.NAMES], ignore_index=True
    )
    pixels = np.load(_sigma.images(run))["images"] / 255
    claims = pd.concat(
        [
            numbers.claimed(pd.read_csv(path, sep="\t").sort_values("idx"), float(base), pixels, law)
            for base, path in zip(_sigma.bases(run), files["ddrs"])
        ],
        ignore_index=True,
    )
    numbers.check_paired(images, claims)
    summary, differences = numbers.summarised(images, claims), numbers.paired(images)
    return {
        "images": images,
        "claims": claims,
        "summary": summary,
        "overview": numbers.overview(summary),
        "differences": differences,
        "paired": numbers.in_brackets(differences),
        "curves": numbers.curves(images, claims),
    }


def table(frames: Frames) -> pd.DataFrame:
    """Summary, differences, curves."""
    return pd.concat([frames[name] for name in ("summary", "differences", "curves")], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """ACR of all methods at each base level, and of IDRS less RS at the mean level with its interval: one row each."""
    rows = []
    for base in table[table.part == "summary"].sigma_b.unique():
        part = table[(table.sigma_b == base) & (table.part == "summary")].set_index("method").ACR
        row = {"sigma_b": f"{base:g}", numbers.NAMES["constant"]: f"{part[numbers.NAMES['constant']]:.3f}"}
        row[numbers.NAMES["mean"]] = f"{part[numbers.NAMES['mean']]:.3f}"
        for role in ("idrs_mean", "idrs"):
            chosen = (table.part == "difference") & (table.sigma_b == base) & (table.metric == "ACR")
            chosen &= (table.method == numbers.NAMES[role]) & (table.against == numbers.NAMES["mean"])
            less = table[chosen].iloc[0]
            row[numbers.NAMES[role]] = f"{part[numbers.NAMES[role]]:.3f}"
            row[f"{numbers.NAMES[role]}: less RS, mean level"] = (
                f"{less['value']:+.3f} [{less.low:+.3f}, {less.high:+.3f}]"
            )
        rows.append(row)
    return pd.DataFrame(rows)


def here(frames: Frames) -> str:
    """Images, noise and samples."""
    images = frames["images"]
    one = images[images.role == "idrs"].iloc[0]
    return (
        f"{images.idx.nunique()} test images of {images.label.nunique()} classes, {one.dim:g} dimensions; "
        f"`{one.noise}`; n0 = {one.n0:g}, n = {one.n:,g}, alpha = {one.alpha:g}. One network for each row: seeds are "
        "in no interval."
    )
