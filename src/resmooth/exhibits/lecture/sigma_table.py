"""Noise, training method and certified radius: the ImageNet table.

First the printed table beside what the authors' own logs give (the audit's claims), then the same table for this run: ACR and
certified accuracy of single networks by training method and level of noise, every comparison paired over the same images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pandas as pd

from resmooth.exhibits.base import Frames
from resmooth.exhibits.lecture import _sigma_table_numbers as numbers
from resmooth.exhibits.lecture._printed_table import printed, published, ranking
from resmooth.exhibits.lecture._sigma_table_drawing import draw
from resmooth.exhibits.lecture._sigma_table_findings import findings

if TYPE_CHECKING:
    from resmooth.plan import Run

__all__ = ["compute", "draw", "findings", "here", "needs", "summary", "table"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The audit's published part, and the certificates of all networks and ensembles under normal noise."""
    if not run.normal:
        return None
    return {"claims": [run.paths.published_claims], "certificates": run.certificates(run.normal)}


def compute(run: Run) -> Frames:
    """setting, claims, printed, acrs, ranking: the printed table; the others: this run. See the functions below."""
    claims = published(run.paths.published_claims)
    frame = run.read_certificates(cast("dict[str, list[str]]", needs(run))["certificates"])
    singles = frame[frame.aggregation == "member"].copy()
    singles["in_lecture"] = singles.experiment.map({each.name: numbers.printed_name(run, each) for each in run.normal})
    singles["certified"] = singles.radius * singles.correct
    n, alpha = int(singles.n.max()), singles.alpha.max()
    ceilings = {sigma: numbers.ceiling(sigma, n, alpha) for sigma in sorted(singles.sigma.unique())}
    ours = numbers.this_run(singles, ceilings)
    about = {"run": run.name, "images": singles.idx.nunique(), "n": n, "alpha": alpha}
    about["bound"] = run.config["certify"].get("bound", "clopper_pearson")
    return {
        "setting": pd.DataFrame([about]),
        "claims": claims,
        "printed": printed(claims),
        "acrs": claims[claims.metric == "acr"][["sigma", "method", "reason"]].reset_index(drop=True),
        "ranking": ranking(claims),
        "levels": pd.DataFrame({"sigma": list(ceilings), "ceiling": list(ceilings.values())}),
        "images": singles,
        "ours": ours,
        "entries": numbers.entries(ours, singles),
        "comparison": numbers.against_gaussian(singles, ours),
        "curves": numbers.curves(singles, ceilings),
        "radii": numbers.exactness(frame),
    }


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, as one long frame; column `part` says which."""
    names = {"value": "printed", "ours": "value", "ci_low": "low", "ci_high": "high"}
    columns = ["sigma", "method", "metric", "radius", "value", "ours", "ci_low", "ci_high", "images", "verdict"]
    claimed = frames["claims"][columns].rename(columns=names)
    full = frames["ranking"][["sigma", "method", "full_log"]].assign(metric="acr")
    claimed = claimed.merge(full, how="left", on=["sigma", "method", "metric"])
    parts = [claimed.assign(part="ImageNet")]
    parts.append(frames["ours"].drop(columns=["low", "high"]).assign(part="this run, table"))
    parts.append(frames["curves"].assign(part="this run, curve"))
    differences = frames["comparison"].rename(columns={"acr_minus_gaussian": "value"})
    parts.append(differences.assign(part="this run, ACR minus Gaussian's", metric="acr difference"))
    return pd.concat([part for part in parts if len(part)], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """ACR over all images by training and level: in brackets the deviation between seeds, bold what differs from Gaussian's."""
    acr = table[(table.part == "this run, table") & (table.metric == numbers.ACR)]
    differs = table[(table.metric == "acr difference") & table.verdict.isin(["above", "below"])]
    bold = set(zip(differs.sigma, differs.method))
    rows: dict[str, dict] = {}
    for row in acr.itertuples():
        entry = f"{row.value:.3f}" + ("" if pd.isna(row.sd_of_seeds) else f" ({row.sd_of_seeds:.3f})")
        cell = {f"sigma {row.sigma:g}": f"**{entry}**" if (row.sigma, row.method) in bold else entry}
        rows.setdefault(row.method, {"method": row.method}).update(cell)
    return pd.DataFrame(list(rows.values())).fillna("")


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    claims, singles, about = frames["claims"], frames["images"], frames["setting"].iloc[0]
    seeds = singles.groupby("experiment", sort=False).classifier.nunique()
    evidence = "public per-image logs" if claims.ours.notna().any() else "nothing: no log is at hand"
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in claims.verdict.value_counts().items())
    return (
        f"**Here.** First the printed table against {evidence}. The verdicts on its {len(claims)} numbers: {verdicts}. Then "
        f"the same table for the run `{about.run}`, architecture-recipe (number of seeds): "
        f"{', '.join(f'{name} ({count})' for name, count in seeds.items())}; {about.images} images instead of 500, n = "
        f"{about.n:,} and alpha = {about.alpha:g}. Other data and networks: shapes can be compared, numbers cannot. Radii are "
        "in units of the [0, 1] image."
    )
