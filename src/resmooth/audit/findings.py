"""Findings: a run's verdicts on claims. Each exhibit writes its findings; the audit joins them with all other evidence."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from resmooth import storage

VERDICTS = {
    "holds": "the interval lies on the side of the claim",
    "fails": "the interval lies on the other side",
    "not resolved": "the interval lies on both sides",
    "not comparable": "this run is another experiment than the one that the source speaks of",
}


@dataclass(frozen=True)
class Finding:
    """The verdict of one run on one claim.

    claim     id of a row of claims/*.csv; "" for an observation that is about no claim
    verdict   a key of VERDICTS; "" for an observation
    value     the number that decides, in `unit`; `low` to `high`: its 95 % interval (nan if there is none)
    reason    one sentence: what was compared with what, on how many images, networks or cases
    evidence  files that hold the numbers

    ValueError unless the verdict is known, there is a reason, and the interval runs upwards.
    """

    claim: str
    verdict: str
    reason: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    evidence: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.verdict not in (VERDICTS if self.claim else {"": ""}):
            raise ValueError(f"finding on {self.claim or 'no claim'}: unknown verdict {self.verdict!r}")
        if not self.reason:
            raise ValueError(f"finding on {self.claim or 'no claim'}: says no reason")
        if self.low > self.high:
            raise ValueError(f"finding on {self.claim or 'no claim'}: its interval runs from {self.low} to {self.high}")


COLUMNS = [field.name for field in fields(Finding)]


def observation(reason: str, **about: Any) -> Finding:
    """A finding that is about no claim: an observation of this project that the reader should know."""
    return Finding("", "", reason, **about)


def write(path: Path | str, findings: Iterable[Finding]) -> None:
    """Write findings as CSV, atomically. A last column, `of`, says how many there are: a truncated file is noticed."""
    rows = [asdict(each) | {"evidence": " ".join(each.evidence)} for each in findings]
    frame = pd.DataFrame(rows, columns=COLUMNS).assign(of=len(rows))
    with storage.atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n")


def read(paths: Mapping[str, Path | str]) -> pd.DataFrame:
    """The findings of several exhibits, name -> path of its file; a column `exhibit` says whose each is.

    FileNotFoundError or ValueError, one line that names the file.
    """
    frames = [pd.DataFrame(columns=[*COLUMNS, "exhibit"])]
    for exhibit, path in paths.items():
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path}: no such file of findings; render its exhibit first")
        try:
            frame = pd.read_csv(path, dtype={"claim": str, "verdict": str, "unit": str, "evidence": str, "reason": str})
            frame = frame.astype({"value": float, "low": float, "high": float, "of": int})
            _check(frame)
            frame = frame[COLUMNS]
        except (KeyError, ValueError, UnicodeDecodeError):
            raise ValueError(f"{path}: not a file of findings; delete it and render its exhibit again") from None
        frames.append(frame.assign(exhibit=exhibit))
    found = pd.concat(frames[1:] or frames, ignore_index=True)
    texts = ["claim", "verdict", "unit", "evidence", "reason"]
    return found.assign(**{name: found[name].fillna("") for name in texts})


def _check(frame: pd.DataFrame) -> None:
    """ValueError unless these are all the findings that were written, each with a verdict that there is."""
    claims = frame["claim"].notna()
    if (frame["of"] != len(frame)).any() or not frame["verdict"][claims].isin(list(VERDICTS)).all():
        raise ValueError
