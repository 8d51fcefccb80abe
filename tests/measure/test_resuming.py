"""Every measurement ends a killed run with the table of an undisturbed one, and refuses progress that is not its own."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

import resmooth as rs
from resmooth import storage
from resmooth.measure import Subject, ascent, ddrs, decisions, draws, driver, margins, run, scores, votes
from resmooth.storage.journal import UNFINISHED

GENERATOR = torch.Generator().manual_seed(4)
WEIGHTS = torch.randn(3, 64, 4, generator=GENERATOR)
IMAGES = torch.rand(10, 1, 8, 8, generator=GENERATOR)
INDICES = [3, 5, 8, 9, 20, 21, 22, 40, 41, 50]
SIZES = {"alpha": 0.01, "n0": 10, "n": 100, "stages": [20, 100]}


def subject(seen, batch_size=40):
    """Ten images under an ensemble of three linear members, the first of which notes in `seen` how many copies it sees."""
    members = [lambda images, weights=weights: images.flatten(1) @ weights for weights in WEIGHTS]
    counting = [lambda images: seen.append(len(images)) or members[0](images), *members[1:]]
    noise = rs.noise.make("normal", dim=64, sigma=0.5)
    smoothed = rs.Smoothed(rs.Ensemble(counting), noise, 4, batch_size)
    return Subject(smoothed, IMAGES, np.arange(10) % 4, INDICES, 7, {"run": 1})


def measure(name, state, seen, report=lambda done, total: None, **settings):
    """The table `name` of the subject."""
    measured = subject(seen, **settings)
    if name == "ddrs":
        network = measured.smoothed.classifier.models[0]
        measured = Subject(rs.Smoothed(network, measured.smoothed.noise, 4, 40), *list(vars(measured).values())[1:])
        return ddrs.ddrs(measured, network, state, 0.5, 10, 100, 0.01, (report, report), iterations=3, samples=2)
    made = {
        "votes": lambda: votes.votes(measured, 10, 100),
        "scores": lambda: scores.scores(measured, 10, 100),
        "draws": lambda: draws.draws(measured, 150),
        "margins": lambda: margins.margins(measured, 100),
        "decisions": lambda: decisions.decisions(measured, [0.1, 0.4], SIZES, 2),
    }
    return run(made[name](), state, report)


NAMES = ["votes", "scores", "draws", "margins", "decisions", "ddrs"]
PARTS = {"ddrs": "claims"}


@pytest.fixture(autouse=True)
def small_groups(monkeypatch):
    monkeypatch.setattr(driver, "PAUSE", 0)
    monkeypatch.setattr(decisions, "TOGETHER", 3)
    monkeypatch.setattr(ascent, "_images_to_a_pass", lambda numbers, samples, device: 4)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """name -> (table, copies that the first member saw)."""
    found = {}

    def of(name):
        if name not in found:
            seen = []
            found[name] = measure(name, tmp_path_factory.mktemp(name), seen), sum(seen)
        return found[name]

    return of


def assert_same(found, expected):
    """The same table, bit for bit, but for what a clock says."""
    assert list(found.columns) == list(expected.columns)
    for column in found.columns.drop("seconds", errors="ignore"):
        assert found[column].dtype == expected[column].dtype
        for one, other in zip(found[column], expected[column], strict=True):
            assert np.array_equal(one, other), column


class Killed(Exception):
    pass


def kill_after(calls):
    """A report that raises when it is called for the time after `calls`: the group before it is stored."""
    times = []

    def report(done, total):
        times.append(done)
        if len(times) > calls:
            raise Killed

    return report


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_run_ends_like_an_undisturbed_one(name, undisturbed, tmp_path):
    whole, cost = undisturbed(name)
    seen = []
    for _ in range(3):  # each time one more group, then the end of a process
        with pytest.raises(Killed):
            measure(name, tmp_path, seen, kill_after(1))
        (tmp_path / UNFINISHED).write_bytes(b"PAR1 cut short")
    parts = len(list(tmp_path.glob("*.part.parquet")))
    assert parts >= 3
    progress = []
    assert_same(measure(name, tmp_path, seen, lambda *done: progress.append(done)), whole)
    assert progress[0][0] > 0 and progress[-1] == (10, 10)
    assert sum(seen) == cost  # no group was measured twice
    assert_same(measure(name, tmp_path, seen), whole)
    assert sum(seen) == cost
    storage.finished(tmp_path)
    assert not list(tmp_path.iterdir())


def test_groups_of_less_than_a_pause_are_stored_together(tmp_path, monkeypatch, undisturbed):
    monkeypatch.setattr(driver, "PAUSE", 3600)
    assert_same(measure("votes", tmp_path, []), undisturbed("votes")[0])
    assert len(list(tmp_path.glob("*.part.parquet"))) == 1


def test_ddrs_resumes_in_the_second_of_its_two_measurements(undisturbed, tmp_path):
    seen, times = [], []

    def report(done, total):
        times.append(done)
        if times.count(10) and 0 < done < 10:  # the ascent has ended, and some images are counted
            raise Killed

    with pytest.raises(Killed):
        measure("ddrs", tmp_path, seen, report)
    assert {path.name.split("-")[0] for path in tmp_path.glob("*.part.parquet")} == {"sigma", "claims"}
    whole, cost = undisturbed("ddrs")
    assert_same(measure("ddrs", tmp_path, seen), whole)
    assert sum(seen) == cost


@pytest.mark.parametrize("name", NAMES)
def test_progress_that_is_not_what_it_was_is_refused(name, tmp_path):
    seen = []
    measure(name, tmp_path, seen)
    part = sorted(tmp_path.glob(f"{PARTS.get(name, name)}-*.part.parquet"))[1]
    content, cost = part.read_bytes(), sum(seen)
    columns = pq.ParquetFile(part).metadata.row_group(0)
    chunks = [columns.column(number) for number in range(columns.num_columns)]
    largest = max(chunks, key=lambda chunk: chunk.total_compressed_size)
    start = largest.dictionary_page_offset or largest.data_page_offset
    middle = start + largest.total_compressed_size - 3  # the end of a page, which has a checksum
    for altered in (content[:-30], b"", content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]):
        part.write_bytes(altered)
        with pytest.raises(ValueError, match="delete this file to measure its images again") as error:
            measure(name, tmp_path, seen)
        assert str(part) in str(error.value) and "\n" not in str(error.value)
    part.unlink()
    assert_same(measure(name, tmp_path, seen), measure(name, tmp_path, seen))
    assert cost < sum(seen) < 2 * cost


@pytest.mark.parametrize("name", NAMES)
def test_progress_of_other_work_is_refused(name, tmp_path, monkeypatch):
    measure(name, tmp_path, [])
    monkeypatch.setattr(Subject, "identity", lambda self, **settings: {"run": 2} | settings)
    with pytest.raises(ValueError, match="run with other settings; delete this folder") as error:
        measure(name, tmp_path, [])
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("older", ["images.jsonl", "procedures.jsonl"])
def test_progress_of_an_older_version_is_refused(name, older, tmp_path):
    (tmp_path / older).write_text('{"dataset": "digits"}\n{"idx": 0}\n')
    with pytest.raises(ValueError, match=f"{older}: progress of an older version .* delete this file"):
        measure(name, tmp_path, [])


@pytest.mark.parametrize("batch_size", [7, 300])
def test_votes_resume_with_another_batch_size(batch_size, undisturbed, tmp_path):
    """Groups are others then; finished images stay finished."""
    with pytest.raises(Killed):
        measure("votes", tmp_path, [], kill_after(2))
    assert_same(measure("votes", tmp_path, [], batch_size=batch_size), undisturbed("votes")[0])


def test_votes_hold_what_a_counts_file_does(undisturbed):
    frame, _ = undisturbed("votes")
    assert list(frame.columns) == storage.COUNT_COLUMNS and len(frame) == 10 * 12
    assert frame.idx.drop_duplicates().tolist() == INDICES
    assert frame.classifier[:12].tolist() == rs.Ensemble([None] * 3).names
    assert (frame.counts.map(np.sum) == 100).all() and (frame.counts0.map(np.sum) == 10).all()
    assert all(np.array_equal(row.by_step.reshape(-1, 4).sum(axis=0), row.counts) for row in frame.itertuples())
    assert pd.api.types.is_integer_dtype(frame.by_step[0].dtype) and frame.by_step[0].itemsize == 4
