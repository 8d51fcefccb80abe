"""Numbers of idrs/shrinking: the regions of a ball and a quadrant; the accuracy of each class, and its spread."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from resmooth.exhibits.idrs import _levels
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats import spread
from resmooth.stats.intervals import Estimate, bootstrap_se
from resmooth.theory import regions

DIMS = (2, 64, 3072)
DRAWS = 2000  # of the bootstrap, and of labels shuffled
MANY = 100  # images of each class, from which on a loss alike is told from another
INSIDE = (0.2, 0.4, 0.6, 0.8)  # levels, in units of the disc's radius
LOGS = "CIFAR-10, ResNet-110"  # the one series of logs drawn
CIFAR = "airplane automobile bird cat deer dog frog horse ship truck".split()


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
