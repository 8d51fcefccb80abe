r"""Input-dependent smoothing against the dimension.

Slides, figure "Problems with the curse of dimensionality", of which only the caption is left. A substitute, made of quantities
that the slides define: the ratios :math:`\sigma_1 / \sigma_0` that Theorem 2.4 excludes, and xi, the largest probability that
another class can have at a point at distance R. Both against the dimension N, beside exact limits; the window of ratios that
can be certified at R > 0, into which an r-semi-elastic sigma(x) has to fit; and how small r has to be for that. Radii are in
units of the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.stats.decisions import decide, span
from resmooth.stats.intervals import Estimate
from resmooth.theory.limits import around, limit, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

P_B = (0.1, 0.01, 0.001, 0.00007)
DIMS = {"MNIST": 784, "CIFAR10": 3072, "ImageNet": 196608}
SIGMA0, P_A = 0.5, 0.99
COHEN = SIGMA0 * float(special.ndtri(P_A))  # the radius of a constant sigma
DISTANCE = 0.5
RATE = 0.01
RATES = (0.001, 0.01, 0.1)
SHARES = (0.99, 0.9, 0.5)  # of Cohen's radius
EVERYWHERE = np.union1d(np.geomspace(2, 2 * max(DIMS.values()), 61).round().astype(int), list(DIMS.values()))


def compute(run: Run | None = None) -> Frames:
    """thresholds, curves, windows, fixed, allowed: what is drawn; powers: how windows close; certified, ends: at DIMS.

    The same for every run.
    """
    return {
        "thresholds": thresholds(),
        "curves": curves(),
        "windows": windows(),
        "fixed": fixed_rate(),
        "allowed": allowed(),
        "powers": powers(),
        "certified": certified(),
        "ends": ends(),
    }


def thresholds() -> pd.DataFrame:
    r"""The theorem's and the exact thresholds at R = 0; `factor`: room that the theorem leaves downwards, over the exact room.

    Both close in on 1 as :math:`N^{-1/2}`. With :math:`\log z + 1 - z \approx -\frac12 (1 - z)^2` the theorem leaves
    :math:`\sqrt{-\log p_B / N}`, and with :math:`\chi^2_N \approx N + \sqrt{2N} z`, z normal, the exact limits leave
    :math:`\Phi^{-1}(1 - p_B) / \sqrt{2N}`: too wide by :math:`\sqrt{-2 \log p_B} / \Phi^{-1}(1 - p_B)` in every large
    dimension.
    """
    from resmooth.smoothing import idrs

    n, level = (a.ravel() for a in np.meshgrid(EVERYWHERE, P_B))
    found = pd.DataFrame({"part": "threshold", "N": n, "p_b": level})
    for name, function in ("thm", idrs.ratio_threshold), ("exact", idrs.exact_ratio_threshold):
        found[f"{name}_lower"], found[f"{name}_upper"] = function(level, n)
    found["factor"] = (1 - found.thm_lower) / (1 - found.exact_lower)
    return found


def powers() -> pd.DataFrame:
    """The power of N with which the exact window closes, below and above 1: from N / 2 to N and on to 2 N, N the largest."""
    from resmooth.smoothing import idrs

    n, rows = max(DIMS.values()), []
    for p in P_B:
        windows = [np.abs(np.log(idrs.exact_ratio_threshold(p, size))) for size in (n // 2, n, 2 * n)]
        for side, (first, second, third) in zip(("lower", "upper"), zip(*windows)):
            rows.append((n, p, side, second, float(power(first, second)), float(power(second, third))))
    return pd.DataFrame(rows, columns=["N", "p_b", "side", "log_ratio", "near", "far"])


def curves() -> pd.DataFrame:
    """xi against the ratio, at one distance."""
    from resmooth.smoothing import idrs

    width = 1.35 * max(1 - idrs.exact_ratio_threshold(1 - P_A, min(DIMS.values()))[0], 0.01)
    ratios = np.linspace(1 - width, 1 + width, 601)
    parts = []
    for dim in DIMS.values():
        xi = idrs.xi(DISTANCE, SIGMA0, ratios * SIGMA0, dim, P_A)
        parts.append(pd.DataFrame({"part": "xi", "N": dim, "ratio": ratios, "xi": xi}))
    return pd.concat(parts)


def windows() -> pd.DataFrame:
    """The ratios at which xi < 1/2, against R: widest at R = 0, closed at Cohen's radius."""
    from resmooth.smoothing import idrs

    radii = COHEN * np.sin(np.linspace(0, np.pi / 2, 61))[:-1]
    parts = []
    for dim in DIMS.values():
        low, high = idrs.ratio_window(radii, SIGMA0, 1 - P_A, dim)
        parts.append(pd.DataFrame({"part": "window", "N": dim, "R": radii, "window_lower": low, "window_upper": high}))
    return pd.concat(parts)


def ends() -> pd.DataFrame:
    """Ends of the window at three distances, one row for each N."""
    from resmooth.smoothing import idrs

    rows = []
    for dim in DIMS.values():
        row: dict = {"N": dim}
        for radius in (0.0, DISTANCE, 2 * DISTANCE):
            row[f"R = {radius:g}"] = "{:.6f} to {:.6f}".format(*idrs.ratio_window(radius, SIGMA0, 1 - P_A, dim))
        rows.append(row)
    return pd.DataFrame(rows)


def fixed_rate() -> pd.DataFrame:
    r"""The certified radius in shares of Cohen's, at fixed r, and its approximation :math:`1 / \sqrt{1 + 2 N r^2 \sigma_0^2}`."""
    from resmooth.smoothing import idrs

    about = {"part": "fixed rate", "N": np.tile(EVERYWHERE, len(RATES)), "rate": np.repeat(RATES, len(EVERYWHERE))}
    found = pd.DataFrame(about)
    found["share"] = idrs.certified_radius(P_A, SIGMA0, found.rate, found.N) / COHEN
    found["approximation"] = 1 / np.sqrt(1 + 2 * found.N * found.rate**2 * SIGMA0**2)
    return found


def allowed() -> pd.DataFrame:
    """The largest r that keeps a share of Cohen's radius, interpolated between 81 values of r sigma_0 sqrt(2 N)."""
    from resmooth.smoothing import idrs

    scaled = np.geomspace(0.02, 50, 81)
    n, q = (a.ravel() for a in np.meshgrid(EVERYWHERE, scaled, indexing="ij"))
    kept = pd.DataFrame({"N": n, "rate": q / (SIGMA0 * np.sqrt(2 * n))})
    kept["share"] = idrs.certified_radius(P_A, SIGMA0, kept.rate, n) / COHEN
    return pd.DataFrame(
        {"part": "allowed", "share": share, "N": dim, "rate": np.exp(np.interp(-share, -part.share, np.log(part.rate)))}
        for dim, part in kept.groupby("N")
        for share in SHARES
    )


def certified() -> pd.DataFrame:
    """The certified radius at RATE, for DIMS; `data` names a dimension; `at_equal`: xi at DISTANCE for sigma_1 = sigma_0."""
    from resmooth.smoothing import idrs

    return pd.DataFrame(
        {
            "data": name,
            "N": dim,
            "CR": float(idrs.certified_radius(P_A, SIGMA0, RATE, dim)),
            "at_equal": float(idrs.xi(DISTANCE, SIGMA0, SIGMA0, dim, P_A)),
        }
        for name, dim in DIMS.items()
    )


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    parts = ("thresholds", "curves", "windows", "fixed", "allowed")
    return pd.concat([frames[name] for name in parts], ignore_index=True)


def here(frames: Frames) -> str:
    """The cases."""
    return (
        f"**Here.** N from 2 to {max(EVERYWHERE):,}, thresholds at p_B = {', '.join(map(_plain, P_B))}; xi, windows and radii "
        f"at sigma_0 = {SIGMA0:g}, p_A = {P_A:g}, where a constant sigma certifies {COHEN:.4f} (Cohen). No network and no "
        "data: every run shows the same."
    )


def _plain(p: float) -> str:
    return f"{p:.5f}".rstrip("0")


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
        f"{', '.join(map(_plain, wide_by.index))} (N = {largest:,}); in the limit "
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


def draw(frames: Frames) -> Figure:
    """Above, thresholds falling and rising, and xi against the ratio; below, windows, the price, and the largest r."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(14, 8.4))
    (fall, rise, at_distance), (window, price, allowance) = axes
    _draw_thresholds(fall, rise, frames["thresholds"])
    _draw_price(price, frames["fixed"])
    _draw_allowance(allowance, frames["allowed"])
    for axis in (fall, rise, price, allowance):
        _mark_dimensions(axis, frames["certified"], named=axis is not price)
    _draw_xi(at_distance, frames["curves"])
    _draw_windows(window, frames["windows"], frames["certified"])
    return figure


def _mark_dimensions(axis: Axes, known: pd.DataFrame, named: bool) -> None:
    """A line at each data set's dimension."""
    axis.set_xlim(EVERYWHERE[0], EVERYWHERE[-1])
    where: dict[str, Any] = {
        "rotation": 90,
        "fontsize": 8,
        "ha": "right",
        "va": "top",
        "transform": axis.get_xaxis_transform(),
    }
    for row in known.itertuples():
        axis.axvline(row.N, color="0.75", lw=0.8, zorder=0)
        if named:
            axis.text(row.N, 0.98, f"{row.data} ", **where)


def _draw_thresholds(fall: Axes, rise: Axes, thresholds: pd.DataFrame) -> None:
    from matplotlib.lines import Line2D

    for axis, side, sign in ((fall, "lower", -1), (rise, "upper", +1)):
        for i, (p, part) in enumerate(thresholds.groupby("p_b", sort=False)):
            axis.plot(part.N, sign * (part[f"exact_{side}"] - 1), color=f"C{i}", label=f"$p_B$ = {_plain(p)}")
            axis.plot(part.N, sign * (part[f"thm_{side}"] - 1), "--", color=f"C{i}", lw=1.2)
        axis.set(xscale="log", yscale="log", xlabel="N")
    kinds = [
        Line2D([], [], color="0.2", label="exact"),
        Line2D([], [], color="0.2", ls="--", lw=1.2, label="Theorem 2.4"),
    ]
    fall.legend(handles=fall.get_legend_handles_labels()[0] + kinds, loc="lower left", fontsize=9)
    fall.set(title=r"How far $\sigma_1$ may fall, at R = 0", ylabel=r"$1 - \sigma_1/\sigma_0$")
    rise.set(title=r"How far $\sigma_1$ may rise, at R = 0", ylabel=r"$\sigma_1/\sigma_0 - 1$")


def _draw_xi(axis: Axes, curves: pd.DataFrame) -> None:
    for i, (dim, part) in enumerate(curves.groupby("N", sort=False)):
        axis.plot(part.ratio, part.xi, color=f"C{i}", label=f"{dim:,}")
    axis.axhline(0.5, color="0.4", lw=1, ls=":")
    axis.axvline(1, color="0.4", lw=1, ls=":")
    axis.set(title=rf"$\xi$ at R = {DISTANCE:g} ($\sigma_0$ = {SIGMA0:g}, $p_A$ = {P_A:g})", ylim=(0, 1.02))
    axis.set(xlabel=r"$\sigma_1/\sigma_0$", ylabel=r"$\xi$", xlim=(curves.ratio.min(), curves.ratio.max()))
    axis.legend(loc="lower left", fontsize=9, title="N", alignment="left")


def _draw_windows(axis: Axes, windows: pd.DataFrame, known: pd.DataFrame) -> None:
    """The certifiable ratios against R, the wedge of a semi-elastic sigma, and where it leaves each window."""
    for i, row in enumerate(known.itertuples()):
        part = windows[windows.N == row.N]
        edge = np.concatenate([part.window_lower, [1], part.window_upper[::-1]])
        radii = np.concatenate([part.R, [COHEN], part.R[::-1]])
        axis.fill(radii, edge, color=f"C{i}", alpha=0.3, lw=0)
        axis.plot(radii, edge, color=f"C{i}")
        label = f"N = {row.N:,}: CR = {row.CR:.4f}"
        axis.plot(row.CR, np.exp(RATE * row.CR), "o", color=f"C{i}", ms=6, zorder=3, label=label)
    wedge = np.linspace(0, COHEN, 50)
    for sign in (-1, +1):
        label = rf"$e^{{\pm rR}}$, r = {RATE:g}" * (sign > 0)
        axis.plot(wedge, np.exp(sign * RATE * wedge), color="black", lw=1, label=label)
    axis.set(title=r"The ratios that can be certified ($\xi < 1/2$)", xlabel="R", ylabel=r"$\sigma_1/\sigma_0$")
    axis.set_xlim(0, 1.02 * COHEN)
    axis.set_ylim(0.91, None)
    axis.legend(loc="lower left", fontsize=8, ncols=2, handlelength=1, columnspacing=1, handletextpad=0.5)


def _draw_price(axis: Axes, fixed: pd.DataFrame) -> None:
    for i, (rate, part) in enumerate(fixed.groupby("rate", sort=False)):
        axis.plot(part.N, part.share, color=f"C{i}", label=f"r = {rate:g}")
        axis.plot(part.N, part.approximation, color="0.3", lw=0.9, ls=":", zorder=3)
    axis.plot([], [], color="0.3", lw=0.9, ls=":", label=r"$1/\sqrt{1 + 2 N r^2 \sigma_0^2}$")
    axis.set(
        title="Certified radius, in shares of Cohen's", xscale="log", xlabel="N", ylabel="CR / Cohen", ylim=(0, 1.03)
    )
    axis.legend(loc="lower left", fontsize=9)


def _draw_allowance(axis: Axes, allowed: pd.DataFrame) -> None:
    for i, (share, part) in enumerate(allowed.groupby("share", sort=False)):
        axis.plot(part.N, part.rate, color=f"C{i}", label=f"CR = {share:g} Cohen")
    axis.set(title="The largest r that keeps so much", xscale="log", yscale="log", xlabel="N", ylabel="r")
    axis.axhline(RATE, color="black", lw=1, ls=":")
    axis.text(3, RATE, f"r = {RATE:g}", fontsize=8, va="bottom")
    axis.legend(loc="lower left", fontsize=9)
