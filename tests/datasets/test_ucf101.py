"""UCF-101: its official lists, on tiny clips; and two of its real clips where there is a mirror."""

import os

import av
import numpy as np
import pytest
import torch
from clip_helpers import moving, write_clip
from PIL import Image

from resmooth import datasets
from resmooth.datasets.clips import read_clip

CLASSES = "1 Archery\r\n2 HandstandPushups\r\n"
TRAIN = "Archery/v_Archery_g08_c01.avi 1\nHandstandPushups/v_HandStandPushups_g08_c02.avi 2\nArchery/v_Archery_g09_c01.avi 1\n"
TEST = "HandstandPushups/v_HandStandPushups_g01_c01.avi\nArchery/v_Archery_g01_c01.avi\n"


def write_lists(copy, classes=CLASSES, train=TRAIN, test=TEST):
    folder = copy / "ucf101" / "ucfTrainTestlist"
    folder.mkdir(parents=True)
    for name, text in (("classInd", classes), ("trainlist01", train), ("testlist01", test)):
        (folder / f"{name}.txt").write_bytes(text.encode())


def lay_out(copy, videos):
    """A UCF-101 of five tiny clips and two classes below `copy`, one name spelt as in the official archive."""
    write_lists(copy)
    for seed, line in enumerate((TRAIN + TEST).splitlines()):
        write_clip(copy / "ucf101" / videos / line.split()[0], moving(seed, 5))
    return copy


@pytest.fixture
def copy(tmp_path):
    return lay_out(tmp_path / "copy", "videos")


def test_clips_have_the_order_and_the_classes_of_the_lists(copy, tmp_path):
    datasets.prepare("ucf101", tmp_path / "data", copy, classes=2)
    for name, lines, labels in (("train", TRAIN, [0, 1, 0]), ("test", TEST, [1, 0])):
        split = datasets.read(tmp_path / "data" / f"{name}.npz")
        assert [os.fsdecode(path) for path in split.paths] == [line.split()[0] for line in lines.splitlines()]
        assert split.labels.tolist() == labels
    assert split.description.num_classes == 2 and split.description.shape == (160, 3, 112, 112)


def test_the_folder_of_the_archive_is_accepted_and_the_order_hash_is_the_same(copy, tmp_path):
    lay_out(tmp_path / "other", "UCF-101")
    hashes = []
    for place in (copy, tmp_path / "other"):
        datasets.prepare("ucf101", tmp_path / "data", data_dir=place, mirror=tmp_path, classes=2)
        hashes.append(datasets.read(tmp_path / "data" / "train.npz").order_sha256)
    assert hashes[0] == hashes[1]


DAMAGE = {  # what a list says instead, what the message says
    "no such clips": (
        {"train": TRAIN + "Archery/v_x.avi 1\nArchery/v_y.avi 1\n"},
        r"Archery/v_x.avi: no such file \(2 of the 5 clips in trainlist01.txt are missing\)",
    ),
    "other class": ({"test": "Fencing/v_x.avi\n"}, "testlist01.txt: Fencing/v_x.avi is of no class in classInd.txt"),
    "wrong number": ({"train": "Archery/v_Archery_g08_c01.avi 2\n"}, "is of class 1 in classInd.txt, not 2"),
    "twice": ({"test": TEST + TEST}, "testlist01.txt: names a clip twice"),
    "empty": ({"test": "\n"}, "testlist01.txt: names no clips"),
    "numbers": ({"classes": "0 Archery\n1 HandstandPushups\n"}, "classInd.txt: its lines are not"),
    "one class": ({"classes": "1 Archery\n"}, "classInd.txt: holds 1 classes, not 2; .*--classes 1"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_lists_that_do_not_fit_are_refused(copy, tmp_path, kind):
    texts, message = DAMAGE[kind]
    (copy / "ucf101" / "videos").rename(tmp_path / "videos")
    other = tmp_path / "damaged"
    write_lists(other, **texts)
    (tmp_path / "videos").rename(other / "ucf101" / "videos")
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        datasets.prepare("ucf101", tmp_path / "data", other, classes=2)
    assert "\n" not in str(caught.value) and not (tmp_path / "data").exists()


def test_missing_folders_and_lists_are_named(copy, tmp_path):
    def message(place):
        with pytest.raises(FileNotFoundError) as caught:
            datasets.prepare("ucf101", tmp_path / "data", place, classes=2)
        return str(caught.value)

    assert "ucf101: no such folder; link it to a copy of UCF-101" in message(tmp_path / "nothing")
    (copy / "ucf101" / "ucfTrainTestlist" / "testlist01.txt").unlink()
    assert "testlist01.txt: cannot be read; unpack the official lists" in message(copy)
    (copy / "ucf101" / "videos").rename(copy / "ucf101" / "elsewhere")
    assert "ucf101: holds no folder videos or UCF-101; unpack" in message(copy)


@pytest.fixture(scope="module")
def sample(mirror):
    """The real clips: 240 and 251 frames of 320x240."""
    return sorted((mirror / "ucf101-sample").glob("*.avi"))


@pytest.fixture
def real(sample, tmp_path, command):
    """A UCF-101 of the two real clips, one in each split, prepared by the command line."""
    copy = tmp_path / "copy"
    names = [f"SoccerJuggling/{path.name}" for path in sample]
    write_lists(copy, "1 SoccerJuggling\n", f"{names[0]} 1\n", f"{names[1]}\n")
    (copy / "ucf101" / "UCF-101" / "SoccerJuggling").mkdir(parents=True)
    for path, name in zip(sample, names):
        (copy / "ucf101" / "UCF-101" / name).symlink_to(path)
    done = command("data", "ucf101", tmp_path / "data", "--data-dir", copy, "--classes", 1)
    assert done.returncode == 0, done.stderr
    return tmp_path / "data"


def test_real_clips_from_file_to_evaluation_and_training(real):
    """320x240 is scaled to 149x112 by PIL's bilinear filter, whose centre begins at column 18 (18.5, rounded to even)."""
    test, train = (datasets.read(real / f"{split}.npz") for split in ("test", "train"))
    clips = test.tensor([0])
    assert clips.shape == (1, *test.description.shape) and (len(test.clip(0)), len(train.clip(0))) == (251, 240)
    with av.open(str(test.path(0))) as container:
        frames = [frame.to_image() for frame in container.decode(video=0)]
    for place in (0, 159):
        scaled = np.asarray(frames[45 + place].resize((149, 112), Image.Resampling.BILINEAR))[:, 18:130]
        assert torch.equal((clips[0, place] * 255).round(), torch.from_numpy(scaled.copy()).permute(2, 0, 1).float())
    whole = np.array(train.clip(0))
    for workers in (0, 2):
        (chunk,) = train.stream([np.array([0, 0])], 3, 1, workers, 16)
        assert chunk.shape == (2, 16, 3, 112, 112) and torch.equal(chunk[0], chunk[1])
        frames = chunk[0].permute(0, 2, 3, 1).numpy()
        assert any((whole[start : start + 16] == frames).all() for start in range(225))
    kept = (real / "frames").rglob("*.npy")
    assert sorted(path.stat().st_size - 128 for path in kept) == [length * 112 * 112 * 3 for length in (240, 251)]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_real_clip_is_refused(sample, tmp_path, share):
    content = sample[0].read_bytes()
    (tmp_path / "v.avi").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="v.avi: cannot be decoded .it ends within a frame., truncated"):
        read_clip(tmp_path / "v.avi", 112)
