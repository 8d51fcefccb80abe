"""What idrs/xi_curves says of the claims: whether the radius is one crossing, and of which branch."""

import numpy as np
import pandas as pd
from scipy import special

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs._xi_curves_numbers import COHEN, P_A, RATE, SIGMA0, wide
from resmooth.stats.decisions import decide
from resmooth.stats.intervals import Estimate

SATURATED = 0.99  # beyond it steps of xi come down to its rounding
RESOLUTION = 1e-9  # relative, to which radii are computed


def findings(frames: Frames) -> list[Finding]:
    """Whether the radius is one crossing, whether xi_> is the branch that gives it; then where the branches differ."""
    curves, crossings, excess = frames["curves"], frames["crossings"], frames["excess"]
    return [
        _one_crossing(curves, crossings),
        _xi_gt(crossings, excess),
        _radii(crossings),
        _not_everywhere(curves),
        _in_general(excess),
        _between(frames["inner"]),
        observation(
            "The slides' own curves are not reproduced, since neither their parameters nor the picture are known."
        ),
    ]


def _one_crossing(curves: pd.DataFrame, crossings: pd.DataFrame) -> Finding:
    """The larger branch must pass 1/2 where the certified radius is, and grow with R: the least step where xi < SATURATED."""
    sloping = curves[curves.N > 0]
    larger = sloping.groupby(["N", "R"]).xi.max().unstack("N")  # [R, N]
    steps, radius = larger.diff().where(larger < SATURATED).iloc[1:], crossings.set_index("N").CR
    sides = larger.lt(0.5).eq(pd.DataFrame({n: larger.index < radius[n] for n in larger}, index=larger.index))
    least = Estimate(*[float(steps.min().min())] * 3)
    verdict = decide(least, "above") if sides.all().all() else "fails"
    if verdict == "holds":
        reason = (
            f"At {larger.shape[1]} N the larger of xi_> and xi_< grows over {len(larger)} distances up to "
            f"{larger.index.max():.2f}, until it is {SATURATED:g} (least step {least.value:.1e}), and is below 1/2 up to the "
            f"certified radius ({', '.join(f'{radius[n]:.4f}' for n in larger)}) and not beyond."
        )
    else:
        step = "" if np.isnan(least.value) else f" (least step {least.value:.1e})"
        reason = (
            f"The larger of xi_> and xi_< does not grow everywhere{step}, or is on the wrong side of 1/2 at "
            f"{(~sides).sum().sum()} of {sides.size} distances."
        )
    unit = "least step of xi"
    return Finding("idrs-radius_is_crossing", verdict, reason + " By exact noncentral chi-squared laws.", *least, unit)


def _xi_gt(crossings: pd.DataFrame, excess: pd.DataFrame) -> Finding:
    """Whether the crossing of xi_> is the certified radius: its excess must be none, to within RESOLUTION, at every N."""
    most = crossings.loc[crossings.excess.idxmax()]
    value = Estimate(*[100 * float(most.excess)] * 3)
    beyond = ", ".join(f"{100 * e:.2f} % (N = {n:,})" for n, e in zip(crossings.N, crossings.excess))
    first = (excess["CR_< / sigma0"] <= excess["CR_> / sigma0"] * (1 + RESOLUTION)).sum()
    reason = (
        f"xi_> alone, which the caption names, certifies {beyond} too far at p_A = {P_A:g}, r = {RATE:g}: there xi_< is "
        f"already {', '.join(f'{x:.4f}' for x in crossings['xi_< there'])}. xi_< crosses first in {first:,} of {len(excess):,} "
        "cases, to within the resolution of radii. By exact radii."
    )
    verdict = decide(value, "equal", within=100 * RESOLUTION)
    return Finding("idrs-xi_gt_gives_radius", verdict, reason, *value, "% beyond the certified radius")


def _radii(crossings: pd.DataFrame) -> Finding:
    """The numbers."""
    rows = [
        f"{row.CR:.5f} (N = {row.N:,}; {share:.1%})"
        for row, share in zip(crossings.itertuples(), crossings["CR / Cohen"])
    ]
    return observation(
        f"At sigma_0 = {SIGMA0:g}, r = {RATE:g}, p_A = {P_A:g} the certified radius is {', '.join(rows)}, against {COHEN:.5f} "
        f"for a constant sigma; the crossings of xi_> alone are {', '.join(f'{value:.5f}' for value in crossings['CR_>'])}."
    )


def _not_everywhere(curves: pd.DataFrame) -> Finding:
    """Where xi_< is the smaller one."""
    branches, starts = wide(curves), []
    for n, part in branches.groupby(level="N"):
        distance = part.index.get_level_values("R")
        below = distance[(part["xi_<"] < part["xi_>"]) & (distance > 0)]
        starts.append(f"R = {below[0]:.2f} (N = {n:,})" if len(below) else f"no R (N = {n:,})")
    return observation(
        f"xi_< binds although it is not the larger one everywhere: it is below xi_> from {', '.join(starts)} on, but these R "
        "lie beyond the crossing."
    )


def _in_general(excess: pd.DataFrame) -> Finding:
    """The grid of cases."""
    limit = special.ndtri(excess.p_a)
    ordered = excess["CR_< / sigma0"] <= excess["CR_> / sigma0"] * (1 + RESOLUTION)
    worst_case = excess.loc[excess.excess.idxmax()]
    return observation(
        f"On the grid of {len(excess):,} cases xi_< {'always' if ordered.all() else 'NOT always'} crosses first, and "
        f"{'no radius exceeds' if (excess['CR_> / sigma0'] <= limit).all() else 'some radius exceeds'} Cohen's. The excess is "
        f"largest at N = {worst_case.N:.0f}, p_A = {worst_case.p_a:g}, r sigma_0 = {worst_case['r sigma0']:g}, where xi_> "
        f"alone would certify {1 + worst_case.excess:.2f} times the radius. That xi_< binds is seen here, not proved; "
        "`resmooth.idrs.certified_radius` takes the smaller radius of both branches."
    )


def _between(inner: pd.DataFrame) -> Finding:
    """Only the ends matter."""
    most = inner.beyond.max()
    return observation(
        "Between the two ends that r allows, xi "
        f"{'never exceeds the larger end' if most <= 0 else f'exceeds the larger end by {most:.1e}'} ({len(inner)} pairs of N "
        f"and R, 41 ratios each); just below sigma_0 it is smaller than at sigma_1 = sigma_0 in {inner.dips.mean():.0%} of "
        "them."
    )
