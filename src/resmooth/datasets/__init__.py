"""Data sets by name, as 8-bit arrays, prepared once into a folder with a manifest and checked at every reading.

`prepare` writes <folder>/{train,test}.npz (images uint8 [N, H, W, C], labels int64 [N]) and manifest.json (source, sha256 of
every file, hash of the images in their order, number of inexact images). `read` gives one split back.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from resmooth import storage
from resmooth.datasets import cifar10, digits, mnist
from resmooth.datasets.source import Description, Source, order_sha256

DATASETS = {"digits": digits, "mnist": mnist, "cifar10": cifar10}
__all__ = ["DATASETS", "Description", "Source", "Split", "describe", "order_sha256", "prepare", "read"]


@dataclass(frozen=True)
class Split:
    """One split of a prepared data set: images uint8 [N, H, W, C], labels int64 [N], and what is known of them."""

    images: np.ndarray
    labels: np.ndarray
    dataset: str
    split: str
    order_sha256: str
    description: Description

    def tensor(self, numbers=slice(None)):
        """The images of these `numbers` (default: all) as float32 [N, C, H, W] in [0, 1]."""
        import torch

        return torch.from_numpy(self.images[numbers]).permute(0, 3, 1, 2).float().div_(255)


def describe(name):
    """The Description (classes, channels, image size, pixel mean and deviation) of the data set `name`."""
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; known: {', '.join(DATASETS)}")
    return DATASETS[name].DESCRIPTION


def prepare(name, folder, data_dir="data", mirror=None):
    """Load data set `name` from its source and write it to `folder`.

    `mirror`: folder of an offline copy (<mirror>/<name>/{train,test}.npz), used instead of a download to `data_dir`.
    FileNotFoundError or ValueError, one line, if the source is missing, truncated or altered.
    """
    describe(name)
    folder, mirror = Path(folder), Path(mirror) if mirror else None
    sources = {split: DATASETS[name].load(split, Path(data_dir), mirror) for split in ("train", "test")}
    manifest = {"dataset": name, "source": sources["train"].name, "splits": {}}
    for split, source in sources.items():
        path = folder / f"{split}.npz"
        with storage.atomic(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, images=source.images, labels=source.labels)
        manifest["splits"][split] = {
            "images": len(source.images),
            "inexact_images": int(source.inexact),
            "order_sha256": order_sha256(source.images, source.labels),
            "sha256": storage.file_sha256(path),
            "source_files": source.files,
        }
    storage.write_json(folder / "manifest.json", manifest)


def read(path):
    """Read one prepared split, `<folder>/<split>.npz`, and check it against the folder's manifest. Returns a Split."""
    path = Path(path)
    manifest_file = path.with_name("manifest.json")
    for needed in (path, manifest_file):
        if not needed.is_file():
            raise FileNotFoundError(f"{needed}: no such file; prepare the data first (resmooth data NAME FOLDER)")
    try:
        manifest = storage.read_json(manifest_file)
        facts, about = manifest["splits"][path.stem], describe(manifest["dataset"])
        order, expected = facts["order_sha256"], facts["sha256"]
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
        images, labels = arrays["images"], arrays["labels"]
    return Split(images, labels, manifest["dataset"], path.stem, order, about)
