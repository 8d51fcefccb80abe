"""Numbers of lecture/sigma_table on a run: its table, differences to Gaussian training, curves, and whether radii are exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from resmooth.smoothing import bounds
from resmooth.stats import metrics
from resmooth.stats.intervals import from_error, paired_mean

if TYPE_CHECKING:
    from resmooth.plan import Experiment, Run

METHODS = {
    "consistency": "Consistency",
    "smoothadv": "SmoothAdv",
    "smoothmix": "SmoothMix",
}  # objective -> printed name
ACR, CORRECT_ACR = "ACR over all", "ACR over correct"
ACCURACY, ABSTENTION = "certified accuracy", "abstention"
CURVE_POINTS = 120


def printed_name(run: Run, experiment: Experiment) -> str:
    """The row of the printed table that an experiment's training is that of; "" for none, as for Consistency with an attack."""
    options = run.recipe(experiment.name, experiment.sigmas[0]).get("options", {})
    hybrid = experiment.method == "consistency" and "attack" in options
    return "" if hybrid else METHODS.get(experiment.method, "")


def ceiling(sigma: float, n: int, alpha: float) -> float:
    r"""The largest l2 radius that n samples can certify: :math:`\sigma \Phi^{-1}(\alpha^{1/n})`, in units of the image."""
    return float(sigma * special.ndtri(bounds.clopper_pearson(n, n, alpha)))


def measures(frame: pd.DataFrame, radii: np.ndarray) -> dict[tuple[str, float], tuple[float, float]]:
    """Every column of the table for one network: {(metric, radius): (value, standard error over the images)}."""
    found: dict[tuple[str, float], tuple[float, float]] = {
        (f"ACR over {over}", np.nan): (metrics.acr(frame, over), metrics.acr_se(frame, over))
        for over in ("all", "correct")
    }
    rate = metrics.abstention_rate(frame)
    found[ABSTENTION, np.nan] = rate, np.sqrt(rate * (1 - rate) / len(frame))
    curve = zip(radii, metrics.certified_accuracy(frame, radii), metrics.certified_accuracy_se(frame, radii))
    return found | {(ACCURACY, r): (value, error) for r, value, error in curve}


def this_run(singles: pd.DataFrame, ceilings: dict[float, float]) -> pd.DataFrame:
    """The table for this run: mean over the seeds, standard error over the images (of one network), spread between seeds.

    `low`, `high`: the 95 % interval by that standard error. `method` is the name of the experiment.
    """
    highest = max(ceilings.values())
    radii = np.arange(0, highest, 0.25 if highest < 2 else 0.5)
    columns = ["sigma", "method", "classifier", "metric", "radius", "value", "standard_error"]
    rows = [
        (*key, metric, radius, *values)
        for key, frame in singles.groupby(["sigma", "experiment", "classifier"])
        for (metric, radius), values in measures(frame, radii).items()
    ]
    by = ["sigma", "method", "metric", "radius"]
    found = pd.DataFrame(rows, columns=columns).groupby(by, dropna=False, sort=False)
    found = found.agg(value=("value", "mean"), standard_error=("standard_error", "mean"), sd_of_seeds=("value", "std"))
    found = found.reset_index()
    _, low, high = from_error(found.value, found.standard_error)
    return found.assign(low=low, high=high)


def entries(ours: pd.DataFrame, singles: pd.DataFrame) -> pd.DataFrame:
    """The table for reading: value (standard error; standard deviation between seeds), one column for each metric."""
    column = [
        m if np.isnan(r) else f"r = {r:g}" if r else "clean accuracy (r = 0)" for m, r in zip(ours.metric, ours.radius)
    ]
    entry = [
        f"{v:.3f} ({e:.3f}; {'–' if np.isnan(s) else f'{s:.3f}'})"
        for v, e, s in zip(ours.value, ours.standard_error, ours.sd_of_seeds)
    ]
    wide = ours.assign(column=column, entry=entry).pivot(index=["sigma", "method"], columns="column", values="entry")
    order = [(sigma, name) for sigma in sorted(ours.sigma.unique()) for name in singles.experiment.unique()]
    wide = wide.loc[[key for key in order if key in wide.index], list(dict.fromkeys(column))]
    return wide.rename_axis(columns=None).reset_index()


def references(singles: pd.DataFrame) -> dict[str, str]:
    """experiment -> the first of Gaussian training with the same architecture, for those that are not it."""
    about = singles.drop_duplicates("experiment")
    first = about[about.method == "gaussian"].drop_duplicates("architecture").set_index("architecture").experiment
    pairs = {row.experiment: first.get(row.architecture) for row in about.itertuples()}
    return {name: reference for name, reference in pairs.items() if reference not in (None, name)}


def pairs(singles: pd.DataFrame) -> dict[tuple[float, str], tuple[pd.DataFrame, pd.DataFrame]]:
    """(sigma, experiment) -> (its rows, those of its reference), levels ascending, experiments in the order of the config."""
    cases, rows = {}, dict(iter(singles.groupby(["sigma", "experiment"])))
    for sigma in sorted(singles.sigma.unique()):
        for name, reference in references(singles).items():
            if (sigma, name) in rows and (sigma, reference) in rows:
                cases[sigma, name] = rows[sigma, name], rows[sigma, reference]
    return cases


def by_image(frame: pd.DataFrame, column: str) -> pd.Series:
    """Mean over the networks of `column` on each image, sorted by image."""
    return frame.groupby("idx")[column].mean()


def against_gaussian(singles: pd.DataFrame, ours: pd.DataFrame) -> pd.DataFrame:
    """ACR over all images less that of Gaussian augmentation: paired over the images, networks fixed, means over seeds first.

    `sd_of_seeds`: standard deviation of Gaussian's own ACR from seed to seed, which a difference between single networks has to
    exceed before it speaks of the method rather than of its draw.
    """
    spread = ours[ours.metric == ACR].set_index(["sigma", "method"]).sd_of_seeds
    rows, names = [], references(singles)
    words = {1: "above", -1: "below", 0: "not resolved"}
    for (sigma, name), (own, reference) in pairs(singles).items():
        estimate = paired_mean(by_image(own, "certified") - by_image(reference, "certified"))
        rows.append((sigma, name, *estimate, words[int(estimate.sign())], spread[sigma, names[name]]))
    return pd.DataFrame(
        rows, columns=["sigma", "method", "acr_minus_gaussian", "low", "high", "verdict", "sd_of_seeds"]
    )


def curves(singles: pd.DataFrame, ceilings: dict[float, float]) -> pd.DataFrame:
    """Certified accuracy [%] against the radius, mean over the seeds.

    The interval is the Clopper-Pearson one that so many images give a single network: a little too wide for a mean over seeds,
    and never of width zero. The mean is rounded to whole images, outwards.
    """
    found = []
    for (sigma, name), frame in singles.groupby(["sigma", "experiment"]):
        grid, size = np.linspace(0, ceilings[sigma], CURVE_POINTS), frame.idx.nunique()
        mean = np.mean([metrics.certified_accuracy(each, grid) for _, each in frame.groupby("classifier")], axis=0)
        below, above = np.floor(mean * size + 1e-9).clip(0, size), np.ceil(mean * size - 1e-9).clip(0, size)
        low = bounds.clopper_pearson(below, size, 0.05, "both")[0]
        high = bounds.clopper_pearson(above, size, 0.05, "both")[1]
        values = {"radius": grid, "value": 100 * mean, "low": 100 * low, "high": 100 * high}
        found.append(pd.DataFrame({"sigma": sigma, "method": name, "metric": ACCURACY} | values))
    return pd.concat(found, ignore_index=True)


def exactness(frame: pd.DataFrame) -> pd.DataFrame:
    r"""Of each case: the largest deviation from :math:`\sigma \Phi^{-1}(p)`, in sigma, and the largest radius over its ceiling.

    p is the lower bound that the certificate gives; the ceiling is that of the image's own n and alpha. Abstentions are left out.
    """
    certified = frame[frame.predict >= 0]
    deviation = (certified.radius / certified.sigma - special.ndtri(certified.p_lower)).abs()
    top = special.ndtri(certified.alpha ** (1 / certified.n)) * certified.sigma
    found = certified.assign(deviation=deviation, of_ceiling=certified.radius / top)
    columns = {"certificates": ("idx", "size"), "deviation": ("deviation", "max"), "of_ceiling": ("of_ceiling", "max")}
    return found.groupby(["sigma", "experiment", "classifier"], sort=False).agg(**columns).reset_index()
