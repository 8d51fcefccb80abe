"""Claims as the Markdown pages show them: in words, with values, intervals and evidence, counted and grouped."""

from collections.abc import Mapping

import pandas as pd

from resmooth.site.templating import MARKS, counted

NUMBER = {
    "acr": "ACR",
    "certified_accuracy": "certified accuracy",
    "certified_accuracy_l1": "certified accuracy in l1",
    "abstention": "abstention",
}


def claim_in_words(row: Mapping) -> str:
    """A claim in a few words: its statement, or what its number is of."""
    if row["metric"] == "statement":
        return row["statement"]
    about = [row["dataset"], row["method"], NUMBER.get(row["metric"], "")]
    if not pd.isna(row["sigma"]):
        about.append(f"sigma = {row['sigma']:g}")
    if not pd.isna(row["radius"]):
        about.append(f"r = {row['radius']:g}")
    return ", ".join(filter(None, about))


def published_value(row: Mapping) -> str:
    """The value that a log or a formula gives, with its interval."""
    shown = f".{row['printed_digits'] + 1}f"
    return _with_interval(row["ours"], row["ci_low"], row["ci_high"], "%" if "accuracy" in row["metric"] else "", shown)


def run_value(row: Mapping) -> str:
    """The value that this run gives, with its interval and unit."""
    return _with_interval(row["run_value"], row["run_low"], row["run_high"], row["run_unit"])


def _with_interval(value: float, low: float, high: float, unit: str, shown: str = ".4g") -> str:
    if pd.isna(value):
        return ""
    interval = "" if pd.isna(low) else " (exact)" if low == high else f" [{low:{shown}}, {high:{shown}}]"
    return f"{value:{shown}}{interval}{' ' if unit else ''}{unit}"


def listed(rows: pd.DataFrame) -> list[dict]:
    """Rows of the joined audit for a template: with `words`, `published_value`, `found` (this run's value) and `mark`."""
    return [row | _words(row) for row in rows.to_dict("records")]


def _words(row: Mapping) -> dict[str, str | bool]:
    values = {"published_value": published_value(row), "found": run_value(row)}
    about = {"words": claim_in_words(row), "mark": MARKS.get(row["run_verdict"], "")}
    return values | about | {"approximation": 'Printed with "~"' in row["reason"]}


def tallies(frame: pd.DataFrame) -> list[dict]:
    """source -> how many claims, and how often each verdict of both kinds, as the template shows them."""
    return [
        {
            "source": source,
            "claims": len(part),
            "published": counted(part["verdict"], "published"),
            "run": counted(part["run_verdict"], "run"),
        }
        for source, part in frame.groupby("source", sort=False)
    ]


def grouped(rows: pd.DataFrame, by: list[str]) -> list[dict]:
    """How many rows share the values of the columns `by`, most first, and the sources and items that they are of."""
    groups = [
        dict(zip(by, key, strict=True))
        | {"count": len(part), "where": ", ".join(dict.fromkeys(part["source"] + "/" + part["item"]))}
        for key, part in rows.groupby(by, sort=False, dropna=False)
    ]
    return sorted(groups, key=lambda group: -group["count"])


def observations(found: pd.DataFrame) -> list[dict]:
    """Findings about no claim, by exhibit: {exhibit, rows}."""
    own = found[found["claim"] == ""]
    shown = own.assign(run_value=own["value"], run_low=own["low"], run_high=own["high"], run_unit=own["unit"])
    return [
        {"exhibit": exhibit, "rows": [row | {"found": run_value(row)} for row in part.to_dict("records")]}
        for exhibit, part in shown.groupby("exhibit", sort=False)
    ]
