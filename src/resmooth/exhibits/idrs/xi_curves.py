r"""The certified radius as a crossing: xi_>(R), xi_<(R) and 1/2.

Slides on input-dependent smoothing: :math:`CR(x_0) = \sup\{R \ge 0 : \xi(R) < 0.5\}` for an r-semi-elastic sigma(x), and the
figure "Numerical evaluation of the certified radii. The function xi_> and the threshold for different values of N", of which
neither picture nor parameters are to be had. xi(R) is the largest probability that another class can have at distance R, where
sigma_1 may lie anywhere from :math:`\sigma_0 e^{-rR}` (there it is xi_>) to :math:`\sigma_0 e^{rR}` (xi_<). Radii are in units
of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.stats.decisions import decide
from resmooth.stats.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

SIGMA0, RATE, P_A = 0.5, 0.01, 0.99
DIMS = (784, 3072, 196608)  # of the slides' table
LEVELS = (0.6, 0.9, 0.99, 0.999, 0.99993)  # p_A of the grid of cases
SMALL = (2, 10)  # further dimensions of that grid
PRODUCTS = np.geomspace(1e-4, 1, 41)  # r sigma_0: radii in units of sigma_0 depend on the two only by it
SATURATED = 0.99  # beyond it steps of xi come down to its rounding
RESOLUTION = 1e-9  # relative, to which radii are computed
COHEN = SIGMA0 * float(special.ndtri(P_A))  # the radius of a constant sigma
GRID = np.linspace(0, 1.25 * COHEN, 251)
BRANCHES = {"xi_>": -1, "xi_<": +1}  # sigma_1 has fallen, or risen, as fast as r allows
DASHED = (0, (4, 2))


def compute(run: Run | None = None) -> Frames:
    """curves, crossings, excess: see the functions below; inner: between the ends; zooms: curves near the crossings.

    The same for every run.
    """
    cross = crossings()
    return {"curves": curves(), "crossings": cross, "excess": excess(), "inner": inner(), "zooms": zooms(cross)}


def worst(radius: Any, dim: int, sign: int) -> Any:
    """xi at `radius` where sigma_1 has fallen (sign -1) or risen (+1) as fast as RATE allows."""
    from resmooth.smoothing import idrs

    return idrs.xi(radius, SIGMA0, SIGMA0 * np.exp(sign * RATE * radius), dim, P_A)


def curves() -> pd.DataFrame:
    r"""xi against R on both branches, and for r = 0 (N = 0 stands for any): :math:`\Phi(R / \sigma - \Phi^{-1}(p_A))`."""
    from resmooth.smoothing import idrs

    flat = {"N": 0, "branch": "r = 0", "R": GRID, "xi": idrs.xi(GRID, SIGMA0, SIGMA0, 2, P_A)}
    parts = [pd.DataFrame(flat)]
    for dim in DIMS:
        for name, sign in BRANCHES.items():
            parts.append(pd.DataFrame({"N": dim, "branch": name, "R": GRID, "xi": worst(GRID, dim, sign)}))
    return pd.concat(parts, ignore_index=True)


def crossings() -> pd.DataFrame:
    """Where each branch reaches 1/2, and the certified radius.

    `excess`: what xi_> alone certifies beyond the radius, relative to it; `xi_< there`: what the other class can have at that
    radius.
    """
    from resmooth.smoothing import idrs

    found = pd.DataFrame({"N": DIMS})
    for name, sign in (("CR_>", -1), ("CR_<", +1)):
        found[name] = [idrs.branch_radius(P_A, SIGMA0, RATE, dim, sign) for dim in DIMS]
    found["CR"] = [idrs.certified_radius(P_A, SIGMA0, RATE, dim) for dim in DIMS]
    found["CR / Cohen"] = found.CR / COHEN
    found["excess"] = found["CR_>"] / found.CR - 1
    found["xi_< there"] = [worst(radius, dim, +1) for radius, dim in zip(found["CR_>"], DIMS)]
    return found


def inner() -> pd.DataFrame:
    """xi at 41 ratios from one end of what r allows to the other, at 21 distances: excess over the larger end, and over sigma_0.

    `dips`: whether it is smaller somewhere than at sigma_1 = sigma_0. That both ends suffice is proved in
    `resmooth.smoothing.idrs`.
    """
    from resmooth.smoothing import idrs

    shares = np.linspace(-1, 1, 41)
    distance, dim, share = np.meshgrid(np.linspace(0.05, 1.25, 21) * COHEN, DIMS, shares, indexing="ij")
    xi = idrs.xi(distance, SIGMA0, SIGMA0 * np.exp(share * RATE * distance), dim, P_A)
    ends = np.maximum(xi[..., 0], xi[..., -1])
    values = {"beyond": xi.max(axis=2) - ends, "dips": xi.min(axis=2) < xi[..., 20]}
    about = {"N": dim[..., 0].ravel(), "R": distance[..., 0].ravel()}
    return pd.DataFrame(about | {name: value.ravel() for name, value in values.items()})


def excess() -> pd.DataFrame:
    """What xi_> alone certifies too much over N, p_A and r sigma_0. A negative excess would say that xi_> crosses first."""
    from resmooth.smoothing import idrs

    grid = np.meshgrid([*SMALL, *DIMS], LEVELS, PRODUCTS, indexing="ij")
    n, level, product = (a.ravel() for a in grid)
    fallen, risen = (idrs.branch_radius(level, 1.0, product, n, sign) for sign in (-1, +1))
    about = {"N": n, "p_a": level, "r sigma0": product}
    return pd.DataFrame(about | {"CR_> / sigma0": fallen, "CR_< / sigma0": risen, "excess": fallen / risen - 1})


def zooms(crossings: pd.DataFrame) -> pd.DataFrame:
    """Both branches around the two crossings of each N."""
    parts = []
    for row in crossings.itertuples(index=False):
        high, low = row[1], row[2]
        near = np.linspace(low - (high - low), high + (high - low), 41)
        for name, sign in BRANCHES.items():
            parts.append(pd.DataFrame({"N": row.N, "branch": name, "R": near, "xi": worst(near, row.N, sign)}))
    return pd.concat(parts, ignore_index=True)


def table(frames: Frames) -> pd.DataFrame:
    """Curves, crossings and the grid of cases."""
    parts = {"curves": "curve", "crossings": "crossing", "excess": "excess"}
    return pd.concat([frames[name].assign(part=part) for name, part in parts.items()], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Certified radius and the crossing of xi_> alone, for each N."""
    shown = table[table.part == "crossing"][["N", "CR", "CR_>", "CR / Cohen", "excess"]].reset_index(drop=True)
    shown["CR / Cohen"] = (100 * shown["CR / Cohen"]).map("{:.1f} %".format)
    shown["excess"] = (100 * shown.excess).map("{:.2f} %".format)
    return shown.assign(CR=shown.CR.map("{:.5f}".format), **{"CR_>": shown["CR_>"].map("{:.5f}".format)})


def here(frames: Frames) -> str:
    """The cases."""
    return (
        f"**Here.** sigma_0 = {SIGMA0:g}, r = {RATE:g}, p_A = {P_A:g} (the slides' own parameters are not known) and the N of "
        f"their table, {', '.join(f'{dim:,}' for dim in DIMS)}; what xi_> alone certifies too much over "
        f"{len(frames['excess']):,} cases of N, p_A and r sigma_0. No network and no data: every run shows the same."
    )


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


def wide(curves: pd.DataFrame) -> pd.DataFrame:
    """xi [N, R] x branch, r = 0 left out."""
    return curves[curves.N > 0].pivot(index=["N", "R"], columns="branch", values="xi")


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


def draw(frames: Frames) -> Figure:
    """Above, the curves and their difference; below, the crossings from near, and the excess over r sigma_0."""
    import matplotlib.pyplot as plt

    curves, crossings = frames["curves"], frames["crossings"]
    colors = {dim: f"C{i}" for i, dim in enumerate(crossings.N)}
    figure = plt.figure(figsize=(12.5, 8.2))
    above, below = figure.subfigures(2, 1, height_ratios=(1.35, 1), squeeze=False).flat
    whole, apart = above.subplots(1, 2, width_ratios=(1.35, 1))
    _draw_whole(whole, curves, crossings, colors)
    _draw_apart(apart, curves, crossings, colors)
    *axes, general = below.subplots(1, len(crossings) + 1, width_ratios=[1] * len(crossings) + [1.5])
    for (_, row), axis in zip(crossings.iterrows(), axes):
        _draw_zoom(axis, frames["zooms"][frames["zooms"].N == row.N], row, colors[row.N])
    axes[0].set_ylabel(r"$\xi(R)$ near the crossings")
    _draw_excess(general, frames["excess"], colors)
    return figure


def _draw_whole(axis: Axes, curves: pd.DataFrame, crossings: pd.DataFrame, colors: dict) -> None:
    from matplotlib.lines import Line2D

    lines = dict(zip(BRANCHES, ("-", DASHED)))
    for row in crossings.itertuples():
        for branch, line in lines.items():
            part = curves[(curves.N == row.N) & (curves.branch == branch)]
            axis.plot(part.R, part.xi, ls=line, color=colors[row.N])
        axis.plot(row.CR, 0.5, "o", color=colors[row.N], ms=6, zorder=3, label=f"N = {row.N:,}: CR = {row.CR:.4f}")
    flat = curves[curves.branch == "r = 0"]
    axis.plot(flat.R, flat.xi, color="0.35", lw=1.2)
    axis.plot(COHEN, 0.5, "o", color="0.35", ms=6, zorder=3, label=f"r = 0, any N: {COHEN:.4f} (Cohen)")
    axis.axhline(0.5, color="0.4", lw=1, ls=":")
    names = {"xi_>": r"$\xi_>$ ($\sigma_1 < \sigma_0$)", "xi_<": r"$\xi_<$ ($\sigma_1 > \sigma_0$)"}
    handles = [Line2D([], [], color="0.2", ls=line, label=names[branch]) for branch, line in lines.items()]
    axis.legend(handles=axis.get_legend_handles_labels()[0] + handles, loc="upper left", bbox_to_anchor=(0.4, 0.95))
    axis.set(xlabel="R", ylabel=r"$\xi(R)$", xlim=(0, curves.R.max()), ylim=(0, 1.03))
    axis.set_title(rf"$\sigma_0$ = {SIGMA0:g}, r = {RATE:g}, $p_A$ = {P_A:g}")


def _draw_apart(axis: Axes, curves: pd.DataFrame, crossings: pd.DataFrame, colors: dict) -> None:
    for row in crossings.itertuples():
        lines = wide(curves).loc[row.N]
        apart = lines["xi_<"] - lines["xi_>"]
        axis.plot(lines.index, apart, color=colors[row.N], label=f"N = {row.N:,}")
        axis.plot(row.CR, np.interp(row.CR, lines.index, apart), "o", color=colors[row.N], ms=6)
    axis.axhline(0, color="0.4", lw=1, ls=":")
    axis.set(title=r"$\xi_<(R) - \xi_>(R)$, and where $\xi_<$ reaches 1/2", xlabel="R", xlim=(0, curves.R.max()))
    axis.legend(loc="lower left")


def _draw_zoom(axis: Axes, near: pd.DataFrame, row: pd.Series, color: str) -> None:
    """Both branches of one N near 1/2; shaded: what xi_> alone certifies too much."""
    low, high = row["CR_<"], row["CR_>"]
    for (_, part), line in zip(near.groupby("branch", sort=False), ("-", DASHED)):
        axis.plot(part.R, part.xi, ls=line, color=color)
    axis.axhline(0.5, color="0.4", lw=1, ls=":")
    axis.axvspan(low, high, color="0.9", lw=0)
    axis.plot([low, high], [0.5, 0.5], "o", color=color, ms=5)
    axis.set(title=f"N = {row.N:,.0f}: {high / low - 1:.2%} too far", xlabel="R", xlim=(near.R.min(), near.R.max()))
    axis.set_xticks([low, high], [f"{low:.4f}", f"{high:.4f}"])


def _draw_excess(axis: Axes, excess: pd.DataFrame, colors: dict) -> None:
    further = [dim for dim in excess.N.unique() if dim not in colors]
    colors = {dim: f"C{3 + i % 4}" for i, dim in enumerate(further)} | colors
    for dim, part in excess[excess.p_a == P_A].groupby("N"):
        axis.plot(part["r sigma0"], part.excess, color=colors[dim], label=f"N = {dim:,}")
    axis.set(xscale="log", yscale="log", xlabel=r"$r\,\sigma_0$", ylabel="relative excess", ylim=(1e-6, 4))
    axis.set_title(rf"What $\xi_>$ alone certifies too much, $p_A$ = {P_A:g}")
    axis.legend(loc="upper left", fontsize=8)
