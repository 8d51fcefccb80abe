r"""Smooth-Reduce against the size of the resized image.

Smooth-Reduce, Fig. 4a. Patches of one size are cut from images resized to several sides: each patch shows less, and the norm L
of the lift grows, so that the certified radius R / L falls for two reasons. Certified accuracy against the radius, one line for
each side; clean accuracy and ACR against the side. Differences are paired over the images; the network is fixed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce import _cuts as cuts
from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, ONE, PUBLISHED, noise_on
from resmooth.stats.decisions import OPEN, counted, every, in_words, span
from resmooth.stats.intervals import paired_mean, paired_shares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from resmooth.plan import Run

CENTRE = "centre patch"
GROUP = ["base", "space", "sigma", "k"]  # patches that differ in the side of the resized image alone
LOWER, WORSE = "smooth_reduce-resizing_lowers_certified_accuracy", "smooth_reduce-resizing_lowers_accuracy"
LOOKS: dict[str, dict[str, Any]] = {
    "Smooth-Max": {"color": "C3", "marker": "s", "ls": "--"},
    "Smooth-Mean": {"color": "C5", "marker": "o", "ls": "-"},
    CENTRE: {"color": "0.45", "marker": "^", "ls": "-."},
}


def chosen(run: Run) -> pd.DataFrame:
    """The cuts that differ in the side: of each side the first in the config, whatever its layout."""
    keys = ["base", "space", "level", "k"]
    first = cuts.cuts(run).drop_duplicates([*keys, "side"])
    return first[first.groupby(keys).side.transform("nunique") > 1]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of patches at two sides or more, of the central patch there, and of the network alone."""
    found = chosen(run)
    return {"certificates": cuts.certificates(run, found, centre=True)} if len(found) else None


def compute(run: Run) -> Frames:
    """images: certificates; averages, curves: of each classifier and side; steps: from each side to the next, paired."""
    frame = cuts.read(run, cuts.certificates(run, chosen(run), centre=True))
    sides = frame.drop_duplicates("experiment").set_index("experiment").side
    averages, curves = methods.averages(frame), methods.curves(frame)
    tables = {"averages": averages, "curves": curves}
    found = {name: table.assign(side=table.experiment.map(sides)) for name, table in tables.items()}
    return {"images": frame, **found, "steps": steps(frame)}


def groups(frame: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """(values of GROUP, rows), with the central patch (k = 1) and the network alone (k = 0) of the same base and level."""
    for values, part in frame[frame.k > 1].groupby(GROUP, sort=False):
        about = dict(zip(GROUP, values))
        others = frame[(frame.base == about["base"]) & (frame.sigma == about["sigma"])]
        centre = others[(others.k == 1) & (others.space == about["space"]) & others.side.isin(part.side)]
        yield about, pd.concat([part, centre, others[others.k == 0]])


def pairs(frame: pd.DataFrame) -> Iterator[tuple[tuple, pd.DataFrame, pd.DataFrame]]:
    """((values of GROUP, method, side, next side), certificates at the side, those at the next), of all methods over patches."""
    for about, part in groups(frame):
        for method, own in part[part.k > 0].groupby("method", sort=False):
            for small, large in pairwise(sorted(own.side.unique())):
                yield (*about.values(), method, small, large), own[own.side == small], own[own.side == large]


def steps(frame: pd.DataFrame) -> pd.DataFrame:
    """The next side less the side: ACR certified and as published, and accuracy in points, with 95 % intervals."""
    rows = []
    for case, small, large in pairs(frame):
        found = {
            f"ACR, {kind}": paired_mean(cuts.added(large, kind) - cuts.added(small, kind))
            for kind in (CERTIFIED, PUBLISHED)
        }
        found["accuracy [points]"] = paired_shares(cuts.hits(large), cuts.hits(small)).times(100)
        norms = small.lipschitz.iloc[0], large.lipschitz.iloc[0]
        rows += [(*case, *norms, measure, *estimate) for measure, estimate in found.items()]
    columns = [*GROUP, "method", "side", "next_side", "L", "next_L", "measure", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, and the steps."""
    return pd.concat([frames[name].assign(part=name) for name in ("averages", "steps", "curves")], ignore_index=True)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame = frames["images"]
    words = []
    for about, part in groups(frame):
        own = part[part.k > 1].drop_duplicates("side").sort_values("side")
        sides = ", ".join(f"{row.side} pixels ({row.layout}, L = {row.lipschitz:.3f})" for row in own.itertuples())
        words.append(
            f"{about['base']}, sigma = {about['sigma']:g}, {about['k']} patches, {noise_on(about['space'])}: {sides}"
        )
    return (
        f"**Here.** {'; '.join(words)}; {frame.idx.nunique()} images, n = {frame.n.max():,}, alpha = {frame.alpha.max():g}. The "
        "paper: 16 random patches of 224 pixels of ImageNet resized to 384, 512 and 640; its sigma, reduction and network are "
        "not stated."
    )


def findings(frames: Frames) -> list[Finding]:
    """Whether certified accuracy and accuracy fall from each side to the next; what L has to do with it."""
    frame = frames["images"]
    images = f"{frame.idx.nunique()} images, network fixed"
    found, alone = list(pairs(frame)), frame[frame.k == 0]
    if not found or not frame.certified[frame.k > 1].any():
        reason = f"Patches of {images} certify nothing at any side: there is nothing to fall."
        return [Finding(claim, OPEN, reason) for claim in (LOWER, WORSE)]
    return [_lower(found, images), _worse(found, alone, images), _norms(found)]


def _lower(found: list, images: str) -> Finding:
    """The ACR over all images, which is the area under the certified accuracy, from each side to the next."""
    reduced = [each for each in found if each[0][4] != CENTRE]
    apart = {case: cuts.added(large) - cuts.added(small) for case, small, large in reduced}
    decided, own = every(apart, "below"), [paired_mean(each) for each in apart.values()]
    claimed = [paired_mean(cuts.added(large, PUBLISHED) - cuts.added(small, PUBLISHED)) for _, small, large in reduced]
    reason = (
        f"From a side to the next the certified ACR of Smooth-Max and Smooth-Mean changes by "
        f"{span([each.value for each in own], '+.3f')} ({counted(own)}; {images}). As published, without L, it changes by "
        f"{span([each.value for each in claimed], '+.3f')} ({counted(claimed)}). Decided by {_named(decided.case)}."
    )
    return Finding(LOWER, decided.verdict, reason, *decided.estimate, "ACR, larger side - smaller")


def _worse(found: list, alone: pd.DataFrame, images: str) -> Finding:
    """The accuracy of each smoothed classifier from each side to the next."""
    both = {case: (cuts.hits(large), cuts.hits(small)) for case, small, large in found}
    decided = every(both, "below", paired_shares)
    own = {case: paired_shares(*each).times(100) for case, each in both.items()}
    words = "; ".join(f"{case[4]} {case[5]} to {case[6]}: {in_words(each)}" for case, each in own.items())
    one = span([100 * part.correct.mean() for _, part in alone.groupby(["base", "sigma"])], ".0f", " %")
    reason = (
        f"The accuracy of the smoothed classifiers, abstentions counted as errors, changes by, in points: {words} "
        f"({counted(own.values())}; {images}). The network alone has {one}. Decided by {_named(decided.case)}."
    )
    return Finding(WORSE, decided.verdict, reason, *decided.estimate.times(100), "points, larger side - smaller")


def _named(case: tuple) -> str:
    base, space, sigma, k, method, small, large = case
    number = "" if method == CENTRE else f" of {k} patches"
    return f"{method}{number}, {noise_on(space)}, {base} at sigma {sigma:g}, {small} to {large} pixels"


def _norms(found: list) -> Finding:
    """How much of the fall is L."""
    parts = []
    for (*_, method, small, large), before, after in found:
        ratio = [
            cuts.added(after, kind).mean() / max(cuts.added(before, kind).mean(), 1e-12)
            for kind in (CERTIFIED, PUBLISHED)
        ]
        norms = before.lipschitz.iloc[0], after.lipschitz.iloc[0]
        words = f"{100 * ratio[0]:.1f} % of the certified ACR is left, {100 * ratio[1]:.1f} % of the published"
        parts += [f"{method}, {small} to {large} pixels: {words}, L = {norms[0]:.3f} to {norms[1]:.3f}"] * bool(
            cuts.added(before).any()
        )
    return observation(
        "The published radius falls by the votes alone; the certified one also by the growth of L, where the noise is not on the "
        f"image itself. {'; '.join(parts)}."
    )


def draw(frames: Frames) -> Figure:
    """For each group: certified accuracy by both reductions; accuracy and ACR against the side."""
    import matplotlib.pyplot as plt

    found = list(groups(frames["averages"]))
    figure = plt.figure(figsize=(12, 8.6 * len(found)))
    parts = figure.subfigures(len(found), 1, squeeze=False)[:, 0]
    for part, (about, averages), (_, curves) in zip(parts, found, groups(frames["curves"])):
        _draw_group(part, about, averages, curves)
    return figure


def _draw_group(figure: SubFigure, about: dict[str, Any], averages: pd.DataFrame, curves: pd.DataFrame) -> None:
    names = list(dict.fromkeys(averages.method[averages.k > 1]))
    panels = figure.subplots(2, max(2, len(names)), squeeze=False)
    norms = averages[averages.k > 1].drop_duplicates("side").set_index("side").lipschitz.sort_index()
    looks = style.looks(norms.index)
    for axis, name in zip(panels[0], names):
        _draw_curves(axis, curves[curves.method.isin([name, ONE])], looks, norms)
        axis.set_title(f"{name} of {about['k']} patches")
    panels[0][0].set_ylabel("certified accuracy [%]")
    panels[0][0].legend(loc="upper right", fontsize=9)
    _draw_accuracy(panels[1][0], averages, norms)
    _draw_acr(panels[1][1], averages, norms)
    for axis in [*panels[0][len(names) :], *panels[1][2:]]:
        axis.set_axis_off()
    where = f"{about['base']}, sigma = {about['sigma']:g}, {noise_on(about['space'])}"
    title = f"{where} (above: thick R / L, certified; thin R, as published)"
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)


def _draw_curves(axis: Axes, part: pd.DataFrame, looks: dict, norms: pd.Series) -> None:
    alone = part[part.k == 0]
    axis.plot(alone.radius, alone.accuracy, color="black", lw=2.2, label="one network, no patches")
    for number, (side, look) in enumerate(looks.items()):
        for kind, own in part[part.side == side].groupby("kind", sort=False):
            certified = kind == CERTIFIED
            line = own[own.accuracy.shift(fill_value=100) > 0]  # to the first zero
            wide = {"lw": 1.8, "ms": 5} if certified else {"lw": 0.8, "ms": 3}
            label = f"resized to {side}, L = {norms[side]:.3f}" if certified else None
            axis.plot(line.radius, line.accuracy, markevery=(3 + 4 * number, 18), label=label, **look | wide)
            if certified:
                axis.fill_between(line.radius, line.low, line.high, color=look["color"], alpha=0.13, lw=0)
    axis.set(ylim=(0, 102), xlim=(0, part.radius.max() or 1), xlabel="radius [units of the [0, 1] image]")


def _sides(axis: Axes, norms: pd.Series) -> None:
    axis.set_xticks(range(len(norms)), [f"{side}\nL = {norm:.3f}" for side, norm in norms.items()])
    axis.set(xlim=(-0.5, len(norms) - 0.5), xlabel="side of the resized image [pixels]")


def _draw_accuracy(axis: Axes, averages: pd.DataFrame, norms: pd.Series) -> None:
    """Accuracy of the smoothed classifiers against the side, with 95 % intervals."""
    certified = averages[averages.kind == CERTIFIED]
    for number, (name, look) in enumerate(LOOKS.items()):
        own = certified[(certified.method == name) & (certified.k > 0)].sort_values("side")
        if len(own):
            x = np.searchsorted(norms.index, own.side) + 0.06 * (number - 1)
            value, low, high = (100 * own[column] for column in ("accuracy", "accuracy_low", "accuracy_high"))
            axis.errorbar(x, value, style.whiskers(value, low, high), lw=1.3, ms=5.5, label=name, **look)
    axis.axhline(
        100 * certified.accuracy[certified.k == 0].iloc[0], color="black", lw=2, label="one network, no patches"
    )
    _sides(axis, norms)
    axis.set(ylabel="accuracy [%]", ylim=(0, 102))
    axis.set_title("Accuracy of the smoothed classifiers, 95 % intervals")
    axis.legend(loc="lower left", fontsize=9)


def _draw_acr(axis: Axes, averages: pd.DataFrame, norms: pd.Series) -> None:
    """ACR over all images against the side: certified (filled), and as published (open)."""
    for number, (name, look) in enumerate(LOOKS.items()):
        for kind, fill in ((CERTIFIED, look["color"]), (PUBLISHED, "white")):
            own = averages[(averages.method == name) & (averages.kind == kind) & (averages.k > 0)].sort_values("side")
            if len(own):
                x = np.searchsorted(norms.index, own.side) + 0.06 * (number - 1) + 0.2 * (kind == PUBLISHED)
                arms = style.whiskers(own.acr_all, own.acr_all_low, own.acr_all_high)
                label = f"{name}, {kind}"
                axis.errorbar(x, own.acr_all, arms, lw=1.3, ms=5.5, mfc=fill, label=label, **look)
    axis.axhline(averages.acr_all[averages.k == 0].iloc[0], color="black", lw=2, label="one network, no patches")
    _sides(axis, norms)
    axis.set(ylabel="ACR over all images", ylim=(0, 1.4 * averages.acr_all.max() or 1))
    axis.set_title("Average certified radius (ACR), 95 % intervals")
    axis.legend(loc="upper right", fontsize=8, ncols=2)
