"""Anybody's clips in folders: how they are listed, kept, brought to a number of frames, and cut into chunks for training."""

import os
import random
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from clip_helpers import marks, moving, write_clip

from resmooth import datasets, storage
from resmooth.datasets import clip_split

FRAMES = {"train": {"jump": [30, 9], "run": [50, 20]}, "test": {"jump": [40], "run": [12, 7]}}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """A folder with seven clips of two classes, sorted into train and val."""
    copy, seed = tmp_path_factory.mktemp("encoded"), 0
    for split, folder in (("train", "train"), ("test", "val")):
        for name, lengths in FRAMES[split].items():
            for number, length in enumerate(lengths):
                seed += 1
                write_clip(copy / "clips" / folder / name / f"{number}.avi", moving(seed, length))
    return copy


@pytest.fixture
def copy(encoded, tmp_path):
    return shutil.copytree(encoded, tmp_path / "copy")


def opened(folder, split="test", frames=16):
    """A prepared split, whose description says 16 pixels a side and `frames` frames, as small clips have."""
    found = datasets.read(folder / f"{split}.npz")
    return replace(found, description=replace(found.description, image_size=16, frames=frames))


@pytest.fixture
def folder(copy, tmp_path):
    datasets.prepare("clips", tmp_path / "data", copy)
    return tmp_path / "data"


def test_clips_are_numbered_by_class_and_path(folder):
    for split in ("train", "test"):
        found = datasets.read(folder / f"{split}.npz")
        about = found.description
        assert (about.num_classes, about.shape) == (2, (160, 3, 112, 112))
        lengths = [length for each in FRAMES[split].values() for length in each]
        small = opened(folder, split)
        assert [len(small.clip(number)) for number in range(len(small))] == lengths
        assert found.labels.tolist() == [label for label, each in enumerate(FRAMES[split].values()) for _ in each]


def test_the_number_of_classes_is_checked_if_it_is_given(copy, tmp_path):
    datasets.prepare("clips", tmp_path / "data", copy, classes=2)
    assert storage.read_json(tmp_path / "data" / "manifest.json")["classes"] == 2
    with pytest.raises(ValueError, match="clips: holds 2 classes, not 3; complete the copy, or say --classes 2"):
        datasets.prepare("clips", tmp_path / "three", copy, classes=3)


LAYOUTS = {
    "nothing": (lambda root: shutil.rmtree(root), "clips: no such folder; link it to a copy of clips"),
    "flat": (
        lambda root: shutil.copy(root / "val/run/0.avi", root / "val/x.MOV"),
        r"val: clips lie directly in it \(x.MOV",
    ),
    "empty": (
        lambda root: (root / "val/run/0.avi").unlink() or (root / "val/run/1.avi").unlink(),
        "run: holds no clips",
    ),
}


@pytest.mark.parametrize("damage", LAYOUTS)
def test_other_layouts_are_refused(copy, tmp_path, damage):
    change, message = LAYOUTS[damage]
    change(copy / "clips")
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        datasets.prepare("clips", tmp_path / "data", copy)
    assert "\n" not in str(caught.value)


def test_evaluation_clips_are_the_decoded_frames(folder):
    split = opened(folder)
    clips = split.tensor()
    assert clips.shape == (3, 16, 3, 16, 16) and clips.dtype == torch.float32
    assert marks((clips * 255).round()) == [list(range(12, 28)), [*range(12), 0, 1, 2, 3], [*range(7), *range(7), 0, 1]]
    reference = torch.from_numpy(np.array(split.clip(0)[12:28])).permute(0, 3, 1, 2).float().div(255)
    assert torch.equal(clips[0], reference)
    for numbers in ([2, 0], np.array([2, 0]), slice(2, None, -2), torch.tensor([2, 0])):
        assert torch.equal(split.tensor(numbers), clips[[2, 0]])
    assert split.tensor([]).shape == (0, 16, 3, 16, 16)


def test_short_clips_can_be_refused(folder):
    split = replace(opened(folder), short="refuse")
    assert split.tensor([0]).shape == (1, 16, 3, 16, 16)
    with pytest.raises(ValueError, match=r"run/0.avi: has 12 frames, not 16; leave it out"):
        split.tensor([0, 1])
    with pytest.raises(ValueError, match=r"run/1.avi: has 7 frames, not 8; leave it out"):
        list(split.stream([np.array([0, 2])], 0, 0, 0, 8))


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that are decoded, in this process."""
    found, decode = [], clip_split.read_clip
    monkeypatch.setattr(clip_split, "read_clip", lambda path, *rest: found.append(path.name) or decode(path, *rest))
    return found


def test_frames_are_decoded_once_and_kept(folder, decoded):
    split = opened(folder)
    first = split.clip(0)
    assert decoded == ["0.avi"] and split.cache.parent == folder / "frames"
    assert [path.name for path in split.cache.glob("*.npy")] == ["0.npy"]
    again = opened(folder).clip(0)
    assert decoded == ["0.avi"] and isinstance(again, np.memmap) and (first == again).all()
    split.tensor([0])
    list(split.stream([np.array([0, 0])], 0, 0, 0, 4))
    assert len(decoded) == 1


def test_kept_frames_can_be_switched_off(folder, decoded, monkeypatch):
    monkeypatch.setenv("RESMOOTH_FRAME_CACHE", "0")
    split = opened(folder)
    assert (split.clip(1) == split.clip(1)).all()
    assert len(decoded) == 2 and not (folder / "frames").exists()


DAMAGE = {
    "cut": lambda path: os.truncate(path, path.stat().st_size - 1),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "empty": lambda path: path.write_bytes(b""),
    "no array": lambda path: path.write_bytes(b"x" * 10_000),
    "other side": lambda path: np.save(path, np.zeros((40, 8, 8, 3), np.uint8)),
    "other type": lambda path: np.save(path, np.zeros((40, 16, 16, 3), np.float32)),
    "one frame": lambda path: np.save(path, np.zeros((16, 16, 3), np.uint8)),
    "no frames": lambda path: np.save(path, np.zeros((0, 16, 16, 3), np.uint8)),
    "pickled": lambda path: np.save(path, np.array([None]), allow_pickle=True),
    "archive": lambda path: np.savez(path.open("wb"), a=np.zeros(1)),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_frames_are_decoded_again(folder, decoded, kind):
    split = opened(folder)
    first = np.array(split.clip(0))
    DAMAGE[kind](split.cache / "0.npy")
    assert (split.clip(0) == first).all() and len(decoded) == 2
    assert (split.clip(0) == first).all() and len(decoded) == 2


def test_frames_of_other_files_are_not_taken_for_theirs(copy, folder):
    """The data are prepared anew from other clips, under the same names and in the same folder."""
    before = np.array(opened(folder).clip(0))
    write_clip(copy / "clips" / "val" / "jump" / "0.avi", moving(99, 40, 25, 32))
    datasets.prepare("clips", folder, copy)
    assert (opened(folder).clip(0) != before).any()


def test_frames_that_cannot_be_kept_are_an_error_of_one_line(folder):
    (folder / "frames").write_text("a file where the folder belongs")
    with pytest.raises(
        OSError, match="frames cannot be kept .*; free space there, or set RESMOOTH_FRAME_CACHE=0"
    ) as caught:
        opened(folder).clip(0)
    assert "\n" not in str(caught.value)


@pytest.fixture
def stream(folder):
    """stream(batches, seed, epoch, workers, chunk): all chunks of the training clips, one after the other."""

    def run(batches, *arguments):
        batches = [torch.tensor(batch) for batch in batches]
        found = list(opened(folder, "train").stream(batches, *arguments))
        assert [len(batch) for batch in found] == [len(batch) for batch in batches]
        assert all(batch.dtype == torch.uint8 and batch.shape[1:] == (arguments[3], 3, 16, 16) for batch in found)
        return torch.cat(found)

    return run


@pytest.mark.parametrize("kept", ["0", "1"])
def test_a_stream_does_not_depend_on_workers_batches_or_kept_frames(stream, monkeypatch, kept):
    whole = stream([[2, 0, 1, 3]], 7, 1, 0, 8)
    monkeypatch.setenv("RESMOOTH_FRAME_CACHE", kept)
    for batches in ([[2, 0], [1, 3]], [[2], [0, 1, 3]]):
        for workers in (0, 2):
            assert torch.equal(stream(batches, 7, 1, workers, 8), whole)
    assert torch.equal(stream([[3], [1]], 7, 1, 2, 8), whole[[3, 2]])


def test_workers_that_decode_the_same_clip_at_once_agree(stream):
    chunks = stream([[0, 2]] * 6, 7, 1, 2, 8)
    assert all(torch.equal(chunks[2 * i : 2 * i + 2], chunks[:2]) for i in range(6))


def test_chunks_are_consecutive_frames_from_anywhere_in_the_clip(stream):
    """Clip 2 has 50 frames, so chunks of 8 start at 0 to 42, all equally likely; clip 1 has 9, so chunks of 20 loop it."""
    starts = []
    for epoch in range(300):
        (found,) = marks(stream([[2]], 0, epoch, 0, 8))
        assert found == list(range(found[0], found[0] + 8))
        starts.append(found[0])
    assert min(starts) == 0 and max(starts) == 42  # each missed with probability 0.001
    assert np.mean(starts) == pytest.approx(21, abs=3.6)  # five standard errors
    assert marks(stream([[1]], 0, 0, 0, 20)) == [[*range(9), *range(9), 0, 1]]


def test_a_stream_is_another_in_another_epoch_or_under_another_seed(stream):
    places = [
        [chunk[0] for chunk in marks(stream([[0, 2]], seed, epoch, 0, 2))] for seed, epoch in ((7, 1), (7, 2), (8, 1))
    ]
    assert places[0] != places[1] and places[0] != places[2]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_leaves_the_generators_of_the_caller_alone(stream, workers):
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    stream([[0, 1], [2]], 7, 1, workers, 4)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (np.random.get_state()[1].tolist(), random.getstate())


def test_a_chunk_has_at_least_one_frame(folder):
    for chunk in (0, -1):
        with pytest.raises(ValueError, match=f"a chunk of {chunk} frames"):
            opened(folder).stream([np.array([0])], 0, 0, 0, chunk)


FILES = {  # damage before and after preparing, what the message says
    "truncated": (
        lambda path: os.truncate(path, 2 * path.stat().st_size // 3),
        None,
        r"run/0.avi: cannot be decoded \(",
    ),
    "no video": (lambda path: path.write_text("<html>"), None, r"run/0.avi: cannot be decoded \(Invalid data"),
    "other size": (None, lambda path: os.truncate(path, 100), r"run/0.avi: has 100 bytes, but had \d+ when .*restore"),
    "gone": (None, os.remove, r"run/0.avi: cannot be read \(No such file or directory\); restore the file"),
    "all gone": (
        None,
        lambda path: shutil.rmtree(path.parents[2]),
        "clips: no such folder, but the data were prepared",
    ),
}


@pytest.mark.parametrize("damage", FILES)
def test_damaged_files_are_refused_by_name(copy, tmp_path, damage):
    before, after, message = FILES[damage]
    path = copy / "clips" / "val" / "run" / "0.avi"
    if before:
        before(path)
    datasets.prepare("clips", tmp_path / "data", copy)
    split = opened(tmp_path / "data")
    if after:
        after(path)
    ways = [lambda: split.tensor([1])]
    ways += [lambda workers=workers: list(split.stream([np.array([1])], 0, 0, workers, 4)) for workers in (0, 2)]
    for use in ways:
        with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
            use()
        assert "\n" not in str(caught.value)
