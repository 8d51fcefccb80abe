r"""Sampling ExpInf, Exp1 and Exp2 noise.

Notes on noises, the three appendices "Noise Details": densities proportional to :math:`\exp(-(\|x\|_p / \lambda)^k)`, p = inf,
1, 2. The recipe tested: the law of the radius, the law of the direction, and two dimensions against the density; beside it what
the text says to the letter, and how far off that is. `resmooth.theory.recipes` has the recipes. Lengths are multiples of
lambda.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.noises import _samplers_numbers as numbers
from resmooth.exhibits.noises._samplers_drawing import draw
from resmooth.exhibits.noises._samplers_findings import findings

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "table"]

SEED = 0


def compute(run: Run | None = None) -> Frames:
    """right, wrong: tests of the recipe, and of the text; sweep: the text's radii against d, exactly; then what is drawn.

    density: radii of points drawn from the densities themselves. All but this from one generator, in this order. The same for
    every run.
    """
    generator = np.random.default_rng(SEED)
    return {
        "right": numbers.right(generator),
        "wrong": numbers.wrong(generator),
        "sweep": numbers.sweep(),
        "scatter": numbers.scatter(generator),
        "histograms": numbers.histograms(generator),
        "level_sets": numbers.level_sets(),
        "quantiles": numbers.quantiles(generator),
        "density": numbers.density(np.random.default_rng(SEED + 1)),
    }


def table(frames: Frames) -> pd.DataFrame:
    """The tests, the exact errors, and what is drawn of the recipes."""
    parts = ("right", "wrong", "sweep", "scatter", "histograms", "level_sets")
    return pd.concat([frames[name] for name in parts], ignore_index=True)


def here(frames: Frames) -> str:
    """The cases."""
    return (
        f"**Here.** {numbers.DRAWS:,} draws of each recipe in d = {', '.join(f'{d:,}' for d in numbers.DIMS)} dimensions, "
        f"at lambda = 1, for k = {', '.join(f'{k:g}' for k in numbers.KS)} as the densities need it and for "
        f"k = {numbers.K_SHOWN} to the letter; in the plane also {numbers.DRAWS_OF_DENSITY:,} draws of each density by "
        "rejection, which uses no recipe. Two laws count as the same where "
        f"their distribution functions differ by less than {numbers.SAME:g}. No network and no data: every run shows the same."
    )
