"""What the exhibits on sigma(x) have in common: the roles of the comparison, and the cases of each base level."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from resmooth.noise.idrs import InputDependent
    from resmooth.plan import Run


def bases(run: Run) -> tuple[str, ...]:
    """The base levels sigma_b, as text."""
    return run.experiments[run.idrs["idrs"]].sigmas


def case(run: Run, role: str, base: str) -> tuple[str, str]:
    """(name of the experiment, its level) that plays `role` at a base level: "mean" has a level of its own."""
    _, mean = run.experiments[run.idrs["idrs_mean"]].networks[base]
    return run.idrs[role], mean if role == "mean" else base


def certificates(run: Run, role: str) -> list[str]:
    """The certificates of one role, by its first network, in the order of the base levels."""
    return [run.paths.certificates(*case(run, role, base), "member-1") for base in bases(run)]


def images(run: Run) -> str:
    """The images that are certified."""
    return run.paths.data(run.config["sample"]["split"])


def read(run: Run, role: str) -> pd.DataFrame:
    """The certificates of one role at all base levels (column `base`, a number), images ascending."""
    frame = run.read_certificates(certificates(run, role))
    parts = []
    for base in bases(run):
        name, level = case(run, role, base)
        part = frame[(frame.experiment == name) & (frame.level == level)].sort_values("idx", ignore_index=True)
        parts.append(part.assign(base=float(base), part=role))
    return pd.concat(parts, ignore_index=True)


def law(run: Run, frame: pd.DataFrame) -> InputDependent:
    """The noise of these certificates under sigma(x): its rate, k, m and dimension."""
    from resmooth import noise

    found = noise.from_label(frame.noise.iloc[0], int(frame.dim.iloc[0]), float(bases(run)[0]))
    return cast("InputDependent", found)


def slopes(levels: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """|log sigma(x) - log sigma(y)| / |x - y|_2 of every pair of different images: levels [N], pixels [N, ...] in [0, 1]."""
    flat = pixels.reshape(len(pixels), -1)
    one, two = np.triu_indices(len(flat), 1)
    lengths = np.concatenate([np.linalg.norm(flat[i + 1 :] - flat[i], axis=1) for i in range(len(flat))])
    apart = lengths > 0  # two test images may be equal
    return np.abs(np.log(levels[one] / levels[two]))[apart] / lengths[apart]
