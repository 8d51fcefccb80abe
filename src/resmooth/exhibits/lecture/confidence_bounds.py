r"""How far is the Monte-Carlo estimate from the true p_A?

The three ways that the lecture names to find a lower and an upper bound with :math:`P(lower \le p_A \le upper) \ge 1 - \alpha`,
at its own case p_A = 0.7, alpha = 0.01, and near 1, where certification happens. How often an interval misses p is an exact
sum over the binomial law; a simulation stands beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.smoothing import bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

P, P_HIGH = 0.7, 0.999  # the lecture's case, and one where radii are certified
ALPHA = 0.01
N_MAX = 100_000
N_FIXED = 1000  # samples where p varies
REPETITIONS = 20_000
SEED = 0
FLOOR = 1e-6  # least share that is drawn

# Chebyshev's inequality bounds both sides at once, so its bounds are taken at the full alpha: half would widen them for nothing.
METHODS = {
    "Chebyshev": lambda k, n: tuple(bounds.chebyshev(k, n, ALPHA, side) for side in ("lower", "upper")),
    "CLT": lambda k, n: bounds.normal_approximation(k, n, ALPHA, "both"),
    "Clopper-Pearson": lambda k, n: bounds.clopper_pearson(k, n, ALPHA, "both"),
}
CLAIMS = {"Chebyshev": "chebyshev", "CLT": "clt", "Clopper-Pearson": "clopper_pearson"}
LOOKS = {"Chebyshev": ("C2", ":"), "CLT": ("C1", "--"), "Clopper-Pearson": ("C0", "-")}


def compute(run: Run | None = None) -> Frames:
    """growing: one growing sample; exact, against_p, measured: how often an interval misses p. The same for every run."""
    generator = np.random.default_rng(SEED)
    growing = growing_sample(generator)
    sizes = np.unique(np.geomspace(10, N_MAX, 250).astype(int))
    near_one = 1 - np.geomspace(0.5, 1e-5, 250)
    return {
        "growing": growing,
        "exact": error_rates("against n", [(p, n) for p in (P, P_HIGH) for n in sizes]),
        "against_p": error_rates("against p", [(p, N_FIXED) for p in near_one]),
        "measured": measured(generator),
    }


def misses(method: str, k: ArrayLike, n: ArrayLike, p: float) -> Any:
    """Whether the interval that `method` draws from k of n misses p."""
    lower, upper = METHODS[method](k, n)
    return (lower > p) | (p > upper)


def error_rate(method: str, n: int, p: float) -> float:
    """P(interval misses p) for n samples: the binomial probabilities of all counts whose interval misses p, added up.

    Counts outside the central 1 - 1e-13 of the law are left out.
    """
    from scipy import stats

    tail = 5e-14
    k = np.arange(stats.binom.ppf(tail, n, p), stats.binom.isf(tail, n, p) + 1)
    return stats.binom.pmf(k, n, p)[misses(method, k, n, p)].sum()


def error_rates(panel: str, cases: list[tuple[float, int]]) -> pd.DataFrame:
    """`error_rate` of each method in each case (p, n)."""
    rows = [(panel, method, p, n, error_rate(method, n, p)) for method in METHODS for p, n in cases]
    return pd.DataFrame(rows, columns=["panel", "method", "p", "n", "wrong"])


def growing_sample(generator: np.random.Generator) -> pd.DataFrame:
    """The intervals of a single sample that grows to N_MAX. Each holds at its own n, not all of them together."""
    n = np.unique(np.geomspace(10, N_MAX, 80).astype(int))
    successes = np.cumsum(generator.random(N_MAX) < P)[n - 1]
    parts = []
    for method, interval in METHODS.items():
        lower, upper = interval(successes, n)
        about = {"panel": "one run", "method": method, "p": P, "n": n, "estimate": successes / n}
        parts.append(pd.DataFrame(about | {"lower": lower, "upper": upper}))
    return pd.concat(parts)


def measured(generator: np.random.Generator) -> pd.DataFrame:
    """The share of independent repetitions whose interval misses p, with its 99 % Clopper-Pearson interval, and the exact one."""
    rows = []
    for p in (P, P_HIGH):
        for size in np.geomspace(10, N_MAX, 9).astype(int):
            k = generator.binomial(size, p, REPETITIONS)
            for method in METHODS:
                count = int(misses(method, k, size, p).sum())
                low, high = bounds.clopper_pearson(count, REPETITIONS, 0.01, "both")
                rows.append(("measured", method, p, size, count / REPETITIONS, low, high, error_rate(method, size, p)))
    return pd.DataFrame(rows, columns=["panel", "method", "p", "n", "wrong", "lower", "upper", "exact"])


def here(frames: Frames) -> str:
    """The cases."""
    return (
        f"**Here.** The lecture's case p = {P:g}, alpha = {ALPHA:g} with all three, how often each one is wrong, and "
        f"the same at p = {P_HIGH:g} and, with n = {N_FIXED:,}, for p up to 1: there certification happens."
    )


def findings(frames: Frames) -> list[Finding]:
    """Whether each of the three bounds does what the lecture asks of it; what that means near 1."""
    everywhere = pd.concat([frames["exact"], frames["against_p"]], ignore_index=True)
    return [
        *(_covers(method, everywhere[everywhere.method == method]) for method in METHODS),
        _near_one(frames["exact"]),
        _looking_often(frames["growing"]),
        _agreement(frames["measured"]),
    ]


def _covers(method: str, rates: pd.DataFrame) -> Finding:
    """Whether the exact share of wrong intervals stays within alpha: decided at the lecture's case, over all n drawn."""
    own, worst = rates[rates.p == P], rates.loc[rates.wrong.idxmax()]
    at = own.loc[own.wrong.idxmax()]
    verdict = "holds" if at.wrong <= ALPHA else "fails"
    small = 1e-13  # what the sum resolves
    reason = (
        f"Allowed is {ALPHA:g}. By exact sums its interval misses p = {P:g} with probability at most "
        f"{max(at.wrong, small):.3g} for {len(own)} sample sizes of {own.n.min()} to {own.n.max():,}"
        + (f" (n = {at.n:,})" if at.wrong > small else "")
        + f"; over everything drawn, p up to {rates.p.max():g}, at most {max(worst.wrong, small):.3g}"
        + (f" (p = {worst.p:.6g}, n = {worst.n:,})." if worst.wrong > small else ".")
    )
    value = float(at.wrong)
    return Finding(f"lecture-{CLAIMS[method]}_covers", verdict, reason, value, value, value, "probability of a miss")


def _near_one(exact: pd.DataFrame) -> Finding:
    """What the normal approximation claims where certification happens."""
    from scipy import stats

    part = exact[(exact.method == "CLT") & (exact.p == P_HIGH)]
    worst, over = part.loc[part.wrong.idxmax()], part[part.wrong > 2 * ALPHA].n.max()
    k = np.arange(N_FIXED + 1)
    above = bounds.normal_approximation(k, N_FIXED, ALPHA, "lower") > P_HIGH
    false_claim = stats.binom.pmf(k, N_FIXED, P_HIGH)[above].sum()
    return observation(
        f"The CLT is no bound near 1: its interval misses p = {P_HIGH:g} with probability up to {worst.wrong:.3f} (n "
        f"= {worst.n}), and still more than twice as often as allowed at n = {over:,}. If all samples agree it claims "
        "p = 1, with no width. Its one-sided lower bound, the kind that CERTIFY uses, exceeds p with probability "
        f"{false_claim:.3f} at n = {N_FIXED:,}. Of the three that the lecture lists Chebyshev is sound and wasteful, "
        "and Clopper-Pearson the one to certify with."
    )


def _looking_often(growing: pd.DataFrame) -> Finding:
    """Intervals of one growing sample that miss p."""
    own = growing[growing.method == "Clopper-Pearson"]
    missed = ((own.lower > P) | (own.upper < P)).sum()
    return observation(
        f"Of the {len(own)} Clopper-Pearson intervals of the one growing sample {missed} miss p: looking often is not "
        "covered. The lecture's picture has no numbers and no seed, so the sample drawn is ours."
    )


def _agreement(measured: pd.DataFrame) -> Finding:
    """The simulation beside the sums."""
    outside = (measured.exact < measured.lower) | (measured.exact > measured.upper)
    return observation(
        f"{outside.sum()} of {len(measured)} shares measured in {REPETITIONS:,} repetitions have a 99 % interval that "
        "misses the exact probability."
    )


def draw(frames: Frames) -> Figure:
    """One growing sample; how often each interval is wrong, against n at two p, and against p."""
    import matplotlib.pyplot as plt

    figure, ((one, usual), (high, sweep)) = plt.subplots(2, 2, figsize=(11, 8.4))
    _draw_growing(one, frames["growing"])
    for axis, p in ((usual, P), (high, P_HIGH)):
        exact, simulated = (part[part.p == p] for part in (frames["exact"], frames["measured"]))
        _draw_against_n(axis, exact, simulated, p)
    usual.legend(loc="lower right", ncols=2)
    _draw_against_p(sweep, frames["against_p"])
    return figure


def _draw_growing(axis: Axes, growing: pd.DataFrame) -> None:
    for method, part in growing.groupby("method", sort=False):
        color, line = LOOKS[method]
        axis.plot(part.n, part.lower, line, color=color, label=method)
        axis.plot(part.n, part.upper, line, color=color)
    axis.plot(part.n, part.estimate, ".", color="0.4", ms=4, label="estimate")
    axis.axhline(P, color="black", lw=1, label=f"true $p_A$ = {P:g}")
    axis.set(xscale="log", ylim=(0, 1.02), xlabel="samples n", ylabel="probability")
    axis.set_title(f"One growing sample: bounds for 1 - $\\alpha$ = {1 - ALPHA:g}")
    axis.legend(loc="lower right", ncols=2)


def _draw_against_n(axis: Axes, exact: pd.DataFrame, measured: pd.DataFrame, p: float) -> None:
    names = {"Chebyshev": "Chebyshev (below the frame)"}
    for method, (color, line) in LOOKS.items():
        part, dots = (table[table.method == method] for table in (exact, measured))
        axis.plot(
            part.n,
            part.wrong.where(part.wrong > FLOOR / 10),
            line,
            color=color,
            lw=1.3,
            label=names.get(method, method),
        )
        dots = dots[dots.wrong > 0]
        arms = [dots.wrong - dots.lower, dots.upper - dots.wrong]
        axis.errorbar(dots.n, dots.wrong, arms, fmt="o", ms=4, color=color, lw=1, capsize=2)
    axis.axhline(ALPHA, color="black", lw=1, label=f"allowed: $\\alpha$ = {ALPHA:g}")
    axis.set(xscale="log", yscale="log", ylim=(FLOOR, 2), xlabel="samples n", ylabel="share of intervals that miss p")
    axis.set_title(f"p = {p:g}: exact (lines), {REPETITIONS:,} repetitions (dots)")


def _draw_against_p(axis: Axes, against_p: pd.DataFrame) -> None:
    for method, (color, line) in LOOKS.items():
        part = against_p[against_p.method == method]
        axis.plot(1 - part.p, part.wrong.where(part.wrong > FLOOR / 10), line, color=color, lw=1.3)
    axis.axhline(ALPHA, color="black", lw=1)
    axis.axvline(1 / N_FIXED, color="0.5", lw=1, ls="-.")
    axis.text(1 / N_FIXED, 3e-6, " 1 / n ", color="0.4", ha="left")
    axis.set(xscale="log", yscale="log", ylim=(FLOOR, 2), xlabel="1 - p   (certification lives on the right)")
    axis.invert_xaxis()
    axis.set(ylabel="share of intervals that miss p", title=f"n = {N_FIXED}: exact, against p")
