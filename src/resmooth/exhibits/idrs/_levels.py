"""One network certified at each constant level of noise: this run's, and those whose per-image logs were published.

A series is a mapping level (number) -> table of certificates; series go by the name of their source.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from resmooth.audit.checks import fitted_alpha
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.intervals import Estimate

if TYPE_CHECKING:
    from resmooth.plan import Run

COHEN, SALMAN = "locuslab/smoothing", "Hadisalman/smoothing-adversarial"  # repositories that hold logs
N, ALPHA = 100_000, 0.001  # what the papers state
DATASETS = {"cifar10": "CIFAR-10", "imagenet": "ImageNet"}

Series = dict[float, pd.DataFrame]


def needs(run: "Run") -> dict[str, list[str]] | None:
    """The certificates of one network at each level, and the published logs; None without normal noise."""
    if not run.normal:
        return None
    own = [run.paths.certificates(run.first.name, sigma, "member-1") for sigma in run.first.sigmas]
    return {"certificates": own, "logs": [run.paths.published_logs]}


def own(run: "Run") -> dict[str, Series]:
    """The series of this run, alone under its name."""
    frame = run.read_certificates(needs(run)["certificates"])
    return {f"run {run.name}: {run.first.name}": dict(iter(frame.groupby("sigma")))}


def published(run: "Run", repository: str) -> dict[str, Series]:
    """The series of one repository, "CIFAR-10, ResNet-110" -> levels ascending; none where its logs are not at hand."""
    logs = pd.concat(map(pd.read_parquet, needs(run)["logs"]))
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


def absent(sources) -> str:
    """A sentence where only this run's series is there, else nothing."""
    return "" if len(sources) > 1 else " No published log is at hand (no connection, and no mirror): none is drawn."
