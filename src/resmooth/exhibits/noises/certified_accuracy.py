"""Certified accuracy under different noises, at equal sigma.

One network for each noise, trained and certified on the same images at the sigma that most noises share (of several, the
largest): certified accuracy against the radius in l1, l2 and linf, and the average certified radius (ACR, over all
images). Differences from the first noise are paired over the images; networks fixed. The envelope over sigma and the
orderings are exhibits of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth import noise
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.noises import _radii
from resmooth.exhibits.noises._radii import NORMS, REFERENCE
from resmooth.smoothing import bounds
from resmooth.stats.decisions import OPEN, every, span
from resmooth.stats.intervals import paired_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

POINTS = 401  # radii of a curve
CUBE = "uniform"
ALONE = 5  # so many noises fit into one row of panels


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of the first network of every comparable case."""
    paths = _radii.certificates(run)
    return {"certificates": paths} if paths else None


def compute(run: Run) -> Frames:
    """images: radii of each image; noises: one row for each noise; curves: certified accuracy against the radius."""
    frame = _radii.read(run)
    sigma, series = matched(frame)
    level = frame[frame.sigma == sigma]
    wide = {norm: _radii.wide(frame, norm).xs(sigma, axis=1, level="sigma") for norm in NORMS}
    return {"images": frame, "noises": facts(level, wide, series), "curves": curves(level, wide, series)}


def matched(frame: pd.DataFrame) -> tuple[float, list[str]]:
    """The sigma that most series share, of several the largest; and the series that have it, the reference first."""
    present = frame.groupby("sigma").series.nunique()
    sigma = present.index[present == present.max()].max()
    found = frame[frame.sigma == sigma].series.unique()
    order = [series for series in frame.series.unique() if series in found]
    return sigma, sorted(order, key=lambda series: series != REFERENCE)


def facts(level: pd.DataFrame, wide: Mapping[str, pd.DataFrame], series: list[str]) -> pd.DataFrame:
    """Passes, clean accuracy, abstentions, and the ACR in each norm, with its difference from the first."""
    rows = []
    for each in series:
        part = level[level.series == each]
        passes = f"{part.n.max()} (all)" if part.n0.max() == 0 else f"{part.n0.max()} + {part.n.max():,}"
        row = {"noise": each, "passes": passes, "clean accuracy [%]": f"{100 * part.correct.mean():.0f}"}
        row["abstain [%]"] = f"{100 * (part.predict < 0).mean():.0f}"
        for norm, values in wide.items():
            radii = _radii.acr(values[each])
            difference = paired_mean(radii - _radii.acr(values[series[0]]))
            row[f"ACR {norm}"] = f"{radii.mean():.4f}" + f"; {_radii.in_words(difference, '+.4f')}" * (
                each != series[0]
            )
        rows.append(row)
    return pd.DataFrame(rows)


def ceiling(row: pd.Series, norm: float) -> float:
    """The largest radius that the number of passes of a certificate `row` allows, all of them agreeing."""
    law = noise.from_label(row.noise, int(row.dim), row.sigma)
    if law.passes:
        return law.radius_from_counts([[law.passes, 0]], norm)[0]
    return law.radius(bounds.clopper_pearson(row.n, row.n, row.alpha) - law.slack, norm)


def curves(level: pd.DataFrame, wide: Mapping[str, pd.DataFrame], series: list[str]) -> pd.DataFrame:
    """Certified accuracy [%] at each radius, with a 95 % Clopper-Pearson interval at each radius by itself.

    Beyond the ceiling of a noise the interval ends at 0: there no image can be certified, whatever the images.
    """
    parts = []
    for norm, values in wide.items():
        grid = np.linspace(0, 1.08 * max(1e-9, *(values[each].max() for each in series)), POINTS)
        for each in series:
            certified = (values[each].to_numpy()[:, None] >= grid).sum(axis=0)
            low, high = bounds.clopper_pearson(certified, len(values), 0.05, "both")
            first = level[level.series == each].iloc[0]
            high = np.where(grid <= ceiling(first, NORMS[norm]), high, 0)
            shares = {"value": 100 * certified / len(values), "low": 100 * low, "high": 100 * high}
            about = {"part": "equal sigma", "series": each, "sigma": first.sigma, "norm": norm, "radius": grid}
            parts.append(pd.DataFrame(about | shares))
    return pd.concat(parts, ignore_index=True)


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    return frames["curves"]


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    sigma, _ = matched(frames["images"])
    return _radii.where(frames["images"]) + f" Below all are at sigma = {sigma:g}."


def findings(frames: Frames) -> list[Finding]:
    """The shape that is said to suit a norm, against all others; then which noise leads in each norm."""
    frame = frames["images"]
    sigma, series = matched(frame)
    found = [
        _shape(frame, "noises-spheres_best_in_l2", "l2", REFERENCE, "spheres"),
        _shape(frame, "noises-cubes_best_in_l1", "l1", CUBE, "cubes"),
    ]
    if len(series) > 1:
        found += [observation(_radii.largest(frame, norm, sigma, series)) for norm in NORMS]
    alone = "One network stands for each noise: what the intervals over images resolve can still be the luck of a seed."
    return [*found, observation(alone)]


def other_shapes(frame: pd.DataFrame, shape: str) -> list[str]:
    """The series, trained as usual, of additive noise whose level sets are not `shape`: "spheres" or "cubes"."""
    usual = frame[~frame.variant].drop_duplicates("series")
    return [row.series for row in usual.itertuples() if shape_of(row.family) not in (shape, "none")]


def shape_of(family: str) -> str:
    """What the level sets of a family's density are: "spheres", "cubes", "other", or "none" where nothing is added."""
    law = noise.NOISES.get(family)
    if law is not None and not law.additive:
        return "none"
    if family == CUBE or (law is not None and law.norms[0] == NORMS["linf"]):
        return "cubes"
    return "spheres" if law is not None and law.norms[0] == 2 else "other"


def _shape(frame: pd.DataFrame, claim: str, norm: str, champion: str, shape: str) -> Finding:
    """Whether `champion` has a larger ACR in `norm` than every noise with level sets of another shape."""
    sigma, series = matched(frame)
    others = [each for each in other_shapes(frame, shape) if each in series]
    if champion not in series or not others:
        reason = f"At sigma {sigma:g} this run has no network under {champion} noise beside one whose level sets are no {shape}."
        return Finding(claim, OPEN, reason)
    values = _radii.wide(frame, norm).xs(sigma, axis=1, level="sigma")
    pairs = {each: _radii.acr(values[champion]) - _radii.acr(values[each]) for each in others}
    decided = every(pairs, "above")
    reason = (
        f"At sigma {sigma:g} the ACR in {norm} of {champion} noise less that of {len(others)} noises with level "
        f"sets of another shape is {span([each.mean() for each in pairs.values()], '+.3f')}; the case that decides "
        f"is {decided.case}, {_radii.in_words(decided.estimate, '+.3f')}, on {len(values)} images, one network each."
    )
    return Finding(claim, decided.verdict, reason, *decided.estimate, "units of the [0, 1] image")


def draw(frames: Frames) -> Figure:
    """Rows: groups of noises; columns: norms. Bands are 95 % for the choice of images."""
    import matplotlib.pyplot as plt

    frame, lines = frames["images"], frames["curves"]
    sigma, colours = lines.sigma.iloc[0], _radii.colours(frame)
    groups = grouped(frame, list(lines.series.unique()))
    figure, panels = plt.subplots(
        len(groups), len(NORMS), figsize=(12, 0.4 + 3.3 * len(groups)), squeeze=False, sharex="col"
    )
    for (group, members), row in zip(groups.items(), panels):
        for norm, axis in zip(NORMS, row):
            part = lines[lines.norm == norm]
            _draw_curves(axis, part, members, colours)
            axis.set(ylim=(0, 102), xlim=(0, part.radius.max()))
        row[0].set_ylabel("certified accuracy at r [%]")
        title = {"title": group, "title_fontsize": 8, "alignment": "left"} if group else {}
        row[-1].legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize=8, **title)
    for norm, top, bottom in zip(NORMS, panels[0], panels[-1]):
        top.set_title(f"{norm}, $\\sigma$ = {sigma:g}")
        bottom.set_xlabel(f"{norm} radius r [units of the [0, 1] image]")
    return figure


def grouped(frame: pd.DataFrame, series: list[str]) -> dict[str, list[str]]:
    """Row of the figure -> its series: one row for few; else one for each group, with the reference in each.

    Uniform noise stands both among its equals and beside what replaces it.
    """
    if len(series) <= ALONE:
        return {"": series}
    group = frame.drop_duplicates("series").set_index("series").group
    rows = {each: [one for one in series if group[one] == each] for each in _radii.GROUPS}
    if rows[_radii.REPLACED] and CUBE in series:
        rows[_radii.REPLACED].insert(0, CUBE)
    first = [REFERENCE] if REFERENCE in series else []
    return {each: list(dict.fromkeys(first + members)) for each, members in rows.items() if members}


def _draw_curves(axis: Axes, lines: pd.DataFrame, members: list[str], colours: Mapping[str, str]) -> None:
    """One panel; series of one colour are told apart by their lines."""
    seen: list[str] = []
    for each in members:
        part, colour = lines[lines.series == each], colours[each]
        axis.plot(part.radius, part.value, ("-", "--", ":")[min(2, seen.count(colour))], color=colour, label=each)
        axis.fill_between(part.radius, part.low, part.high, color=colour, alpha=0.12, lw=0)
        seen.append(colour)
