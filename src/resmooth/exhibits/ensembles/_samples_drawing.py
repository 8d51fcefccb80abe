"""The picture of `samples_vs_members`: two rows of panels for each experiment, a panel for each level.

`results` and `sizes` as computed there; `metrics`: names of the differences at equal evaluations and without sampling limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from resmooth.exhibits import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


def figure(results: pd.DataFrame, sizes: pd.DataFrame, metrics: dict[str, str]) -> Figure:
    """For each experiment: certified accuracy against the radius, and below it ensemble minus single model."""
    import matplotlib.pyplot as plt

    sigmas, experiments = sorted(results.sigma.unique()), list(results.experiment.unique())
    members = sizes.k.iloc[-1]
    ks = sorted({int(round(k)) for k in np.linspace(2, members, min(4, members - 1))})
    looks = {k: {"color": f"C{i}", "ls": style.LINES[i]} for i, k in enumerate(reversed(ks))}
    heights = [1.1] + [5.2] * len(experiments)
    whole = plt.figure(figsize=(max(3.9 * len(sigmas), 9), sum(heights)))
    legend, *blocks = cast("list[SubFigure]", whole.subfigures(len(heights), 1, height_ratios=heights))
    for experiment, block in zip(experiments, blocks):
        block.suptitle(experiment, x=0.01, ha="left", weight="bold", fontsize=11)
        above, below = block.subplots(2, len(sigmas), sharex=True, sharey="row", squeeze=False)
        for sigma, top, bottom in zip(sigmas, above, below):
            part = results[(results.sigma == sigma) & (results.experiment == experiment)]
            if len(part):
                _draw_case(top, bottom, part, sizes, looks, metrics)
                top.set(title=f"$\\sigma$ = {sigma:g}", ylim=(0, 101))
                bottom.set_xlabel(r"radius $r\,/\,\sigma$")
        above[0].set_ylabel("certified accuracy [%]")
        below[0].set_ylabel("ensemble minus one model\n[points]")
    _draw_legend(legend, sizes, looks)
    return whole


def _draw_case(top: Axes, bottom: Axes, part: pd.DataFrame, sizes: pd.DataFrame, looks: dict, metrics: dict) -> None:
    """One experiment at one level: curves in the upper panel, differences in the lower one, dotted ceilings in both."""
    drawn = {key: lines for key, lines in part.groupby(["metric", "classifier", "k"])}
    members, ceilings = max(looks), dict(zip(sizes.k, sizes.ceiling))
    curves = {("one model", 1): {"color": "black"}, ("one model, few samples", 1): {"color": "0.45", "ls": ":"}}
    for (name, k), look in (curves | {("ensemble", members): looks[members]}).items():
        line = drawn["certified accuracy [%]", name, k]
        top.plot(line.r, line.value, **look)
    for k in sorted(looks):
        line = drawn[metrics["equal"], "ensemble", k]
        line = line[line.r <= ceilings[k]]  # beyond, it certifies nothing
        bottom.plot(line.r, line.value, **looks[k])
        if k in (2, members):
            bottom.fill_between(line.r, line.low, line.high, color=looks[k]["color"], alpha=0.15, lw=0)
    line = drawn[metrics["free"], "ensemble", members]
    bottom.plot(line.r, line.value, color="0.3", lw=1)
    bottom.axhline(0, color="0.4", lw=1)
    for k in (1, *sorted(looks)):
        for axis in (top, bottom):
            axis.axvline(ceilings[k], color="0.6", lw=0.8, ls=":")
        side = "right" if k == members else "center"
        top.text(ceilings[k], 1.01, k, transform=top.get_xaxis_transform(), ha=side, fontsize=8, color="0.3")


def _draw_legend(block: SubFigure, sizes: pd.DataFrame, looks: dict[int, dict]) -> None:
    """One legend for all panels."""
    from matplotlib.lines import Line2D

    samples, members = dict(zip(sizes.k, sizes.n)), max(looks)
    entries = [
        Line2D([], [], color="black", label=f"one model, n = {samples[1]:,}"),
        Line2D([], [], color="0.45", ls=":", label=f"one model, n = {samples[members]:,}"),
        *(Line2D([], [], label=f"k = {k}, n = {samples[k]:,}", **look) for k, look in looks.items()),
        Line2D([], [], color="0.3", lw=1, label=f"k = {members} minus one without sampling limits"),
    ]
    title = "Dotted: ceilings of ensembles of k (numbers on top), where differences end; bands: 95 %, fewest and most members"
    block.legend(handles=entries, loc="center", ncols=3, title=title)
