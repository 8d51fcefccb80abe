"""All evidence in one table: each claim with its published evidence and this run's verdict, or the reason why there is none."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from resmooth.audit import comparison, setting
from resmooth.audit.published import AUDIT_COLUMNS

if TYPE_CHECKING:
    from resmooth.plan import Run

RUN_COLUMNS = "run_value run_low run_high run_unit run_verdict run_reason run_evidence exhibit".split()
A_FORMULA = "A formula: no run decides it, its exact value does."
NUMBERS = [
    *"sigma radius printed_digits ours standard_error ci_low ci_high full_log_value images k dim".split(),
    *"run_value run_low run_high".split(),
]


def read_published(path: str | Path) -> pd.DataFrame:
    """A table that `resmooth claims` wrote. FileNotFoundError or ValueError, one line."""
    return _read(path, AUDIT_COLUMNS, "resmooth claims")


def read_audit(path: str | Path) -> pd.DataFrame:
    """The audit.csv of a run. FileNotFoundError or ValueError, one line."""
    return _read(path, [*AUDIT_COLUMNS, *RUN_COLUMNS], "resmooth audit --run")


def _read(path: str | Path, columns: list[str], writer: str) -> pd.DataFrame:
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file; {writer} writes it")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if list(frame.columns) != columns:
        raise ValueError(f"{path}, line 1: not the table that {writer} writes; write it again")
    numbers = {name: pd.to_numeric(frame[name]) for name in NUMBERS if name in frame}
    return frame.assign(**numbers).astype({"images": "Int64", "printed_digits": int})


def join(published: pd.DataFrame, claims: pd.DataFrame, found: pd.DataFrame, run: "Run") -> pd.DataFrame:
    """One row for each claim: `published` (AUDIT_COLUMNS), then RUN_COLUMNS.

    `claims`: from `read_claims`, the same claims; `found`: from `findings.read`. ValueError, one line, for two findings on one
    claim and for a finding on a claim that is not there.
    """
    if list(published["id"]) != list(claims["id"]):
        raise ValueError(
            "the published evidence is of other claims than the claims files hold; run resmooth claims again"
        )
    about = {row["claim"]: row for row in found.to_dict("records") if row["claim"]}
    _check(found[found["claim"] != ""], claims.set_index("id"), run)
    rows = []
    for before, claim in zip(published.to_dict("records"), claims.to_dict("records"), strict=True):
        whole = before | {name: claim[name] for name in ("n", "alpha", "acr_definition")}
        says = _found(about[claim["id"]]) if claim["id"] in about else _without(whole, run)
        rows.append(before | {"run_verdict": "", "run_unit": "", "run_evidence": "", "exhibit": ""} | says)
    return pd.DataFrame(rows).reindex(columns=[*AUDIT_COLUMNS, *RUN_COLUMNS]).astype({"images": "Int64"})


def _check(found: pd.DataFrame, known: pd.DataFrame, run: "Run") -> None:
    """ValueError unless each finding is on a statement of its own exhibit, and no two are on the same. `known`: claims by id."""
    for claim, exhibits in found.groupby("claim", sort=False)["exhibit"]:
        files = [run.paths.findings(name) for name in exhibits]
        if claim not in known.index:
            raise ValueError(
                f"{files[0]}: a finding on {claim}, which is in no claims file (claims/{claim.split('-')[0]}.csv?)"
            )
        about = known.loc[claim]
        if about["metric"] != "statement" or f"{about['source']}/{about['item']}" not in set(exhibits):
            raise ValueError(
                f"{files[0]}: a finding on {claim}, a {about['metric']} of {about['source']}/{about['item']}; an exhibit "
                "decides statements of its own item, and the audit decides printed numbers"
            )
        if len(files) > 1:
            raise ValueError(
                f"{claim}: two findings on one claim, in {files[0]} and in {files[1]}; let one exhibit decide it"
            )


def _found(finding: Mapping) -> dict:
    """The columns of a claim that a finding is about."""
    same = {f"run_{name}": finding[name] for name in ("value", "low", "high", "unit", "verdict", "reason", "evidence")}
    return same | {"exhibit": finding["exhibit"]}


def _without(claim: Mapping, run: "Run") -> dict:
    """The columns of a claim that no finding is about."""
    if claim["metric"] == "formula":
        return {"run_reason": A_FORMULA}
    if claim["metric"] == "statement":
        return {"run_reason": _undecided(claim, run)}
    return comparison.compare(claim, run)


def _undecided(claim: Mapping, run: "Run") -> str:
    """Which exhibit would decide a statement, and why this run does not."""
    exhibit = f"{claim['source']}/{claim['item']}"
    if exhibit in run.exhibits:
        return f"{exhibit} decides it, but found nothing to say of it on the run {run.name}."
    lacking = _lacking(claim["source"], run)
    why = f": it has {' and '.join(lacking)}" if lacking else ""
    return f"{exhibit} would decide it, and the run {run.name} cannot show it{why}."


def _lacking(source: str, run: "Run") -> list[str]:
    """What the exhibits of a source need and `run` does not have, in words."""
    needs = {
        "ensembles": {"one network only of each experiment": run.several, "no section decide": "decide" in run.config},
        "lecture": {
            "one training method only": len({each.method for each in run.general}) > 1,
            "one noise level only": len({case.sigma for case in run.cases}) > 1,
        },
        "noises": {
            "no noise but normal": any(each.noise != "normal" for each in run.general),
            "no section scores": "scores" in run.config,
        },
        "idrs": {"no section idrs": bool(run.idrs)},
        "smooth_reduce": {"no section patches": bool(run.reduced), "no section draws": "draws" in run.config}
        | {"no run on clips": run.videos is not None},
    }
    return [words for words, there in needs.get(source, {}).items() if not there]


def check_verdicts(frame: pd.DataFrame, path: str | Path) -> None:
    """ValueError (one line) if a verdict in `frame`, of published evidence or of this run, is not that of audit.csv (`path`)."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no audit to check against; run without --check first")
    before = pd.read_csv(path, dtype=str, keep_default_na=False).set_index("id").to_dict("index")
    changed = []
    for row in frame.to_dict("records"):
        for column in ("verdict", "run_verdict"):
            was, now = before.get(row["id"], {}).get(column, ""), row.get(column, "")
            if was != now:
                changed.append(f"{row['id']} ({was or 'no verdict'} -> {now or 'no verdict'})")
    changed += [f"{claim} (gone)" for claim in before if claim not in set(frame["id"])]
    if changed:
        more = ", ..." if len(changed) > 10 else ""
        raise ValueError(f"{path}: {len(changed)} verdicts are others now: {', '.join(changed[:10])}{more}")


def in_words(run: "Run") -> str:
    """What a run is, in a line: data set, images, architectures, n and alpha."""
    sample, certify = run.config["sample"], run.config["certify"]
    split, numbers = setting.of_run(run)
    architectures = list(dict.fromkeys(each.architecture for each in run.experiments.values()))
    n, alpha = certify.get("n", sample["n"]), certify["alpha"]
    step = "all" if sample["step"] == 1 else f"one in {sample['step']}"
    images = f"{len(numbers):,} {split} images ({step} of {sample['start']:,} to {sample['stop'] - 1:,})"
    return f"data set {run.dataset}, {images}, {setting.in_a_row(architectures)}, n = {n:,}, alpha = {alpha:g}"
