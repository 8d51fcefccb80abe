r"""Independent masks and masks of a fixed size: how much a few changed pixels can move a probability, and the certified radius.

An image with R changed pixels looks the same unless a mask keeps one of them. Three numbers for the probability of that, for
masks that keep k of d pixels (p = k / d): the union bound R p of the notes on noises; exactly :math:`1 - (1 - p)^R` if each pixel
is kept by itself; exactly :math:`1 - {d - R \choose k} / {d \choose k}` if k are kept (Levine and Feizi 2020). Independent <=
fixed <= union. Radii are whole numbers of pixels.
"""

import numpy as np
from numpy.typing import ArrayLike

from resmooth import noise

UNION, IID, FIXED = "union", "iid", "fixed"


def masks(d: int, k: int) -> tuple:
    """The independent mask that keeps k of d pixels on average, and the one that keeps exactly k."""
    return noise.make("mask", dim=d, p=k / d), noise.make("ablation", dim=d, k=k)


def changed(d: int, k: int, count: ArrayLike) -> dict[str, np.ndarray]:
    """The probability that a mask keeps one of `count` changed pixels, by each bound, of the shape of `count`."""
    independent, fixed = masks(d, k)
    union = np.minimum(1, np.asarray(count) * independent.p)
    return {UNION: union, IID: independent.changed(count), FIXED: fixed.changed(count)}


def radii(d: int, k: int, p_a: ArrayLike) -> dict[str, np.ndarray]:
    """Certified pixels by each bound, of the shape of p_a."""
    independent, fixed = masks(d, k)
    return {UNION: independent.union_radius(p_a), IID: independent.radius(p_a), FIXED: fixed.radius(p_a)}


def limit(d: int, k: int) -> float:
    """What independent masks cannot reach, whatever the classifier: log(1/2) / log(1 - p)."""
    return float(np.log(0.5) / np.log1p(-k / d))


def energies(image: np.ndarray, k: int, draws: int, generator: np.random.Generator) -> dict[str, np.ndarray]:
    r""":math:`|\epsilon|_2^2` of `draws` masks that set pixels of `image` [d] to 0, of both kinds: [draws] each."""
    kept = generator.random((draws, image.size)).argsort(axis=1) < k
    independent = generator.random((draws, image.size)) < k / image.size
    squares = {"independent": independent, "fixed size": kept}
    return {name: np.where(keep, 0, image**2).sum(axis=1) for name, keep in squares.items()}
