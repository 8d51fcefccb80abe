"""The certificates of N images: one record for all procedures, and its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from resmooth.noise.base import Noise

ABSTAIN = -1
Column = Any  # np.ndarray, or None where the procedure does not know it


@dataclass(frozen=True)
class Certificates:
    """Certificates of N images; arrays are numpy, aligned. A field is None if the procedure does not compute it.

    predict   int64 [N]      class, -1 (`ABSTAIN`) where the procedure abstains
    radius    float64 [N]    certified radius in units of the [0, 1] image, 0 where it abstains
    p_lower   float64 [N]    lower bound on the probability (or mean score) of the selected class, less the noise's slack
    zeta      float64 [N]    upper bound on how often the network and its twin disagree (`resmooth.smoothing.transfer`); p_lower
                             is less this
    n_top     int64 [N]      votes of the selected class among `n`
    n, n0     int64 [N]      estimation samples (they bound its probability), and selection samples
    counts    int64 [N, K]   class counts of the estimation samples
    counts0   int64 [N, K]   class counts of the selection samples
    selected  int64 [N]      class that the selection samples chose
    mean, variance           its mean score and their unbiased variance, of the soft smoothed classifier: float64 [N]
    samples   int64 [N]      all samples drawn, those for selection included
    stage     int64 [N]      the stage or look at which the image was decided, counted from 1
    alpha                    error probability for each image (0: certain)
    sigma                    noise level; float64 [N], one for each image, where it depends on the image
    bound                    name of the confidence bound ("exact": all copies of deterministic noise were counted)
    noise, dim, norm         label of the noise (as `resmooth.noise.parse` reads it), its dimension, the norm of the radii
    lift, lipschitz          the linear map before the noise ("identity"), and its norm L, by which the radii are divided
    """

    predict: np.ndarray
    radius: Column = None
    p_lower: Column = None
    zeta: Column = None
    n_top: Column = None
    n: Column = None
    n0: Column = None
    counts: Column = None
    counts0: Column = None
    selected: Column = None
    mean: Column = None
    variance: Column = None
    samples: Column = None
    stage: Column = None
    alpha: float | None = None
    sigma: Any = None
    bound: str | None = None
    noise: str | None = None
    dim: int | None = None
    norm: float | None = None
    lift: str | None = None
    lipschitz: float | None = None

    @property
    def certified(self) -> np.ndarray:
        """bool [N]: whether a class was certified."""
        return self.predict != ABSTAIN

    def to_frame(self, labels: ArrayLike, idx: ArrayLike | None = None) -> pd.DataFrame:
        """Table of the columns that are known, in the order of a certificates file.

        labels [N]; idx: N global image numbers (default 0..N-1). ValueError for another number of labels.
        """
        labels = np.asarray(labels)
        if labels.shape != self.predict.shape:
            raise ValueError(f"{len(self.predict)} certificates but {labels.size} labels")
        columns = {
            "idx": np.arange(len(labels)) if idx is None else np.asarray(idx),
            "label": labels,
            "predict": self.predict,
            "radius": self.radius,
            "correct": (self.predict == labels).astype(int),
            "time": "",
            "p_lower": self.p_lower,
            "zeta": self.zeta,
            "n_top": self.n_top,
            "mean": self.mean,
            "variance": self.variance,
            "samples": self.samples,
            "stage": self.stage,
            "n": self.n,
            "n0": self.n0,
            "alpha": self.alpha,
            "sigma": self.sigma,
            "noise": self.noise,
            "dim": self.dim,
            "norm": None if self.norm is None else f"{self.norm:g}",
            "lift": self.lift,
            "lipschitz": self.lipschitz,
        }
        return pd.DataFrame({name: values for name, values in columns.items() if values is not None})

    @classmethod
    def joined(cls, parts: Sequence[Certificates]) -> Self:
        """The certificates of several groups of images as one, in order; fields that are not arrays are taken from the first."""

        def together(values: list) -> Any:
            return np.concatenate(values) if isinstance(values[0], np.ndarray) else values[0]

        return cls(**{field.name: together([getattr(part, field.name) for part in parts]) for field in fields(cls)})


def facts(noise: Noise, norm: float, levels: ArrayLike | None = None) -> dict[str, Any]:
    """The fields of `Certificates` on the noise and the norm; `levels` [N]: the images' noise levels, where each has its own."""
    sigma = noise.sigma if levels is None else np.asarray(levels, dtype=float)
    about = {"sigma": sigma, "noise": noise.label, "dim": noise.dim, "norm": norm}
    return about | {"lift": noise.lift, "lipschitz": noise.lipschitz}
