"""Numbers of noises/masking: what the bounds allow in theory, and what they certify for the masked networks of a run."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth import noise
from resmooth.exhibits.noises._radii import share
from resmooth.smoothing import bounds
from resmooth.stats.intervals import paired_shares
from resmooth.theory.masks import FIXED, IID, UNION, changed, energies, limit, masks, radii

if TYPE_CHECKING:
    from resmooth.noise.mask import Mask

CASES = ((784, 45), (3072, 75), (1024, 75), (64, 8))  # d pixels, of which k stay
MEASURED = (64, 8)  # the case whose masks are drawn
DRAWS, SEED, WITHIN = 20_000, 0, 0.01
TABLE_P = (0.6, 0.75, 0.9, 0.99, 0.999, 0.9999, 1.0)
TABLE_R = (1, 2, 4, 8, 16)


def probabilities() -> pd.DataFrame:
    """The most that a class probability can differ between images that differ in R pixels, by each bound."""
    parts = []
    for d, k in CASES:
        count = np.arange(min(d, math.ceil(1.1 * d / k)) + 1)
        about = {"part": "delta", "dim": d, "k": k}
        for bound, values in changed(d, k, count).items():
            parts.append(pd.DataFrame(about | {"bound": bound, "pixels": count, "value": values}))
    return pd.concat(parts, ignore_index=True)


def shown(deltas: pd.DataFrame) -> pd.DataFrame:
    """A few of these probabilities side by side."""
    few = deltas[deltas.pixels.isin(TABLE_R)]
    return few.pivot_table(index=["dim", "k", "pixels"], columns="bound", values="value", sort=False).reset_index()


def reach() -> pd.DataFrame:
    """Certified pixels against p_A."""
    tails, parts = np.geomspace(1e-4, 0.5, 801)[::-1], []
    for d, k in CASES:
        for bound, values in radii(d, k, 1 - tails).items():
            about = {"part": "radius", "dim": d, "k": k, "bound": bound}
            parts.append(pd.DataFrame(about | {"p_a": 1 - tails, "value": values}))
    return pd.concat(parts, ignore_index=True)


def table_of_radii() -> pd.DataFrame:
    """union / independent / fixed at some p_A, and the limit."""
    rows = []
    for d, k in CASES:
        values = {f"p_A = {p:g}": " / ".join(f"{value:.0f}" for value in radii(d, k, p).values()) for p in TABLE_P}
        rows.append(
            {"d": d, "k": k, "p = k/d": round(k / d, 5), **values, "log(1/2) / log(1-p)": round(limit(d, k), 2)}
        )
    return pd.DataFrame(rows)


def strict_and_whole() -> pd.DataFrame:
    """Where p_A = 1/2 + R p exactly, what is certified; and what not rounding down would add on average."""
    d, k = MEASURED
    p_a = np.linspace(0.5, 1, 100_001)
    lift = np.mean((p_a - 0.5) * d / k - masks(d, k)[0].union_radius(p_a))
    row = {
        "d": d,
        "k": k,
        "p_A": 0.75,
        "(p_A - 1/2) / p": (0.75 - 0.5) * d / k,
        "union radius": radii(d, k, 0.75)[UNION],
    }
    return pd.DataFrame([row | {"added by not rounding down": lift}])


def moments() -> pd.DataFrame:
    r""":math:`E|\epsilon|_2^2 = (1 - p) |x|_2^2` against the mean over drawn masks, for an image of random pixels."""
    d, k = MEASURED
    generator = np.random.default_rng(SEED)
    image = generator.random(d)
    expected, rows = (1 - k / d) * (image**2).sum(), []
    for name, squares in energies(image, k, DRAWS, generator).items():
        error = squares.std(ddof=1) / math.sqrt(DRAWS)
        rows.append((name, expected, squares.mean(), error, (squares.mean() - expected) / error))
    return pd.DataFrame(rows, columns=["mask", "(1 - p) |x|^2", "mean of |eps|^2", "standard error", "z"])


def certified(frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with columns family, name, pixels, p, kept, native, answered, and each bound's radius (-1: wrong or abstained).

    native   "fixed" for masks of a fixed size, else "iid": the exact bound of the noise itself
    fixed    for independent masks, the radius of the same p_A under masks that keep k = p d pixels (nan if there are none)

    ValueError if the radii of the files do not follow from their p_lower.
    """
    parts = []
    for (experiment, sigma), part in frame.groupby(["experiment", "sigma"], sort=False):
        law = cast("Mask", noise.from_label(part.noise.iloc[0], int(part["dim"].iloc[0]), sigma))
        native, kept = (FIXED, law.k) if hasattr(law, "k") else (IID, round(law.p * law.pixels))
        answered, p_lower = ((part.predict >= 0) & (part.correct == 1)).to_numpy(), part.p_lower.to_numpy()
        values = {UNION: law.union_radius(p_lower), native: law.radius(p_lower)}
        if native == IID and 0 < kept < law.pixels:
            values[FIXED] = masks(law.pixels, kept)[1].radius(p_lower)
        values = {bound: np.where(answered, each, -1) for bound, each in values.items()}
        if not (values[native] == np.where(answered, part.radius, -1)).all():
            raise ValueError(
                f"{experiment} at level {sigma:g}: its radii do not follow from its p_lower; certify again"
            )
        name = " ".join(word for word in law.label.split() if not word.startswith("channels"))
        about = {"family": law.name, "name": name, "pixels": law.pixels, "p": law.p, "kept": kept, "native": native}
        nothing = dict.fromkeys((UNION, IID, FIXED), np.nan)
        parts.append(part.assign(**about | nothing | values | {"answered": answered, "exact": values[native]}))
    return pd.concat(parts, ignore_index=True) if parts else frame


def cases(images: pd.DataFrame) -> list:
    """((experiment, level), rows, noise) of the networks, in the order of the config."""
    if images.empty:
        return []
    groups = images.groupby(["experiment", "sigma"], sort=False)
    return [
        (case, part, noise.from_label(part.noise.iloc[0], int(part["dim"].iloc[0]), case[1])) for case, part in groups
    ]


def accuracies(images: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy at each number of pixels by each bound, with its Clopper-Pearson interval, in %."""
    rows = []
    for (experiment, sigma), part, law in cases(images):
        first = part.iloc[0]
        used = [UNION, first.native] + [FIXED] * (first.native == IID and bool(part[FIXED].notna().all()))
        for bound in used:
            for r in range(int(law.radius(1.0)) + 2):
                about = (experiment, law.name, sigma, first.kept, law.pixels, bound, r)
                rows.append((*about, *share(part[bound].to_numpy() >= r)))
    columns = ["experiment", "noise", "sigma", "kept", "pixels_of_image", "bound", "pixels", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def networks(images: pd.DataFrame) -> pd.DataFrame:
    """What the networks certify by both bounds; what their masks and their number of samples allow at all."""
    rows = []
    for (experiment, sigma), part, law in cases(images):
        most = bounds.clopper_pearson(part.n.max(), part.n.max(), part.alpha.max()) - law.slack
        answered, union, exact = part.answered, part[UNION], part.exact
        row = {"experiment": experiment, "noise": law.name, "level": sigma, "pixels": law.pixels}
        row |= {"kept (p d or k)": part.kept.iloc[0], "images": len(part), "correct": answered.sum()}
        row |= {"abstain": (part.predict < 0).sum(), "largest R": law.radius(1.0), "largest R with n": law.radius(most)}
        row |= {"n": part.n.max(), "largest p_A": part.p_lower[answered].max() if answered.any() else 0.0}
        row |= {"p_A for one pixel": 0.5 + law.changed(1), "mean R, union": union.clip(lower=0).mean()}
        row |= {"mean R, exact": exact.clip(lower=0).mean()}
        row |= {"mean R, not rounded down": ((part.p_lower - 0.5) / law.p).where(answered, 0).mean()}
        row |= {"gain": (exact > union).sum()}
        rows.append(row | {"fixed size would lose": (part[FIXED] < exact).sum()})
    return pd.DataFrame(rows)


def differences(images: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy of masks of fixed size less that of independent ones, each by its own exact bound, in points."""
    rows = []
    for sigma, part in images.groupby("sigma") if len(images) else ():
        wide = part.drop_duplicates(["family", "idx"]).pivot(index="idx", columns="family", values="exact").dropna()
        if {"mask", "ablation"} <= set(wide):
            for r in range(int(wide[["mask", "ablation"]].to_numpy().max()) + 1):
                shares = paired_shares(wide["ablation"].to_numpy() >= r, wide["mask"].to_numpy() >= r)
                rows.append((sigma, r, *shares.times(100)))
    return pd.DataFrame(rows, columns=["sigma", "pixels", "value", "low", "high"])
