"""Which printed rows belong together: an ACR or an abstention, and the certified accuracies of the same experiment."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

DETAILED = {  # table -> the table of the same source that holds its certified accuracies, where it has none itself
    ("smooth_reduce", "table1"): "table3",
    ("smooth_reduce", "table2"): "table4",
}
NAMES = {  # row -> the rows of the detailed table that may be its, where they have other names
    ("smooth_reduce", "table1", "Smooth-Max Macer (Ours)"): ("MACER-Smooth-Max (Ours)",),
    ("smooth_reduce", "table1", "Smooth-Mean Macer (Ours)"): ("MACER-Smooth-Mean (Ours)",),
    ("smooth_reduce", "table1", "Ensemble RS (Horvath et al., 2021)"): (
        "Ensemble (Horvath et al., 2021)",
        "Ensemble (Alfarra et al., 2020)",  # its row at sigma = 1, with the reference of another method
    ),
    ("smooth_reduce", "table2", "Smooth-Max (Ours)"): tuple(
        f"Smooth-Max-{k} ({base})" for k in (16, 8) for base in ("PGD", "DDN")
    ),
    ("smooth_reduce", "table2", "Smooth-Mean (Ours)"): tuple(
        f"Smooth-Mean-{k} ({base})" for k in (16, 8) for base in ("PGD", "DDN")
    ),
}


class Remark(NamedTuple):
    """A sentence on a claim, and in a few words what a reader should doubt ("" if nothing)."""

    text: str
    caveat: str = ""


def detailed(claim: Mapping) -> str:
    """The table (`item`) of a claim's source that holds the certified accuracies behind it."""
    return DETAILED.get((claim["source"], claim["item"]), claim["item"])


def where(claim: Mapping) -> str:
    """ " in <table>" if that is another table than the claim's, else ""."""
    return "" if detailed(claim) == claim["item"] else f" in {detailed(claim)}"


def table(claim: Mapping, claims: pd.DataFrame) -> pd.DataFrame:
    """All certified accuracies of the table that holds those behind `claim`: every row and level."""
    own = (claims["source"] == claim["source"]) & (claims["item"] == detailed(claim))
    return claims[own & (claims["dataset"] == claim["dataset"]) & (claims["metric"] == "certified_accuracy")]


def curves(claim: Mapping, claims: pd.DataFrame, sigma: float | None = None) -> dict[str, pd.DataFrame]:
    """method -> certified accuracies by radius, ascending: the rows behind `claim`, or those that may be; at `sigma` if given."""
    names = NAMES.get((claim["source"], claim["item"], claim["method"]), (claim["method"],))
    at_level = table(claim, claims)
    at_level = at_level[at_level["sigma"] == (claim["sigma"] if sigma is None else sigma)]
    methods = at_level["method"].map(spelled)
    found = {name: at_level[methods == name].sort_values("radius") for name in map(spelled, names)}
    return {name: row for name, row in found.items() if len(row)}


def spelled(method: str) -> str:
    """A method's name with one space before a bracket: a table may print "Smooth-Max-8(PGD)" and "Smooth-Max-8 (PGD)"."""
    return re.sub(r"\s*\(", " (", method)


def of_method(claim: Mapping, claims: pd.DataFrame) -> pd.DataFrame:
    """All claims of the same quantity and method in the same table, at every level."""
    return _same(claim, claims, "source", "item", "dataset", "method", "metric")


def column(claim: Mapping, claims: pd.DataFrame) -> pd.DataFrame:
    """All claims of the same quantity in the same table at the same level: those that a reader compares with `claim`."""
    return _same(claim, claims, "source", "item", "dataset", "sigma", "metric")


def _same(claim, claims, *names):
    return claims[pd.concat([claims[name] == claim[name] for name in names], axis=1).all(axis=1)]


def shares(row: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(radii, certified accuracies, one unit of their last printed digit), the latter two as shares of the images."""
    return (
        row["radius"].to_numpy(dtype=float),
        row["value"].astype(float).to_numpy() / 100,
        10.0 ** -row["printed_digits"].to_numpy(dtype=float) / 100,
    )
