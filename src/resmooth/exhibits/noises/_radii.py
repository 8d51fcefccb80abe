"""Networks under different noises: which are compared, their certificates, and each image's radii in l1, l2 and linf.

The exhibits `certified_accuracy`, `envelope` and `splitting` share this module. A *series* is one noise with one recipe: "exp1
k=2", "uniform + stability". Colours and groups follow from the modules of `resmooth.noise`: a new family needs no change here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth import noise
from resmooth.noise.base import inclusion
from resmooth.noise.radial import Radial
from resmooth.smoothing import bounds
from resmooth.stats import decisions
from resmooth.stats.intervals import Estimate, paired_mean

if TYPE_CHECKING:
    from resmooth.plan import Run
    from resmooth.plan.run import Case

NORMS = {"l1": 1, "l2": 2, "linf": math.inf}
REFERENCE = "normal"
SILENT = ("template=", "arithmetic=", "channels=")  # of a noise's label, what the name of a series leaves out
INDEPENDENT, REPLACED = "independent coordinates", "uniform, and noise not added"
EDGED, ROUND, OTHER = "a law of $|x|_\\infty$ or $|x|_1$", "a law of $|x|_2$", "other training"
GROUPS = (INDEPENDENT, REPLACED, EDGED, ROUND, OTHER)
COLOURS = 7


def comparable(run: Run) -> list[Case]:
    """The cases that can be compared: certificates of a length, and a training that another noise than normal shares."""
    lengths = [case for case in run.cases if not case.experiment.role and _measures_length(case.experiment.family)]
    shared = {_training(case) for case in lengths if case.experiment.noise != REFERENCE}
    return [case for case in lengths if _training(case) in shared]


def _measures_length(family: str) -> bool:
    """Whether its certificates are lengths (those of masks count pixels), and follow from one level for all images."""
    law = noise.NOISES[family]
    return 0 not in law.norms and not law.input_dependent


def _training(case: Case) -> tuple[str, str]:
    return case.experiment.architecture, case.experiment.recipe


def certificates(run: Run) -> list[str]:
    """Paths of the certificates of the first network of each comparable case."""
    return [run.paths.certificates(*case.key, "member-1") for case in comparable(run)]


def read(run: Run) -> pd.DataFrame:
    """These certificates, with the columns family, series, group, variant and l1, l2, linf (see `named` and `with_radii`).

    Of several architectures the one with most experiments; `left_out` names the others.
    """
    frame = run.read_certificates(certificates(run))
    frame["dataset"] = run.dataset
    architecture = frame.groupby("architecture").experiment.nunique().idxmax()
    frame["left_out"] = ", ".join(sorted(set(frame.architecture) - {architecture}))
    return with_radii(named(frame[frame.architecture == architecture].reset_index(drop=True)))


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """With columns family; variant (whether its recipe is not the usual one, which most noises have); series; group."""
    usual = frame.groupby("recipe").noise.nunique().idxmax()
    label = {text: " ".join(word for word in text.split() if not word.startswith(SILENT)) for text in set(frame.noise)}
    variant = frame.recipe != usual
    series = frame.noise.map(label) + (" + " + frame.recipe).where(variant, "")
    frame = frame.assign(family=frame.noise.map(lambda text: text.split()[0]), variant=variant, series=series)
    groups = {family: group_of(family) for family in set(frame.family)}
    group = frame.family.map(groups).where(~variant, OTHER)
    steady = stable(frame)
    return frame.assign(group=group.where(series != steady, REPLACED) if steady else group)


def stable(frame: pd.DataFrame) -> str | None:
    """The series of uniform noise with stability training, or None."""
    found = frame[(frame.family == "uniform") & (frame.method == "stability") & frame.variant]
    return found.series.iloc[0] if len(found) else None


def group_of(family: str) -> str:
    """The group in which a family is drawn: by whether it is added, and by the norm on which its density depends."""
    law = noise.NOISES.get(family)
    if law is None or (law.additive and not issubclass(law, Radial)):
        return INDEPENDENT
    if not law.additive:
        return REPLACED
    return ROUND if law.norms[0] == 2 else EDGED


def colour_of(family: str, variant: bool = False) -> str:
    """Colours that differ within a group, and among uniform, Laplace and splitting noise. `variant`: trained otherwise."""
    if family == REFERENCE:
        return "0.7" if variant else "0.45"
    group = group_of(family)
    others = [name for name in noise.FAMILIES if name != REFERENCE and _measures_length(name)]
    alike = [name for name in others if group_of(name) == group]
    rank = alike.index(family) if family in alike else len(alike)
    return f"C{(rank + 4 * (group == REPLACED) + 4 * variant) % COLOURS}"


def colours(frame: pd.DataFrame) -> dict[str, str]:
    """series -> colour."""
    each = frame.drop_duplicates("series")
    return {row.series: colour_of(row.family, row.variant) for row in each.itertuples()}


def with_radii(frame: pd.DataFrame) -> pd.DataFrame:
    """With columns l1, l2, linf: the radius that counts for an image in that norm, -1 where it is wrong or abstains.

    Radii follow from the lower bound on p_A; those of deterministic noise from all counts, of which the file has the
    radius in the noise's own norm. ValueError if the radii of the files do not follow from their p_lower.
    """
    frame = frame.assign(**dict.fromkeys(NORMS, -1.0))
    for (series, sigma, label, dim), part in frame.groupby(["series", "sigma", "noise", "dim"]):
        law, own = noise.from_label(label, int(dim), sigma), float(part.norm.iloc[0])
        good = part[(part.correct == 1) & (part.predict >= 0)]
        for name, norm in NORMS.items():
            if law.passes:
                values = inclusion(norm, own, law.dim) * good.radius
            else:
                values = law.radius(good.p_lower.to_numpy(), norm)
            if norm == own and not np.allclose(values, good.radius):
                raise ValueError(
                    f"{series} at sigma {sigma:g}: its radii do not follow from its p_lower; certify again"
                )
            frame.loc[good.index, name] = values
    return frame


def wide(frame: pd.DataFrame, norm: str) -> pd.DataFrame:
    """The radii that count, image by image: [images, (series, sigma)], -1 where wrong; images that all networks certified."""
    return frame.pivot(index="idx", columns=["series", "sigma"], values=norm).dropna()


def levels(frame: pd.DataFrame) -> dict[str, list[float]]:
    """series -> its sigmas, ascending; series in the order of the config."""
    return {series: sorted(part.sigma.unique()) for series, part in frame.groupby("series", sort=False)}


def some(values: list) -> list:
    """Of many levels the lowest, the middle and the highest: for figures and sentences; tables have all."""
    return sorted({values[0], values[len(values) // 2], values[-1]}) if len(values) else []


def printed_claims(path: str, dataset: str) -> pd.DataFrame:
    """The rows of the published table (id, dataset, method, radius, printed, value, ...) for `dataset`, or else CIFAR-10.

    `series` is this project's name of the same noise ("" if there is none; "stability" for uniform noise with that training).
    """
    claims = pd.read_csv(path, dtype={"printed": str})
    claims = claims[(claims.source == "noises") & (claims.item == "certified_accuracy") & claims.printed.notna()]
    found = claims[claims.dataset == (dataset if dataset in set(claims.dataset) else "cifar10")]
    names = {"Laplace (Teng et al.)": "laplace", "Uniform": "uniform", "Uniform + stability": "stability"}
    return found.assign(value=found.printed.astype(float), series=found.method.map(names).fillna(""))


def acr(values: pd.Series) -> pd.Series:
    """What each image adds to the average certified radius over all images."""
    return values.clip(lower=0)


def share(hits: np.ndarray, level: float = 0.95) -> Estimate:
    """A share of images (bool [N]) with its Clopper-Pearson interval, in %."""
    low, high = bounds.clopper_pearson(int(np.sum(hits)), len(hits), round(1 - level, 12), "both")
    return Estimate(*(100 * np.array([np.mean(hits), low, high])))


def in_words(estimate: Estimate, form: str, unit: str = "") -> str:
    """As `decisions.in_words`, and readable where one image allows no interval."""
    if np.isnan(estimate.low):
        return f"{estimate.value:{form}}{unit} (one image, no interval)"
    return decisions.in_words(estimate, form, unit)


def where(frame: pd.DataFrame) -> str:
    """What this run compares, as one paragraph."""
    images, sampled = frame.drop_duplicates("idx"), frame[frame.n0 > 0]
    at_levels: dict[str, list[str]] = {}
    for series, sigmas in levels(frame).items():
        at_levels.setdefault(", ".join(f"{sigma:g}" for sigma in sigmas), []).append(series)
    chance = f"n = {sampled.n.max():,.0f}, alpha = {sampled.alpha.max():g}" if len(sampled) else "no sampling"
    left = frame.left_out.iloc[0]
    return (
        f"**Here.** {frame.dataset.iloc[0]} ({frame.dim.max():,} coordinates): "
        + "; ".join(f"{', '.join(members)} at sigma {sigmas}" for sigmas, members in at_levels.items())
        + f". {frame.architecture.iloc[0]}{', and not ' * bool(left)}{left}; one network each, {len(images)} images, "
        f"{chance}. Radii are in units of the [0, 1] image; abstentions count as errors. Networks, schedules and sizes are "
        "not the papers': orderings can be compared, and numbers only where the data are the same."
    )


def largest(frame: pd.DataFrame, norm: str, sigma: float, series: list[str]) -> str:
    """One sentence: which of `series` has the largest ACR in `norm`, and whether it is resolved from the next."""
    values = wide(frame, norm)
    means = {each: acr(values[each, sigma]) for each in series}
    best, following = sorted(series, key=lambda each: -means[each].mean())[:2]
    apart = paired_mean(means[best] - means[following])
    return (
        f"In {norm} at sigma {sigma:g} the largest ACR is that of {best} ({means[best].mean():.3f}), before {following} "
        f"({means[following].mean():.3f}; {'resolved' if apart.sign() > 0 else 'not resolved'})."
    )
