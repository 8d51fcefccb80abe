"""Splitting noise, at random (SSN) and deterministic (DSSN), beside uniform noise in l1.

At equal sigma: passes, abstentions, the average certified radius (ACR, over all images) and certified accuracies, image by
image; then the orderings that are reported, by the ACR at each sigma and by the area under the honest envelope over sigma.
Intervals of 95 %, paired over the images; networks fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from resmooth.exhibits import style
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.noises import _envelope, _radii
from resmooth.exhibits.noises._envelope import Envelopes
from resmooth.noise.dssn import LEVELS
from resmooth.stats.decisions import span
from resmooth.stats.intervals import paired_mean, paired_shares

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from resmooth.plan import Run

PAIRS = {  # (above, below): claim and words
    ("ssn", "uniform"): ("noises-ssn_above_uniform", "SSN less uniform noise"),
    ("dssn", "uniform"): ("noises-dssn_above_uniform", "DSSN less uniform noise"),
    ("dssn", "ssn"): ("noises-dssn_above_ssn", "DSSN less SSN"),
}
OTHERS = ("uniform", "ssn")  # beside which DSSN is set, image by image
STEPS = 9  # radii of these differences


def needs(run: Run) -> dict[str, list[str]] | None:
    """As `envelope`; None unless two noises of a reported ordering share a level, with one architecture and recipe."""
    known = {
        (case.experiment.architecture, case.experiment.recipe, case.experiment.family, case.sigma)
        for case in _radii.comparable(run)
    }
    shared = any(
        (*training, other, sigma) in known
        for *training, family, sigma in known
        for first, other in PAIRS
        if first == family
    )
    return {"certificates": _radii.certificates(run), "claims": [run.paths.published_claims]} if shared else None


def compute(run: Run) -> Frames:
    """images; costs: one row for each pair and level; differences: certified accuracies; orders: the reported orderings."""
    frame = _radii.read(run)
    printed = _radii.printed_claims(run.paths.published_claims, run.dataset)
    radii = sorted(printed.radius.unique()) if run.dataset in set(printed.dataset) else []
    return {
        "images": frame,
        "costs": costs(frame),
        "differences": differences(frame),
        "orders": _envelope.orderings(frame, Envelopes(frame), PAIRS, radii),
    }


def shared(frame: pd.DataFrame) -> list[tuple[str, float]]:
    """(other noise, sigma) at which DSSN was certified as well."""
    sigmas = _radii.levels(frame)
    return [
        (other, sigma) for other in OTHERS for sigma in sorted(set(sigmas.get("dssn", [])) & set(sigmas.get(other, [])))
    ]


def by_share_alone(part: pd.DataFrame) -> pd.Series:
    """What each image would add to the ACR of DSSN if all other votes had gone to one class, which a lower bound on p_A
    supposes.

    :math:`\\lfloor (n_A - n_B - 1) / 2 \\rfloor / 255` with :math:`n_B = n - n_A`; `part`: its certificates, n_top of n
    votes.
    """
    return np.maximum(0, (2 * part.n_top - part.n - 1) // 2) / LEVELS * part.correct


def costs(frame: pd.DataFrame) -> pd.DataFrame:
    """Passes for each image, abstentions, and ACRs in l1 of DSSN and the other noise, with their paired difference."""
    wide, rows = _radii.wide(frame, "l1"), []
    for other, sigma in shared(frame):
        own, theirs = (frame[(frame.series == each) & (frame.sigma == sigma)] for each in ("dssn", other))
        one, two = (_radii.acr(wide[each, sigma]) for each in ("dssn", other))
        row = {"other": other, "sigma": sigma, "passes: dssn": own.n.iloc[0]}
        row |= {"passes: other": theirs.n.iloc[0] + theirs.n0.iloc[0]}
        row |= {"abstains: dssn": (own.predict < 0).sum(), "abstains: other": (theirs.predict < 0).sum()}
        row |= {"ACR l1: dssn": one.mean(), "dssn by p alone": by_share_alone(own).mean(), "ACR l1: other": two.mean()}
        rows.append(row | {"dssn minus other": _radii.in_words(paired_mean(one - two), "+.4f")})
    return pd.DataFrame(rows)


def differences(frame: pd.DataFrame) -> pd.DataFrame:
    """Certified accuracy of DSSN less that of the other noise, in points, at radii from 0 to the largest."""
    wide, rows = _radii.wide(frame, "l1"), []
    for other, sigma in shared(frame):
        one, two = (wide[each, sigma].to_numpy() for each in ("dssn", other))
        for radius in np.linspace(0, max(one.max(), two.max(), 0), STEPS)[:-1]:
            rows.append((other, sigma, radius, *paired_shares(one >= radius, two >= radius).times(100)))
    return pd.DataFrame(rows, columns=["second", "sigma", "radius", "difference", "low", "high"])


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn."""
    parts = [frames["orders"].assign(part="ordering"), frames["differences"].assign(part="dssn minus second")]
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The orderings by the envelope, for docs/replication.md."""
    return _envelope.summary(table)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    return _radii.where(frames["images"])


def findings(frames: Frames) -> list[Finding]:
    """The reported orderings; then what a deterministic certificate costs and gains."""
    images, orders, costs = frames["images"].idx.nunique(), frames["orders"], frames["costs"]
    found = [_envelope.finding_of(claim, words, *pair, orders, images) for pair, (claim, words) in PAIRS.items()]
    if len(costs):
        passes = span(costs["passes: dssn"], ",.0f")
        lost = costs.drop_duplicates("sigma")
        lost = span(lost["ACR l1: dssn"] - lost["dssn by p alone"], "+.4f")
        found.append(
            observation(
                f"DSSN takes {passes} passes for each image where the others took {costs['passes: other'].max():,}; "
                f"it abstains on {costs['abstains: dssn'].sum()} images, the others on "
                f"{span(costs['abstains: other'], '.0f')} of {images}. Counting the runner-up adds {lost} to its ACR."
            )
        )
    return found


def draw(frames: Frames) -> Figure:
    """Left the orderings; right DSSN minus the others against the radius."""
    import matplotlib.pyplot as plt

    parts = [name for name in ("orders", "differences") if len(frames[name])]
    figure, axes = plt.subplots(1, max(1, len(parts)), figsize=(12, 4.2), squeeze=False)
    for name, axis in zip(parts, axes[0]):
        if name == "orders":
            _envelope.draw_orderings(axis, frames[name])
        else:
            _draw_differences(axis, frames[name], _radii.colours(frames["images"]))
    return figure


def _draw_differences(axis: Axes, differences: pd.DataFrame, colours: dict[str, str]) -> None:
    """Of many levels the lowest, the middle and the highest; each pair and level a little beside the others."""
    levels = _radii.some(sorted(differences.sigma.unique()))
    cases = list(differences[differences.sigma.isin(levels)].groupby(["second", "sigma"], sort=False))
    width = differences.radius.max() / STEPS
    for i, ((second, sigma), part) in enumerate(cases):
        x = part.radius + (i - (len(cases) - 1) / 2) * 0.12 * width
        look: dict[str, Any] = {"fmt": style.MARKERS[levels.index(sigma)], "ms": 4, "lw": 1.1, "color": colours[second]}
        arms = style.whiskers(part.difference, part.low, part.high)
        axis.errorbar(x, part.difference, arms, label=f"{second}, {sigma:g}", **look)
    axis.axhline(0, color="0.4", lw=1)
    axis.set(
        title="DSSN minus the other, at equal $\\sigma$", xlabel="l1 radius r", ylabel="certified accuracy [points]"
    )
    bottom, top = axis.get_ylim()
    axis.set_ylim(bottom, top + 0.2 * (top - bottom))
    axis.legend(fontsize=8, ncols=2, loc="upper left")
