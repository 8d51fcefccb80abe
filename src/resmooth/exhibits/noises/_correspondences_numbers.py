"""Numbers of noises/correspondences: every printed formula beside the exact one, and levels measured on samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from resmooth.theory import recipes
from resmooth.theory.limits import power

D_IMAGE = 3072
K_SHOWN = 2
K_LOMAX = 6  # the squares of Lomax noise have a variance for k > 4
KS = (0.5, 1, 2, 10)
D_NORMS = (1, 10, D_IMAGE)
DIMS_SAMPLED = (1, 3, 10, 30, 100, 300)
DRAWS = 600_000  # numbers drawn for each family, k and d
NORMS = (1, 2)
NAMES = {
    "normal": "Normal",
    "laplace": "Laplace",
    "uniform": "Uniform",
    "expinf": "ExpInf",
    "exp1": "Exp1",
    "exp2": "Exp2",
    "lomax": "Lomax",
}
RADIAL = ("expinf", "exp1", "exp2")  # drawn as a radius times a direction; the others coordinate by coordinate
LONG = {1: ("expinf", "exp2"), 2: ("expinf", "exp1", "exp2")}  # norm -> families whose line is an approximation
SHORT = {1: ("expinf", "exp1"), 2: ("expinf",)}  # norm -> families with a second, shorter form
# Lines that the notes print with "~"; all others of the two tables, E|x| as well as lambda, have "=".
ABOUT = ("norm_l1-expinf", "scale_l1-expinf", "scale_l1-exp1", "norm_l2-expinf", "norm_l2-exp1")
TEXTS = (  # line, k, d, what the text says, why it is wrong
    ("scale_l1-expinf-short", K_SHOWN, D_IMAGE, "ExpInf, λ ≈ 2σ/d", "* = d only for k = 1"),
    ("scale_l2-expinf-short", K_SHOWN, D_IMAGE, "ExpInf, λ ≈ √3 σ/d", "the same"),
    ("scale_l1-exp1-short", K_SHOWN, D_IMAGE, "Exp1, λ ≈ σ", "the same"),
    ("norm_l2-expinf-long", K_SHOWN, 10, "ExpInf, E|x|₂² = (λ*)² + (d − 1)(λ*)²/3", "E r² needed, not (E r)²"),
    ("norm_l2-exp2", K_SHOWN, 10, "Exp2, E|x|₂² = (λ*)²", "the same, and printed with ="),
    ("norm_l1-exp2", K_SHOWN, 10, "Exp2, E|x|₁ = √(2d/π) λ*", "mean length of a normal vector is below √d"),
    ("slip-exp1-times_z", K_SHOWN, D_IMAGE, "Exp1 sampling: multiply by z", "r = z^(1/k), here as E|x|₁"),
    ("slip-exp2-no_radius", K_SHOWN, D_IMAGE, "Exp2 sampling: no factor r", "here as E|x|₂"),
    ("slip-expinf-no_sign", K_SHOWN, D_IMAGE, "ExpInf sampling: x_i = r", "random sign missing, here as E x_i"),
    ("slip-ball", None, 2, "uniformly from the ball", "the sphere is meant, here as E|x|/r, d = 2"),
    ("slip-clopper_pearson", None, None, "P(Binomial(m, q) ≥ mean of the q_i)", "the count is meant, here 90 of 100"),
    ("slip-loss-mean", None, None, "E[(x + δ²)]", "E[(x + δ)²] is meant, here x = 2"),
    ("slip-loss-bias", None, None, "bias with E[(x + δ²)]²", "the same, x = 2, K = 16"),
    (
        "slip-lomax-density_exponent",
        3,
        1,
        "Lomax(λ, k), k left open",
        "right for the tail; here E|x|, d = 1, if k were the density's",
    ),
)
ROUNDING = 1e-11  # a smaller relative error is none


def compare(line: str, k: float | None, d: int | None) -> dict:
    """One printed formula in one case: what it gives, the exact value, their ratio, and the relative error."""
    from resmooth.audit import formulas

    printed, exact = (float(formula(d, k)) for formula in formulas.NOISES[line])
    ratio = printed / exact if exact else np.nan
    error = 0.0 if abs(ratio - 1) < ROUNDING else ratio - 1
    return {"k": k, "d": d, "printed": printed, "exact": exact, "ratio": ratio, "error": error}


def shape(family: str) -> float | None:
    """The shape parameter shown in the tables."""
    return K_LOMAX if family == "lomax" else K_SHOWN if family in RADIAL else None


def tables() -> pd.DataFrame:
    """The scale lambda of sigma = 1, as printed and exactly."""
    return pd.DataFrame(
        {"panel": "table", "normalisation": norm, "noise": NAMES[f], **compare(f"scale_l{norm}-{f}", shape(f), D_IMAGE)}
        for norm in NORMS
        for f in NAMES
    )


def norms() -> pd.DataFrame:
    """E|x|_1 and E|x|_2^2 at lambda = 1."""
    return pd.DataFrame(
        {"panel": "norms", "normalisation": norm, "noise": NAMES[f], **compare(f"norm_l{norm}-{f}", shape(f), d)}
        for norm in NORMS
        for f in NAMES
        for d in D_NORMS
    )


def curves() -> pd.DataFrame:
    """Error of the scale against d: long forms that are approximations, and short forms, which take * = d."""
    grid = np.unique([*np.geomspace(1, 150528, 60).astype(int), 10, D_IMAGE])
    return pd.DataFrame(
        {
            "panel": f"{form} form",
            "normalisation": norm,
            "noise": NAMES[f],
            **compare(f"scale_l{norm}-{f}{suffix}", k, int(d)),
        }
        for form, suffix, families in (("long", "", LONG), ("short", "-short", SHORT))
        for norm in NORMS
        for f in families[norm]
        for k in KS
        for d in grid
    )


def sample(family: str, k: Any, n: int, d: int, generator: np.random.Generator) -> np.ndarray:
    """n draws of the noise at scale 1 [n, d], by the exact recipes (`samplers` tests these); k None: no shape."""
    if family == "normal":
        return generator.standard_normal((n, d))
    if family == "laplace":
        return generator.laplace(size=(n, d))
    if family == "uniform":
        return generator.uniform(-1, 1, (n, d))
    if family == "lomax":
        return generator.pareto(k, (n, d)) * generator.choice([-1, 1], (n, d))
    return recipes.direction(NAMES[family], n, d, generator) * generator.gamma(d / k, size=(n, 1)) ** (1 / k)


def level(x: np.ndarray, norm: int) -> tuple[float, float]:
    """The level of samples [n, d] and its standard error: the mean of |x_i|, or the root of the mean of x_i^2."""
    values = np.abs(x).mean(axis=1) if norm == 1 else np.square(x).mean(axis=1)
    mean, error = values.mean(), values.std(ddof=1) / np.sqrt(len(x))
    return (mean, error) if norm == 1 else (np.sqrt(mean), error / (2 * np.sqrt(mean)))


def samples(generator: np.random.Generator) -> pd.DataFrame:
    """The level of noise drawn at the printed lambda of sigma = 1: 1 where the formula is exact, else the ratio of the scales."""
    measured = []
    for family, name in NAMES.items():
        for k in KS if family in RADIAL else [shape(family)]:
            for d in DIMS_SAMPLED:
                x = sample(family, k, DRAWS // d, d, generator)
                for norm in NORMS:
                    case = compare(f"scale_l{norm}-{family}", k, d)
                    found, error = level(case["printed"] * x, norm)
                    row = {"panel": "samples", "normalisation": norm, "noise": name, **case}
                    measured.append(row | {"level": found, "se": error})
    measured = pd.DataFrame(measured)
    measured["z"] = (measured.level - measured.ratio) / measured.se
    return measured


def wrong_lines() -> pd.DataFrame:
    """What the text says where it means something else, each as one number beside the one that it means."""
    return pd.DataFrame(
        {"panel": "wrong line", "text": text, "why": why, **compare(line, k, d)} for line, k, d, text, why in TEXTS
    )


def marks() -> pd.DataFrame:
    """Every line of the two tables for every k: the printed sign, its error at d = 10, printed / exact at D_IMAGE and twice that
    (ratio, ratio2), and the power with which its error goes there (nan where there is none). `form`: "" or "short".
    """
    rows = []
    lines = [(f"{kind}_l{norm}-{f}", f, "") for norm in NORMS for f in NAMES for kind in ("norm", "scale")]
    lines += [(f"scale_l{norm}-{f}-short", f, "short") for norm in NORMS for f in SHORT[norm]]
    for line, family, form in lines:
        for k in KS if family in RADIAL else [shape(family)]:
            ten, near, far = (compare(line, k, d) for d in (10, D_IMAGE, 2 * D_IMAGE))
            falls = float(power(near["error"], far["error"])) if near["error"] and far["error"] else np.nan
            row = {
                "line": line,
                "noise": NAMES[family],
                "k": k,
                "sign": "≈" if form or line in ABOUT else "=",
                "form": form,
            }
            rows.append(row | {"at_10": ten["error"], "ratio": near["ratio"], "ratio2": far["ratio"], "power": falls})
    return pd.DataFrame(rows)
