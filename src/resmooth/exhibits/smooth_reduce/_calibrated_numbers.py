"""Numbers of smooth_reduce/fig4_calibrated: certificates by the first n / k samples, and differences from one network by n."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth import noise, storage
from resmooth.audit.checks import radius_ceiling
from resmooth.classifiers.names import patches_of
from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce._methods import CASE, CERTIFIED, PUBLISHED, Case
from resmooth.stats.intervals import paired_mean, paired_shares

if TYPE_CHECKING:
    from resmooth.plan import Experiment, Run

LOOSE = 0.01  # alpha of Smooth-Reduce in the paper's experiment, where the network alone has 0.001
RADII = (0.5, 1.0)  # at which certified accuracies are compared, in sigma
KINDS = {
    CERTIFIED: ("radius", "certified"),
    PUBLISHED: ("published", "claimed"),
}  # columns: radius, and what the ACR adds up
BEYOND = "certified accuracy at {:g} sigma [points]"
ACR = "ACR"


def compared(run: Run) -> list[Experiment]:
    """The first experiment that Smooth-Reduce certifies, then its patches in fixed rows, all of one size of the resized image."""
    if not run.reduced:
        return []
    base, first = run.reduced[:2]
    side = first.patches.get("resize")
    alike = [each for each in run.patched(base.name) if each.patches.get("resize") == side]
    return [base, *(each for each in alike if each.patches.get("layout") != "random")]


def cases(run: Run) -> list[tuple[Experiment, str]]:
    """(experiment, level): the network alone at the levels at which patches are certified too."""
    base, *patched = compared(run)
    levels = [sigma for sigma in base.sigmas if any(sigma in each.sigmas for each in patched)]
    return [(each, sigma) for each in (base, *patched) for sigma in levels if sigma in each.sigmas]


def images(run: Run, alpha: float) -> pd.DataFrame:
    """Certificates image by image, with the columns of `_methods.read` and the alpha that they were made with.

    The network alone has all n samples, k patches the first n / k, rounded down to where counts were kept; both at `alpha`, and
    patches at LOOSE too. Classifiers for which n / k leaves nothing are left out.
    """
    parts = []
    (base, first), *_ = keys = cases(run)
    limit = run.config["certify"].get("n")
    counts, _ = storage.read_counts(run.counts(base.name, first), limit)
    budget, step = int(counts.n.min()), int(counts.step.max())
    for each, sigma in keys:
        for name in each.classifiers if each.patches else ["member-1"]:
            k = patches_of(name)
            n = budget if k == 0 else budget // k // step * step
            if k == 1 or n == 0:
                continue
            counts, facts = storage.read_counts(run.counts(each.name, sigma), n if k else limit)
            own = counts[counts.classifier == name]
            for level in dict.fromkeys((alpha, LOOSE) if k else (alpha,)):
                about = {"base": base.name, "experiment": each.name, "sigma": float(sigma), "k": k, "frames": 0}
                about |= {"space": each.patches.get("noise_space", ""), "method": methods.named(name), "alpha": level}
                parts.append(certified(own, facts, level).assign(**about))
    return methods.scored(pd.concat(parts, ignore_index=True))


def certified(counts: pd.DataFrame, facts: dict, alpha: float) -> pd.DataFrame:
    """CERTIFY by the counts of one classifier, which were sampled as `facts` say; `radius` is R / L."""
    from resmooth.smoothing.certify import certify_from_counts

    law = noise.from_label(facts["noise"], facts["dim"], facts["sigma"], facts.get("arithmetic", "float"))
    result = certify_from_counts(np.stack(counts.counts0), np.stack(counts.counts), law, alpha)
    lipschitz = facts.get("lipschitz", {}).get(counts.classifier.iloc[0], 1.0)
    found: dict[str, Any] = {"predict": result.predict, "radius": result.radius / lipschitz, "lipschitz": lipschitz}
    found["correct"] = (result.predict == counts.label).astype(int)
    return counts[["idx", "label", "n0", "n"]].assign(members=1, **found)


def variants(frame: pd.DataFrame) -> dict[float, pd.DataFrame]:
    """alpha -> the certificates of patches made with it, each time with those of the network alone at its own alpha."""
    return {alpha: frame[(frame.k == 0) | (frame.alpha == alpha)] for alpha in dict.fromkeys(frame.alpha)}


def averages(frame: pd.DataFrame) -> pd.DataFrame:
    """The averages of `_methods.averages` with n, alpha and `largest`, the largest radius that n samples certify, over L."""
    found = []
    for (alpha, n), part in frame.groupby(["alpha", "n"], sort=False):
        found.append(methods.averages(part).assign(alpha=alpha, n=n))
    table = pd.concat(found, ignore_index=True)
    ceilings = [radius_ceiling(row.sigma, row.n, row.alpha) for row in table.itertuples()]
    table["largest"] = np.where(table.kind == CERTIFIED, ceilings / table.lipschitz, ceilings)
    return table


def curves(frame: pd.DataFrame) -> pd.DataFrame:
    """The curves of `_methods.curves`, with alpha."""
    parts = [methods.curves(part).assign(alpha=alpha) for alpha, part in variants(frame).items()]
    return pd.concat(parts, ignore_index=True)


def pairs(part: pd.DataFrame, kind: str, radius: float | None = None) -> dict[Case, tuple[np.ndarray, np.ndarray]]:
    """What each image adds to the ACR of patches and of the network alone; with `radius` [sigma], whether it is certified there.

    By case, a tuple of CASE. `part`: one of `variants`.
    """
    own, adds = KINDS[kind]
    if radius is None:
        return methods.beside_one(part, adds)
    hit = (part.correct == 1) & (part[own] >= radius * part.sigma)
    return methods.beside_one(part.assign(hit=hit.astype(float)), "hit")


def differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Patches less the network alone, for each alpha, kind of radius and measure, with paired 95 % intervals over the images."""
    rows = []
    for alpha, part in variants(frame).items():
        for kind in KINDS:
            for case, (own, one) in pairs(part, kind).items():
                rows.append((*case, alpha, kind, ACR, *paired_mean(own - one)))
            for radius in RADII:
                for case, both in pairs(part, kind, radius).items():
                    rows.append((*case, alpha, kind, BEYOND.format(radius), *paired_shares(*both).times(100)))
    return pd.DataFrame(rows, columns=[*CASE, "alpha", "kind", "measure", "value", "low", "high"])
