"""Claims as data: every number, formula and checkable statement of a source, one row each.

`<source>.csv` holds the claims. `<source>_logs.tsv` beside it says which published log answers which row of a source's table.
claims/README.md explains columns and units.
"""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

COLUMNS = "id source item dataset method sigma metric radius value printed_digits acr_definition n alpha note".split()
DETAILS = "arch subset formula k dim case statement".split()  # further columns: files from before have none of them
ANSWER_COLUMNS = "item dataset method sigma log full_log remark".split()
OTHER = "other_log"  # a further column of such a file; one from before does not have it
NUMBERS = ("sigma", "radius", "value", "n", "alpha", "k", "dim")
ACCURACIES = ("certified_accuracy", "certified_accuracy_l1")  # within an l2 or an l1 radius
MEASURED = ("acr", *ACCURACIES, "abstention")  # what a table of certificates gives
METRICS = (*MEASURED, "formula", "statement")


def read_claims(paths: str | Path | Iterable[str | Path]) -> pd.DataFrame:
    """Read one or several claims files. Returns a DataFrame of COLUMNS, DETAILS, log, full_log, remark and other_log
    ("" if none).

    sigma, radius, n, alpha, k and dim are floats (nan where empty), printed_digits integers, `value` the string as printed, ""
    for a statement. FileNotFoundError or ValueError, one line that names file and line.
    """
    rows: list[dict] = []
    seen: dict[str, str] = {}
    for path in [Path(paths)] if isinstance(paths, str | Path) else map(Path, paths):
        answers = _read_answers(path)
        used = set()
        for line, row in _rows(path, ",", COLUMNS, DETAILS):
            claim = _checked(row, f"{path}, line {line}")
            if claim["id"] in seen:
                raise ValueError(f"{path}, line {line}: id {claim['id']} occurs already in {seen[claim['id']]}")
            seen[claim["id"]] = f"{path}, line {line}"
            used.add(_key(claim))
            rows.append(claim | answers.get(_key(claim), dict.fromkeys([*ANSWER_COLUMNS[4:], OTHER], "")))
        if stale := [key for key in answers if key not in used]:
            raise ValueError(f"{_answers_path(path)}: {' '.join(map(str, stale[0]))} is no row of {path.name}")
    if not rows:
        raise ValueError("no claims given; name at least one file with at least one claim")
    return pd.DataFrame(rows)


def _rows(path: Path, delimiter: str, columns: list[str], details: Sequence[str] = ()) -> Iterator[tuple[int, dict]]:
    """Yield (line number, row) of a table whose header is `columns`, alone or with all of `details` after them ("" if alone)."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter=delimiter)
        if reader.fieldnames not in (columns, [*columns, *details]):
            raise ValueError(f"{path}, line 1: expected the columns {' '.join([*columns, *details])}")
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"{path}, line {reader.line_num}: expected {len(reader.fieldnames)} fields")
            yield reader.line_num, dict.fromkeys(details, "") | row


def _checked(row: Mapping[str, str], where: str) -> dict:
    """One claim with its numbers converted. ValueError, starting with `where`, if a field cannot be right."""
    metric = row["metric"]
    if metric not in METRICS:
        raise ValueError(f"{where}: unknown metric {metric!r}; known: {', '.join(METRICS)}")
    if metric == "formula" and not row["formula"]:
        raise ValueError(f"{where}: a formula is named in the column formula; add the columns {' '.join(DETAILS)}")
    if empty := [name for name in _needed(metric) if not row[name]]:
        raise ValueError(f"{where}: {empty[0]} is empty")
    for name in ("formula", "statement"):
        if row[name] and metric != name:
            raise ValueError(f"{where}: only a claim with metric {name} has a {name}")
    numbers = {name: _number(row[name], name, where) for name in NUMBERS}
    _check_numbers(row, numbers, where)
    return dict(row) | numbers | {"value": row["value"], "printed_digits": _digits(row, where)}


def _needed(metric: str) -> list[str]:
    """The columns that a claim must fill."""
    if metric == "statement":
        return ["id", "source", "item", "statement"]
    needed = ["id", "source", "item", "method", "value"]
    return needed + ["dataset"] * (metric != "formula") + ["sigma"] * (metric in ("acr", "abstention"))


def _check_numbers(row: Mapping[str, str], numbers: Mapping[str, float], where: str) -> None:
    """ValueError, starting with `where`, if a number cannot be that of such a claim."""
    if numbers["sigma"] == 0 or numbers["alpha"] == 0 or numbers["alpha"] >= 1 or numbers["n"] < 1:
        raise ValueError(f"{where}: sigma must be above 0, n at least 1, and alpha between 0 and 1")
    if (row["metric"] in ACCURACIES) == math.isnan(numbers["radius"]):
        raise ValueError(f"{where}: a certified accuracy has a radius, and nothing else has one")
    if (row["metric"] == "acr") != (row["acr_definition"] in ("all", "correct")):
        raise ValueError(f'{where}: acr_definition must be "all" or "correct" for an ACR, and empty otherwise')
    if row["metric"] == "statement" and row["value"]:
        raise ValueError(f"{where}: a statement has no value; its number belongs into its sentence")
    if row["metric"] == "abstention" and numbers["value"] > 1:
        raise ValueError(f"{where}: an abstention is a share of the images, at most 1")


def _digits(row: Mapping[str, str], where: str) -> int:
    """Decimals of the printed value, which the file must say too."""
    digits = len(row["value"].partition(".")[2])
    if row["printed_digits"] != str(digits) and not (row["metric"] == "statement" and not row["printed_digits"]):
        raise ValueError(
            f"{where}: {row['value']} has {digits} decimals, but printed_digits is {row['printed_digits']!r}"
        )
    return digits


def _number(text: str, name: str, where: str) -> float:
    """`text` as a finite number of at least 0; nan if it is empty."""
    try:
        number = float(text or "nan")
    except ValueError:
        raise ValueError(f"{where}: {name} is not a number: {text!r}") from None
    if text and not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{where}: {name} must be a finite number of at least 0, got {text!r}")
    return number


def _answers_path(path: Path) -> Path:
    return path.with_name(f"{path.stem}_logs.tsv")


def _read_answers(path: Path) -> dict[tuple, dict]:
    """Which log answers which row of a table: key -> {log, full_log, remark, other_log}. Without such a file, none does."""
    path, answers = _answers_path(path), {}
    for line, row in _rows(path, "\t", ANSWER_COLUMNS, [OTHER]) if path.is_file() else []:
        key = _key(row | {"sigma": _number(row["sigma"], "sigma", f"{path}, line {line}")})
        if key in answers:
            raise ValueError(f"{path}, line {line}: {' '.join(map(str, key))} occurs twice")
        answers[key] = {name: row[name] for name in (*ANSWER_COLUMNS[4:], OTHER)}
    return answers


def _key(row: Mapping) -> tuple:
    """What a row of a printed table is told by; None stands for an empty sigma, since nan equals nothing."""
    return row["item"], row["dataset"], row["method"], None if math.isnan(row["sigma"]) else row["sigma"]


def statements(source: str, folder: str | Path = "claims") -> dict[str, str]:
    """id -> statement of the checkable sentences of a source, from <folder>/<source>.csv; none where there is no such file."""
    path = Path(folder) / f"{source}.csv"
    if not path.is_file():
        return {}
    return {
        row["id"]: row["statement"] for _, row in _rows(path, ",", COLUMNS, DETAILS) if row["metric"] == "statement"
    }
