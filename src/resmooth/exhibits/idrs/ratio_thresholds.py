r"""Which ratios sigma_1 / sigma_0 rule out a certificate.

Slides on input-dependent smoothing, Theorem 2.4 and the table "Theoretical lower-thresholds for sigma_1 / sigma_0". The noise
is :math:`N(x_0, \sigma_0^2 I)` at the certified point and :math:`N(x_1, \sigma_1^2 I)` at an adversary, in N dimensions;
:math:`p_B` bounds the runner-up class at :math:`x_0`. The twelve printed cells recomputed; the upper thresholds, which the
slides do not tabulate; and beside both the exact limits for an :math:`x_1` next to :math:`x_0` (R = 0), of which the theorem is
a bound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.decisions import decide
from resmooth.stats.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

P_B = (0.1, 0.01, 0.001, 0.00007)
PRINTED = {  # data -> N, and the printed cells for P_B
    "MNIST": (784, "0.946", "0.924", "0.908", "0.892"),
    "CIFAR10": (3072, "0.973", "0.961", "0.953", "0.945"),
    "ImageNet": (196608, "0.997", "0.995", "0.994", "0.993"),
}
N, ALPHA = 100_000, 0.001  # samples and error probability of the smallest p_B
COLORS = {"theorem": "C1", "exact": "C4", "open": "C2"}
WORDS = {
    "theorem": "excluded by Theorem 2.4",
    "exact": "excluded by the exact limit only",
    "open": "not excluded at R = 0",
}


def compute(run: Run | None = None) -> Frames:
    """thresholds: the table's cells; readings, reading_curves: p_B or p_A; grid: theorem and limits. The same for every run."""
    cells = thresholds()
    return {"thresholds": cells, "readings": readings(cells), "reading_curves": reading_curves(), "grid": grid()}


def plain(p: float) -> str:
    """0.1, 0.00007: without exponents."""
    return f"{p:.5f}".rstrip("0")


def thresholds() -> pd.DataFrame:
    """The printed cells beside the theorem's and the exact thresholds; `off`: in units of the last printed digit."""
    from resmooth.smoothing import idrs

    rows = []
    for name, (dim, *cells) in PRINTED.items():
        for p, cell in zip(P_B, cells):
            (thm_lower, thm_upper), (lower, upper) = idrs.ratio_threshold(p, dim), idrs.exact_ratio_threshold(p, dim)
            rows.append((name, dim, p, cell, thm_lower, lower, upper, thm_upper))
    columns = ["data", "N", "p_b", "printed", "thm_lower", "exact_lower", "exact_upper", "thm_upper"]
    found = pd.DataFrame(rows, columns=columns)
    digits = found.printed.str.partition(".")[2].str.len()
    found["off"] = (found.thm_lower - found.printed.astype(float)) * 10.0**digits
    found["agrees"] = found.off.abs() <= 0.5
    return found


def readings(thresholds: pd.DataFrame) -> pd.DataFrame:
    """The lower threshold if the number above a column is p_B, as in the caption, and if it is p_A, as in the header."""
    from resmooth.smoothing import idrs

    found = thresholds[["data", "N", "p_b", "printed", "thm_lower"]].rename(columns={"p_b": "column"})
    found["if_p_A"] = idrs.ratio_threshold(1 - found.column, found.N)[0]
    return found.rename(columns={"thm_lower": "if_p_B"})


def reading_curves() -> pd.DataFrame:
    """Both readings against the number above the column, for the second data set."""
    from resmooth.smoothing import idrs

    p, dim = np.geomspace(3e-5, 0.5, 300), list(PRINTED.values())[1][0]
    values = {"if_p_B": idrs.ratio_threshold(p, dim)[0], "if_p_A": idrs.ratio_threshold(1 - p, dim)[0]}
    return pd.DataFrame({"N": dim, "column": p, **values})


def grid() -> pd.DataFrame:
    """Theorem and exact limits at 60 dimensions and 40 p_B, and xi at the exact limits, R = 0 (1/2 if they are right)."""
    from resmooth.smoothing import idrs

    dims, levels = np.meshgrid(np.unique(np.geomspace(2, 196608, 60).astype(int)), np.geomspace(1e-6, 0.49, 40))
    dims, levels = dims.ravel(), levels.ravel()
    found = pd.DataFrame({"N": dims, "p_b": levels})
    for name, function in ("thm", idrs.ratio_threshold), ("exact", idrs.exact_ratio_threshold):
        found[f"{name}_lower"], found[f"{name}_upper"] = function(levels, dims)
    for side in ("lower", "upper"):
        found[f"xi_{side}"] = idrs.xi(0.0, 1.0, found[f"exact_{side}"].to_numpy(), dims, 1 - levels)
    return found


def table(frames: Frames) -> pd.DataFrame:
    """The cells, and the other reading of the header."""
    others = frames["readings"].drop(columns=["printed", "if_p_B"])
    return pd.concat([frames["thresholds"].assign(part="threshold"), others.assign(part="header")])


def here(frames: Frames) -> str:
    """The cases."""
    grid = frames["grid"]
    return (
        f"**Here.** The {len(frames['thresholds'])} cells exactly, and the theorem beside the exact limits at {len(grid):,} "
        f"pairs of N (2 to {grid.N.max():,}) and p_B ({grid.p_b.min():g} to {grid.p_b.max():g}). No network and no data: every "
        "run shows the same."
    )


def findings(frames: Frames) -> list[Finding]:
    """Both implications, what the table shows of N and p_B, the cells, and the exact limits."""
    cells, grid = frames["thresholds"], frames["grid"]
    return [
        _implication("fall", "below", (1 - grid.thm_lower) / (1 - grid.exact_lower), grid),
        _implication("rise", "above", (grid.thm_upper - 1) / (grid.exact_upper - 1), grid),
        _monotone("idrs-threshold_rises_with_dim", "N", "p_b", grid),
        _monotone("idrs-threshold_rises_with_p_b", "p_b", "N", grid),
        _cells(cells),
        _smallest(),
        _upper(cells),
        _looseness(cells, grid),
    ]


def _implication(way: str, side: str, factor: pd.Series, grid: pd.DataFrame) -> Finding:
    """Whether the theorem excludes nothing that can be certified: it must leave at least the exact room, at every N and p_B."""
    at = grid.loc[factor.idxmin()]
    least = Estimate(*[float(factor.min())] * 3)
    reason = (
        f"At {(factor >= 1).sum():,} of {len(grid):,} pairs of N and p_B the theorem's threshold {side} 1 lies beyond the "
        f"exact one at R = 0; it leaves {factor.min():.3f} to {factor.max():.2f} times the exact room (least at N = "
        f"{at.N:,.0f}, p_B = {at.p_b:.2g}). So it excludes only what cannot be certified, at any R, since xi grows with R. By "
        f"exact chi-squared quantiles, at which xi is 1/2 to within {_misfit(grid):.0e}."
    )
    unit = "room left by the theorem / exact room"
    return Finding(f"idrs-theorem_2_4_{way}", decide(least, "above", than=1), reason, *least, unit)


def _misfit(grid: pd.DataFrame) -> float:
    return max((grid[f"xi_{side}"] - 0.5).abs().max() for side in ("lower", "upper"))


def _monotone(claim: str, column: str, fixed: str, grid: pd.DataFrame) -> Finding:
    """Whether the theorem's lower threshold grows with `column` at every `fixed`: the least step between neighbours."""
    ordered = grid.sort_values([fixed, column])
    steps = ordered.groupby(fixed).thm_lower.diff().dropna()
    least = Estimate(*[float(steps.min())] * 3)
    first = ordered[ordered[fixed] == ordered[fixed].min()]
    names = {"N": "N", "p_b": "p_B"}
    reason = (
        f"Of {len(steps):,} steps between neighbouring {names[column]} (at {grid[fixed].nunique()} {names[fixed]}) "
        f"{(steps > 0).sum():,} raise the theorem's lower threshold, the least by {steps.min():.1e}. At {names[fixed]} = "
        f"{first[fixed].iloc[0]:g} it goes from {first.thm_lower.iloc[0]:.4f} ({names[column]} = {first[column].iloc[0]:g}) to "
        f"{first.thm_lower.iloc[-1]:.4f} ({names[column]} = {first[column].iloc[-1]:g})."
    )
    return Finding(claim, decide(least, "above"), reason, *least, "least step of the threshold")


def _cells(cells: pd.DataFrame) -> Finding:
    """The printed numbers."""
    odd = "".join(
        f" That of {row.data} at {plain(row.p_b)} is {row.thm_lower:.6f} and printed as {row.printed}: cut off, or rounded twice."
        for row in cells[~cells.agrees].itertuples()
    )
    return observation(
        f"{cells.agrees.sum()} of the {len(cells)} cells are the threshold of implication 1, rounded to the nearest.{odd} The "
        "columns are p_B, as the caption says; the header's p_A is a slip."
    )


def _smallest() -> Finding:
    """Where the last column comes from."""
    smallest = 1 - clopper_pearson(N, N, ALPHA)
    return observation(
        f"The slides do not say why the last p_B is {plain(P_B[-1])}: it is 1 - alpha^(1/n) = {smallest:.4e}, the smallest "
        f"that n = {N:,} samples can certify at alpha = {ALPHA:g}."
    )


def _upper(cells: pd.DataFrame) -> Finding:
    """The thresholds of implication 2, which are not in the source."""
    reciprocal = sum(f"{1 / row.thm_upper:.3f}" == row.printed for row in cells.itertuples())
    return observation(
        "The upper thresholds of implication 2, which the slides do not tabulate, are not the reciprocals of the lower ones; "
        f"rounded, their reciprocals equal {reciprocal} of the {len(cells)} cells."
    )


def _looseness(cells: pd.DataFrame, grid: pd.DataFrame) -> Finding:
    """The theorem is necessary, and not sufficient."""
    room = (1 - cells.thm_lower) / (1 - cells.exact_lower)
    return observation(
        f"The theorem is not sufficient: of the deviations 1 - sigma_1 / sigma_0 it lets pass {room.min():.2f} to "
        f"{room.max():.2f} times as much, over the cells, as can be certified. A point that it does not exclude is not thereby "
        "certified, and for R > 0 the limits are tighter still (exhibit dimensionality)."
    )


def draw(frames: Frames) -> Figure:
    """Above, what is excluded, for each data set; below, recomputed less printed cells, and two readings of the header."""
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    cells = frames["thresholds"]
    figure = plt.figure(figsize=(12, 7.2))
    above, below = figure.subfigures(2, 1, height_ratios=(1.15, 1), squeeze=False).flat
    panels = above.subplots(1, cells.data.nunique(), sharey=True, squeeze=False)[0]
    for axis, (name, part) in zip(panels, cells.groupby("data", sort=False)):
        _draw_excluded(axis, name, part)
    panels[0].invert_yaxis()
    panels[0].set_ylabel("$p_B$")
    handles: list = [Patch(color=COLORS[kind], alpha=0.75, lw=0, label=label) for kind, label in WORDS.items()]
    handles.append(Line2D([], [], marker="o", color="black", ls="", ms=5, label="printed lower threshold"))
    above.legend(handles=handles, loc="outside lower center", ncols=4)
    rounding, reading = below.subplots(1, 2, width_ratios=(1.4, 1))
    _draw_rounding(rounding, cells)
    _draw_readings(reading, frames["reading_curves"], cells)
    return figure


def _draw_excluded(axis: Axes, name: str, part: pd.DataFrame) -> None:
    """One data set: a bar for each p_B, from what the theorem excludes to what stays open."""
    reach = 1.2 * max(1 - part.thm_lower.min(), part.thm_upper.max() - 1)
    for y, row in enumerate(part.itertuples()):
        edges = [1 - reach, row.thm_lower, row.exact_lower, row.exact_upper, row.thm_upper, 1 + reach]
        for left, right, kind in zip(edges, edges[1:], ("theorem", "exact", "open", "exact", "theorem")):
            axis.barh(y, right - left, left=left, height=0.62, color=COLORS[kind], alpha=0.75, lw=0)
        axis.plot(float(row.printed), y, "o", color="black", ms=5, zorder=3)
        for edge in (row.thm_lower, row.thm_upper):
            axis.text(edge, y - 0.36, f"{edge:.4f}", ha="center", va="bottom", fontsize=8)
        if not row.agrees:
            box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none"}
            look: dict[str, Any] = {"fontsize": 8, "ha": "center", "va": "center", "bbox": box}
            arrow: dict[str, Any] = {"arrowstyle": "-", "lw": 0.7, "shrinkB": 3}
            where = (float(row.printed), y + 0.02), (1, y + 0.56)
            axis.annotate(f"printed {row.printed}", *where, arrowprops=arrow, **look)
    axis.axvline(1, color="0.25", lw=1, ls=":", zorder=1)
    axis.locator_params(axis="x", nbins=5)
    axis.set(title=f"{name}, N = {part.N.iloc[0]:,}", xlabel=r"$\sigma_1 / \sigma_0$", xlim=(1 - reach, 1 + reach))
    axis.set_yticks(range(len(part)), [plain(p) for p in part.p_b])
    axis.grid(False, axis="y")


def _draw_rounding(axis: Axes, cells: pd.DataFrame) -> None:
    """Recomputed less printed, in units of the last digit; what rounds to the printed number lies in the band."""
    axis.axhspan(-0.5, 0.5, color="0.92", lw=0)
    axis.axhline(0, color="0.4", lw=1, ls=":")
    axis.vlines(cells.index, 0, cells.off, color=np.where(cells.agrees, "C0", "C1"))
    axis.scatter(cells.index, cells.off, color=np.where(cells.agrees, "C0", "C1"), zorder=3)
    for i, row in cells[~cells.agrees].iterrows():
        text = f"{row.thm_lower:.6f}, printed {row.printed}"
        axis.annotate(text, (i, row.off), (0, 7), textcoords="offset points", ha="center", fontsize=9)
    labels = [plain(p) for p in cells.p_b]
    axis.set_xticks(cells.index, labels, rotation=30, ha="right", rotation_mode="anchor")
    axis.grid(False, axis="x")
    names, width = cells.data.unique(), cells.p_b.nunique()
    axis.vlines([width * i - 0.5 for i in range(1, len(names))], -0.9, 0.9, color="0.7", lw=0.8)
    for i, name in enumerate(names):
        axis.text((i + 0.5) * width - 0.5, -0.82, name, ha="center")
    axis.set(title="Recomputed threshold less the printed number", xlabel="$p_B$", ylim=(-0.9, 0.9))
    axis.set_ylabel("units of the last digit")


def _draw_readings(axis: Axes, curves: pd.DataFrame, cells: pd.DataFrame) -> None:
    dots = cells[cells.N == curves.N.iloc[0]]
    axis.plot(curves.column, curves.if_p_B, label="the column is $p_B$ (caption)")
    axis.plot(curves.column, curves.if_p_A, "--", label="the column is $p_A = 1 - p_B$ (header)")
    axis.plot(dots.p_b, dots.printed.astype(float), "o", color="black", ms=5, label="printed")
    axis.set(xscale="log", xlabel="number above the column", ylabel=r"threshold for $\sigma_1 / \sigma_0$")
    axis.set_title(f"Two readings of the header, {dots.data.iloc[0]}")
    axis.legend(loc="center left", fontsize=9)
