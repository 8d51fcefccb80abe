"""Average certified radius of Smooth-Mean against the noise level.

Smooth-Reduce, Figure 1: the ACR of a network and of Smooth-Mean over its patches at every noise level, and their ratio. Above,
what the paper prints, beside what its own certified accuracies give under one definition of the ACR, and after division by the
operator norm L. Below, the networks of a run, for each place where noise can be added: certified (R / L) and as published (R).
Ratios are paired over the images, networks fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.exhibits.base import Finding, Frames
from resmooth.exhibits.smooth_reduce import _fig1_findings, _fig1_numbers
from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce._methods import CASE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run


def needs(run: Run) -> dict[str, list[str]] | None:
    """Certificates of each network under Smooth-Mean, of the fewest and the most patches, and of the network itself."""
    found = []
    for base in methods.bases(run):
        spaces = methods.first_in_each_space(run, base)
        reduced = methods.over_patches(run, spaces, ["mean"], methods.ends)
        found += methods.single(run, [base], methods.levels(spaces)) + reduced if reduced else []
    return {"certificates": found} if found else None


def compute(run: Run) -> Frames:
    """images; acr; ratios; changes from the smallest to the largest level; printed: what the paper prints and implies."""
    frame = methods.read(run, (needs(run) or {"certificates": []})["certificates"])
    frame["training"] = frame.base.map({each.name: each.method for each in methods.bases(run)})
    return {
        "images": frame,
        "acr": methods.averages(frame),
        "ratios": _fig1_numbers.ratios(frame),
        "changes": _fig1_numbers.changes(frame),
        "printed": _fig1_numbers.as_printed(),
    }


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, and the changes."""
    return pd.concat([frames[name].assign(part=name) for name in ("printed", "acr", "ratios", "changes")])


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The table of docs/replication.md: ACR over all images and its ratio to that of the network, and that of correct images."""
    keys = [*CASE, "kind"]
    table = table.assign(space=table.space.fillna(""), k=table.k.fillna(0).astype(int))
    acr = table[table.part == "acr"].set_index(keys)[["acr_all", "acr_correct"]]
    ratios = table[table.part == "ratios"].pivot(index=keys, columns="definition", values="value")
    shown = acr.join(ratios.add_prefix("ratio, ")).round(3).astype(object)
    return shown.where(shown.notna(), "").reset_index().drop(columns=["experiment", "frames"])


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    frame = frames["images"]
    sizes = ", ".join(map(str, sorted(frame.k[frame.k > 0].unique())))
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(frame.sigma.unique()))
    return (
        f"**Here.** One network each of {', '.join(frame.base.unique())} at sigma = {levels}, and Smooth-Mean over {sizes} "
        f"patches of it (the fewest and the most of each noise space), {frame.idx.nunique()} images, n = {frame.n.max():,}, "
        f"alpha = {frame.alpha.max():g}. Data and networks are not the paper's: ratios can be compared, ACRs cannot."
    )


def findings(frames: Frames) -> list[Finding]:
    """Whether Smooth-Mean improves its network and MACER, whether that grows with sigma, and what the printed numbers give."""
    return _fig1_findings.findings(frames)


def draw(frames: Frames) -> Figure:
    """Above, the printed ACRs and ratios; below, those of the run."""
    from resmooth.exhibits.smooth_reduce._fig1_drawing import draw

    return draw(frames)
