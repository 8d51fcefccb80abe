"""Data sets too large for arrays: images stay files, <root>/{train,val}/<class>/*.JPEG, and are decoded when they are needed.

Classes and images are numbered as torchvision's ImageFolder numbers them: classes by sorted name, then files by sorted path.
Preparing such a data set stores the list of files with their labels and sizes in bytes, not their pixels.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from resmooth.datasets.source import BaseSplit

if TYPE_CHECKING:
    import PIL.Image
    import torch

FOLDER_OF = {"train": "train", "test": "val"}


@dataclass(frozen=True)
class Listing:
    """The files of one split, as a Source: paths below `root` as bytes [N], labels int64 [N], sizes in bytes int64 [N]."""

    paths: np.ndarray
    labels: np.ndarray
    sizes: np.ndarray
    root: Path
    name: str
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


@dataclass(frozen=True, kw_only=True)
class FolderSplit(BaseSplit):
    """One split whose images are files: paths below `root` as bytes [N], sizes in bytes int64 [N]."""

    root: Path
    paths: np.ndarray
    sizes: np.ndarray

    def image(self, number: int) -> PIL.Image.Image:
        """Image `number` as a PIL image in RGB. FileNotFoundError or ValueError names a file that is not what was prepared."""
        from PIL import Image, UnidentifiedImageError

        path = self.root / os.fsdecode(self.paths[number])
        try:
            content = path.read_bytes()
        except OSError as error:
            check_root(self.root)
            raise FileNotFoundError(f"{path}: cannot be read ({error.strerror}); restore the file") from None
        if len(content) != self.sizes[number]:
            raise ValueError(
                f"{path}: has {len(content)} bytes, but had {self.sizes[number]} when the data were prepared; "
                "restore the file, or delete the prepared folder and prepare the data again"
            )
        try:
            return Image.open(io.BytesIO(content)).convert("RGB")
        except Exception as error:  # whatever an altered file makes the decoder stumble over
            reason = "not an image" if isinstance(error, UnidentifiedImageError) else error  # which names no file
            raise ValueError(
                f"{path}: cannot be decoded ({reason}), truncated or altered; copy the file again, then delete the "
                "prepared folder and prepare the data again"
            ) from None

    def tensor(self, numbers: slice | Sequence[int] | np.ndarray = slice(None)) -> torch.Tensor:
        """The images of these `numbers` for evaluation, float32 [N, 3, side, side] in [0, 1]; decoded here and now.

        The shorter side is resized to 8/7 of the crop (256 for 224; bilinear, antialiased), then the centre is cropped.
        """
        import torch
        from torchvision.transforms import functional

        numbers, side = np.arange(len(self))[numbers], self.description.image_size
        images = torch.empty(len(numbers), 3, side, side)
        for position, number in enumerate(numbers):
            resized = functional.resize(self.image(number), side * 8 // 7)
            images[position] = functional.pil_to_tensor(functional.center_crop(resized, side))
        return images.div_(255)

    def stream(
        self, batches: Sequence[np.ndarray | torch.Tensor], seed: int, epoch: int, workers: int
    ) -> Iterator[torch.Tensor]:
        """Yield the images of each batch for training, uint8 [B, 3, side, side], in the given order.

        batches   list of int64 arrays or tensors of image numbers
        workers   processes that decode ahead (0: this process)

        Each image is cropped and resized at random (RandomResizedCrop, torchvision's defaults) as (seed, epoch, its number)
        say, whatever the batch and the worker. No generator of the caller is touched.
        """
        import torch
        from torch.utils.data import DataLoader, Dataset

        crops = cast("Dataset[torch.Tensor]", _RandomCrops(self, seed, epoch))  # it need not be a subclass
        loader = DataLoader(
            crops,
            batch_sampler=[batch.tolist() for batch in batches],
            num_workers=min(workers, len(batches)),
            collate_fn=_as_it_is,
            pin_memory=torch.cuda.is_available(),  # so that copies to the GPU overlap with its work
            generator=torch.Generator(),  # else the workers' seeds come from the caller's
        )
        for batch in loader:
            if isinstance(batch, Exception):
                raise batch
            yield batch


@dataclass(frozen=True)
class _RandomCrops:
    """The random crops of one epoch, for a DataLoader that fetches batch by batch."""

    split: FolderSplit
    seed: int
    epoch: int

    def __getitems__(self, numbers: list[int]) -> torch.Tensor | Exception:
        """The crops of these images, or the error that one of them caused: raised in a worker it would become many lines."""
        import torch

        side = self.split.description.image_size
        try:
            images = torch.empty(len(numbers), 3, side, side, dtype=torch.uint8)
            for position, number in enumerate(numbers):
                images[position] = random_crop(self.split.image(number), side, self.seed, self.epoch, number)
            return images
        except (OSError, ValueError) as error:
            return error


def _as_it_is(batch):
    return batch


def random_crop(image: PIL.Image.Image, side: int, seed: int, epoch: int, number: int) -> torch.Tensor:
    """A random part of a PIL image, resized, uint8 [3, side, side]: a function of the image and (seed, epoch, number)."""
    import torch
    from torchvision.transforms import RandomResizedCrop
    from torchvision.transforms.functional import pil_to_tensor

    bits = np.random.SeedSequence(seed, spawn_key=(epoch, number)).generate_state(1)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(bits[0]))  # torch.manual_seed would seed the GPUs as well
        return pil_to_tensor(RandomResizedCrop(side)(image))


def list_images(name: str, root: Path, split: str, classes: int) -> Listing:
    """The images of one split below `root` as a Listing. `classes`: how many there must be.

    FileNotFoundError or ValueError, one line, if `root` is not laid out as train/<class>/ and val/<class>/ with the same classes.
    """
    from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

    numbers = class_numbers(name, root, classes)
    folder = root / FOLDER_OF[split]
    samples = make_dataset(folder, numbers, IMG_EXTENSIONS, allow_empty=True)
    labels = np.array([label for _, label in samples], dtype=np.int64)
    empty = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if len(empty):
        raise ValueError(
            f"{folder / list(numbers)[empty[0]]}: holds no images ({len(empty)} of {classes} classes in {folder.name} "
            f"{'is' if len(empty) == 1 else 'are'} empty); complete the copy"
        )
    try:
        sizes = np.array([os.path.getsize(path) for path, _ in samples], dtype=np.int64)
    except OSError as error:
        raise FileNotFoundError(
            f"{error.filename}: cannot be read ({error.strerror}); restore the file, or delete it"
        ) from None
    paths = np.array([os.fsencode(os.path.relpath(path, root)) for path, _ in samples])
    return Listing(paths, labels, sizes, root, f"files of {name}")


def class_numbers(name: str, root: Path, classes: int) -> dict[str, int]:
    """Number of each class by its name, the same in train and val. FileNotFoundError or ValueError if it is not so."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root}: no such folder; link it to a copy of {name} (ln -s /path/to/{name} {root}) "
            "that holds train/<class>/ and val/<class>/"
        )
    train, val = (class_names(root, folder) for folder in FOLDER_OF.values())
    different = sorted(set(train) ^ set(val))
    if different:
        where = "train" if different[0] in train else "val"
        raise ValueError(
            f"{root}: train and val hold different classes ({different[0]} is in {where} alone, {len(different)} differ); "
            "complete the copy"
        )
    if len(train) != classes:
        raise ValueError(
            f"{root}: holds {len(train)} classes, not {classes}; complete the copy, or say --classes {len(train)} "
            "if this subset is meant"
        )
    return {name: number for number, name in enumerate(train)}


def class_names(root: Path, folder: str) -> list[str]:
    """Sorted names of the class folders in <root>/<folder>, which holds no images beside them."""
    loose = _images_in(root) if not (root / folder).is_dir() else _images_in(root / folder)
    if loose:
        raise ValueError(
            f"{loose[0].parent}: images lie directly in it ({loose[0].name} and {len(loose) - 1} others); "
            "sort them into train/<class>/ and val/<class>/"
        )
    if not (root / folder).is_dir():
        raise FileNotFoundError(f"{root / folder}: no such folder; complete the copy, or link the folder there")
    names = sorted(entry.name for entry in (root / folder).iterdir() if entry.is_dir())
    if not names:
        raise ValueError(f"{root / folder}: holds no class folders; unpack the archives into one folder for each class")
    return names


def _images_in(folder):
    """Image files that lie directly in `folder`."""
    from torchvision.datasets.folder import is_image_file

    return sorted(entry for entry in folder.iterdir() if is_image_file(entry.name) and not entry.is_dir())


def check_root(root: Path) -> None:
    """FileNotFoundError if the folder that was prepared is not where it was."""
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root}: no such folder, but the data were prepared from it; put it back (a link will do), "
            "or delete the prepared folder and prepare the data again"
        )
