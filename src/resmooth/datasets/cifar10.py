"""CIFAR-10: 50,000 training and 10,000 test images, 32x32 colour (Krizhevsky 2009)."""

from pathlib import Path

from resmooth.datasets.source import Description, Source, from_mirror, from_torchvision

DESCRIPTION = Description(
    num_classes=10, channels=3, image_size=32, mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010)
)

ORDER = {  # contents of the re-assembled copy, in which 93 images (20 of them in test) are near copies
    "train": "cfda0927577d245d0aa16cbe822313716d62acaa16b18ddf4acebfc7631eafdd",
    "test": "4b9ba67a5fc328792f1d291eea813c4feea32d0d16d809c0015cf3e88a3a9ae0",
}


def load(split: str, data_dir: Path, mirror: Path | None) -> Source:
    """One split as a Source, from <mirror>/cifar10 or by torchvision's download into `data_dir`."""
    if mirror:
        shape = (50_000 if split == "train" else 10_000, 32, 32, 3)
        return from_mirror("cifar10", split, mirror, shape, {"sha256": ORDER[split], "exact": False})
    from torchvision.datasets import CIFAR10

    return from_torchvision("CIFAR10", split, CIFAR10, data_dir, "cifar-10-batches-py")
