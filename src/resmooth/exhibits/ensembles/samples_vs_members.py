r"""More samples of one model, or more members?

Every classifier spends the same number of network evaluations on bounding p_A: a single model by n samples, a soft ensemble
of the first k seeds by n / k. All see the same images and the first samples of the same noise. The single model is the mean
over the members, so that none is picked. Even n votes out of n certify no more than the ceiling :math:`\sigma\,\Phi^{-1}
(\alpha^{1/n})`. Radii are in sigma, certified accuracies and their differences in per cent and points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri

from resmooth import noise, storage
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.ensembles import _samples_drawing
from resmooth.smoothing import bounds
from resmooth.stats.decisions import OPEN, counted, every, in_words, some, span
from resmooth.stats.intervals import Estimate, paired_bounded, relative_gain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Experiment, Run

PRINTED_N = 100_000  # samples of an ensemble in the paper, and of a single model k times as many
BARELY = 5  # points of certified accuracy that more samples may bring and still "barely" help
APART = 0.5  # from one radius of the comparison to the next, in sigma
UNLIMITED = 0  # number of samples that stands for the plain frequency over all of them
EQUAL, EQUAL_STRICT = "ensemble - one [points]", "ensemble - one, selection counted [points]"
FREE, MORE = "ensemble - one, unlimited [points]", "more samples [points]"


def needs(run: Run) -> dict[str, list[str]] | None:
    """The counts of all ensembles; None below two members."""
    return {"counts": [path for key in _keys(run) for path in run.counts(*key)]} if run.several else None


def settings(run: Run) -> dict:
    """The error probability of the certificates made here."""
    return {"alpha": run.config["certify"]["alpha"]}


def compute(run: Run) -> Frames:
    """sizes: what each k can spend; radii: of each image; results: curves and differences; gains, price: see below."""
    alpha, keys = settings(run)["alpha"], _keys(run)
    counts, about = storage.read_counts(run.counts(*keys[0]))
    sizes = budgets(cast("Experiment", run.first).seeds, about["n"], about["n0"], counts.step.max(), alpha)
    radii = pd.concat(
        [radii_of(run.counts(*key), sizes, alpha).assign(sigma=float(key[1]), experiment=key[0]) for key in keys]
    )
    results = pd.concat([compare(part, sizes).assign(**about) for about, part in _cases(radii)], ignore_index=True)
    columns = ["sigma", "experiment", "metric", "classifier", "k", "n", "r", "value", "low", "high"]
    gains = [
        gain(part, row).times(100)._asdict() | about | {"k": row.k, "n": row.n}
        for about, part, row in _ensembles(radii, sizes)
    ]
    return {
        "sizes": sizes,
        "radii": radii,
        "results": results[columns],
        "differences": at_some_radii(results, sizes),
        "gains": pd.DataFrame(gains)[["sigma", "experiment", "k", "n", "value", "low", "high"]],
        "price": price(sizes, alpha),
    }


def _keys(run: Run) -> list[tuple[str, str]]:
    """(experiment, level): experiments in the order of the config, levels ascending."""
    return [(each.name, sigma) for each in run.ensembles for sigma in sorted(each.sigmas, key=float)]


def _cases(radii: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Yield (names of the case, its rows) in the order of the frame."""
    for names, part in radii.groupby(["sigma", "experiment"], sort=False):
        yield dict(zip(("sigma", "experiment"), names)), part


def _ensembles(radii: pd.DataFrame, sizes: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame, Any]]:
    """Yield (names of the case, its rows, row of `sizes`) for ensembles of two or more."""
    for about, part in _cases(radii):
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
    return np.unique([*fine, *_steps(sizes), *sizes.near, *(1.001 * sizes.ceiling)])


def _steps(sizes: pd.DataFrame) -> np.ndarray:
    """The radii of the comparison, below the lowest ceiling."""
    return np.arange(0, sizes.near.iloc[-1], APART)


def radii_of(paths: list[str], sizes: pd.DataFrame, alpha: float) -> pd.DataFrame:
    """Certified radius in sigma of each image, -1 where wrong, by all classifiers (columns), for each number of samples used."""
    budget = sizes.n.iloc[0]
    parts = [unlimited(paths).assign(n=UNLIMITED)]
    for n in sorted({*sizes.n, *sizes.n_strict[sizes.n_strict > 0]}):
        parts.append(certified(paths, n if n < budget else None, alpha).assign(n=n))
    return pd.concat(parts)


def certified(paths: list[str], n: int | None, alpha: float) -> pd.DataFrame:
    """CERTIFY by the first n samples (None: by all): a table [images, classifiers]."""
    from resmooth.smoothing.certify import certify_from_counts

    frame, about = storage.read_counts(paths, n)
    law = noise.make(about["noise"], about["dim"], sigma=about["sigma"], arithmetic=about["arithmetic"])
    result = certify_from_counts(np.stack(frame.counts0), np.stack(frame.counts), law, alpha)
    frame["radius"] = np.where(result.predict == frame.label, result.radius / law.sigma, -1.0)
    return frame.pivot(index="idx", columns="classifier", values="radius")


def unlimited(paths: list[str]) -> pd.DataFrame:
    """The same by the plain frequency of the most frequent class over all samples. It is no certificate."""
    frame, _ = storage.read_counts(paths)
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
    shown = results[(results.metric == EQUAL) & results.r.isin([*_steps(sizes), *sizes.near])].copy()
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


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    return frames["results"]


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    sizes, radii = frames["sizes"], frames["radii"]
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(radii.sigma.unique()))
    spent = ", ".join(f"{row.n:,} (k = {row.k})" for row in sizes[1:].itertuples())
    return (
        f"**Here.** {', '.join(radii.experiment.unique())}, sigma = {levels}, {radii.index.nunique()} images. Every "
        f"classifier makes {sizes.n.iloc[0]:,} evaluations of a network to bound p_A: a single model by as many "
        f"samples, soft ensembles of the first k seeds by n = {spent}. The paper has {PRINTED_N:,} for an ensemble "
        "and k times as many for a single model, on CIFAR-10 and ImageNet: its ceilings are higher and closer "
        "together."
    )


def findings(frames: Frames) -> list[Finding]:
    """Members against samples at equal evaluations; what more samples bring to one model, below and beyond the ceiling."""
    radii, sizes, results = (frames[name] for name in ("radii", "sizes", "results"))
    below = [*_steps(sizes), sizes.near.iloc[-1]]
    images = f"{radii.index.nunique()} images, networks fixed"
    return [
        _equal(frames, below, images),
        _barely(radii, sizes, results, images),
        _large_radii(radii, sizes, images),
        *_why(results, frames["price"], sizes, below),
    ]


def _at(results: pd.DataFrame, metric: str, radii: Iterable[float], k: int | None = None) -> list[Estimate]:
    """The estimates of one metric at some radii."""
    part = results[(results.metric == metric) & results.r.isin(radii) & ((results.k == k) if k else True)]
    return [Estimate(*row) for row in part[["value", "low", "high"]].itertuples(index=False)]


def _equal(frames: Frames, below: list[float], images: str) -> Finding:
    """The ACR of every ensemble against that of one model that makes as many evaluations."""
    radii, sizes, gains = (frames[name] for name in ("radii", "sizes", "gains"))
    claim, unit = "ensembles-members_beat_samples", "% of ACR"
    pairs = {(*about.values(), row.k): acr_pair(part, row.k, row.n) for about, part, row in _ensembles(radii, sizes)}
    if gains.value.isna().any():
        return Finding(
            claim, OPEN, f"The single models certify none of {images} in some case: a gain in per cent has no meaning."
        )
    decided = every(pairs, "above", relative_gain)
    sigma, experiment, k = decided.case
    points = _at(frames["results"], EQUAL, below)
    several, (ours, papers) = span(sizes.k[1:], "d"), _paid(frames["price"])
    points_of = span([each.value for each in points])
    ranges = [Estimate(*row) for row in gains[["value", "low", "high"]].itertuples(index=False)]
    reason = (
        f"At {sizes.n.iloc[0]:,} evaluations ensembles of {several} differ from the mean single model by "
        f"{span(gains.value, unit=' %')} in ACR ({counted(ranges)}; {images}); decided by k = {k} of {experiment} at "
        f"sigma {sigma:g}. At radii of 0 to {below[-1]:.2f} sigma they differ by {points_of} points "
        f"({counted(points)}). Fewer samples cost an image of true radius sigma {ours:.3f} sigma here, {papers:.3f} "
        "at the paper's n."
    )
    return Finding(claim, decided.verdict, reason, *decided.estimate.times(100), unit)


def _barely(radii: pd.DataFrame, sizes: pd.DataFrame, results: pd.DataFrame, images: str) -> Finding:
    """What one model gains from the fewest to all samples, at the even radii: none is as near to the ceiling as can be."""
    few, budget, radii_tried = sizes.n.iloc[-1], sizes.n.iloc[0], _steps(sizes)
    differences = {
        (*about.values(), r): (share(single(part, budget, sizes), r) - share(single(part, few, sizes), r))[:, 0]
        for about, part in _cases(radii)
        for r in radii_tried
    }
    decided = every(differences, "below", paired_bounded, than=BARELY / 100)
    sigma, experiment, r = decided.case
    points = _at(results, MORE, radii_tried)
    gained, near = span([each.value for each in points]), _at(results, MORE, [sizes.near.iloc[-1]])
    reason = (
        f"From n = {few:,} to {budget:,} a single model gains {gained} points of certified accuracy at radii of 0 to "
        f"{radii_tried[-1]:g} sigma ({counted(points)}; {images}), where up to {BARELY:g} count as barely; decided at "
        f"r = {r:g} sigma, {experiment}, sigma {sigma:g}. Just below the ceiling of {sizes.ceiling.iloc[-1]:.2f} "
        f"sigma it gains {span([each.value for each in near])} points."
    )
    unit = "points of certified accuracy"
    return Finding("ensembles-more_samples_barely_help", decided.verdict, reason, *decided.estimate.times(100), unit)


def _large_radii(radii: pd.DataFrame, sizes: pd.DataFrame, images: str) -> Finding:
    """The single model by all its samples just beyond the ceiling of the fewest, where those certify nothing: in some case."""
    budget, ceiling = sizes.n.iloc[0], sizes.ceiling.iloc[-1]
    gained = {
        tuple(about.values()): share(single(part, budget, sizes), 1.001 * ceiling)[:, 0]
        for about, part in _cases(radii)
    }
    decided = some(gained, "above", paired_bounded)
    own = [100 * each.mean() for each in gained.values()]
    sigma, experiment = decided.case
    reason = (
        f"n = {sizes.n.iloc[-1]:,} samples certify nothing beyond {ceiling:.2f} sigma, n = {budget:,} up to "
        f"{sizes.ceiling.iloc[0]:.2f}: just beyond the lower ceiling the mean single model still has "
        f"{span(own, '.1f', ' %')} certified accuracy ({images}); most for {experiment} at sigma {sigma:g}."
    )
    estimate = decided.estimate.times(100)
    return Finding("ensembles-samples_for_large_radii", decided.verdict, reason, *estimate, "% certified accuracy")


def _paid(price: pd.DataFrame) -> tuple[float, float]:
    """What the most samples certify more than the fewest at the true radius sigma, in sigma: here, and by the paper's numbers."""
    row = price[price.true == 1].iloc[0]
    return row["here, all"] - row["here, few"], row["paper, all"] - row["paper, few"]


def _why(results: pd.DataFrame, price: pd.DataFrame, sizes: pd.DataFrame, below: list[float]) -> list[Finding]:
    """What the difference would be without sampling limits, and with the selecting samples paid for."""
    members, few, budget = sizes.k.iloc[-1], sizes.n.iloc[-1], sizes.n.iloc[0]
    free, largest = _at(results, FREE, below), _at(results, EQUAL, below, members)
    ours, papers = _paid(price)
    found = [
        observation(
            f"Were samples free, {members} members would gain {span([each.value for each in free])} points at these "
            f"radii ({counted(free)}; mean {np.mean([each.value for each in free]):+.1f}, at equal evaluations "
            f"{np.mean([each.value for each in largest]):+.1f}). The difference is the price of fewer samples: for an "
            f"image whose true radius is sigma, n = {budget:,} instead of {few:,} certifies {ours:.3f} sigma more, "
            f"but the paper's {members * PRINTED_N:,} instead of {PRINTED_N:,} only {papers:.3f} sigma."
        )
    ]
    beyond = _at(results, EQUAL, list(sizes.near[:-1]), members)
    worst = -min(each.value for each in beyond)
    found.append(
        observation(
            f"Beyond its ceiling of {sizes.ceiling.iloc[-1]:.2f} sigma the ensemble of {members} certifies nothing, "
            f"and one model is ahead by up to {worst:.1f} points just below the larger ceilings ({counted(beyond)})."
        )
    )
    strict = _at(results, EQUAL_STRICT, below)
    if strict:
        found.append(
            observation(
                "If the samples that select the class are in the budget too, ensembles get fewer still and lower "
                f"ceilings, and differ by {span([each.value for each in strict])} points ({counted(strict)})."
            )
        )
    return found


def draw(frames: Frames) -> Figure:
    """For each experiment: certified accuracy against the radius, and below it ensemble minus single model."""
    return _samples_drawing.figure(frames["results"], frames["sizes"], {"equal": EQUAL, "free": FREE})
