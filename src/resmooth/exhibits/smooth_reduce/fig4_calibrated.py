r"""Smooth-Reduce against the network alone, at the same number of evaluations.

Smooth-Reduce, Fig. 4b and 8. The network alone votes on n noisy copies, k patches on the first n / k of theirs, so that both
take n evaluations to bound p_A. Certified radii are R / L, at one alpha for both. The paper's way is beside them: R itself, and
alpha = 0.01 for the patches alone. The n_0 copies that select a class are not counted, as in the paper; this favours the patches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce import _calibrated_drawing as drawing
from resmooth.exhibits.smooth_reduce import _calibrated_numbers as numbers
from resmooth.exhibits.smooth_reduce._calibrated_numbers import LOOSE, RADII
from resmooth.exhibits.smooth_reduce._methods import CASE, CERTIFIED, PUBLISHED, noise_on
from resmooth.stats.decisions import OPEN, counted, every, span
from resmooth.stats.intervals import Estimate, paired_mean, paired_shares

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run

LARGER, HIGHER = "smooth_reduce-equal_evaluations_radii", "smooth_reduce-equal_evaluations_accuracy"


def needs(run: Run) -> dict[str, list[str]] | None:
    """The counts of the network alone and of its patches in fixed rows."""
    if len(numbers.compared(run)) < 2:
        return None
    return {"counts": [path for each, sigma in numbers.cases(run) for path in run.counts(each.name, sigma)]}


def settings(run: Run) -> dict:
    """How certificates are made here."""
    return {key: value for key, value in run.config["certify"].items() if key in ("alpha", "n")}


def compute(run: Run) -> Frames:
    """images: certificates of each; averages, curves; differences: patches less the network alone, paired."""
    frame = numbers.images(run, settings(run)["alpha"])
    found = {name: getattr(numbers, name)(frame) for name in ("averages", "curves", "differences")}
    return {"images": frame, **found}


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, and the averages."""
    parts = [frames[name].assign(part=name) for name in ("averages", "differences", "curves")]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame = frames["images"]
    alone, patches = frame[frame.k == 0], frame[frame.k > 0]
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(frame.sigma.unique()))
    spent = ", ".join(f"{n:,} (k = {k})" for k, n in sorted(set(zip(patches.k, patches.n))))
    return (
        f"**Here.** One network of {', '.join(alone.base.unique())} at sigma = {levels} by n = {alone.n.max():,} noisy copies of "
        f"each of {frame.idx.nunique()} images, and k patches by {spent or 'none'}; alpha = {alone.alpha.max():g} for both, and "
        f"{LOOSE:g} for the patches as published. The paper: SmoothAdv's ResNet-110 on CIFAR-10, 100,000 copies against 10,000 "
        "of 10 patches; its sigma is not stated."
    )


def findings(frames: Frames) -> list[Finding]:
    """Radii and certified accuracies at equal evaluations; then what would be found without counting them equally."""
    frame = frames["images"]
    parts, alpha = numbers.variants(frame), frame.alpha[frame.k == 0].max()
    images = f"{frame.idx.nunique()} images, network fixed"
    if not (frame.k > 0).any():
        reason = "No number of patches leaves a sample to certify with at equal evaluations."
        return [Finding(claim, OPEN, reason) for claim in (LARGER, HIGHER)]
    if not frame.certified[frame.k == 0].any():
        reason = f"The network alone certifies none of {images}: there is no radius to compare with."
        return [Finding(claim, OPEN, reason) for claim in (LARGER, HIGHER)]
    return [_larger(parts, alpha, images), _higher(parts, alpha, images), _ceilings(frames["averages"])]


def _larger(parts: dict[float, pd.DataFrame], alpha: float, images: str) -> Finding:
    """The ACR of patches less that of the network alone, in every case."""
    apart = {case: own - one for case, (own, one) in numbers.pairs(parts[alpha], CERTIFIED).items()}
    decided, one = every(apart, "above"), parts[alpha][parts[alpha].k == 0].groupby("sigma").certified.mean()
    own = {case: paired_mean(each) for case, each in apart.items()}
    claimed = [paired_mean(first - second) for first, second in numbers.pairs(parts[_loose(parts)], PUBLISHED).values()]
    reason = (
        f"At equal evaluations and alpha = {alpha:g} the certified ACR of patches differs from the network's "
        f"({span(one, '.3f')}) by {_by_place(own, '+.3f')} ({counted(own.values())}; {images}). As published, R at alpha = "
        f"{_loose(parts):g}: {span([each.value for each in claimed], '+.3f')} ({counted(claimed)}). Decided by "
        f"{named(decided.case)}."
    )
    return Finding(LARGER, decided.verdict, reason, *decided.estimate, "ACR, patches - one network")


def _higher(parts: dict[float, pd.DataFrame], alpha: float, images: str) -> Finding:
    """The certified accuracy of patches less that of the network alone, in every case and at every radius compared."""
    both = _at_radii(parts[alpha], CERTIFIED)
    decided = every(both, "above", paired_shares)
    own = {case: paired_shares(*each).times(100) for case, each in both.items()}
    words = "; ".join(
        f"at {radius:g} sigma by {_by_place({case[:-1]: each for case, each in own.items() if case[-1] == radius}, '+.1f')}"
        for radius in RADII
    )
    claimed = [paired_shares(*each).times(100) for each in _at_radii(parts[_loose(parts)], PUBLISHED).values()]
    reason = (
        f"At equal evaluations and alpha = {alpha:g} certified accuracies of patches differ from the network's {words} points "
        f"({counted(own.values())}; {images}). As published, R at alpha = {_loose(parts):g}: "
        f"{span([each.value for each in claimed])} points ({counted(claimed)}). Decided by {named(decided.case[:-1])} at "
        f"{decided.case[-1]:g} sigma."
    )
    return Finding(HIGHER, decided.verdict, reason, *decided.estimate.times(100), "points, patches - one network")


def _at_radii(part: pd.DataFrame, kind: str) -> dict[tuple, tuple]:
    return {(*case, r): both for r in RADII for case, both in numbers.pairs(part, kind, r).items()}


def _loose(parts: dict[float, pd.DataFrame]) -> float:
    """The alpha that patches have as published."""
    return list(parts)[-1]


def _by_place(own: Mapping[Any, Estimate], form: str) -> str:
    """The span of values for each place of the noise: "-0.011 to +0.003 (noise on the image)"."""
    found: dict[str, list[float]] = {}
    for case, estimate in own.items():
        found.setdefault(noise_on(dict(zip(CASE, case))["space"]), []).append(estimate.value)
    return ", ".join(f"{span(values, form)} ({place})" for place, values in found.items())


def named(case: tuple) -> str:
    """A classifier in words: "Smooth-Max of 4 patches, noise on each patch, sigma 0.25"."""
    about = dict(zip(CASE, case))
    return f"{about['method']} of {about['k']} patches, {noise_on(about['space'])}, sigma {about['sigma']:g}"


def _ceilings(averages: pd.DataFrame) -> Finding:
    """How large a radius each can certify at all."""
    certified = averages[averages.kind == CERTIFIED].assign(ratio=averages.largest / averages.sigma)
    alone, patches = certified[certified.k == 0].iloc[0], certified[certified.k > 0]
    first = patches.drop_duplicates(["space", "k", "alpha"])
    own, loose = first[first.alpha == alone.alpha], first[first.alpha == LOOSE]
    words = ", ".join(f"{row.ratio:.2f} (k = {row.k}, {noise_on(row.space)})" for row in own.itertuples())
    more = (
        f"; at alpha = {LOOSE:g} they have {span(loose.ratio, '.2f')}" if len(loose) and len(loose) < len(first) else ""
    )
    return observation(
        f"The largest radius that can be certified at all is {alone.ratio:.2f} sigma for the network alone; for patches, which "
        f"have n / k samples and divide by L, it is {words}{more}."
    )


def draw(frames: Frames) -> Figure:
    """For each level: certified accuracies, those as published, and the differences in ACR."""
    return drawing.figure(frames["curves"], frames["differences"], frames["averages"])
