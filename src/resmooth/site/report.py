"""The replication report in Markdown: one run's verdicts on every source, with the tables of its exhibits.

Runs that take hours are not repeated for it: of these a folder of small files is kept, named as they were in the results
(config.yaml, findings/<source>/<item>.csv, tables/<source>/<item>.csv). What they say of a source follows what the run says.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from resmooth.audit.evidence import in_words, read_audit
from resmooth.audit.findings import read as read_findings
from resmooth.site import blocks
from resmooth.site.templating import markdown_cell, render

if TYPE_CHECKING:
    from resmooth.plan import Run


def replication(run: "Run", config: str | Path, out: str | Path, kept: Iterable["Run"] = ()) -> str:
    """The report of a finished run as Markdown, from its audit, its findings and the tables of its exhibits.

    `config`, `out`: as on the command line, for the line that says how to write it anew; `kept`: other runs, from `kept_run`.
    FileNotFoundError, one line, for a part that the run has not made yet.
    """
    kept = list(kept)
    frame = read_audit(run.paths.audit("audit.csv"))
    found = read_findings({name: run.paths.findings(name) for name in run.exhibits})
    return render(
        "replication.md.j2",
        run=run,
        run_words=in_words(run),
        config=config,
        out=out,
        tallies=blocks.tallies(frame),
        kept=[Path(each.paths.root) for each in kept],
        sources=[
            _source(source, part, found, run)
            | {"others": [_other(source, part, each) for each in kept if _of(source, each)]}
            for source, part in frame.groupby("source", sort=False)
        ],
    )


def kept_run(folder: str | Path) -> "Run":
    """The run of which `folder` keeps config.yaml, findings and tables. FileNotFoundError or ValueError, one line."""
    from resmooth.plan import Run

    folder = Path(folder)
    run = Run.from_file(folder / "config.yaml", results=str(folder.parent))
    if Path(run.paths.root) != folder:
        raise ValueError(f"{folder}/config.yaml: is of the run {run.name}; keep it in a folder of that name")
    return run


def _source(source: str, part: pd.DataFrame, found: pd.DataFrame, run: "Run") -> dict:
    """What the template shows of one source."""
    return {
        "name": source,
        **blocks.tallies(part)[0],
        "statements": blocks.listed(part[part["metric"] == "statement"]),
        "compared": blocks.listed(part[(part["metric"] != "statement") & part["run_value"].notna()]),
        "differs": blocks.listed(part[part["verdict"] == "differs"]),
        "observations": blocks.observations(found[found["exhibit"].str.startswith(f"{source}/")]),
        "tables": [table for name in run.exhibits if name.startswith(f"{source}/") for table in summary(name, run)],
    }


def _of(source: str, run: "Run") -> dict[str, str]:
    """The exhibits of a source of which a kept run has findings, with the paths of these."""
    paths = {name: run.paths.findings(name) for name in run.exhibits if name.startswith(f"{source}/")}
    return {name: path for name, path in paths.items() if Path(path).is_file()}


def _other(source: str, part: pd.DataFrame, run: "Run") -> dict:
    """What the template shows of a source on a kept run: its verdicts, in the words of the claims `part`, and its tables."""
    paths = _of(source, run)
    found = read_findings(paths)
    verdicts = found[found["claim"] != ""].rename(columns={"verdict": "run_verdict", "reason": "run_reason"})
    verdicts = verdicts.rename(columns={name: f"run_{name}" for name in ("value", "low", "high", "unit")})
    about = ["id", "metric", "statement", "ours", "ci_low", "ci_high", "printed_digits", "reason"]
    return {
        "name": run.name,
        "words": in_words(run),
        "statements": blocks.listed(verdicts.merge(part[about], left_on="claim", right_on="id")),
        "observations": blocks.observations(found),
        "tables": [table for name in paths if _kept_table(name, run) for table in summary(name, run)],
    }


def _kept_table(name: str, run: "Run") -> bool:
    """Whether the table of an exhibit is kept; large ones need not be."""
    return Path(run.paths.page(name, "csv")).is_file()


def summary(name: str, run: "Run") -> list[dict]:
    """Title and Markdown table of an exhibit whose module has `summary(table)`; an empty list for any other."""
    exhibit = run.exhibits[name]
    if not hasattr(exhibit.module, "summary"):
        return []
    path = Path(run.paths.page(name, "csv"))
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not there yet; the report needs all exhibits of the run {run.name}")
    table = exhibit.module.summary(pd.read_csv(path))
    return [{"name": name, "title": exhibit.title, "table": markdown(table)}] if len(table) else []


def markdown(frame: pd.DataFrame) -> str:
    """A small table in Markdown. Floats have up to four significant digits; empty cells where there is no value."""
    names = [markdown_cell(str(name).replace("_", " ")) for name in frame.columns]
    lines = [names, ["---"] * len(names)]
    lines += [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, str) and pd.isna(value):
        return ""
    return markdown_cell(f"{value:.4g}" if isinstance(value, float) else value)
