r"""Decision regions of a smoothed classifier, where those of the base classifier are simple: a ball, a quadrant, a half-plane.

The base classifier answers A inside the region, B elsewhere; smoothed with N(0, sigma^2 I) it answers A where P(A) > 1/2. This is
the shrinking phenomenon (Mohapatra et al. 2020) where it can be computed. Lengths are in units of the ball's radius a.
"""

import math

import numpy as np
from scipy import special

CORNER = float(
    special.ndtri(math.sqrt(0.5))
)  # the quadrant's region on its diagonal, each coordinate, in units of sigma


def vanishes(dim: int) -> float:
    r"""The sigma at which the region of a ball in `dim` dimensions is gone: one over the square root of the median of chi^2_N.

    In the plane :math:`1 / \sqrt{2 \log 2}`, in many dimensions nearly :math:`1 / \sqrt N`.
    """
    return 1 / math.sqrt(special.chdtri(dim, 0.5))


def ball_radius(sigma: float, dim: int) -> float:
    r"""Radius of the smoothed region of a ball in `dim` dimensions, itself a ball: 0 from `vanishes(dim)` on.

    :math:`|x + \sigma\epsilon|^2 / \sigma^2` at distance t from the centre follows a noncentral chi^2_N with noncentrality
    :math:`t^2 / \sigma^2`, so t solves :math:`F_N(1 / \sigma^2;\ t^2 / \sigma^2) = 1/2`.
    """
    from scipy import optimize, stats  # slow to import

    if sigma >= vanishes(dim):
        return 0.0
    return optimize.brentq(lambda t: stats.ncx2.cdf(sigma**-2, dim, (t / sigma) ** 2) - 0.5, 1e-9, 1)


def quadrant_edge(sigma: float, points: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    r"""The edge of the smoothed region of the quadrant x, y > 0: where :math:`\Phi(x / \sigma)\,\Phi(y / \sigma) = 1/2`.

    The same shape at every sigma, in proportion to it: drawn back, and never gone. Returns x and y [points].
    """
    x = sigma * special.ndtri(np.linspace(0.5 + 1e-6, 1 - 1e-9, points))
    return x, sigma * special.ndtri(0.5 / special.ndtr(x / sigma))
