"""Handwritten digits, 1,797 real 8x8 images bundled with scikit-learn (Alpaydin and Kaynak 1998): no download.

The pen pressure 0..16 becomes 8 bits by 255/16, rounded. The first 1,297 images train, the last 500 test: the file is sorted
by writer, so the test digits come from other hands than most of the training digits.
"""

from pathlib import Path

import numpy as np

from resmooth import storage
from resmooth.datasets.source import Description, Source

DESCRIPTION = Description(num_classes=10, channels=1, image_size=8, mean=(0.31,), std=(0.38,))
TRAIN_IMAGES = 1297
FILE_SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"


def load(split: str, data_dir: Path, mirror: Path | None) -> Source:
    """One split as a Source. `data_dir` and `mirror` are not needed: the images come with scikit-learn."""
    import sklearn.datasets

    path = Path(sklearn.datasets.__file__).parent / "data" / "digits.csv.gz"
    found = storage.file_sha256(path)
    if found != FILE_SHA256:
        raise ValueError(
            f"{path}: not the digits file of scikit-learn, truncated or altered; install scikit-learn again"
        )
    bunch = sklearn.datasets.load_digits()
    images = np.round(bunch.images * (255 / 16)).astype(np.uint8)[..., None]
    part = slice(None, TRAIN_IMAGES) if split == "train" else slice(TRAIN_IMAGES, None)
    return Source(images[part], bunch.target[part].astype(np.int64), "scikit-learn digits", {path.name: found})
