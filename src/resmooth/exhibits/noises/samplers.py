r"""Sampling ExpInf, Exp1 and Exp2 noise.

Notes on noises, the three appendices "Noise Details": densities proportional to :math:`\exp(-(\|x\|_p / \lambda)^k)`, p = inf,
1, 2. The recipe tested: the law of the radius, the law of the direction, and two dimensions against the density; beside it what
the text says to the letter, and how far off that is. `resmooth.theory.recipes` has the recipes. Lengths are multiples of
lambda.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.decisions import decide
from resmooth.stats.intervals import Estimate
from resmooth.theory import recipes
from resmooth.theory.recipes import ORDERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

K_SHOWN = 2
DIMS = (2, 10, 3072)
KS = (0.5, 1, 2, 10)
DRAWS = 3000
DRAWS_OF_DENSITY = 10_000
POINTS = 1500
SEED = 0
D_RADIUS = 10  # of the histograms
SHARES = (0.5, 0.9, 0.99)  # of the noise inside a level set
SIZES = np.unique(np.geomspace(1, 3072, 30).astype(int))
SAME = 0.05  # laws whose distribution functions differ by less count as equal
QUANTILES = (  # noise, recipe, its name in the picture
    ("Exp1", recipes.meant, "the recipe"),
    ("Exp1", recipes.printed, "times z"),
    ("Exp2", recipes.printed, "no r"),
    ("Exp1", recipes.in_the_ball, "ball"),
)
Z_95 = 1.36  # sqrt(n) times the distance that 95 % of samples of n stay below (Kolmogorov)


def compute(run: Run | None = None) -> Frames:
    """right, wrong: tests of the recipe, and of the text; sweep: the text's radii against d, exactly; then what is drawn.

    density: radii of points drawn from the densities themselves. All but this from one generator, in this order. The same for
    every run.
    """
    generator = np.random.default_rng(SEED)
    return {
        "right": right(generator),
        "wrong": wrong(generator),
        "sweep": sweep(),
        "scatter": scatter(generator),
        "histograms": histograms(generator),
        "level_sets": level_sets(),
        "quantiles": quantiles(generator),
        "density": density(np.random.default_rng(SEED + 1)),
    }


def coordinate_law(name: str, d: int) -> tuple[Callable, Callable]:
    """(statistic of a coordinate u_1 of the direction, its distribution function); ExpInf: where u_1 is not +1 or -1."""
    from scipy import stats

    if name == "ExpInf":
        return lambda u: np.abs(u[np.abs(u) < 1 - 1e-9]), stats.uniform.cdf
    if name == "Exp1":
        return np.abs, stats.beta(1, d - 1).cdf
    return np.square, stats.beta(0.5, (d - 1) / 2).cdf


def tested(
    recipe: Callable[..., np.ndarray], text: str, name: str, k: float, d: int, generator: np.random.Generator
) -> list[dict]:
    """All tests on DRAWS draws of `recipe`, one row each.

    Radius: the norm of whole vectors against the law of r. Coordinate: u_1 of the direction against its exact law. The largest
    coordinate must have a fair sign (binomial), and the direction must not depend on the radius (short against long ones); for
    ExpInf |u_1| is 1 with probability 1/d (binomial). All others are tests of Kolmogorov and Smirnov.
    """
    from scipy import stats

    x = recipe(name, k, DRAWS, d, generator)
    norm, largest = np.linalg.norm(x, ORDERS[name], axis=1), x[np.arange(DRAWS), np.abs(x).argmax(axis=1)]
    law, u = stats.gengamma(d / k, k), x[:, 0] / norm
    statistic, cdf = coordinate_law(name, d)
    radius_test, coordinate = stats.kstest(norm, law.cdf), stats.kstest(statistic(u), cdf)
    sign, on_face = np.sum(largest > 0), np.sum(np.abs(u) >= 1 - 1e-9)
    long = norm > np.median(norm) if np.ptp(norm) > 1e-9 else np.arange(DRAWS) % 2 == 0
    split = stats.ks_2samp(u[long], u[~long])
    rows = [
        {"test": "radius", "ks": radius_test.statistic, "measured": norm.mean(), "exact": law.mean()}
        | {"p_value": radius_test.pvalue},
        {"test": "coordinate", "ks": coordinate.statistic, "p_value": coordinate.pvalue},
        {"test": "sign of the largest", "measured": sign / DRAWS, "exact": 0.5}
        | {"p_value": stats.binomtest(int(sign), DRAWS).pvalue},
        {"test": "independence of the radius", "ks": split.statistic, "p_value": split.pvalue},
    ]
    if name == "ExpInf":
        p_value = stats.binomtest(int(on_face), DRAWS, 1 / d).pvalue
        rows.append({"test": "share of |u_1| = 1", "measured": on_face / DRAWS, "exact": 1 / d, "p_value": p_value})
    return [{"recipe": text, "noise": name, "k": k, "d": d} | row for row in rows]


def right(generator: np.random.Generator) -> pd.DataFrame:
    """Tests of the recipe as it is meant."""
    cases = [(name, k, d) for name in ORDERS for k in KS for d in DIMS]
    return pd.DataFrame(row for case in cases for row in tested(recipes.meant, "exact", *case, generator))


def wrong(generator: np.random.Generator) -> pd.DataFrame:
    """The same tests of the text's letter, and of the ball."""
    rows = [
        row
        for recipe, text, names in (
            (recipes.printed, "as printed", ORDERS),
            (recipes.in_the_ball, "ball", ("Exp1", "Exp2")),
        )
        for name in names
        for d in DIMS
        for row in tested(recipe, text, name, K_SHOWN, d, generator)
    ]
    return pd.DataFrame(rows).set_index(["recipe", "noise", "test", "d"]).sort_index().reset_index()


def sweep() -> pd.DataFrame:
    """How far off the text's radius is against the dimension: its distance of Kolmogorov and Smirnov from the law."""
    return pd.DataFrame(
        {"test": "radius, exactly", "recipe": recipe, "k": K_SHOWN, "d": d, "ks": distance}
        for d in SIZES
        for recipe, distance in recipes.distances(K_SHOWN, d).items()
    )


def scatter(generator: np.random.Generator) -> pd.DataFrame:
    """POINTS draws in the plane, of the recipe and of the letter."""
    parts = []
    for recipe, text in ((recipes.meant, "exact"), (recipes.printed, "as printed")):
        for name in ORDERS:
            x1, x2 = recipe(name, K_SHOWN, POINTS, 2, generator).T
            about = {"test": "points", "recipe": text, "noise": name, "k": K_SHOWN, "d": 2}
            parts.append(pd.DataFrame(about | {"x1": x1, "x2": x2}))
    return pd.concat(parts)


def histograms(generator: np.random.Generator) -> pd.DataFrame:
    """The radius in D_RADIUS dimensions for each k: heights of DRAWS draws, and of the law; x1 to x2 is a bar."""
    from scipy import stats

    lengths = {
        k: np.linalg.norm(recipes.meant(name, k, DRAWS, D_RADIUS, generator), ORDERS[name], axis=1)
        for k, name in zip(KS, ("ExpInf", "Exp1", "Exp2", "ExpInf"))
    }
    parts = []
    for k, norm in lengths.items():
        law = stats.gengamma(D_RADIUS / k, k)
        low, high = law.ppf([0.0005, 0.9995])
        cuts = np.linspace(low, high, 31)
        width = np.diff(cuts)
        heights = {"measured": np.histogram(norm, cuts)[0] / DRAWS / width, "exact": np.diff(law.cdf(cuts)) / width}
        case = {"test": "histogram of the radius", "recipe": "exact", "k": k, "d": D_RADIUS}
        parts.append(pd.DataFrame({**case, "x1": cuts[:-1], "x2": cuts[1:], **heights}))
    return pd.concat(parts)


def level_sets() -> pd.DataFrame:
    """The radius x1 inside which a share of the noise lies, in the plane."""
    from scipy import stats

    shares = np.array(SHARES)
    case = {"test": "level set", "k": K_SHOWN, "d": 2, "exact": shares}
    return pd.DataFrame(case | {"x1": stats.gengamma(2 / K_SHOWN, K_SHOWN).ppf(shares)})


def quantiles(generator: np.random.Generator) -> pd.DataFrame:
    """Quantiles in the plane of the law of r (`exact`) and of what the recipes draw (`measured`)."""
    from scipy import stats

    law = stats.gengamma(2 / K_SHOWN, K_SHOWN).ppf((np.arange(POINTS) + 0.5) / POINTS)
    parts = []
    for name, recipe, text in QUANTILES:
        norm = np.sort(np.linalg.norm(recipe(name, K_SHOWN, POINTS, 2, generator), ORDERS[name], axis=1))
        parts.append(pd.DataFrame({"recipe": text, "noise": name, "exact": law, "measured": norm}))
    return pd.concat(parts)


def density(generator: np.random.Generator) -> pd.DataFrame:
    """The law of r against radii of points drawn from the density itself, in the plane: distance of Kolmogorov and Smirnov."""
    from scipy import stats

    rows = []
    for name, order in ORDERS.items():
        for k in KS:
            norm = np.linalg.norm(recipes.by_rejection(name, k, DRAWS_OF_DENSITY, generator), order, axis=1)
            test = stats.kstest(norm, stats.gengamma(2 / k, k).cdf)
            rows.append({"noise": name, "k": k, "d": 2, "ks": test.statistic, "p_value": test.pvalue})
    return pd.DataFrame(rows)


def table(frames: Frames) -> pd.DataFrame:
    """The tests, the exact errors, and what is drawn of the recipes."""
    parts = ("right", "wrong", "sweep", "scatter", "histograms", "level_sets")
    return pd.concat([frames[name] for name in parts], ignore_index=True)


def here(frames: Frames) -> str:
    """The cases."""
    return (
        f"**Here.** {DRAWS:,} draws of each recipe in d = {', '.join(f'{d:,}' for d in DIMS)} dimensions, at lambda = 1, for k "
        f"= {', '.join(f'{k:g}' for k in KS)} as the densities need it and for k = {K_SHOWN} to the letter; in the plane also "
        f"{DRAWS_OF_DENSITY:,} draws of each density by rejection, which uses no recipe. Two laws count as the same where "
        f"their distribution functions differ by less than {SAME:g}. No network and no data: every run shows the same."
    )


def band(distance: float, draws: int = DRAWS) -> Estimate:
    """A distance between a sample's and a law's distribution function, with the 95 % band of Kolmogorov for the true one."""
    half = Z_95 / np.sqrt(draws)
    return Estimate(distance, max(0.0, distance - half), min(1.0, distance + half))


def findings(frames: Frames) -> list[Finding]:
    """The law of the radius, the three recipes to the letter, and the ball; then the recipe as meant."""
    right, wrong = frames["right"], frames["wrong"]
    return [
        _law(frames["density"]),
        _no_sign(wrong),
        _radius_to_the_letter("Exp1", "multiplied by z instead of r", wrong),
        _radius_to_the_letter("Exp2", "without the factor r", wrong),
        _ball(wrong, frames["sweep"]),
        _directions(right),
    ]


def _law(density: pd.DataFrame) -> Finding:
    """Whether the norm of points drawn from the density follows r = z^(1/k)."""
    worst = density.loc[density.ks.idxmax()]
    estimate = band(worst.ks, DRAWS_OF_DENSITY)
    smallest = min(1, len(density) * density.p_value.min())
    reason = (
        f"Points drawn from the {len(density)} densities (p = inf, 1, 2; k = "
        f"{', '.join(f'{k:g}' for k in density.k.unique())}) in the plane by rejection, {DRAWS_OF_DENSITY:,} each, without any "
        f"recipe: the law of their norm is at most {worst.ks:.3f} from that of z^(1/k) ({worst.noise}, k = {worst.k:g}; the "
        f"smallest p-value times {len(density)} is {smallest:.2f})."
    )
    verdict = decide(estimate, "below", than=SAME)
    return Finding("noises-radius_law", verdict, reason, *estimate, "distance of Kolmogorov and Smirnov")


def _no_sign(wrong: pd.DataFrame) -> Finding:
    """ExpInf: the share of draws whose largest coordinate is positive."""
    signs = _rows(wrong, "as printed", "ExpInf", "sign of the largest")
    worst = signs.loc[(signs.measured - 0.5).abs().idxmax()]
    low, high = clopper_pearson(round(worst.measured * DRAWS), DRAWS, 0.05, side="both")
    estimate = Estimate(worst.measured, float(low), float(high))
    reason = (
        f"Without a random sign the largest coordinate is positive in {worst.measured:.0%} of {DRAWS:,} draws (d = "
        f"{worst.d:,.0f}, k = {K_SHOWN}), where a symmetric density has 50 %. With the sign the recipe is right."
    )
    verdict = decide(estimate, "equal", than=0.5, within=SAME)
    return Finding("noises-sampler_expinf", verdict, reason, *estimate, "share of positive largest coordinates")


def _radius_to_the_letter(name: str, words: str, wrong: pd.DataFrame) -> Finding:
    """Exp1 and Exp2: the radius by the text's own words against its law."""
    radii = _rows(wrong, "as printed", name, "radius")
    worst = radii.loc[radii.ks.idxmax()]
    estimate, far = band(worst.ks), radii.loc[radii.d.idxmax()]
    reason = (
        f"To the letter, {words}, the radius is up to {worst.ks:.2f} from its law (d = {worst.d:,.0f}, k = {K_SHOWN}, "
        f"{DRAWS:,} draws): at d = {far.d:,.0f} the mean length is {far.measured:.4g} instead of {far.exact:.4g} times lambda."
    )
    verdict = decide(estimate, "below", than=SAME)
    return Finding(f"noises-sampler_{name.lower()}", verdict, reason, *estimate, "distance of Kolmogorov and Smirnov")


def _ball(wrong: pd.DataFrame, sweep: pd.DataFrame) -> Finding:
    """The ball for the sphere: the worst dimension that was drawn."""
    radii = pd.concat([_rows(wrong, "ball", name, "radius") for name in ("Exp1", "Exp2")])
    worst = radii.loc[radii.ks.idxmax()]
    estimate, exact = band(worst.ks), sweep[sweep.recipe.str.endswith("ball")].set_index("d").ks
    unseen = [d for d in sorted(radii.d.unique()) if (radii[radii.d == d].p_value > 0.05).all()]
    reason = (
        f"With points of the whole ball the radius is {worst.ks:.2f} from its law at d = {worst.d:,.0f} ({worst.noise}, "
        f"{DRAWS:,} draws). It is a matter of dimension: the exact distance falls from {exact.max():.2f} at d = "
        f"{exact.idxmax()} to {exact.iloc[-1]:.3f} at d = {exact.index[-1]:,}, and these draws cannot tell ball from sphere at "
        f"d = {', '.join(f'{d:,}' for d in unseen) or 'none of these'}."
    )
    verdict = decide(estimate, "below", than=SAME)
    return Finding("noises-ball_for_sphere", verdict, reason, *estimate, "distance of Kolmogorov and Smirnov")


def _rows(wrong: pd.DataFrame, recipe: str, noise: str, test: str) -> pd.DataFrame:
    return wrong[(wrong.recipe == recipe) & (wrong.noise == noise) & (wrong.test == test)]


def _directions(right: pd.DataFrame) -> Finding:
    """All tests of the recipe as it is meant."""
    smallest = right.p_value.min()
    return observation(
        f"As meant, the recipes draw the densities: of {len(right)} tests of radius, direction, sign and independence the "
        f"smallest p-value is {smallest:.4f}; times {len(right)}, for having looked at as many, it is "
        f"{min(1, len(right) * smallest):.2f}. The public code of that date takes the root and the sign; this package's own "
        "samplers are tested in the same way."
    )


def draw(frames: Frames) -> Figure:
    """Points in the plane, by the recipe and to the letter; below, the radius: law, quantiles, and errors against d."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(11, 11.2))
    above, below = figure.subfigures(2, 1, height_ratios=[2, 1], squeeze=False).flat
    _draw_planes(above.subplots(2, 3, sharex=True, sharey=True), frames["scatter"], frames["level_sets"])
    law, quantile, distance = below.subplots(1, 3)
    _draw_law(law, frames["histograms"])
    _draw_quantiles(quantile, frames["quantiles"])
    _draw_distances(distance, frames["sweep"])
    return figure


def _draw_planes(panels: np.ndarray, scatter: pd.DataFrame, level_sets: pd.DataFrame) -> None:
    for row, recipe in zip(panels, ("exact", "as printed")):
        for axis, (name, order) in zip(row, ORDERS.items()):
            part = scatter[(scatter.noise == name) & (scatter.recipe == recipe)]
            color = "C0" if recipe == "exact" else "C1"
            axis.plot(part.x1, part.x2, ".", color=color, ms=3, mew=0, alpha=0.6)
            angle = np.linspace(0, 2 * np.pi, 401)
            ring = np.stack([np.cos(angle), np.sin(angle)])
            ring /= np.linalg.norm(ring, order, axis=0)
            for r in level_sets.x1:
                axis.plot(*(r * ring), "-", color="0.25", lw=0.9)
            axis.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal")
            axis.grid(False)
    for axis, name in zip(panels[0], ORDERS):
        axis.set_title(f"{name}: the recipe")
    for axis, name, text in zip(panels[1], ORDERS, ("no random sign", "multiplied by z", "no factor r")):
        axis.set_title(f"{name} to the letter: {text}")
        axis.set_xlabel("$x_1$ (multiples of $\\lambda$)")
    for axis in panels[:, 0]:
        axis.set_ylabel("$x_2$")
    box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.85}
    for share, r in zip(level_sets.exact, level_sets.x1):
        panels[0, 0].text(0, r, f"{share:.0%}", ha="center", va="center", fontsize=8, bbox=box)


def _draw_law(axis: Axes, histograms: pd.DataFrame) -> None:
    """Bars: draws; lines: the density of the law. In units of the mean radius."""
    from scipy import stats

    for i, (k, part) in enumerate(histograms.groupby("k", sort=False)):
        law = stats.gengamma(D_RADIUS / k, k)
        mean, edges = law.mean(), np.append(part.x1, part.x2.iloc[-1])
        axis.stairs(part.measured * mean, edges / mean, fill=True, color=f"C{i}", alpha=0.25)
        t = np.linspace(0.01, 2.4, 400)
        axis.plot(t, law.pdf(t * mean) * mean, color=f"C{i}", lw=1.3, label=f"k = {k:g}")
    axis.set(
        title=f"Radius, d = {D_RADIUS}: law and {DRAWS:,} draws", xlabel="r / E[r]", ylabel="density", xlim=(0, 2.2)
    )
    axis.legend()


def _draw_quantiles(axis: Axes, quantiles: pd.DataFrame) -> None:
    for (text, part), color in zip(quantiles.groupby("recipe", sort=False), ("C0", "C1", "C4", "C2")):
        axis.plot(part.exact, part.measured, color=color, label=text)
    axis.plot([0, 2.5], [0, 2.5], color="0.3", lw=0.8, ls="--")
    axis.set(title=f"Quantiles of the radius, d = 2, k = {K_SHOWN}", xlim=(0, 2.5), ylim=(0, 4))
    axis.set(xlabel="law of r", ylabel="samples")
    axis.legend()


def _draw_distances(axis: Axes, sweep: pd.DataFrame) -> None:
    lines = zip(sweep.groupby("recipe", sort=False), ("C1", "C4", "C2"), ("-", "--", "-."))
    for (recipe, part), color, line in lines:
        axis.plot(part.d, part.ks, line, color=color, label=recipe)
    seen = Z_95 / np.sqrt(DRAWS)
    axis.axhline(seen, color="0.5", lw=1, ls=":")
    axis.text(1, seen * 0.9, f"seen by {DRAWS:,} draws (5 % level)", va="top", color="0.4", fontsize=8)
    axis.set(title=f"Error of the radius, k = {K_SHOWN}", xscale="log", yscale="log", xlabel="dimension d")
    axis.set(ylabel="KS distance from the law of r", ylim=(2e-3, 2))
    axis.legend(fontsize=8, loc="lower left")
