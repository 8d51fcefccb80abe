r"""Gaussian noise, and where it lies in high dimension.

The lecture's densities in one and two dimensions, from the formula, with exact samples beside them; then the law of the length of
the noise: :math:`\|\epsilon\|_2 / \sigma` follows the chi law with d degrees of freedom, exactly. In the dimension of an image
practically all noise lies near the sphere of radius :math:`\sigma \sqrt d`, far from the point of highest density. Lengths are
in units of the [0, 1] image where sigma multiplies them, else in sigma.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from resmooth.exhibits.base import Finding, Frames, observation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

    from resmooth.plan import Run

SIGMA = 0.5
DIMS = (2, 64, 784, 3072, 150528)  # the plane, digits, MNIST, CIFAR-10, ImageNet
SAMPLES = 600
POINTS = 200  # drawn in the plane
SHARES = (0.1, 0.5, 0.9, 0.99)  # of the noise inside a level set
SEED = 0
N, ALPHA = 100_000, 0.001  # samples and error probability of the ceiling that is quoted


def compute(run: Run | None = None) -> Frames:
    """one, two: the densities; laws: chi against samples; shells, thickness: what of them is drawn. The same for every run."""
    generator = np.random.default_rng(SEED)
    one, two = one_dimension(generator), two_dimensions(generator)
    norms = {d: lengths(d, generator) for d in DIMS}
    return {"one": one, "two": two, "laws": laws(norms), "shells": shells(norms), "thickness": thickness(norms)}


def one_dimension(generator: np.random.Generator) -> pd.DataFrame:
    """Densities for half of sigma, sigma and twice sigma; a histogram of samples for sigma, scaled as a density."""
    from scipy import stats

    values = np.linspace(-4 * SIGMA, 4 * SIGMA, 321)
    parts = [
        pd.DataFrame({"panel": "1-d", "series": f"density sigma={s:g}", "x": values, "y": stats.norm.pdf(values, 0, s)})
        for s in (SIGMA / 2, SIGMA, 2 * SIGMA)
    ]
    edges = np.linspace(-4 * SIGMA, 4 * SIGMA, 33)
    height = np.histogram(generator.normal(0, SIGMA, SAMPLES), edges)[0] / (SAMPLES * np.diff(edges))
    bars = {"panel": "1-d", "series": "samples", "x": edges[:-1], "x_right": edges[1:], "y": height}
    return pd.concat([*parts, pd.DataFrame(bars)], ignore_index=True)


def two_dimensions(generator: np.random.Generator) -> pd.DataFrame:
    """The density on a grid, level sets, samples. The circle that holds a share m has the radius sigma sqrt(-2 ln(1 - m))."""
    from scipy import stats

    axis = np.linspace(-3.6 * SIGMA, 3.6 * SIGMA, 41)
    x1, x2 = np.meshgrid(axis, axis)
    density = stats.norm.pdf(x1, 0, SIGMA) * stats.norm.pdf(x2, 0, SIGMA)
    share = np.array(SHARES)
    points = generator.normal(0, SIGMA, (POINTS, 2))
    series = {
        "density": {"x": x1.ravel(), "x2": x2.ravel(), "y": density.ravel()},
        "level set": {"x": share, "y": SIGMA * np.sqrt(-2 * np.log1p(-share))},
        "samples": {"x": points[:, 0], "x2": points[:, 1]},
    }
    parts = [pd.DataFrame({"panel": "2-d", "series": name, **columns}) for name, columns in series.items()]
    return pd.concat(parts, ignore_index=True)


def lengths(d: int, generator: np.random.Generator) -> np.ndarray:
    """Lengths of whole noise vectors, drawn coordinate by coordinate [SAMPLES], in sigma: they test the law, not themselves."""
    return np.array([np.linalg.norm(generator.standard_normal(d, dtype=np.float32)) for _ in range(SAMPLES)])


def laws(norms: dict[int, np.ndarray]) -> pd.DataFrame:
    """Mean and standard deviation of the length, by the chi law and by samples; p-value of Kolmogorov and Smirnov."""
    from scipy import stats

    rows = []
    for d, measured in norms.items():
        chi, spread = stats.chi(d), measured.std(ddof=1)
        row = {"panel": "norm law", "series": f"d={d}", "sqrt_d": np.sqrt(d), "mean_exact": chi.mean()}
        row |= {"mean_measured": measured.mean(), "standard_error": spread / np.sqrt(len(measured))}
        row |= {"sd_exact": np.sqrt(chi.var()), "sd_measured": spread}
        rows.append(row | {"ks_p_value": stats.kstest(measured, chi.cdf).pvalue})
    return pd.DataFrame(rows)


def shells(norms: dict[int, np.ndarray]) -> pd.DataFrame:
    """Density of the length over its peak, at sqrt(d - 1), and a histogram of samples on the same scale; for each dimension."""
    from scipy import stats

    parts = []
    for d, measured in norms.items():
        chi, mode = stats.chi(d), np.sqrt(d - 1)
        low, high = chi.ppf([1e-5, 1 - 1e-5])
        length = np.linspace(low, high, 201)
        curve = np.exp(chi.logpdf(length) - chi.logpdf(mode))
        parts.append(pd.DataFrame({"panel": "shell", "series": f"law d={d}", "x": length, "y": curve}))
        count, cuts = np.histogram(measured, np.linspace(low, high, 31))
        height = count / (len(measured) * np.diff(cuts)) / chi.pdf(mode)
        bars = {"x": cuts[:-1], "x_right": cuts[1:], "y": height}
        parts.append(pd.DataFrame({"panel": "shell", "series": f"samples d={d}", **bars}))
    return pd.concat(parts)


def thickness(norms: dict[int, np.ndarray]) -> pd.DataFrame:
    """Length less sqrt(d), in sigma: median and the middle 99 %, by the law against d and by samples."""
    from scipy import stats

    dims = list(norms)
    grid = np.unique(np.geomspace(min(dims), max(dims), 60).astype(int))
    exact = [stats.chi(grid).ppf(q) - np.sqrt(grid) for q in (0.5, 0.005, 0.995)]
    measured = np.array([np.quantile(norms[d], [0.5, 0.005, 0.995]) - np.sqrt(d) for d in dims]).T
    parts = [
        pd.DataFrame({"panel": "thickness", "series": name, "x": x, "y": y, "lower": lower, "upper": upper})
        for name, x, (y, lower, upper) in (("law", grid, exact), ("samples", dims, measured))
    ]
    return pd.concat(parts, ignore_index=True)


def here(frames: Frames) -> str:
    """What is shown beside the lecture's two pictures."""
    dims = ", ".join(f"{d:,}" for d in DIMS)
    return (
        f"**Here.** Both densities at $\\sigma$ = {SIGMA:g}, then what the plane hides: the length of {SAMPLES} noise "
        f"vectors in d = {dims} dimensions, beside its exact law."
    )


def findings(frames: Frames) -> list[Finding]:
    """The density of the lecture's picture; then the shell, which is no claim of it."""
    return [_centre(frames["two"]), *_shell(), _agreement(frames["laws"])]


def _centre(two: pd.DataFrame) -> Finding:
    """The density on each level set, against the highest one anywhere."""
    grid, circles = two[two.series == "density"], two[two.series == "level set"]
    peak = grid.loc[grid.y.idxmax()]
    ratio = np.exp(-((circles.y / SIGMA) ** 2) / 2)
    nearest = np.hypot(grid.x, grid.x2).min()
    holds = np.hypot(peak.x, peak.x2) <= nearest and (ratio < 1).all() and (np.diff(ratio) < 0).all()
    reason = (
        f"Of {len(grid):,} grid points in the plane the density is highest nearest to the centre; on the circles that "
        f"hold {', '.join(f'{m:.0%}' for m in circles.x)} of the noise it is {', '.join(f'{r:.0%}' for r in ratio)} "
        "of that."
    )
    last = ratio.iloc[-1]
    verdict = "holds" if holds else "fails"
    return Finding(
        "lecture-densest_at_centre", verdict, reason, last, last, last, "density over its peak, outermost circle"
    )


def _shell() -> list[Finding]:
    """Lengths in the largest dimension, by the exact law."""
    from scipy import stats

    d = DIMS[-1]
    short, long = SIGMA * stats.chi(d).ppf([0.005, 0.995])
    tiny = d / 2 * (np.log(4) - 0.75) / np.log(10)  # Chernoff bound of P(norm < sqrt(d) / 2)
    ceiling = SIGMA * ndtri(ALPHA ** (1 / N))
    where = observation(
        f"Highest density is not where the noise is: with d = {d:,} and sigma = {SIGMA:g}, 99 % of all noise vectors "
        f"are between {short:.1f} and {long:.1f} long (sigma sqrt(d) = {SIGMA * np.sqrt(d):.1f}); one shorter than "
        f"half of that has a probability below 10^-{int(tiny)}. The lecture stops at two dimensions, where noise "
        "seems to stay near the image."
    )
    far = observation(
        f"With n = {N:,} and alpha = {ALPHA:g} no radius beyond {ceiling:.2f} can be certified at this sigma: the "
        "classifier sees far longer noise than the perturbations that it is certified against."
    )
    return [where, far]


def _agreement(laws: pd.DataFrame) -> Finding:
    """Whether the samples follow the law."""
    worst = ((laws.mean_measured - laws.mean_exact).abs() / laws.standard_error).max()
    smallest = min(1, len(laws) * laws.ks_p_value.min())
    return observation(
        f"The sampled mean lengths agree with the chi law within {worst:.1f} standard errors; the smallest of "
        f"{len(laws)} Kolmogorov-Smirnov p-values, times {len(laws)} for having looked at as many, is {smallest:.2f}."
    )


def draw(frames: Frames) -> Figure:
    """Above, one and two dimensions; below, the length relative to sqrt(d) and less sqrt(d)."""
    import matplotlib.pyplot as plt

    figure, ((one, two), (shell, thick)) = plt.subplots(2, 2, figsize=(10.5, 8))
    _draw_one(one, frames["one"])
    figure.colorbar(_draw_two(two, frames["two"]), ax=two, label="probability density", shrink=0.85)
    measured = frames["thickness"][frames["thickness"].series == "samples"]
    _draw_shells(shell, frames["shells"], measured.x)
    _draw_thickness(thick, frames["thickness"][frames["thickness"].series == "law"], measured)
    return figure


def _draw_one(axis: Axes, one: pd.DataFrame) -> None:
    bars = one[one.series == "samples"]
    axis.bar(bars.x, bars.y, bars.x_right - bars.x, align="edge", color="0.85", label=f"{SAMPLES} samples")
    lines = one[one.series != "samples"].groupby("series", sort=False)
    for (_, part), s, line in zip(lines, (SIGMA / 2, SIGMA, 2 * SIGMA), ("--", "-", ":")):
        axis.plot(part.x, part.y, line, label=rf"$\sigma$ = {s:g}")
    axis.set(
        title="One dimension", xlabel=r"noise $\epsilon$ (units of the [0, 1] image)", ylabel="probability density"
    )
    axis.legend()


def _draw_two(axis: Axes, two: pd.DataFrame) -> QuadMesh:
    """Returns the mesh, for its colour bar."""
    grid = two[two.series == "density"]
    side = grid.x.nunique()
    x1, x2, density = (grid[name].to_numpy().reshape(side, side) for name in ("x", "x2", "y"))
    mesh = axis.pcolormesh(x1, x2, density, cmap="Blues", shading="gouraud", rasterized=True)
    points = two[two.series == "samples"]
    axis.plot(points.x, points.x2, ".", color="black", ms=2.5, alpha=0.6)
    angle = np.linspace(0, 2 * np.pi, 201)
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8}
    for share, r in two.loc[two.series == "level set", ["x", "y"]].itertuples(index=False):
        axis.plot(r * np.cos(angle), r * np.sin(angle), "--", color="#D55E00", lw=1.2)
        axis.text(0, r, f"{share:.0%}", ha="center", va="center", fontsize=8, color="#D55E00", bbox=box)
    axis.grid(False)
    axis.set(title="Two dimensions: level sets and the share of noise inside", aspect="equal")
    axis.set(xlabel=r"$\epsilon_1$ (units of the image)", ylabel=r"$\epsilon_2$")
    return mesh


def _draw_shells(axis: Axes, shells: pd.DataFrame, dims: pd.Series) -> None:
    for i, d in enumerate(dims):
        law, bars = (shells[shells.series == f"{kind} d={d}"] for kind in ("law", "samples"))
        axis.stairs(bars.y, np.append(bars.x, bars.x_right.iloc[-1]), fill=True, color=f"C{i}", alpha=0.25)
        axis.plot(law.x, law.y, color=f"C{i}")
        axis.text(np.sqrt(d), 1.28, f"d = {d:,}", ha="center", va="bottom", rotation=90, color=f"C{i}")
    axis.set(xscale="log", xlim=(0.08, 1.6 * np.sqrt(max(dims))), ylim=(0, 1.9), yticks=[0, 0.5, 1])
    axis.set(title=r"Any dimension: noise lies near the sphere of radius $\sigma\sqrt{d}$ ...")
    axis.set(xlabel=r"norm $\|\epsilon\|_2 \,/\, \sigma$", ylabel="density / its peak (bars: samples)")


def _draw_thickness(axis: Axes, law: pd.DataFrame, measured: pd.DataFrame) -> None:
    axis.fill_between(law.x, law.lower, law.upper, alpha=0.2, label="99 % of the noise (exact)")
    axis.plot(law.x, law.y, label="median (exact)")
    arms = [measured.y - measured.lower, measured.upper - measured.y]
    look: dict = {"fmt": "o", "color": "black", "ms": 4, "lw": 1, "capsize": 3}
    axis.errorbar(measured.x, measured.y, arms, label=f"same, {SAMPLES} samples", **look)
    axis.axhline(0, color="0.5", lw=1)
    axis.set(xscale="log", ylim=(-2.7, 3.6), title="... in a shell whose thickness hardly depends on d")
    axis.set(xlabel="dimension d", ylabel=r"$\left(\|\epsilon\|_2 - \sigma\sqrt{d}\right) / \,\sigma$")
    axis.legend(loc="upper right")
