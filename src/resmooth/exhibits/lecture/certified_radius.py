r"""The certified radius as a function of p_A and p_B.

The lecture's radius :math:`R = \frac\sigma2 (\Phi^{-1}(p_A) - \Phi^{-1}(p_B))` and its short form :math:`\sigma\,\Phi^{-1}(p_A)`
for p_B = 1 - p_A, over all their arguments; what each of them gives away; and the ceiling, the largest radius that n samples can
certify. All radii are in multiples of sigma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

from resmooth import noise
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.smoothing import bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure

    from resmooth.plan import Run

ALPHA = 0.001
CLASSES = 10
N = 1000  # samples, where the price of bounds is shown
PRINTED = {1000: "2.463", 10_000: "3.199", 100_000: "3.8115", 1_000_000: "4.347"}  # this project's reference values
EXAMPLE = {"p_a": 0.8, "p_b": 0.1}
IMAGENET_N = 100_000  # samples of the lecture's ImageNet table


def compute(run: Run | None = None) -> Frames:
    """inverse, example, map: both formulas; difference: the long less the short form; ceiling, claim. The same for every run."""
    inverse = pd.DataFrame({"panel": "inverse", "x": np.linspace(0.001, 0.999, 999)})
    inverse["radius"] = ndtri(inverse.x)
    example = pd.DataFrame([{"panel": "example", **EXAMPLE, "radius": two_sided(**EXAMPLE)}])
    about = {"inverse": inverse, "example": example, "map": radius_map(), "difference": differences()}
    return about | {"ceiling": ceilings(), "claim": printed_ceilings()}


def two_sided(p_a: ArrayLike, p_b: ArrayLike) -> Any:
    """The radius of the theorem in multiples of sigma; 0 (abstain) where p_b is not below p_a."""
    return np.maximum(0, (ndtri(p_a) - ndtri(p_b)) / 2)


def one_sided(p_a: ArrayLike) -> Any:
    """Its short form, as certificates use it: 0 where p_a <= 1/2."""
    return noise.make("normal", dim=2, sigma=1).radius(p_a, norm=2)


def radius_map() -> pd.DataFrame:
    """`two_sided` on a grid of the triangle p_A + p_B <= 1, p_B <= p_A. Its edge p_B = 1 - p_A is the short form."""
    p_a, p_b = np.meshgrid(np.linspace(0.005, 0.995, 100), np.linspace(0.005, 0.495, 50))
    allowed = (p_b <= p_a + 1e-9) & (p_a + p_b <= 1 + 1e-9)
    p_a, p_b = p_a[allowed], p_b[allowed]
    return pd.DataFrame({"panel": "map", "p_a": p_a, "p_b": p_b, "radius": two_sided(p_a, p_b)})


def differences() -> pd.DataFrame:
    """The long form less the short one, p_B being a share of the rest 1 - p_A: with exact probabilities, and with N samples.

    With samples both are evaluated at the expected counts. The long form needs CLASSES bounds at once, so each gets alpha /
    CLASSES; on the event that all hold, p_B <= 1 - p_A is known too, so the smaller of the two upper bounds counts.
    """
    parts, p_a = [], np.linspace(0.35, 0.999, 200)
    others = CLASSES - 1
    for share, name in ((1, "one other class"), (0.5, "two others, equal"), (1 / others, f"{others} others, equal")):
        rest = share * (1 - p_a)
        low = bounds.clopper_pearson(N * p_a, N, ALPHA / CLASSES, side="lower")
        up = np.minimum(bounds.clopper_pearson(N * rest, N, ALPHA / CLASSES, side="upper"), 1 - low)
        forms = {
            "exact": (two_sided(p_a, rest), one_sided(p_a)),
            f"n = {N}": (two_sided(low, up), one_sided(bounds.clopper_pearson(N * p_a, N, ALPHA))),
        }
        for knowledge, (long_form, short_form) in forms.items():
            about = {"panel": "difference", "series": name, "knowledge": knowledge, "p_a": p_a, "p_b": rest}
            about |= {"two_sided": long_form, "one_sided": short_form, "radius": long_form - short_form}
            parts.append(pd.DataFrame(about)[rest < p_a])
    return pd.concat(parts)


def ceilings() -> pd.DataFrame:
    """The largest radius against n: all n votes alike bound p_A by alpha^(1/n); with alpha / CLASSES for the long form."""
    ceiling = pd.DataFrame({"panel": "ceiling", "n": np.unique(np.geomspace(10, 10_000_000, 200).astype(int))})
    ceiling["radius"] = one_sided(bounds.clopper_pearson(ceiling.n, ceiling.n, ALPHA))
    ceiling["two_sided"] = one_sided(bounds.clopper_pearson(ceiling.n, ceiling.n, ALPHA / CLASSES))
    return ceiling


def printed_ceilings() -> pd.DataFrame:
    """The reference values beside the formula: whether they agree in every printed digit."""
    claim = pd.DataFrame({"panel": "ceiling printed", "n": list(PRINTED), "printed": list(PRINTED.values())})
    claim["radius"] = ndtri(ALPHA ** (1 / claim.n))
    claim["difference"] = claim.printed.astype(float) - claim.radius
    claim["agrees"] = [f"{r:.{len(p.split('.')[1])}f}" == p for r, p in zip(claim.radius, claim.printed)]
    return claim


def here(frames: Frames) -> str:
    """What is shown."""
    return (
        "**Here.** Both formulas over all their arguments, what each of them gives away (with exact probabilities, "
        f"and with the bounds that n = {N:,} samples allow at alpha = {ALPHA:g} and {CLASSES} classes), and the "
        "ceiling. Radii are in multiples of $\\sigma$, so they hold for images in [0, 1] and for the plane alike."
    )


def findings(frames: Frames) -> list[Finding]:
    """What the lecture says of the radius, on the whole map; what its short form costs."""
    return [
        _monotone(frames["map"]),
        _never_negative(frames["map"], frames["inverse"]),
        _short_form(frames["map"], frames["difference"]),
        _needs_samples(frames["ceiling"]),
        *_others(frames),
    ]


def _monotone(surface: pd.DataFrame) -> Finding:
    """Steps between neighbours of the map, along each axis."""
    table = surface.pivot(index="p_b", columns="p_a", values="radius").to_numpy()
    along, across = np.diff(table, axis=1), -np.diff(table, axis=0)
    steps = np.concatenate([part[np.isfinite(part)] for part in (along, across)])
    wide, narrow = (0.9, 0.1), (0.75, 0.001)
    reason = (
        f"Between neighbours on a grid of {len(surface):,} pairs the radius changes by at least {steps.min():.2g} "
        "sigma: it grows with p_A and falls with p_B, each alone. The gap p_A - p_B by itself does not order radii: "
        f"{wide[0]:g} and {wide[1]:g} give {two_sided(*wide):.2f} sigma, {narrow[0]:g} and {narrow[1]:g}, a smaller "
        f"gap, {two_sided(*narrow):.2f}."
    )
    value = steps.min()
    verdict = "holds" if value > 0 else "fails"
    return Finding("lecture-radius_monotone", verdict, reason, value, value, value, "sigma, smallest step")


def _never_negative(surface: pd.DataFrame, inverse: pd.DataFrame) -> Finding:
    """The smallest unclipped radius of the map, beside the smallest value of the inverse."""
    raw = (ndtri(surface.p_a) - ndtri(surface.p_b)) / 2
    value = raw.where(raw.abs() > 1e-12, 0.0).min()
    reason = (
        f"On a grid of {len(surface):,} pairs with p_B <= p_A the smallest radius is {value:g} sigma, where p_A = "
        f"p_B, although the inverse of the Gaussian distribution function falls to {inverse.radius.min():.2f} there."
    )
    return Finding(
        "lecture-radius_never_negative", "holds" if value >= 0 else "fails", reason, value, value, value, "sigma"
    )


def _short_form(surface: pd.DataFrame, loss: pd.DataFrame) -> Finding:
    """Both forms where p_B = 1 - p_A; p_A below 1/2 is outside the lecture's assumption."""
    edge = surface[(surface.p_a + surface.p_b - 1).abs() < 1e-9]
    edge = pd.concat([edge, loss[(loss.knowledge == "exact") & (loss.series == "one other class")]], ignore_index=True)
    value = float(np.abs(two_sided(edge.p_a, 1 - edge.p_a) - one_sided(edge.p_a)).max())
    reason = (
        f"At {len(edge)} values of p_A from {edge.p_a.min():.3f} to {edge.p_a.max():.3f}, with p_B = 1 - p_A, the two "
        f"forms differ by at most {value:.1g} sigma."
    )
    verdict = "holds" if value < 1e-9 else "fails"
    return Finding("lecture-short_form", verdict, reason, value, value, value, "sigma, largest difference")


def _needs_samples(ceiling: pd.DataFrame) -> Finding:
    """The least growth of the ceiling from one number of samples to the next."""
    steps = np.diff(ceiling.radius)
    shown = [f"{ndtri(ALPHA ** (1 / n)):.2f} at n = {n:,}" for n in PRINTED]
    reason = (
        f"Even if all votes agree, n samples certify no more than Phi^-1(alpha^(1/n)): {', '.join(shown)} (sigma, "
        f"alpha = {ALPHA:g}). From each of {len(ceiling)} sizes to the next this ceiling rises, by {steps.min():.3g} "
        "sigma or more."
    )
    value = steps.min()
    verdict = "holds" if value > 0 else "fails"
    return Finding("lecture-radius_needs_samples", verdict, reason, value, value, value, "sigma, smallest step")


def _others(frames: Frames) -> list[Finding]:
    """The price of either form, and zeros in the lecture's table that no network could avoid."""
    loss, claim = frames["difference"], frames["claim"]
    sampled = loss[loss.knowledge != "exact"]
    worst = -sampled[sampled.series == "one other class"].radius.min()
    best = sampled[sampled.p_a > 0.5].nlargest(1, "radius").iloc[0]
    ceiling = ndtri(ALPHA ** (1 / IMAGENET_N))
    price = observation(
        "The short form is efficient, since it needs one bound instead of one for each class, and costs radius "
        f"unless a single other class competes: with n = {N:,} and {CLASSES} classes the long form gains up to "
        f"{best.radius:.3f} sigma above p_A = 1/2 ({best.series}), loses up to {worst:.3f} sigma where only one does, "
        "and alone certifies anything below p_A = 1/2."
    )
    zeros = observation(
        f"With n = {IMAGENET_N:,} the ceiling is {ceiling:.4f} sigma, that is {0.5 * ceiling:.3f} for sigma = 0.5 and "
        f"{ceiling:.3f} for sigma = 1. Hence the zeros from r = 2 on in the sigma = 0.5 rows of the lecture's "
        "ImageNet table: they come from n and alpha, whatever the network."
    )
    digits = observation(
        f"{claim.agrees.sum()} of the {len(claim)} ceilings that this project keeps as reference values agree with "
        "the formula in every digit; the lecture prints none."
    )
    return [price, zeros, digits]


def draw(frames: Frames) -> Figure:
    """The inverse with an example, the map, the difference of the two forms, the ceiling."""
    import matplotlib.pyplot as plt

    figure, ((phi, plane), (gain, top)) = plt.subplots(2, 2, figsize=(11, 8.4))
    _draw_inverse(phi, frames["inverse"])
    figure.colorbar(_draw_map(plane, frames["map"]), ax=plane, label=r"$R\,/\,\sigma$")
    _draw_differences(gain, frames["difference"])
    _draw_ceilings(top, frames["ceiling"], frames["claim"])
    return figure


def _draw_inverse(axis: Axes, inverse: pd.DataFrame) -> None:
    a, b = EXAMPLE["p_a"], EXAMPLE["p_b"]
    high, low = ndtri(a), ndtri(b)
    axis.plot(inverse.x, inverse.radius)
    axis.vlines([a, b], -3.2, [high, low], color="0.4", lw=1, ls=":")
    axis.hlines([high, low], [a, b], 1.0, color="0.4", lw=1, ls=":")
    axis.plot([a, b], [high, low], "o", color="C1")
    arrow = {"arrowstyle": "<->", "color": "C1", "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", (1.0, high), (1.0, low), arrowprops=arrow)
    box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none"}
    words = rf"$2R\,/\,\sigma$ = {2 * two_sided(a, b):.2f}"
    axis.text(0.97, (high + low) / 2, words, color="C1", ha="right", va="center", bbox=box)
    axis.text(a - 0.015, high + 0.15, f"$p_A$ = {a}", ha="right")
    axis.text(b + 0.03, low - 0.4, f"$p_B$ = {b}")
    axis.set(title=r"$\Phi^{-1}$: the radius is half the height between two points", xlabel="probability p")
    axis.set(ylim=(-3.2, 3.2), ylabel=r"$\Phi^{-1}(p)$")


def _draw_map(axis: Axes, surface: pd.DataFrame) -> ContourSet:
    """Returns the filled contours, for their colour bar."""
    table = surface.pivot(index="p_b", columns="p_a", values="radius")
    p_a, p_b = np.meshgrid(table.columns, table.index)
    a, b = EXAMPLE["p_a"], EXAMPLE["p_b"]
    levels = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5]
    filled = axis.contourf(p_a, p_b, table, levels=levels, cmap="Blues", extend="max")
    drawn = axis.contour(p_a, p_b, table, levels=[0.25, 0.5, 1, 1.5, 2], colors="0.25", linewidths=0.8)
    axis.clabel(drawn, levels=[0.25, 0.5, 1], fmt="%g", fontsize=8)
    axis.plot([0.5, 1], [0.5, 0], color="C1", lw=2.4, label=r"$p_B = 1 - p_A$: $R = \sigma\,\Phi^{-1}(p_A)$")
    axis.plot([0, 0.5], [0, 0.5], color="C3", lw=2.4, label=r"$p_B = p_A$: $R = 0$")
    axis.plot(a, b, "o", color="black", ms=5, label=rf"the pair on the left: R = {two_sided(a, b):.2f} $\sigma$")
    axis.set(
        title=r"$R\,/\,\sigma$ over the possible pairs", xlabel="$p_A$", ylabel="$p_B$", xlim=(0, 1), ylim=(0, 0.78)
    )
    axis.set_yticks([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    axis.legend(loc="upper left")
    return filled


def _draw_differences(axis: Axes, loss: pd.DataFrame) -> None:
    for i, name in enumerate(loss.series.unique()):
        for knowledge, line in (("exact", "-"), (f"n = {N}", "--")):
            part = loss[(loss.series == name) & (loss.knowledge == knowledge)]
            axis.plot(part.p_a, part.radius, line, color=f"C{i}", label=f"{name}, {knowledge}")
    axis.axhline(0, color="0.4", lw=1)
    axis.axvline(0.5, color="0.4", lw=1, ls=":")
    axis.set(title="Two-sided minus one-sided radius", xlabel="$p_A$", ylabel=r"difference of $R\,/\,\sigma$")
    axis.set(xlim=(loss.p_a.min(), 1), ylim=(None, 1.16), yticks=np.arange(0, 0.9, 0.2))
    axis.legend(fontsize=8, ncols=2, loc="upper center")


def _draw_ceilings(axis: Axes, ceiling: pd.DataFrame, claim: pd.DataFrame) -> None:
    axis.plot(ceiling.n, ceiling.radius, label=rf"one-sided, $\alpha$ = {ALPHA:g}")
    axis.plot(ceiling.n, ceiling.two_sided, "--", label=rf"two-sided, $\alpha$ / {CLASSES} for each bound")
    axis.plot(claim.n, claim.printed.astype(float), "o", color="black", ms=5, label="reference values, as printed")
    for n, value in zip(claim.n, claim.printed):
        axis.annotate(value, (n, float(value)), (-4, 6), textcoords="offset points", ha="right")
    axis.set(xscale="log", title=r"The ceiling $\Phi^{-1}(\alpha^{1/n})$")
    axis.set(xlabel="samples n", ylabel=r"largest certifiable $R\,/\,\sigma$")
    axis.set_ylim(0, None)
    axis.legend(loc="lower right")
