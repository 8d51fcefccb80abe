"""Certified accuracy of Smooth-Reduce for several numbers of patches.

Smooth-Reduce, Figure 3: certified accuracy of a network and of Smooth-Max and Smooth-Mean over k patches of it, for several k, as
the paper would publish it (R) and certified (R / L, where L grows as sqrt(k) with noise on each patch). The largest k is compared
with the smallest on the same images, networks fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Finding, Frames
from resmooth.exhibits.smooth_reduce import _fig3_findings, _fig3_numbers
from resmooth.exhibits.smooth_reduce import _methods as methods

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run


def needs(run: Run) -> dict[str, list[str]] | None:
    """Certificates of the base and of Smooth-Reduce over it, at levels that have several numbers of patches cut alike."""
    found = _fig3_numbers.several(run)
    if not found:
        return None
    at = {sigma for _, sigma in found}
    return {
        "base": methods.single(run, run.reduced[:1], at),
        "reduced": list(dict.fromkeys(path for paths in found.values() for path in paths)),
    }


def compute(run: Run) -> Frames:
    """images; averages; curves; changes from the smallest to the largest k; printed: the same of Table 4, from 8 to 16."""
    paths = needs(run) or {}
    frame = methods.read(run, [path for role in paths.values() for path in role])
    frame["group"] = frame.experiment.map(_fig3_numbers.groups(run)).fillna("")
    kept = frame.drop_duplicates(methods.CASE)[[*methods.CASE, "group"]]
    return {
        "images": frame,
        "averages": _fig3_numbers.averages(frame).merge(kept, on=methods.CASE),
        "curves": methods.curves(frame).merge(kept, on=methods.CASE),
        "changes": _fig3_numbers.changes(frame),
        "printed": _fig3_numbers.as_printed(),
    }


def table(frames: Frames) -> pd.DataFrame:
    """All but the images."""
    return pd.concat([frames[name].assign(part=name) for name in ("averages", "changes", "printed", "curves")])


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The table of docs/replication.md: how the ACR changes from the smallest to the largest number of patches."""
    shown = table[table.part == "changes"][
        ["group", "sigma", "method", "kind", "fewest", "most", "value", "low", "high"]
    ]
    return shown.astype({"fewest": int, "most": int}).round(3)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame = frames["images"]
    cut = "; ".join(
        f"{name}: k = {', '.join(map(str, sorted(part.k.unique())))}"
        for name, part in frame[frame.k > 0].groupby("group", sort=False)
    )
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(frame.sigma.unique()))
    return (
        f"**Here.** One network of {frame.base.iloc[0]} at sigma = {levels}. {cut[:1].upper()}{cut[1:]}. {frame.idx.nunique()} "
        f"images, n = {frame.n.max():,}, alpha = {frame.alpha.max():g}. The paper has ImageNet and 4, 8 and 16 patches."
    )


def findings(frames: Frames) -> list[Finding]:
    """Whether Smooth-Max stays the same, whether Smooth-Mean grows with k, and whether it does so more at a larger sigma."""
    return _fig3_findings.findings(frames)


def draw(frames: Frames) -> Figure:
    """A column for each level; rows: certified accuracy as published, certified, and the ACR against k."""
    from resmooth.exhibits.smooth_reduce._fig3_drawing import draw

    return draw(frames)
