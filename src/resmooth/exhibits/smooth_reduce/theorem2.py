r"""Does a vote of k patches fail more rarely than one?

Smooth-Reduce, Theorem 2, and the paragraph on the success probability in section 3. Each of k sub-classifiers fails with
probability :math:`\alpha`; the theorem bounds the probability that half of them or more fail by
:math:`e^{-k\alpha}(2e\alpha)^{k/2}`, by Chernoff's bound on independent failures. The main text says :math:`\alpha / k`.
Both beside the exact binomial tail, failures that all come together, and the worst dependence,
:math:`k\alpha / \lceil k/2 \rceil` (Markov's bound, which some dependence attains). The last part is on what the certificates of
the "calibrated" experiment promise: the level of their own confidence bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.decisions import decide, span
from resmooth.stats.intervals import exact

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

ALPHAS = (0.001, 0.01)  # of the main experiments, and of the calibrated one
CELLS = (1, 2, 3, 4, 8, 10, 16, 25)  # 4, 8, 10, 16 and 25 are the paper's
K_MAX = 64
COMPARED = {"SmoothAdv": (100_000, 0.001), "Smooth-Reduce": (10_000, 0.01)}  # the calibrated experiment: n and alpha
PATCHES = 10  # of its Smooth-Reduce
QUICKLY = 0.5  # a bound decays quickly if each further patch at least halves it
LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "worst": ("the worst dependence", {"color": "C6", "ls": ":", "lw": 1.4}),
    "together": (r"all fail together: $\alpha$", {"color": "C3", "ls": "-", "lw": 1.6}),
    "stated": (r"main text: $\alpha / k$", {"color": "C1", "ls": "-.", "marker": "^", "ms": 5}),
    "bound": ("bound of Theorem 2", {"color": "C0", "ls": "--", "marker": "o", "ms": 5}),
    "independent": ("independent, exact", {"color": "C2", "ls": "-", "marker": "s", "ms": 4}),
}


def compute(run: Run | None = None) -> Frames:
    """cells, grid: all probabilities; smallest: k from which the bound says more; shared; levels. The same for every run."""
    return {
        "cells": probabilities(np.array(CELLS), np.array(ALPHAS)),
        "grid": probabilities(np.arange(1, K_MAX + 1), np.array([*ALPHAS, *np.geomspace(1e-4, 0.49, 60)])),
        "smallest": smallest(),
        "shared": shared(),
        "levels": levels(),
    }


def bound(k: Any, alpha: Any) -> Any:
    """The bound of Theorem 2."""
    return np.exp(-k * alpha) * (2 * np.e * alpha) ** (k / 2)


def tail(k: Any, alpha: Any) -> Any:
    """P[Binomial(k, alpha) >= k / 2], exactly."""
    least = np.ceil(k / 2)
    return special.betainc(least, k - least + 1, alpha)


def probabilities(k: np.ndarray, alpha: np.ndarray) -> pd.DataFrame:
    """The probability that half of k sub-classifiers or more fail, for each alpha and k: bounded, stated and exact."""
    alpha, k = (part.ravel() for part in np.meshgrid(alpha, k, indexing="ij"))
    found = {"bound": bound(k, alpha), "independent": tail(k, alpha), "stated": alpha / k, "together": alpha}
    return pd.DataFrame({"alpha": alpha, "k": k, **found, "worst": k * alpha / np.ceil(k / 2)})


def smallest() -> pd.DataFrame:
    """The smallest k from which on the bound lies below alpha, and below alpha / k, against alpha."""
    k = np.arange(1, 2001)
    rows = []
    for alpha in [*ALPHAS, *np.geomspace(1e-4, 0.15, 200)]:
        over = {limit: bound(k, alpha) > value for limit, value in (("alpha", alpha), ("alpha / k", alpha / k))}
        rows.append((alpha, *(int(k[above].max(initial=0)) + 1 for above in over.values())))
    return pd.DataFrame(rows, columns=["alpha", "below_alpha", "below_stated"]).sort_values("alpha", ignore_index=True)


def shared() -> pd.DataFrame:
    """The probability against the correlation rho: with probability rho all fail or none, else each by itself."""
    rho, k, alpha = np.linspace(0, 1, 101), np.array([4, PATCHES, 25]), ALPHAS[1]
    rho, k = (part.ravel() for part in np.meshgrid(rho, k))
    found = rho * alpha + (1 - rho) * tail(k, alpha)
    return pd.DataFrame({"alpha": alpha, "k": k, "correlation": rho, "probability": found, "stated": alpha / k})


def levels() -> pd.DataFrame:
    """What the confidence bounds of the calibrated experiment promise: the error that they attain, and the largest radius."""
    rows = []
    for name, (n, alpha) in COMPARED.items():
        wins = n * 9 // 10
        p = float(clopper_pearson(wins, n, alpha))  # a true p_A at which the bound errs as often as it may
        ceiling = special.ndtri(alpha ** (1 / n))
        rows.append((name, n, alpha, p, special.betainc(wins, n - wins + 1, p), ceiling))
    columns = ["method", "n", "alpha", "p_a", "attained_error", "largest_radius"]
    return pd.DataFrame(rows, columns=columns)


def table(frames: Frames) -> pd.DataFrame:
    """The cells, the thresholds of k, and the levels."""
    return pd.concat([frames[name].assign(part=name) for name in ("cells", "smallest", "levels")], ignore_index=True)


def here(frames: Frames) -> str:
    """The cases."""
    grid = frames["grid"]
    return (
        f"**Here.** All probabilities exactly, at k = 1 to {grid.k.max()} and alpha = {grid.alpha.min():g} to "
        f"{grid.alpha.max():g}; the paper takes 4 to 25 patches, and alpha = {ALPHAS[0]:g} or {ALPHAS[1]:g}. No network and no "
        "data: every run shows the same."
    )


def findings(frames: Frames) -> list[Finding]:
    """The theorem, what it gives for small k, the main text's alpha / k, and the calibrated experiment."""
    grid, printed = frames["grid"], frames["grid"][frames["grid"].alpha.isin(ALPHAS)]
    return [
        _theorem(grid),
        _decays(printed),
        _informative(printed),
        _gives_stated(printed),
        _stated(printed, frames["shared"]),
        _calibrated(frames["levels"]),
        _fewer_samples(frames["levels"]),
        observation(
            "m_i = 1 in the proof stands for an error of the confidence bound of sub-classifier i, which depends on the draws of "
            "CERTIFY, not on a perturbation; and the radius of the vote comes from the vote's own counts, not from the radii of "
            "the sub-classifiers. So the theorem says nothing of the error probability of CERTIFY for the vote, which is at most "
            "the alpha of its Clopper-Pearson bound, for every k."
        ),
    ]


def _theorem(grid: pd.DataFrame) -> Finding:
    """Whether the bound lies above the exact tail everywhere."""
    ratio = grid.bound / grid.independent
    at = grid.loc[ratio.idxmin()]
    reason = (
        f"At {(ratio >= 1).sum():,} of {len(grid):,} pairs of k (1 to {grid.k.max()}) and alpha ({grid.alpha.min():g} to "
        f"{grid.alpha.max():g}) the bound is at least the binomial tail; it is {ratio.min():.3g} times it or more, least at "
        f"k = {at.k:.0f}, alpha = {at.alpha:.2g}."
    )
    least = exact(ratio.min())
    return Finding(
        "smooth_reduce-theorem_2_bound", decide(least, "above", than=1), reason, *least, "bound / exact tail"
    )


def _decays(printed: pd.DataFrame) -> Finding:
    """Whether each further patch at least halves the bound."""
    ordered = printed.sort_values(["alpha", "k"]).drop_duplicates(["alpha", "k"])
    factor = (ordered.bound / ordered.groupby("alpha").bound.shift()).dropna()
    most = exact(factor.max())
    words = " and ".join(f"{factor[ordered.alpha == alpha].max():.3f} (alpha = {alpha:g})" for alpha in ALPHAS)
    reason = (
        f"Each further patch multiplies the bound by {words}, whatever k; quickly is taken to mean {QUICKLY:g} or less."
    )
    verdict = decide(most, "below", than=QUICKLY)
    return Finding("smooth_reduce-theorem_2_decays", verdict, reason, *most, "bound at k + 1 / bound at k")


def _informative(printed: pd.DataFrame) -> Finding:
    """Whether the bound improves on alpha for every k."""
    ratio = printed.bound / printed.alpha
    worst = exact(ratio.max())
    reason = (
        f"The bound lies above alpha, which a single sub-classifier has, at {_where(printed[ratio > 1])}; from there on below. "
        f"It is largest at k = {printed.k[ratio.idxmax()]}, alpha = {printed.alpha[ratio.idxmax()]:g}: "
        f"{printed.bound[ratio.idxmax()]:.3g}."
    )
    return Finding(
        "smooth_reduce-theorem_2_informative", decide(worst, "below", than=1), reason, *worst, "bound / alpha"
    )


def _gives_stated(printed: pd.DataFrame) -> Finding:
    """Whether what is proved implies what the main text states."""
    several = printed[printed.k >= 2]
    ratio = several.bound / several.stated
    worst = exact(ratio.max())
    beyond = several[several.independent > several.stated]
    reason = (
        f"The proved bound exceeds alpha / k at {_where(several[ratio > 1])}, not counting k = 1; at larger k it is smaller. For "
        f"independent failures the exact probability exceeds alpha / k at k = {', '.join(map(str, beyond.k.unique()))} alone, "
        "where one failure of two is already half: nearly 2 alpha."
    )
    claim = "smooth_reduce-theorem_2_gives_alpha_over_k"
    return Finding(claim, decide(worst, "below", than=1), reason, *worst, "bound / (alpha / k)")


def _stated(printed: pd.DataFrame, shared: pd.DataFrame) -> Finding:
    """Whether alpha / k holds for sub-classifiers that share network, image and most pixels."""
    used = printed[printed.k.isin([k for k in CELLS if k >= 4])]
    ratio, worst = used.together / used.stated, used.worst / used.alpha
    limits = [(k, part.correlation[part.probability > part.stated].min()) for k, part in shared.groupby("k")]
    words = ", ".join(f"{rho:.2f} for {k} patches" for k, rho in limits)
    reason = (
        f"The main text names no condition. If all patches fail together, the vote fails with probability alpha, "
        f"{span(ratio, 'g')} times alpha / k at the paper's numbers of patches; the worst dependence allows "
        f"{span(worst, '.3g')} alpha. A share of common failures is "
        f"enough to exceed alpha / k (alpha = {shared.alpha.iloc[0]:g}): a correlation of {words}. The patches share the "
        "network, the image and most pixels."
    )
    least = exact(ratio.max())
    return Finding(
        "smooth_reduce-alpha_over_k", decide(least, "below", than=1), reason, *least, "probability / (alpha / k)"
    )


def _calibrated(levels: pd.DataFrame) -> Finding:
    """Whether ten votes at alpha = 0.01 are as reliable as one classifier at 0.001."""
    base, vote = (levels[levels.method == name].iloc[0] for name in COMPARED)
    ratio = exact(vote.attained_error / base.attained_error)
    reason = (
        f"CERTIFY counts the votes of the {PATCHES} patches together, so that its bound errs as Clopper-Pearson does: with "
        f"probability {vote.attained_error:.4g} at p_A = {vote.p_a:.4f} (n = {vote.n:,}, alpha = {vote.alpha:g}), against "
        f"{base.attained_error:.4g} for SmoothAdv (n = {base.n:,}, alpha = {base.alpha:g}). The number of patches does not enter."
    )
    verdict = decide(ratio, "equal", than=1)
    return Finding("smooth_reduce-calibrated_alpha", verdict, reason, *ratio, "error probability / that of SmoothAdv")


def _fewer_samples(levels: pd.DataFrame) -> Finding:
    """Whether k times the alpha makes up for n / k samples."""
    base, vote = (levels[levels.method == name].iloc[0] for name in COMPARED)
    ratio = exact(vote.largest_radius / base.largest_radius)
    same = special.ndtri(base.alpha ** (1 / vote.n))
    reason = (
        f"n = {vote.n:,} at alpha = {vote.alpha:g} certify at most {vote.largest_radius:.3f} sigma, n = {base.n:,} at alpha = "
        f"{base.alpha:g} {base.largest_radius:.3f} sigma; at alpha = {base.alpha:g} for both, {same:.3f} sigma. The ceiling "
        "depends on n far more than on alpha."
    )
    claim = "smooth_reduce-fewer_samples"
    return Finding(claim, decide(ratio, "equal", than=1), reason, *ratio, "largest radius / that of all samples")


def _where(part: pd.DataFrame) -> str:
    """The pairs in words: "k = 1, 2 (alpha = 0.001) and k = 1, 2, 3 (alpha = 0.01)"."""
    found = [
        f"k = {', '.join(map(str, sorted(set(each.k))))} (alpha = {alpha:g})" for alpha, each in part.groupby("alpha")
    ]
    return " and ".join(found) or "no k"


def draw(frames: Frames) -> Figure:
    """Above, all probabilities against k for both alpha; below, from which k the bound helps, and the effect of correlation."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(12, 8.4), height_ratios=(1.25, 1))
    for axis, alpha in zip(axes[0], ALPHAS):
        _draw_probabilities(axis, frames["grid"][frames["grid"].alpha == alpha])
        axis.set_title(rf"Half of k sub-classifiers or more fail, $\alpha$ = {alpha:g}")
    axes[0][1].legend(loc="lower left", fontsize=9)
    axes[0][0].set_ylabel("probability")
    _draw_smallest(axes[1][0], frames["smallest"])
    _draw_shared(axes[1][1], frames["shared"])
    return figure


def _draw_probabilities(axis: Axes, part: pd.DataFrame) -> None:
    part = part[part.k <= 12].drop_duplicates("k")
    for column, (label, look) in LINES.items():
        axis.plot(part.k, part[column], label=label, **look)
    axis.set(yscale="log", xlabel="number of patches k", ylim=(1e-10, 1), xticks=part.k)


def _draw_smallest(axis: Axes, smallest: pd.DataFrame) -> None:
    axis.step(smallest.alpha, smallest.below_alpha, where="post", color="C3", label=r"below $\alpha$")
    look: dict[str, Any] = {"color": "C1", "ls": "-.", "where": "post"}
    axis.step(smallest.alpha, smallest.below_stated, label=r"below $\alpha / k$", **look)
    for alpha in ALPHAS:
        axis.axvline(alpha, color="0.4", lw=1, ls=":")
    axis.set(
        xscale="log", xlabel=r"$\alpha$", ylabel="smallest k", ylim=(0, 13), xlim=(1e-4, 0.1), yticks=range(0, 13, 2)
    )
    axis.set_title("From which k on the bound of Theorem 2 lies ...")
    axis.legend(loc="upper left")


def _draw_shared(axis: Axes, shared: pd.DataFrame) -> None:
    for number, (k, part) in enumerate(shared.groupby("k")):
        style = ("-", "--", "-.")[number % 3]
        ratio = part.probability / part.stated
        axis.plot(part.correlation, ratio, color=f"C{(0, 2, 4)[number % 3]}", ls=style, label=f"k = {k}")
    axis.axhline(1, color="C1", lw=1.4, ls=":", label=r"main text: $\alpha / k$")
    axis.set(xlabel="correlation of the failures", ylabel=r"probability / ($\alpha / k$)", xlim=(0, 1), ylim=(0, 14))
    axis.set_title(rf"Some of the failures are common to all, $\alpha$ = {shared.alpha.iloc[0]:g}")
    axis.legend(loc="upper right")
