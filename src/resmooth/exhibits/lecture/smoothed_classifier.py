r"""From a base classifier to the smoothed one, in the plane.

A toy with three classes and wiggly boundaries, everything computed: the class probabilities under noise and their bounds, the
certified disc, and the true radius of g, the distance to its decision boundary. In the plane the regions of f can be blurred with
the Gaussian density on a grid, so that g is known everywhere; for images nobody knows it. Lengths are in units of the plane.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from scipy.special import ndtri

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.smoothing import bounds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

SIGMA = 0.5
POINT = (0.0, 0.7)
N = 1000
ALPHA = 0.001
STEP = 0.02  # of the grid
SEED = 0
CLASSES = {"blue": "#0072B2", "orange": "#E69F00", "green": "#009E73"}
HALF_WIDTH = 1.9  # of the window drawn
DOTS = 200  # noisy copies drawn
EVERY = 8  # grid points from one checked point to the next
TOLERANCE = STEP**2  # of a boundary interpolated between grid points
SAMPLED, EXACT, ONE_SIDED, TRUE = "certified, sampled", "certified, exact p", "one-sided, exact p_A", "true radius of g"


def compute(run: Run | None = None) -> Frames:
    """radii, probabilities, places, copies, lines: the table; plane, checked: more of the same. The same for every run."""
    axis, probability = smoothed_plane()
    f_margin, g_margin = margins(scores(*np.meshgrid(axis, axis))), margins(probability)
    row, column = (np.abs(axis - value).argmin() for value in reversed(POINT))
    point, exact = np.array([axis[column], axis[row]]), probability[:, row, column]
    lines = {"f": boundaries(axis, f_margin), "g": boundaries(axis, g_margin)}
    noisy = point + np.random.default_rng(SEED).normal(0, SIGMA, (N, 2))
    probabilities = sampled(noisy, exact)
    foot = nearest(lines["g"][int(exact.argmax())], point)
    places = {"x": [point[0], foot[0]], "y": [point[1], foot[1]], "series": ["point", "nearest boundary point of g"]}
    copies = {"panel": "f", "series": "noisy copies", "x": noisy[:DOTS, 0], "y": noisy[:DOTS, 1]}
    return {
        "radii": radii(probabilities, float(np.linalg.norm(foot - point))),
        "probabilities": probabilities,
        "places": pd.DataFrame({"panel": "places", **places}),
        "copies": pd.DataFrame(copies),
        "lines": polylines(lines),
        "plane": plane(axis, f_margin, g_margin),
        "checked": checked(axis, probability, lines["g"]),
    }


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, but for the margins on the grid."""
    return pd.concat([part for name, part in frames.items() if name not in ("plane", "checked")], ignore_index=True)


def scores(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The base classifier: three scores at the points (x, y), along the first axis. Directions, and waves that bend them."""
    angles = np.deg2rad([100, 220, 340])
    waves = [np.sin(4 * x + 3 * y), np.sin(5 * y - 2 * x + 2), np.sin(4 * x - 4 * y + 4)]
    return np.stack([x * np.cos(a) + y * np.sin(a) + 0.55 * w for a, w in zip(angles, waves)])


def margins(values: np.ndarray) -> np.ndarray:
    """By how much each class leads the best of the others (first axis); 0 on the decision boundary."""
    return np.stack([values[c] - np.delete(values, c, axis=0).max(axis=0) for c in range(len(values))])


def smoothed_plane() -> tuple[np.ndarray, np.ndarray]:
    """(axis of the window's grid [G], class probabilities under noise [3, G, G]): the regions of f, blurred.

    The grid that is blurred reaches 8 standard deviations beyond the window, so that the blur has no edge.
    """
    from scipy.ndimage import gaussian_filter

    reach = np.ceil((HALF_WIDTH + 8 * SIGMA) / STEP)
    axis = np.arange(-reach, reach + 1) * STEP
    label = scores(*np.meshgrid(axis, axis)).argmax(axis=0)
    blurred = [gaussian_filter((label == c).astype(float), SIGMA / STEP, truncate=8) for c in range(len(CLASSES))]
    keep = np.abs(axis) <= HALF_WIDTH + STEP / 2
    return axis[keep], np.stack(blurred)[:, keep][:, :, keep]


def boundaries(axis: np.ndarray, margin: np.ndarray) -> list[list[np.ndarray]]:
    """For each class the zero lines of its margin: polylines [k, 2], interpolated between grid points."""
    import contourpy

    zero = [contourpy.contour_generator(axis, axis, each).lines(0) for each in margin]
    return cast("list[list[np.ndarray]]", zero)


def nearest(lines: list[np.ndarray], point: np.ndarray) -> np.ndarray:
    """The point of the polylines that is nearest to `point` [2]."""
    starts, ends = np.concatenate([line[:-1] for line in lines]), np.concatenate([line[1:] for line in lines])
    along = ends - starts
    t = np.clip(((point - starts) * along).sum(1) / np.maximum((along**2).sum(1), 1e-300), 0, 1)
    feet = starts + t[:, None] * along
    return feet[np.argmin(((feet - point) ** 2).sum(1))]


def theorem(p: np.ndarray) -> float:
    """The radius of the lecture's theorem from exact probabilities [3]: sigma/2 (Phi^-1(p_A) - Phi^-1(p_B))."""
    top, runner_up = np.sort(p)[::-1][:2]
    return SIGMA / 2 * (ndtri(top) - ndtri(runner_up))


def sampled(noisy: np.ndarray, exact: np.ndarray) -> pd.DataFrame:
    """Counts of f at the noisy copies [N, 2] and the bounds of each class, beside its exact probability.

    Each of the six bounds is allowed alpha / 6: all hold together with probability 1 - alpha, so that the winner may be read off
    the same counts.
    """
    counts = np.bincount(scores(*noisy.T).argmax(axis=0), minlength=len(CLASSES))
    level = ALPHA / (2 * len(CLASSES))
    columns = {"count": counts, "estimate": counts / len(noisy)}
    columns |= {side: bounds.clopper_pearson(counts, len(noisy), level, side=side) for side in ("lower", "upper")}
    return pd.DataFrame({"panel": "probabilities", "class": list(CLASSES), **columns, "exact": exact})


def radii(probabilities: pd.DataFrame, distance: float) -> pd.DataFrame:
    """The radius by samples, by exact probabilities (long and short form), the true one, and the level sets of the noise."""
    top, lower, upper = (probabilities[name].to_numpy() for name in ("count", "lower", "upper"))
    winner, exact = int(top.argmax()), probabilities.exact.to_numpy()
    from_samples = max(0, SIGMA / 2 * (ndtri(lower[winner]) - ndtri(np.delete(upper, winner).max())))
    series = {SAMPLED: from_samples, EXACT: theorem(exact), ONE_SIDED: SIGMA * ndtri(exact.max()), TRUE: distance}
    series |= {f"noise level set, {k} sigma (not a radius)": k * SIGMA for k in (1, 2, 3)}
    return pd.DataFrame({"panel": "radii", "series": list(series), "radius": list(series.values())})


def polylines(lines: dict[str, list[list[np.ndarray]]]) -> pd.DataFrame:
    """All boundaries as one frame."""
    parts = [
        pd.DataFrame({"panel": name, "class": colour, "line": i, "x": line[:, 0], "y": line[:, 1]})
        for name, classes in lines.items()
        for colour, own in zip(CLASSES, classes)
        for i, line in enumerate(own)
    ]
    return pd.concat(parts, ignore_index=True)


def plane(axis: np.ndarray, f_margin: np.ndarray, g_margin: np.ndarray) -> pd.DataFrame:
    """Margins of f and g at each grid point of the window."""
    x, y = np.meshgrid(axis, axis)
    grids = {f"{name} {c}": m for name, own in (("f", f_margin), ("g", g_margin)) for c, m in zip(CLASSES, own)}
    return pd.DataFrame({"x": x.ravel(), "y": y.ravel()} | {name: grid.ravel() for name, grid in grids.items()})


def checked(axis: np.ndarray, probability: np.ndarray, lines: list[list[np.ndarray]]) -> pd.DataFrame:
    """At every `EVERY`th grid point: the theorem's radius from exact probabilities, and the true radius of g.

    Only points whose nearest boundary is nearer than the edge of the window: beyond it the boundary is not computed.
    """
    rows = []
    for row in range(0, len(axis), EVERY):
        for column in range(0, len(axis), EVERY):
            point, p = np.array([axis[column], axis[row]]), probability[:, row, column]
            distance = np.linalg.norm(nearest(lines[int(p.argmax())], point) - point)
            if distance <= np.abs(axis).max() - np.abs(point).max():
                rows.append((*point, theorem(p), distance))
    return pd.DataFrame(rows, columns=["x", "y", "certified", "true"])


def here(frames: Frames) -> str:
    """What stands in for the lecture's picture."""
    return (
        f"**Here.** A toy of our own with {len(CLASSES)} classes (the source prints no formula for its picture), "
        f"$\\sigma$ = {SIGMA:g}, n = {N:,}, alpha = {ALPHA:g}, everything computed: the bars, their bounds, the "
        "certified disc, and the true radius of $g$, which is the distance to its decision boundary."
    )


def findings(frames: Frames) -> list[Finding]:
    """The theorem wherever it can be checked, the dashed lines, and how much of the true radius is certified."""
    radius = frames["radii"].set_index("series").radius
    return [_theorem(frames["checked"]), _dashed(frames["checked"]), *_at_the_point(frames, radius)]


def _theorem(checked: pd.DataFrame) -> Finding:
    """The least slack between the true radius and the theorem's, over all points."""
    slack = (checked.true - checked.certified).min()
    reason = (
        f"At {len(checked):,} points of the plane, with exact probabilities, the boundary of g lies at least "
        f"{slack:+.4f} beyond the theorem's radius (the boundary is known to {TOLERANCE:g}); the mean radii are "
        f"{checked.true.mean():.3f} and {checked.certified.mean():.3f}."
    )
    verdict = "holds" if slack > -TOLERANCE else "fails"
    ends = slack - TOLERANCE, slack + TOLERANCE
    return Finding("lecture-radius_guaranteed", verdict, reason, slack, *ends, "units of the plane, least slack")


def _dashed(checked: pd.DataFrame) -> Finding:
    """How often the disc at one sigma, the innermost dashed line, is free of other classes: a radius would always be."""
    beyond = (checked.true < SIGMA).mean()
    reason = (
        f"The innermost dashed line lies at sigma = {SIGMA:g}, whatever the classifier; the true radius of g is "
        f"between {checked.true.min():.3f} and {checked.true.max():.3f}, and smaller than sigma at {beyond:.0%} of "
        f"{len(checked):,} points."
    )
    verdict = "holds" if 0 < beyond else "fails"
    return Finding("lecture-level_sets_no_radius", verdict, reason, beyond, beyond, beyond, "share of points")


def _at_the_point(frames: Frames, radius: pd.Series) -> list[Finding]:
    """The bars and the radii of the picture."""
    bars, place = frames["probabilities"], frames["places"].iloc[0]
    inside = ((bars.lower <= bars.exact) & (bars.exact <= bars.upper)).sum()
    exact = ", ".join(f"{p:.3f} ({name})" for name, p in zip(bars["class"], bars.exact))
    return [
        observation(
            f"At the point ({place.x:.2f}, {place.y:.2f}) the exact probabilities are {exact}, and {inside} of "
            f"{len(bars)} lie within their bounds from n = {N:,}. The theorem turns them into R = "
            f"{radius[EXACT]:.3f}, the samples with their bounds into {radius[SAMPLED]:.3f}; sigma Phi^-1(p_A) alone "
            f"gives {radius[ONE_SIDED]:.3f}."
        ),
        observation(
            f"The boundary of g is {radius[TRUE]:.3f} away, {radius[TRUE] / radius[EXACT] - 1:.0%} further than the "
            "exact probabilities can promise, because the theorem must hold for the worst classifier that has these "
            "probabilities."
        ),
    ]


def draw(frames: Frames) -> Figure:
    """f with noisy copies, g with its radii, the bars."""
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 5.8), width_ratios=[1, 1, 0.8])
    (_, point), (_, foot) = frames["places"][["x", "y"]].iterrows()
    radius = frames["radii"].set_index("series").radius
    _draw_regions(left, frames["plane"], "f", point, "Base classifier f, and noisy copies of x")
    copies = frames["copies"]
    left.plot(copies.x, copies.y, ".", color="black", ms=2.5, alpha=0.7, label=f"{DOTS} of {N} noisy copies")
    _draw_regions(middle, frames["plane"], "g", point, "Smoothed classifier g, and its radius at x")
    _draw_radii(middle, radius, point)
    middle.plot([point.x, foot.x], [point.y, foot.y], color="black", lw=1.2)
    for axis in (left, middle):
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=1)
    _draw_bars(right, frames["probabilities"])
    return figure


def _circle(point: pd.Series, radius: float) -> np.ndarray:
    """The circle of that radius around the point, as two rows of coordinates."""
    angle = np.linspace(0, 2 * np.pi, 361)
    return point.to_numpy()[:, None] + radius * np.stack([np.cos(angle), np.sin(angle)])


def _draw_regions(axis: Axes, plane: pd.DataFrame, name: str, point: pd.Series, title: str) -> None:
    """Tint the plane by class, draw the boundaries, the point and the level sets of the noise around it."""
    side = plane.x.nunique()
    x = plane.x.to_numpy()[:side]
    for c, color in CLASSES.items():
        margin = plane[f"{name} {c}"].to_numpy().reshape(side, side)
        axis.contourf(x, x, margin, levels=[0, np.inf], colors=[color], alpha=0.35)
        axis.contour(x, x, margin, levels=[0], colors="white", linewidths=1.2)
    for k in (1, 2, 3):
        label = r"noise at 1, 2, 3 $\sigma$: NOT a radius" if k == 1 else None
        axis.plot(*_circle(point, k * SIGMA), ls="--", lw=1, color="0.35", label=label)
    axis.plot(*point, "o", color="black", ms=6, zorder=5, label="the point x")
    axis.grid(False)
    limits = (-HALF_WIDTH, HALF_WIDTH)
    axis.set(title=title, aspect="equal", xlim=limits, ylim=limits)
    axis.set(xlabel="toy plane, first coordinate", ylabel="second coordinate")


def _draw_radii(axis: Axes, radius: pd.Series, point: pd.Series) -> None:
    true, exact, from_samples = radius[TRUE], radius[EXACT], radius[SAMPLED]
    axis.plot(*_circle(point, true), color="black", lw=2.2, label=f"true radius of g: {true:.3f}")
    axis.plot(*_circle(point, exact), color="#D55E00", ls=":", lw=2.2, label=f"certified, exact p: {exact:.3f}")
    disc = _circle(point, from_samples)
    axis.fill(*disc, color="#D55E00", alpha=0.45, lw=0, label=f"certified, n = {N}: {from_samples:.3f}")


def _draw_bars(axis: Axes, bars: pd.DataFrame) -> None:
    arms = [bars.estimate - bars.lower, bars.upper - bars.estimate]
    places = range(len(bars))
    axis.bar(bars["class"], bars.estimate, color=list(CLASSES.values()), alpha=0.6)
    look: dict = {"fmt": "none", "color": "black", "capsize": 6}
    axis.errorbar(places, bars.estimate, arms, label=f"Clopper-Pearson bounds, n = {N}", **look)
    axis.plot(places, bars.exact, "D", color="#D55E00", ms=5, label="exact (grid)")
    axis.axhline(0.5, color="0.5", lw=1, ls="--", label="1/2 (CERTIFY abstains below)")
    axis.grid(axis="x", visible=False)
    axis.set(title=r"Class probabilities of f at $x + \epsilon$", ylim=(0, 1), xlabel="class", ylabel="probability")
    axis.legend(loc="upper right")
