"""UCF-101: 13,320 clips of 101 human actions, 320x240 pixels, mostly 25 frames a second (Soomro, Zamir and Shah 2012).

<mirror>/ucf101 or else <data_dir>/ucf101 is the user's own copy, or a link to it: the folder `UCF-101` (or `videos`) of the
archive, <Class>/v_<Class>_gXX_cYY.avi, and beside it `ucfTrainTestlist`, the official lists. The first of the three official
splits is used: 9,537 clips for training, 3,783 for testing. Clips are numbered in the order of the lists.
"""

from pathlib import Path

import numpy as np

from resmooth import storage
from resmooth.datasets.listing import Listing, listing, own_copy
from resmooth.datasets.source import Description

# Mean and deviation as in the code of Smooth-Reduce (github.com/NYU-DICE-Lab/SmoothReduce, 33cf719), but for one misprint: there
# blue is divided by 2582, which all but erases the channel; here by 0.2582.
# Clips last 7.2 seconds on average, 180 frames. 160 hold four sub-videos of 64 frames, 32 apart.
DESCRIPTION = Description(
    num_classes=101,
    channels=3,
    image_size=112,
    mean=(0.4406, 0.4109, 0.3792),
    std=(0.2564, 0.2479, 0.2582),
    frames=160,
)
VIDEOS = ("videos", "UCF-101")
LISTS = {"train": "trainlist01.txt", "test": "testlist01.txt"}


def load(split: str, data_dir: Path, mirror: Path | None, classes: int) -> Listing:
    """The clips of one split as a Listing; `classes`: how many there must be, fewer than 101 for a subset.

    FileNotFoundError or ValueError, one line, if a list is missing or damaged, or names clips that are not there.
    """
    copy = own_copy("ucf101", data_dir, mirror)
    if not copy.is_dir():
        raise FileNotFoundError(
            f"{copy}: no such folder; link it to a copy of UCF-101 (ln -s /path/to/ucf101 {copy}) "
            "that holds UCF-101/<Class>/ and ucfTrainTestlist/"
        )
    root = next((copy / name for name in VIDEOS if (copy / name).is_dir()), None)
    if root is None:
        raise FileNotFoundError(f"{copy}: holds no folder {' or '.join(VIDEOS)}; unpack the archive of the clips there")
    index, names = (copy / "ucfTrainTestlist" / name for name in ("classInd.txt", LISTS[split]))
    numbers = class_numbers(index, classes)
    paths, labels = clips_in(names, numbers)
    missing = [path for path in paths if not (root / path).is_file()]
    if missing:
        raise FileNotFoundError(
            f"{root / missing[0]}: no such file ({len(missing)} of the {len(paths)} clips in {names.name} are missing); "
            "complete the copy, or take them off the list"
        )
    files = {path.name: storage.file_sha256(path) for path in (index, names)}
    return listing("ucf101", root, paths, labels, len(numbers), files)


def class_numbers(path: Path, classes: int) -> dict[str, int]:
    """Number of each class, from 0, by its name: lines `<number from 1> <Class>`. There must be `classes`."""
    rows = lines_of(path)
    if any(len(row) != 2 for row in rows) or [row[0] for row in rows] != [str(1 + i) for i in range(len(rows))]:
        raise damaged(path, "its lines are not `1 Class`, `2 Class` and so on")
    if len(rows) != classes:
        raise ValueError(
            f"{path}: holds {len(rows)} classes, not {classes}; complete the list, or say --classes {len(rows)} "
            "if this subset is meant"
        )
    return {name: number for number, (_, name) in enumerate(rows)}


def clips_in(path: Path, numbers: dict[str, int]) -> tuple[list[str], np.ndarray]:
    """Paths and labels int64 [N] of the clips in a list: lines `<Class>/<file>.avi`, with or without the class from 1."""
    paths, labels = [], []
    for row in lines_of(path):
        label = numbers.get(row[0].split("/")[0])
        if label is None:
            raise damaged(path, f"{row[0]} is of no class in classInd.txt")
        if row[1:] not in ([], [str(label + 1)]):
            raise damaged(path, f"{row[0]} is of class {label + 1} in classInd.txt, not {' '.join(row[1:])}")
        paths.append(row[0])
        labels.append(label)
    if not paths:
        raise damaged(path, "names no clips")
    if len(set(paths)) < len(paths):
        raise damaged(path, "names a clip twice")
    return paths, np.array(labels, dtype=np.int64)


def lines_of(path: Path) -> list[list[str]]:
    """The words of each line of a list that holds any."""
    try:
        return [line.split() for line in path.read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError):
        raise FileNotFoundError(
            f"{path}: cannot be read; unpack the official lists (UCF101TrainTestSplits) into {path.parent}"
        ) from None


def damaged(path: Path, reason: str) -> ValueError:
    """The error that a list is reported with."""
    return ValueError(f"{path}: {reason}; unpack the official lists again, or correct your own")
