"""What smooth_reduce/fig2 says of the claims."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce import _printed as printed
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, MAX, MEAN, Case
from resmooth.exhibits.smooth_reduce._words import spanned
from resmooth.stats.decisions import OPEN, every
from resmooth.stats.intervals import Estimate, paired_shares, relative_gain

AT_ZERO, ACR = "accuracy at radius 0", "ACR"
MEASURES: dict[str, Callable[..., Estimate]] = {AT_ZERO: paired_shares, ACR: relative_gain}


def findings(frames: Frames) -> list[Finding]:
    """Verdicts on four claims, then who certifies most."""
    frame = frames["images"]
    own, images = frame[frame.own], f"{frame.idx.nunique()} images, networks fixed"
    return [
        _at_least(own, images),
        _abstains("than_max", MAX, _beside_max(own), images),
        _abstains("than_base", "the network alone", _means(methods.beside_one(own, "abstains")), images),
        _outperforms(frame, images),
        _averages(frames["averages"]),
    ]


def _at_least(own: pd.DataFrame, images: str) -> Finding:
    """Smooth-Max against its network: certified accuracy at radius 0 and certified ACR, in every case."""
    right, radii, published = (methods.beside_one(own, name) for name in ("correct", "certified", "claimed"))
    cases = {(AT_ZERO, case): (AT_ZERO, *pair) for case, pair in right.items() if case.method == MAX}
    cases |= {(ACR, case): (ACR, *pair) for case, pair in radii.items() if case.method == MAX}
    name = "smooth_reduce-max_at_least_base"
    if not cases:
        return Finding(name, OPEN, "This run has no Smooth-Max.")
    decided = every(cases, "above", _measured)
    found = {key: _measured(*data).times(100) for key, data in cases.items()}
    accuracy, acr = ([each for (measure, _), each in found.items() if measure == which] for which in MEASURES)
    claimed = [relative_gain(*pair).times(100) for case, pair in published.items() if case.method == MAX]
    measure, case = decided.case
    reason = (
        f"Smooth-Max changes the accuracy at radius 0 by {spanned(accuracy, ' points')} and the certified ACR by "
        f"{spanned(acr, ' %')}, {images}; deciding: {measure} of {case}. The ACR as published would change by "
        f"{spanned(claimed, ' %')}. Nothing in the construction orders the two: one confident, wrong patch decides the maximum."
    )
    return Finding(name, decided.verdict, f"{reason} {_printed_max()}", *decided.estimate.times(100), f"% of {measure}")


def _measured(measure: str, first: np.ndarray, second: np.ndarray, level: float = 0.95) -> Estimate:
    """How far the first exceeds the second by this measure, a fraction."""
    return MEASURES[measure](first, second, level=level)


def _printed_max() -> str:
    """Smooth-Max and SmoothAdv in the paper's tables."""
    table = printed.acrs("table1").set_index(["method", "sigma"])
    lipschitz = printed.norm(printed.CIFAR, printed.PATCHES[printed.CIFAR])
    start = printed.curves("table3").query("radius == 0").set_index(["method", "sigma"]).accuracy
    levels = sorted(table.loc[printed.BASE].index)
    zero = " / ".join(f"{start['Smooth-Max (Ours)', s] - start[printed.BASE, s]:+.1f}" for s in levels)
    ratio = [table.all_estimate["Smooth-Max (Ours)", s] / table.all_estimate[printed.BASE, s] for s in levels]
    shown, divided = (" / ".join(f"{each / by:.2f}" for each in ratio) for by in (1, lipschitz))
    return (
        f"The paper prints {zero} points at radius 0 against SmoothAdv (sigma = {' / '.join(f'{s:g}' for s in levels)}); its "
        f"ACRs over all images have the ratios {shown}, after division by L {divided}."
    )


def _means(pairs: dict[Case, tuple[np.ndarray, np.ndarray]]) -> dict[Case, tuple[np.ndarray, np.ndarray]]:
    return {case: pair for case, pair in pairs.items() if case.method == MEAN}


def _beside_max(own: pd.DataFrame) -> dict[Case, tuple[np.ndarray, np.ndarray]]:
    """Abstentions of Smooth-Mean and of Smooth-Max over the same patches."""
    table = methods.radii(own, "abstains")
    cases = [case for case in map(Case._make, table.columns) if case.method == MEAN]
    partners = {case: case._replace(method=MAX) for case in cases}
    return {
        case: (table[case].to_numpy(), table[other].to_numpy()) for case, other in partners.items() if other in table
    }


def _abstains(claim: str, against: str, pairs: dict[Case, tuple[np.ndarray, np.ndarray]], images: str) -> Finding:
    """Whether Smooth-Mean abstains on fewer images than another classifier, in every case."""
    name = f"smooth_reduce-mean_abstains_less_{claim}"
    if not pairs:
        return Finding(name, OPEN, f"This run has no Smooth-Mean beside {against}.")
    decided = every(pairs, "below", paired_shares)
    own = [paired_shares(*pair).times(100) for pair in pairs.values()]
    table = printed.acrs("table1").set_index(["method", "sigma"]).abstention
    other = {"than_max": "Smooth-Max (Ours)", "than_base": printed.BASE}[claim]
    rates = [" / ".join(f"{rate:g}" for rate in table[row].sort_index()) for row in ("Smooth-Mean (Ours)", other)]
    reason = (
        f"The share of images on which Smooth-Mean abstains differs from that of {against} by "
        f"{spanned(own, ' points')}, {images}; "
        f"deciding: {decided.case}. Division by L leaves abstentions as they are. The paper prints {rates[0]} against "
        f"{rates[1]} at sigma = 0.25 / 0.5 / 1."
    )
    return Finding(name, decided.verdict, reason, *decided.estimate.times(100), "points of images")


def _outperforms(frame: pd.DataFrame, images: str) -> Finding:
    """Whether Smooth-Max and Smooth-Mean certify a larger ACR than every other method, in every case."""
    name = "smooth_reduce-outperforms_other_methods"
    found = {kind: _against_others(frame, column) for kind, column in methods.COLUMNS.items()}
    if not found[CERTIFIED]:
        return Finding(name, OPEN, "This run has no other method at these levels to compare with.")
    decided = every(found[CERTIFIED], "above", relative_gain)
    own, published = ([relative_gain(*pair).times(100) for pair in pairs.values()] for pairs in found.values())
    if all(np.isnan(each.value) for each in own):
        return Finding(name, OPEN, f"The other methods certify none of {images}: a ratio has no meaning.")
    case, other = decided.case
    reason = (
        f"In certified ACR Smooth-Max and Smooth-Mean differ from other methods at the same level by {spanned(own, ' %')}, "
        f"{images}; deciding: {case}, against {other}. As published: {spanned(published, ' %')}. Other methods here: "
        f"{', '.join(dict.fromkeys(other for _, other in found[CERTIFIED]))}."
    )
    return Finding(name, decided.verdict, reason, *decided.estimate.times(100), "% of ACR")


def _against_others(frame: pd.DataFrame, column: str) -> dict[tuple[Case, str], tuple[np.ndarray, np.ndarray]]:
    """{(case of Smooth-Reduce over the base, other method): the two, image by image}, at the same level."""
    table = methods.radii(frame, column)
    cases = [Case._make(case) for case in table.columns]
    own = set(frame.base[frame.own])
    reduced = [case for case in cases if case.k and case.base in own]
    others = [case for case in cases if not case.k and (case.base not in own or case.method != methods.ONE)]
    return {
        (case, other.base if other.method == methods.ONE else f"{other.method} ({other.base})"): (
            table[case].to_numpy(),
            table[other].to_numpy(),
        )
        for case in reduced
        for other in others
        if case.sigma == other.sigma
    }


def _averages(averages: pd.DataFrame) -> Finding:
    """The ACRs of all lines, certified."""
    parts = []
    for sigma, part in averages[averages.kind == CERTIFIED].groupby("sigma"):
        words = ", ".join(
            f"{row.acr_all:.3f} {_name(row)}" for row in part.sort_values("acr_all", ascending=False).itertuples()
        )
        parts.append(f"sigma = {sigma:g}: {words}")
    return observation(f"Certified ACRs over all images, in order; {'; '.join(parts)}.")


def _name(row: Any) -> str:
    space = f" ({methods.PLACES[row.space]})" if row.k else ""
    return f"{row.base if row.k == 0 or not row.own else ''} {row.method}{space}".strip()
