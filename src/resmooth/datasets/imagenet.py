"""ImageNet (ILSVRC 2012): 1,281,167 training and 50,000 validation images of 1,000 classes (Russakovsky et al. 2015).

The images may not be redistributed: <mirror>/imagenet or else <data_dir>/imagenet is the user's own copy, or a link to it, in
torchvision's ImageFolder layout. The validation images are the split `test`. In a complete copy they are numbered as in the
literature: label = number // 50, and every 100th image gives 500 images of 500 classes.
"""

from pathlib import Path

from resmooth.datasets.listing import Listing, list_files, own_copy
from resmooth.datasets.source import Description

DESCRIPTION = Description(
    num_classes=1000, channels=3, image_size=224, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)


def load(split: str, data_dir: Path, mirror: Path | None, classes: int) -> Listing:
    """The files of one split as a Listing; `classes`: how many there must be, fewer than 1,000 for a subset."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    return list_files("imagenet", own_copy("imagenet", data_dir, mirror), split, classes, "images", IMG_EXTENSIONS)
