# %% [markdown]
# # Gaussian noise, and where it sits in high dimension
# **Source.** Lecture, "Reminder: Gaussian Noise": the density in one dimension, the density in two with its level
# sets.
# **Here.** Both drawn from the formula with exact samples beside them, then what the two-dimensional picture hides:
# with the dimension of an image, practically all noise lies near a sphere, far from the point where the density is
# highest.

# %% tags=["parameters"]
sigma: float = 0.5
dims: list = [2, 64, 784, 3072, 150528]
samples: int = 600
seed: int = 0
figure: str = "gaussian_noise.png"
table: str = "gaussian_noise.csv"

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy import stats

plt.style.use("notebooks/resmooth.mplstyle")
rng = np.random.default_rng(seed)
rows = []

# %% [markdown]
# **One dimension.** The density for the chosen $\sigma$, half of it and twice it, and a histogram of samples for the
# chosen one.

# %%
values = np.linspace(-4 * sigma, 4 * sigma, 321)
for s in (sigma / 2, sigma, 2 * sigma):
    rows.append(
        pd.DataFrame({"panel": "1-d", "series": f"density sigma={s:g}", "x": values, "y": stats.norm.pdf(values, 0, s)})
    )
edges = np.linspace(-4 * sigma, 4 * sigma, 33)
height = np.histogram(rng.normal(0, sigma, samples), edges)[0] / (samples * np.diff(edges))
histogram = pd.DataFrame({"panel": "1-d", "series": "samples", "x": edges[:-1], "x_right": edges[1:], "y": height})
rows.append(histogram)

# %% [markdown]
# **Two dimensions.** The level sets are circles. The one that holds a share $m$ of the noise has the radius
# $\sigma\sqrt{-2\ln(1 - m)}$.

# %%
axis = np.linspace(-3.6 * sigma, 3.6 * sigma, 41)
x1, x2 = np.meshgrid(axis, axis)
density = stats.norm.pdf(x1, 0, sigma) * stats.norm.pdf(x2, 0, sigma)
rows.append(
    pd.DataFrame({"panel": "2-d", "series": "density", "x": x1.ravel(), "x2": x2.ravel(), "y": density.ravel()})
)
share = np.array([0.1, 0.5, 0.9, 0.99])
level_radius = sigma * np.sqrt(-2 * np.log1p(-share))
rows.append(pd.DataFrame({"panel": "2-d", "series": "level set", "x": share, "y": level_radius}))
points = rng.normal(0, sigma, (200, 2))
rows.append(pd.DataFrame({"panel": "2-d", "series": "samples", "x": points[:, 0], "x2": points[:, 1]}))

# %% [markdown]
# **Any dimension.** $\|\epsilon\|_2 / \sigma$ follows the chi law with $d$ degrees of freedom, exactly. The samples
# are whole vectors, drawn coordinate by coordinate, so they test the law and not themselves (Kolmogorov-Smirnov
# p-value).

# %%
laws, norms = [], {}
for d in dims:
    norms[d] = np.array([np.linalg.norm(rng.standard_normal(d, dtype=np.float32)) for _ in range(samples)])
    chi = stats.chi(d)
    laws.append(
        {
            "panel": "norm law",
            "series": f"d={d}",
            "sqrt_d": np.sqrt(d),
            "mean_exact": chi.mean(),
            "mean_measured": norms[d].mean(),
            "standard_error": norms[d].std(ddof=1) / np.sqrt(samples),
            "sd_exact": np.sqrt(chi.var()),
            "sd_measured": norms[d].std(ddof=1),
            "ks_p_value": stats.kstest(norms[d], chi.cdf).pvalue,
        }
    )
laws = pd.DataFrame(laws)
rows.append(laws)
laws.drop(columns="panel").round(4)

# %% [markdown]
# **Relative to the radius** $\sigma\sqrt d$ the shell gets thin. Each density is divided by its peak, so that all fit
# one picture.

# %%
shells = []
for d in dims:
    chi = stats.chi(d)
    mode = np.sqrt(d - 1)
    low, high = chi.ppf([1e-5, 1 - 1e-5])
    norm = np.linspace(low, high, 201)
    curve = np.exp(chi.logpdf(norm) - chi.logpdf(mode))
    shells.append(pd.DataFrame({"panel": "shell", "series": f"law d={d}", "x": norm, "y": curve}))
    count, cuts = np.histogram(norms[d], np.linspace(low, high, 31))
    height = count / (samples * np.diff(cuts)) / chi.pdf(mode)
    bars = {"x": cuts[:-1], "x_right": cuts[1:], "y": height}
    shells.append(pd.DataFrame({"panel": "shell", "series": f"samples d={d}", **bars}))
shells = pd.concat(shells)
rows.append(shells)

# %% [markdown]
# **In absolute terms** the shell keeps its thickness: the standard deviation of $\|\epsilon\|_2$ tends to
# $\sigma/\sqrt2$ while $\sigma\sqrt d$ grows.

# %%
grid = np.unique(np.geomspace(min(dims), max(dims), 60).astype(int))
middle, low, high = (stats.chi(grid).ppf(q) - np.sqrt(grid) for q in (0.5, 0.005, 0.995))
rows.append(pd.DataFrame({"panel": "thickness", "series": "law", "x": grid, "y": middle, "lower": low, "upper": high}))
measured = np.array([np.quantile(norms[d], [0.5, 0.005, 0.995]) - np.sqrt(d) for d in dims]).T
measured = pd.DataFrame(
    {"panel": "thickness", "series": "samples", "x": dims, "y": measured[0], "lower": measured[1], "upper": measured[2]}
)
rows.append(measured)
drawn = pd.concat(rows, ignore_index=True)
drawn.to_csv(table, index=False)

# %%
fig, ((one, two), (shell, thick)) = plt.subplots(2, 2, figsize=(10.5, 8))
one.bar(
    histogram.x, histogram.y, histogram.x_right - histogram.x, align="edge", color="0.85", label=f"{samples} samples"
)
for s, style in zip((sigma / 2, sigma, 2 * sigma), ("--", "-", ":")):
    one.plot(values, stats.norm.pdf(values, 0, s), style, label=rf"$\sigma$ = {s:g}")
one.set(title="One dimension", xlabel=r"noise $\epsilon$ (units of the [0, 1] image)", ylabel="probability density")
one.legend()

image = two.pcolormesh(x1, x2, density, cmap="Blues", shading="gouraud", rasterized=True)
two.plot(points[:, 0], points[:, 1], ".", color="black", ms=2.5, alpha=0.6)
angle = np.linspace(0, 2 * np.pi, 201)
for r, m in zip(level_radius, share):
    two.plot(r * np.cos(angle), r * np.sin(angle), "--", color="#D55E00", lw=1.2)
    box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8}
    two.text(0, r, f"{m:.0%}", ha="center", va="center", fontsize=8, color="#D55E00", bbox=box)
two.grid(False)
two.set(
    title="Two dimensions: level sets and the share of noise inside",
    xlabel=r"$\epsilon_1$ (units of the image)",
    ylabel=r"$\epsilon_2$",
    aspect="equal",
)
fig.colorbar(image, ax=two, label="probability density", shrink=0.85)

for i, d in enumerate(dims):
    law, bars = (shells[shells.series == f"{kind} d={d}"] for kind in ("law", "samples"))
    shell.stairs(bars.y, np.append(bars.x, bars.x_right.iloc[-1]), fill=True, color=f"C{i}", alpha=0.25)
    shell.plot(law.x, law.y, color=f"C{i}")
    shell.text(np.sqrt(d), 1.28, f"d = {d:,}", ha="center", va="bottom", rotation=90, color=f"C{i}")
shell.set(xscale="log", xlim=(0.08, 1.6 * np.sqrt(max(dims))), ylim=(0, 1.9), yticks=[0, 0.5, 1])
shell.set(title=r"Any dimension: noise lies near the sphere of radius $\sigma\sqrt{d}$ ...")
shell.set(xlabel=r"norm $\|\epsilon\|_2 \,/\, \sigma$", ylabel="density / its peak (bars: samples)")

thick.fill_between(grid, low, high, alpha=0.2, label="99 % of the noise (exact)")
thick.plot(grid, middle, label="median (exact)")
spread = [measured.y - measured.lower, measured.upper - measured.y]
thick.errorbar(
    measured.x, measured.y, spread, fmt="o", color="black", ms=4, lw=1, capsize=3, label=f"same, {samples} samples"
)
thick.axhline(0, color="0.5", lw=1)
thick.set(xscale="log", ylim=(-2.7, 3.6), title="... in a shell whose thickness hardly depends on d")
thick.set(xlabel="dimension d", ylabel=r"$\left(\|\epsilon\|_2 - \sigma\sqrt{d}\right) / \,\sigma$")
thick.legend(loc="upper right")
fig.savefig(figure, metadata={"Software": None})

# %%
d, chi = dims[-1], stats.chi(dims[-1])
short, long = sigma * chi.ppf([0.005, 0.995])
tiny = d / 2 * (np.log(4) - 0.75) / np.log(10)  # Chernoff bound of P(norm < sqrt(d) / 2)
ceiling = sigma * stats.norm.ppf(0.001**1e-5)
worst = ((laws.mean_measured - laws.mean_exact).abs() / laws.standard_error).max()
Markdown(
    f"With d = {d:,} and $\\sigma$ = {sigma:g}, 99 % of all noise vectors are between {short:.1f} and {long:.1f} long "
    f"($\\sigma\\sqrt d$ = {sigma * np.sqrt(d):.1f}); one shorter than half of that has "
    f"a probability below 10^-{int(tiny)}. With n = 100,000 and alpha = 0.001 no radius beyond {ceiling:.2f} "
    f"can be certified: the classifier sees far longer noise than the perturbations it is certified against. "
    f"The sampled mean norms agree with the law within {worst:.1f} standard errors; "
    f"the smallest of {len(dims)} Kolmogorov-Smirnov p-values, times {len(dims)} for having looked at as many, "
    f"is {min(1, len(dims) * laws.ks_p_value.min()):.2f}."
)

# %% [markdown]
# **Reproduced.** The two densities and the level sets of the lecture.
# **Not in the source.** The share of noise inside each level set, the chi law of the norm and the shell: the lecture
# stops at two dimensions, where the level sets suggest that noise stays near the image. Its slides print no numbers,
# so there is nothing to compare.
