r"""Scores of the top class and of the runner-up over noisy copies.

Smooth-Reduce, Fig. 11 and appendix D.1. For a few images, the scores in [0, 1] of the two classes with most votes, over the
noisy copies that CERTIFY draws: by the network alone, by Smooth-Max and by Smooth-Mean, with the noise in each place. Their
difference, the margin: its mean, and its standard deviation. Intervals are over the copies, for these images and this network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce import _scores_numbers as numbers
from resmooth.exhibits.smooth_reduce._methods import PLACES, noise_on
from resmooth.exhibits.smooth_reduce._scores_numbers import CASE
from resmooth.stats.decisions import OPEN, counted, every, span
from resmooth.stats.intervals import paired_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from resmooth.plan import Run

LARGER, NARROWER = "smooth_reduce-margin_larger", "smooth_reduce-margin_varies_less"
SHARED = ("image", "resized")  # noise spaces in which all patches see one noise, the first that a run has decides
PUBLISHED = "patch"  # the paper's
BINS = np.linspace(0, 1, 41)


def needs(run: Run) -> dict[str, list[str]] | None:
    """The stored scores of the network alone and of its patches."""
    found = [run.paths.measured("draws", experiment, sigma) for experiment, sigma, _ in numbers.sources(run)]
    return {"draws": found} if found else None


def compute(run: Run) -> Frames:
    """copies: scores, copy by copy; statistics: of each classifier and image; differences: patches less the network alone."""
    frame = numbers.copies(run)
    return {"copies": frame, "statistics": numbers.statistics(frame), "differences": numbers.differences(frame)}


def table(frames: Frames) -> pd.DataFrame:
    """Statistics, differences, and the histograms that are drawn."""
    frame = frames["copies"]
    shown = {
        case: part
        for case, part in frame.groupby(CASE, sort=False)
        if case[0] == _level(frame) and case[-1] == _image(frames)
    }
    bars = [_histogram(part).assign(**dict(zip(CASE, case))) for case, part in shown.items()]
    parts = {"statistics": frames["statistics"], "differences": frames["differences"], "histogram": pd.concat(bars)}
    return pd.concat([part.assign(part=name) for name, part in parts.items()], ignore_index=True)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    found = frames["statistics"]
    places = ", ".join(
        f"{noise_on(space)} (k = {', '.join(map(str, part.k.unique()))})" for space, part in _patches(found)
    )
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(found.sigma.unique()))
    return (
        f"**Here.** Images {', '.join(map(str, sorted(found.idx.unique())))} of the run, {found.copies.max():,} noisy copies of "
        f"each, sigma = {levels}; patches with {places}. The paper: examples of CIFAR-10 by SmoothAdv's ResNet-110, whose "
        "images, sigma and number of copies are not stated, with noise on each patch."
    )


def _patches(found: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """(noise space, rows) of patches, in the order of PLACES."""
    return [
        (space, found[(found.space == space) & (found.k > 0)])
        for space in PLACES
        if (found.space == space).any() and space
    ]


def findings(frames: Frames) -> list[Finding]:
    """Whether margins are larger, and vary less, with patches; what independent noises do; and what maxima add up to."""
    both = numbers.pairs(frames["copies"])
    return [
        _decided(LARGER, "mean margin", "above", both, lambda own, one, level=0.95: paired_mean(own - one, level)),
        _decided(NARROWER, "standard deviation of the margin", "below", both, numbers.spread_apart),
        *_noises(frames["copies"]),
        _totals(frames["statistics"]),
    ]


def _decided(claim: str, what: str, claimed: str, both: dict[tuple, tuple], interval: Callable) -> Finding:
    """On every image, at every level, for every number of patches and both reductions, where one noise is on all patches."""
    by_space = {space: {case: each for case, each in both.items() if case[1] == space} for space in PLACES}
    decisive = next((space for space in SHARED if by_space[space]), None)
    words = []
    for space, cases in by_space.items():
        for method in dict.fromkeys(case[3] for case in cases):
            own = [interval(*each) for case, each in cases.items() if case[3] == method]
            published = ", as published" if space == PUBLISHED else ""
            values = span([each.value for each in own], "+.3f")
            words.append(f"{method} {values} with {noise_on(space)}{published} ({counted(own)})")
    if decisive is None:
        reason = f"No patches share one noise. The {what} differs from the network's by {'; '.join(words) or 'nothing known'}."
        return Finding(claim, OPEN, reason)
    decided = every(by_space[decisive], claimed, interval)
    sigma, _, k, method, idx = decided.case
    reason = (
        f"The {what}, patches less the network alone, image by image: {'; '.join(words)}. Decided with {noise_on(decisive)}, by "
        f"{method} of {k} patches on image {idx} at sigma {sigma:g}."
    )
    return Finding(claim, decided.verdict, reason, *decided.estimate, f"{what}, patches - one network")


def _noises(frame: pd.DataFrame) -> list[Finding]:
    """The same reduction of as many patches, with a noise for each patch and with one noise on the image."""
    cases = {case: part.margin.to_numpy() for case, part in frame[frame.k > 0].groupby(CASE, sort=False)}
    own = []
    for (sigma, space, *rest), values in cases.items():
        shared = cases.get((sigma, SHARED[0], *rest)) if space == PUBLISHED else None
        if shared is not None and len(shared) == len(values):
            own.append(numbers.spread_apart(values, shared))
    if not own:
        return []
    return [
        observation(
            "With noise on each patch the network is asked under k independent noises of sigma, with noise on the image under "
            "one, which resizing smooths. For the same reduction of as many patches the standard deviation of the margin, each "
            f"patch less image, differs by {span([each.value for each in own], '+.3f')} ({counted(own)}). Scores that vary less "
            "under k noises are no better certificate: L, by which the radius is divided, grows with k."
        )
    ]


def _totals(found: pd.DataFrame) -> Finding:
    """What the scores of all classes add up to."""
    reduced = found[found.k > 0].groupby("method").mean_total
    words = ", ".join(f"{span(part, '.2f')} for {method}" for method, part in reduced)
    wrong = found[(found.k > 0) & (found.top_class != found.label)]
    return observation(
        f"The scores of all classes add up to {words} on average: maxima are no probabilities, and raise the runner-up "
        f"as well as the top class. In {len(wrong)} of {(found.k > 0).sum()} cases of patches the top class is not the label; "
        f"the network alone is wrong in {(found.top_class != found.label)[found.k == 0].sum()} of {(found.k == 0).sum()}."
    )


def _level(frame: pd.DataFrame) -> float:
    """The level of the histograms: the largest."""
    return frame.sigma.max()


def _image(frames: Frames) -> int:
    """The image of the histograms: that on which the margin of the network alone varies most at that level."""
    found = frames["statistics"]
    alone = found[(found.k == 0) & (found.sigma == _level(found))]
    return int(alone.idx[alone.sd.idxmax()])


def _histogram(part: pd.DataFrame) -> pd.DataFrame:
    """Shares of the copies [%] in each bin of scores, of both classes."""
    shares = {name: 100 * np.histogram(part[name], BINS)[0] / len(part) for name in ("top", "runner_up")}
    return pd.DataFrame({"from": BINS[:-1], "to": BINS[1:], **shares})


def draw(frames: Frames) -> Figure:
    """Above, histograms of one image: the network alone, then patches with noise in each place; below, all images."""
    import matplotlib.pyplot as plt

    frame, found = frames["copies"], frames["statistics"]
    shown = frame[(frame.sigma == _level(frame)) & (frame.idx == _image(frames))]
    spaces = [space for space, _ in _patches(shown)]
    methods = sorted(set(shown.method[shown.k > 0]))
    figure = plt.figure(figsize=(max(3.2 * (1 + len(spaces)), 11), 3.1 * len(methods) + 3.9))
    upper, lower = cast("list[SubFigure]", figure.subfigures(2, 1, height_ratios=(2.6 * max(len(methods), 1), 3.9)))
    panels = upper.subplots(max(len(methods), 1), 1 + len(spaces), squeeze=False, sharex=True)
    _draw_scores(panels[0][0], shown[shown.k == 0], "the network alone")
    for axis in panels[1:, 0]:
        axis.set_axis_off()
    handles = panels[0][0].get_legend_handles_labels()
    panels[min(1, len(panels) - 1)][0].legend(*handles, loc="upper left", fontsize=9)
    for row, method in zip(panels, methods):
        for axis, space in zip(row[1:], spaces):
            own = shown[(shown.space == space) & (shown.method == method)]
            _draw_scores(axis, own[own.k == own.k.min()], f"{method}, {own.k.min()} patches,\n{noise_on(space)}")
    for axis in [panels[0][0], *panels[-1][1:]]:
        axis.set_xlabel("score")
        axis.tick_params(labelbottom=True)
    for axis in panels[:, 1] if spaces else []:
        axis.set_ylabel("noisy copies [%]")
    panels[0][0].set_ylabel("noisy copies [%]")
    image = f"Image {_image(frames)} (the network's margin varies most), label {shown.label.iloc[0]}"
    title = f"{image}, sigma = {_level(frame):g}: scores over {len(shown[shown.k == 0]):,} noisy copies"
    upper.suptitle(title, x=0.01, ha="left", fontsize=10)
    left, right = lower.subplots(1, 2)
    _draw_images(left, found, "margin", "mean margin")
    _draw_images(right, found, "sd", "standard deviation of the margin")
    right.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8)
    return figure


def _draw_scores(axis: Axes, part: pd.DataFrame, title: str) -> None:
    """Both histograms of a classifier."""
    bars, first = _histogram(part), part.iloc[0]
    look: dict[str, Any] = {"width": np.diff(BINS), "align": "edge"}
    axis.bar(bars["from"], bars.top, color="C0", label="top class", **look)
    axis.bar(bars["from"], bars.runner_up, fc="none", ec="C1", hatch="////", lw=0.5, label="runner-up", **look)
    classes = f"{first.top_class} ({100 * first.votes:.0f} % of votes), {first.second_class} ({100 * first.second_votes:.0f} %)"
    axis.set_title(f"{title}:\n{classes}", fontsize=9)
    axis.set(xlim=(0, 1))


def _draw_images(axis: Axes, found: pd.DataFrame, column: str, label: str) -> None:
    """One number of every image and level: the network alone, and the fewest patches in each noise space."""
    keys = list(found[found.k == 0].sort_values(["sigma", "idx"])[["sigma", "idx"]].itertuples(index=False, name=None))
    black: dict[str, Any] = {"color": "black", "marker": "D"}
    lines: list[tuple[str, pd.DataFrame, dict[str, Any]]] = [("the network alone", found[found.k == 0], black)]
    for number, (space, part) in enumerate(_patches(found)):
        for method, own in part[part.k == part.k.min()].groupby("method", sort=True):
            colour = f"C{(0, 1, 2)[number]}"
            marks = {"color": colour, "marker": "os^"[number], "mfc": "white" if method == "Smooth-Max" else colour}
            lines.append((f"{method}, {own.k.min()}, {noise_on(space)}", own, marks))
    for number, (name, part, look) in enumerate(lines):
        own = part.set_index(["sigma", "idx"]).reindex(keys)
        x = np.arange(len(keys)) + 0.8 * ((number + 0.5) / len(lines) - 0.5)
        arms = style.whiskers(own[column], own[f"{column}_low"], own[f"{column}_high"])
        axis.errorbar(x, own[column], arms, ls="", ms=4.5, lw=1, label=name, **look)
    axis.axhline(0, color="0.4", lw=1)
    axis.set_xticks(range(len(keys)), [f"{idx}\n{sigma:g}" for sigma, idx in keys], fontsize=8)
    axis.set(xlabel="image, and sigma below it", ylabel=label)
    axis.set_title(f"{label[0].upper()}{label[1:]}, 95 % over the copies", fontsize=10)
