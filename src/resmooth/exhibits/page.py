"""One exhibit of one run for a notebook: its numbers are computed once and shown piece by piece.

page = Page("ensembles/acr_vs_k", run)
page.here             what this run shows in place of the source's experiment
page.table("gains")   a frame of numbers, rounded for reading
page.figure           the picture
page.found            its verdicts on claims, with reasons
page.save()           write its table, figure and findings to their paths in the plan
"""

from functools import cached_property
from pathlib import Path

import pandas as pd

from resmooth.audit.claims import statements
from resmooth.audit.findings import Finding
from resmooth.plan import Run

MARKS = {"holds": "✓", "fails": "✗", "not resolved": "○", "not comparable": "–"}


class Text(str):
    """Markdown that a notebook renders."""

    def _repr_markdown_(self) -> str:
        return str(self)


class Picture(bytes):
    """A PNG that a notebook shows, at two thirds of its pixels: sharp on fine screens."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width = int.from_bytes(self[16:20], "big")  # the header of a PNG
        return bytes(self), {"width": round(width * 2 / 3)}

    def __repr__(self) -> str:
        return f"<picture of {len(self):,} bytes>"


class Table(pd.DataFrame):
    """A table that a notebook shows whole: no row and no text is cut off."""

    def _repr_html_(self) -> str | None:
        with pd.option_context("display.max_colwidth", None, "display.max_rows", None, "display.max_columns", None):
            return super()._repr_html_()


class Page:
    """The exhibit `name` on `run`: a Run, the path of a config, or the name of one of config/*.yaml.

    ValueError, one line, where there is no such exhibit or this run cannot show it.
    """

    def __init__(self, name: str, run: Run | str | Path) -> None:
        self.run = run if isinstance(run, Run) else Run.from_file(_config(run))
        if name not in self.run.exhibits:
            raise ValueError(
                f"{name}: not an exhibit of the run {self.run.name}; it has {', '.join(self.run.exhibits)}"
            )
        self.exhibit = self.run.exhibits[name]
        self.frames = self.exhibit.compute(self.run)

    @property
    def here(self) -> Text:
        """What this run shows in place of the source's experiment."""
        return Text(self.exhibit.here(self.frames))

    def table(self, name: str, digits: int = 4, **by: str) -> pd.DataFrame:
        """The frame `name`, its numbers with so many significant digits, where its columns `by` have these values."""
        frame = self.frames[name]
        for column, value in by.items():
            frame = frame[frame[column] == value].drop(columns=column)
        shown = frame.map(lambda value: f"{value:.{digits}g}" if isinstance(value, float) else value)
        shown = shown.where(frame.notna(), "").set_axis([str(c).replace("_", " ") for c in frame.columns], axis=1)
        numbered = frame.index.names == [None] and pd.api.types.is_integer_dtype(frame.index)
        return Table(shown.set_axis([""] * len(shown), axis=0) if numbered else shown)

    @cached_property
    def figure(self) -> Picture:
        """The picture."""
        return Picture(self.exhibit.picture(self.frames))

    @cached_property
    def findings(self) -> list[Finding]:
        """What it says of the claims, as rows."""
        return self.exhibit.findings(self.frames)

    @property
    def found(self) -> Text:
        """What it says of the claims, as a list: verdict, statement and reason; then observations about no claim."""
        known = statements(self.exhibit.source)
        return Text("\n".join(f"- {in_words(each, known.get(each.claim, ''))}" for each in self.findings))

    def save(self) -> None:
        """Write the table, the figure and the findings where the plan has them."""
        self.exhibit.save(self.run, self.frames, self.figure)


def in_words(finding: Finding, statement: str = "") -> str:
    """A finding as one item of a Markdown list; `statement`: what it is on, by default the claim's id."""
    if not finding.claim:
        return finding.reason
    verdict = f"**{MARKS[finding.verdict]} {finding.verdict.capitalize()}**"
    return f"{verdict}: {f'*{statement}*' if statement else f'`{finding.claim}`'} {finding.reason}"


def _config(run: str | Path) -> Path:
    """The config that `run` names: a path, or the name of one of config/*.yaml."""
    return Path(run) if Path(run).suffix in (".yaml", ".yml") else Path("config") / f"{run}.yaml"
