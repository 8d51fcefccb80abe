# %% [markdown]
# # The certified radius as a function of $p_A$ and $p_B$
# **Source.** Lecture, "Robustness Guarantee: intuition" and "Efficient Certification": $R =
# \frac\sigma2\,(\Phi^{-1}(p_A) - \Phi^{-1}(p_B))$, and its short form $R = \sigma\,\Phi^{-1}(p_A)$ for $p_B = 1 -
# p_A$.
# **Here.** Both formulas over all their arguments, what each of them gives away (with exact probabilities, and with
# the bounds that a finite sample allows), and the ceiling: the largest radius that $n$ samples can certify at all.
# Radii are in multiples of $\sigma$, so they hold for images in [0, 1] and for the plane alike.

# %% tags=["parameters"]
alpha: float = 0.001
classes: int = 10
n: int = 1000
printed: dict = {1000: "2.463", 10000: "3.199", 100000: "3.8115", 1000000: "4.347"}
figure: str = "certified_radius.png"
table: str = "certified_radius.csv"

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy.special import ndtri

from resmooth import bounds, noise

plt.style.use("notebooks/resmooth.mplstyle")
one_sided = noise.make("normal", dim=2, sigma=1).radius  # sigma * Phi^-1(p), and 0 where p <= 1/2


def two_sided(p_a, p_b):
    """The radius of the theorem in multiples of sigma; 0 (abstain) where p_b is not below p_a."""
    return np.maximum(0, (ndtri(p_a) - ndtri(p_b)) / 2)


# %% [markdown]
# **The map.** $p_A + p_B \le 1$ and $p_B \le p_A$ leave a triangle. Its upper right edge $p_B = 1 - p_A$ is the short
# form.

# %%
inverse = pd.DataFrame({"panel": "inverse", "x": np.linspace(0.001, 0.999, 999)})
inverse["radius"] = ndtri(inverse.x)
example = {"p_a": 0.8, "p_b": 0.1}
p_a, p_b = np.meshgrid(np.linspace(0.005, 0.995, 100), np.linspace(0.005, 0.495, 50))
allowed = (p_b <= p_a + 1e-9) & (p_a + p_b <= 1 + 1e-9)
radius = np.where(allowed, two_sided(p_a, p_b), np.nan)
surface = pd.DataFrame({"panel": "map", "p_a": p_a[allowed], "p_b": p_b[allowed], "radius": radius[allowed]})

# %% [markdown]
# **What each form gives away.** Let $p_B$ be a share of the rest $1 - p_A$. With exact probabilities the short form
# loses whenever other classes take part of the rest, and all of it for $p_A \le 1/2$. With $n$ samples the long form
# pays for knowing more: `classes` bounds have to hold at once, so each gets $\alpha$ / `classes`, while the short
# form spends all of $\alpha$ on one. Both are evaluated at the expected counts. On the event that all bounds hold,
# $p_B \le 1 - p_A$ is known too, so the smaller of the two upper bounds counts.

# %%
loss = []
grid = np.linspace(0.35, 0.999, 200)
for share, name in (
    (1, "one other class"),
    (0.5, "two others, equal"),
    (1 / (classes - 1), f"{classes - 1} others, equal"),
):
    rest = share * (1 - grid)
    level = alpha / classes
    low = bounds.clopper_pearson(n * grid, n, level, side="lower")
    up = np.minimum(bounds.clopper_pearson(n * rest, n, level, side="upper"), 1 - low)
    forms = {
        "exact": (two_sided(grid, rest), one_sided(grid, norm=2)),
        f"n = {n}": (two_sided(low, up), one_sided(bounds.clopper_pearson(n * grid, n, alpha), norm=2)),
    }
    for knowledge, (long_form, short_form) in forms.items():
        values = {
            "p_a": grid,
            "p_b": rest,
            "two_sided": long_form,
            "one_sided": short_form,
            "radius": long_form - short_form,
        }
        keep = rest < grid
        loss.append(pd.DataFrame({"panel": "difference", "series": name, "knowledge": knowledge, **values})[keep])
loss = pd.concat(loss)

# %% [markdown]
# **The ceiling.** If all $n$ samples agree, the bound on $p_A$ is $\alpha^{1/n}$: no classifier gets a larger radius
# from $n$ samples. The long form with $\alpha$ / `classes` has a lower one.

# %%
ceiling = pd.DataFrame({"panel": "ceiling", "n": np.unique(np.geomspace(10, 10_000_000, 200).astype(int))})
ceiling["radius"] = one_sided(bounds.clopper_pearson(ceiling.n, ceiling.n, alpha), norm=2)
ceiling["two_sided"] = one_sided(bounds.clopper_pearson(ceiling.n, ceiling.n, alpha / classes), norm=2)
claim = pd.DataFrame({"panel": "ceiling printed", "n": [int(k) for k in printed], "printed": list(printed.values())})
claim["radius"] = ndtri(alpha ** (1 / claim.n))
claim["difference"] = claim.printed.astype(float) - claim.radius
claim["agrees"] = [f"{r:.{len(p.split('.')[1])}f}" == p for r, p in zip(claim.radius, claim.printed)]
marks = pd.DataFrame([{"panel": "example", **example, "radius": two_sided(**example)}])
pd.concat([inverse, marks, surface, loss, ceiling, claim], ignore_index=True).to_csv(table, index=False)
claim.drop(columns="panel")

# %%
fig, ((phi, plane), (gain, top)) = plt.subplots(2, 2, figsize=(11, 8.4))
phi.plot(inverse.x, inverse.radius)
a, b = example["p_a"], example["p_b"]
phi.vlines([a, b], -3.2, ndtri([a, b]), color="0.4", lw=1, ls=":")
phi.hlines(ndtri([a, b]), [a, b], 1.0, color="0.4", lw=1, ls=":")
phi.plot([a, b], ndtri([a, b]), "o", color="C1")
phi.annotate(
    "", (1.0, ndtri(a)), (1.0, ndtri(b)), arrowprops={"arrowstyle": "<->", "color": "C1", "shrinkA": 0, "shrinkB": 0}
)
box = {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none"}
middle = (ndtri(a) + ndtri(b)) / 2
phi.text(0.97, middle, rf"$2R\,/\,\sigma$ = {2 * two_sided(a, b):.2f}", color="C1", ha="right", va="center", bbox=box)
phi.text(a - 0.015, ndtri(a) + 0.15, f"$p_A$ = {a}", ha="right")
phi.text(b + 0.03, ndtri(b) - 0.4, f"$p_B$ = {b}")
phi.set(
    title=r"$\Phi^{-1}$: the radius is half the height between two points", xlabel="probability p", ylim=(-3.2, 3.2)
)
phi.set(ylabel=r"$\Phi^{-1}(p)$")

levels = [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.25, 2.5]
filled = plane.contourf(p_a, p_b, radius, levels=levels, cmap="Blues", extend="max")
drawn = plane.contour(p_a, p_b, radius, levels=[0.25, 0.5, 1, 1.5, 2], colors="0.25", linewidths=0.8)
plane.clabel(drawn, levels=[0.25, 0.5, 1], fmt="%g", fontsize=8)
plane.plot([0.5, 1], [0.5, 0], color="C1", lw=2.4, label=r"$p_B = 1 - p_A$: $R = \sigma\,\Phi^{-1}(p_A)$")
plane.plot([0, 0.5], [0, 0.5], color="C3", lw=2.4, label=r"$p_B = p_A$: $R = 0$")
plane.plot(a, b, "o", color="black", ms=5, label=rf"the pair on the left: R = {two_sided(a, b):.2f} $\sigma$")
plane.set(title=r"$R\,/\,\sigma$ over the possible pairs", xlabel="$p_A$", ylabel="$p_B$", xlim=(0, 1), ylim=(0, 0.78))
plane.set_yticks([0, 0.1, 0.2, 0.3, 0.4, 0.5])
plane.legend(loc="upper left")
fig.colorbar(filled, ax=plane, label=r"$R\,/\,\sigma$")

for i, name in enumerate(loss.series.unique()):
    for knowledge, style in (("exact", "-"), (f"n = {n}", "--")):
        part = loss[(loss.series == name) & (loss.knowledge == knowledge)]
        gain.plot(part.p_a, part.radius, style, color=f"C{i}", label=f"{name}, {knowledge}")
gain.axhline(0, color="0.4", lw=1)
gain.axvline(0.5, color="0.4", lw=1, ls=":")
gain.set(title="Two-sided minus one-sided radius", xlabel="$p_A$", ylabel=r"difference of $R\,/\,\sigma$")
gain.set(xlim=(grid[0], 1), ylim=(None, 1.16), yticks=np.arange(0, 0.9, 0.2))
gain.legend(fontsize=8, ncols=2, loc="upper center")

top.plot(ceiling.n, ceiling.radius, label=rf"one-sided, $\alpha$ = {alpha:g}")
top.plot(ceiling.n, ceiling.two_sided, "--", label=rf"two-sided, $\alpha$ / {classes} for each bound")
top.plot(claim.n, claim.printed.astype(float), "o", color="black", ms=5, label="reference values, as printed")
for k, value in zip(claim.n, claim.printed):
    top.annotate(value, (k, float(value)), (-4, 6), textcoords="offset points", ha="right")
top.set(
    xscale="log",
    title=r"The ceiling $\Phi^{-1}(\alpha^{1/n})$",
    xlabel="samples n",
    ylabel=r"largest certifiable $R\,/\,\sigma$",
)
top.set_ylim(0, None)
top.legend(loc="lower right")
fig.savefig(figure, metadata={"Software": None})

# %%
worst = loss[(loss.knowledge != "exact") & (loss.series == "one other class")]
best = loss[(loss.knowledge != "exact") & (loss.p_a > 0.5)].nlargest(1, "radius").iloc[0]
hundred_thousand = ndtri(alpha**1e-5)
Markdown(
    f"With n = {n} and {classes} classes the long form loses up to {-worst.radius.min():.3f} $\\sigma$ where only one "
    f"other class competes, and gains up to {best.radius:.3f} $\\sigma$ above $p_A$ = 1/2 ({best.series}). "
    f"With n = 100,000 the ceiling is {hundred_thousand:.4f} $\\sigma$, that is {0.5 * hundred_thousand:.3f} for "
    f"$\\sigma$ = 0.5 and {hundred_thousand:.3f} for $\\sigma$ = 1. Hence the zeros from r = 2 on in the "
    f"$\\sigma$ = 0.5 rows of the lecture's ImageNet table: they come from n and alpha, whatever the network. "
    f"{claim.agrees.sum()} of the {len(claim)} printed ceilings agree with the computed ones in every digit."
)

# %% [markdown]
# **Reproduced.** $\Phi^{-1}$, both formulas of the lecture and the printed ceilings, which are this project's own
# reference values: the lecture prints none.
# **Not in the source.** The comparison of the two forms. The lecture calls the short one efficient, since it needs
# one bound instead of one for each class; the figure adds what that costs in radius. It costs nothing when a single
# class competes, and every certificate below $p_A = 1/2$.
