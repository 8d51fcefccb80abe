"""The list of the files of a data set too large for arrays, laid out as <root>/{train,val}/<class>/<file>.

Classes and files are numbered as torchvision's ImageFolder numbers them: classes by sorted name, then files by sorted path.
Preparing such a data set stores this list with labels and sizes in bytes, not the pixels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

FOLDER_OF = {"train": "train", "test": "val"}


@dataclass(frozen=True)
class Listing:
    """The files of one split, as a Source: paths below `root` as bytes [N], labels int64 [N], sizes in bytes int64 [N].

    classes: how many there are. files: sha256 of the files that say which these are, if any.
    """

    paths: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray
    root: Path
    name: str
    classes: int
    files: dict[str, str] = field(default_factory=dict)
    inexact: int = 0

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        return {"paths": self.paths, "labels": self.labels, "sizes": self.sizes}

    @property
    def order_sha256(self) -> str:
        """Hash of all paths, labels and sizes in their order."""
        digest = hashlib.sha256(b"\0".join(self.paths.tolist()))
        for numbers in (self.labels, self.sizes):
            digest.update(np.ascontiguousarray(numbers, "<i8").tobytes())
        return digest.hexdigest()


def own_copy(name: str, data_dir: Path, mirror: Path | None) -> Path:
    """The folder of the user's own copy: <mirror>/<name> if there is one, or else <data_dir>/<name>."""
    return ((mirror if mirror and (mirror / name).is_dir() else data_dir) / name).absolute()


def list_files(
    name: str, root: Path, split: str, classes: int, what: str, extensions: Sequence[str], any_number: bool = False
) -> Listing:
    """The files of one split below `root` as a Listing.

    classes      how many classes there must be; `any_number`: as many as there are
    what         what the files are, in the plural, for messages
    extensions   how their names end, in lower case

    FileNotFoundError or ValueError, one line, if `root` is not laid out as train/<class>/ and val/<class>/ with the same classes.
    """
    from torchvision.datasets.folder import make_dataset

    numbers = class_numbers(name, root, what, extensions)
    if len(numbers) != classes and not any_number:
        raise ValueError(
            f"{root}: holds {len(numbers)} classes, not {classes}; complete the copy, or say --classes {len(numbers)} "
            "if this subset is meant"
        )
    folder = root / FOLDER_OF[split]
    samples = make_dataset(folder, numbers, tuple(extensions), allow_empty=True)
    labels = np.array([label for _, label in samples], dtype=np.int64)
    empty = np.flatnonzero(np.bincount(labels, minlength=len(numbers)) == 0)
    if len(empty):
        raise ValueError(
            f"{folder / list(numbers)[empty[0]]}: holds no {what} ({len(empty)} of {len(numbers)} classes in {folder.name} "
            f"{'is' if len(empty) == 1 else 'are'} empty); complete the copy"
        )
    paths = [os.path.relpath(path, root) for path, _ in samples]
    return listing(name, root, paths, labels, len(numbers))


def listing(
    name: str, root: Path, paths: Sequence[str], labels: np.ndarray, classes: int, files: dict[str, str] | None = None
) -> Listing:
    """The Listing of the files at `paths` below `root`. FileNotFoundError names one that cannot be read."""
    try:
        sizes = np.array([os.path.getsize(root / path) for path in paths], dtype=np.int64)
    except OSError as error:
        raise FileNotFoundError(
            f"{error.filename}: cannot be read ({error.strerror}); restore the file, or delete it"
        ) from None
    encoded = np.array([os.fsencode(path) for path in paths])
    return Listing(encoded, labels, sizes, root, f"files of {name}", classes, files or {})


def class_numbers(name: str, root: Path, what: str, extensions: Sequence[str]) -> dict[str, int]:
    """Number of each class by its name, the same in train and val. FileNotFoundError or ValueError if it is not so."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root}: no such folder; link it to a copy of {name} (ln -s /path/to/{name} {root}) "
            "that holds train/<class>/ and val/<class>/"
        )
    train, val = (class_names(root, folder, what, extensions) for folder in FOLDER_OF.values())
    different = sorted(set(train) ^ set(val))
    if different:
        where = "train" if different[0] in train else "val"
        raise ValueError(
            f"{root}: train and val hold different classes ({different[0]} is in {where} alone, {len(different)} differ); "
            "complete the copy"
        )
    return {name: number for number, name in enumerate(train)}


def class_names(root: Path, folder: str, what: str, extensions: Sequence[str]) -> list[str]:
    """Sorted names of the class folders in <root>/<folder>, which holds no such files beside them."""
    place = root / folder if (root / folder).is_dir() else root
    loose = sorted(
        entry for entry in place.iterdir() if entry.name.lower().endswith(tuple(extensions)) and not entry.is_dir()
    )
    if loose:
        raise ValueError(
            f"{place}: {what} lie directly in it ({loose[0].name} and {len(loose) - 1} others); "
            "sort them into train/<class>/ and val/<class>/"
        )
    if place == root:
        raise FileNotFoundError(f"{root / folder}: no such folder; complete the copy, or link the folder there")
    names = sorted(entry.name for entry in place.iterdir() if entry.is_dir())
    if not names:
        raise ValueError(f"{place}: holds no class folders; unpack the archives into one folder for each class")
    return names
