"""The picture of `efficient_certification`: rows of panels, a panel for each level, radii side by side.

Every function takes `results` (columns sigma, experiment, r, method, metric, value, low, high); `facts`: k, asked, ceiling, paper
(factor, ceiling) and the stages that were reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

LOOKS = {  # of a method: colour, marker
    "consensus, all samples": ("C1", "s"),
    "adaptive": ("C0", "o"),
    "adaptive + consensus": ("C2", "D"),
    "union bound": ("C3", "^"),
    "confidence sequence": ("C6", "v"),
}


def figure(results: pd.DataFrame, alike: pd.DataFrame, methods: list[str], facts: dict) -> Figure:
    """Factors saved of each experiment, KCR (where there is K-consensus), stages, agreement."""
    import matplotlib.pyplot as plt

    experiments = list(results.experiment.unique())
    levels = results.sigma.nunique()
    heights = [1.05] + [2.9] * len(experiments) + [2.3] * bool(facts["asked"]) + [2.6, 2.4]
    whole = plt.figure(figsize=(max(3.9 * levels, 9), sum(heights)))
    legend, *rows = cast("list[SubFigure]", whole.subfigures(len(heights), 1, height_ratios=heights))
    blocks = iter(rows)
    for experiment in experiments:
        title = f"{experiment}: savings over the fixed rule with all {facts['k']} members"
        part = results[results.experiment == experiment]
        for sigma, axis in _panels(next(blocks), results, title, "reduction factor"):
            _draw_factors(axis, part[part.sigma == sigma], methods, facts)
    _draw_legend(legend, methods, facts)
    if facts["asked"]:
        title = f"KCR: samples on which the first {facts['asked']} of {facts['k']} members agree"
        axes = _panels(next(blocks), results, title, "KCR [%]")
        for sigma, axis in axes:
            _draw_agreed(axis, results[(results.sigma == sigma) & (results.metric == "KCR [%]")], experiments)
        axes[0][1].legend(loc="lower left", fontsize=8)
    title = "Stage at which 'adaptive' decides, full ensemble"
    if len(experiments) > 1:
        title += f" (bars from left to right: {', '.join(experiments)})"
    _draw_stages(_panels(next(blocks), results, title, "images [%]"), results, experiments, facts["stages"])
    _draw_alike(next(blocks), alike, experiments, methods)
    return whole


def _panels(block: SubFigure, results: pd.DataFrame, title: str, label: str) -> list[tuple]:
    """[(sigma, axis)] of a row of the figure."""
    sigmas, radii = sorted(results.sigma.unique()), sorted(results.r.unique())
    block.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=11)
    axes = block.subplots(1, len(sigmas), sharey=True, squeeze=False)[0]
    for sigma, axis in zip(sigmas, axes):
        axis.set(title=f"$\\sigma$ = {sigma:g}", xlim=(-0.5, len(radii) - 0.5), xlabel=r"radius $r\,/\,\sigma$")
        axis.set_xticks(range(len(radii)), [f"{r:g}" for r in radii])
        axis.grid(axis="x", visible=False)
    axes[0].set_ylabel(label)
    return list(zip(sigmas, axes))


def _draw_factors(axis: Axes, part: pd.DataFrame, methods: list[str], facts: dict) -> None:
    """Factors of evaluations, time and samples of each method, in one panel."""
    by = dict(iter(part.groupby(["metric", "method"])))
    radii = part.r.nunique()
    for i, method in enumerate(methods):
        color, marker = LOOKS[method]
        if ("evaluations", method) not in by:
            continue
        calls, time, samples = (by[metric, method] for metric in ("evaluations", "TimeRF", "SampleRF"))
        x = np.arange(radii) + (i - (len(methods) - 1) / 2) * 0.16
        look: dict = {"ls": "none", "color": color, "marker": marker, "ms": 5.5, "lw": 1.2}
        axis.errorbar(x, calls.value, style.whiskers(calls.value, calls.low, calls.high), **look)
        axis.plot(x, time.value, "x", color=color, ms=5, mew=1.2)
        if method == "adaptive + consensus":
            axis.plot(x, samples.value, marker, color=color, mfc="none", ms=5.5)
    axis.axhline(1, color="0.4", lw=1)
    axis.axhline(facts["ceiling"], color="C0", lw=1.2, ls=":")
    axis.plot(axis.get_xlim()[1], facts["paper"][0], "<", color="black", ms=8, clip_on=False, zorder=3)
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")


def _draw_legend(block: SubFigure, methods: list[str], facts: dict) -> None:
    """One legend for all rows of factors."""
    from matplotlib.lines import Line2D

    entries = [
        Line2D([], [], color=color, marker=marker, ls="none", ms=5.5, label=method)
        for method, (color, marker) in LOOKS.items()
        if method in methods
    ]
    if facts["asked"]:
        label = "adaptive + consensus, samples"
        entries.append(Line2D([], [], color="C2", marker="D", mfc="none", ls="none", ms=5.5, label=label))
    label = f"ceiling of the samples of 'adaptive': {facts['ceiling']:.1f}"
    paper = "paper: up to {:g} (ceiling {:g})".format(*facts["paper"])
    entries += [
        Line2D([], [], color="0.3", marker="x", ls="none", ms=5, mew=1.2, label="time (one measurement)"),
        Line2D([], [], color="C0", lw=1.2, ls=":", label=label),
        Line2D([], [], color="black", marker="<", ls="none", ms=8, label=paper),
    ]
    block.legend(handles=entries, loc="center", ncols=3, title="Filled marks: network evaluations; bars: 95 %")


def _draw_agreed(axis: Axes, part: pd.DataFrame, experiments: list[str]) -> None:
    """KCR against the radius: with adaptive sampling and with all samples."""
    for i, experiment in enumerate(experiments):
        own = part[part.experiment == experiment]
        adaptive, whole = (own[own.method == name] for name in ("adaptive + consensus", "consensus, all samples"))
        color = f"C{i % 7}"
        places = range(len(adaptive))
        axis.plot(places, adaptive.value, style.MARKERS[i % 4], color=color, ms=5.5, label=f"{experiment}, adaptive")
        axis.plot(places, whole.value, style.LINES[i % 4], color=color, lw=1.2, label=f"{experiment}, all samples")


def _draw_stages(axes: list[tuple], results: pd.DataFrame, experiments: list[str], stages: list[int]) -> None:
    """Stacked bars: images certified (from below) and given up (from above) at each stage."""
    import matplotlib.pyplot as plt

    shades = dict(zip(stages, np.linspace(1, 0.35, len(stages))))
    order = [("certified", number) for number in stages] + [("abstained", number) for number in reversed(stages)]
    fill: dict[str, dict] = {"certified": {"color": "C0"}, "abstained": {"color": "C4", "hatch": "///"}}
    radii, width = sorted(results.r.unique()), 0.8 / len(experiments)
    for sigma, axis in axes:
        for i, experiment in enumerate(experiments):
            x, bottom = np.arange(len(radii)) + (i - (len(experiments) - 1) / 2) * width, np.zeros(len(radii))
            part = results[
                (results.sigma == sigma) & (results.experiment == experiment) & (results.method == "adaptive")
            ]
            for what, number in order:
                share = part[part.metric == f"{what} at stage {number} [%]"].set_index("r").value
                share = share.reindex(radii).fillna(0).to_numpy()
                look = {"alpha": shades[number], "ec": "white", "lw": 0.8} | fill[what]
                axis.bar(x, share, 0.94 * width, bottom, **look)
                bottom += share
        axis.set_ylim(0, 100)
        axis.grid(visible=False)
    labels = [f"{what}, stage {number}" for what, number in order]
    swatches = [plt.Rectangle((0, 0), 1, 1, alpha=shades[number], ec="white", **fill[what]) for what, number in order]
    axes[-1][1].legend(swatches[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)


def _draw_alike(block: SubFigure, alike: pd.DataFrame, experiments: list[str], methods: list[str]) -> None:
    """The share of images that each method decides like the fixed rule at every radius."""
    title = "Decisions like those of the fixed rule with the full ensemble"
    block.suptitle(title, x=0.01, ha="left", weight="bold", fontsize=11)
    sigmas = sorted(alike.sigma.unique())
    axes = block.subplots(1, len(sigmas), sharex=True, sharey=True, squeeze=False)[0]
    for sigma, axis in zip(sigmas, axes):
        for i, experiment in enumerate(experiments):
            part = alike[(alike.sigma == sigma) & (alike.experiment == experiment)]
            y = np.arange(len(part)) + (i - (len(experiments) - 1) / 2) * 0.3
            look: dict = {"ls": "none", "color": f"C{i % 7}", "marker": style.MARKERS[i % 4], "ms": 5, "lw": 1.2}
            axis.errorbar(part.value, y, xerr=style.whiskers(part.value, part.low, part.high), label=experiment, **look)
        axis.set(title=f"$\\sigma$ = {sigma:g}", xlabel="images alike at every radius [%]")
        axis.set_yticks(range(len(methods)), methods)
    axes[0].invert_yaxis()
    axes[-1].legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
