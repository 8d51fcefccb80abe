"""Numbers of noises/samplers: tests of the recipes on draws, exact errors, and what is drawn of both."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from resmooth.theory import recipes
from resmooth.theory.recipes import ORDERS

K_SHOWN = 2
DIMS = (2, 10, 3072)
KS = (0.5, 1, 2, 10)
DRAWS = 3000
DRAWS_OF_DENSITY = 10_000
POINTS = 1500
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
