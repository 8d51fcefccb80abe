"""The audit as one self-contained page: a table that sorts, filters and prints, and whose state is in its address."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from resmooth import storage
from resmooth.site.templating import MARKS, MEANINGS, NONE, counted
from resmooth.site.templating import render as filled

QUANTITIES = {
    "acr": "ACR",
    "certified_accuracy": "accuracy, %",
    "certified_accuracy_l1": "accuracy in l1, %",
    "abstention": "abstention",
    "formula": "formula",
    "statement": "statement",
}
HEADERS = {  # column of the page -> whether it sorts as numbers, and its width on a wide screen ("": it has a line of its own)
    "Source": (False, "7.6em"),
    "Dataset": (False, "6.2em"),
    "Method": (False, "minmax(7em, 1fr)"),
    "σ": (True, "2.9em"),
    "Quantity": (False, "7.2em"),
    "r": (True, "2.9em"),
    "Printed": (True, "7.6em"),
    "Re-derived": (True, "9.2em"),
    "SE": (True, "4.4em"),
    "95 % interval": (True, "8.8em"),
    "Images": (True, "5em"),
    "Verdict": (False, "8.6em"),
    "Reason": (False, ""),
    "Log": (False, "8em"),
}
RUN_HEADERS = {
    "This run": (True, ""),
    "Its interval": (True, ""),
    "Its verdict": (False, ""),
    "Its reason": (False, ""),
    "Exhibit": (False, ""),
}


class Number(NamedTuple):
    """A number as the page shows it, and the value by which it sorts (nan: after all others)."""

    shown: str
    value: float


def write_page(path: Path | str, frame: pd.DataFrame, run: str = "") -> None:
    """Write `render(frame, run)` to `path`, atomically."""
    with storage.atomic(path) as temporary:
        temporary.write_text(render(frame, run), encoding="utf-8")


def render(frame: pd.DataFrame, run: str = "") -> str:
    """The page as a string of HTML that requests nothing from anywhere.

    `frame`: any number of rows of published.AUDIT_COLUMNS, and of evidence.RUN_COLUMNS where a run is audited; `run`: what that
    run is, in a few words. All text is escaped.
    """
    joined = "run_verdict" in frame
    kinds = {"verdict": "published", "run_verdict": "run"} if joined else {"verdict": "published"}
    boxes = {column: counted(frame[column], kind) for column, kind in kinds.items()}
    return filled(
        "audit.html.j2",
        headers=HEADERS | (RUN_HEADERS if joined else {}),
        widths=" ".join(width for _, width in HEADERS.values() if width),
        rows=[_row(row, joined) for row in frame.to_dict("records")],
        boxes={column: _without_empty_none(counts) for column, counts in boxes.items()},
        meanings={column: MEANINGS[kind] for column, kind in kinds.items()},
        marks=MARKS,
        no_verdict=NONE,
        run=run,
        summary=_summary(frame, boxes),
        sources=_sources(frame, kinds),
    )


def _without_empty_none(counts: Mapping[str, int]) -> dict[str, int]:
    """All verdicts, and NONE only where some claim has none."""
    return {verdict: count for verdict, count in counts.items() if count or verdict != NONE}


def _summary(frame: pd.DataFrame, boxes: Mapping) -> dict:
    """The numbers of the first paragraph."""
    statements = int((frame.metric == "statement").sum())
    return {
        "printed": len(frame) - statements,
        "statements": statements,
        "sources": frame.source.nunique(),
        "logs": frame.log[frame.ours.notna() & (frame.log != "")].nunique(),
        "doubtful": int(((frame.verdict == "reproduced") & (frame.caveat != "")).sum()),
        "formulas": bool((frame.metric == "formula").any()),
        "tallies": boxes,
    }


def _sources(frame: pd.DataFrame, kinds: Mapping[str, str]) -> list[dict]:
    """Name, number of claims and tallies of each source, where there are several."""
    if frame.source.nunique() < 2:
        return []
    return [
        {"name": source, "claims": len(part)} | {column: counted(part[column], kind) for column, kind in kinds.items()}
        for source, part in frame.groupby("source", sort=False)
    ]


def _row(row: Mapping, joined: bool) -> dict:
    """What the template shows of one claim. Numbers carry their full value for sorting."""
    digits = int(row["printed_digits"]) + 1
    shown = dict(row) | {
        "quantity": QUANTITIES[row["metric"]],
        "sigma": _sigma(row),
        "radius": _number(row["radius"], "{:g}"),
        "printed": Number(str(row["printed"]), float(row["printed"] or "nan")),
        "ours": _number(row["ours"], f"{{:.{digits}f}}"),
        "standard_error": _number(row["standard_error"], f"{{:.{digits}f}}"),
        "interval": _interval(row["ci_low"], row["ci_high"], f"{{:.{digits}f}}"),
        "images": _number(row["images"], "{:.0f}"),
        "repository": "/".join(str(row["log"]).split("/")[:2]),
        "linked": str(row["address"]).startswith("https://"),
    }
    if joined:
        shown |= {
            "run_value": _number(row["run_value"], f"{{:.4g}} {row['run_unit']}".rstrip()),
            "run_interval": _interval(row["run_low"], row["run_high"], "{:.4g}"),
        }
    return shown


def _number(value: float, pattern: str) -> Number:
    return Number("", math.nan) if pd.isna(value) else Number(pattern.format(value).replace("-", "−"), float(value))


def _sigma(row: Mapping) -> Number:
    """The level of the noise; "best" for a certified accuracy that is the best over all levels."""
    envelope = pd.isna(row["sigma"]) and row["metric"] not in ("formula", "statement")
    return Number("best", math.nan) if envelope else _number(row["sigma"], "{:g}")


def _interval(low: float, high: float, pattern: str) -> Number:
    if pd.isna(low):
        return Number("", math.nan)
    between = "–" if low >= 0 else "to"
    return Number(f"{pattern.format(low)} {between} {pattern.format(high)}".replace("-", "−"), float(low))
