"""Moving digits: clips of the real 8x8 digits in made motion, one digit to a clip, so that videos need no download.

Each image of `resmooth.datasets.digits`, split as there, is one clip of 48 frames of 16x16 pixels, whose class is its digit. It
starts anywhere, moves in a straight line at up to 0.75 pixels a frame, and bounces off the border; between pixels it is
interpolated bilinearly. Start, direction and speed are random, but made from the split and the number of the image alone.
"""

from pathlib import Path

import numpy as np

from resmooth.datasets import digits
from resmooth.datasets.source import Description, Source

FRAMES, SIDE, FASTEST = 48, 16, 0.75
DESCRIPTION = Description(num_classes=10, channels=1, image_size=SIDE, mean=(0.076,), std=(0.204,), frames=FRAMES)


def load(split: str, data_dir: Path, mirror: Path | None) -> Source:
    """One split as a Source of clips uint8 [N, 48, 16, 16, 1]. `data_dir` and `mirror` are not needed."""
    found = digits.load(split, data_dir, mirror)
    first = 0 if split == "train" else digits.TRAIN_IMAGES
    clips = np.stack([clip(image[..., 0], first + number) for number, image in enumerate(found.images)])
    return Source(clips[..., None], found.labels, "scikit-learn digits, moved", found.files)


def clip(image: np.ndarray, seed: int) -> np.ndarray:
    """The clip uint8 [48, 16, 16] in which an `image` uint8 [S, S] moves as `seed` says."""
    generator = np.random.default_rng([seed, 0])
    free = SIDE - len(image)
    start, angle = generator.uniform(0, free, 2), generator.uniform(0, 2 * np.pi)
    speed = generator.uniform(0, FASTEST) * np.array([np.sin(angle), np.cos(angle)])
    places = bounced(start + np.arange(FRAMES)[:, None] * speed, free)
    down, across = (_placement(places[:, axis], len(image)) for axis in (0, 1))
    return np.round(down @ image.astype(float) @ across.transpose(0, 2, 1)).astype(np.uint8)


def bounced(places: np.ndarray, free: float) -> np.ndarray:
    """`places` on a line, folded into [0, free] as by walls that reflect."""
    folded = np.abs(places) % (2 * free)
    return np.minimum(folded, 2 * free - folded)


def _placement(places: np.ndarray, size: int) -> np.ndarray:
    """Matrices [F, SIDE, size] that put `size` rows at each of `places` [F], shared bilinearly between the two next to it."""
    distance = np.abs(np.arange(SIDE)[:, None] - np.arange(size) - places[:, None, None])
    return np.maximum(0, 1 - distance)
