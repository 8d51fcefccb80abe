"""Audit the claims of the sources, gather the published logs behind them, and report what a run replicates."""

from pathlib import Path
from typing import Annotated

import typer

from resmooth import storage
from resmooth.cli.environment import mirror_folder
from resmooth.cli.progress import say

Claims = Annotated[list[Path], typer.Option(help="Claims of one source (CSV); repeat the option.")]
Logs = Annotated[Path, typer.Option(help="Table of published logs.")]
DataDir = Annotated[Path, typer.Option(help="Where downloads are kept.")]
Config = Annotated[Path, typer.Option(help="Config of a finished run (YAML).")]
LOGS, DATA_DIR = Path("claims/published_logs.tsv"), Path("data")


def claims(
    claims: Claims,
    out: Annotated[Path, typer.Option(help="Table to write (.csv).")],
    logs: Logs = LOGS,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Compare every claim with the published log or the exact formula that answers it. Needs no trained model."""
    from resmooth import audit as audits
    from resmooth import site

    site.write_table(out, _published(audits.read_claims(claims), logs, data_dir))


def audit(
    claims: Claims,
    out: Annotated[Path, typer.Option(help="Folder for audit.csv and index.html; of a run, also findings.md.")],
    logs: Logs = LOGS,
    data_dir: DataDir = DATA_DIR,
    published: Annotated[
        Path | None, typer.Option(help="What `resmooth claims` wrote, instead of comparing again.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="Config of a finished run whose findings to join (YAML).")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a verdict is not that of OUT/audit.csv.")
    ] = False,
) -> None:
    """Compare every claim with published logs and exact formulas, and with what a run found, in one row for each."""
    from resmooth import audit as audits
    from resmooth import site
    from resmooth.plan import Run

    stated = audits.read_claims(claims)
    frame = audits.read_published(published) if published else _published(stated, logs, data_dir)
    this = found = None
    if run:
        this = Run.from_file(run)
        shown = [name for name, each in this.exhibits.items() if each.source in set(stated.source)]
        found = audits.read_findings({name: this.paths.findings(name) for name in shown})
        frame = audits.join(frame, stated, found, this)
    if check:
        return audits.check_verdicts(frame, out / "audit.csv")
    site.write_audit(out, frame, found, this)
    for column, words in {"verdict": "published evidence", "run_verdict": "this run"}.items():
        counts = frame[column].replace("", "no verdict").value_counts() if column in frame else {}
        for verdict, number in counts.items():
            say(f"audit: {words}: {number} of {len(frame)} claims {verdict}")


def _published(stated, logs, data_dir):
    """The evidence of published logs and exact formulas on the claims `stated`."""
    from resmooth import audit as audits

    return audits.audit_claims(stated, audits.read_logs_table(logs), data_dir / "published_logs", mirror_folder())


def report(
    run: Config,
    out: Annotated[Path, typer.Option(help="Markdown file to write.")] = Path("docs/replication.md"),
    kept: Annotated[
        list[Path],
        typer.Option(help="Folder with config.yaml, findings and tables of another run; repeat the option."),
    ] = [],  # noqa: B006  never changed
) -> None:
    """Write what a finished and audited run replicates, source by source, from its audit, its findings and its tables."""
    from resmooth import site
    from resmooth.plan import Run

    text = site.replication(Run.from_file(run), run, out, map(site.kept_run, kept))
    with storage.atomic(out) as temporary:
        temporary.write_text(text, encoding="utf-8")
    say(f"{out}: written")


def logs(
    out: Annotated[Path, typer.Option(help="Table to write (.parquet).")],
    training: Annotated[str, typer.Option(help="How the certified networks were trained.")] = "gaussian",
    logs: Logs = LOGS,
    data_dir: DataDir = DATA_DIR,
) -> None:
    """Gather the published logs of test images that were certified with the noise of training. Without a connection: none."""
    from resmooth import audit as audits

    table = audits.read_logs_table(logs)
    own = (table.training == training) & (table.sigma_train == table.sigma_certify) & table.file.str.contains("/test/")
    if not own.any():
        raise ValueError(f"{logs}: lists no log of {training!r} training; known: {', '.join(table.training.unique())}")
    frame = audits.gather_logs(table[own], data_dir / "published_logs", mirror_folder(), say)
    with storage.atomic(out) as temporary:
        frame.to_parquet(temporary, index=False)
    say(f"{out}: {frame.file.nunique()} of {own.sum()} logs")
