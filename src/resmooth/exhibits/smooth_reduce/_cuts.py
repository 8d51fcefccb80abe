"""The ways in which a run cuts patches, and certificates of those that differ in one thing: the resized side, or the layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.classifiers.names import patches_of
from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED

if TYPE_CHECKING:
    from resmooth.plan import Run

COLUMNS = ["base", "space", "level", "k", "side", "layout", "experiment"]


def cuts(run: Run) -> pd.DataFrame:
    """A row for each experiment of Smooth-Reduce, level (text) and number k > 1 of patches, in the order of the config.

    side: of the image that is cut, in pixels; layout: "random" or another, which is dense. The columns are COLUMNS.
    """
    rows = []
    for base in run.general:
        for each in run.patched(base.name):
            about = each.patches
            cut = (about.get("resize") or about["patch"], about.get("layout", "corners"), each.name)
            sizes = sorted({patches_of(name) for name in each.classifiers} - {1})
            rows += [(base.name, about["noise_space"], sigma, k, *cut) for sigma in each.sigmas for k in sizes]
    return pd.DataFrame(rows, columns=COLUMNS)


def certificates(run: Run, chosen: pd.DataFrame, centre: bool = False) -> list[str]:
    """Paths of the certificates of these cuts, by every reduction; `centre`: of the central patch, and one network alone, too."""
    wanted: dict[str, None] = {}
    for row in chosen.itertuples():
        if centre:
            wanted[run.paths.certificates(row.base, row.level, "member-1")] = None
        for name in run.experiments[row.experiment].classifiers:
            if patches_of(name) == row.k or (centre and patches_of(name) == 1):
                wanted[run.paths.certificates(row.experiment, row.level, name)] = None
    return list(wanted)


def read(run: Run, paths: list[str]) -> pd.DataFrame:
    """The certificates in `paths` as `_methods.read` has them, with `side`; 0 for one network alone."""
    sides = cuts(run).drop_duplicates("experiment").set_index("experiment").side
    frame = methods.read(run, paths)
    return frame.assign(side=frame.experiment.map(sides).fillna(0).astype(int))


def added(part: pd.DataFrame, kind: str = CERTIFIED) -> np.ndarray:
    """What each image adds to the ACR of one classifier [N], in the order of the images; certified or as published."""
    return part.sort_values("idx")["certified" if kind == CERTIFIED else "claimed"].to_numpy(dtype=float)


def hits(part: pd.DataFrame, radius: float = 0.0) -> np.ndarray:
    """Whether each image is right and certified at `radius` [N], in the order of the images."""
    part = part.sort_values("idx")
    return ((part.correct == 1) & (part.radius >= radius)).to_numpy()
