r"""The certified radius of every noise.

Notes on noises: laws with their level sigma (here :math:`E|x|_2^2 / d = \sigma^2`), and the remark that certificates grow with
the lower bound p on the probability of the top class. They print no radius but the one for masks; formulas came with the paper
of the same authors (Yang et al. 2020) and its code. The radius in l1, l2 and linf as a function of p, at equal sigma; which
noise certifies most; what simpler or approximate formulas give instead; and what a table of radii does to values between and
beyond its nodes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import special

from resmooth import noise
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.noise.base import Noise
from resmooth.noise.radial import Radial
from resmooth.stats.decisions import decide
from resmooth.stats.intervals import Estimate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run

DIMS = (3072, 64)
SIGMA = 1.0
LEAST_TAIL = 1e-5  # 1 - p goes down to this
NORMS = {"l1": 1, "l2": 2, "linf": math.inf}
SHOWN = np.array([0.6, 0.75, 0.9, 0.99, 0.999, 0.9999])
# Points are even on the axis of the figure, which is linear in the Gaussian quantile; the printed p are among them.
GRID = np.unique(np.append(special.ndtr(np.linspace(0.025, -special.ndtri(LEAST_TAIL), 120)), SHOWN))
# Shapes that are shown, light tails first; a family without a line here is shown with its default shape.
SHAPES = {
    "expp": (4, 0.5),
    "lomax": (3,),
    "expinf": (10, 2, 1),
    "exp1": (10, 2, 0.5),
    "exp2": (3, 1),
}
ORDER = ("normal", "uniform", "expp p=4", "laplace", "lomax", "expp", "expinf", "powinf", "exp1", "uniformball", "exp2")
BODIES = {math.inf: "cubes", 1: "cross-polytopes", 2: "balls"}  # level sets of a density that depends on one norm alone
INDEPENDENT = "independent coordinates"
CONVEX = 1e-8  # relative decrease of a slope that is rounding
TIE = 0.005  # noises within this of the largest radius share the first place
TABLED = "exp1 k=2"  # whose table is looked up, in l1
# What the public code stores: every 0.001 of p up to 0.999; Laplace quantiles up to 3 standard deviations, p = 0.9928
NODES = {
    "every 0.001 of p": np.append(np.arange(0.5, 0.9985, 0.001), 0.999),
    "3001 Laplace quantiles": 1 - np.exp(-math.sqrt(2) * np.linspace(0, 3, 3001)) / 2,
}


def exp2_differential(d: int, p: np.ndarray) -> np.ndarray:
    r"""l2 radius of exp2 k=1 at scale 1 by the differential method: :math:`(d - 1)\,\mathrm{artanh}(1 - 2 I^{-1}_{1-p})`."""
    x = special.betaincinv((d - 1) / 2, (d - 1) / 2, 1 - p)
    return (d - 1) * (np.log1p(-x) - np.log(x)) / 2


def expinf_linear(d: int, p: np.ndarray) -> np.ndarray:
    """l1 radius of expinf k=1 at scale 1, linear in p: 2 g (p - 1/2), g = d / (d - 1) Gamma(d) / Gamma(d - 1) = d."""
    return 2 * d * (p - 0.5)


PAIRS = {  # simpler formula -> (noise, norm, radius at scale 1)
    "Laplace linf: Gaussian approximation": ("laplace", "linf", lambda d, p: special.ndtri(p) / math.sqrt(d)),
    "Exp2 k=1 l2: differential method": ("exp2 k=1", "l2", exp2_differential),
    "ExpInf k=1 l1: linear": ("expinf k=1", "l1", expinf_linear),
    "Uniform linf: union bound": ("uniform", "linf", lambda d, p: (2 * p - 1) / d),
    "Laplace l1: differential privacy": ("laplace", "l1", lambda d, p: np.log(p / (1 - p)) / 2),
}


def compute(run: Run | None = None) -> Frames:
    """curves, best, pairs, tables, shapes: see the functions below; shown: radii at a few p. The same for every run."""
    drawn = curves(labels())
    return {
        "curves": drawn,
        "best": best(drawn),
        "pairs": pairs(drawn),
        "tables": tables(),
        "shapes": shapes(drawn),
        "shown": shown(drawn),
    }


def certifies_lengths(family: type[Noise]) -> bool:
    """Whether a family is added to the image and certifies lengths: in l1, l2 or linf. Masks and splitting noises do not."""
    return family.additive and bool(set(family.norms) & set(NORMS.values()))


def labels() -> dict[str, list[str]]:
    """group -> labels of what is drawn, "normal" (group "") first: every family that `certifies_lengths`, from its module."""
    families = {name: family for name, family in noise.FAMILIES.items() if certifies_lengths(family)}
    found = {"": ["normal"], INDEPENDENT: []} | {body: [] for body in BODIES.values()}
    for name, family in families.items():
        parameter = family.shape_parameters[0] if family.shape_parameters else ""
        for label in [f"{name} {parameter}={value:g}" for value in SHAPES.get(name, ())] or [name]:
            if name != "normal":
                found[BODIES[family.norms[0]] if issubclass(family, Radial) else INDEPENDENT].append(label)
    return {group: sorted(members, key=_place) for group, members in found.items() if members}


def _place(label: str) -> int:
    """Where a label stands in its group: by ORDER; what is not there comes last, in the order of the families."""
    name = label if label in ORDER else label.split()[0]
    return ORDER.index(name) if name in ORDER else len(ORDER)


def curves(groups: dict[str, list[str]]) -> pd.DataFrame:
    """The radius of each noise in each norm against p.

    A norm for which a noise has no certificate of its own gets what follows from the others: a ball in one norm lies in one of
    another.
    """
    parts = []
    for label in [label for members in groups.values() for label in members]:
        for d in DIMS:
            law = noise.from_label(label, d, SIGMA)
            for norm, value in NORMS.items():
                about = {"part": "curve", "noise": label, "norm": norm, "dim": d}
                parts.append(pd.DataFrame(about | {"p": GRID, "radius": law.radius(GRID, value)}))
    return pd.concat(parts, ignore_index=True)


def wide(curves: pd.DataFrame) -> pd.DataFrame:
    """Radii [norm, dim, p] x noise."""
    return curves.pivot(index=["norm", "dim", "p"], columns="noise", values="radius")[[*curves.noise.unique()]]


def shown(curves: pd.DataFrame) -> pd.DataFrame:
    """Radii at four p, one row for each noise and dimension."""
    part = curves[curves.p.isin(SHOWN[[0, 2, 4, 5]])]
    part = part.assign(column=part.norm + ", p = " + part.p.map("{:g}".format))
    radii = part.pivot(index=["dim", "noise"], columns="column", values="radius")[[*part.column.unique()]]
    rows = pd.MultiIndex.from_product([DIMS, curves.noise.unique()], names=["dim", "noise"])
    return radii.loc[rows].reset_index().rename_axis(columns=None)


def shapes(curves: pd.DataFrame) -> pd.DataFrame:
    """Slopes of each curve between neighbouring points: the least, relative to the largest radius, and whether they grow."""
    rows = []
    for (label, norm, d), part in curves.groupby(["noise", "norm", "dim"], sort=False):
        slopes = np.diff(part.radius) / np.diff(part.p)
        convex = (np.diff(slopes) >= -CONVEX * slopes[:-1]).all()
        rows.append((label, norm, d, slopes.min() / part.radius.max(), convex))
    return pd.DataFrame(rows, columns=["noise", "norm", "dim", "least_slope", "convex"])


def best(curves: pd.DataFrame) -> pd.DataFrame:
    """Which noise certifies most, from which p to which; the first of the list where several come within TIE of the largest.

    `most_over_normal`: the largest ratio there of the largest radius and the normal one.
    """
    rows = []
    for (norm, d), part in wide(curves).groupby(level=["norm", "dim"], sort=False):
        first = part.ge((1 - TIE) * part.max(axis=1), axis=0).idxmax(axis=1).to_numpy()
        p = part.index.get_level_values("p").to_numpy()
        starts = np.flatnonzero(np.append(True, first[1:] != first[:-1]))
        ends = np.append(starts[1:], len(p))
        for start, end in zip(starts, ends):
            left = 0.5 if start == 0 else p[start]
            right = p[end - 1] if end == len(p) else p[end]
            ratio = (part.to_numpy()[start:end].max(axis=1) / part.normal.to_numpy()[start:end]).max()
            rows.append((norm, d, first[start], left, right, ratio))
    winners = pd.DataFrame(rows, columns=["norm", "dim", "noise", "p", "p_to", "most_over_normal"])
    winners = winners.sort_values(["norm", "dim", "p"], key=lambda c: -c if c.name == "dim" else c, ignore_index=True)
    return winners.assign(part="best")


def pairs(curves: pd.DataFrame) -> pd.DataFrame:
    """Simpler formulas against the radius of this package; `relative` is how much more they claim."""
    radii, parts = wide(curves), []
    for name, (label, norm, formula) in PAIRS.items():
        for d in DIMS:
            scale = noise.from_label(label, d, SIGMA).scale
            values = {"tight": radii.loc[norm, d][label], "radius": scale * formula(d, GRID)}
            about = {"part": "pair", "pair": name, "noise": label, "norm": norm, "dim": d}
            parts.append(pd.DataFrame(about | values))
    found = pd.concat(parts).reset_index()
    found["relative"] = found.radius / found.tight - 1
    return found


def tables() -> pd.DataFrame:
    """Radii looked up in tables of NODES: linear between them, and along the last chord beyond the last one (`inside` False)."""
    steps = {name: max(1, len(nodes) // 400) for name, nodes in NODES.items()}
    middles = [(nodes[1:] + nodes[:-1])[:: steps[name]] / 2 for name, nodes in NODES.items()]  # where chords err most
    between = np.unique(np.concatenate([GRID, 1 - np.geomspace(0.5, LEAST_TAIL, 400), *middles]))
    parts = []
    for d in DIMS:
        law = noise.from_label(TABLED, d, SIGMA)
        for name, nodes in NODES.items():
            radii = law.radius(nodes, 1)
            chord = radii[-1] + (between - nodes[-1]) * (radii[-1] - radii[-2]) / (nodes[-1] - nodes[-2])
            values = {"tight": law.radius(between, 1), "p": between}
            values["radius"] = np.where(between <= nodes[-1], np.interp(between, nodes, radii), chord)
            values["inside"] = between <= nodes[-1]
            about = {"part": "table", "nodes": name, "noise": TABLED, "norm": "l1", "dim": d}
            parts.append(pd.DataFrame(about | values))
    found = pd.concat(parts, ignore_index=True)
    found["relative"] = found.radius / found.tight - 1
    return found


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    return pd.concat([frames[name] for name in ("curves", "best", "pairs", "tables")], ignore_index=True)


def here(frames: Frames) -> str:
    """The cases."""
    curves = frames["curves"]
    return (
        f"**Here.** {curves.noise.nunique()} noises at sigma = {SIGMA:g} in d = {' and '.join(f'{d:,}' for d in DIMS)} "
        f"dimensions, radii in l1, l2 and linf for {len(GRID)} p up to 1 - {LEAST_TAIL:g}. No network and no data: nothing "
        "here says how large p is under a noise, and every run shows the same."
    )


def findings(frames: Frames) -> list[Finding]:
    """Growth with p; then which noise leads, and what other formulas and tables do."""
    curves, winners, pairs, tables = (frames[name] for name in ("curves", "best", "pairs", "tables"))
    return [
        _grow(frames["shapes"]),
        _convex(frames["shapes"]),
        observation(
            f"In l1 the largest radius at equal p is that of {ranges(winners, 'l1', max(DIMS))} (d = {max(DIMS)})."
        ),
        *(_against_normal(curves, norm, max(DIMS)) for norm in ("l2", "linf")),
        _simpler(pairs),
        _looked_up(tables),
        observation(
            "Which noise is best for a classifier, certified_accuracy has to show: how large p is depends on the network and "
            "differs between noises. The formulas are checked against reference values, computed by other means, in this "
            "project's tests."
        ),
    ]


def _grow(shapes: pd.DataFrame) -> Finding:
    """Certificates are monotone in p: the least slope of all curves, relative to the largest radius of its curve."""
    worst = shapes.loc[shapes.least_slope.idxmin()]
    least = Estimate(*[float(worst.least_slope)] * 3)
    reason = (
        f"{(shapes.least_slope > 0).sum()} of {len(shapes)} curves ({shapes.noise.nunique()} noises, {shapes.norm.nunique()} "
        f"norms, {shapes.dim.nunique()} dimensions) grow with p between all {len(GRID)} points; the least slope is that of "
        f"{worst.noise} in {worst.norm}, d = {worst.dim:,}. By exact radii."
    )
    return Finding("noises-radius_grows", decide(least, "above"), reason, *least, "least slope / largest radius")


def _convex(shapes: pd.DataFrame) -> Finding:
    """Whether radii grow ever faster."""
    broken = shapes[~shapes.convex]
    return observation(
        f"All {len(shapes)} curves are convex in p: radii grow ever faster."
        if broken.empty
        else f"{len(broken)} of {len(shapes)} curves are not convex in p, as {broken.noise.iloc[0]} in {broken.norm.iloc[0]}."
    )


def ranges(winners: pd.DataFrame, norm: str, d: int) -> str:
    """Which noise leads from which p to which, in words."""
    part = winners[(winners.norm == norm) & (winners.dim == d)]
    return ", ".join(
        f"{row.noise} from p = {row.p:.3g} to {row.p_to:.{3 if row.p_to < 0.999 else 5}g}" for row in part.itertuples()
    )


def _against_normal(curves: pd.DataFrame, norm: str, d: int) -> Finding:
    """How much any noise gains over the normal one, and what those that are no laws of |x|_2 keep of its radius near p = 1."""
    radii = wide(curves).loc[norm, d]
    gain = radii.max(axis=1) / radii.normal
    at = radii.loc[GRID[np.abs(GRID - 0.999).argmin()]]
    others = [label for label in radii if 2 not in noise.NOISES[label.split()[0]].norms]
    first = at[others].idxmax()
    return observation(
        f"In {norm} no noise exceeds the normal one by more than {gain.max() - 1:.2%} at d = {d}, and those that are not laws "
        f"of |x|_2 certify at most {at[first] / at.normal:.2g} of its radius at p = 0.999 ({first})."
    )


def _simpler(pairs: pd.DataFrame) -> Finding:
    """The largest difference of each simpler formula, and whether one of them claims too much."""
    worst = pairs.loc[pairs.groupby("pair", sort=False).relative.apply(lambda r: r.abs().idxmax())]
    differences = "; ".join(
        f"{row.pair} {100 * row.relative:+.2f} % (d = {row.dim}, p = {row.p:.5g})" for row in worst.itertuples()
    )
    sound = (
        "None of them exceeds the tight radius on this grid, so that none is seen to be unsound; for the Gaussian "
        "approximation that is an observation, not a proof."
        if (pairs.relative <= 1e-9).all()
        else "Where the difference is positive, the simpler formula certifies too much."
    )
    return observation(f"The largest differences of the simpler formulas: {differences}. {sound}")


def _looked_up(tables: pd.DataFrame) -> Finding:
    """What a table gives between its nodes and beyond the last one."""
    within, beyond = tables[tables.inside], tables[~tables.inside]
    return observation(
        f"Linear interpolation between nodes certifies up to {100 * within.relative.max():.2g} % too much, since a chord runs "
        f"above a convex function; beyond the last node, the last chord gives up to {-100 * beyond.relative.min():.0f} % less "
        f"than the exact radius at p = {tables.p.max():.5g}, and n = 100,000 samples that all agree do reach p = 0.99993. The "
        "node below is sound."
    )


def draw(frames: Frames) -> Figure:
    """Radii against p by norm and group; below, who leads, simpler formulas, and looked-up radii."""
    from resmooth.exhibits.noises import _radii_drawing as drawing

    return drawing.draw(frames, labels())
