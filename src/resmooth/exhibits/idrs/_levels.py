"""One network certified at each constant noise level: this run's, and those with published per-image logs.

A series is a mapping level (number) -> table of certificates; series go by the name of their source.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from resmooth.audit.checks import fitted_alpha
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.intervals import Estimate

if TYPE_CHECKING:
    from resmooth.plan import Experiment, Run

COHEN, SALMAN = "locuslab/smoothing", "Hadisalman/smoothing-adversarial"  # repositories that hold logs
N, ALPHA = 100_000, 0.001  # what the papers state
DATASETS = {"cifar10": "CIFAR-10", "imagenet": "ImageNet"}

Series = dict[float, pd.DataFrame]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of one network at each level, and the published logs; None without normal noise."""
    first = run.first
    if first is None:
        return None
    own = [run.paths.certificates(first.name, sigma, "member-1") for sigma in first.sigmas]
    return {"certificates": own, "logs": [run.paths.published_logs]}


def own(run: Run) -> dict[str, Series]:
    """The series of this run, alone under its name."""
    first, files = cast("Experiment", run.first), cast("dict[str, list[str]]", needs(run))
    frame = run.read_certificates(files["certificates"])
    return {f"run {run.name}: {first.name}": dict(iter(frame.groupby("sigma")))}


def published(run: Run, repository: str) -> dict[str, Series]:
    """The series of one repository, "CIFAR-10, ResNet-110" -> levels ascending; none where its logs are not at hand."""
    files = cast("dict[str, list[str]]", needs(run))
    logs = pd.concat(map(pd.read_parquet, files["logs"]))
    found = {}
    for (dataset, arch), part in logs[logs.repository == repository].groupby(["dataset", "arch"], sort=False):
        name = f"{DATASETS.get(dataset, dataset)}, {arch.replace('resnet', 'ResNet-')}"
        found[name] = dict(iter(part.groupby("sigma_certify")))
    return found


def alphas(series: Series) -> pd.DataFrame:
    """By level: the `alpha` that a published log was made at, and whether its own radii have `told` it.

    Where they are too few to tell, alpha is that of most logs of the series.
    """
    fits = pd.Series({sigma: fitted_alpha(log, sigma, N) for sigma, log in series.items()}, dtype=float)
    usual = fits.mode().min() if fits.notna().any() else ALPHA
    return pd.DataFrame({"alpha": fits.fillna(usual), "told": fits.notna()})


def share(flags: ArrayLike, level: float = 0.95) -> Estimate:
    """The share of images [N] with a property, in per cent, with its Clopper-Pearson interval."""
    flags = np.asarray(flags, dtype=bool)
    low, high = clopper_pearson(flags.sum(), len(flags), 1 - level, side="both")
    return Estimate(flags.mean(), float(low), float(high)).times(100)


def absent(sources: Sized) -> str:
    """A sentence where only this run's series is there, else nothing."""
    return "" if len(sources) > 1 else " No published log is at hand (no connection, and no mirror): none is drawn."
