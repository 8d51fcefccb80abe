# %% [markdown]
# # The certified radius of every noise
# **Source.** Notes on noise distributions: seven laws with their level $\sigma$ (here $E|x|_2^2 / d = \sigma^2$), and
# the remark that certificates grow with the lower bound $p$ on the probability $q$ of the top class. The notes print
# no radius but the one for masks (notebook `masking`); formulas came with the paper of the same authors (Yang et al.
# 2020, "Randomized smoothing of all shapes and sizes") and their code.
# **Here.** The radius of every noise of this project in l1, l2 and linf as a function of $p$, at equal $\sigma$;
# which noise certifies most; what simpler or approximate formulas give instead; and what a table of radii does to
# values between and beyond its nodes. No model and no data: nothing here says how large $p$ is under a noise.

# %% tags=["parameters"]
dims: list = [3072, 64]
sigma: float = 1.0
least_tail: float = 1e-5
figure: str = "radii.png"
table: str = "radii.csv"

# %%
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from matplotlib.lines import Line2D
from scipy import special

from resmooth import noise

plt.style.use("notebooks/resmooth.mplstyle")
GROUPS = {
    "independent coordinates": ["uniform", "expp p=4", "laplace", "lomax k=3", "expp p=0.5"],
    "cubes: expinf, powinf": ["expinf k=10", "expinf k=2", "expinf k=1", "powinf"],
    "cross-polytopes: exp1": ["exp1 k=10", "exp1 k=2", "exp1 k=0.5"],
    "balls: exp2, pow2, uniformball": ["uniformball", "exp2 k=3", "exp2 k=1", "pow2"],
}
LABELS = ["normal", *sum(GROUPS.values(), [])]
NORMS = {"l1": 1, "l2": 2, "linf": math.inf}
shown = np.array([0.6, 0.75, 0.9, 0.99, 0.999, 0.9999])
# Points are even on the axis of the figure, which is linear in the Gaussian quantile; the printed p are among them.
grid = np.unique(np.append(special.ndtr(np.linspace(0.025, -special.ndtri(least_tail), 120)), shown))
laws = {(label, d): noise.from_label(label, d, sigma) for label in LABELS for d in dims}

# %% [markdown]
# **The curves.** A norm for which a noise has no certificate of its own gets what follows from the others: a ball in
# one norm lies in one of another. `exp1 k=1` is Laplace, `exp2 k=2` and `expp p=2` are normal; `ssn` has the l1 radius of
# `uniform`, and `dssn`, which counts all its votes, no more than that where one class has all the others. `powinf` and
# `pow2` have their default tails.

# %%
curves = pd.concat(
    [
        pd.DataFrame(
            {"part": "curve", "noise": label, "norm": norm, "dim": d, "p": grid, "radius": law.radius(grid, value)}
        )
        for (label, d), law in laws.items()
        for norm, value in NORMS.items()
    ],
    ignore_index=True,
)
for d in dims:
    part = curves[curves.p.isin(shown[[0, 2, 4, 5]]) & (curves.dim == d)]
    part = part.pivot(index="noise", columns=["norm", "p"], values="radius").loc[LABELS]
    display(part[list(NORMS)].rename_axis(f"d = {d}").map("{:.4g}".format))

# %% [markdown]
# **Shape.** Radii grow with $p$ and, for each of these noises, ever faster: they are convex in $p$. Checked on the
# grid by the slopes between neighbouring points; `tolerance` is relative.

# %%
tolerance = 1e-8
shapes = []
for (label, norm, d), part in curves.groupby(["noise", "norm", "dim"], sort=False):
    slopes = np.diff(part.radius) / np.diff(part.p)
    shapes.append((label, norm, d, (slopes > 0).all(), (np.diff(slopes) >= -tolerance * slopes[:-1]).all()))
shapes = pd.DataFrame(shapes, columns=["noise", "norm", "dim", "increasing", "convex"])
broken = shapes[~(shapes.increasing & shapes.convex)]
broken if len(broken) else f"All {len(shapes)} curves increase and are convex."

# %% [markdown]
# **Which noise certifies most at a given $p$?** Among the curves above, from which $p$ to which; the first of the list
# where several come within `tie` of the largest radius. At equal $\sigma$ and equal $p$: how large $p$ is depends on the
# network and differs between noises.

# %%
wide = curves.pivot(index=["norm", "dim", "p"], columns="noise", values="radius")[LABELS]
tie = 0.005
winners = []
for (norm, d), part in wide.groupby(level=["norm", "dim"], sort=False):
    best = part.ge((1 - tie) * part.max(axis=1), axis=0).idxmax(axis=1).to_numpy()
    p = part.index.get_level_values("p").to_numpy()
    starts = np.flatnonzero(np.append(True, best[1:] != best[:-1]))
    ends = np.append(starts[1:], len(p))
    for start, end in zip(starts, ends):
        left = 0.5 if start == 0 else p[start]
        right = p[end - 1] if end == len(p) else p[end]
        ratio = (part.to_numpy()[start:end].max(axis=1) / part.normal.to_numpy()[start:end]).max()
        winners.append((norm, d, best[start], left, right, ratio))
winners = pd.DataFrame(winners, columns=["norm", "dim", "noise", "p", "p_to", "most_over_normal"])
winners = winners.sort_values(["norm", "dim", "p"], key=lambda c: -c if c.name == "dim" else c, ignore_index=True)
winners.round({"p": 5, "p_to": 5, "most_over_normal": 3})

# %% [markdown]
# **Loose or approximate against tight.** Five pairs:
# - Laplace, linf: $\lambda\,\Phi^{-1}(p) / \sqrt d$, the default of the public code, against the exact integral of the
#   differential method. The former is an approximation: that it lies below is an observation, not a proof.
# - Exp2 with k = 1, l2: the differential method, $(d - 1)\,\mathrm{artanh}(1 - 2 I^{-1}_{1-p})$, against the level
#   sets, which are tight.
# - ExpInf with k = 1, l1: the linear $2 g (p - 1/2)$ against the improvement for $p > 1 - 1/(2d)$.
# - Uniform, linf: a union bound over coordinates, the l1 radius / d, against $2\lambda (1 - (3/2 - p)^{1/d})$.
# - Laplace, l1: $\frac\lambda2 \log(p / (1 - p))$, the bound by differential privacy, against $-\lambda \log(2 (1 - p))$.


# %%
def exp2_differential(d, p):
    """l2 radius of exp2 k=1 at scale 1 by the differential method."""
    x = special.betaincinv((d - 1) / 2, (d - 1) / 2, 1 - p)
    return (d - 1) * (np.log1p(-x) - np.log(x)) / 2


def expinf_linear(d, p):
    """l1 radius of expinf k=1 at scale 1, linear in p: 2 g (p - 1/2), g = d / (d - 1) Gamma(d) / Gamma(d - 1) = d."""
    return 2 * d * (p - 0.5)


PAIRS = {
    "Laplace linf: Gaussian approximation": ("laplace", "linf", lambda d, p: special.ndtri(p) / math.sqrt(d)),
    "Exp2 k=1 l2: differential method": ("exp2 k=1", "l2", exp2_differential),
    "ExpInf k=1 l1: linear": ("expinf k=1", "l1", expinf_linear),
    "Uniform linf: union bound": ("uniform", "linf", lambda d, p: (2 * p - 1) / d),
    "Laplace l1: differential privacy": ("laplace", "l1", lambda d, p: np.log(p / (1 - p)) / 2),
}
pairs = []
for name, (label, norm, formula) in PAIRS.items():
    for d in dims:
        values = {"tight": wide.loc[norm, d][label], "radius": laws[label, d].scale * formula(d, grid)}
        pairs.append(pd.DataFrame({"part": "pair", "pair": name, "noise": label, "norm": norm, "dim": d, **values}))
pairs = pd.concat(pairs).reset_index()
pairs["relative"] = pairs.radius / pairs.tight - 1
pairs[pairs.p.isin(shown)].pivot_table(index=["pair", "dim"], columns="p", values="relative", sort=False).map(
    "{:+.4%}".format
)

# %% [markdown]
# **What tables do.** The public code stores a radius at nodes and looks values up. Two of its kinds of nodes: "prob",
# every 0.001 of $p$ up to 0.999; "radius", 3001 nodes at Laplace quantiles up to 3 standard deviations, $p$ = 0.9928.
# Between nodes a straight line runs above a convex function, so linear interpolation certifies too much. Beyond the
# last node the code goes on along the last chord, which lies below: sound, and far too little for confident
# predictions. The node below would be sound too.

# %%
NODES = {
    "every 0.001 of p": np.append(np.arange(0.5, 0.9985, 0.001), 0.999),
    "3001 Laplace quantiles": 1 - np.exp(-math.sqrt(2) * np.linspace(0, 3, 3001)) / 2,
}
between = [(nodes[1:] + nodes[:-1])[:: len(nodes) // 400] / 2 for nodes in NODES.values()]  # where chords err most
between = np.unique(np.concatenate([grid, 1 - np.geomspace(0.5, least_tail, 400), *between]))
tables = []
for d in dims:
    law = laws["exp1 k=2", d]
    for name, nodes in NODES.items():
        radii = law.radius(nodes, 1)
        chord = radii[-1] + (between - nodes[-1]) * (radii[-1] - radii[-2]) / (nodes[-1] - nodes[-2])
        values = {"tight": law.radius(between, 1), "p": between}
        values["radius"] = np.where(between <= nodes[-1], np.interp(between, nodes, radii), chord)
        values["inside"] = between <= nodes[-1]
        tables.append(
            pd.DataFrame({"part": "table", "nodes": name, "noise": "exp1 k=2", "norm": "l1", "dim": d, **values})
        )
tables = pd.concat(tables, ignore_index=True)
tables["relative"] = tables.radius / tables.tight - 1
pd.concat([curves, winners.assign(part="best"), pairs, tables], ignore_index=True).to_csv(table, index=False)
summary = tables[tables.inside].groupby(["nodes", "dim"]).relative.max().rename("most inside").to_frame()
for p in (0.999, 0.9999):
    summary[f"at p = {p}"] = tables[tables.p == p].set_index(["nodes", "dim"]).relative
summary.map("{:+.4%}".format)

# %%
ticks = np.array([0.5, 0.75, 0.9, 0.99, 0.999, 0.9999])


def probability_axis(ax):
    """Let x be Phi^-1(p), with ticks that say p."""
    ax.set_xticks(special.ndtri(ticks), [f"{p:g}"[1:] for p in ticks], fontsize=8)
    ax.set_xlim(0, special.ndtri(1 - least_tail))


def spread(values, gap):
    """Positions nearest to `values` (logarithms) that are at least `gap` apart, in the same order."""
    order = np.argsort(values)
    offset = gap * np.arange(len(values))
    blocks = []  # pool adjacent violators: positions less offset must not decrease
    for value in np.asarray(values)[order] - offset:
        blocks.append([value, 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (a, m), (b, n) = blocks[-2:]
            blocks[-2:] = [[(a * m + b * n) / (m + n), m + n]]
    placed = np.empty(len(values))
    placed[order] = np.concatenate([[mean] * count for mean, count in blocks]) + offset
    return placed


fig = plt.figure(figsize=(13, 14.5))
above, below = fig.subfigures(2, 1, height_ratios=(3, 1.15))
panels = above.subplots(len(NORMS), len(GROUPS), sharey="row")
top = curves.groupby("norm").radius.max()
for norm, row in zip(NORMS, panels):
    bottom = {"l1": 0.02, "l2": 0.02 / math.sqrt(max(dims)), "linf": 0.2 / max(dims)}[norm] * sigma
    for labels, ax in zip(GROUPS.values(), row):
        drawn = []
        for label, color in zip(["normal", *labels], ["0.55", "C0", "C1", "C2", "C3", "C6"]):
            for d, ls in zip(dims, ("-", "--", ":")):
                part = wide.loc[norm, d][label]
                ax.plot(special.ndtri(grid), part, ls, color=color, lw=2.2 if label == "normal" else 1.5)
            drawn.append((label, color, wide.loc[norm, dims[0]][label].iloc[-1]))
        ax.set(yscale="log", ylim=(bottom, 1.7 * top[norm]))
        probability_axis(ax)
        places = np.exp(spread([math.log(end) for *_, end in drawn], 0.058 * math.log(1.7 * top[norm] / bottom)))
        for (label, color, end), y in zip(drawn, places):
            ax.annotate(
                label.split()[-1] if label.startswith(("exp1", "exp2", "expinf")) else label,
                (special.ndtri(1 - least_tail), end),
                (1.06, y),
                textcoords=("axes fraction", "data"),
                color="0.4" if label == "normal" else color,
                va="center",
                fontsize=8,
                arrowprops={"arrowstyle": "-", "lw": 0.6, "color": color, "shrinkA": 0, "shrinkB": 0},
            )
    row[0].set_ylabel(f"{norm} radius at $\\sigma$ = {sigma:g}")
for group, ax in zip(GROUPS, panels[0]):
    ax.set_title(group, fontsize=10)
for ax in panels[-1]:
    ax.set_xlabel("p (axis even in $\\Phi^{-1}(p)$)")
handles = [Line2D([], [], color="0.2", ls=ls, label=f"d = {d}") for d, ls in zip(dims, ("-", "--", ":"))]
panels[0][0].legend(handles=handles, loc="lower right", fontsize=9)

strip, gap, lookup = below.subplots(1, 3, width_ratios=(1.25, 1, 1))
cases = [(norm, d) for norm in NORMS for d in dims]
names = list(dict.fromkeys(winners.noise))
shades = dict(zip(names, plt.get_cmap("tab20")(np.arange(1, 2 * len(names), 2) % 20)))
for y, case in enumerate(cases):
    for _, run in winners[(winners.norm == case[0]) & (winners.dim == case[1])].iterrows():
        left, right = special.ndtri([run.p, run.p_to])
        strip.barh(y, right - left, left=left, color=shades[run.noise], edgecolor="white", height=0.85)
        narrow = 0.11 * len(run.noise) > right - left
        strip.text(
            (left + right) / 2,
            y,
            run.noise.replace("uniformball", "uniform\nball") if narrow else run.noise,
            ha="center",
            va="center",
            fontsize=7 if narrow else 8,
            rotation=90 if narrow else 0,
        )
strip.set_yticks(range(len(cases)), [f"{norm}, d = {d}" for norm, d in cases])
strip.invert_yaxis()
strip.grid(False)
strip.set(title=f"The noise with the largest radius (within {tie:.1%})", xlabel="p")
probability_axis(strip)

for i, (name, part) in enumerate(pairs.groupby("pair", sort=False)):
    for d, ls in zip(dims, ("-", "--", ":")):
        line = part[part.dim == d]
        gap.plot(special.ndtri(line.p), 100 * line.relative, ls, color=f"C{i}", label=name if d == dims[0] else None)
gap.set_yscale("symlog", linthresh=0.01)
gap.set(title="Simpler formula against tight one", xlabel="p", ylabel="relative difference of the radius [%]")
gap.set_ylim(-80, 8000)
percents = [-10, -1, -0.1, -0.01, 0, 0.01, 0.1, 1]
gap.set_yticks(percents[:5], [f"{value:g}" for value in percents[:5]])
gap.legend(loc="upper left", fontsize=8)
probability_axis(gap)

for i, (name, part) in enumerate(tables.groupby("nodes", sort=False)):
    line = part[part.dim == dims[0]]
    color = f"C{i}"
    lookup.plot(special.ndtri(line.p), 100 * line.relative, color=color, lw=1.1, label=f"nodes: {name}")
    lookup.axvline(special.ndtri(NODES[name][-1]), color=color, ls=":", lw=1)
lookup.set_yscale("symlog", linthresh=0.001)
lookup.set(title=f"Exp1 k=2, l1, d = {dims[0]}: table against exact", xlabel="p")
lookup.set_ylabel("relative difference of the radius [%]")
lookup.set_ylim(-100, 300)
lookup.set_yticks(percents, [f"{value:g}" for value in percents])
lookup.legend(loc="upper left", fontsize=8, frameon=True, edgecolor="none", framealpha=1)
probability_axis(lookup)
fig.savefig(figure, metadata={"Software": None})


# %%
def ranges(norm, d):
    """Which noise leads from which p to which, in words."""
    part = winners[(winners.norm == norm) & (winners.dim == d)]
    return ", ".join(
        f"{row.noise} from p = {row.p:.3g} to {row.p_to:.{3 if row.p_to < 0.999 else 5}g}" for row in part.itertuples()
    )


d = max(dims)
at = wide.xs(grid[np.abs(grid - 0.999).argmin()], level="p")
others = [label for label in LABELS if label.split()[0] not in ("normal", *("exp2", "pow2", "uniformball"))]
lines = [f"In l1 the largest radius at equal p is that of {ranges('l1', d)} (d = {d})."]
for norm in ("l2", "linf"):
    gain = wide.loc[norm, d].max(axis=1) / wide.loc[norm, d].normal
    best = at.loc[(norm, d), others].idxmax()
    lines.append(
        f"In {norm} no noise exceeds the normal one by more than {gain.max() - 1:.2%} at d = {d}, and those that are not laws "
        f"of |x|_2 certify at most {at.loc[(norm, d), best] / at.loc[(norm, d), 'normal']:.2g} of its radius at p = 0.999 "
        f"({best})."
    )
worst = pairs.loc[pairs.groupby("pair", sort=False).relative.apply(lambda r: r.abs().idxmax())]
lines.append(
    "The largest differences of the simpler formulas: "
    + "; ".join(
        f"{row.pair} {100 * row.relative:+.2f} % (d = {row.dim}, p = {row.p:.5g})" for row in worst.itertuples()
    )
    + "."
)
lower_everywhere = (pairs.relative <= 1e-9).all()
lines.append(
    "None of them exceeds the tight radius on this grid, so that none is seen to be unsound."
    if lower_everywhere
    else "Where the difference is positive, the simpler formula certifies too much."
)
within, beyond = tables[tables.inside], tables[~tables.inside]
lines.append(
    f"Linear interpolation between nodes certifies up to {100 * within.relative.max():.2g} % too much; beyond the last node, "
    f"the last chord gives up to {-100 * beyond.relative.min():.0f} % less than the exact radius at p = {between[-1]:.5g}, "
    "and n = 100,000 samples that all agree do reach p = 0.99993."
)
Markdown(
    "**Shown.** "
    + " ".join(lines)
    + " **Not reproduced,** since the source prints no radius, nor any accuracy that would say how large p is: which noise is "
    "best for a classifier is a question for `certified_accuracy`. The formulas are checked against reference values, "
    "computed by other means, in the tests of this project."
)
