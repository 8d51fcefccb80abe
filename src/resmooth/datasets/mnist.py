"""MNIST: 60,000 training and 10,000 test images, 28x28 grey (LeCun et al. 1998)."""

from pathlib import Path

from resmooth.datasets.source import Description, Source, from_mirror, from_torchvision

DESCRIPTION = Description(num_classes=10, channels=1, image_size=28, mean=(0.1307,), std=(0.3081,))

ORDER = {  # contents of the official files
    "train": "d18cfd466eb143ac1097fde604dba9eec4116885869d04cc648b510949f9e88c",
    "test": "a0863a96c44e5666edbb30c4071ee79ca0514c621e6349c5967fc78e7305c891",
}


def load(split: str, data_dir: Path, mirror: Path | None) -> Source:
    """One split as a Source, from <mirror>/mnist or by torchvision's download into `data_dir`."""
    if mirror:
        shape = (60_000 if split == "train" else 10_000, 28, 28, 1)
        return from_mirror("mnist", split, mirror, shape, {"sha256": ORDER[split], "exact": True})
    from torchvision.datasets import MNIST

    return from_torchvision("MNIST", split, MNIST, data_dir, "MNIST/raw")
