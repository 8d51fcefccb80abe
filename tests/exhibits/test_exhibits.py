"""What every exhibit has in common: it is found by its place, computes, draws, decides and is saved whole."""

import math
import types

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from helpers import ROOT

from resmooth import exhibits
from resmooth.audit import findings as records
from resmooth.exhibits.base import Exhibit, Finding, observation
from resmooth.exhibits.page import Page, in_words
from resmooth.plan import Run


def made(**functions):
    """An exhibit of a module with these functions, and a small one otherwise."""

    def draw(frames):
        figure, axis = plt.subplots()
        axis.plot(frames["numbers"].x, frames["numbers"].y)
        return figure

    module = types.ModuleType("made", "A straight line.\n\nComputed by hand.")
    module.compute = lambda run: {"numbers": pd.DataFrame({"x": [0, 1], "y": [0.123456, 2.0]}), "none": pd.DataFrame()}
    module.draw, module.findings = (
        draw,
        lambda frames: [Finding("lecture-line", "holds", "It is straight.", 1.0, 0.5, 1.5)],
    )
    vars(module).update(functions)
    return Exhibit("lecture/line", module)


@pytest.fixture
def run(tmp_path):
    return Run.from_file(ROOT / "config" / "tiny.yaml", results=str(tmp_path))


def test_every_module_has_what_an_exhibit_needs():
    for name in exhibits.names():
        each = exhibits.exhibit(name)
        assert each.title and not each.title.endswith("."), name
        for function in ("compute", "draw", "findings"):
            assert callable(getattr(each.module, function)), (name, function)


def test_available_exhibits_are_those_whose_files_a_run_makes(run):
    made_by_run = {
        output
        for part in run.parts
        for step in ("sample", "certify", "margins", "decide", "scores", "draws", "ddrs", "mismatch")
        for job in part.jobs(step)
        for output in job.outputs
    }
    known = made_by_run | {
        run.paths.published_claims,
        run.paths.published_logs,
        run.paths.data("test"),
        run.paths.data("train"),
        *(f"claims/{path.name}" for path in (ROOT / "claims").glob("*.csv")),  # the project's own
    }
    for name, each in run.exhibits.items():
        for role, paths in each.needs(run).items():
            assert isinstance(paths, list) and set(paths) <= known, (name, role)


def test_a_missing_file_is_named_with_the_command_that_makes_it(run):
    with pytest.raises(FileNotFoundError, match="nowhere.tsv: not there yet; snakemake lecture_line makes it"):
        made(needs=lambda run: {"certificates": ["nowhere.tsv"]}).compute(run)


def test_saved_whole_with_the_table_as_evidence(run):
    each, opened = made(), plt.get_fignums()
    frames = each.compute(run)
    each.save(run, frames)
    assert pd.read_csv(run.paths.page(each.name, "csv")).equals(frames["numbers"])
    [row] = records.read({each.name: run.paths.findings(each.name)}).to_dict("records")
    assert row["exhibit"] == each.name and row["evidence"] == run.paths.page(each.name, "csv")
    assert (row["claim"], row["verdict"], row["value"], row["low"], row["high"]) == (
        "lecture-line",
        "holds",
        1,
        0.5,
        1.5,
    )
    picture = each.picture(frames)
    assert picture == each.picture(frames) and picture.startswith(b"\x89PNG")
    assert plt.get_fignums() == opened


def test_a_page_shows_an_exhibit_piece_by_piece(run, monkeypatch):
    monkeypatch.setattr(Run, "exhibits", {"lecture/line": made()})
    page = Page("lecture/line", run)
    assert page.table("numbers").y.tolist() == ["0.1235", "2"]
    assert page.found == "- **✓ Holds**: `lecture-line` It is straight."
    assert in_words(page.findings[0], "A line is straight.") == "**✓ Holds**: *A line is straight.* It is straight."
    bytes_, about = page.figure._repr_png_()
    assert bytes_.startswith(b"\x89PNG") and 0 < about["width"] < 2000
    page.save()
    with pytest.raises(ValueError, match="lecture/other: not an exhibit of the run tiny; it has lecture/line"):
        Page("lecture/other", run)


def test_findings_say_what_they_mean():
    for wrong in (
        ("lecture-x", "maybe", "a reason"),
        ("lecture-x", "", "a reason"),
        ("", "holds", "a reason"),
        ("lecture-x", "holds", ""),
    ):
        with pytest.raises(ValueError):
            Finding(*wrong)
    with pytest.raises(ValueError, match="its interval runs from 2 to 1"):
        Finding("lecture-x", "holds", "a reason", 1.5, 2, 1)
    assert in_words(observation("Seen.")) == "Seen."


def test_findings_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "lecture" / "line.csv"
    written = [
        Finding("lecture-a", "not resolved", 'One, "two".', evidence=("a.csv", "b.csv")),
        observation("Seen.", value=2.5),
    ]
    records.write(path, written)
    frame = records.read({"lecture/line": path})
    assert frame.claim.tolist() == ["lecture-a", ""] and frame.reason.tolist() == ['One, "two".', "Seen."]
    assert frame.evidence.tolist() == ["a.csv b.csv", ""] and math.isnan(frame.value[0]) and frame.value[1] == 2.5
    assert records.read({}).empty
    path.write_text("\n".join(path.read_text().splitlines()[:2]) + "\n")  # cut off between two rows
    with pytest.raises(ValueError, match="line.csv: not a file of findings; delete it"):
        records.read({"lecture/line": path})
    records.write(path, written)
    path.write_text(path.read_text().replace("not resolved", "resolved"))
    with pytest.raises(ValueError, match="line.csv: not a file of findings; delete it"):
        records.read({"lecture/line": path})
    records.write(path, [])
    assert records.read({"lecture/line": path}).empty
    path.write_text("claim,verdict\nx")
    with pytest.raises(ValueError, match="line.csv: not a file of findings; delete it"):
        records.read({"lecture/line": path})
    with pytest.raises(FileNotFoundError, match="no such file of findings"):
        records.read({"lecture/line": tmp_path / "nowhere.csv"})
