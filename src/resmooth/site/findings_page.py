"""findings.md: the claims that do not hold, those that are not resolved, those that hold, and further observations."""

from typing import TYPE_CHECKING

import pandas as pd

from resmooth.audit.evidence import in_words
from resmooth.site import blocks
from resmooth.site.templating import render

if TYPE_CHECKING:
    from resmooth.plan import Run


def findings_page(frame: pd.DataFrame, found: pd.DataFrame, run: "Run") -> str:
    """The page as Markdown. `frame`: of `evidence.join`; `found`: the findings joined in it, observations among them."""
    decided = frame[frame["run_verdict"].isin(["fails", "not resolved", "holds"])]
    statements = frame[(frame["metric"] == "statement") & (frame["run_verdict"] == "")]
    without = frame[frame["verdict"].isin(["not derivable", "unchecked"])]
    return render(
        "findings.md.j2",
        run=run,
        run_words=in_words(run),
        differs=blocks.listed(frame[frame["verdict"] == "differs"]),
        by_verdict={name: blocks.listed(part) for name, part in decided.groupby("run_verdict")},
        reproduced=blocks.grouped(
            frame[frame["verdict"].isin(["reproduced", "rounding"])], ["source", "item", "verdict"]
        ),
        not_comparable=blocks.grouped(frame[frame["run_verdict"] == "not comparable"], ["run_reason"]),
        undecided=blocks.listed(statements),
        without=blocks.grouped(without, ["verdict", "dataset", "method"]),
        observations=blocks.observations(found),
    )
