"""All evidence in one row: findings of a run joined with claims, and a reason wherever there is no verdict."""

from pathlib import Path

import pandas as pd
import pytest

from resmooth import audit
from resmooth.audit import findings
from resmooth.audit.evidence import A_FORMULA, RUN_COLUMNS, read_audit
from resmooth.audit.findings import Finding, observation
from resmooth.audit.published import AUDIT_COLUMNS
from resmooth.plan import Run

ROOT = Path(__file__).parents[2]
HEADER = (
    "id,source,item,dataset,method,sigma,metric,radius,value,printed_digits,acr_definition,n,alpha,note,"
    "arch,subset,formula,k,dim,case,statement"
)
LINES = [
    "a-acr,ensembles,t,imagenet,Gaussian,0.5,acr,,0.733,3,all,100000,0.001,,resnet50,test 0-50000 step 100,,,,,",
    "b-formula,idrs,t,,c,,formula,,0.961,3,,,,,,,threshold,,3072,p_b=0.01,",
    "c-best,ensembles,acr_vs_k,,,,statement,,,,,,,,,,,,,,The ensemble beats its best member",
    "d-idrs,idrs,nothing,,,,statement,,,,,,,,,,,,,,Larger noise levels far away help",
    "e-none,ensembles,nothing,,,,statement,,,,,,,,,,,,,,Nobody looks at this",
]
FOUND = Finding("c-best", "holds", "Ensemble less best member.", 0.01, 0.002, 0.018, "ACR", ("a.csv", "b.csv"))


@pytest.fixture
def claims(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("\n".join([HEADER, *LINES, ""]))
    return audit.read_claims(path)


@pytest.fixture
def published(claims):
    return audit.audit_claims(claims, audit.read_logs_table(ROOT / "claims" / "published_logs.tsv"))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    return Run.from_file("config/tiny.yaml", str(tmp_path / "results"))


def written(run, **found):
    """Findings files of exhibits (a__b: "a/b"), written and read."""
    paths = {name.replace("__", "/"): run.paths.findings(name.replace("__", "/")) for name in found}
    for path, rows in zip(paths.values(), found.values(), strict=True):
        findings.write(path, rows)
    return findings.read(paths)


def test_every_claim_has_a_verdict_of_the_run_or_a_reason(published, claims, run):
    found = written(run, ensembles__acr_vs_k=[FOUND, observation("Seen besides.")])
    frame = audit.join(published, claims, found, run)
    assert list(frame.columns) == [*AUDIT_COLUMNS, *RUN_COLUMNS] and list(frame.id) == list(claims.id)
    assert frame[AUDIT_COLUMNS].equals(published[AUDIT_COLUMNS])
    rows = frame.set_index("id")
    assert (rows.run_reason.str.len() > 20).all()
    assert rows.run_verdict.to_dict() == {
        "a-acr": "not comparable",
        "b-formula": "",
        "c-best": "holds",
        "d-idrs": "",
        "e-none": "",
    }
    best = rows.loc["c-best"]
    assert (best.run_value, best.run_low, best.run_high, best.run_unit) == (0.01, 0.002, 0.018, "ACR")
    assert (
        best.run_evidence == "a.csv b.csv" and best.exhibit == "ensembles/acr_vs_k" and best.run_reason == FOUND.reason
    )
    assert "resnet8 instead of resnet50" in rows.run_reason["a-acr"] and rows.run_reason["b-formula"] == A_FORMULA
    assert rows.run_reason["e-none"].startswith("ensembles/nothing would decide it, and the run tiny")


def test_a_statement_says_what_its_exhibit_lacks_in_this_run(published, claims, run):
    config = {key: value for key, value in run.config.items() if key not in ("idrs", "decide")}
    config["experiments"] = config["experiments"][1:2]
    config["recipes"] = {"smoothadv": config["recipes"]["smoothadv"]}
    small = Run(config, "config/recipes")
    rows = audit.join(published, claims, findings.read({}), small).set_index("id")
    assert "no section idrs" in rows.run_reason["d-idrs"]
    assert "one network only" in rows.run_reason["e-none"] and "no section decide" in rows.run_reason["e-none"]


def refused(message, published, claims, found, run):
    with pytest.raises(ValueError, match=message) as error:
        audit.join(published, claims, found, run)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_exhibit_decides_statements_of_its_own_item_alone(published, claims, run):
    for name, claim in (("lecture__sigma_table", "a-acr"), ("lecture__sigma_table", "e-none")):
        found = written(run, **{name: [Finding(claim, "fails", "Decided by the exhibit.", 1.0, 0.9, 1.1)]})
        refused(
            f"a finding on {claim}, .* of its own item, and the audit decides printed numbers",
            published,
            claims,
            found,
            run,
        )


def test_two_findings_on_one_claim_are_refused(published, claims, run):
    found = written(run, ensembles__acr_vs_k=[FOUND], lecture__abstain=[FOUND])
    text = refused("c-best: two findings on one claim", published, claims, found, run)
    assert "findings/ensembles/acr_vs_k.csv" in text and "findings/lecture/abstain.csv" in text
    refused("two findings on one claim", published, claims, written(run, ensembles__acr_vs_k=[FOUND, FOUND]), run)


def test_a_finding_on_an_unknown_claim_is_refused(published, claims, run):
    found = written(run, ensembles__acr_vs_k=[Finding("ensembles-made_up", "holds", "x less y", 1.0, 0.5, 1.5)])
    text = refused("a finding on ensembles-made_up", published, claims, found, run)
    assert "findings/ensembles/acr_vs_k.csv" in text and "claims/ensembles.csv" in text


def test_evidence_of_other_claims_is_refused(published, claims, run):
    refused("run resmooth claims again", published.iloc[1:], claims, findings.read({}), run)


def test_the_written_tables_are_read_as_they_were(published, claims, run, tmp_path):
    from resmooth import site

    site.write_table(tmp_path / "claims.csv", published)
    again = audit.read_published(tmp_path / "claims.csv")
    pd.testing.assert_frame_equal(again, published, check_dtype=False, check_exact=False, rtol=1e-9)
    frame = audit.join(again, claims, written(run, ensembles__acr_vs_k=[FOUND]), run)
    site.write_table(tmp_path / "audit.csv", frame)
    pd.testing.assert_frame_equal(read_audit(tmp_path / "audit.csv"), frame, check_dtype=False, rtol=1e-9)
    with pytest.raises(ValueError, match="audit.csv, line 1: not the table that resmooth claims writes"):
        audit.read_published(tmp_path / "audit.csv")
    with pytest.raises(FileNotFoundError, match="resmooth claims writes it"):
        audit.read_published(tmp_path / "none.csv")


def test_changed_verdicts_are_named(published, claims, run, tmp_path):
    from resmooth import site

    frame = audit.join(published, claims, written(run, ensembles__acr_vs_k=[FOUND]), run)
    site.write_table(tmp_path / "audit.csv", frame)
    audit.check_verdicts(frame, tmp_path / "audit.csv")
    changed = frame.assign(run_verdict=frame.run_verdict.replace("holds", "fails"))
    with pytest.raises(ValueError, match=r"1 verdicts are others now: c-best \(holds -> fails\)") as error:
        audit.check_verdicts(changed, tmp_path / "audit.csv")
    assert "\n" not in str(error.value)
    with pytest.raises(FileNotFoundError, match="no audit to check against"):
        audit.check_verdicts(frame, tmp_path / "none.csv")
