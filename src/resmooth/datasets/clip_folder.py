"""Anybody's clips: <mirror>/clips or else <data_dir>/clips, with train/<class>/ and val/<class>/ full of video files.

The clips in val are the split `test`. Classes and clips are numbered as `resmooth.datasets.listing` says.
"""

from pathlib import Path

from resmooth.datasets.listing import Listing, list_files, own_copy
from resmooth.datasets.source import Description

EXTENSIONS = (".avi", ".mp4", ".mkv", ".webm", ".mov")
DESCRIPTION = (
    Description(  # of no number of classes: as many as there are. Pixels around the middle of [0, 1], as most are
        num_classes=0, channels=3, image_size=112, mean=(0.45, 0.45, 0.45), std=(0.25, 0.25, 0.25), frames=160
    )
)


def load(split: str, data_dir: Path, mirror: Path | None, classes: int) -> Listing:
    """The clips of one split as a Listing; `classes`: how many there must be, 0 for as many as there are."""
    root = own_copy("clips", data_dir, mirror)
    return list_files("clips", root, split, classes, "clips", EXTENSIONS, any_number=not classes)
