"""Counts and certificates: what is read is what was written, old files included."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resmooth import storage

FACTS = {"noise": "normal", "dim": 4, "sigma": 0.5}


def counts_frame():
    names = storage.classifier_names(2)
    by_step = np.array([[3, 0], [1, 2], [0, 1]], dtype=np.int32)
    return pd.DataFrame(
        {
            "idx": np.repeat([5, 2], len(names)),
            "label": 1,
            "classifier": names * 2,
            "counts0": [np.array([2, 1])] * 16,
            "counts": [by_step.sum(axis=0)] * 16,
            "n0": 3,
            "n": 7,
            "seconds": 0.1,
            "uniform": 0.5,
            "step": 3,
            "by_step": [by_step.ravel()] * 16,
        }
    )


def test_counts_files_list_the_aggregation_and_the_members_of_each_classifier(tmp_path):
    storage.write_counts(tmp_path / "counts.parquet", counts_frame(), FACTS)
    stored = pd.read_parquet(tmp_path / "counts.parquet")
    assert list(stored.columns) == storage.COUNT_COLUMNS
    for frame in (stored[8:].reset_index(drop=True), storage.read_counts([tmp_path / "counts.parquet"])[0][:8]):
        assert frame.aggregation.tolist() == [*["member"] * 2, *["soft"] * 2, *["softmax"] * 2, *["vote"] * 2]
        assert frame.members.tolist() == [1, 1, 1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize("n", [None, 6])
def test_counts_files_of_an_older_version_are_read_alike(n, tmp_path):
    """They lack these columns."""
    storage.write_counts(tmp_path / "counts.parquet", counts_frame(), FACTS)
    table = pq.read_table(tmp_path / "counts.parquet")
    pq.write_table(table.drop_columns(["aggregation", "members", "patches"]), tmp_path / "old.parquet")
    (new, facts), (old, old_facts) = (
        storage.read_counts([tmp_path / name], n) for name in ("counts.parquet", "old.parquet")
    )
    assert facts == old_facts == FACTS | {"code_version": 2} and list(new.columns) == list(old.columns)
    assert new.idx.tolist() == [2] * 8 + [5] * 8
    pd.testing.assert_frame_equal(new, old)
    assert new.counts[0].tolist() == ([4, 3] if n is None else [4, 2])


def test_both_kinds_of_counts_files_are_shards_of_one_experiment(tmp_path):
    frame = counts_frame()
    storage.write_counts(tmp_path / "new.parquet", frame[:8], FACTS)
    storage.write_counts(tmp_path / "old.parquet", frame[8:], FACTS)
    table = pq.read_table(tmp_path / "old.parquet").drop_columns(["aggregation", "members", "patches"])
    pq.write_table(table, tmp_path / "old.parquet")
    both, _ = storage.read_counts([tmp_path / "new.parquet", tmp_path / "old.parquet"])
    assert len(both) == 16 and both.members.dtype == np.int64 and not both.isna().any().any()


def test_parts_of_one_journal_may_differ_in_what_numbers_look_like(tmp_path):
    """A group whose values are all whole is still one of numbers; images come back in the order that is asked for."""
    journal = storage.Journal(tmp_path, "x", {}, ["idx", "value", "list"])
    journal.add([{"idx": 7, "value": 1, "list": [1.0]}, {"idx": 7, "value": 2, "list": [2.0]}])
    journal.add([{"idx": 3, "value": 0.5, "list": [0.5, 4.0]}])
    again = storage.Journal(tmp_path, "x", {}, ["idx", "value", "list"])
    for each in (journal, again):
        frame = each.frame([3, 7])
        assert each.images == {3, 7} and frame.idx.tolist() == [3, 7, 7] and frame.value.tolist() == [0.5, 1, 2]
        assert [values.tolist() for values in frame["list"]] == [[0.5, 4], [1], [2]]
    other = storage.Journal(tmp_path, "y", {"other": 1}, ["idx"])  # another measurement in the same folder
    assert not other.images
    pq.write_table(pa.table({"idx": [3]}).replace_schema_metadata({"resmooth": "{}"}), tmp_path / "x-9.part.parquet")
    with pytest.raises(ValueError, match="x-9.part.parquet: not readable, altered; delete this file"):
        storage.Journal(tmp_path, "x", {}, ["idx", "value", "list"])


def test_an_image_in_two_parts_is_refused(tmp_path):
    storage.Journal(tmp_path, "x", {}, ["idx"]).add([{"idx": 3}])
    (tmp_path / "x-00000003.part.parquet").rename(tmp_path / "x-1.part.parquet")
    storage.Journal(tmp_path, "x", {}, ["idx"]).add([{"idx": 3}])
    with pytest.raises(ValueError, match="x-1.part.parquet: repeats image 3; delete this file"):
        storage.Journal(tmp_path, "x", {}, ["idx"])


def test_finished_counts_are_recognised_by_what_was_sampled(tmp_path):
    path, images = tmp_path / "counts.parquet", set(counts_frame().idx)
    storage.write_counts(path, counts_frame(), FACTS | {"versions": {"torch": "1"}})
    assert storage.holds_counts(path, FACTS | {"code_version": 2, "versions": {"torch": "2"}}, images)
    for facts in (FACTS | {"code_version": 3}, FACTS | {"code_version": 2, "sigma": 9.0}, FACTS):
        assert not storage.holds_counts(path, facts, images)
    assert not storage.holds_counts(path, FACTS | {"code_version": 2}, images | {10**6})
    path.write_bytes(path.read_bytes()[:-20])
    assert not storage.holds_counts(path, FACTS | {"code_version": 2}, images)
    assert not storage.holds_counts(tmp_path / "none.parquet", FACTS, images)
