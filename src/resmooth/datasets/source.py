"""The records that a data set returns, and how to read one from an offline mirror or by torchvision's download."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from resmooth import storage


@dataclass(frozen=True)
class Description:
    """Facts that a model needs: classes, channels, side of the square image, mean and deviation of each channel in [0, 1].

    frames: of a clip, where the data are clips of so many frames; 0 for images.
    """

    num_classes: int
    channels: int
    image_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    frames: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """[C, H, W] of an image, [F, C, H, W] of a clip."""
        image = self.channels, self.image_size, self.image_size
        return (self.frames, *image) if self.frames else image


@dataclass(frozen=True, kw_only=True)
class BaseSplit:
    """Fields of every prepared split: labels int64 [N] of the images 0..N-1, their origin, and a hash of their order."""

    labels: np.ndarray
    dataset: str
    split: str
    order_sha256: str
    description: Description

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Source:
    """One split as it came: images uint8 [N, H, W, C] (clips [N, F, H, W, C]), labels int64 [N], where from, sha256 of each file,
    inexact images."""

    images: np.ndarray
    labels: np.ndarray
    name: str
    files: dict[str, str] = field(default_factory=dict)
    inexact: int = 0

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        return {"images": self.images, "labels": self.labels}

    @property
    def order_sha256(self) -> str:
        return order_sha256(self.images, self.labels)


def from_mirror(name: str, split: str, mirror: Path, shape: tuple[int, ...], order: Mapping[str, str | bool]) -> Source:
    """Read <mirror>/<name>/<split>.npz: images of `shape` [N, H, W, C], labels and a mask `exact`.

    `order`: the known `order_sha256` of this copy. A copy with other contents is refused, unless all its images are said to be
    exact and no such copy is known; it is then named as not verified. One-line errors name file and remedy.
    """
    path = mirror / name / f"{split}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; assemble the mirror that RESMOOTH_MIRROR names, or unset it")
    try:
        with np.load(path) as arrays:
            images, labels, exact = arrays["images"], arrays["labels"].astype(np.int64), arrays["exact"].astype(bool)
    except (zipfile.BadZipFile, ValueError, TypeError, KeyError, EOFError, OSError):
        raise ValueError(f"{path}: truncated or altered; assemble the mirror again") from None
    if images.shape != shape or images.dtype != np.uint8 or labels.shape != shape[:1] or exact.shape != shape[:1]:
        raise ValueError(f"{path}: not {shape[0]} images {shape[1:]} of 8 bits; assemble the mirror again")
    kind = "" if exact.all() else " (re-assembled copy)"
    if order_sha256(images, labels) != order["sha256"]:
        if order["exact"] or not exact.all():
            raise ValueError(f"{path}: not the images that were expected; assemble the mirror again")
        kind = " (not verified)"
    return Source(
        images, labels, f"offline mirror of {name}{kind}", {path.name: storage.file_sha256(path)}, (~exact).sum()
    )


def from_torchvision(name: str, split: str, download: Callable[..., Any], folder: Path, raw: str) -> Source:
    """Download (or find) a torchvision data set below `folder`; torchvision verifies the official checksums.

    `download(root, train, download)` is the torchvision class; `raw` the subfolder that its files lie in.
    """
    try:
        data = download(root=str(folder), train=split == "train", download=True)
    except (RuntimeError, OSError) as error:  # urllib errors are OSErrors
        reason = str(error).splitlines()[0]
        raise FileNotFoundError(
            f"{folder}: {name} could not be downloaded ({reason}); connect, or let RESMOOTH_MIRROR name an offline copy"
        ) from None
    files = {path.name: storage.file_sha256(path) for path in sorted((folder / raw).iterdir()) if path.is_file()}
    images = np.asarray(data.data, dtype=np.uint8)
    images = images[..., None] if images.ndim == 3 else images
    return Source(images, np.asarray(data.targets, dtype=np.int64), f"torchvision {name}", files)


def order_sha256(images: np.ndarray, labels: np.ndarray) -> str:
    """Hash of all pixels and labels in their order: two runs with equal hashes number the same images alike."""
    digest = hashlib.sha256(np.ascontiguousarray(images, np.uint8).tobytes())
    digest.update(np.ascontiguousarray(labels, "<i8").tobytes())
    return digest.hexdigest()
