"""findings.md and the replication report, from small frames whose verdicts are known."""

from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from resmooth import audit, site
from resmooth.audit import findings
from resmooth.audit.findings import Finding, observation
from resmooth.exhibits import Exhibit
from resmooth.plan import Run
from resmooth.site import blocks
from resmooth.site.report import markdown

ROOT = Path(__file__).parents[2]
HEADER = (ROOT / "claims" / "lecture.csv").read_text().splitlines()[0]
LINES = [
    "n-1,lecture,t,imagenet,Gaussian,0.5,acr,,0.733,3,all,100000,0.001,,resnet50,test 0-50000 step 100,,,,,",
    "n-2,lecture,t,imagenet,Gaussian,0.5,certified_accuracy,0.5,46,0,,100000,0.001,,resnet50,test 0-50000 step 100,,,,,",
    'f-1,idrs,t,,"MNIST, N=784",,formula,,0.946,3,,,,,,,threshold,,784,p_b=0.1,',
    "f-2,idrs,t,,wrong,,formula,,0.999,3,,,,,,,threshold,,784,p_b=0.1,",
    *(f"s-{i},lecture,made,,,,statement,,,,,,,,,,,,,,Sentence {i} | with a bar" for i in range(4)),
]
FOUND = [
    Finding("s-0", "holds", "Small less large.", 0.5, 0.25, 0.75, "%", ("made.csv",)),
    Finding("s-1", "fails", "Small less large.", -0.5, -0.75, -0.25, "%", ("made.csv",)),
    Finding("s-2", "not resolved", "Small less large.", 0.0, -0.25, 0.25, "%", ("made.csv",)),
    observation("Members are unequal."),
    observation("Their correlation is", value=0.7, low=0.6, high=0.8),
]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    run = Run.from_file("config/tiny.yaml", str(tmp_path))
    module = ModuleType("made", "A made-up table.\n\nMore.")
    module.summary = lambda table: table[table["shown"] == 1].drop(columns="shown")
    run.exhibits = {
        "lecture/made": Exhibit("lecture/made", module),
        "lecture/other": Exhibit("lecture/other", ModuleType("other", "O.")),
    }
    findings.write(run.paths.findings("lecture/made"), FOUND)
    findings.write(run.paths.findings("lecture/other"), [])
    table = pd.DataFrame({"method": ["a|b", "c"], "the_value": [1 / 3, float("nan")], "shown": [1, 1]})
    site.write_table(run.paths.page("lecture/made", "csv"), table)
    return run


@pytest.fixture
def joined(run, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("\n".join([HEADER, *LINES, ""]))
    claims = audit.read_claims(path)
    published = audit.audit_claims(claims, audit.read_logs_table(ROOT / "claims" / "published_logs.tsv"))
    found = findings.read({name: run.paths.findings(name) for name in run.exhibits})
    return audit.join(published, claims, found, run), found


def section(page, title):
    return page.split(f"{title}\n", 1)[1].split("\n#", 1)[0]


def tables_are_whole(page):
    """Every table has as many cells in each line as in its head, and an empty line before it."""
    lines = page.splitlines()
    for i, line in enumerate(lines):
        if set(line) == {"|", "-"}:
            assert i >= 2 and not lines[i - 2].strip()
            width = line.count("|")
            for row in lines[i - 1 :]:
                if not row.startswith("|"):
                    assert not row.strip()
                    break
                assert row.replace("\\|", "").count("|") == width, row


def test_findings_begin_with_what_does_not_hold(joined, run):
    page = site.findings_page(*joined, run)
    tables_are_whole(page)
    titles = ["What does not hold", "What is not resolved", "What holds", "What was not compared", "Seen besides"]
    assert [page.index(f"\n## {title}\n") for title in titles] == sorted(
        page.index(f"\n## {title}\n") for title in titles
    )
    wrong = page.split("## What is not resolved")[0]
    assert "`f-2`" in wrong and "| 0.999 | 0.9463 |" in wrong and "`s-1`" in wrong and "-0.5 [-0.75, -0.25] %" in wrong
    assert "`s-2`" in section(page, "## What is not resolved") and "`s-0`" in section(
        page, "## What holds\n\n### On this run"
    )
    assert "Sentence 0 \\| with a bar" in page and "made.csv" in page
    other = section(page, "## What was not compared")
    assert "| 2 | lecture/t | digits instead of imagenet" in other and "`s-3`" in other
    assert "| 2 | lecture/t | imagenet | Gaussian | not derivable |" in other
    assert "**lecture/made**" in page and "- Their correlation is (0.7 [0.6, 0.8])" in page


def test_a_page_without_any_finding(joined, run):
    frame, found = joined
    page = site.findings_page(frame.assign(run_verdict="", verdict="reproduced"), found.iloc[:0], run)
    tables_are_whole(page)
    assert page.count("Nothing.") == 3 and "No exhibit reports more" in page


def test_the_files_of_an_audit(joined, run, tmp_path):
    site.write_audit(tmp_path / "out", *joined, run)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["audit.csv", "findings.md", "index.html"]
    assert (
        "data set digits, 10 test images (one in 10 of 0 to 99), resnet8, n = 200"
        in (tmp_path / "out/index.html").read_text()
    )


def test_the_report_is_of_the_run_alone(joined, run):
    site.write_audit(Path(run.paths.audit("audit.csv")).parent, *joined, run)
    page = site.replication(run, "config/tiny.yaml", "docs/replication.md")
    tables_are_whole(page)
    assert "resmooth report --run config/tiny.yaml --out docs/replication.md" in page and "10 test images" in page
    assert (
        "| [lecture](#lecture) | 6 | 2 not derivable, 4 no verdict | 1 holds, 1 fails, 1 not resolved, 2 not comparable, 1 no"
        in page
    )
    assert "| ✗ fails | Sentence 1 \\| with a bar<br>`s-1` | -0.5 [-0.75, -0.25] % | Small less large. |" in page
    assert "### A made-up table\n\n| method | the value |\n| --- | --- |\n| a\\|b | 0.3333 |\n| c |  |" in page
    assert "| wrong (`t`) | 0.999 | 0.9463 |" in page and "- Members are unequal. (`lecture/made`)" in page
    assert page == site.replication(run, "config/tiny.yaml", "docs/replication.md")


def test_a_kept_run_follows_what_the_run_says(joined, run, tmp_path):
    """Its findings in the words of the claims, its observations, its summaries; other sources do not name it."""
    site.write_audit(Path(run.paths.audit("audit.csv")).parent, *joined, run)
    folder = tmp_path / "runs" / "tiny"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text((ROOT / "config" / "tiny.yaml").read_text())
    kept = site.kept_run(folder)
    findings.write(kept.paths.findings("lecture/abstain"), [FOUND[1], observation("Larger here.")])
    page = site.replication(run, "config/tiny.yaml", "docs/replication.md", [kept])
    tables_are_whole(page)
    assert f"--run config/tiny.yaml --kept {folder} --out" in page and page.count("on the run `tiny`") == 1
    other = section(page, "### lecture, on the run `tiny`")
    assert "| ✗ fails | Sentence 1 \\| with a bar<br>`s-1` | -0.5 [-0.75, -0.25] % | Small less large. |" in other
    assert "- Larger here. (`lecture/abstain`)" in other and "Sentence 0" not in other
    elsewhere = folder.rename(folder.with_name("other"))
    with pytest.raises(ValueError, match="is of the run tiny; keep it in a folder of that name"):
        site.kept_run(elsewhere)


def test_a_report_of_an_unfinished_run_is_refused_in_one_line(joined, run):
    with pytest.raises(FileNotFoundError, match="resmooth audit --run writes it"):
        site.replication(run, "c", "o")
    site.write_audit(Path(run.paths.audit("audit.csv")).parent, *joined, run)
    Path(run.paths.page("lecture/made", "csv")).unlink()
    with pytest.raises(FileNotFoundError, match="made.csv: not there yet"):
        site.replication(run, "c", "o")


def test_a_claim_in_words():
    row = {
        "metric": "acr",
        "dataset": "cifar10",
        "method": "Gaussian",
        "sigma": 0.5,
        "radius": float("nan"),
        "statement": "",
    }
    assert blocks.claim_in_words(row) == "cifar10, Gaussian, ACR, sigma = 0.5"
    row |= {"metric": "certified_accuracy", "radius": 1.0, "sigma": float("nan")}
    assert blocks.claim_in_words(row) == "cifar10, Gaussian, certified accuracy, r = 1"


def test_numbers_of_a_markdown_table():
    frame = pd.DataFrame({"a_b": [0.123456, float("nan")], "n": [1000, 2], "x": ["a|b", None]})
    assert markdown(frame).splitlines() == [
        "| a b | n | x |",
        "| --- | --- | --- |",
        "| 0.1235 | 1000 | a\\|b |",
        "|  | 2 |  |",
    ]
