"""Data sets by name, as 8-bit arrays or as files, prepared once into a folder with a manifest and checked at every reading.

`prepare` writes <folder>/{train,test}.npz (images uint8 [N, H, W, C] or clips [N, F, H, W, C], labels int64 [N]) and
manifest.json (source, sha256 of every file, hash of the images in their order, number of inexact images). `read` gives one split
back. Of a data set in FOLDERS the images or clips stay files: paths and sizes stand in for them, and the manifest names the root
folder and the number of classes. Decoded frames of clips are kept in <folder>/frames/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resmooth import storage
from resmooth.datasets import cifar10, clip_folder, digits, imagenet, mnist, moving_digits, ucf101
from resmooth.datasets.clip_split import ClipSplit
from resmooth.datasets.folder import FolderSplit, check_root
from resmooth.datasets.image_split import ImageSplit
from resmooth.datasets.source import BaseSplit, Description, Source, order_sha256

if TYPE_CHECKING:
    import torch

DATASETS = {
    "digits": digits,
    "mnist": mnist,
    "cifar10": cifar10,
    "imagenet": imagenet,
    "moving_digits": moving_digits,
    "ucf101": ucf101,
    "clips": clip_folder,
}
FOLDERS = {"imagenet", "ucf101", "clips"}
__all__ = [
    "DATASETS",
    "FOLDERS",
    "ClipSplit",
    "Description",
    "FolderSplit",
    "ImageSplit",
    "Source",
    "Split",
    "describe",
    "order_sha256",
    "prepare",
    "read",
]


@dataclass(frozen=True, kw_only=True)
class Split(BaseSplit):
    """One split of a prepared data set whose images are an array, uint8 [N, H, W, C], or clips [N, F, H, W, C]."""

    images: np.ndarray

    def tensor(self, numbers: slice | Sequence[int] | np.ndarray = slice(None)) -> torch.Tensor:
        """The images of these `numbers` (default: all) as float32 [N, C, H, W] in [0, 1]; clips as [N, F, C, H, W]."""
        import torch

        return torch.from_numpy(self.images[numbers]).movedim(-1, -3).float().div_(255)


def describe(name: str) -> Description:
    """The Description (classes, channels, image size, pixel mean and deviation) of the data set `name`."""
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; known: {', '.join(DATASETS)}")
    return DATASETS[name].DESCRIPTION


def prepare(
    name: str,
    folder: str | Path,
    data_dir: str | Path = "data",
    mirror: str | Path | None = None,
    classes: int | None = None,
) -> None:
    """Load data set `name` from its source and write it to `folder`.

    mirror    folder of an offline copy (<mirror>/<name>/), used instead of <data_dir> and a download to it
    classes   how many classes there must be, for a subset of a data set in FOLDERS (default: the data set's own number; of
              `clips`, as many as there are)

    FileNotFoundError or ValueError, one line, if the source is missing, truncated or altered.
    """
    about = describe(name)
    if classes is not None and name not in FOLDERS:
        raise ValueError(f"data set {name} always has its {about.num_classes} classes; leave --classes out")
    options = {"classes": about.num_classes if classes is None else classes} if name in FOLDERS else {}
    folder, mirror = Path(folder), Path(mirror) if mirror else None
    sources = {split: DATASETS[name].load(split, Path(data_dir), mirror, **options) for split in ("train", "test")}
    manifest: dict[str, Any] = {"dataset": name, "source": sources["train"].name, "splits": {}}
    if name in FOLDERS:
        manifest |= {"root": str(sources["train"].root), "classes": sources["train"].classes}
    for split, source in sources.items():
        path = folder / f"{split}.npz"
        with storage.atomic(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, **source.arrays)
        manifest["splits"][split] = {
            "images": len(source.labels),
            "inexact_images": int(source.inexact),
            "order_sha256": source.order_sha256,
            "sha256": storage.file_sha256(path),
            "source_files": source.files,
        }
    storage.write_json(folder / "manifest.json", manifest)


def read(path: str | Path) -> Split | FolderSplit:
    """Read one prepared split, `<folder>/<split>.npz`, and check it against the folder's manifest.

    Returns a Split, or a FolderSplit if its images or clips stay files (an ImageSplit or a ClipSplit): both have labels, dataset,
    split, order_sha256, description, tensor(numbers) and a length.
    """
    path = Path(path)
    manifest_file = path.with_name("manifest.json")
    for needed in (path, manifest_file):
        if not needed.is_file():
            raise FileNotFoundError(f"{needed}: no such file; prepare the data first (resmooth data NAME FOLDER)")
    try:
        manifest = storage.read_json(manifest_file)
        facts, about = manifest["splits"][path.stem], describe(manifest["dataset"])
        order, expected = facts["order_sha256"], facts["sha256"]
        if manifest["dataset"] in FOLDERS:
            root, about = Path(manifest["root"]), replace(about, num_classes=int(manifest["classes"]))
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"{manifest_file}: truncated or altered; delete the folder and prepare the data again"
        ) from None
    if expected != storage.file_sha256(path):
        raise ValueError(
            f"{path}: does not match the sha256 in manifest.json, truncated or altered; "
            "delete the folder and prepare the data again"
        )
    with np.load(path) as arrays:
        content = dict(arrays)
    content |= {"dataset": manifest["dataset"], "split": path.stem, "order_sha256": order, "description": about}
    if manifest["dataset"] not in FOLDERS:
        return Split(**content)
    check_root(root)
    if about.frames:
        return ClipSplit(root=root, cache=path.parent / "frames" / f"{path.stem}-{order[:8]}", **content)
    return ImageSplit(root=root, **content)
