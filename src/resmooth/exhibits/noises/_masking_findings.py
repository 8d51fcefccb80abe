"""What noises/masking says of the claims: the union bound, its condition, the energy of the noise, and what is certified."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.noises._masking_numbers import CASES, DRAWS, WITHIN, cases
from resmooth.exhibits.noises._radii import share
from resmooth.stats.decisions import FAILS, HOLDS, OPEN, counted, decide, in_words, some, span
from resmooth.stats.intervals import Estimate, from_error, paired_mean
from resmooth.theory.masks import FIXED, IID, UNION, radii


def findings(frames: Frames) -> list[Finding]:
    """The union bound, its condition, the energy of the noise, and that masking certifies anything; then the rest."""
    found = [_union(frames["deltas"]), _condition(frames), _energy(frames["moments"]), _certifies(frames["images"])]
    return found + [observation(text) for text in (_loose(frames), *_limits(frames["networks"]), *_sizes(frames))]


def _union(deltas: pd.DataFrame) -> Finding:
    """Exact: an interval of no width."""
    wide = deltas.pivot(index=["dim", "k", "pixels"], columns="bound", values="value")
    excess = round((wide[IID] - wide[UNION]).max(), 12)
    ratio = (wide[IID] / wide[UNION]).min()
    reason = (
        f"The exact probability that a mask keeps one of R changed pixels is at most the union bound R p in "
        f"{len(wide)} cases of d, k and R; it is down to {100 * ratio:.0f} % of it, with equality at R = 1."
    )
    if excess > 0:
        reason = f"The exact probability exceeds the union bound R p by {excess:.3g} in one of {len(wide)} cases."
    return Finding(
        "noises-mask_union_bound",
        FAILS if excess > 0 else HOLDS,
        reason,
        *Estimate(*[excess] * 3),
        "probability, exact less R p",
    )


def _condition(frames: Frames) -> Finding:
    """What p_A > 1/2 + R p certifies is certified by the exact probability too: in theory, and for every image of the run."""
    wide = frames["reach"].pivot(index=["dim", "k", "p_a"], columns="bound", values="value")
    excess, images = (wide[UNION] - wide[IID]).max(), frames["images"]
    where = f"{len(wide):,} pairs of a mask and a p_A"
    if len(images):
        excess, where = (
            max(excess, (images[UNION] - images.exact).max()),
            f"{where} and {len(images)} certificates of this run",
        )
    word = "never certifies more" if excess <= 0 else f"certifies up to {excess:.0f} pixels more"
    reason = f"The union bound {word} than the exact probability, in {where}."
    return Finding(
        "noises-mask_condition",
        HOLDS if excess <= 0 else FAILS,
        reason,
        *Estimate(*[excess] * 3),
        "pixels, union less exact",
    )


def _energy(moments: pd.DataFrame) -> Finding:
    row = moments.iloc[0]
    ratio = from_error(row["mean of |eps|^2"] / row["(1 - p) |x|^2"], row["standard error"] / row["(1 - p) |x|^2"])
    verdict = decide(ratio, "equal", than=1, within=WITHIN)
    reason = (
        f"Over {DRAWS:,} masks the mean of |eps|^2 is {in_words(ratio, '.4f')} of (1 - p) |x|^2, equal within "
        f"{100 * WITHIN:g} % by its interval, and for masks of a fixed size the same (z = {moments.z.iloc[1]:+.1f})."
    )
    if verdict != HOLDS:
        reason = f"Over {DRAWS:,} masks the mean of |eps|^2 is {in_words(ratio, '.4f')} of (1 - p) |x|^2."
    return Finding("noises-mask_energy", verdict, reason, *ratio, "of (1 - p) |x|^2")


def _certifies(images: pd.DataFrame) -> Finding:
    """Whether some masked network is certified by the union bound against one changed pixel, on more images than none."""
    claim = "noises-mask_robust"
    if images.empty:
        return Finding(claim, OPEN, "This run has no masked network.")
    hits = {case: (part[UNION].to_numpy() >= 1,) for case, part, _ in cases(images)}
    decided = some(hits, "above", share)
    name = images[(images.experiment == decided.case[0]) & (images.sigma == decided.case[1])].name.iloc[0]
    black = [100 * np.mean(hits[case][0]) for case, part, law in cases(images) if law.fill == 0]
    reason = (
        f"By the union bound {in_words(decided.estimate, '.0f', ' %')} of {len(hits[decided.case][0])} images are "
        f"certified against the change of any one pixel ({name}, level {decided.case[1]:g}; of {len(hits)} "
        f"network{'s' * (len(hits) > 1)} the best)."
    )
    if black:
        reason += f" With masked pixels set to 0, as the source has it, it is {span(black, '.0f', ' %')}."
    return Finding(claim, decided.verdict, reason, *decided.estimate, "% of images")


def _loose(frames: Frames) -> str:
    """How loose the union bound is, in theory and here; fixed size against independent in theory."""
    at_one = {case: radii(*case, 1.0) for case in CASES}
    apart = sum(each[IID] != each[FIXED] for each in at_one.values())
    pairs = ", ".join(
        f"{each[UNION]:.0f} instead of {each[IID]:.0f} pixels (d = {d}, k = {k})" for (d, k), each in at_one.items()
    )
    text = (
        f"With p_A = 1 the union bound certifies {pairs}. Masks of a fixed size certify as much as independent ones in "
        f"{len(CASES) - apart} of these {len(CASES)} cases and less in {apart}."
    )
    networks, images = frames["networks"], frames["images"]
    if len(networks):
        gains = [paired_mean(part.exact.clip(lower=0) - part[UNION].clip(lower=0)) for _, part, _ in cases(images)]
        text += (
            f" In this run the exact bound certifies more pixels for {networks.gain.sum()} of "
            f"{networks.correct.sum()} correct answers, over {len(networks)} network{'s' * (len(networks) > 1)} "
            f"({span([gain.value for gain in gains], '+.2f')} pixels on average; {counted(gains)})."
        )
    return text


def _limits(networks: pd.DataFrame) -> list[str]:
    """What the networks certify, and why some certify nothing."""
    if networks.empty:
        return []
    best = networks.loc[networks["mean R, exact"].idxmax()]
    found = [
        "No image is certified against the change of a single pixel, by either bound: the networks show clean accuracy alone."
    ]
    if best["mean R, exact"] > 0:
        found = [
            f"The largest mean radius over all images is {best['mean R, exact']:.2f} pixels ({best.experiment}, "
            f"level {best.level:g})."
        ]
    found += _more_masking(networks)
    hopeless, possible = (networks[part] for part in (networks["largest R"] == 0, networks["largest R"] > 0))
    if len(hopeless):
        found.append(
            f"At level {_levels(hopeless)} no classifier is certified, since a pixel is kept with probability 1/2 "
            f"or more; the radius that is not rounded down, {hopeless['mean R, not rounded down'].max():.2f} pixels "
            "on average there, certifies nothing."
        )
    if len(possible) and best["mean R, exact"] == 0:
        wanted = ", ".join(f"{p:.3f}" for p in sorted(set(possible["p_A for one pixel"])))
        found.append(
            f"At level {_levels(possible)} one pixel needs p_A above {wanted}, and the largest lower bound on the "
            f"p_A of a correct answer is {possible['largest p_A'].max():.3f}: so few pixels of such an image do not "
            "tell its class."
        )
    return found


def _more_masking(networks: pd.DataFrame) -> list[str]:
    """What more masking does to the share that is classified and to the radius, in means over the networks of a level."""
    right = (100 * networks.correct / networks.images).groupby(networks.level).mean()
    pixels = networks.groupby("level")["mean R, exact"].mean()
    if len(right) < 2:
        return []
    each = [f"{right[level]:.0f} % right and {pixels[level]:.2f} pixels at level {level:g}" for level in right.index]
    return [f"More masking leaves less to see, and lets the same p_A certify more pixels: {'; '.join(each)} (means)."]


def _levels(networks: pd.DataFrame) -> str:
    return ", ".join(f"{level:g}" for level in sorted(set(networks.level)))


def _sizes(frames: Frames) -> list[str]:
    """Masks of a fixed size against independent ones, both trained."""
    found = frames["differences"]
    if found.empty:
        return []
    apart = found[(found.low > 0) | (found.high < 0)]
    values = f"; {span(apart.value, '+.0f', ' points')}" if len(apart) else ""
    return [
        f"Fixed against independent size at one level: {len(apart)} of {len(found)} differences in certified "
        f"accuracy exclude zero (95 %, paired, one network each{values})."
    ]
