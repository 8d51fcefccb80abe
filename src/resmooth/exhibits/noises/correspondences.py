r"""Which scale gives which level: the two tables of lambda and sigma.

Notes on noises, tables "L-1 Noise" (:math:`\frac1d E\|x\|_1 = \sigma`) and "L-2 Noise" (:math:`\frac1d E\|x\|_2^2 = \sigma^2`):
the scale lambda of a level sigma for seven families. Every printed formula beside the exact one (`resmooth.audit.formulas` has
both), beside samples, and its error against the dimension d. Several are approximations, some of them printed with "=", and
three shorter forms hold for k = 1 alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.stats.decisions import decide, every, span
from resmooth.stats.intervals import Estimate, from_error
from resmooth.theory import recipes
from resmooth.theory.limits import around, limit, power

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

D_IMAGE = 3072
K_SHOWN = 2
K_LOMAX = 6  # the squares of Lomax noise have a variance for k > 4
KS = (0.5, 1, 2, 10)
D_NORMS = (1, 10, D_IMAGE)
DIMS_SAMPLED = (1, 3, 10, 30, 100, 300)
DRAWS = 600_000  # numbers drawn for each family, k and d
SEED = 0
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
SIMILAR = 0.02  # levels this near to each other count as "approximately the same"


def compute(run: Run | None = None) -> Frames:
    """tables: lambda at d = D_IMAGE; norms: expected norms; curves: errors against d; samples; wrong: the text's slips.

    marks: every line of the two tables with the sign that the notes print, its error and how that depends on d.
    """
    return {
        "tables": tables(),
        "norms": norms(),
        "curves": curves(),
        "samples": samples(np.random.default_rng(SEED)),
        "wrong": wrong_lines(),
        "marks": marks(),
    }


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


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn and shown."""
    parts = ("tables", "norms", "curves", "samples", "wrong")
    return pd.concat([frames[name] for name in parts], ignore_index=True)


def here(frames: Frames) -> str:
    """The cases."""
    measured = frames["samples"]
    return (
        f"**Here.** Every printed formula beside the exact one at d = {D_IMAGE} and k = {K_SHOWN} (Lomax: k = {K_LOMAX}), "
        f"against d for k = {', '.join(f'{k:g}' for k in KS)}, and beside {len(measured)} levels measured on samples. No "
        "network and no data: every run shows the same."
    )


def findings(frames: Frames) -> list[Finding]:
    """What the notes' signs promise, the short forms, and whether levels are comparable; then the sizes of the errors."""
    marks = frames["marks"]
    long = marks[marks.form == ""]
    return [
        _equals(long[long.sign == "="]),
        _about(long[long.sign == "≈"]),
        _short(marks[marks.form == "short"]),
        _levels(frames["samples"]),
        _errors(frames["tables"], frames["curves"]),
        _agreement(frames["samples"]),
        observation(
            "The source finds expected norms by conditioning on the radius r, then puts (E r)^2 where E r^2 belongs, and "
            "drops terms of order 1 beside d. The package scales its noise by the exact formulas, so that a level means the "
            "same in two dimensions as in an image."
        ),
    ]


def _equals(printed: pd.DataFrame) -> Finding:
    """Lines with "=": each has to be exact for every k and d."""
    off = printed[printed.at_10 != 0]
    worst = printed.loc[printed.at_10.abs().idxmax()]
    names = ", ".join(dict.fromkeys(off.line.map(in_words)))
    reason = (
        f"Of {printed.line.nunique()} lines printed with =, {printed.line.nunique() - off.line.nunique()} are exact"
        + (f"; {names} are approximations, off by up to {abs(worst.at_10):.0%} at d = 10" if len(off) else "")
        + "."
    )
    exact = Estimate(*[abs(worst.at_10)] * 3)
    return Finding(
        "noises-equals_are_exact", "fails" if len(off) else "holds", reason, *exact, "relative error at d = 10"
    )


def in_words(line: str) -> str:
    """A line of the tables by name: "lambda of Exp1 (L-2)"."""
    kind, norm, family = line.replace("-", "_").split("_")[:3]
    what = "lambda" if kind == "scale" else "E|x|_1" if norm == "l1" else "E|x|_2^2"
    return f"{what} of {NAMES[family]}" + (f" (L-{norm[1]})" if kind == "scale" else "")


def _about(printed: pd.DataFrame) -> Finding:
    """Lines with "≈": the ratio to the exact value has to tend to 1 with d."""
    end = around(limit(printed.ratio, printed.ratio2))
    falls = printed.power.dropna()
    reason = (
        f"The {printed.line.nunique()} lines printed with ≈ ({printed.k.nunique()} k) are {span(printed.ratio, '.5f')} of the "
        f"exact value at d = {D_IMAGE} and {end.value:.6f} of it in the limit; "
        + (f"their errors fall as d to the power {span(falls, '.3f')}." if len(falls) else "they have no error.")
    )
    return Finding(
        "noises-approximations_tighten", decide(end, "equal", than=1, within=1e-3), reason, *end, "printed / exact"
    )


def _short(short: pd.DataFrame) -> Finding:
    """The forms 2 sigma / d, sqrt(3) sigma / d and sigma: near the exact scale for every k?"""
    good = (short.ratio - 1).abs() < SIMILAR
    worst = short.loc[np.log(short.ratio).abs().idxmax()]
    reason = (
        f"At d = {D_IMAGE}, {good.sum()} of {len(short)} short forms are within {SIMILAR:.0%} of the exact scale: those with k = "
        f"{', '.join(f'{k:g}' for k in sorted(set(short.k[good]))) or 'none'}. The worst is {in_words(worst.line)} at k = "
        f"{worst.k:g}, {worst.ratio:.3g} times the exact one: * goes as (d/k)^(1/k), not as d."
    )
    verdict = "holds" if good.all() else "fails"
    return Finding(
        "noises-short_scales", verdict, reason, *Estimate(*[worst.ratio] * 3), "printed / exact scale, the worst"
    )


def _levels(measured: pd.DataFrame) -> Finding:
    """Levels at the printed scales, by samples: the same to within SIMILAR in the largest dimension that was drawn."""
    d = measured.d.max()
    cases = {
        (row.noise, row.k, row.normalisation): (row.level, row.se) for row in measured[measured.d == d].itertuples()
    }
    decided = every(cases, "equal", from_error, than=1, within=SIMILAR)
    ten = measured[measured.d == 10].level
    name, k, norm = decided.case
    reason = (
        f"{len(cases)} levels drawn at the printed scale of sigma = 1, d = {d}: "
        f"{span([value for value, _ in cases.values()], '.4f')} (furthest off: {name}{'' if np.isnan(k) else f' k = {k:g}'}, "
        f"L-{norm}); equal counts as within {SIMILAR:.0%}. At d = 10 they are {span(ten, '.3f')}."
    )
    return Finding("noises-levels_comparable", decided.verdict, reason, *decided.estimate, "level at sigma = 1")


def _errors(tables: pd.DataFrame, curves: pd.DataFrame) -> Finding:
    """How large the errors of the long forms are."""
    rest = tables[tables.error != 0]
    ten = curves[(curves.panel == "long form") & (curves.d == 10)]
    largest = [rest[rest.normalisation == norm].error.max() for norm in NORMS]
    return observation(
        f"{len(tables) - len(rest)} of the {len(tables)} scales are exact for every d. The other {len(rest)} are always too "
        f"large: at d = {D_IMAGE} and k = {K_SHOWN} by at most {largest[0]:.2g} (L-1) and {largest[1]:.2g} (L-2) of "
        f"themselves, at d = 10 by up to {ten.error.max():.0%} (k = {ten.k[ten.error.idxmax()]:g}). The error falls as 1/d, so "
        "that a loose test at the dimension of images cannot see it."
    )


def _agreement(measured: pd.DataFrame) -> Finding:
    """Samples beside the formulas."""
    return observation(
        f"The {len(measured)} sampled levels agree with the ratio of the printed scale to the exact one: the largest deviation "
        f"is {measured.z.abs().max():.1f} standard errors."
    )


def draw(frames: Frames) -> Figure:
    """Above, errors of the long forms with samples; below, the short forms. Columns: the two normalisations."""
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    curves, measured = frames["curves"], frames["samples"]
    figure, axes = plt.subplots(2, 2, figsize=(11, 8.4), sharex=True)
    looks = _looks(curves)
    for long, short, norm in zip(*axes, NORMS):
        here = curves[curves.normalisation == norm]
        _draw_long(long, here[here.panel == "long form"], measured[measured.normalisation == norm], looks)
        _draw_short(short, here[here.panel == "short form"], looks)
    axes[0, 0].set_title(r"L-1 table, $E\|x\|_1/d = \sigma$: long forms")
    axes[0, 1].set_title(r"L-2 table, $E\|x\|_2^2/d = \sigma^2$: long forms")
    axes[0, 0].text(1.3, 2e-6, "all k alike\nexact: Normal, Laplace, Uniform, Lomax, Exp1", color="0.3", va="center")
    axes[0, 1].text(1.3, 2e-6, "Exp1 and Exp2 alike\nexact: Normal, Laplace, Uniform, Lomax", color="0.3", va="center")
    forms = (r"ExpInf $2\sigma/d$, Exp1 $\sigma$", r"ExpInf $\sqrt{3}\,\sigma/d$")
    for axis, norm, form in zip(axes[1], NORMS, forms):
        axis.set_title(f"L-{norm} table: short forms, {form}")
    for axis in axes.flat:
        axis.axvline(D_IMAGE, color="0.6", lw=0.8, ls=":")
    axes[1, 0].text(D_IMAGE, 3e-6, f" d = {D_IMAGE}", color="0.4", fontsize=8)
    noises = [Line2D([], [], label=name, **look) for name, look in looks["noise"].items()]
    axes[0, 1].legend(handles=noises, loc="upper right")
    common: dict[str, Any] = {"color": "0.3", "mfc": "white", "ms": 4.5}
    shapes = [Line2D([], [], ls=s, marker=m, label=f"k = {k:g}", **common) for k, (s, m) in looks["k"].items()]
    axes[0, 0].legend(handles=shapes, loc="upper right")
    return figure


def _looks(curves: pd.DataFrame) -> dict[str, dict]:
    """noise -> colour, width and opacity (Exp1 lies below another curve in two panels); k -> (line, marker)."""
    drawn = curves.noise.unique()
    order = [name for name in dict.fromkeys([*NAMES.values(), *drawn]) if name in drawn]
    colors = {"ExpInf": "C0", "Exp1": "C2", "Exp2": "C1"} | {
        name: f"C{3 + i % 4}" for i, name in enumerate(name for name in order if name.lower() not in RADIAL)
    }
    wide = {"Exp1": {"lw": 4, "alpha": 0.4}}
    return {
        "noise": {name: {"color": colors[name]} | wide.get(name, {"lw": 1.3, "alpha": 1}) for name in order},
        "k": {k: ((":", "-", "--", "-.")[i % 4], "vosD"[i % 4]) for i, k in enumerate(curves.k.unique())},
    }


def _draw_long(axis: Axes, curves: pd.DataFrame, measured: pd.DataFrame, looks: dict) -> None:
    """Lines: exact errors; marks: samples, where the error exceeds four of their standard errors."""
    for (name, k), part in curves.groupby(["noise", "k"], sort=False):
        axis.plot(part.d, part.error.abs(), looks["k"][k][0], **looks["noise"][name])
    dots = measured[measured.noise.isin(curves.noise) & (measured.error > 4 * measured.se)]
    for (name, k), part in dots.groupby(["noise", "k"], sort=False):
        color = looks["noise"][name]["color"]
        axis.plot(part.d, part.level - 1, looks["k"][k][1], color=color, ms=4.5, mfc="white", mew=1.1)
    axis.set(xscale="log", yscale="log", ylim=(3e-7, 10), ylabel=r"$\lambda$ printed / $\lambda$ exact $-$ 1")


def _draw_short(axis: Axes, curves: pd.DataFrame, looks: dict) -> None:
    for (name, k), part in curves.groupby(["noise", "k"], sort=False):
        axis.plot(part.d, part.ratio, looks["k"][k][0], **looks["noise"][name])
    axis.axhline(1, color="0.6", lw=0.8)
    axis.set(xscale="log", yscale="log", ylim=(2e-6, 3e6), xlabel="dimension d")
    axis.set_ylabel(r"$\lambda$ printed / $\lambda$ exact")
