"""Numbers of ensembles/efficient_certification: what each method saves over the fixed rule, and how it decides."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from resmooth.smoothing import bounds, sequential
from resmooth.smoothing.certificates import Certificates
from resmooth.stats.intervals import Estimate, bootstrap_percentile, image_weights

RESAMPLES = 5000
SEED = 0
METHODS = {  # name: (which classifier, rule)
    "consensus, all samples": ("consensus", "fixed"),
    "adaptive": ("soft", "adaptive"),
    "adaptive + consensus": ("consensus", "adaptive"),
    "union bound": ("soft", "union_bound"),
    "confidence sequence": ("soft", "confidence_sequence"),
}
BASELINE = ("soft", "fixed")
ALL_RADII = "images alike at every radius [%]"


def sizes_of(frame: pd.DataFrame) -> tuple[int, int, int]:
    """(k members of the full ensemble, K that must agree or 0, samples of the fixed rule)."""
    asked = frame[frame.aggregation == "consensus"].number
    fixed = frame.samples[frame.rule == "fixed"].iloc[0]
    return int(frame[frame.aggregation == "soft"].number.iloc[0]), int(asked.max()) if len(asked) else 0, int(fixed)


def runs_of(frame: pd.DataFrame) -> dict[tuple, pd.DataFrame]:
    """(sigma, experiment, r, which classifier, rule) -> the decisions on all images; experiments in the order of the config."""
    by = ["experiment", "sigma", "r", "aggregation", "rule"]
    parts = frame.groupby(by, observed=True)
    return {(sigma, experiment, *rest): part.set_index("idx") for (experiment, sigma, *rest), part in parts}


def cases(runs: dict) -> list[tuple[float, str, float]]:
    """(sigma, experiment, r) of all decisions: experiments in the order of the config, then levels, then radii."""
    return list(dict.fromkeys(key[:3] for key in runs))


def methods(runs: dict) -> dict[str, tuple[str, str]]:
    """The METHODS that this run has: without K-consensus some are left out."""
    return {name: which for name, which in METHODS.items() if any(key[3:] == which for key in runs)}


def stage_costs(frame: pd.DataFrame, n0: int, stages: list[int]) -> pd.DataFrame:
    """Samples of an image up to and with each stage of CertifyAdp, and how many decisions fell there."""
    adaptive = frame[frame.rule == "adaptive"]
    numbers = range(1, len(stages) + 1)
    cost = np.cumsum([n0 + size for size in stages])
    return pd.DataFrame(
        {"stage": numbers, "samples": cost, "decisions": [(adaptive.stage == i).sum() for i in numbers]}
    )


def compared(ours: pd.Series, theirs: pd.Series) -> pd.Series:
    """How decisions on each image (class, or -1) compare with others: same, lost, gained, or another class."""
    words = np.select([ours == theirs, ours == -1, theirs == -1], ["same", "lost", "gained"], "other class")
    return pd.Series(words, index=ours.index)


def kinds_of(runs: dict) -> dict[tuple, pd.DataFrame]:
    """(sigma, experiment, method) -> each image (rows) at each radius (columns), compared with the fixed rule of all members."""
    found: dict[tuple, dict[float, pd.Series]] = {}
    for sigma, experiment, r in cases(runs):
        theirs = runs[sigma, experiment, r, *BASELINE].predict
        for method, which in methods(runs).items():
            ours = runs[sigma, experiment, r, *which].predict
            found.setdefault((sigma, experiment, method), {})[r] = compared(ours, theirs)
    return {key: pd.DataFrame(columns) for key, columns in found.items()}


def percent(count: int, trials: int) -> tuple[float, float, float]:
    """count of trials in per cent with its 95 % Clopper-Pearson interval."""
    return 100 * count / trials, *(100 * np.array(bounds.clopper_pearson(count, trials, 0.05, "both")))


def saved(samples: np.ndarray, fixed: int, weights: np.ndarray | None = None, level: float = 0.95) -> Estimate:
    """SampleRF: samples of the fixed rule over those drawn, all images together; percentile interval over resampled images.

    `weights` [B, images] of the resamples; without them the ends are nan for a single image, of which all resamples are alike.
    """
    if weights is None and len(samples) < 2:
        return Estimate(fixed / samples.mean(), np.nan, np.nan)
    if weights is None:
        weights = image_weights(len(samples), RESAMPLES, np.random.default_rng(SEED)) / len(samples)
    value = fixed * len(samples) / samples.sum()
    return bootstrap_percentile(value, fixed / (weights @ samples), level)


def results_of(runs: dict, sizes: tuple[int, int, int]) -> pd.DataFrame:
    """All measures of each method at each radius, one a line. `sizes` as of `sizes_of`."""
    rows, images = [], len(next(iter(runs.values())))
    weights = image_weights(images, RESAMPLES, np.random.default_rng(SEED)) / images
    for sigma, experiment, r in cases(runs):
        baseline = runs[sigma, experiment, r, *BASELINE]
        for method, which in methods(runs).items():
            own = runs[sigma, experiment, r, *which]
            for line in measures(own, baseline, which, sizes, weights):
                rows.append((sigma, experiment, r, method, *line))
    return pd.DataFrame(rows, columns=["sigma", "experiment", "r", "method", "metric", "value", "low", "high"])


def measures(
    own: pd.DataFrame, baseline: pd.DataFrame, which: tuple[str, str], sizes: tuple[int, int, int], weights: np.ndarray
) -> Iterator[tuple[str, float, float, float]]:
    """Yield (metric, value, low, high) of one method at one radius. `sizes` as of `sizes_of`, `weights` [B, images]."""
    (k, asked, fixed), (aggregation, rule) = sizes, which
    value, low, high = saved(own.samples.to_numpy(), fixed, weights)
    agreed = own.agreed.iloc[0]
    calls = k if aggregation == "soft" else asked + (1 - agreed) * (k - asked)
    yield "SampleRF", value, low, high
    yield "evaluations", value * k / calls, low * k / calls, high * k / calls
    yield "TimeRF", baseline.seconds.iloc[0] / own.seconds.iloc[0], np.nan, np.nan
    if aggregation != "soft":
        yield "KCR [%]", 100 * agreed, np.nan, np.nan
    kinds = compared(own.predict, baseline.predict)
    yield "agreement [%]", *percent((kinds == "same").sum(), len(own))
    for name in ("lost", "gained", "other class"):
        yield f"{name} [images]", (kinds == name).sum(), np.nan, np.nan
    if rule == "adaptive":
        columns = {name: own[name].to_numpy() for name in ("predict", "samples", "stage")}
        decisions = Certificates(**columns)
        for number, shares in enumerate(sequential.stage_shares(decisions), start=1):
            for name, share in zip(("certified", "abstained"), shares):
                yield f"{name} at stage {number} [%]", 100 * share, np.nan, np.nan


def alike_at_every_radius(compared: dict) -> pd.DataFrame:
    """Images decided alike at all radii. Decisions of one image hang together, images do not: the interval counts images."""
    rows = [
        (*case, ALL_RADII, *percent((kinds == "same").all(axis=1).sum(), len(kinds)))
        for case, kinds in compared.items()
    ]
    return pd.DataFrame(rows, columns=["sigma", "experiment", "method", "metric", "value", "low", "high"])
