"""Numbers of smooth_reduce/fig11 and fig12: scores of the top class and of the runner-up over noisy copies, and how they vary.

A part is a patch of an image, or a sub-video of a clip. k is the number of patches, or how many frames a sub-video has.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.classifiers.names import frames_of, patches_of
from resmooth.exhibits.smooth_reduce._methods import named
from resmooth.exhibits.smooth_reduce._scores_words import Words
from resmooth.stats.intervals import Estimate, bootstrap_se, image_weights, paired_mean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from resmooth.plan import Experiment, Run

CASE = ["sigma", "space", "k", "method", "idx"]  # a classifier on an image; the network alone has no space, and k = 0
SAMPLES = 2000  # bootstrap samples of the noisy copies
BINS = np.linspace(0, 1, 41)  # of the histograms


def sources(run: Run, reduced: Sequence[Experiment]) -> list[tuple[str, str, str]]:
    """(experiment, level, noise space) whose scores are stored, at the levels at which parts have scores.

    reduced: an experiment, then those of Smooth-Reduce over it: `run.reduced`, or of clips `run.over_frames`.
    """
    if not reduced or "draws" not in run.config:
        return []
    base, *over = reduced
    levels = [sigma for sigma in base.sigmas if any(sigma in each.sigmas for each in over)]
    return [
        (each.name, sigma, (each.patches or each.sub_videos).get("noise_space", ""))
        for sigma in levels
        for each in reduced
        if sigma in each.sigmas
    ]


def needs(run: Run, reduced: Sequence[Experiment]) -> dict[str, list[str]] | None:
    """The stored scores of the network alone and of its parts."""
    found = [run.paths.measured("draws", experiment, sigma) for experiment, sigma, _ in sources(run, reduced)]
    return {"draws": found} if found else None


def compute(run: Run, reduced: Sequence[Experiment]) -> dict[str, pd.DataFrame]:
    """copies: scores, copy by copy; statistics: of each classifier and image; differences: parts less the network alone."""
    frame = copies(run, reduced)
    return {"copies": frame, "statistics": statistics(frame), "differences": differences(frame)}


def copies(run: Run, reduced: Sequence[Experiment]) -> pd.DataFrame:
    """Columns CASE, label, then for each noisy copy: top, runner_up (scores), total (of all classes), and the two classes.

    The top class is that with most votes of this classifier on this image, the runner-up the next; among equals, that with the
    larger mean score. Both stay the same for all copies. margin: top less runner_up.
    """
    parts = []
    for experiment, sigma, space in sources(run, reduced):
        names = (
            [name for name in run.experiments[experiment].classifiers if patches_of(name) > 1 or frames_of(name)]
            if space
            else ["member-1"]
        )
        table = pd.read_parquet(run.paths.measured("draws", experiment, sigma), filters=[("classifier", "in", names)])
        for (name, idx), own in table.groupby(["classifier", "idx"], sort=False):
            about = {
                "sigma": float(sigma),
                "space": space,
                "k": patches_of(name) or frames_of(name),
                "idx": idx,
                "label": own.label.iloc[0],
                "method": named(name),
            }
            parts.append(ranked(np.stack(own.sort_values("copy").scores)).assign(**about))
    return pd.concat(parts, ignore_index=True)


def ranked(scores: np.ndarray) -> pd.DataFrame:
    """Scores [copies, classes] of one image -> top, runner_up, margin and total of each copy, and the two classes."""
    scores = np.asarray(scores, dtype=float)
    votes = np.bincount(scores.argmax(axis=1), minlength=scores.shape[1])
    top, second = np.lexsort((scores.mean(axis=0), votes))[::-1][:2]
    found = {"top": scores[:, top], "runner_up": scores[:, second], "total": scores.sum(axis=1)}
    about = {
        "top_class": top,
        "second_class": second,
        "votes": votes[top] / len(scores),
        "second_votes": votes[second] / len(scores),
    }
    return pd.DataFrame(found).assign(margin=found["top"] - found["runner_up"], **about)


def spread(values: ArrayLike, level: float = 0.95) -> Estimate:
    """Standard deviation of values [copies], bootstrap over the copies."""
    return _deviations(np.asarray(values, dtype=float), 0.0, level)


def spread_apart(own: ArrayLike, one: ArrayLike, level: float = 0.95) -> Estimate:
    """Difference of two standard deviations over as many copies; each bootstrap sample takes the same copies of both."""
    return _deviations(np.asarray(own, dtype=float), np.asarray(one, dtype=float), level)


def _deviations(own: np.ndarray, one: np.ndarray | float, level: float) -> Estimate:
    one = np.broadcast_to(one, own.shape)
    value = own.std() - one.std()
    return bootstrap_se(value, _resampled(own) - _resampled(one), level)


def _resampled(values: np.ndarray) -> np.ndarray:
    """The standard deviation in each bootstrap sample."""
    weights, centred = _weights(len(values)), values - values.mean()
    return np.sqrt(np.maximum(weights @ centred**2 - (weights @ centred) ** 2, 0))


@functools.lru_cache(maxsize=1)
def _weights(number: int) -> np.ndarray:
    return image_weights(number, SAMPLES, np.random.default_rng(0)) / number


def statistics(frame: pd.DataFrame) -> pd.DataFrame:
    """Of each case: the two classes and their shares of votes, mean scores, mean margin and its standard deviation, with 95 %."""
    rows = []
    for case, part in frame.groupby(CASE, sort=False):
        first = part[["label", "top_class", "second_class", "votes", "second_votes"]].iloc[0].to_dict()
        means = {f"mean_{name}": part[name].mean() for name in ("top", "runner_up", "total")}
        row = dict(zip(CASE, case)) | first | means | {"copies": len(part)}
        for name, estimate in (("margin", paired_mean(part.margin)), ("sd", spread(part.margin))):
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), estimate))
        rows.append(row)
    return pd.DataFrame(rows).astype({"label": int, "top_class": int, "second_class": int})


def pairs(frame: pd.DataFrame) -> dict[tuple, tuple[np.ndarray, np.ndarray]]:
    """Case of patches (a tuple of CASE) -> margins [copies] of it, and of the network alone on the same image and level."""
    alone = {key: part.margin.to_numpy() for key, part in frame[frame.k == 0].groupby(["sigma", "idx"])}
    found = {}
    for case, part in frame[frame.k > 0].groupby(CASE, sort=False):
        about = dict(zip(CASE, case))
        one = alone.get((about["sigma"], about["idx"]))
        if one is not None and len(one) == len(part):
            found[case] = part.margin.to_numpy(), one
    return found


def differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Patches less the network alone: mean margin and standard deviation of the margin, with 95 % intervals over the copies."""
    rows = []
    for case, (own, one) in pairs(frame).items():
        rows.append((*case, "mean margin", *paired_mean(own - one)))
        rows.append((*case, "sd of the margin", *spread_apart(own, one)))
    return pd.DataFrame(rows, columns=[*CASE, "measure", "value", "low", "high"])


# --- what is drawn


def level(frame: pd.DataFrame) -> float:
    """The level of the histograms: the largest."""
    return frame.sigma.max()


def shown(frames: dict[str, pd.DataFrame], number: int) -> list[int]:
    """The images of the histograms: those on which the margin of the network alone varies most at that level."""
    found = frames["statistics"]
    alone = found[(found.k == 0) & (found.sigma == level(found))]
    return alone.sort_values("sd", ascending=False, kind="stable").idx.head(number).tolist()


def histogram(part: pd.DataFrame) -> pd.DataFrame:
    """Shares of the copies [%] in each bin of scores, of both classes."""
    shares = {name: 100 * np.histogram(part[name], BINS)[0] / len(part) for name in ("top", "runner_up")}
    return pd.DataFrame({"from": BINS[:-1], "to": BINS[1:], **shares})


def over_parts(found: pd.DataFrame, words: Words) -> list[tuple[str, pd.DataFrame]]:
    """(noise space, rows) of parts, in the order of the places."""
    spaces = [space for space in words.places if space and (found.space == space).any()]
    return [(space, found[(found.space == space) & (found.k > 0)]) for space in spaces]


def table(frames: dict[str, pd.DataFrame], words: Words) -> pd.DataFrame:
    """Statistics, differences, and the histograms that are drawn."""
    frame, images = frames["copies"], shown(frames, words.shown)
    drawn = frame[(frame.sigma == level(frame)) & frame.idx.isin(images)]
    bars = [histogram(part).assign(**dict(zip(CASE, case))) for case, part in drawn.groupby(CASE, sort=False)]
    parts = {"statistics": frames["statistics"], "differences": frames["differences"], "histogram": pd.concat(bars)}
    return pd.concat([part.assign(part=name) for name, part in parts.items()], ignore_index=True)


def told(frames: dict[str, pd.DataFrame], words: Words) -> str:
    """What a run has: images or clips, copies, levels and parts."""
    found = frames["statistics"]
    places = ", ".join(
        f"{words.on(space)} (k = {', '.join(map(str, part.k.unique()))})" for space, part in over_parts(found, words)
    )
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(found.sigma.unique()))
    return (
        f"{words.whole.capitalize()}s {', '.join(map(str, sorted(found.idx.unique())))} of the run, {found.copies.max():,} noisy "
        f"copies of each, sigma = {levels}; {words.parts} with {places}"
    )
