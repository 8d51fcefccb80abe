r"""How biased is -log of a mean over K noisy copies?

Notes on noises, appendix "Loss Estimators for the Smoothed Classifier": the loss :math:`-\log E[(x + \delta)^2]` at a number x,
with :math:`\delta \sim N(0, 1)`, estimated by :math:`-\log \frac1K \sum_k (x + \delta_k)^2`. Its bias exactly, by the notes'
Taylor term, by the term after it, and by drawing the estimator itself (`resmooth.theory.loss_bias` has the formulas).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.stats.decisions import counted, decide, span
from resmooth.stats.intervals import Estimate, from_error
from resmooth.theory.limits import around, limit, power
from resmooth.theory.loss_bias import exact_bias, monte_carlo, next_order, taylor_bias

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

X = (0, 0.5, 1, 2)
K_MAX = 4096
K_DRAWN = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REPETITIONS = 100_000
SEED = 0
WITHIN = 0.01  # how near to an integer power, or to a ratio of 1, counts as equal


def compute(run: Run | None = None) -> Frames:
    """curves: the bias against K; drawn: the estimator itself; doublings: what happens from K to 2 K. The same for every run."""
    return {"curves": curves(), "drawn": drawn(), "doublings": doublings()}


def curves() -> pd.DataFrame:
    """The bias at each x against K: exact, the Taylor term, the next one, and as printed, with 1 + x where 1 + x^2 is meant."""
    k = np.unique(np.geomspace(1, K_MAX, 120).astype(int))
    parts = []
    for x in X:
        values = {"exact": exact_bias(x, k), "taylor": taylor_bias(x, k), "next": next_order(x, k)}
        printed = (1 + 2 * x**2) / (k * (1 + x) ** 2)
        parts.append(pd.DataFrame({"series": "curves", "x": x, "K": k, **values, "as printed": printed}))
    return pd.concat(parts)


def drawn() -> pd.DataFrame:
    """The mean bias of REPETITIONS estimates at each x and K, each with seeds of its own, and its standard error."""
    rows: list[tuple] = []
    for x in X:
        for k in K_DRAWN:
            bias, error = monte_carlo(x, k, REPETITIONS, SEED + len(rows))
            rows.append(("drawn", x, k, exact_bias(x, k), taylor_bias(x, k), bias, error))
    return pd.DataFrame(rows, columns=["series", "x", "K", "exact", "taylor", "drawn", "standard error"])


def doublings() -> pd.DataFrame:
    """For K = 1 and K_MAX: the exact bias at K, 2 K and 4 K (columns b1, b2, b4), and Taylor's share of it (t1, t2)."""
    rows = []
    for k in (1, K_MAX):
        for x in X:
            exact = [float(exact_bias(x, factor * k)) for factor in (1, 2, 4)]
            shares = [float(taylor_bias(x, factor * k)) / value for factor, value in zip((1, 2), exact)]
            rows.append((x, k, *exact, *shares))
    return pd.DataFrame(rows, columns=["x", "K", "b1", "b2", "b4", "t1", "t2"])


def table(frames: Frames) -> pd.DataFrame:
    """Curves and draws, with the loss that they are a bias of."""
    data = pd.concat([frames["curves"], frames["drawn"]], ignore_index=True)
    data["target"] = 0 - np.log1p(data.x**2)
    return data


def here(frames: Frames) -> str:
    """The cases."""
    return (
        f"**Here.** The same formula at x = {', '.join(f'{x:g}' for x in X)}, for K up to {K_MAX:,} exactly, and for K up to "
        f"{max(K_DRAWN)} from {REPETITIONS:,} draws of the estimator. No network and no data: every run shows the same."
    )


def findings(frames: Frames) -> list[Finding]:
    """The four claims of the appendix; then how soon they hold, the misprint, and what it means for training."""
    curves, drawn, doublings = frames["curves"], frames["drawn"], frames["doublings"]
    far = doublings[doublings.K == doublings.K.max()]
    return [
        _upwards(curves, drawn),
        _consistent(curves, drawn),
        _order(far),
        _leading(far),
        _small_k(doublings[doublings.K == 1], curves),
        _agreement(drawn),
        *_misprint(curves[curves.K == 1]),
        observation(
            "K = 1 minimises -E log f(x + delta), which is training on noisy data: the upper end of the same family, not another "
            "loss. More copies bring the loss of the smoothed classifier nearer, at most by the bias drawn here."
        ),
    ]


def _upwards(curves: pd.DataFrame, drawn: pd.DataFrame) -> Finding:
    """Jensen: the exact bias decides, the drawn ones stand beside it."""
    least = curves.exact.min()
    means = [from_error(mean, error) for mean, error in zip(drawn.drawn, drawn["standard error"])]
    reason = (
        f"The exact bias is at least {least:.2g} at all {len(curves)} pairs of x and K (K up to {curves.K.max():,}); drawn, "
        f"{counted(means)}."
    )
    exact = Estimate(least, least, least)
    return Finding("noises-loss_biased_upwards", decide(exact, "above"), reason, *exact, "nats, the smallest bias")


def _consistent(curves: pd.DataFrame, drawn: pd.DataFrame) -> Finding:
    """Bias and spread of single estimates, drawn: their root mean square must fall as K grows."""
    spread = drawn["standard error"] * np.sqrt(REPETITIONS)
    off = np.sqrt(drawn.exact**2 + spread**2)
    last, before = sorted(drawn.K.unique())[-1:-3:-1]
    exponent = power(off[drawn.K == before], off[drawn.K == last]) / np.log2(last / before)
    error = (
        1 / np.sqrt(REPETITIONS) / np.log(last / before)
    )  # a drawn spread is known to 1 / sqrt(2 N) of itself, and there are two
    worst = from_error(exponent.max(), error)
    at = drawn.K == last
    reason = (
        "The distance of one estimate from its target (root of exact bias squared plus drawn variance) falls from K = "
        f"{before} to {last} as K to the power {span(exponent, '.3f')}, to {span(off[at], '.2g')}; the bias alone is at most "
        f"{curves[curves.K == curves.K.max()].exact.max():.1e} at K = {curves.K.max():,}. By {REPETITIONS:,} draws for each K."
    )
    return Finding("noises-loss_consistent", decide(worst, "below"), reason, *worst, "power of K, the slowest")


def _order(far: pd.DataFrame) -> Finding:
    """The exponent of the bias, extrapolated from two doublings."""
    exponents = power(far.b1, far.b2)
    end = around(limit(exponents, power(far.b2, far.b4)))
    reason = (
        f"The exact bias goes from K = {far.K.iloc[0]:,} to {2 * far.K.iloc[0]:,} as K to the power {span(exponents, '.4f')} "
        f"(at {len(far)} x); extrapolated from the next doubling, the power for large K is {end.value:.6f}."
    )
    verdict = decide(end, "equal", than=-1, within=WITHIN)
    return Finding("noises-loss_bias_order", verdict, reason, *end, "power of K")


def _leading(far: pd.DataFrame) -> Finding:
    """Whether Taylor's term is the whole bias in the limit."""
    end = around(limit(far.t1, far.t2))
    reason = (
        f"Taylor's term is {span(100 * far.t1, '.3f')} % of the exact bias at K = {far.K.iloc[0]:,} (at {len(far)} x), and "
        f"{100 * end.value:.5f} % in the limit."
    )
    verdict = decide(end, "equal", than=1, within=WITHIN)
    return Finding("noises-loss_taylor_term", verdict, reason, *end, "Taylor's term / exact bias")


def _small_k(first: pd.DataFrame, curves: pd.DataFrame) -> Finding:
    """From which K on order and Taylor's term are good for anything."""
    helps = np.abs(curves.taylor + curves.next - curves.exact) < np.abs(curves.taylor - curves.exact)
    return observation(
        f"The order 1/K is not there from the start: from K = 1 to 2 the power is {span(power(first.b1, first.b2), '.2f')}, "
        f"and Taylor's term is off by {off(1, taylor_bias)} at K = 1, {off(16, taylor_bias)} at 16 and {off(256, taylor_bias)} "
        f"at 256. With the next term it is {off(1, taylor_bias, next_order)} at K = 1 and {off(16, taylor_bias, next_order)} "
        f"at 16; that term helps at {helps.sum()} of the {len(curves)} points of the curves."
    )


def off(k: int, *terms: Callable) -> str:
    """Range over x of the relative error with k copies of the sum of these terms, in words."""
    x = np.array(X)
    return span(100 * np.abs(sum(term(x, k) for term in terms) / exact_bias(x, k) - 1), ".2g", " %")


def _agreement(drawn: pd.DataFrame) -> Finding:
    """The draws beside the exact values."""
    z = ((drawn.drawn - drawn.exact) / drawn["standard error"]).abs()
    return observation(
        f"{(z < 1.96).sum()} of {len(drawn)} intervals of drawn means hold the exact value; the largest deviation is "
        f"{z.max():.1f} standard errors."
    )


def _misprint(first: pd.DataFrame) -> list[Finding]:
    """The display as printed, where it gives another number."""
    wrong = first[~np.isclose(first["as printed"], first.taylor)]
    if wrong.empty:
        return []
    values = ", ".join(f"{row['as printed']:.3g} for {row.taylor:.3g} at x = {row.x:g}" for _, row in wrong.iterrows())
    return [
        observation(
            f"The display as printed, with (x + delta^2) for (x + delta)^2, makes K times the bias {values}. The expansion is "
            "around the mean 1 + x^2, not around x as the text has it."
        )
    ]


def draw(frames: Frames) -> Figure:
    """Above, bias and error of its approximations; below, K times the bias, and the loss itself."""
    import matplotlib.pyplot as plt

    curves, drawn = frames["curves"], frames["drawn"]
    figure, ((bias, error), (scaled, loss)) = plt.subplots(2, 2, figsize=(11, 8.4))
    for i, x in enumerate(curves.x.unique()):
        line, dots = curves[curves.x == x], drawn[drawn.x == x]
        look: dict = {"color": f"C{i}", "marker": "os^D"[i % 4], "ls": "none", "ms": 4, "lw": 1, "capsize": 2}
        half = 1.96 * dots["standard error"]
        _draw_bias(bias, line, dots, half, look, f"x = {x:g}")
        _draw_error(error, line, look["color"], f"x = {x:g}")
        _draw_scaled(scaled, line, dots, half, look, f"x = {x:g}")
        _draw_loss(loss, line, dots, half, look, f"x = {x:g}", -np.log1p(x**2))
    shared = {"xscale": "log", "xlabel": "copies K"}
    bias.set(**shared, yscale="log", ylim=(0.2 * curves.exact.min(), 3), ylabel="bias")
    bias.set_title("Bias: exact (lines), Taylor (dashed), drawn (dots, 95 %)")
    bias.legend(loc="lower left")
    error.set(**shared, yscale="log", ylabel="relative error of the approximation")
    error.set_title("Error of Taylor (dashed) and with the next term (solid)")
    error.legend(loc="lower left")
    scaled.set(**shared, ylabel="K times bias", ylim=(0, None))
    scaled.set_title("Bias times K: exact (solid), Taylor (dashed), drawn (dots)")
    loss.set(**shared, ylabel="expected loss")
    loss.set_title("Expected loss, from noisy data (K = 1) to the target (dashed)")
    loss.legend(loc="upper right", ncols=2)
    return figure


def _draw_bias(axis: Axes, line: pd.DataFrame, dots: pd.DataFrame, half: pd.Series, look: dict, name: str) -> None:
    axis.plot(line.K, line.exact, color=look["color"], lw=1.3, label=name)
    axis.plot(line.K, line.taylor, "--", color=look["color"], lw=1)
    axis.errorbar(dots.K, dots.drawn, half, **look)


def _draw_error(axis: Axes, line: pd.DataFrame, color: str, name: str) -> None:
    axis.plot(line.K, np.abs(line.taylor / line.exact - 1), "--", color=color, lw=1.3)
    axis.plot(line.K, np.abs((line.taylor + line.next) / line.exact - 1), "-", color=color, lw=1.3, label=name)


def _draw_scaled(axis: Axes, line: pd.DataFrame, dots: pd.DataFrame, half: pd.Series, look: dict, name: str) -> None:
    """Draws are shown where they are precise; the misprint as a level line where it gives another number."""
    axis.plot(line.K, line.K * line.exact, color=look["color"], lw=1.3)
    axis.plot(line.K, line.K * line.taylor, "--", color=look["color"], lw=1)
    printed = (line.K * line["as printed"]).iloc[0]
    if not np.isclose(printed, (line.K * line.taylor).iloc[0]):
        axis.axhline(printed, ls=":", color=look["color"], lw=2)
        note = {"xytext": (0, 3), "textcoords": "offset points", "ha": "right", "color": look["color"], "fontsize": 9}
        axis.annotate(f"as printed, {name}", (K_MAX, printed), **note)
    precise = dots[half < 0.2 * dots.exact]
    axis.errorbar(precise.K, precise.K * precise.drawn, (precise.K * half)[precise.index], **look)


def _draw_loss(
    axis: Axes, line: pd.DataFrame, dots: pd.DataFrame, half: pd.Series, look: dict, name: str, target: float
) -> None:
    axis.plot(line.K, line.exact + target, color=look["color"], lw=1.3, label=name)
    axis.errorbar(dots.K, dots.drawn + target, half, **look)
    axis.axhline(target, color=look["color"], lw=1, ls="--")
