"""Certified accuracy, average certified radius and abstention of a table of certificates, with standard errors.

Every function takes any table (pandas DataFrame or mapping of arrays) with columns `correct` (1 where the smoothed
classifier predicts the label, 0 otherwise and for abstentions) and `radius` (certified radius, in units of the [0, 1]
image): our certificates and the per-image logs of the field alike. One row is one image.

The field prints two different "average certified radii". Both divide the same sum, one by all images, the other by the
correctly classified ones; they are kept apart by the argument `over` and must never be compared with each other.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

Table = Mapping[str, ArrayLike]  # or a pandas DataFrame


def _certified_radius(frame: Table) -> np.ndarray:
    """Radius counted for each image [N]: the certified radius where the prediction is correct, -1 elsewhere."""
    correct = np.asarray(frame["correct"]).astype(bool)
    radius = np.asarray(frame["radius"], dtype=float)
    if len(correct) == 0:
        raise ValueError("the table of certificates has no rows; a metric needs at least one image")
    return np.where(correct, radius, -1.0)


def certified_accuracy(frame: Table, radii: ArrayLike) -> np.ndarray:
    """Fraction of all images that are classified correctly with a certified radius of at least each of `radii`.

    `radii`: number or array, in units of the [0, 1] image. Returns fractions of the same shape. Radius 0 gives the clean
    accuracy of the smoothed classifier, abstentions counted as errors (Cohen et al. 2019, section 4).
    """
    counted = np.sort(_certified_radius(frame))
    below = np.searchsorted(counted, np.asarray(radii, dtype=float), side="left")
    return (len(counted) - below) / len(counted)


def certified_accuracy_se(frame: Table, radii: ArrayLike) -> np.ndarray:
    """Standard error of `certified_accuracy`, the images being a random sample: sqrt(a (1 - a) / N). Fractions."""
    accuracy = certified_accuracy(frame, radii)
    return np.sqrt(accuracy * (1 - accuracy) / len(np.asarray(frame["correct"])))


def acr(frame: Table, over: str) -> float:
    """Average certified radius. `over="all"`: sum over correct images / number of images (Zhai et al. 2020);

    `over="correct"`: the same sum / number of correct images (nan if there is none). ValueError for another `over`.
    """
    averaged = _averaged(frame, over)
    return float(np.mean(averaged)) if len(averaged) else float("nan")


def acr_se(frame: Table, over: str) -> float:
    """Standard error of `acr`: standard deviation of the averaged radii / sqrt(their number); nan below two of them."""
    averaged = _averaged(frame, over)
    return float(np.std(averaged, ddof=1) / np.sqrt(len(averaged))) if len(averaged) > 1 else float("nan")


def _averaged(frame: Table, over: str) -> np.ndarray:
    """The radii whose mean is the ACR: one for each image (0 if wrong), or one for each correct image."""
    counted = _certified_radius(frame)
    if over == "all":
        return np.maximum(counted, 0.0)
    if over == "correct":
        return counted[counted >= 0]
    raise ValueError(f'over must be "all" or "correct", got {over!r}')


def abstention_rate(frame: Table) -> float:
    """Fraction of images on which the smoothed classifier abstains (column `predict` equal to -1)."""
    return float(np.mean(np.asarray(frame["predict"]) == -1))


def class_accuracy(frame: Table) -> tuple[np.ndarray, np.ndarray]:
    """Clean accuracy of the smoothed classifier in each class that has images: (labels [C], fractions [C]).

    Abstentions are errors.
    """
    labels, correct = np.asarray(frame["label"]), np.asarray(frame["correct"], dtype=float)
    classes, which = np.unique(labels, return_inverse=True)
    return classes, np.bincount(which, correct) / np.bincount(which)


def class_spread(frame: Table) -> float:
    """Standard deviation of `class_accuracy` over the classes, with ddof = 1; nan for a single class."""
    accuracy = class_accuracy(frame)[1]
    return float(np.std(accuracy, ddof=1)) if len(accuracy) > 1 else float("nan")
