"""Robustness against accuracy over sigma.

What a larger constant sigma costs in clean accuracy (of the smoothed classifier, at r = 0, abstentions counted as errors), and
what it gives in average certified radius (ACR, over all images) and in certified accuracy at single radii. This run's first
network, and the logs of Cohen et al. 2019, brought to one alpha. Images are a random sample, the networks fixed; levels are
paired by image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from resmooth.audit.checks import at_alpha, radius_ceiling
from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.idrs import _levels
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.decisions import every, in_words
from resmooth.stats.intervals import Estimate, paired_mean, paired_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

RADII = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)  # of certified accuracy, in units of the [0, 1] image
ACR, ACCURACY, CLEAN = "ACR over all", "certified accuracy [%]", "clean accuracy [points]"
STEP_COLUMNS = ["source", "smaller", "sigma", "metric", "value", "low", "high", "verdict", "part"]
KINDS = {
    ("falls", "rises"): "a trade-off, accuracy for radius",
    ("falls", "falls"): "a loss of both",
    ("rises", "rises"): "a gain of both",
    ("falls", "not resolved"): "accuracy lost, a gain in ACR not resolved",
    ("not resolved", "rises"): "ACR gained, a loss of accuracy not resolved",
}


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of one network at each level, and the published logs."""
    return _levels.needs(run)


def compute(run: Run) -> Frames:
    """images: the radius that counts for each image, by level; series, values, overview, steps: see the functions below."""
    images, about = [], []
    for source, series in _levels.own(run).items():
        some = next(iter(series.values()))
        images.append(reached(series, source, int(some.n.max()), float(some.alpha.max())))
        about.append(sizes(source, series, images[-1], ""))
    for name, series in _levels.published(run, _levels.COHEN).items():
        alike, changed = at_one_alpha(series)
        images.append(reached(alike, f"{name}: logs of Cohen et al.", _levels.N, _levels.ALPHA))
        about.append(sizes(name, alike, images[-1], changed))
    images = pd.concat(images, ignore_index=True)
    values = shares_and_acr(images)
    return {
        "images": images,
        "series": pd.DataFrame(about),
        "values": values,
        "overview": overview(values),
        "steps": steps(images),
    }


def at_one_alpha(series: _levels.Series) -> tuple[_levels.Series, str]:
    """The logs of a series as the same counts read at the paper's alpha, and in words which were made at a larger one."""
    made, alike, changed = _levels.alphas(series), {}, []
    for sigma, log in series.items():
        alpha, told = made.loc[sigma]
        larger = alpha > _levels.ALPHA
        alike[sigma] = at_alpha(log, sigma, _levels.N, alpha, _levels.ALPHA) if larger else log
        changed += [f"sigma {sigma:g} from {alpha:g}{'' if told else ' (not told)'}"] if larger else []
    return alike, ", ".join(changed)


def reached(series: _levels.Series, source: str, n: int, alpha: float) -> pd.DataFrame:
    """The radius that counts for each image that all levels have, -1 where it is wrong or abstains: long, by level and image."""
    counted = {
        sigma: pd.Series(np.where((frame.correct == 1) & (frame.predict >= 0), frame.radius, -1.0), frame.idx)
        for sigma, frame in sorted(series.items())
    }
    wide = pd.DataFrame(counted).dropna().rename_axis(index="idx", columns="sigma")
    long = wide.T.stack().rename("reached").reset_index()
    return long.assign(source=source, n=n, alpha=alpha)


def sizes(name: str, series: _levels.Series, images: pd.DataFrame, changed: str) -> dict:
    """How many images of a series count, of how many; and which of its logs were brought to another alpha."""
    row = {"name": name, "source": images.source.iloc[0], "images": images.idx.nunique()}
    row |= {"of": max(map(len, series.values())), "n": images.n.iloc[0], "alpha": images.alpha.iloc[0]}
    return row | {"changed": changed}


def wide(images: pd.DataFrame, source: str) -> pd.DataFrame:
    """The radii of one source: images by levels, ascending."""
    return images[images.source == source].pivot(index="idx", columns="sigma", values="reached")


def shares_and_acr(images: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy at RADII (Clopper-Pearson interval) and ACR (t interval), for each source and level.

    Beyond the ceiling sigma Phi^-1(alpha^(1/n)) certified accuracy is 0 for certain.
    """
    rows = []
    for (source, sigma, n, alpha), part in images.groupby(["source", "sigma", "n", "alpha"], sort=False):
        radii = part.reached.to_numpy()
        about = {"source": source, "sigma": sigma, "images": len(radii)}
        for r in RADII:
            held = int((radii >= r).sum())
            low, high = clopper_pearson(held, len(radii), 0.05, side="both")
            if r > radius_ceiling(sigma, n, alpha):
                high = 0.0
            shares = dict(zip(("value", "low", "high"), 100 * np.array([held / len(radii), low, high])))
            rows.append(about | {"metric": ACCURACY, "radius": r} | shares)
        rows.append(about | {"metric": ACR} | paired_mean(radii.clip(min=0))._asdict())
    return pd.DataFrame(rows).assign(part="value")


def overview(values: pd.DataFrame) -> pd.DataFrame:
    """`values` for reading: a row for each source and level, intervals in brackets."""
    entries = [
        f"{row.value:.3f} ({row.low:.3f} to {row.high:.3f})"
        if row.metric == ACR
        else f"{row.value:.1f} ({row.low:.1f} to {row.high:.1f})"
        for row in values.itertuples()
    ]
    names = ["clean accuracy [%]" if r == 0 else ACR if np.isnan(r) else f"r = {r:g} [%]" for r in values.radius]
    shown = values.assign(entry=entries, column=names).pivot(
        index=["source", "sigma"], columns="column", values="entry"
    )
    order = ["clean accuracy [%]", ACR, *[name for name in dict.fromkeys(names) if name.startswith("r =")]]
    rows = pd.MultiIndex.from_frame(values[["source", "sigma"]].drop_duplicates())
    return shown.loc[rows, order].rename_axis(columns=None).reset_index()


def pairs(images: pd.DataFrame, source: str) -> dict[tuple[float, float], tuple[pd.Series, pd.Series]]:
    """(smaller, larger) of neighbouring levels of one source -> radii on the same images: (of the larger, of the smaller)."""
    radii = wide(images, source)
    return {(one, other): (radii[other], radii[one]) for one, other in zip(radii.columns, radii.columns[1:])}


def clean(larger: pd.Series, smaller: pd.Series, level: float = 0.95) -> Estimate:
    """Clean accuracy at the larger level less that at the smaller, in points."""
    return paired_shares(larger >= 0, smaller >= 0, level).times(100)


def certified(larger: pd.Series, smaller: pd.Series, level: float = 0.95) -> Estimate:
    """ACR at the larger level less that at the smaller."""
    return paired_mean(larger.clip(lower=0) - smaller.clip(lower=0), level)


def steps(images: pd.DataFrame) -> pd.DataFrame:
    """What changes from each level to the next larger one, and whether it rises, falls or is not resolved."""
    rows = []
    for source in images.source.unique():
        for (smaller, sigma), pair in pairs(images, source).items():
            for metric, estimate in ((CLEAN, clean(*pair)), (ACR, certified(*pair))):
                about = {"source": source, "smaller": smaller, "sigma": sigma, "metric": metric}
                verdict = {1: "rises", -1: "falls", 0: "not resolved"}[cast("int", estimate.sign())]
                rows.append(about | estimate._asdict() | {"verdict": verdict, "part": "step"})
    return pd.DataFrame(rows, columns=STEP_COLUMNS)


def table(frames: Frames) -> pd.DataFrame:
    """Values, then steps."""
    values, moves = frames["values"], frames["steps"]
    return pd.concat([values, *[moves] * (len(moves) > 0)], ignore_index=True)


def here(frames: Frames) -> str:
    """Images, n and alpha of the run and of the logs."""
    own, *others = frames["series"].itertuples()
    counted = "; ".join(
        f"{row.source}, {row.images} images" + f" of {row.of}" * (row.images < row.of) for row in (own, *others)
    )
    text = f"{counted[0].upper() + counted[1:]}. The run has n = {own.n:,} and alpha = {own.alpha:g}"
    if others:
        text += f", the logs n = {_levels.N:,} and alpha = {_levels.ALPHA:g}"
    if notes := "; ".join(f"{row.name}: {row.changed}" for row in others if row.changed):
        text += f" (brought to it: {notes})"
    text += ". Radii are in units of the [0, 1] image."
    return text + _levels.absent(frames["series"].source)


def findings(frames: Frames) -> list[Finding]:
    """Accuracy lost and radii gained from level to level on this run; then what each source shows."""
    images, sources = frames["images"], list(frames["series"].source)
    found = _tradeoff(pairs(images, sources[0]), images)
    found += [observation(_in_words(frames, source)) for source in sources]
    kinds = [kind for source in sources for *_, kind in _kinds(frames["steps"], source)]
    if kinds:
        tally = "; ".join(f"{kind} ({count})" for kind, count in pd.Series(kinds, dtype=object).value_counts().items())
        text = f"Steps to a larger sigma, all sources: {tally}."
        if KINDS["falls", "falls"] in kinds:
            text += " Where both fall, the votes lost outweigh the larger sigma: no radius is bought there, on average."
        found.append(observation(text))
    return [
        *found,
        observation(
            "Not resolved: steps marked so; and the luck of a training run, since one network stands for each sigma and the "
            "intervals are over images. ACR also depends on n: a larger n would raise it most where many images are at their "
            "ceiling, at small sigma (exhibit `waterfalls`). The slides' picture itself was not available: its data and levels "
            "are not compared."
        ),
    ]


def _tradeoff(steps_here: dict, images: pd.DataFrame) -> list[Finding]:
    """The two sides of the trade-off, at every step of this run."""
    claims = "idrs-tradeoff_accuracy", "idrs-tradeoff_radius"
    if not steps_here:
        return [
            Finding(claim, "not resolved", "This run has one level of sigma: there is no step.") for claim in claims
        ]
    about = f"{len(next(iter(steps_here.values()))[0])} images, paired; one network for each sigma"
    lost = every(steps_here, "below", clean)
    values = "; ".join(f"{a:g} to {b:g} {in_words(clean(*pair))}" for (a, b), pair in steps_here.items())
    reason = f"Clean accuracy in points, from sigma {values} ({about})."
    found = [Finding(claims[0], lost.verdict, reason, *lost.estimate, "points")]
    n, alpha = images.n.iloc[0], images.alpha.iloc[0]
    ceilings = {sigma: radius_ceiling(sigma, n, alpha) for sigma, _ in steps_here}
    beyond = {(a, b): larger > ceilings[a] * (1 + 1e-9) for (a, b), (larger, _) in steps_here.items()}
    gained = every(beyond, "above", _levels.share)
    values = "; ".join(
        f"sigma {b:g} {in_words(_levels.share(each), '.0f', ' %')} beyond {ceilings[a]:.3f}, the ceiling of {a:g}"
        for (a, b), each in beyond.items()
    )
    reason = f"Images certified where the smaller sigma can certify none: {values} ({about})."
    return [*found, Finding(claims[1], gained.verdict, reason, *gained.estimate, "% of images")]


def _kinds(moves: pd.DataFrame, source: str) -> Iterator[tuple]:
    """(smaller, larger, row of clean accuracy, row of ACR, what they make together) of each step of a source."""
    for (smaller, larger), pair in moves[moves.source == source].groupby(["smaller", "sigma"]):
        accuracy, acr = pair.itertuples()
        kind = f"accuracy {accuracy.verdict}, ACR {acr.verdict}"
        yield smaller, larger, accuracy, acr, KINDS.get((accuracy.verdict, acr.verdict), kind)


def _in_words(frames: Frames, source: str) -> str:
    """All steps of one source, and which level certifies most at which radius."""
    name, radii = source.split(":")[0], wide(frames["images"], source)
    parts = [
        f"{smaller:g} to {larger:g} {accuracy.value:+.1f} points ({accuracy.low:+.1f} to {accuracy.high:+.1f}) and ACR "
        f"{acr.value:+.3f} ({acr.low:+.3f} to {acr.high:+.3f}), {kind}"
        for smaller, larger, accuracy, acr, kind in _kinds(frames["steps"], source)
    ]
    name = name[0].upper() + name[1:]
    if not parts:
        return f"{name}: only sigma {radii.columns[0]:g}, so no step, and nothing to trade."
    best = []
    for r in RADII:
        shares = (radii >= r).mean().sort_values(ascending=False, kind="stable")
        if shares.iloc[0] > 0:
            low = paired_shares(radii[shares.index[0]] >= r, radii[shares.index[1]] >= r).low
            best.append(f"r = {r:g}: {shares.index[0]:g}" + " (not resolved from the next)" * bool(low <= 0))
    text = f"{name}: from sigma {'; '.join(parts)}."
    return text + (f" Most certified at {', '.join(best)}." if best else "")


def draw(frames: Frames) -> Figure:
    """For each source, ACR against clean accuracy over sigma, and certified accuracy at several radii against sigma."""
    import matplotlib.pyplot as plt
    from matplotlib.lines import Line2D

    values = frames["values"]
    sources, levels = list(values.source.unique()), sorted(values.sigma.unique())
    shape = (2, len(sources)) if len(sources) > 1 else (1, 2)
    figure, axes = plt.subplots(*shape, figsize=(4.4 * max(2, len(sources)), 4.2 * shape[0]), squeeze=False)
    axes = axes.reshape(2, -1)
    drawn = [r for r in RADII if values[values.radius == r].value.any()]
    shades = dict(zip(drawn, plt.get_cmap("viridis")(np.linspace(0, 0.9, len(drawn)))))
    for source, (path, by_sigma) in zip(sources, axes.T):
        part = values[values.source == source]
        _draw_path(path, part, levels)
        path.set(title=source.replace(": ", "\n"), xlabel="clean accuracy [%]", ylim=(0, None))
        _draw_radii(by_sigma, part, shades)
    axes[0, 0].set_ylabel("ACR over all images")
    axes[1, 0].set_ylabel("certified accuracy at r [%]")
    handles = [Line2D([], [], color=shade, marker="o", ms=4, label=f"{r:g}") for r, shade in shades.items()]
    axes[1, -1].legend(handles=handles, title="radius r", loc="upper left", bbox_to_anchor=(1, 1), alignment="left")
    return figure


def _draw_path(axis: Axes, part: pd.DataFrame, levels: list[float]) -> None:
    """ACR against clean accuracy, one point for each level."""
    accuracy, acr = part[part.radius == 0], part[part.metric == ACR]
    axis.plot(accuracy.value, acr.value, color="0.7", lw=1.2, zorder=1)
    for c, a in zip(accuracy.itertuples(), acr.itertuples()):
        bars: dict[str, Any] = {
            "xerr": [[c.value - c.low], [c.high - c.value]],
            "yerr": [[a.value - a.low], [a.high - a.value]],
        }
        axis.errorbar(c.value, a.value, **bars, fmt="o", ms=6, lw=1.2, color=f"C{levels.index(c.sigma) % 7}")
        label: dict[str, Any] = {"textcoords": "offset points", "color": f"C{levels.index(c.sigma) % 7}", "fontsize": 9}
        label["bbox"] = {"fc": "white", "ec": "none", "pad": 0.6}
        axis.annotate(f"$\\sigma$ = {c.sigma:g}", (c.value, a.value), (6, 6), **label)
    axis.margins(x=0.12)


def _draw_radii(axis: Axes, part: pd.DataFrame, shades: dict) -> None:
    """Certified accuracy against the level, one line for each radius."""
    x = np.arange(part.sigma.nunique())
    for i, (r, shade) in enumerate(shades.items()):
        line = part[part.radius == r]
        if line.value.any():
            offset = 0.05 * (i - (len(shades) - 1) / 2)
            arms = style.whiskers(line.value, line.low, line.high)
            axis.errorbar(x + offset, line.value, arms, fmt="o-", ms=4, lw=1.2, color=shade)
    axis.set_xticks(x, [f"{s:g}" for s in part.sigma.unique()])
    axis.set(xlabel="$\\sigma$", ylim=(-2, 102), xlim=(-0.4, len(x) - 0.6))
