# %% [markdown]
# # From a base classifier to the smoothed one, in the plane
# **Source.** Lecture, "Constructing classifier g": a point among coloured decision regions, dashed level sets of the
# noise, class probabilities as bars with lower and upper bounds. A footnote warns that the dashed lines are not the
# radius.
# **Here.** A toy of our own with three classes and wiggly boundaries (the source prints no formula for its picture),
# everything computed: the bars, their bounds, the certified disc, and the true radius of $g$, which is the distance
# to its decision boundary.

# %% tags=["parameters"]
sigma: float = 0.5
point_x: float = 0.0
point_y: float = 0.7
n: int = 1000
alpha: float = 0.001
step: float = 0.02
seed: int = 0
figure: str = "smoothed_classifier.png"
table: str = "smoothed_classifier.csv"

# %%
import contourpy
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy.ndimage import gaussian_filter
from scipy.special import ndtri

from resmooth import bounds

plt.style.use("notebooks/resmooth.mplstyle")
names, colors = ["blue", "orange", "green"], ["#0072B2", "#E69F00", "#009E73"]
point = np.array([point_x, point_y])
half_width = 1.9  # of the window drawn

# %% [markdown]
# **The base classifier $f$.** Three directions, and waves that bend the boundaries between them. The class is the
# largest score.


# %%
def scores(x, y):
    """Three scores at the points (x, y), stacked along the first axis."""
    angles = np.deg2rad([100, 220, 340])
    waves = [np.sin(4 * x + 3 * y), np.sin(5 * y - 2 * x + 2), np.sin(4 * x - 4 * y + 4)]
    return np.stack([x * np.cos(a) + y * np.sin(a) + 0.55 * w for a, w in zip(angles, waves)])


def margins(values):
    """By how much each class leads the best of the others (first axis); 0 on the decision boundary."""
    return np.stack([values[c] - np.delete(values, c, axis=0).max(axis=0) for c in range(3)])


# %% [markdown]
# **The smoothed classifier $g$.** The class probabilities under noise are the three regions of $f$, each blurred with
# the Gaussian density. The grid reaches far enough beyond the window for the blur to have no edge (8 standard
# deviations).

# %%
reach = half_width + 8 * sigma
axis = np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1) * step
x, y = np.meshgrid(axis, axis)
label = scores(x, y).argmax(axis=0)
probability = np.stack([gaussian_filter((label == c).astype(float), sigma / step, truncate=8) for c in range(3)])
keep = np.abs(axis) <= half_width + step / 2
axis = axis[keep]
f_margin = margins(scores(x, y))[:, keep][:, :, keep]
g_margin = margins(probability[:, keep][:, :, keep])

# %% [markdown]
# **The true radius.** The distance from the point to the line where the winner's lead over the runner-up is zero. The
# line is interpolated between grid points, so its error is far below the grid step.


# %%
def boundary(margin):
    """The zero lines of a margin on the grid: a list of [k, 2] polylines."""
    return contourpy.contour_generator(axis, axis, margin).lines(0)


def nearest(lines, point):
    """The point of the polylines that is nearest to `point`."""
    starts, ends = np.concatenate([line[:-1] for line in lines]), np.concatenate([line[1:] for line in lines])
    along = ends - starts
    t = np.clip(((point - starts) * along).sum(1) / np.maximum((along**2).sum(1), 1e-300), 0, 1)
    feet = starts + t[:, None] * along
    return feet[np.argmin(((feet - point) ** 2).sum(1))]


row, column = np.abs(axis - point_y).argmin(), np.abs(axis - point_x).argmin()
point = np.array([axis[column], axis[row]])
exact = probability[:, keep][:, :, keep][:, row, column]
winner = int(exact.argmax())
foot = nearest(boundary(g_margin[winner]), point)
true_radius = np.linalg.norm(foot - point)

# %% [markdown]
# **What sampling knows.** Counts of $f$ at noisy copies of the point. Each of the six bounds is allowed $\alpha / 6$,
# so that all hold together with probability $1 - \alpha$; then the radius of the lecture's theorem needs no second
# sample, even though the winner is read off the same counts.

# %%
rng = np.random.default_rng(seed)
noisy = point + rng.normal(0, sigma, (n, 2))
counts = np.bincount(scores(*noisy.T).argmax(axis=0), minlength=3)
lower = bounds.clopper_pearson(counts, n, alpha / 6, side="lower")
upper = bounds.clopper_pearson(counts, n, alpha / 6, side="upper")
top = int(counts.argmax())
sampled_radius = max(0, sigma / 2 * (ndtri(lower[top]) - ndtri(np.delete(upper, top).max())))
exact_radius = sigma / 2 * (ndtri(exact[winner]) - ndtri(np.delete(exact, winner).max()))
one_sided = sigma * ndtri(exact[winner])

# %%
bars = pd.DataFrame(
    {
        "panel": "probabilities",
        "class": names,
        "count": counts,
        "estimate": counts / n,
        "lower": lower,
        "upper": upper,
        "exact": exact,
    }
)
radii = pd.DataFrame(
    {
        "panel": "radii",
        "series": ["certified, sampled", "certified, exact p", "one-sided, exact p_A", "true radius of g"]
        + [f"noise level set, {k} sigma (not a radius)" for k in (1, 2, 3)],
        "radius": [sampled_radius, exact_radius, one_sided, true_radius, sigma, 2 * sigma, 3 * sigma],
    }
)
places = {"x": [point[0], foot[0]], "y": [point[1], foot[1]], "series": ["point", "nearest boundary point of g"]}
lines = [
    pd.DataFrame({"panel": name, "class": names[c], "line": i, "x": line[:, 0], "y": line[:, 1]})
    for name, margin in (("f", f_margin), ("g", g_margin))
    for c in range(3)
    for i, line in enumerate(boundary(margin[c]))
]
dots = pd.DataFrame({"panel": "f", "series": "noisy copies", "x": noisy[:200, 0], "y": noisy[:200, 1]})
pd.concat([radii, bars, pd.DataFrame({"panel": "places", **places}), dots, *lines], ignore_index=True).to_csv(
    table, index=False
)
bars.drop(columns="panel").round(4)


# %%
def circle(radius):
    """The circle of that radius around the point, as two rows of coordinates."""
    angle = np.linspace(0, 2 * np.pi, 361)
    return point[:, None] + radius * np.stack([np.cos(angle), np.sin(angle)])


def regions(ax, margin, title):
    """Tint the plane by class, draw the boundaries, the point and the level sets of the noise around it."""
    for c in range(3):
        ax.contourf(axis, axis, margin[c], levels=[0, np.inf], colors=[colors[c]], alpha=0.35)
        ax.contour(axis, axis, margin[c], levels=[0], colors="white", linewidths=1.2)
    for k in (1, 2, 3):
        label = r"noise at 1, 2, 3 $\sigma$: NOT a radius" if k == 1 else None
        ax.plot(*circle(k * sigma), ls="--", lw=1, color="0.35", label=label)
    ax.plot(*point, "o", color="black", ms=6, zorder=5, label="the point x")
    ax.grid(False)
    limits = (-half_width, half_width)
    ax.set(
        title=title,
        aspect="equal",
        xlim=limits,
        ylim=limits,
        xlabel="toy plane, first coordinate",
        ylabel="second coordinate",
    )


fig, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 5.8), width_ratios=[1, 1, 0.8])
regions(left, f_margin, "Base classifier f, and noisy copies of x")
left.plot(*noisy[:200].T, ".", color="black", ms=2.5, alpha=0.7, label=f"200 of {n} noisy copies")
regions(middle, g_margin, "Smoothed classifier g, and its radius at x")
middle.plot(*circle(true_radius), color="black", lw=2.2, label=f"true radius of g: {true_radius:.3f}")
middle.plot(*circle(exact_radius), color="#D55E00", ls=":", lw=2.2, label=f"certified, exact p: {exact_radius:.3f}")
middle.fill(
    *circle(sampled_radius), color="#D55E00", alpha=0.45, lw=0, label=f"certified, n = {n}: {sampled_radius:.3f}"
)
middle.plot(*np.stack([point, foot]).T, color="black", lw=1.2)
for ax in (left, middle):
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=1)

error = [bars.estimate - bars.lower, bars.upper - bars.estimate]
right.bar(names, bars.estimate, color=colors, alpha=0.6)
right.errorbar(
    range(3), bars.estimate, error, fmt="none", color="black", capsize=6, label=f"Clopper-Pearson bounds, n = {n}"
)
right.plot(range(3), bars.exact, "D", color="#D55E00", ms=5, label="exact (grid)")
right.axhline(0.5, color="0.5", lw=1, ls="--", label="1/2 (CERTIFY abstains below)")
right.grid(axis="x", visible=False)
right.set(title=r"Class probabilities of f at $x + \epsilon$", ylim=(0, 1), xlabel="class", ylabel="probability")
right.legend(loc="upper right")
fig.savefig(figure, metadata={"Software": None})

# %%
Markdown(
    f"At the point ({point[0]:.2f}, {point[1]:.2f}) the exact probabilities are "
    + ", ".join(f"{p:.3f} ({name})" for p, name in zip(exact, names))
    + f". The theorem turns them into R = {exact_radius:.3f}, {n} samples with their bounds into {sampled_radius:.3f}; "
    f"$\\sigma\\,\\Phi^{{-1}}(p_A)$ alone gives {one_sided:.3f}. The boundary of g is {true_radius:.3f} away: "
    f"{true_radius / exact_radius - 1:.0%} further than the exact probabilities at x can promise, because the theorem "
    f"must hold for the worst classifier that has these probabilities. The dashed level sets have radii {sigma:g}, "
    f"{2 * sigma:g} and {3 * sigma:g}: they say where noise falls and nothing about robustness."
)

# %% [markdown]
# **Reproduced.** The construction of $g$, the bars with lower and upper bounds and the dashed level sets, on a toy of
# our own.
# **Not in the source.** The true radius of $g$: only possible here because a plane can be blurred on a grid. For
# images nobody knows it, and the certified radius is the only statement. The lecture's classifier and its numbers are
# not printed, so its picture is followed in kind, not in value.
