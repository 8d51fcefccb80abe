"""The envelope over sigma in l1, beside the published table.

The published table takes at each l1 radius the sigma that does best on the very images it reports. Here that oracle stands
beside an honest choice, made on one half of the images and evaluated on the other, with intervals of 95 % from the
bootstrap over images; networks fixed. Then the table's orderings: uniform noise above Laplace, with stability training
above that.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from resmooth import noise
from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.noises import _envelope, _radii
from resmooth.exhibits.noises._envelope import UNIT, Envelopes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

CROSSINGS = (("uniform", "laplace"), ("normal", "laplace"))


def needs(run: Run) -> dict[str, list[str]] | None:
    """The certificates of the first network of every comparable case, and the published numbers."""
    paths = _radii.certificates(run)
    return {"certificates": paths, "claims": [run.paths.published_claims]} if paths else None


def compute(run: Run) -> Frames:
    """images; curves and areas of the envelopes; printed and published: the table; orders; crossings."""
    frame = _radii.read(run)
    envelopes, series = Envelopes(frame), _envelope.compared(frame)
    printed = _radii.printed_claims(run.paths.published_claims, run.dataset)
    steady = _radii.stable(frame)
    printed["series"] = printed.series.replace("stability", steady or "")
    radii = sorted(printed.radius.unique()) if run.dataset in set(printed.dataset) else []
    return {
        "images": frame,
        "curves": curves(envelopes, _radii.levels(frame), series),
        "areas": areas(envelopes, _radii.levels(frame), series),
        "printed": printed,
        "published": beside(printed, envelopes.wide) if radii else printed_table(printed),
        "orders": _envelope.orderings(frame, envelopes, pairs(frame), radii),
        "crossings": crossings(frame),
    }


def pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The orderings of the published table: the first is said to lie above the second."""
    steady = _radii.stable(frame)
    return [("uniform", "laplace")] + ([(steady, "uniform")] if steady else [])


def curves(envelopes: Envelopes, levels: Mapping[str, list[float]], series: list[str]) -> pd.DataFrame:
    """Oracle and honest envelope in % against the radius, and the optimism, oracle minus honest, with its interval."""
    parts = []
    for each in series:
        oracle, honest = envelopes.of(each, levels[each])
        _, low, high = _envelope.interval(oracle - honest)
        values = {"oracle": oracle[0], "honest": honest[0], "optimism": (oracle - honest)[0], "low": low, "high": high}
        about = {"part": "envelope", "series": each, "norm": "l1", "radius": envelopes.radii}
        parts.append(pd.DataFrame(about | values))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["series"])


def areas(envelopes: Envelopes, levels: Mapping[str, list[float]], series: list[str]) -> pd.DataFrame:
    """Areas under both envelopes, the difference with its interval, and the largest difference at one radius, in points."""
    rows = []
    for each in series:
        oracle, honest = envelopes.of(each, levels[each])
        over, fair = envelopes.area(oracle), envelopes.area(honest)
        row = {"noise": each, "sigmas": ", ".join(f"{sigma:g}" for sigma in levels[each])}
        row |= {"area, oracle": over[0], "area, honest": fair[0]}
        row |= dict(zip(("optimism", "low", "high"), _envelope.interval(over - fair)))
        rows.append(
            row | {"largest at one radius [points]": (oracle[0] - honest[0]).max(), "levels": len(levels[each])}
        )
    return pd.DataFrame(rows)


def printed_table(printed: pd.DataFrame) -> pd.DataFrame:
    """The published table as it is printed: methods and l1 radii."""
    shape = printed.pivot(index="method", columns="radius", values="printed").loc[list(dict.fromkeys(printed.method))]
    return shape.rename(columns=lambda radius: f"r = {radius:g}").rename_axis(columns=None).reset_index()


def beside(printed: pd.DataFrame, wide: pd.DataFrame) -> pd.DataFrame:
    """The published table of this run's data, and below it this run's noises, each by the oracle too."""
    shape, radii = printed_table(printed), sorted(printed.radius.unique())
    for series in dict.fromkeys(printed.series):
        if series in wide.columns.get_level_values("series"):
            best = [f"{100 * (wide[series] >= radius).mean().max():.0f}" for radius in radii]
            shape.loc[len(shape)] = [f"this run, {series}", *best]
    return shape


def crossing(first: str, second: str, dim: int) -> float:
    """The p from which on the second noise has the larger l1 radius, at equal sigma."""
    from scipy import optimize

    one, other = (noise.make(name, dim=dim, sigma=1) for name in (first, second))
    tail = optimize.brentq(lambda t: one.radius(1 - 10**t, 1) - other.radius(1 - 10**t, 1), -6, np.log10(0.4))
    return 1 - 10**tail


def crossings(frame: pd.DataFrame) -> pd.DataFrame:
    """Where the l1 radii of two noises cross, and the share [%] of correct answers under the second that lie above."""
    rows = []
    for first, second in CROSSINGS:
        p = crossing(first, second, int(frame.dim.max()))
        for sigma, part in frame[(frame.series == second) & (frame.correct == 1)].groupby("sigma"):
            rows.append((first, second, p, sigma, 100 * (part.p_lower > p).mean()))
    return pd.DataFrame(rows, columns=["first", "second", "p", "sigma", "above"])


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, and the published numbers."""
    printed, orders = frames["printed"], frames["orders"]
    parts = [frames["curves"], printed.assign(part="published")[["part", "dataset", "method", "radius", "value"]]]
    parts += [orders.assign(part="ordering")] if len(orders) else []
    return pd.concat(parts, ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The orderings by the envelope, for docs/replication.md."""
    return _envelope.summary(table)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame, printed = frames["images"], frames["printed"]
    shown = "drawn below" if _same_data(frames) else "of CIFAR-10, for reference alone, and not drawn"
    return f"{_radii.where(frame)} The published numbers are {shown if len(printed) else 'not at hand'}."


def _same_data(frames: Frames) -> bool:
    return frames["images"].dataset.iloc[0] in set(frames["printed"].dataset)


def findings(frames: Frames) -> list[Finding]:
    """The published orderings; then how much the oracle flatters. `resmooth.audit` decides the printed numbers."""
    frame, orders = frames["images"], frames["orders"]
    images, steady = frame.idx.nunique(), _radii.stable(frame)
    words = "Uniform noise less Laplace noise", "Uniform noise with stability training less uniform noise alone"
    found = [
        _envelope.finding_of("noises-uniform_above_laplace", words[0], "uniform", "laplace", orders, images),
        _envelope.finding_of(
            "noises-stability_above_uniform", words[1], steady or "uniform + stability", "uniform", orders, images
        ),
    ]
    return [*found, *_optimism(frames["areas"], images), *_level(frames["crossings"])]


def _optimism(areas: pd.DataFrame, images: int) -> list[Finding]:
    """How much choosing sigma on the reported images flatters."""
    several = areas[areas.levels > 1] if len(areas) else areas
    if not len(several):
        return [
            observation("With one sigma for each noise there is no envelope, and nothing that an oracle could choose.")
        ]
    worst = several.loc[several.optimism.idxmax()]
    points = several["largest at one radius [points]"].max()
    reason = (
        f"Choosing sigma on the reported images flatters by {worst.optimism:.4f} in area at most ({worst.noise}: "
        f"{worst.low:+.4f} to {worst.high:+.4f}) and by up to {points:.1f} points at one radius. That grows with "
        f"the number of levels ({several.levels.max()} here, 15 in the paper for uniform noise) and falls with that "
        f"of images ({images} here, 10,000 there)."
    )
    return [observation(reason, value=worst.optimism, low=worst.low, high=worst.high, unit=UNIT)]


def _level(crossings: pd.DataFrame) -> list[Finding]:
    """Why the level decides as much as the noise."""
    found = []
    for (first, second), part in crossings.groupby(["first", "second"], sort=False):
        some = part[part.sigma.isin(_radii.some(sorted(part.sigma)))]
        shares = ", ".join(f"{row.above:.0f} % at sigma {row.sigma:g}" for row in some.itertuples())
        reason = (
            f"At equal sigma and equal p, {first} noise has the larger l1 radius below p = {part.p.iloc[0]:.4f} and "
            f"{second} noise above. Of the correct answers under {second} noise {shares} lie above: for small sigma "
            "and easy data the order turns."
        )
        found.append(observation(reason))
    return found


def draw(frames: Frames) -> Figure:
    """Left the envelopes, with the published numbers where the data are the same; right the optimism and the orderings."""
    import matplotlib.pyplot as plt

    areas, orders = frames["areas"], frames["orders"]
    several = areas[areas.levels > 1] if len(areas) else areas
    kinds = ["optimism"] * bool(len(several)) + ["orderings"] * bool(len(orders))
    figure = plt.figure(figsize=(12, max(4.2, 3.4 * len(kinds))))
    left, *right = figure.subfigures(1, 1 + bool(kinds), squeeze=False).flat
    places = right[0].subfigures(len(kinds), 1, squeeze=False).flat if kinds else ()
    axes = {"envelope": left.subplots()} | {kind: place.subplots() for kind, place in zip(kinds, places)}
    colours = _radii.colours(frames["images"])
    _draw_envelopes(axes["envelope"], frames, set(several.noise) if len(several) else set(), colours)
    if "optimism" in axes:
        _draw_optimism(axes["optimism"], several, colours)
    if "orderings" in axes:
        _envelope.draw_orderings(axes["orderings"], orders)
    return figure


def _draw_envelopes(axis: Axes, frames: Frames, several: set[str], colours: dict[str, str]) -> None:
    """Oracle (solid) and honest (dashed) envelopes."""
    from matplotlib.lines import Line2D

    for each, part in frames["curves"].groupby("series", sort=False):
        axis.plot(part.radius, part.oracle, color=colours[each], lw=1.8, label=each)
        if each in several:
            axis.plot(part.radius, part.honest, "--", color=colours[each], lw=1.2)
    handles = axis.get_legend_handles_labels()[0]
    if several:
        handles += [Line2D([], [], color="0.2", ls=ls, label=text) for text, ls in (("oracle", "-"), ("honest", "--"))]
    if _same_data(frames):
        printed = frames["printed"]
        for each, part in printed[printed.series != ""].groupby("series"):
            axis.plot(part.radius, part.value, "D", color=colours.get(each, "0.6"), mfc="none", ms=6)
        handles.append(Line2D([], [], color="0.2", marker="D", mfc="none", ls="none", label="published, same color"))
    title = "Envelope over $\\sigma$" if several else "Every noise at its level"
    axis.set(title=title, xlabel="l1 radius r", ylabel="certified accuracy at r [%]", ylim=(0, 102))
    axis.set_xlim(0, None)
    axis.legend(handles=handles, fontsize=8, loc="upper right")


def _draw_optimism(axis: Axes, several: pd.DataFrame, colours: dict[str, str]) -> None:
    """What the oracle adds to the area, for each noise with several levels."""
    for y, row in enumerate(several.itertuples()):
        arms = [[arm] for arm in style.whiskers(row.optimism, row.low, row.high)]
        axis.errorbar(row.optimism, y, xerr=arms, fmt="o", ms=6, lw=1.4, color=colours[row.noise])
    axis.axvline(0, color="0.4", lw=1)
    points = several["largest at one radius [points]"]
    axis.set_yticks(
        range(len(several)),
        [f"{name}\nup to {p:.1f} points at one r" for name, p in zip(several.noise, points)],
        fontsize=8,
    )
    axis.set(title="Optimism: area, oracle minus honest", ylim=(len(several) - 0.5, -0.5))
    axis.set_xlabel(f"difference [{UNIT}]")
