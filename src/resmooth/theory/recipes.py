r"""Recipes that draw ExpInf, Exp1 and Exp2 noise (notes on noises, appendices "Noise Details"), in numpy, at lambda = 1.

The density is proportional to :math:`e^{-\|x\|^k}` in the norm of the name. The notes draw :math:`z \sim \Gamma(d / k)`, which
gives the radius :math:`r = \|x\| = z^{1/k}`, then a point of the sphere of that radius. `printed` and `in_the_ball` follow the
notes' text literally: no random sign (ExpInf), "multiply by z" (Exp1), no factor r (Exp2), and "the ball at radius r" instead of
the sphere (Exp1, Exp2). `by_rejection` uses the density alone, without radii.
"""

import numpy as np
from scipy import special

ORDERS = {"ExpInf": np.inf, "Exp1": 1, "Exp2": 2}
NEGLIGIBLE = (
    14.0  # a density below e^-14 of its peak is not drawn: less than 1 / 2000 of the mass for k >= 1/2 in the plane
)


def radius(k: float, n: int, d: int, generator: np.random.Generator) -> np.ndarray:
    """n draws of r = z^(1/k), z from Gamma(d / k)."""
    return generator.gamma(d / k, size=n) ** (1 / k)


def direction(name: str, n: int, d: int, generator: np.random.Generator) -> np.ndarray:
    """n uniform points of the unit sphere of the norm [n, d].

    ExpInf: a coordinate at random is +1 or -1, the others are uniform. Exp1: a uniform point of the simplex with random signs.
    Exp2: a normal vector over its length.
    """
    if name == "ExpInf":
        u = generator.uniform(-1, 1, (n, d))
        u[np.arange(n), generator.integers(d, size=n)] = generator.choice([-1, 1], n)
        return u
    if name == "Exp1":
        u = generator.exponential(size=(n, d)) * generator.choice([-1, 1], (n, d))
    else:
        u = generator.standard_normal((n, d))
    return u / np.linalg.norm(u, ORDERS[name], axis=1, keepdims=True)


def meant(name: str, k: float, n: int, d: int, generator: np.random.Generator) -> np.ndarray:
    """n draws [n, d] by the recipe as the densities need it."""
    return radius(k, n, d, generator)[:, None] * direction(name, n, d, generator)


def printed(name: str, k: float, n: int, d: int, generator: np.random.Generator) -> np.ndarray:
    """n draws [n, d] by the recipe in the text's own words."""
    if name == "ExpInf":  # "pick one dimension to set x_i = r"
        r, x = radius(k, n, d, generator)[:, None], generator.uniform(-1, 1, (n, d))
        x[np.arange(n), generator.integers(d, size=n)] = 1
        return r * x
    if name == "Exp1":  # "multiply by z"
        return radius(k, n, d, generator)[:, None] ** k * direction(name, n, d, generator)
    return direction(name, n, d, generator)  # "x_i = x~_i / sqrt(|x~|^2)"


def in_the_ball(name: str, k: float, n: int, d: int, generator: np.random.Generator) -> np.ndarray:
    """n draws [n, d] by the recipe with its other word, the "ball at radius r"."""
    return generator.random((n, 1)) ** (1 / d) * meant(name, k, n, d, generator)


def by_rejection(name: str, k: float, n: int, generator: np.random.Generator) -> np.ndarray:
    """n points of the plane [n, 2] from the density itself: uniform points of a square, kept with the probability exp(-|x|^k)."""
    side, found, size = NEGLIGIBLE ** (1 / k), [], 0
    while size < n:
        x = generator.uniform(-side, side, (2**19, 2))
        kept = x[generator.random(len(x)) < np.exp(-(np.linalg.norm(x, ORDERS[name], axis=1) ** k))]
        found.append(kept)
        size += len(kept)
    return np.concatenate(found)[:n]


def distances(k: float, d: int) -> dict[str, float]:
    r"""Distance of Kolmogorov and Smirnov between the law of r and what the text gives, from the distribution functions F.

    :math:`z = r^k` gives :math:`F(t^{1/k})`, a fixed length 1 gives max(F(1), 1 - F(1)), and in the ball :math:`r U^{1/d}` has
    :math:`P(r U^{1/d} \le t) = F(t) + t^d\,E[r^{-d}; r > t]`. On a grid of 4,000 quantiles where there is no closed form.
    """
    from scipy import stats

    law = stats.gengamma(d / k, k)
    t = law.ppf(np.linspace(0.0005, 0.9995, 4000))
    # E[r^-d; r > t] = E1(t^k) / Gamma(d/k), with the exponential integral E1(s) = exp(-s) U(1, 1, s)
    log_tail = d * np.log(t) - t**k + np.log(special.hyperu(1, 1, t**k)) - special.gammaln(d / k)
    grid = np.concatenate([t, t**k])
    return {
        "Exp1, times z": np.abs(law.cdf(grid) - law.cdf(grid ** (1 / k))).max(),
        "Exp2, no r": max(law.cdf(1), law.sf(1)),
        "Exp1 and Exp2, ball": np.exp(log_tail).max(),
    }
