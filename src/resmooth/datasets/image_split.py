"""A data set of images that stay files: decoded when they are needed, cropped as ImageNet's are."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from resmooth.datasets.folder import FolderSplit, ahead, seed_of, undecodable

if TYPE_CHECKING:
    import PIL.Image
    import torch


@dataclass(frozen=True, kw_only=True)
class ImageSplit(FolderSplit):
    """One split whose images are files."""

    def image(self, number: int) -> PIL.Image.Image:
        """Image `number` as a PIL image in RGB. FileNotFoundError or ValueError names a file that is not what was prepared."""
        from PIL import Image, UnidentifiedImageError

        content = self.content(number)
        try:
            return Image.open(io.BytesIO(content)).convert("RGB")
        except Exception as error:  # whatever an altered file makes the decoder stumble over
            reason = "not an image" if isinstance(error, UnidentifiedImageError) else error  # which names no file
            raise undecodable(self.path(number), reason) from None

    def tensor(self, numbers: slice | Sequence[int] | np.ndarray = slice(None)) -> torch.Tensor:
        """The images of these `numbers` for evaluation, float32 [N, 3, side, side] in [0, 1]; decoded here and now.

        The shorter side is resized to 8/7 of the crop (256 for 224; bilinear, antialiased), then the centre is cropped.
        """
        import torch
        from torchvision.transforms.functional import pil_to_tensor

        numbers, side = np.arange(len(self))[numbers], self.description.image_size
        images = torch.empty(len(numbers), 3, side, side)
        for position, number in enumerate(numbers):
            images[position] = pil_to_tensor(centre(self.image(number), side * 8 // 7, side))
        return images.div_(255)

    def stream(
        self, batches: Sequence[np.ndarray | torch.Tensor], seed: int, epoch: int, workers: int, chunk: int = 0
    ) -> Iterator[torch.Tensor]:
        """Yield crops of the images of each batch, uint8 [B, 3, side, side], as FolderSplit.stream says.

        Each image is cropped and resized at random (RandomResizedCrop, torchvision's defaults). `chunk` must be 0.
        """
        if chunk:
            raise ValueError(f"a chunk of {chunk} frames, but {self.dataset} is of images; leave it out")
        return ahead(functools.partial(self._crop, seed, epoch), batches, workers)

    def _crop(self, seed, epoch, number):
        """The random crop of image `number` in an epoch, uint8 [3, side, side]."""
        return random_crop(self.image(number), self.description.image_size, seed, epoch, number)


def centre(image: PIL.Image.Image, shorter: int, side: int) -> PIL.Image.Image:
    """The centre [side, side] of an image whose shorter side is resized to `shorter` pixels (bilinear, antialiased)."""
    from torchvision.transforms import functional

    return functional.center_crop(functional.resize(image, shorter), side)


def random_crop(image: PIL.Image.Image, side: int, seed: int, epoch: int, number: int) -> torch.Tensor:
    """A random part of a PIL image, resized, uint8 [3, side, side]: a function of the image and (seed, epoch, number)."""
    import torch
    from torchvision.transforms import RandomResizedCrop
    from torchvision.transforms.functional import pil_to_tensor

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(
            seed_of(seed, epoch, number)
        )  # torch.manual_seed would seed the GPUs as well
        return pil_to_tensor(RandomResizedCrop(side)(image))
