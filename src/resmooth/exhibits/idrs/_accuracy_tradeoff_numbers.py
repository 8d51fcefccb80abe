"""Numbers of idrs/accuracy_tradeoff: radii that count at one alpha, certified accuracy and ACR, and steps between levels."""

from typing import cast

import numpy as np
import pandas as pd

from resmooth.audit.checks import at_alpha, radius_ceiling
from resmooth.exhibits.idrs import _levels
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.intervals import Estimate, paired_mean, paired_shares

RADII = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)  # of certified accuracy, in units of the [0, 1] image
ACR, ACCURACY, CLEAN = "ACR over all", "certified accuracy [%]", "clean accuracy [points]"
STEP_COLUMNS = ["source", "smaller", "sigma", "metric", "value", "low", "high", "verdict", "part"]


def at_one_alpha(series: _levels.Series) -> tuple[_levels.Series, str]:
    """The logs of a series as the same counts read at the paper's alpha, and in words which were made at a larger one."""
    made, alike, changed = _levels.alphas(series), {}, []
    for sigma, log in series.items():
        alpha, told = made.loc[sigma]
        larger = alpha > _levels.ALPHA
        alike[sigma] = at_alpha(log, sigma, _levels.N, alpha, _levels.ALPHA) if larger else log
        changed += [f"sigma {sigma:g} from {alpha:g}{'' if told else ' (not told)'}"] if larger else []
    return alike, ", ".join(changed)


def reached(series: _levels.Series, source: str, n: int, alpha: float) -> pd.DataFrame:
    """The radius that counts for each image that all levels have, -1 where it is wrong or abstains: long, by level and image."""
    counted = {
        sigma: pd.Series(np.where((frame.correct == 1) & (frame.predict >= 0), frame.radius, -1.0), frame.idx)
        for sigma, frame in sorted(series.items())
    }
    wide = pd.DataFrame(counted).dropna().rename_axis(index="idx", columns="sigma")
    long = wide.T.stack().rename("reached").reset_index()
    return long.assign(source=source, n=n, alpha=alpha)


def sizes(name: str, series: _levels.Series, images: pd.DataFrame, changed: str) -> dict:
    """How many images of a series count, of how many; and which of its logs were brought to another alpha."""
    row = {"name": name, "source": images.source.iloc[0], "images": images.idx.nunique()}
    row |= {"of": max(map(len, series.values())), "n": images.n.iloc[0], "alpha": images.alpha.iloc[0]}
    return row | {"changed": changed}


def wide(images: pd.DataFrame, source: str) -> pd.DataFrame:
    """The radii of one source: images by levels, ascending."""
    return images[images.source == source].pivot(index="idx", columns="sigma", values="reached")


def shares_and_acr(images: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy at RADII (Clopper-Pearson interval) and ACR (t interval), for each source and level.

    Beyond the ceiling sigma Phi^-1(alpha^(1/n)) certified accuracy is 0 for certain.
    """
    rows = []
    for (source, sigma, n, alpha), part in images.groupby(["source", "sigma", "n", "alpha"], sort=False):
        radii = part.reached.to_numpy()
        about = {"source": source, "sigma": sigma, "images": len(radii)}
        for r in RADII:
            held = int((radii >= r).sum())
            low, high = clopper_pearson(held, len(radii), 0.05, side="both")
            if r > radius_ceiling(sigma, n, alpha):
                high = 0.0
            shares = dict(zip(("value", "low", "high"), 100 * np.array([held / len(radii), low, high])))
            rows.append(about | {"metric": ACCURACY, "radius": r} | shares)
        rows.append(about | {"metric": ACR} | paired_mean(radii.clip(min=0))._asdict())
    return pd.DataFrame(rows).assign(part="value")


def overview(values: pd.DataFrame) -> pd.DataFrame:
    """`values` for reading: a row for each source and level, intervals in brackets."""
    entries = [
        f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})"
        if row.metric == ACR
        else f"{row.value:.1f} ({row.low:.1f} to {row.high:.1f})"
        for row in values.itertuples()
    ]
    names = ["clean accuracy [%]" if r == 0 else ACR if np.isnan(r) else f"r = {r:g} [%]" for r in values.radius]
    shown = values.assign(entry=entries, column=names).pivot(
        index=["source", "sigma"], columns="column", values="entry"
    )
    order = ["clean accuracy [%]", ACR, *[name for name in dict.fromkeys(names) if name.startswith("r =")]]
    rows = pd.MultiIndex.from_frame(values[["source", "sigma"]].drop_duplicates())
    return shown.loc[rows, order].rename_axis(columns=None).reset_index()


def pairs(images: pd.DataFrame, source: str) -> dict[tuple[float, float], tuple[pd.Series, pd.Series]]:
    """(smaller, larger) of neighbouring levels of one source -> radii on the same images: (of the larger, of the smaller)."""
    radii = wide(images, source)
    return {(one, other): (radii[other], radii[one]) for one, other in zip(radii.columns, radii.columns[1:])}


def clean(larger: pd.Series, smaller: pd.Series, level: float = 0.95) -> Estimate:
    """Clean accuracy at the larger level less that at the smaller, in points."""
    return paired_shares(larger >= 0, smaller >= 0, level).times(100)


def certified(larger: pd.Series, smaller: pd.Series, level: float = 0.95) -> Estimate:
    """ACR at the larger level less that at the smaller."""
    return paired_mean(larger.clip(lower=0) - smaller.clip(lower=0), level)


def steps(images: pd.DataFrame) -> pd.DataFrame:
    """What changes from each level to the next larger one, and whether it rises, falls or is not resolved."""
    rows = []
    for source in images.source.unique():
        for (smaller, sigma), pair in pairs(images, source).items():
            for metric, estimate in ((CLEAN, clean(*pair)), (ACR, certified(*pair))):
                about = {"source": source, "smaller": smaller, "sigma": sigma, "metric": metric}
                verdict = {1: "rises", -1: "falls", 0: "not resolved"}[cast("int", estimate.sign())]
                rows.append(about | estimate._asdict() | {"verdict": verdict, "part": "step"})
    return pd.DataFrame(rows, columns=STEP_COLUMNS)
