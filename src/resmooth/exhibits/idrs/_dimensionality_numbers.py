"""Numbers of idrs/dimensionality: thresholds of the ratio, xi, windows, and the certified radius against N."""

import numpy as np
import pandas as pd
from scipy import special

from resmooth.theory.limits import power

P_B = (0.1, 0.01, 0.001, 0.00007)
DIMS = {"MNIST": 784, "CIFAR10": 3072, "ImageNet": 196608}
SIGMA0, P_A = 0.5, 0.99
COHEN = SIGMA0 * float(special.ndtri(P_A))  # the radius of a constant sigma
DISTANCE = 0.5
RATE = 0.01
RATES = (0.001, 0.01, 0.1)
SHARES = (0.99, 0.9, 0.5)  # of Cohen's radius
EVERYWHERE = np.union1d(np.geomspace(2, 2 * max(DIMS.values()), 61).round().astype(int), list(DIMS.values()))


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


def plain(p: float) -> str:
    return f"{p:.5f}".rstrip("0")
