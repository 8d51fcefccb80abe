"""resmooth claims, audit and report, as the workflow calls them."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from helpers import ROOT, assert_one_line_error

from resmooth.audit import findings
from resmooth.audit.findings import Finding
from resmooth.plan import Run

HEADER = (ROOT / "claims" / "lecture.csv").read_text().splitlines()[0]
LINES = [
    "n-1,lecture,t,imagenet,Gaussian,0.5,acr,,0.733,3,all,100000,0.001,,resnet50,test 0-50000 step 100,,,,,",
    "f-1,idrs,t,,c,,formula,,0.946,3,,,,,,,threshold,,784,p_b=0.1,",
    "s-1,lecture,abstain,,,,statement,,,,,,,,,,,,,,Three beat one",
]


@pytest.fixture
def claims(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text("\n".join([HEADER, *LINES, ""]))
    return path


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config whose results lie below the folder of this test, with an empty file of findings for each exhibit."""
    path = tmp_path / "made.yaml"
    name = f"audit-{tmp_path.name}"
    path.write_text((ROOT / "config" / "tiny.yaml").read_text().replace("run: tiny", f"run: {name}"))
    monkeypatch.chdir(ROOT)
    run = Run.from_file(path)
    for exhibit in run.exhibits:
        findings.write(run.paths.findings(exhibit), [])
    yield path, run
    shutil.rmtree(Path(run.paths.root))


def test_published_evidence_then_a_run_then_its_report(command, claims, config, tmp_path):
    path, run = config
    known, out = tmp_path / "published.csv", Path(run.paths.audit("audit.csv")).parent
    done = command("claims", "--claims", claims, "--out", known)
    assert done.returncode == 0, done.stderr
    assert pd.read_csv(known, keep_default_na=False).verdict.tolist() == ["not derivable", "reproduced", ""]
    arguments = ("audit", "--claims", claims, "--published", known, "--run", path, "--out", out)
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    assert "audit: this run: 1 of 3 claims not comparable" in done.stderr
    frame = pd.read_csv(out / "audit.csv", keep_default_na=False)
    assert frame.run_verdict.tolist() == ["not comparable", "", ""] and (frame.run_reason != "").all()
    assert sorted(each.name for each in out.iterdir()) == ["audit.csv", "findings.md", "index.html"]

    assert command(*arguments, "--check").returncode == 0
    path, before = run.paths.findings("lecture/certified_radius"), (out / "audit.csv").read_bytes()
    findings.write(path, [Finding("s-1", "holds", "x less y", 1.0, 0.5, 1.5)])
    assert_one_line_error(command(*arguments, "--check"), path, "a finding on s-1, a statement of lecture/abstain")
    findings.write(path, [])
    path = run.paths.findings("lecture/abstain")
    findings.write(path, [Finding("s-1", "holds", "x less y", 1.0, 0.5, 1.5)])
    assert_one_line_error(command(*arguments, "--check"), "s-1 (no verdict -> holds)")
    assert (out / "audit.csv").read_bytes() == before
    claims.write_text("\n".join([HEADER, *LINES[:2], ""]))  # a claim that is gone is a change, too
    fewer = ("audit", "--claims", claims, "--out", out, "--check")
    assert_one_line_error(command(*fewer), "s-1 (gone)")
    claims.write_text("\n".join([HEADER, *LINES, ""]))
    Path(path).unlink()
    assert_one_line_error(command(*arguments), path, "no such file of findings")
    assert_one_line_error(command("audit", "--claims", claims, "--out", claims), claims, "is a file")


def test_without_a_run_as_before(command, claims, tmp_path):
    done = command("audit", "--claims", claims, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["audit.csv", "index.html"]
    assert "run_verdict" not in pd.read_csv(tmp_path / "out" / "audit.csv")
    assert_one_line_error(
        command("audit", "--claims", claims, "--out", tmp_path / "none", "--check"), "no audit to check"
    )


def test_a_report_needs_an_audit(command, config, tmp_path):
    path, run = config
    out = tmp_path / "report.md"
    assert_one_line_error(command("report", "--run", path, "--out", out), run.paths.audit("audit.csv"), "no such file")
    assert not out.exists()
