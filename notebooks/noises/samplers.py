# %% [markdown]
# # Sampling ExpInf, Exp1 and Exp2 noise
# **Source.** Notes on noises, the three appendices "Noise Details": densities proportional to $\exp(-(\|x\|_p /
# \lambda)^k)$, $p = \infty, 1, 2$. Draw $z$ from $\Gamma(d/k)$, which gives the radius $r = \|x\|_p = \lambda
# z^{1/k}$, then a point of the sphere of that radius.
# **Here.** That recipe tested: the law of the radius, the law of the direction, and two dimensions against the
# density. Beside it what the text says to the letter: multiply by $z$ (Exp1), no factor $r$ (Exp2), no random sign
# (ExpInf), a point of the ball instead of the sphere (Exp1 and Exp2).

# %% tags=["parameters"]
k_shown: int = 2
dims: list = [2, 10, 3072]
ks: list = [0.5, 1, 2, 10]
draws: int = 3000
points: int = 1500
seed: int = 0
figure: str = "samplers.png"
table: str = "samplers.csv"

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy import special, stats

plt.style.use("notebooks/resmooth.mplstyle")
rng = np.random.default_rng(seed)
ORDERS = {"ExpInf": np.inf, "Exp1": 1, "Exp2": 2}


# %% [markdown]
# **The recipe**, at $\lambda = 1$. A direction is a point of the unit sphere of the norm. That of ExpInf: a
# coordinate at random is $\pm 1$, the others are uniform. That of Exp1: a uniform point of the simplex with random
# signs. That of Exp2: a normal vector over its length.


# %%
def radius(k, n, d):
    """n draws of r = z^(1/k), z from Gamma(d / k)."""
    return rng.gamma(d / k, size=n) ** (1 / k)


def direction(name, n, d):
    """n uniform points of the unit sphere of the norm, numpy [n, d]."""
    if name == "ExpInf":
        u = rng.uniform(-1, 1, (n, d))
        u[np.arange(n), rng.integers(d, size=n)] = rng.choice([-1, 1], n)
        return u
    u = rng.exponential(size=(n, d)) * rng.choice([-1, 1], (n, d)) if name == "Exp1" else rng.standard_normal((n, d))
    return u / np.linalg.norm(u, ORDERS[name], axis=1, keepdims=True)


def sample(name, k, n, d):
    """The recipe as the densities need it."""
    return radius(k, n, d)[:, None] * direction(name, n, d)


def as_printed(name, k, n, d):
    """The recipe with the text's own words."""
    if name == "ExpInf":  # "pick one dimension to set x_i = r"
        r, x = radius(k, n, d)[:, None], rng.uniform(-1, 1, (n, d))
        x[np.arange(n), rng.integers(d, size=n)] = 1
        return r * x
    if name == "Exp1":  # "multiply by z"
        return radius(k, n, d)[:, None] ** k * direction(name, n, d)
    return direction(name, n, d)  # "x_i = x~_i / sqrt(|x~|^2)"


def in_the_ball(name, k, n, d):
    """The recipe with its other word, the "ball at radius r"."""
    return rng.random((n, 1)) ** (1 / d) * sample(name, k, n, d)


# %% [markdown]
# **Tests.** *Radius*: the norm of whole vectors against $r = z^{1/k}$, Kolmogorov-Smirnov (KS): the largest distance
# between the samples' distribution function and the law's, and the probability of a larger one if the samples follow
# the law. *Direction*: given the radius all points of the sphere are alike. Exactly known is the law of one
# coordinate $u_1$: for Exp1 $|u_1|$ follows Beta(1, d - 1), for Exp2 $u_1^2$ follows Beta(1/2, (d - 1)/2), for ExpInf
# $|u_1|$ is 1 with probability $1/d$ (exact binomial test) and uniform otherwise (KS). The largest coordinate must
# have a fair sign (binomial), and the direction must not depend on the radius (KS between draws of short and long
# radius).

# %%
COORDINATES = {
    "ExpInf": lambda u, d: stats.kstest(np.abs(u[np.abs(u) < 1 - 1e-9]), stats.uniform.cdf),
    "Exp1": lambda u, d: stats.kstest(np.abs(u), stats.beta(1, d - 1).cdf),
    "Exp2": lambda u, d: stats.kstest(u**2, stats.beta(0.5, (d - 1) / 2).cdf),
}


def tested(recipe, text, name, k, d):
    """All tests on one set of draws, one row each."""
    x = recipe(name, k, draws, d)
    norm, largest = np.linalg.norm(x, ORDERS[name], axis=1), x[np.arange(draws), np.abs(x).argmax(axis=1)]
    law, u = stats.gengamma(d / k, k), x[:, 0] / norm
    radius_test, coordinate = stats.kstest(norm, law.cdf), COORDINATES[name](u, d)
    sign, on_face = np.sum(largest > 0), np.sum(np.abs(u) >= 1 - 1e-9)
    long = norm > np.median(norm) if np.ptp(norm) > 1e-9 else np.arange(draws) % 2 == 0
    split = stats.ks_2samp(u[long], u[~long])
    rows = [
        {"test": "radius", "ks": radius_test.statistic, "measured": norm.mean(), "exact": law.mean()}
        | {"p_value": radius_test.pvalue},
        {"test": "coordinate", "ks": coordinate.statistic, "p_value": coordinate.pvalue},
        {"test": "sign of the largest", "measured": sign / draws, "exact": 0.5}
        | {"p_value": stats.binomtest(int(sign), draws).pvalue},
        {"test": "independence of the radius", "ks": split.statistic, "p_value": split.pvalue},
    ]
    if name == "ExpInf":
        p_value = stats.binomtest(int(on_face), draws, 1 / d).pvalue
        rows.append({"test": "share of |u_1| = 1", "measured": on_face / draws, "exact": 1 / d, "p_value": p_value})
    return [{"recipe": text, "noise": name, "k": k, "d": d} | row for row in rows]


right = pd.DataFrame(row for name in ORDERS for k in ks for d in dims for row in tested(sample, "exact", name, k, d))
right.pivot(index=["noise", "test"], columns=["d", "k"], values="p_value").reindex(list(ORDERS), level=0).style.format(
    "{:.3f}", na_rep=""
).format_index("{:g}", axis=1).set_caption("p-values of the recipe")

# %% [markdown]
# **What the text says instead**, by the same tests: the letter of each recipe, and the ball. Shown are the two tests
# that fail somewhere; the others are in the table of this notebook.

# %%
wrong = pd.DataFrame(
    row
    for recipe, text, names in ((as_printed, "as printed", ORDERS), (in_the_ball, "ball", ("Exp1", "Exp2")))
    for name in names
    for d in dims
    for row in tested(recipe, text, name, k_shown, d)
).set_index(["recipe", "noise", "test", "d"])
wrong = wrong.sort_index()
wrong.loc[
    wrong.index.isin(["radius", "sign of the largest"], level="test"), ["ks", "p_value", "measured", "exact"]
].style.format("{:.3g}", na_rep="")

# %% [markdown]
# **How far off, against the dimension**: the KS distance between the law of the radius and what the text gives, from
# the distribution functions themselves. Samples are not needed: $z = r^k$ gives $F(t^{1/k})$, a fixed length 1 gives
# $\max(F(1), 1 - F(1))$, and in the ball $r U^{1/d}$ has $P(r U^{1/d} \le t) = F(t) + t^d\,E[r^{-d}; r > t]$.


# %%
def distances(k, d):
    """KS distance of each wrong radius from the law of r, on a grid of quantiles where there is no closed form."""
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


sizes = np.unique(np.geomspace(1, 3072, 30).astype(int))
sweep = pd.DataFrame(
    {"test": "radius, exactly", "recipe": recipe, "k": k_shown, "d": d, "ks": distance}
    for d in sizes
    for recipe, distance in distances(k_shown, d).items()
)

# %% [markdown]
# **Two dimensions**, and what the figure shows of the radius.

# %%
scatter = pd.concat(
    pd.DataFrame({"test": "points", "recipe": text, "noise": name, "k": k_shown, "d": 2, "x1": x[:, 0], "x2": x[:, 1]})
    for recipe, text in ((sample, "exact"), (as_printed, "as printed"))
    for name in ORDERS
    for x in [recipe(name, k_shown, points, 2)]
)
d_radius = 10
shares = np.array([0.5, 0.9, 0.99])
lengths = {
    k: np.linalg.norm(sample(name, k, draws, d_radius), ORDERS[name], axis=1)
    for k, name in zip(ks, ("ExpInf", "Exp1", "Exp2", "ExpInf"))
}
histograms = []
for k, norm in lengths.items():
    law = stats.gengamma(d_radius / k, k)
    cuts = np.linspace(*law.ppf([0.0005, 0.9995]), 31)
    width = np.diff(cuts)
    heights = {"measured": np.histogram(norm, cuts)[0] / draws / width, "exact": np.diff(law.cdf(cuts)) / width}
    case = {"test": "histogram of the radius", "recipe": "exact", "k": k, "d": d_radius}
    histograms.append(pd.DataFrame({**case, "x1": cuts[:-1], "x2": cuts[1:], **heights}))
histograms = pd.concat(histograms)
level_sets = pd.DataFrame(
    {"test": "level set", "k": k_shown, "d": 2, "exact": shares, "x1": stats.gengamma(2 / k_shown, k_shown).ppf(shares)}
)
pd.concat([right, wrong.reset_index(), sweep, scatter, histograms, level_sets], ignore_index=True).to_csv(
    table, index=False
)

# %%
fig = plt.figure(figsize=(11, 11.2))
above, below = fig.subfigures(2, 1, height_ratios=[2, 1])
panels = above.subplots(2, 3, sharex=True, sharey=True)
for row, recipe in zip(panels, ("exact", "as printed")):
    for ax, (name, order) in zip(row, ORDERS.items()):
        part = scatter[(scatter.noise == name) & (scatter.recipe == recipe)]
        color = "C0" if recipe == "exact" else "C1"
        ax.plot(part.x1, part.x2, ".", color=color, ms=3, mew=0, alpha=0.6)
        angle = np.linspace(0, 2 * np.pi, 401)
        ring = np.stack([np.cos(angle), np.sin(angle)])
        ring /= np.linalg.norm(ring, order, axis=0)
        for r in level_sets.x1:
            ax.plot(*(r * ring), "-", color="0.25", lw=0.9)
        ax.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6), aspect="equal")
        ax.grid(False)
printed_as = ("no random sign", "multiplied by z", "no factor r")
for ax, name in zip(panels[0], ORDERS):
    ax.set_title(f"{name}: the recipe")
for ax, name, text in zip(panels[1], ORDERS, printed_as):
    ax.set_title(f"{name} to the letter: {text}")
    ax.set_xlabel("$x_1$ (multiples of $\\lambda$)")
for ax in panels[:, 0]:
    ax.set_ylabel("$x_2$")
box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.85}
for share, r in zip(shares, level_sets.x1):
    panels[0, 0].text(0, r, f"{share:.0%}", ha="center", va="center", fontsize=8, bbox=box)

law_ax, quantile_ax, distance_ax = below.subplots(1, 3)
for i, (k, part) in enumerate(histograms.groupby("k", sort=False)):
    law = stats.gengamma(d_radius / k, k)
    mean = law.mean()
    law_ax.stairs(
        part.measured * mean, np.append(part.x1, part.x2.iloc[-1]) / mean, fill=True, color=f"C{i}", alpha=0.25
    )
    t = np.linspace(0.01, 2.4, 400)
    law_ax.plot(t, law.pdf(t * mean) * mean, color=f"C{i}", lw=1.3, label=f"k = {k:g}")
law_ax.set(title=f"Radius, d = {d_radius}: law and {draws:,} draws", xlabel="r / E[r]", ylabel="density", xlim=(0, 2.2))
law_ax.legend()

level = (np.arange(points) + 0.5) / points
quantile = stats.gengamma(2 / k_shown, k_shown).ppf(level)
for name, recipe, text, color in (
    ("Exp1", sample, "the recipe", "C0"),
    ("Exp1", as_printed, "times z", "C1"),
    ("Exp2", as_printed, "no r", "C4"),
    ("Exp1", in_the_ball, "ball", "C2"),
):
    norm = np.sort(np.linalg.norm(recipe(name, k_shown, points, 2), ORDERS[name], axis=1))
    quantile_ax.plot(quantile, norm, color=color, label=text)
quantile_ax.plot([0, 2.5], [0, 2.5], color="0.3", lw=0.8, ls="--")
quantile_ax.set(
    title=f"Quantiles of the radius, d = 2, k = {k_shown}",
    xlabel="law of r",
    ylabel="samples",
    xlim=(0, 2.5),
    ylim=(0, 4),
)
quantile_ax.legend()

for (recipe, part), color, style in zip(sweep.groupby("recipe", sort=False), ("C1", "C4", "C2"), ("-", "--", "-.")):
    distance_ax.plot(part.d, part.ks, style, color=color, label=recipe)
distance_ax.axhline(1.36 / np.sqrt(draws), color="0.5", lw=1, ls=":")
distance_ax.text(
    1, 1.36 / np.sqrt(draws) * 0.9, f"seen by {draws:,} draws (5 % level)", va="top", color="0.4", fontsize=8
)
distance_ax.set(title=f"Error of the radius, k = {k_shown}", xscale="log", yscale="log", xlabel="dimension d")
distance_ax.set(ylabel="KS distance from the law of r", ylim=(2e-3, 2))
distance_ax.legend(fontsize=8, loc="lower left")
fig.savefig(figure, metadata={"Software": None})

# %%
smallest, image = right.p_value.min(), max(dims)
sign = wrong.loc[("as printed", "ExpInf", "sign of the largest")].measured
length = wrong.loc[("as printed", "Exp1", "radius", image)]
ball = sweep[sweep.recipe.str.endswith("ball")].set_index("d").ks
unseen = [d for d in dims if (wrong.loc[[("ball", n, "radius", d) for n in ("Exp1", "Exp2")]].p_value > 0.05).all()]
Markdown(
    f"The smallest of the recipe's {len(right)} p-values is {smallest:.4f}; times {len(right)}, for having looked at "
    f"as many, it is {min(1, len(right) * smallest):.2f}. To the letter the text fails: multiplied by $z$, Exp1 at "
    f"d = {image} has a mean length of {length.measured:.0f} instead of {length.exact:.2f} (times $\\lambda$); without "
    f"the sign, ExpInf's largest coordinate is positive in {sign.min():.0%} of the draws; without the factor $r$, Exp2 "
    f"has length 1. The ball is a matter of dimension: its KS distance falls from {ball.max():.2f} at "
    f"d = {ball.idxmax()} to {ball.loc[image]:.3f} at d = {image}; {draws:,} draws cannot tell it from the sphere at "
    f"d = {', '.join(map(str, unseen)) or 'none of these'}."
)

# %% [markdown]
# **Reproduced.** The change of variables $z = r^k$ with its gamma law, and the three directions: the recipes draw the
# densities of the source once they are read as meant.
# **Not reproduced.** The letter of the text: $z$ for $r = z^{1/k}$ (right for $k = 1$ only), no factor $r$ in Exp2's
# formula, no random sign in ExpInf's, and "ball" for the sphere. The public code of that date takes the root and the
# sign; this package's own samplers are tested in the same way.
