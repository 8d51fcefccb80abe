"""Numbers of idrs/xi_curves: xi on both branches, where they reach 1/2, and what xi_> alone certifies too much."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

SIGMA0, RATE, P_A = 0.5, 0.01, 0.99
DIMS = (784, 3072, 196608)  # of the slides' table
LEVELS = (0.6, 0.9, 0.99, 0.999, 0.99993)  # p_A of the grid of cases
SMALL = (2, 10)  # further dimensions of that grid
PRODUCTS = np.geomspace(1e-4, 1, 41)  # r sigma_0: radii in units of sigma_0 depend on the two only by it
COHEN = SIGMA0 * float(special.ndtri(P_A))  # the radius of a constant sigma
GRID = np.linspace(0, 1.25 * COHEN, 251)
BRANCHES = {"xi_>": -1, "xi_<": +1}  # sigma_1 has fallen, or risen, as fast as r allows


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


def wide(curves: pd.DataFrame) -> pd.DataFrame:
    """xi [N, R] x branch, r = 0 left out."""
    return curves[curves.N > 0].pivot(index=["N", "R"], columns="branch", values="xi")
