"""What idrs/comparison says of the claims: the three problems of a constant sigma, whether IDRS pays, ceilings, DDRS."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs import _levels
from resmooth.exhibits.idrs._comparison_numbers import NAMES, of, variance_difference
from resmooth.stats.decisions import OPEN, counted, every, some
from resmooth.stats.intervals import Estimate, paired_mean, paired_shares


def findings(frames: Frames) -> list[Finding]:
    """What sigma(x) does to the three problems of a constant sigma, and whether it pays; ceilings; DDRS."""
    images, claims = frames["images"], frames["claims"]
    about = f"{images.idx.nunique()} images, paired; one network for each row"
    pairs = {
        (base, role): (of(images, base, role), of(images, base, "mean"))
        for base in images.base.unique()
        for role in ("idrs_mean", "idrs")
    }
    found = [_ceilings(images), _beyond(pairs, about), *_tradeoff(pairs, about), _fairness(pairs, about)]
    found.append(_needs_care(claims))
    less = frames["differences"]
    less = less[(less.method == NAMES["idrs"]) & (less.against == NAMES["constant"]) & (less.metric == "ACR")]
    more = "; ".join(
        f"sigma_b = {row.sigma_b:g} {said(Estimate(row.value, row.low, row.high))}" for row in less.itertuples()
    )
    found.append(
        observation(
            "Against RS at the base level, which has less noise, the ACR of IDRS (trained with variable noise) "
            f"differs by: {more} ({about}). What of this is due to more noise alone, the comparison at the mean level "
            "takes out."
        )
    )
    return [
        *found,
        *(observation(_ceiling_in_words(images, base)) for base in images.base.unique()),
        *_ddrs_in_words(claims),
    ]


def said(estimate: Estimate, unit: str = "", form: str = "+.3g") -> str:
    """A difference with its interval, and whether it is resolved, in words."""
    value, low, high = estimate
    if np.isnan(low):
        return f"{value:{form}}{unit} (no interval)" if np.isfinite(value) else "no value"
    resolved = "resolved" if estimate.sign() else "not resolved"
    return f"{value:{form}}{unit} ({low:{form}} to {high:{form}}, {resolved})"


def _cases_in_words(cases: dict, interval: Callable[..., Estimate], unit: str = "", form: str = "+.3g") -> str:
    """The estimate of each case, first by the network of the mean level, then by that of variable noise."""
    parts = []
    for role in ("idrs_mean", "idrs"):
        each = [
            f"{said(interval(*data), unit, form)} at sigma_b = {base:g}"
            for (base, r), data in cases.items()
            if r == role
        ]
        parts.append(f"by the {NAMES[role].removeprefix('IDRS, ')} {', '.join(each)}")
    return "; ".join(parts)


def _acr(one: pd.DataFrame, other: pd.DataFrame, level: float = 0.95) -> Estimate:
    """ACR of the first less that of the second."""
    return paired_mean(one.counted.to_numpy() - other.counted.to_numpy(), level)


def _accuracy(one: pd.DataFrame, other: pd.DataFrame, level: float = 0.95) -> Estimate:
    """Clean accuracy of the first less that of the second, in points."""
    return paired_shares(one.correct == 1, other.correct == 1, level).times(100)


def _tradeoff(pairs: dict, about: str) -> list[Finding]:
    """Both ends of the trade-off against constant noise of the same mean level, in every case; and ACR in some case."""
    radius, accuracy = every(pairs, "above", _acr), every(pairs, "above", _accuracy)
    reason = f"ACR of IDRS less RS at the mean level of sigma(x): {_cases_in_words(pairs, _acr)} ({about})."
    found = [Finding("idrs-eases_tradeoff_radius", radius.verdict, reason, *radius.estimate, "ACR")]
    values = _cases_in_words(pairs, _accuracy, " points")
    reason = f"Clean accuracy of IDRS less RS at the mean level: {values} ({about})."
    found.append(Finding("idrs-eases_tradeoff_accuracy", accuracy.verdict, reason, *accuracy.estimate, "points"))
    verdict, case, estimate = some(pairs, "above", _acr)
    if verdict == OPEN:  # the case that keeps it open, not the one that comes nearest to holding
        case = max(pairs, key=lambda each: _acr(*pairs[each]).high)
        estimate = _acr(*pairs[case])
    each = [_acr(*pair) for pair in pairs.values()]
    reason = (
        f"ACR of IDRS less RS at the mean level, base levels by networks: {counted(each)}. It is decided by sigma_b = "
        f"{case[0]:g} and the {NAMES[case[1]].removeprefix('IDRS, ')}: {said(estimate)} ({about})."
    )
    return [*found, Finding("idrs-can_be_useful", verdict, reason, *estimate, "ACR")]


def _fairness(pairs: dict, about: str) -> Finding:
    """Whether classes differ less under sigma(x)."""
    decided = every(pairs, "below", variance_difference)
    reason = (
        "Variance over the classes of their true clean accuracies, in squared points, IDRS less RS at the mean level: "
        f"{_cases_in_words(pairs, variance_difference, form='+.0f')} ({about}; bootstrap within the classes)."
    )
    return Finding("idrs-eases_unfairness", decided.verdict, reason, *decided.estimate, "squared points")


def _ceilings(images: pd.DataFrame) -> Finding:
    """Whether the ceiling differs between images, at every base level. Computed, no estimate."""
    claim, mine = "idrs-no_single_ceiling", images[images.role == "idrs"]
    if mine.idx.nunique() < 2:
        return Finding(claim, "not resolved", "One image only: its ceiling cannot differ from another's.")
    ends = mine.groupby("base").ceiling.agg(["min", "max"])
    least = (ends["max"] / ends["min"]).min()
    values = "; ".join(f"{low:.3f} to {high:.3f} at sigma_b = {base:g}" for base, low, high in ends.itertuples())
    reason = (
        f"The radius for all votes runs over the {mine.idx.nunique()} images from {values}; under a constant sigma it "
        "is one number. Computed from the levels, no estimate."
    )
    return Finding(claim, "holds" if least > 1 + 1e-9 else "fails", reason, least, least, least, "highest / lowest")


def _beyond(pairs: dict, about: str) -> Finding:
    """Whether images are certified beyond the one ceiling of RS at the mean level, which certifies none there, in every case."""
    beyond, at = {}, {}
    for case, (one, other) in pairs.items():
        ceiling = other.ceiling.max()
        beyond[case] = one.counted > ceiling * (1 + 1e-9)
        at[case] = 100 * (other.counted >= ceiling * (1 - 1e-9)).mean()
    decided = every(beyond, "above", _levels.share)
    values = "; ".join(
        f"{100 * each.mean():.0f} % at sigma_b = {base:g} by the {NAMES[role].removeprefix('IDRS, ')} (RS has "
        f"{at[base, role]:.0f} % at its ceiling)"
        for (base, role), each in beyond.items()
    )
    reason = (
        f"Images that IDRS certifies beyond the ceiling of RS at the mean level, where RS has none: {values} ({about})."
    )
    return Finding("idrs-eases_waterfalls", decided.verdict, reason, *decided.estimate, "% of images")


def _needs_care(claims: pd.DataFrame) -> Finding:
    """Whether the levels of DDRS, from some base level, change faster than the design's r allows: counted, no estimate.

    They may also do so between the images, which no sample of images shows: so the claim cannot fail here.
    """
    steepest = (claims.groupby("base").rate.first() / claims.groupby("base").design.first()).max()
    values = "; ".join(
        f"from {base:g} by up to {part.rate.iloc[0]:.3g}, so that of a mean claim of "
        f"{(part.claimed_radius * part.correct).mean():.4f} any semi-elastic sigma(x) through these levels certifies "
        f"at most {(part.at_best * part.correct).mean():.4f}"
        for base, part in claims.groupby("base")
    )
    reason = (
        f"DDRS changes log sigma per unit of distance between {claims.idx.nunique()} images {values}; the design's r "
        f"is {claims.design.iloc[0]:g}. Nothing bounds its levels between the images: what is certified is 0."
    )
    if not np.isfinite(steepest):
        return Finding("idrs-needs_care", "not resolved", reason)
    return Finding(
        "idrs-needs_care", "holds" if steepest > 1 else "not resolved", reason, *Estimate(*[steepest] * 3), "of r"
    )


def _ceiling_in_words(images: pd.DataFrame, base: float) -> str:
    """The ceilings of IDRS at one base level beside that of RS at the mean level, and how many images reach theirs."""
    plain, mine = of(images, base, "mean").ceiling.max(), of(images, base, "idrs")
    votes = 100 * (mine.n_top == mine.n).mean()
    return (
        f"Ceiling at sigma_b = {base:g}: {mine.ceiling.min():.3f} to {mine.ceiling.max():.3f} over the images, "
        f"against {plain:.3f} for RS at the mean level: no longer one drop for all images; {votes:.0f} % of the "
        "images reach theirs."
    )


def _ddrs_in_words(claims: pd.DataFrame) -> list[Finding]:
    """Levels and claims of DDRS from each base level."""
    found = []
    for base, part in claims.groupby("base", sort=False):
        changed = int((part.memory_claimed_radius != part.claimed_radius).sum())
        found.append(
            observation(
                f"DDRS from {base:g}: levels {part.sigma.min():.3f} to {part.sigma.max():.3f}, mean claim "
                f"{(part.claimed_radius * part.correct).mean():.4f}; certified: 0. The memory rule changes {changed} "
                f"of {len(part)} claims; it only compares the images that happened to come before."
            )
        )
    return found
