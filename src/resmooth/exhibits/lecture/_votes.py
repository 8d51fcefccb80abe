"""Votes of one network in the order drawn, for the exhibits on ABSTAIN and on inference.

The counts files keep the votes of each `step` consecutive samples; cumulated, every multiple of `step` is a possible n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import pandas as pd

from resmooth import storage
from resmooth.smoothing import bounds

if TYPE_CHECKING:
    from resmooth.plan import Case, Run

LEAST_GROUPS = 5  # a single image's rate is shown from so many groups of votes on


class Votes(NamedTuple):
    """Votes on N images: idx, label [N]; selection [N, K] of the n0 samples; steps [N, S, K] of each `step` of the n samples."""

    idx: np.ndarray
    label: np.ndarray
    selection: np.ndarray
    steps: np.ndarray
    step: int
    facts: Mapping

    @property
    def n(self) -> int:
        """Samples in whole steps."""
        return self.step * self.steps.shape[1]

    @property
    def half(self) -> int:
        """Number of steps in the first half."""
        return self.steps.shape[1] // 2

    @property
    def whole(self) -> np.ndarray:
        """Votes of all steps [N, K]."""
        return self.steps.sum(axis=1)


def noisiest(run: Run) -> Case | None:
    """The first experiment under normal noise at its highest level, where most is abstained; None if there is none."""
    cases = [case for case in run.cases if run.normal and case.experiment == run.normal[0]]
    return max(cases, key=lambda case: case.level, default=None)


def needs(run: Run) -> dict[str, list[str]] | None:
    """The counts of that case and the certificates of its first network."""
    case = noisiest(run)
    if case is None:
        return None
    certificate = run.paths.certificates(*case.key, case.experiment.classifiers[0])
    return {"counts": run.counts(*case.key), "certificates": [certificate]}


def settings(run: Run) -> dict:
    """What was certified, and how: experiment, classifier, sigma, n0 and alpha."""
    row = run.read_certificates(cast("dict[str, list[str]]", needs(run))["certificates"]).iloc[0]
    found = {name: row[name] for name in ("experiment", "classifier", "sigma", "alpha")}
    return found | {"n0": int(row.n0), "run": run.name}


def read(paths: Sequence[str], classifier: str) -> Votes:
    """The votes that `classifier` has in these counts files; what the last step lacks to a whole one is dropped."""
    frame, facts = storage.read_counts(paths)
    frame = frame[frame.classifier == classifier].set_index("idx")
    columns, only = ["idx", "classifier", "by_step"], [("classifier", "==", classifier)]
    raw = pd.concat(pd.read_parquet(path, columns=columns, filters=only) for path in paths).set_index("idx").by_step
    step = int(frame.step.max())
    whole = frame.n.min() // step
    steps = [np.reshape(raw[i], (-1, len(c)))[:whole].astype(int) for i, c in frame.counts.items()]
    selection = np.stack(frame.counts0)
    return Votes(frame.index.to_numpy(), frame.label.to_numpy(), selection, np.stack(steps), step, facts)


def sizes(most: int) -> list[int]:
    """Numbers of steps 1, 2, 5, 10, ... up to `most`, and `most`."""
    grid = [k * 10**e for e in range(7) for k in (1, 2, 5)]
    return [k for k in grid if k < most] + [most]


def groups(steps: np.ndarray, k: int) -> np.ndarray:
    """Votes of disjoint groups of k of the steps [N, S, K], what is left over dropped: [N, groups, K]."""
    count = steps.shape[1] // k
    return steps[:, : count * k].reshape(len(steps), count, k, -1).sum(axis=2)


def share(hits: int, trials: int) -> tuple[float, float, float]:
    """hits / trials with its 95 % Clopper-Pearson interval."""
    low, high = bounds.clopper_pearson(hits, trials, 0.05, "both")
    return hits / trials, float(low), float(high)
