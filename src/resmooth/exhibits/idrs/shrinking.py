"""Shrinking decision regions and uneven classes.

The phenomenon for a ball and a quadrant, exactly (`resmooth.theory.regions`); then the accuracy of each class over sigma,
abstentions counted as errors, and its spread, the standard deviation over the classes, on the images that all levels share. This
run's first network, and the logs of Salman et al. 2019, which have many images. Images are drawn within each class, the networks
fixed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs import _levels
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats import spread
from resmooth.stats.decisions import decide
from resmooth.stats.intervals import Estimate, bootstrap_se
from resmooth.theory import regions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from numpy.typing import ArrayLike

    from resmooth.plan import Run

DIMS = (2, 64, 3072)
DRAWS = 2000  # of the bootstrap, and of labels shuffled
MANY = 100  # images of each class, from which on a loss alike is told from another
INSIDE = (0.2, 0.4, 0.6, 0.8)  # levels, in units of the disc's radius
LOGS = "CIFAR-10, ResNet-110"  # the one series of logs drawn
CIFAR = "airplane automobile bird cat deer dog frog horse ship truck".split()


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of one network at each level, and the published logs."""
    return _levels.needs(run)


def compute(run: Run) -> Frames:
    """balls, disc, quadrant: theory; images, classes, spread: the run and the logs. See the functions below."""
    series = _levels.own(run)
    if logs := _levels.published(run, _levels.SALMAN).get(LOGS):
        series[f"{LOGS}: logs of Salman et al."] = logs
    images = pd.concat([right(each, source) for source, each in series.items()], ignore_index=True)
    return {
        "balls": balls(),
        "disc": disc(),
        "quadrant": pd.concat([quadrant(sigma) for sigma in INSIDE], ignore_index=True),
        "images": images,
        "classes": pd.concat([classes(images, source) for source in series], ignore_index=True),
        "spread": spreads(images),
    }


def balls() -> pd.DataFrame:
    """Radius of the smoothed region of a ball of radius 1 over sigma, for each dimension, up to where it is gone."""
    least = 0.05 * regions.vanishes(max(DIMS))
    near = 1 - np.append(np.geomspace(0.05, 1e-3, 12), 0)  # close to the end the radius falls ever faster
    rows = []
    for dim in DIMS:
        gone = regions.vanishes(dim)
        first = np.geomspace(least / gone, 0.25, 12)
        for sigma in gone * np.concatenate([first, np.linspace(0.3, 0.94, 30), near]):
            rows.append({"part": "ball", "dim": dim, "sigma": sigma, "value": regions.ball_radius(sigma, dim)})
    return pd.DataFrame(rows)


def disc() -> pd.DataFrame:
    """Radius of the region of the unit disc at some levels, and the accuracy there of A's images, spread evenly over the disc."""
    radii = np.array([regions.ball_radius(sigma, 2) for sigma in INSIDE])
    return pd.DataFrame({"part": "disc", "sigma": INSIDE, "value": radii, "accuracy of A [%]": 100 * radii**2})


def quadrant(sigma: float) -> pd.DataFrame:
    """The edge of the region of the quadrant, in the plane."""
    x, y = regions.quadrant_edge(sigma)
    return pd.DataFrame({"sigma": sigma, "x": x, "y": y})


def right(series: _levels.Series, source: str) -> pd.DataFrame:
    """Whether each image that all levels have is classified right, abstentions as errors: long, by level and image."""
    good = {
        sigma: ((frame.correct == 1) & (frame.predict >= 0)).set_axis([frame.label, frame.idx])
        for sigma, frame in sorted(series.items())
    }
    shared = pd.DataFrame(good).dropna().astype(bool)
    return shared.rename_axis(columns="sigma").stack().rename("right").reset_index().assign(source=source)


def wide(images: pd.DataFrame, source: str) -> pd.DataFrame:
    """Images (index: label, idx) of one source by level."""
    return images[images.source == source].pivot(index=["label", "idx"], columns="sigma", values="right")


def classes(images: pd.DataFrame, source: str) -> pd.DataFrame:
    """Accuracy of each class at each level of one source, with the Clopper-Pearson interval; `name`: what the class is called."""
    part, rows = wide(images, source), []
    sizes = part.groupby(level=0).size()
    for (label, sigma), hits in part.groupby(level=0).sum().stack().items():
        low, high = clopper_pearson(hits, sizes[label], 0.05, side="both")
        row = {"part": "class", "source": source, "sigma": sigma, "class": label, "images": sizes[label]}
        row |= dict(zip(("value", "low", "high"), 100 * np.array([hits / sizes[label], low, high])))
        rows.append(row | {"name": CIFAR[label] if source.startswith(LOGS) else f"class {label}"})
    return pd.DataFrame(rows)


def spreads(images: pd.DataFrame) -> pd.DataFrame:
    """Spread of the class accuracies of each source at each level; no row where fewer than two classes have two images.

    chance     mean, and 95 % quantile, of what the images' split into classes alone would give (their labels shuffled);
               p: how rarely that is as much as `observed`
    value      of the true accuracies, as a standard deviation: from the observed variance less what chance adds, unbiased
    rise       the variance of `value` minus that at the smallest sigma, in squared points
    alike      the spread that classes would have, had they lost alike in log-odds from the smallest sigma on; excess: `observed`
               minus that. Only where each class has `MANY` images

    Points of accuracy; intervals from the bootstrap's standard error, images paired between levels, half an image added to
    each cell.
    """
    generator = np.random.default_rng(0)
    rows = [row for source in images.source.unique() for row in _spreads(source, wide(images, source), generator)]
    return pd.DataFrame(rows, columns=None if rows else ["part", "source", "sigma"])


def _spreads(source: str, images: pd.DataFrame, generator: np.random.Generator) -> Iterator[dict]:
    """A row for each level of one source."""
    sizes = images.groupby(level=0).size()
    images = images[images.index.get_level_values(0).isin(sizes.index[sizes > 1])]
    labels, n = images.index.get_level_values(0).to_numpy(), sizes[sizes > 1].to_numpy()
    accuracy = {sigma: images[sigma].groupby(labels).mean().to_numpy() for sigma in images if len(n) > 1}
    many = len(n) > 1 and n.min() >= MANY and all(0 < each.min() and each.max() < 1 for each in accuracy.values())
    base = images.columns[0]
    for sigma, now in accuracy.items():
        seen = spread.observed(now)
        chance = spread.observed(spread.by_chance(n, int(images[sigma].sum()), DRAWS, generator))
        row = {"part": "spread", "source": source, "sigma": sigma, "classes": len(n), "images": len(images)}
        row |= {"accuracy": 100 * images[sigma].mean(), "observed": 100 * seen, "chance": 100 * chance.mean()}
        row |= {"chance, 95 %": 100 * np.quantile(chance, 0.95), "p": spread.exceedance(float(seen), chance)}
        before, after = spread.resampled(images[base], images[sigma], labels, DRAWS, generator, added=0.5)
        variance, sampled = spread.true_variance(now, n), spread.true_variance(after, n)
        row |= Estimate(*(100 * np.sqrt(np.maximum(0, bootstrap_se(variance, sampled)))))._asdict()
        if sigma != base:
            rise = variance - spread.true_variance(accuracy[base], n)
            row |= _named("rise", bootstrap_se(rise, sampled - spread.true_variance(before, n)).times(1e4))
        if sigma != base and many:
            alike = spread.lost_alike(accuracy[base], now)
            excess = spread.observed(after) - spread.lost_alike(before.clip(0.5 / n, 1 - 0.5 / n), after)
            row |= {"alike": 100 * alike} | _named("excess", bootstrap_se(seen - alike, excess).times(100))
        yield row


def _named(name: str, estimate: Estimate) -> dict:
    return dict(zip((name, f"{name} low", f"{name} high"), estimate))


def table(frames: Frames) -> pd.DataFrame:
    """Theory, then classes, then their spread."""
    theory = [frames["balls"], frames["disc"].drop(columns="accuracy of A [%]")]
    uneven = [part for part in (frames["classes"].drop(columns="name"), frames["spread"]) if len(part)]
    return pd.concat([*theory, *uneven], ignore_index=True)


def here(frames: Frames) -> str:
    """Images and classes of the run and of the logs."""
    counted = [
        f"{source}, {part.idx.nunique():,} images of {part.label.nunique()} classes"
        for source, part in frames["images"].groupby("source", sort=False)
    ]
    text = "; ".join(counted) + ". One network for each sigma, certified with its own noise."
    return text[0].upper() + text[1:] + _levels.absent(counted)


def findings(frames: Frames) -> list[Finding]:
    """Regions, exactly; unequal classes on this run, beyond chance and growing; what each source shows."""
    uneven, own = frames["spread"], frames["images"].source.iloc[0]
    found = [_region(frames["balls"]), *_unequal(uneven[uneven.source == own])]
    found += [observation(_cone(frames)), *map(observation, _in_words(frames))]
    return [
        *found,
        observation(
            "Not shown by accuracies: the regions themselves. A class may lose since its region shrinks, since its images are "
            "harder under noise, or since the network learned it worse there; one network stands for each sigma. The source "
            "prints no number to compare with."
        ),
    ]


def _region(balls: pd.DataFrame) -> Finding:
    """A bounded region: smaller at each larger sigma, and at last gone. Exact, so without an interval."""
    ends = {dim: (part.sigma.max(), part.value.iloc[-1]) for dim, part in balls.groupby("dim")}
    shrinks = all((np.diff(part.value) < 0).all() for _, part in balls.groupby("dim"))
    verdict = "holds" if shrinks and all(last == 0 for _, last in ends.values()) else "fails"
    gone = "; ".join(f"{sigma:.4g} a in {dim:,} dimensions" for dim, (sigma, _) in ends.items())
    reason = (
        "Computed, no estimate: the region of a ball of radius a is a ball that becomes smaller with every larger sigma tried, "
        f"and is gone at {gone}. Real decision regions are no balls, and how large sigma is beside them is not known from this."
    )
    plane = ends[min(ends)][0]
    return Finding("idrs-shrinking_region", verdict, reason, plane, plane, plane, "a")


def _unequal(uneven: pd.DataFrame) -> list[Finding]:
    """Whether classes differ beyond chance at the largest sigma of this run, and by more than at the smallest."""
    claims = "idrs-unequal_classes", "idrs-unfairness_grows"
    if uneven.empty:
        reason = "No two classes have two images each in this run: a spread cannot be told from chance."
        return [Finding(claim, "not resolved", reason) for claim in claims]
    first, last = uneven.iloc[0], uneven.iloc[-1]
    about = f"{last.images} images of {last.classes} classes, one network for each sigma"
    true = Estimate(last.value, last.low, last.high)
    reason = (
        f"At sigma {last.sigma:g} the accuracies of the classes have a standard deviation of {last.observed:.1f} points, where "
        f"chance alone gives {last.chance:.1f} on average (as much: p = {last.p:.2g}); without chance {true.value:.1f} "
        f"({true.low:.1f} to {true.high:.1f}; {about})."
    )
    found = [Finding(claims[0], decide(true, "above"), reason, *true, "points")]
    if len(uneven) == 1:
        return [*found, Finding(claims[1], "not resolved", "This run has one level of sigma: no spread can grow.")]
    rise = Estimate(last["rise"], last["rise low"], last["rise high"])
    reason = (
        f"From sigma {first.sigma:g} to {last.sigma:g} the variance of the true accuracies over the classes changes by "
        f"{rise.value:+.0f} squared points ({rise.low:+.0f} to {rise.high:+.0f}), their standard deviation from "
        f"{first.value:.1f} to {last.value:.1f} points ({about}, paired)."
    )
    return [*found, Finding(claims[1], decide(rise, "above"), reason, *rise, "squared points")]


def _cone(frames: Frames) -> str:
    """The unbounded region, and two radii of the bounded one, in words."""
    at = frames["disc"].set_index("sigma").value
    return (
        f"In the plane a disc's region has radius {at[0.4]:.2f} a at sigma = 0.4 a and {at[0.8]:.2f} a at 0.8 a. A quadrant's, "
        f"unbounded, is drawn back by {regions.CORNER * math.sqrt(2):.3f} sigma along its diagonal and never gone; a "
        "half-plane's stays."
    )


def _in_words(frames: Frames) -> list[str]:
    """What the spread of each source shows: a text, and a second one where a loss alike was computed."""
    texts = []
    for source, part in frames["spread"].groupby("source", sort=False):
        name = source.split(":")[0]
        values = [
            f"sigma {row.sigma:g}: {row.observed:.1f} (chance alone {row.chance:.1f} on average; true {row.value:.1f}, "
            f"{row.low:.1f} to {row.high:.1f})"
            for row in part.itertuples()
        ]
        more = [f"{row.sigma:g}" for row in part.itertuples() if row.p < 0.05]
        text = f"{name[0].upper() + name[1:]}: spread in points, {'; '.join(values)}. "
        text += (
            f"More than chance, at 5 %, at sigma {', '.join(more)}." if more else "Nowhere more than chance, at 5 %."
        )
        if len(part) > 1:
            text += _change(part, frames["classes"][frames["classes"].source == source])
        texts += [text, *_alike(part.iloc[0], part.iloc[-1], name)]
    return texts


def _change(part: pd.DataFrame, each: pd.DataFrame) -> str:
    """The change of the true variance of one source, and its worst and best class at the largest sigma."""
    first, last = part.iloc[0], part.iloc[-1]
    resolved = "is not resolved" if last["rise low"] <= 0 <= last["rise high"] else "is resolved"
    ends = each[each.sigma == last.sigma].sort_values("value", kind="stable")
    worst, best = (
        f"{row['name']}, {row.value:.0f} % ({row.low:.0f} to {row.high:.0f} %)"
        for _, row in ends.iloc[[0, -1]].iterrows()
    )
    return (
        f" The change of the true variance from sigma {first.sigma:g} to {last.sigma:g} {resolved} ({last['rise']:+.0f} squared "
        f"points, {last['rise low']:+.0f} to {last['rise high']:+.0f}). At sigma {last.sigma:g} the classes reach from "
        f"{worst}, to {best}."
    )


def _alike(first: pd.Series, last: pd.Series, name: str) -> list[str]:
    """How much of the spread a loss alike in log-odds explains; nothing where that was not computed."""
    if not last.get("alike", math.nan) > 0:
        return []
    more = "not resolved" if last["excess low"] <= 0 <= last["excess high"] else "resolved"
    return [
        f"But overall accuracy falls there ({name}) from {first.accuracy:.0f} to {last.accuracy:.0f} %. If all classes had "
        f"lost alike in log-odds, the spread would have gone from {first.observed:.1f} to {last.alike:.1f} points by that "
        f"alone, so that much needs no region that shrinks more than others. Observed beyond it: {last.excess:+.1f} points "
        f"({last['excess low']:+.1f} to {last['excess high']:+.1f}), {more}."
    ]


def draw(frames: Frames) -> Figure:
    """Above, theory: a disc, a quadrant, balls; below, the accuracy of each class over sigma, and its spread."""
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12.5, 8.6))
    above, below = figure.subfigures(2, 1, squeeze=False).flat
    _draw_theory(above, frames)
    names = list(frames["classes"].source.unique())
    *panels, last = below.subplots(1, len(names) + 1)
    for source, axis in zip(names, panels):
        _draw_classes(axis, frames["classes"], source, wide(frames["images"], source))
    panels[0].set_ylabel("accuracy of each class [%]")
    _draw_spread(last, frames["spread"], names, sorted(frames["images"].sigma.unique()))
    cast("ConstrainedLayoutEngine", figure.get_layout_engine()).set(w_pad=0.08)
    return figure


def _draw_theory(figure: SubFigure, frames: Frames) -> None:
    """What smoothing leaves of three regions."""
    import matplotlib.pyplot as plt

    disc, quadrant, balls = figure.subplots(1, 3)
    gone = frames["balls"].groupby("dim").sigma.max()
    inside = dict(zip(frames["disc"].sigma, frames["disc"].value))
    shades = dict(zip(inside, plt.get_cmap("viridis")(np.linspace(0.85, 0, len(inside)))))
    disc.add_patch(plt.Circle((0, 0), 1, fc="0.93", ec="black", lw=1.4))
    quadrant.fill_between([0, 2.2], 2.2, color="0.93", lw=0)
    quadrant.plot([0, 0, 2.2], [2.2, 0, 0], color="black", lw=1.4, label="base classifier")
    for s, edge in frames["quadrant"].groupby("sigma"):
        disc.add_patch(plt.Circle((0, 0), inside[s], fc="none", ec=shades[s], lw=1.8))
        quadrant.plot(edge.x, edge.y, color=shades[s], lw=1.8, label=f"$\\sigma$ = {s:g} a")
    disc.plot(0, 0, "+", color="black", ms=7)
    disc.set(title=f"A disc: gone at $\\sigma$ = {gone[2]:.3f} a", xlim=(-1.12, 1.12), ylim=(-1.12, 1.12))
    quadrant.set(title="A quadrant: drawn back, never gone", xlim=(-0.12, 2.12), ylim=(-0.12, 2.12))
    quadrant.legend(loc="upper right", frameon=True, edgecolor="none", framealpha=1, fontsize=8)
    for axis in (disc, quadrant):
        axis.set(aspect="equal", xlabel="$x_1$ / a", ylabel="$x_2$ / a")
    for i, (dim, part) in enumerate(frames["balls"].groupby("dim")):
        balls.plot(part.sigma, part.value, color=f"C{i}", label=f"N = {dim}: gone at {gone[dim]:.3f} a")
    balls.set(
        title="A ball in N dimensions: radius of its region", xscale="log", xlabel="$\\sigma$ / a", ylim=(0, 1.32)
    )
    balls.set_ylabel("radius / a")
    balls.legend(loc="upper right", fontsize=8)


def _draw_classes(axis: Axes, each: pd.DataFrame, source: str, images: pd.DataFrame) -> None:
    """The accuracy of every class of one source over sigma; their names at the end where there are few."""
    levels, each = list(images.columns), each[each.source == source]
    x, part = np.arange(len(levels)), each.pivot(index="class", columns="sigma", values="value")
    few = len(part) <= 20
    for i, line in enumerate(part.to_numpy()):
        look = {"color": f"C{i % 7}", "ls": ("-", "--", ":")[i // 7 % 3]} if few else {"color": "0.7", "lw": 0.5}
        axis.plot(x, line, marker="o", ms=3, **look)
    axis.plot(x, 100 * images.mean(), "o-", ms=5, color="black", lw=2.6, label="all images")
    names = each.drop_duplicates("class").set_index("class").name.loc[part.index].str.removeprefix("class ")
    ends = part[levels[-1]]
    for i, (name, end, y) in enumerate(zip(names, ends, apart(ends, 5.2)) if few else []):
        arrow: dict[str, Any] = {"arrowstyle": "-", "lw": 0.6, "color": f"C{i % 7}", "shrinkA": 0, "shrinkB": 0}
        place: dict[str, Any] = {
            "textcoords": ("axes fraction", "data"),
            "va": "center",
            "fontsize": 8,
            "color": f"C{i % 7}",
        }
        axis.annotate(name, (x[-1], end), (1.03, y), arrowprops=arrow, **place)
    axis.set_xticks(x, [f"{s:g}" for s in levels])
    axis.set(title=source.replace(": ", "\n"), xlabel="$\\sigma$", ylim=(-2, 102), xlim=(-0.2, max(0.2, x[-1] + 0.12)))
    axis.legend(loc="lower left")


def _draw_spread(axis: Axes, uneven: pd.DataFrame, names: list[str], levels: list[float]) -> None:
    """The spread over the classes: observed, by chance, true, and after a loss alike."""
    from matplotlib.lines import Line2D

    for i, (_, part) in enumerate(uneven.groupby("source", sort=False)):
        x = np.array([levels.index(s) for s in part.sigma]) + 0.2 * (i - (len(names) - 1) / 2)
        axis.plot(x, part["chance, 95 %"], "_", ms=15, mew=1.6, color=f"C{i}")
        axis.plot(x - 0.04, part.observed, "o", ms=6, mfc="none", color=f"C{i}")
        axis.errorbar(
            x + 0.04, part.value, style.whiskers(part.value, part.low, part.high), fmt="o", ms=4, lw=1.2, color=f"C{i}"
        )
        if "alike" in part:
            axis.plot(x, part.alike, "x", ms=6, mew=1.4, color="black")
    axis.set_xticks(range(len(levels)), [f"{s:g}" for s in levels])
    axis.set(title="Spread over the classes", xlabel="$\\sigma$", xlim=(-0.5, len(levels) - 0.5))
    axis.set_ylabel("standard deviation [points]")
    if len(uneven):
        kinds: dict[str, dict[str, Any]] = {
            "chance alone, 95 % below": {"marker": "_", "ms": 13},
            "observed": {"marker": "o", "mfc": "none"},
        }
        kinds |= {"true, with 95 % interval": {"marker": "o", "ms": 4}}
        kinds |= {"if all classes lost alike": {"marker": "x"}} if "alike" in uneven else {}
        handles = [Line2D([], [], color=f"C{i}", lw=5, label=name.split(":")[0]) for i, name in enumerate(names)]
        handles += [Line2D([], [], color="0.2", ls="none", label=name, **look) for name, look in kinds.items()]
        axis.set_ylim(-0.02 * uneven.high.max(), 1.75 * max(uneven.observed.max(), uneven.high.max(), 1))
        axis.legend(handles=handles, loc="upper left", fontsize=8)


def apart(values: ArrayLike, gap: float) -> np.ndarray:
    """Positions near `values` [N], in the same order and at least `gap` from each other: for labels."""
    values = np.asarray(values, dtype=float)
    order = np.argsort(values, kind="stable")
    offset = gap * np.arange(len(values))
    free = values[order] - offset
    placed = np.empty(len(values))
    placed[order] = (np.maximum.accumulate(free) + np.minimum.accumulate(free[::-1])[::-1]) / 2 + offset
    return placed
