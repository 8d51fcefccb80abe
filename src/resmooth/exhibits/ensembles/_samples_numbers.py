"""Numbers of ensembles/samples_vs_members: budgets, certified radii, and certified accuracies with their differences."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from resmooth import noise, storage
from resmooth.smoothing import bounds
from resmooth.stats.decisions import in_words
from resmooth.stats.intervals import Estimate, paired_bounded, relative_gain

PRINTED_N = 100_000  # samples of an ensemble in the paper, and of a single model k times as many
APART = 0.5  # from one radius of the comparison to the next, in sigma
UNLIMITED = 0  # number of samples that stands for the plain frequency over all of them
EQUAL, EQUAL_STRICT = "ensemble - one [points]", "ensemble - one, selection counted [points]"
FREE, MORE = "ensemble - one, unlimited [points]", "more samples [points]"


def cases_of(radii: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield (names of the case, its rows) in the order of the frame."""
    for names, part in radii.groupby(["sigma", "experiment"], sort=False):
        yield dict(zip(("sigma", "experiment"), names)), part


def ensembles_of(radii: pd.DataFrame, sizes: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame, Any]]:
    """Yield (names of the case, its rows, row of `sizes`) for ensembles of two or more."""
    for about, part in cases_of(radii):
        for row in sizes[sizes.k > 1].itertuples():
            yield about, part, row


def budgets(members: int, budget: int, n0: int, step: int, alpha: float) -> pd.DataFrame:
    """For each k: samples n at `budget` evaluations, n_strict if the n0 selecting samples are paid from it too, and the ceiling.

    Both are multiples of `step`, at which counts are kept; n_strict is 0 where nothing is left. `ceiling`: what n votes out of n
    certify, in sigma; `near`: a radius just below it.
    """
    k = np.arange(1, members + 1)
    n, strict = (whole // step * step for whole in (budget // k, (budget + n0) // k - n0))
    with np.errstate(divide="ignore"):
        ceiling = -ndtri(-np.expm1(np.log(alpha) / n))
    columns = {"k": k, "n": n, "n_strict": np.maximum(strict, 0), "ceiling": ceiling, "near": 0.999 * ceiling}
    sizes = pd.DataFrame(columns)
    return sizes[sizes.n > 0]


def grid_of(sizes: pd.DataFrame) -> np.ndarray:
    """The radii of the curves: even steps, the radii of the comparison, and both sides of each ceiling."""
    fine = np.linspace(0, sizes.ceiling.iloc[0], 150)
    return np.unique([*fine, *steps_of(sizes), *sizes.near, *(1.001 * sizes.ceiling)])


def steps_of(sizes: pd.DataFrame) -> np.ndarray:
    """The radii of the comparison, below the lowest ceiling."""
    return np.arange(0, sizes.near.iloc[-1], APART)


def radii_of(paths: list[str], sizes: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Certified radius in sigma of each image, -1 where wrong, by all classifiers (columns), for each number of samples used."""
    numbers = sorted({*sizes.n, *sizes.n_strict[sizes.n_strict > 0]})
    budget = sizes.n.iloc[0]
    frames, about = storage.read_counts_after(paths, [None, *(n for n in numbers if n < budget)])
    parts = [unlimited(frames[None]).assign(n=UNLIMITED)]
    for n in numbers:
        parts.append(certified(frames[n if n < budget else None], about, alpha).assign(n=n))
    return pd.concat(parts)


def certified(frame: pd.DataFrame, about: dict, alpha: float) -> pd.DataFrame:
    """CERTIFY by counts that were sampled as `about` says: a table [images, classifiers]."""
    from resmooth.smoothing.certify import certify_from_counts

    law = noise.make(about["noise"], about["dim"], sigma=about["sigma"], arithmetic=about["arithmetic"])
    result = certify_from_counts(np.stack(frame.counts0), np.stack(frame.counts), law, alpha)
    radius = np.where(result.predict == frame.label, result.radius / law.sigma, -1.0)
    return frame.assign(radius=radius).pivot(index="idx", columns="classifier", values="radius")


def unlimited(frame: pd.DataFrame) -> pd.DataFrame:
    """The same by the plain frequency of the most frequent class. It is no certificate."""
    votes = np.stack(frame.counts)
    p = votes.max(axis=1) / votes.sum(axis=1)
    right = (votes.argmax(axis=1) == frame.label) & (p > 0.5)
    return frame.assign(radius=np.where(right, ndtri(p), -1.0)).pivot(
        index="idx", columns="classifier", values="radius"
    )


def single(radii: pd.DataFrame, n: int, sizes: pd.DataFrame) -> np.ndarray:
    """Radii of the single models by n samples [images, members]."""
    return radii.loc[radii.n == n, [f"member-{k}" for k in sizes.k]].to_numpy()


def soft(radii: pd.DataFrame, n: int, k: int) -> np.ndarray:
    """Radii of the soft ensemble of k by n samples [images, 1]."""
    return radii.loc[radii.n == n, [f"soft-{k}"]].to_numpy()


def share(radii: np.ndarray, grid: ArrayLike) -> np.ndarray:
    """Share of the classifiers that certify each image at each radius: [images, classifiers] -> [images, grid]."""
    return (radii[:, :, None] >= grid).mean(axis=1)


def compare(radii: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy of one case against the radius, and differences with their paired intervals, image by image."""
    grid, parts = grid_of(sizes), []
    for (metric, *about), curves in lines_of(radii, sizes).items():
        parts.append((metric, *about, Estimate(100 * share(curves, grid).mean(axis=0), np.nan, np.nan)))
    for (metric, *about), (more, fewer) in pairs_of(radii, sizes).items():
        parts.append((metric, *about, paired_bounded(share(more, grid) - share(fewer, grid)).times(100)))
    frames = [
        pd.DataFrame({"metric": metric, "classifier": name, "k": k, "n": n, "r": grid, **estimate._asdict()})
        for metric, name, k, n, estimate in parts
    ]
    return pd.concat(frames, ignore_index=True)


def lines_of(radii: pd.DataFrame, sizes: pd.DataFrame) -> dict[tuple, np.ndarray]:
    """(metric, classifier, k, n) -> radii, of all that have a curve of their own."""
    members, budget, few = sizes.k.iloc[-1], sizes.n.iloc[0], sizes.n.iloc[-1]
    accuracy, free = "certified accuracy [%]", "certified accuracy, unlimited [%]"
    lines = {
        (accuracy, "one model", 1, budget): single(radii, budget, sizes),
        (accuracy, "one model, few samples", 1, few): single(radii, few, sizes),
        (free, "one model", 1, budget): single(radii, UNLIMITED, sizes),
        (free, "ensemble", members, budget): soft(radii, UNLIMITED, members),
    }
    return lines | {(accuracy, "ensemble", row.k, row.n): soft(radii, row.n, row.k) for row in sizes[1:].itertuples()}


def pairs_of(radii: pd.DataFrame, sizes: pd.DataFrame) -> dict[tuple, tuple[np.ndarray, np.ndarray]]:
    """(metric, classifier, k, n) -> radii of the two that are compared, the first less the second."""
    members, budget, few = sizes.k.iloc[-1], sizes.n.iloc[0], sizes.n.iloc[-1]
    one, free = single(radii, budget, sizes), single(radii, UNLIMITED, sizes)
    pairs = {
        (MORE, "one model", 1, budget): (one, single(radii, few, sizes)),
        (FREE, "ensemble", members, budget): (soft(radii, UNLIMITED, members), free),
    }
    for row in sizes[1:].itertuples():
        pairs[EQUAL, "ensemble", row.k, row.n] = soft(radii, row.n, row.k), one
        if row.n_strict:
            pairs[EQUAL_STRICT, "ensemble", row.k, row.n_strict] = soft(radii, row.n_strict, row.k), one
    return pairs


def gain(radii: pd.DataFrame, row: Any) -> Estimate:
    """Gain in ACR (over all images) of the ensemble of row.k by row.n samples over the mean single model by all: a fraction."""
    ensemble, one = acr_pair(radii, row.k, row.n)
    return relative_gain(ensemble, one)


def acr_pair(radii: pd.DataFrame, k: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """What each image adds to the ACR, in sigma: of the ensemble of k by n samples, and of the mean single model by all."""
    members = [name for name in radii if name.startswith("member-")]
    one = radii.loc[radii.n == radii.n.max(), members].to_numpy()
    return np.maximum(soft(radii, n, k)[:, 0], 0), np.maximum(one, 0).mean(axis=1)


def at_some_radii(results: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Ensemble minus single model at equal evaluations, in points, at some radii: the last just below the ceilings."""
    shown = results[(results.metric == EQUAL) & results.r.isin([*steps_of(sizes), *sizes.near])].copy()
    shown["entry"] = [in_words(row) for row in shown[["value", "low", "high"]].itertuples(index=False)]
    shown["r"] = shown.r.map("{:.3f}".format)
    wide = shown.pivot(index=["experiment", "sigma", "k"], columns="r", values="entry")
    return wide.rename_axis(columns=None).reset_index()


def price(sizes: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """The price of fewer samples: the radius that the expected number of votes certifies for an image of true radius `true`.

    By the fewest and the most samples of this run, and by those that the paper would take for as many members.
    """
    true = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    members, few, budget = sizes.k.iloc[-1], sizes.n.iloc[-1], sizes.n.iloc[0]
    columns = {"here, few": few, "here, all": budget, "paper, few": PRINTED_N, "paper, all": members * PRINTED_N}
    certified = {
        name: ndtri(bounds.clopper_pearson(np.floor(ndtr(true) * n), n, alpha)).clip(0) for name, n in columns.items()
    }
    return pd.DataFrame({"true": true, **certified})
