r"""Masking: certificates against a few changed pixels.

The union bound R p of the source, beside the exact probability that a mask keeps one of R changed pixels,
:math:`1 - (1 - p)^R`, and that of masks of a fixed size (Levine and Feizi 2020: exactly k of d pixels stay),
:math:`1 - {d - R \choose k} / {d \choose k}`; then the certificates of each bound for a run's masked networks, if any. A pixel is
one position with all its channels; a radius is a whole number of pixels and holds for changes of any size in them. Intervals of
95 % over images; networks fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth import noise
from resmooth.exhibits.base import Frames
from resmooth.exhibits.noises._masking_findings import findings
from resmooth.exhibits.noises._masking_numbers import (
    CASES,
    accuracies,
    certified,
    differences,
    moments,
    networks,
    probabilities,
    reach,
    shown,
    strict_and_whole,
    table_of_radii,
)
from resmooth.stats.decisions import in_words, span
from resmooth.theory.masks import FIXED, IID, UNION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "needs", "summary", "table"]

ACCURACY, DIFFERENCE = "certified accuracy [%]", "fixed minus independent [points]"


def needs(run: Run) -> dict[str, list[str]]:
    """The certificates of the first network of every case whose noise certifies changed pixels (l0), if any."""
    cases = [case for case in run.cases if not case.experiment.role and 0 in noise.NOISES[case.experiment.family].norms]
    return {"certificates": [run.paths.certificates(*case.key, "member-1") for case in cases]}


def compute(run: Run) -> Frames:
    """deltas, shown, reach, radii, moments, strict: theory; networks, accuracies, images, differences: those of the run."""
    paths = needs(run)["certificates"]
    frame = run.read_certificates(paths) if paths else pd.DataFrame(columns=["experiment", "sigma", "idx"])
    images = certified(frame)
    deltas = probabilities()
    return {
        "deltas": deltas,
        "shown": shown(deltas),
        "reach": reach(),
        "radii": table_of_radii(),
        "moments": moments(),
        "strict": strict_and_whole(),
        "images": images,
        "networks": networks(images),
        "accuracies": accuracies(images),
        "differences": differences(images),
    }


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    parts = [frames["deltas"], frames["reach"], frames["accuracies"].assign(part=ACCURACY)]
    parts.append(frames["differences"].assign(part=DIFFERENCE))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Of each masked network the share classified and certified against one pixel, by both bounds."""
    part = table[table.part == ACCURACY]
    rows = []
    for (experiment, sigma), each in part.groupby(["experiment", "sigma"], sort=False) if len(part) else ():
        native = IID if each.noise.iloc[0] == "mask" else FIXED
        row = {
            "experiment": experiment,
            "level": sigma,
            "kept": f"{each.kept.iloc[0]:.0f} of {each.pixels_of_image.iloc[0]:.0f}",
        }
        for r in (0, 1):
            for bound in (UNION, native):
                at = each[(each.bound == bound) & (each.pixels == r)].iloc[0]
                row[f"R = {r}, {'union' if bound == UNION else 'exact'} [%]"] = in_words(
                    at[["value", "low", "high"]], ".0f"
                )
        rows.append(row)
    return pd.DataFrame(rows)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    part = frames["images"]
    text = f"**Here.** Theory for {', '.join(f'{k} of {d}' for d, k in CASES)} pixels; "
    if part.empty:
        return text + "this run has no masked network."
    kinds = ", ".join(f"{name} at level {span(rows.sigma, 'g')}" for name, rows in part.groupby("name", sort=False))
    return text + (
        f"then the masked networks of this run: {kinds}; {part.idx.nunique()} images, n = {part.n.max():,}, alpha = "
        f"{part.alpha.max():g}. Level is the share of masked pixels, 1 - p. The source prints no certified accuracy "
        "to compare with."
    )


def draw(frames: Frames) -> Figure:
    """Theory above: what can move, and the radius against p_A; below a panel for each network."""
    from resmooth.exhibits.noises._masking_drawing import figure_of

    return figure_of(frames)
