"""Envelopes over sigma, and the orderings of noises that follow from them: shared by the exhibits `envelope` and `splitting`.

An envelope takes, at each radius, the sigma with the highest certified accuracy. The *oracle* chooses sigma on the images that it
reports, so its values are too high by selection. The *honest* envelope chooses sigma on one half of the images and evaluates it
on the other, both ways averaged, over ten random halvings (cross-fitting; half of the images choose a little worse than all).
Intervals use the bootstrap's standard error, in which copies of an image stay in one half. Radii are in l1, certified accuracies
in per cent of all images.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Finding
from resmooth.exhibits.noises import _radii
from resmooth.stats.decisions import FAILS, HOLDS, OPEN, decide
from resmooth.stats.intervals import Estimate, bootstrap_se, image_weights, paired_mean, paired_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAMED = (
    "normal",
    "laplace",
    "uniform",
    "ssn",
    "dssn",
)  # what the papers compare in l1, besides uniform noise with stability
REPLICATES, HALVINGS, POINTS, SEED = 200, 10, 121, 0
WORDS = {HOLDS: "as published", FAILS: "the other way round", OPEN: "not resolved"}
EQUAL, ENVELOPE = "equal sigma", "envelope"
UNIT = "units of the [0, 1] image"
COLUMNS = ["first", "second", "how", "sigma", "difference", "low", "high", "verdict"]


def compared(frame: pd.DataFrame) -> list[str]:
    """The series that the papers compare in l1, those of them that the run has."""
    return [series for series in frame.series.unique() if series in (*NAMED, _radii.stable(frame))]


class Envelopes:
    """Envelopes of several series on the same images, radii, halvings and bootstrap samples, so that differences are paired.

    radii    l1 radii [R]
    wide     radii that count [images, (series, sigma)]
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        self.wide = _radii.wide(frame, "l1")
        self._known: dict[tuple, tuple[np.ndarray, np.ndarray]] = {}
        images = len(self.wide)
        top = max([self.wide[series].to_numpy().max() for series in compared(frame)], default=0.0)
        self.radii = np.linspace(0, 1.03 * max(top, 1e-9), POINTS)
        generator = np.random.default_rng(SEED)
        self.halves = np.array([generator.permutation(images) < images // 2 for _ in range(HALVINGS)])
        weights = image_weights(images, REPLICATES, generator)
        self.weights = np.vstack([np.ones(images), weights]).astype("float32")  # whole numbers, exact in float32

    def of(self, series: str, levels: Iterable[float]) -> tuple[np.ndarray, np.ndarray]:
        """Oracle and honest envelope over some levels, in %: two arrays [1 + replicates, R], the data themselves first."""
        key = series, tuple(levels)
        if key not in self._known:
            self._known[key] = self._envelopes(*key)
        return self._known[key]

    def _envelopes(self, series, levels):
        values = [self.wide[series, sigma].to_numpy() for sigma in levels]
        reached = [(one[:, None] >= self.radii).astype("float32") for one in values]
        counts = np.stack([self.weights @ each for each in reached])
        oracle, honest = counts.max(axis=0), np.zeros_like(counts[0])
        for half in self.halves if len(levels) > 1 else []:
            part = np.stack([(self.weights * half) @ each for each in reached])
            for choose, evaluate in ((part, counts - part), (counts - part, part)):
                honest += np.take_along_axis(evaluate, choose.argmax(axis=0)[None], axis=0)[0] / len(self.halves)
        return tuple(100 / len(self.wide) * each for each in (oracle, honest if len(levels) > 1 else oracle))

    def area(self, envelope: np.ndarray) -> np.ndarray:
        """Area under envelopes in % [..., R]: an average radius."""
        return cast("np.ndarray", np.trapezoid(envelope / 100, self.radii, axis=-1))

    def difference(self, first: str, second: str, levels: Iterable[float]) -> Estimate:
        """Area under the honest envelope of the first less that of the second, over levels that both have."""
        found = interval(self.area(self.of(first, levels)[1]) - self.area(self.of(second, levels)[1]))
        return found if len(self.wide) > 1 else Estimate(found.value, np.nan, np.nan)  # nothing can be resampled


def interval(samples: np.ndarray) -> Estimate:
    """Value for the data, samples[0], with the interval by the standard error of the bootstrap's, samples[1:]."""
    return bootstrap_se(samples[0], samples[1:])


def orderings(
    frame: pd.DataFrame, envelopes: Envelopes, pairs: Iterable[tuple[str, str]], printed: Iterable[float]
) -> pd.DataFrame:
    """By how much the first of each of `pairs` (first, second) lies above the second in l1, over the sigma that both have.

    how      "equal sigma": difference of the ACRs, paired by image; "r = 1 [points]": of certified accuracies at each of the
             radii `printed`; "envelope": of the areas under the honest envelopes, if both have several levels
    verdict  of the interval on "the first lies above the second"
    """
    sigmas, rows = _radii.levels(frame), []
    for first, second in pairs:
        common = tuple(sorted(set(sigmas.get(first, [])) & set(sigmas.get(second, []))))
        for sigma in common:
            one, other = (envelopes.wide[series, sigma] for series in (first, second))
            rows.append((first, second, EQUAL, f"{sigma:g}", *paired_mean(_radii.acr(one) - _radii.acr(other))))
            for radius in printed:
                if (one >= radius).any() or (other >= radius).any():
                    shares = paired_shares(one >= radius, other >= radius).times(100)
                    rows.append((first, second, f"r = {radius:g} [points]", f"{sigma:g}", *shares))
        if len(common) > 1:
            levels = ", ".join(f"{sigma:g}" for sigma in common)
            rows.append((first, second, ENVELOPE, levels, *envelopes.difference(first, second, common)))
    decided = [(*row, WORDS[decide(Estimate(*row[-3:]), "above")]) for row in rows]
    return pd.DataFrame(decided, columns=COLUMNS)


def finding_of(claim: str, words: str, first: str, second: str, orders: pd.DataFrame, images: int) -> Finding:
    """The Finding on "`first` lies above `second` in l1": by the envelopes, or by the ACR where one level is common."""
    part = orders[(orders["first"] == first) & (orders["second"] == second)]
    if part.empty:
        return Finding(claim, OPEN, f"This run has no sigma at which both {first} and {second} noise were certified.")
    decides = part[~part.how.str.startswith("r =")].iloc[-1]
    estimate = Estimate(decides.difference, decides.low, decides.high)
    alone = decides.how == EQUAL
    what = (
        f"ACR at sigma {decides.sigma} alone, where the papers take the best of many"
        if alone
        else "area under the honest envelope"
    )
    reason = f"{words}: {_radii.in_words(estimate, '+.3f')} in l1 ({what}; {images} images, one network each)."
    single = part[part.how == EQUAL]
    if len(single) > 1:
        tally = single.groupby("verdict", sort=False).sigma.agg(", ".join)
        reason += " At one sigma: " + "; ".join(f"{verdict} at {sigmas}" for verdict, sigmas in tally.items()) + "."
    elif len(at := part[part.how.str.startswith("r =")]):
        each = [
            f"{row.how.removesuffix(' [points]')}: {_radii.in_words(Estimate(row.difference, row.low, row.high), '+.0f')}"
            for row in at.itertuples()
        ]
        reason += f" Certified accuracy at the printed radii, in points: {'; '.join(each)}."
    return Finding(claim, decide(estimate, "above"), reason, *estimate, UNIT)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each ordering of a stored table: by the envelope, or at the one sigma that there is."""
    areas = table[table.part == "ordering"] if "how" in table else table.iloc[:0].assign(how="", first="", second="")
    areas = areas[~areas.how.str.startswith("r =")]
    rows = []
    for (first, second), part in areas.groupby(["first", "second"], sort=False):
        row = part.iloc[-1]
        words = _radii.in_words(Estimate(row.difference, row.low, row.high), "+.3f")
        rows.append((f"{first} above {second}", f"{row.how}, sigma {row.sigma}", words, row.verdict))
    return pd.DataFrame(rows, columns=["ordering", "by", "difference", "verdict"])


def draw_orderings(axis: Axes, orders: pd.DataFrame) -> None:
    """The orderings as a forest: of many levels the lowest, the middle and the highest, and the envelope."""
    areas = orders[~orders.how.str.startswith("r =")]
    shown = pd.concat([_few(part) for _, part in areas.groupby(["first", "second"], sort=False)])
    y = np.arange(len(shown))
    for how, face, label in (
        (EQUAL, "black", "ACR at one $\\sigma$"),
        (ENVELOPE, "white", "area under the honest envelope"),
    ):
        at = (shown.how == how).to_numpy()
        if at.any():
            part = shown[at]
            arms = style.whiskers(part.difference, part.low, part.high)
            look: dict[str, Any] = {"fmt": "o", "color": "black", "mfc": face, "ms": 5, "lw": 1.2}
            axis.errorbar(part.difference, y[at], xerr=arms, label=label, **look)
    levels = shown.sigma.where(shown.how == EQUAL, "envelope")
    axis.set_yticks(y, shown["first"] + " − " + shown["second"] + ", " + levels, fontsize=8)
    axis.axvline(0, color="0.4", lw=1)
    axis.set(title="Orderings in l1 (right of 0: as published)", xlabel=f"difference [{UNIT}]")
    axis.set_ylim(len(shown) - 0.4, -0.6 - 0.17 * len(shown))
    axis.legend(fontsize=8, loc="upper left", frameon=True, edgecolor="none", framealpha=1)


def _few(part: pd.DataFrame) -> pd.DataFrame:
    """Of one pair the envelope, and some of the single levels."""
    single = part[part.how == EQUAL]
    kept = _radii.some(sorted(single.sigma.astype(float)))
    return part[(part.how == ENVELOPE) | (part.sigma.isin([f"{sigma:g}" for sigma in kept]) & (part.how == EQUAL))]
