"""Numbers of idrs/comparison: ceilings and claims of each image, ACR and spread of each method, paired differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.exhibits.idrs import _sigma
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats import spread
from resmooth.stats.intervals import Estimate, paired_mean, paired_shares
from resmooth.stats.metrics import certified_accuracy, class_spread

if TYPE_CHECKING:
    from resmooth.noise.idrs import InputDependent

NAMES = {
    "constant": "RS, base level",
    "mean": "RS, mean level",
    "idrs_mean": "IDRS, network of the mean level",
    "idrs": "IDRS, network of variable noise",
}
OURS, THEIRS = ("idrs", "idrs_mean"), ("constant", "mean")
CLAIMED = "DDRS: claimed, not certified"
SHARES = (0.25, 0.5, 1.0, 1.5)  # radii at which accuracies are compared, in units of sigma_b
DRAWS = 2000  # of the bootstrap, and of labels shuffled


def with_ceilings(frame: pd.DataFrame, role: str, law: InputDependent) -> pd.DataFrame:
    """The certificates of one role; `counted`: the radius, 0 where wrong; `ceiling`: the radius if all n votes agreed."""
    from resmooth import noise
    from resmooth.smoothing.idrs import certified_radius

    p = clopper_pearson(frame.n, frame.n, frame.alpha.iloc[0])
    if role in OURS:
        ceiling = certified_radius(p, frame.sigma, law.rate, law.dim)
    else:
        ceiling = [noise.make("normal", dim=law.dim, sigma=s).radius(q, norm=2) for s, q in zip(frame.sigma, p)]
    radii = np.where(frame.correct == 1, frame.radius, 0.0)
    return frame.assign(role=role, counted=radii, ceiling=np.asarray(ceiling, dtype=float))


def claimed(frame: pd.DataFrame, base: float, pixels: np.ndarray, law: InputDependent) -> pd.DataFrame:
    """The claims of DDRS from one base level.

    design    the r of sigma(x) in this run
    rate      steepest slope of log sigma between two images: no function through these levels is semi-elastic with less
    at_best   the certified radius at that rate, which falls as the rate grows: no such function certifies more
    """
    from resmooth.smoothing.idrs import certified_radius

    steepest = _sigma.slopes(frame.sigma.to_numpy(), pixels[frame.idx])
    rate = steepest.max() if len(steepest) else 0.0
    best = certified_radius(frame.p_lower.to_numpy(), frame.sigma.to_numpy(), rate, law.dim)
    return frame.assign(base=base, rate=rate, design=law.rate, at_best=best)


def check_paired(images: pd.DataFrame, claims: pd.DataFrame) -> None:
    """ValueError unless all methods have the same images with the same labels, in the same order."""
    parts = [part for _, part in images.groupby(["base", "role"])] + [part for _, part in claims.groupby("base")]
    for part in parts:
        if not np.array_equal(part[["idx", "label"]], parts[0][["idx", "label"]]):
            raise ValueError("the methods were certified on different images; certify all of them on the same ones")


def of(images: pd.DataFrame, base: float, role: str) -> pd.DataFrame:
    """The certificates of one method at one base level."""
    return images[(images.base == base) & (images.role == role)]


def summarised(images: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """A row for each base level and method.

    ceiling, highest ceiling   lowest and highest over the images
    ACR                        over all images, with its t interval
    spread                     standard deviation over the classes of their clean accuracy, abstentions counted as errors
    by chance                  what the few images of a class alone make of it, on average (their labels shuffled)
    """
    rows = []
    for base in images.base.unique():
        for role, name in NAMES.items():
            frame = of(images, base, role)
            estimate = paired_mean(frame.counted)
            row = {"sigma_b": base, "method": name} | _clean(frame) | {"ACR": estimate.value}
            row |= {"low": estimate.low, "high": estimate.high}
            row |= {f"{s:g} sigma_b [%]": 100 * certified_accuracy(frame, s * base) for s in SHARES}
            row |= {"ceiling": frame.ceiling.min(), "highest ceiling": frame.ceiling.max()}
            rows.append(row | {"largest radius": frame.counted.max()} | _unequal(frame))
        frame = claims[claims.base == base]
        row = {"sigma_b": base, "method": CLAIMED} | _clean(frame) | {"ACR": 0.0, "low": 0.0, "high": 0.0}
        row |= {f"{s:g} sigma_b [%]": 0.0 for s in SHARES} | {"largest radius": 0.0} | _unequal(frame)
        rows.append(row | {"mean claim": (frame.claimed_radius * frame.correct).mean()})
    return pd.DataFrame(rows).assign(part="summary")


def _clean(frame: pd.DataFrame) -> dict:
    clean = 100 * frame.correct.mean()
    return {"mean level": frame.sigma.mean(), "clean [%]": clean, "abstains": (frame.predict < 0).sum()}


def _unequal(frame: pd.DataFrame) -> dict:
    sizes = frame.groupby("label").size().to_numpy()
    shuffled = spread.by_chance(sizes, int(frame.correct.sum()), DRAWS, np.random.default_rng(0))
    chance = spread.observed(shuffled).mean() if len(sizes) > 1 else math.nan
    return {"spread": class_spread(frame), "by chance": chance}


def overview(summary: pd.DataFrame) -> pd.DataFrame:
    """`summary` for reading, intervals in brackets."""
    acr = [f"{row.ACR:.4f} ({row.low:.4f} to {row.high:.4f})" for row in summary.itertuples()]
    return summary.assign(ACR=acr).drop(columns=["low", "high", "abstains", "largest radius", "part"])


def variance_difference(one: pd.DataFrame, other: pd.DataFrame, level: float = 0.95) -> Estimate:
    """Variance over the classes of their true accuracies, chance taken out: the first less the second, in squared points.

    The same draws every time.
    """
    correct, generator = (one.correct == 1, other.correct == 1), np.random.default_rng(0)
    return spread.variance_difference(*correct, one.label, DRAWS, generator, level).times(1e4)


def paired(images: pd.DataFrame) -> pd.DataFrame:
    """Differences of IDRS less RS on the same images, for either network and either level, with intervals.

    ACR; clean accuracy and that at SHARES, in points; variance over the classes (bootstrap of the images within each class).
    """
    rows = []
    for base in images.base.unique():
        for role in OURS:
            for against in THEIRS:
                one, other = of(images, base, role), of(images, base, against)
                about = {"sigma_b": base, "method": NAMES[role], "against": NAMES[against]}
                rows += [about | {"metric": m} | each._asdict() for m, each in _metrics(one, other, base).items()]
    return pd.DataFrame(rows).assign(part="difference")


def _metrics(one: pd.DataFrame, other: pd.DataFrame, base: float) -> dict[str, Estimate]:
    """All differences of two methods."""
    found = {"ACR": paired_mean(one.counted.to_numpy() - other.counted.to_numpy())}
    found["clean [points]"] = paired_shares(one.correct == 1, other.correct == 1).times(100)
    for s in SHARES:
        reached = [(frame.correct == 1) & (frame.radius >= s * base) for frame in (one, other)]
        if reached[0].any() or reached[1].any():
            found[f"at {s:g} sigma_b [points]"] = paired_shares(*reached).times(100)
    return found | {"variance over classes [squared points]": variance_difference(one, other)}


def in_brackets(differences: pd.DataFrame) -> pd.DataFrame:
    """`differences` for reading: a row for each pair of methods, a column for each metric."""
    cells = [f"{row.value:+.3g} ({row.low:+.3g} to {row.high:+.3g})" for row in differences.itertuples()]
    index = ["sigma_b", "method", "against"]
    shown = differences.assign(cell=cells).pivot(index=index, columns="metric", values="cell")
    return shown[differences.metric.unique()].rename_axis(columns=None).reset_index()


def curves(images: pd.DataFrame, claims: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy [%] against the radius. Of DDRS it is 0; what it claims is in the column `claimed`."""
    parts = []
    for base in images.base.unique():
        claim = claims[claims.base == base].assign(radius=claims.claimed_radius)
        reach = max(images[images.base == base].counted.max(), claim.radius.max(), base / 10)
        radii = np.linspace(0, 1.05 * reach, 400)
        about = {"sigma_b": base, "method": CLAIMED, "radius": radii, "value": 0.0}
        parts.append(pd.DataFrame(about | {"claimed": 100 * certified_accuracy(claim, radii)}))
        for role, name in NAMES.items():
            value = 100 * certified_accuracy(of(images, base, role), radii)
            parts.append(pd.DataFrame({"sigma_b": base, "method": name, "radius": radii, "value": value}))
    return pd.concat(parts).assign(part="curve")
