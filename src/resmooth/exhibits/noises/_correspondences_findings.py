"""What noises/correspondences says of the claims: the printed signs, the short forms, comparable levels, sizes of errors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.noises._correspondences_numbers import D_IMAGE, K_SHOWN, NAMES, NORMS
from resmooth.stats.decisions import decide, every, span
from resmooth.stats.intervals import Estimate, from_error
from resmooth.theory.limits import around, limit

SIMILAR = 0.02  # levels this near to each other count as "approximately the same"


def findings(frames: Frames) -> list[Finding]:
    """What the notes' signs promise, the short forms, and whether levels are comparable; then the sizes of the errors."""
    marks = frames["marks"]
    long = marks[marks.form == ""]
    return [
        _equals(long[long.sign == "="]),
        _about(long[long.sign == "≈"]),
        _short(marks[marks.form == "short"]),
        _levels(frames["samples"]),
        _errors(frames["tables"], frames["curves"]),
        _agreement(frames["samples"]),
        observation(
            "The source finds expected norms by conditioning on the radius r, then puts (E r)^2 where E r^2 belongs, and "
            "drops terms of order 1 beside d. The package scales its noise by the exact formulas, so that a level means the "
            "same in two dimensions as in an image."
        ),
    ]


def _equals(printed: pd.DataFrame) -> Finding:
    """Lines with "=": each has to be exact for every k and d."""
    off = printed[printed.at_10 != 0]
    worst = printed.loc[printed.at_10.abs().idxmax()]
    names = ", ".join(dict.fromkeys(off.line.map(in_words)))
    reason = (
        f"Of {printed.line.nunique()} lines printed with =, {printed.line.nunique() - off.line.nunique()} are exact"
        + (f"; {names} are approximations, off by up to {abs(worst.at_10):.0%} at d = 10" if len(off) else "")
        + "."
    )
    exact = Estimate(*[abs(worst.at_10)] * 3)
    return Finding(
        "noises-equals_are_exact", "fails" if len(off) else "holds", reason, *exact, "relative error at d = 10"
    )


def in_words(line: str) -> str:
    """A line of the tables by name: "lambda of Exp1 (L-2)"."""
    kind, norm, family = line.replace("-", "_").split("_")[:3]
    what = "lambda" if kind == "scale" else "E|x|_1" if norm == "l1" else "E|x|_2^2"
    return f"{what} of {NAMES[family]}" + (f" (L-{norm[1]})" if kind == "scale" else "")


def _about(printed: pd.DataFrame) -> Finding:
    """Lines with "≈": the ratio to the exact value has to tend to 1 with d."""
    end = around(limit(printed.ratio, printed.ratio2))
    falls = printed.power.dropna()
    reason = (
        f"The {printed.line.nunique()} lines printed with ≈ ({printed.k.nunique()} k) are {span(printed.ratio, '.5f')} of the "
        f"exact value at d = {D_IMAGE} and {end.value:.6f} of it in the limit; "
        + (f"their errors fall as d to the power {span(falls, '.3f')}." if len(falls) else "they have no error.")
    )
    return Finding(
        "noises-approximations_tighten", decide(end, "equal", than=1, within=1e-3), reason, *end, "printed / exact"
    )


def _short(short: pd.DataFrame) -> Finding:
    """The forms 2 sigma / d, sqrt(3) sigma / d and sigma: near the exact scale for every k?"""
    good = (short.ratio - 1).abs() < SIMILAR
    worst = short.loc[np.log(short.ratio).abs().idxmax()]
    reason = (
        f"At d = {D_IMAGE}, {good.sum()} of {len(short)} short forms are within {SIMILAR:.0%} of the exact scale: those with k = "
        f"{', '.join(f'{k:g}' for k in sorted(set(short.k[good]))) or 'none'}. The worst is {in_words(worst.line)} at k = "
        f"{worst.k:g}, {worst.ratio:.3g} times the exact one: * goes as (d/k)^(1/k), not as d."
    )
    verdict = "holds" if good.all() else "fails"
    return Finding(
        "noises-short_scales", verdict, reason, *Estimate(*[worst.ratio] * 3), "printed / exact scale, the worst"
    )


def _levels(measured: pd.DataFrame) -> Finding:
    """Levels at the printed scales, by samples: the same to within SIMILAR in the largest dimension that was drawn."""
    d = measured.d.max()
    cases = {
        (row.noise, row.k, row.normalisation): (row.level, row.se) for row in measured[measured.d == d].itertuples()
    }
    decided = every(cases, "equal", from_error, than=1, within=SIMILAR)
    ten = measured[measured.d == 10].level
    name, k, norm = decided.case
    reason = (
        f"{len(cases)} levels drawn at the printed scale of sigma = 1, d = {d}: "
        f"{span([value for value, _ in cases.values()], '.4f')} (furthest off: {name}{'' if np.isnan(k) else f' k = {k:g}'}, "
        f"L-{norm}); equal counts as within {SIMILAR:.0%}. At d = 10 they are {span(ten, '.3f')}."
    )
    return Finding("noises-levels_comparable", decided.verdict, reason, *decided.estimate, "level at sigma = 1")


def _errors(tables: pd.DataFrame, curves: pd.DataFrame) -> Finding:
    """How large the errors of the long forms are."""
    rest = tables[tables.error != 0]
    ten = curves[(curves.panel == "long form") & (curves.d == 10)]
    largest = [rest[rest.normalisation == norm].error.max() for norm in NORMS]
    return observation(
        f"{len(tables) - len(rest)} of the {len(tables)} scales are exact for every d. The other {len(rest)} are always too "
        f"large: at d = {D_IMAGE} and k = {K_SHOWN} by at most {largest[0]:.2g} (L-1) and {largest[1]:.2g} (L-2) of "
        f"themselves, at d = 10 by up to {ten.error.max():.0%} (k = {ten.k[ten.error.idxmax()]:g}). The error falls as 1/d, so "
        "that a loose test at the dimension of images cannot see it."
    )


def _agreement(measured: pd.DataFrame) -> Finding:
    """Samples beside the formulas."""
    return observation(
        f"The {len(measured)} sampled levels agree with the ratio of the printed scale to the exact one: the largest deviation "
        f"is {measured.z.abs().max():.1f} standard errors."
    )
