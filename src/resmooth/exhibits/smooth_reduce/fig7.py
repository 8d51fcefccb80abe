r"""Smooth-Reduce with random and with dense patches.

Smooth-Reduce, Fig. 7. As many patches of the same resized image, in rows or at places drawn at random with replacement. Random
places are drawn once, for all images and all noisy copies, unless the config says `redraw: copy`. Certified accuracy against the
radius R / L, and the difference, random less dense, paired over the images; the network is fixed.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.audit.checks import radius_ceiling
from resmooth.audit.comparison import POINTS
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce import _cuts as cuts
from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, PUBLISHED, noise_on
from resmooth.stats.decisions import OPEN, every, in_words, span
from resmooth.stats.intervals import Estimate, paired_mean, paired_shares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

GROUP = ["base", "space", "sigma", "side", "k"]  # patches that differ in the layout alone
CLAIM = "smooth_reduce-sampling_leaves_accuracy"
PARTS = (
    0.0,
    0.25,
    0.5,
    0.75,
)  # of the largest radius that n votes of n certify: where certified accuracies are compared
RANDOM, DENSE = "random", "dense"
LOOKS: dict[str, dict[str, Any]] = {
    RANDOM: {"color": "C1", "marker": "s", "ls": "--"},
    DENSE: {"color": "C0", "marker": "o", "ls": "-"},
}


def chosen(run: Run) -> pd.DataFrame:
    """The cuts that come both ways, with column `places`, RANDOM or DENSE: of each the first in the config."""
    found = cuts.cuts(run)
    found["places"] = np.where(found.layout == "random", RANDOM, DENSE)
    keys = ["base", "space", "level", "side", "k"]
    first = found.drop_duplicates([*keys, "places"])
    return first[first.groupby(keys).places.transform("nunique") == 2]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of as many random and dense patches."""
    found = chosen(run)
    return {"certificates": cuts.certificates(run, found)} if len(found) else None


def compute(run: Run) -> Frames:
    """images: certificates; averages, curves; differences: random less dense against the radius, and in ACR; places."""
    frame = cuts.read(run, cuts.certificates(run, chosen(run)))
    frame["places"] = np.where(frame.layout == "random", RANDOM, DENSE)
    about = frame.drop_duplicates("experiment").set_index("experiment")[["side", "places"]]
    averages, curves = (
        table.join(about, on="experiment") for table in (methods.averages(frame), methods.curves(frame))
    )
    return {
        "images": frame,
        "averages": averages,
        "curves": curves,
        "differences": differences(frame),
        "places": places(frame),
    }


def pairs(frame: pd.DataFrame) -> Iterator[tuple[tuple, pd.DataFrame, pd.DataFrame]]:
    """((values of GROUP, method), certificates of random patches, those of dense ones)."""
    for case, part in frame.groupby([*GROUP, "method"], sort=False):
        yield case, part[part.places == RANDOM], part[part.places == DENSE]


def ceiling(first: pd.DataFrame, second: pd.DataFrame) -> float:
    """The largest radius that all votes for one class certify by both, in units of the image."""
    return min(radius_ceiling(row.sigma, row.n, row.alpha) / row.lipschitz for row in (first.iloc[0], second.iloc[0]))


def apart(random: pd.DataFrame, dense: pd.DataFrame, radius: float, level: float = 0.95) -> Estimate:
    """Certified accuracy at a radius, random less dense, in points."""
    return paired_shares(cuts.hits(random, radius), cuts.hits(dense, radius), level).times(100)


def differences(frame: pd.DataFrame, points: int = 60) -> pd.DataFrame:
    """Random less dense: certified accuracy at radii up to the largest, ACR certified and as published; with 95 % intervals."""
    rows = []
    for case, random, dense in pairs(frame):
        for kind in (CERTIFIED, PUBLISHED):
            estimate = paired_mean(cuts.added(random, kind) - cuts.added(dense, kind))
            rows.append((*case, f"ACR, {kind}", np.nan, *estimate))
        for radius in np.linspace(0, 0.999 * ceiling(random, dense), points):
            rows.append((*case, "certified accuracy [points]", radius, *apart(random, dense, radius)))
    return pd.DataFrame(rows, columns=[*GROUP, "method", "measure", "radius", "value", "low", "high"])


def places(frame: pd.DataFrame) -> pd.DataFrame:
    """How many patches lie at each place (row, column) of the resized image; none where they are drawn for each noisy copy."""
    rows = []
    for values, part in frame.groupby([*GROUP, "places"], sort=False):
        found = re.findall(r"(\d+),(\d+)", str(part["lift"].iloc[0]))
        rows += [(*values, int(row), int(column), number) for (row, column), number in Counter(found).items()]
    return pd.DataFrame(rows, columns=[*GROUP, "places", "row", "column", "patches"])


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, and the averages."""
    parts = [frames[name].assign(part=name) for name in ("averages", "differences", "places", "curves")]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame, known = frames["images"], frames["places"]
    words = []
    for values, part in frame.groupby(GROUP, sort=False):
        about = dict(zip(GROUP, values))
        own = known[(known[GROUP] == pd.Series(about)).all(axis=1)]
        places_of = own.groupby("places").size()
        norms = part.groupby("places").lipschitz.first()
        cut = ", ".join(
            f"{name} at {places_of.get(name, 0) or 'redrawn'} places, L = {norms[name]:.3f}" for name in LOOKS
        )
        where = f"{about['base']}, sigma = {about['sigma']:g}, resized to {about['side']}, {noise_on(about['space'])}"
        words.append(f"{where}, {about['k']} patches ({cut})")
    return (
        f"**Here.** {'; '.join(words)}; {frame.idx.nunique()} images, n = {frame.n.max():,}, alpha = {frame.alpha.max():g}. The "
        "paper: 25 patches of CIFAR-10, resized to 36 pixels, drawn anew for each noisy copy; sigma is not stated."
    )


def findings(frames: Frames) -> list[Finding]:
    """Whether certified accuracies are the same up to a margin, at the largest number of patches; what L and places are."""
    frame = frames["images"]
    images = f"{frame.idx.nunique()} images, network fixed"
    if not frame.certified.any():
        return [Finding(CLAIM, OPEN, f"Neither random nor dense patches of {images} certify anything.")]
    most = frame[frame.k == frame.groupby(["base", "space", "sigma", "side"]).k.transform("max")]
    cases = {
        (*case, share): (random, dense, share * ceiling(random, dense))
        for case, random, dense in pairs(most)
        for share in PARTS
    }
    decided = every(cases, "equal", apart, within=POINTS)
    own = {case: apart(*each) for case, each in cases.items()}
    inside = sum(-POINTS < each.low and each.high < POINTS for each in own.values())
    found = frames["differences"]
    claimed = " and ".join(
        f"{span(found.value[found.measure == f'ACR, {kind}'], '+.4f')} {kind}" for kind in (CERTIFIED, PUBLISHED)
    )
    *_, k, method, share = decided.case
    reason = (
        f"Random less dense patches: {span([each.value for each in own.values()])} points of certified accuracy at "
        f"{', '.join(f'{part:g}' for part in PARTS)} of the largest radius; {inside} of {len(own)} intervals within {POINTS:g} "
        f"points ({images}). ACRs differ by {claimed}. Decided by {method} of {k} patches at {share:g} of the largest radius."
    )
    return [Finding(CLAIM, decided.verdict, reason, *decided.estimate, "points, random - dense"), _acrs(found)]


def _acrs(found: pd.DataFrame) -> Finding:
    """The differences in ACR with their intervals."""
    own = found[found.measure == f"ACR, {CERTIFIED}"]
    words = "; ".join(
        f"{row.method} of {row.k}, sigma {row.sigma:g}: {in_words(Estimate(row.value, row.low, row.high), '+.4f')}"
        for row in own.itertuples()
    )
    return observation(
        f"Certified ACR of random less dense patches, paired 95 % intervals: {words}. L hardly depends on the places; random "
        "patches drawn with replacement repeat some, so that fewer different views are reduced."
    )


def draw(frames: Frames) -> Figure:
    """For each pair: certified accuracies, their difference with the margin, and where patches lie."""
    import matplotlib.pyplot as plt

    curves, found, known = frames["curves"], frames["differences"], frames["places"]
    groups = list(found.groupby(GROUP, sort=False))
    figure, panels = plt.subplots(
        len(groups), 3, figsize=(13.5, 4.7 * len(groups)), width_ratios=(1.25, 1.25, 0.75), squeeze=False
    )
    for axes, (values, part) in zip(panels, groups):
        about = dict(zip(GROUP, values))
        own, where = (frame[(frame[GROUP] == pd.Series(about)).all(axis=1)] for frame in (curves, known))
        _draw_curves(axes[0], own)
        axes[0].set_title(f"{about['k']} patches, {noise_on(about['space'])}, $\\sigma$ = {about['sigma']:g}")
        _draw_differences(axes[1], part)
        _draw_places(axes[2], where)
    panels[0][0].legend(loc="best", fontsize=9)
    panels[0][1].legend(loc="best", fontsize=9, frameon=True, edgecolor="none")
    return figure


def _draw_curves(axis: Axes, part: pd.DataFrame) -> None:
    """Certified accuracy against R / L: Smooth-Mean filled, Smooth-Max open."""
    part = part[part.kind == CERTIFIED]
    for (name, method), line in part.groupby(["places", "method"], sort=True):
        look, fill = LOOKS[name], "white" if method == "Smooth-Max" else LOOKS[name]["color"]
        line = line[line.accuracy.shift(fill_value=100) > 0]  # to the first zero
        axis.plot(
            line.radius,
            line.accuracy,
            mfc=fill,
            ms=5,
            markevery=(2 if name == DENSE else 5, 7),
            label=f"{method}, {name}",
            **look,
        )
    axis.set(
        ylim=(0, 102),
        xlim=(0, None),
        xlabel="radius R / L [units of the [0, 1] image]",
        ylabel="certified accuracy [%]",
    )


def _draw_differences(axis: Axes, part: pd.DataFrame) -> None:
    """Random less dense against the radius, with bands of the paired intervals."""
    part = part[part.measure == "certified accuracy [points]"]
    axis.axhspan(-POINTS, POINTS, color="0.92", lw=0, label=f"margin, {POINTS:g} points")
    axis.axhline(0, color="0.4", lw=1)
    for number, (method, line) in enumerate(part.groupby("method", sort=True)):
        colour = f"C{(3, 2)[number % 2]}"
        axis.plot(line.radius, line.value, color=colour, ls=("--", "-")[number % 2], label=method)
        axis.fill_between(line.radius, line.low, line.high, color=colour, alpha=0.2, lw=0)
    axis.set(xlim=(0, None), xlabel="radius R / L [units of the [0, 1] image]", ylabel="random less dense [points]")
    axis.set_title("Difference, with paired 95 % intervals")


def _draw_places(axis: Axes, part: pd.DataFrame) -> None:
    """Where the upper left corners of patches lie; numbers: random ones at a place."""
    from matplotlib.ticker import MaxNLocator

    if part.empty:
        axis.set_axis_off()
        return
    dense, random = (part[part.places == name] for name in (DENSE, RANDOM))
    axis.plot(dense.column, dense.row, "s", color="C0", ms=15, mfc="none", label=DENSE)
    axis.plot(random.column, random.row, "o", color="C1", ms=10, label=RANDOM)
    for row in random.itertuples():
        axis.annotate(str(row.patches), (row.column, row.row), ha="center", va="center", fontsize=8, color="white")
    axis.set(xlabel="column [pixels]", ylabel="row [pixels]", aspect="equal")
    axis.margins(0.18)
    axis.invert_yaxis()
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_locator(MaxNLocator(integer=True))
    axis.set_title("Squares: dense; circles: random,\nhow many at a place")
