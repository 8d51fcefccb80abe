"""The files of one audit."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from resmooth import storage
from resmooth.audit.evidence import in_words
from resmooth.site.audit_page import write_page
from resmooth.site.findings_page import findings_page

if TYPE_CHECKING:
    from resmooth.plan import Run


def write_table(path: Path | str, frame: pd.DataFrame) -> None:
    """Write a table of claims as CSV, atomically."""
    with storage.atomic(path) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.10g", lineterminator="\n")


def write_audit(
    folder: Path | str, frame: pd.DataFrame, found: pd.DataFrame | None = None, run: "Run | None" = None
) -> None:
    """Write audit.csv and index.html, and findings.md where a run is audited, each whole or not at all.

    `frame`: of `published.audit_claims`, or of `evidence.join`; `found`: the findings joined in it.
    """
    folder = Path(folder)
    write_table(folder / "audit.csv", frame)
    write_page(folder / "index.html", frame, "" if run is None else in_words(run))
    if run is not None:
        with storage.atomic(folder / "findings.md") as temporary:
            temporary.write_text(findings_page(frame, found, run), encoding="utf-8")
