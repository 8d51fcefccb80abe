"""The numbers of smooth_reduce/fig3: Smooth-Reduce over patches cut alike, but for their number k."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from resmooth.audit.checks import radius_ceiling
from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce import _printed as printed
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, COLUMNS, PUBLISHED, Case
from resmooth.stats.intervals import relative_gain

if TYPE_CHECKING:
    from resmooth.plan import Experiment, Run

KINDS = ["max", "mean"]
PRINTED_SIZES = (8, 16)  # patches in the paper's Table 4
Images = tuple[np.ndarray, np.ndarray]


class Pair(NamedTuple):
    """What is compared: the smallest and the largest number of patches of a group, at one level and for one reduction."""

    group: str
    sigma: float
    method: str
    fewest: int
    most: int

    def __str__(self) -> str:
        """In words."""
        return f"{self.method}, {self.group}, {self.fewest} to {self.most} patches, sigma {self.sigma:g}"


def groups(run: Run) -> dict[str, str]:
    """Name of each experiment of Smooth-Reduce over the base of a run -> how it cuts patches, but for their number, in words."""
    return {each.name: _cut(each) for each in (run.patched(run.reduced[0].name) if run.reduced else [])}


def _cut(experiment: Experiment) -> str:
    """How an experiment cuts patches, in words."""
    patches = experiment.patches
    drawn = ", drawn anew for each copy" if patches.get("redraw") == "copy" else ""
    layout = "at random" if patches.get("layout", "corners") == "random" else "on a grid"
    where = methods.PLACES[patches["noise_space"]]
    return f"noise on {where}, resize to {patches.get('resize', patches['patch'])} pixels, cut {layout}{drawn}"


def several(run: Run) -> dict[tuple[str, str], list[str]]:
    """(group, level) -> paths of its certificates, for all that have two numbers of patches or more."""
    found: dict[tuple[str, str], list[str]] = {}
    sizes: dict[tuple[str, str], set[int]] = {}
    for name, group in groups(run).items():
        each = run.experiments[name]
        for sigma in each.sigmas:
            paths = methods.over_patches(run, [each], KINDS, at={sigma})
            if paths:
                found.setdefault((group, sigma), []).extend(paths)
                sizes.setdefault((group, sigma), set()).update(each.patches["sizes"])
    return {key: paths for key, paths in found.items() if len(sizes[key] - {1}) > 1}


def averages(frame: pd.DataFrame) -> pd.DataFrame:
    """`methods.averages`, with `ceiling`, the largest radius that all votes for one class would give."""
    table, first = methods.averages(frame), frame.iloc[0]
    top = {sigma: radius_ceiling(sigma, int(first.n), first.alpha) for sigma in table.sigma.unique()}
    return table.assign(ceiling=table.sigma.map(top) / table.lipschitz.where(table.kind == CERTIFIED, 1.0))


def pairs(frame: pd.DataFrame, kind: str = CERTIFIED) -> dict[Pair, Images]:
    """What each image adds to the ACR with the largest and with the smallest number of patches: two [N]."""
    group = frame.drop_duplicates("experiment").set_index("experiment").group

    def alike(case: Case) -> tuple[str, float, str] | None:
        return (group[case.experiment], case.sigma, case.method) if case.k > 1 else None

    found = methods.extremes(frame, COLUMNS[kind], alike, lambda case: case.k)
    return {
        Pair(group[most.experiment], most.sigma, most.method, few.k, most.k): images
        for (most, few), images in found.items()
    }


def changes(frame: pd.DataFrame) -> pd.DataFrame:
    """Relative change of the ACR over all images from the smallest to the largest number of patches, with 95 % intervals."""
    rows = [
        pair._asdict() | {"kind": kind} | relative_gain(*images)._asdict()
        for kind in (CERTIFIED, PUBLISHED)
        for pair, images in pairs(frame, kind).items()
    ]
    return pd.DataFrame(rows)


def as_printed() -> pd.DataFrame:
    """Table 4: relative change of the ACR over all images, by the trapezoid rule, from 8 to 16 patches of two networks.

    value: of the printed radii; divided: of radii divided by L, that of `_printed.norm`.
    """
    estimates = printed.acrs("table2").set_index(["sigma", "row"]).all_estimate
    few, many = PRINTED_SIZES
    ratio = printed.norm(printed.IMAGENET, few) / printed.norm(printed.IMAGENET, many)
    rows = []
    for method in (methods.MAX, methods.MEAN):
        for trained in ("PGD", "DDN"):
            for sigma in sorted({level for level, _ in estimates.index}):
                names = [f"{method}-{k} ({trained})" for k in PRINTED_SIZES]
                small, large = (estimates[sigma, name] for name in names)
                about = {"method": method, "trained": trained, "sigma": sigma, "fewest": few, "most": many}
                rows.append(about | {"value": large / small - 1, "divided": ratio * large / small - 1})
    return pd.DataFrame(rows)
