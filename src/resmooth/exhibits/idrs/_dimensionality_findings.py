"""What idrs/dimensionality says of the claims: the curse of dimensionality, and that semi-elastic sigmas certify."""

import numpy as np
import pandas as pd
from scipy import special

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs._dimensionality_numbers import DIMS, DISTANCE, P_A, RATE, plain
from resmooth.stats.decisions import decide, span
from resmooth.stats.intervals import Estimate
from resmooth.theory.limits import around, limit


def findings(frames: Frames) -> list[Finding]:
    """The curse of dimensionality, in ratios and in radius; that semi-elastic sigmas certify; then sizes."""
    thresholds, curves, fixed, known = (frames[name] for name in ("thresholds", "curves", "fixed", "certified"))
    return [
        _curse(frames["powers"], frames["windows"]),
        _radius_falls(fixed),
        _still_works(fixed),
        _thresholds(thresholds, frames["windows"]),
        _least(curves, known),
        _price(fixed, frames["allowed"]),
        observation("The slides' figure itself is not reproduced: only its caption is left, neither picture nor axes."),
    ]


def _curse(powers: pd.DataFrame, windows: pd.DataFrame) -> Finding:
    """Whether the ratios that can be certified close in on 1: the power of N in the limit has to be negative."""
    end = around(limit(powers.near, powers.far, order=0.5))
    widest = windows[windows.R == 0].set_index("N")
    rooms = ", ".join(f"{row.window_lower:.4f} to {row.window_upper:.4f} (N = {n:,})" for n, row in widest.iterrows())
    reason = (
        f"At p_B = {1 - P_A:.2g} and next to x_0 the ratios that can be certified are {rooms}. |log ratio| falls as N to the "
        f"power {span([*powers.near, *powers.far], '.3f')} around N = {powers.N.iloc[0]:,} ({powers.p_b.nunique()} p_B, both "
        f"sides), {end.value:.4f} in the limit. By exact chi-squared quantiles."
    )
    return Finding("idrs-curse_of_dimensionality", decide(end, "below"), reason, *end, "power of N")


def _radius_falls(fixed: pd.DataFrame) -> Finding:
    """At fixed r the certified radius falls with N: the largest step between neighbouring dimensions."""
    ordered = fixed.sort_values(["rate", "N"])
    steps = ordered.groupby("rate").share.diff().dropna()
    worst = Estimate(*[float(steps.max())] * 3)
    last = fixed[fixed.N == fixed.N.max()]
    reason = (
        f"At {fixed.rate.nunique()} fixed r and {fixed.N.nunique()} dimensions {(steps < 0).sum()} of {len(steps)} steps to a "
        f"larger N lower the certified radius; at N = {fixed.N.max():,} it is "
        + ", ".join(f"{row.share:.1%} (r = {row.rate:g})" for row in last.itertuples())
        + " of Cohen's. By exact radii."
    )
    return Finding(
        "idrs-radius_falls_with_dim", decide(worst, "below"), reason, *worst, "largest step, share of Cohen's radius"
    )


def _still_works(fixed: pd.DataFrame) -> Finding:
    """Whether a semi-elastic sigma certifies something at every r and N: the least share of Cohen's radius."""
    worst = fixed.loc[fixed.share.idxmin()]
    least = Estimate(*[float(worst.share)] * 3)
    reason = (
        f"At all {len(fixed)} pairs of r (up to {fixed.rate.max():g}) and N (up to {fixed.N.max():,}) an r-semi-elastic "
        f"sigma(x) certifies at least {worst.share:.1%} of Cohen's radius (r = {worst.rate:g}, N = {worst.N:,.0f}). Whether "
        "that is useful is for accuracies to say (exhibit comparison)."
    )
    verdict = "holds" if worst.share > 0 else "fails"
    return Finding("idrs-semi_elastic_certifies", verdict, reason, *least, "certified radius / Cohen's")


def _thresholds(thresholds: pd.DataFrame, windows: pd.DataFrame) -> Finding:
    """The theorem's decline beside the exact one."""
    largest = max(DIMS.values())
    wide_by = thresholds[thresholds.N == largest].set_index("p_b").factor
    in_the_limit = np.sqrt(-2 * np.log(wide_by.index)) / special.ndtri(1 - wide_by.index)
    return observation(
        "The room shrinks as 1 / sqrt(N), and further with R. Theorem 2.4 shows the same decline, but leaves "
        f"{', '.join(f'{value:.2f}' for value in wide_by)} times the room downwards at p_B = "
        f"{', '.join(map(plain, wide_by.index))} (N = {largest:,}); in the limit "
        f"{', '.join(f'{value:.2f}' for value in in_the_limit)} times."
    )


def _least(curves: pd.DataFrame, known: pd.DataFrame) -> Finding:
    """Where xi is smallest."""
    least = curves.groupby("N").xi.min() / known.set_index("N").at_equal - 1
    return observation(
        f"At R = {DISTANCE:g} xi is smallest not at sigma_1 = sigma_0 but a little below, if by {-least.min():.1%} of it at most."
    )


def _price(fixed: pd.DataFrame, allowed: pd.DataFrame) -> Finding:
    """What RATE keeps, what r keeps 90 %, and how good the approximation is."""
    dims = list(DIMS.values())
    share = fixed[fixed.rate == RATE].set_index("N").share[dims]
    keeps = allowed[allowed.share == 0.9].set_index("N").rate[dims]
    off = fixed.approximation / fixed.share - 1
    return observation(
        f"An r-semi-elastic sigma(x) with r = {RATE:g} keeps {_by_dimension(share, '.1%')} of Cohen's radius, and with it "
        f"sigma changes by at most {np.expm1(RATE):.1%} per unit of l2 distance. To keep 90 %, r must not exceed "
        f"{_by_dimension(keeps, '.4f')}: in high dimension sigma(x) has to be nearly constant. The approximation 1 / sqrt(1 + "
        f"2 N r^2 sigma_0^2) errs by {off.min():+.1%} to {off.max():+.1%} here, to either side, so it is no certificate."
    )


def _by_dimension(values: pd.Series, form: str) -> str:
    """Values indexed by N, each with its N."""
    return ", ".join(f"{value:{form}} (N = {dim:,})" for dim, value in values.items())
