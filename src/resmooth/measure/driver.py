"""The protocol of all measurements: images are measured group by group, and a killed run resumes where it stopped."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from resmooth.storage import Journal

PAUSE = 1.0  # seconds of work that a kill may cost: groups that take less are stored together


@dataclass(frozen=True)
class Measurement:
    """What is measured, on which images.

    name      of its parts in the state folder
    columns   of the rows; the first is "idx", the global number of the image that a row belongs to
    identity  JSON-able: all that decides the rows; progress of work with another identity is refused
    indices   global image numbers, in the order of the table
    groups    positions in `indices` that are measured together; each position once
    measure   positions of one group -> rows, as dicts, each image's rows next to each other
    """

    name: str
    columns: list[str]
    identity: dict
    indices: Sequence[int]
    groups: Sequence[Sequence[int]]
    measure: Callable[[Sequence[int]], list[dict]]


def run(
    measurement: Measurement,
    state: str | Path,
    report: Callable[[int, int], None] = lambda done, total: None,
    pause: float | None = None,
) -> pd.DataFrame:
    """All rows of a measurement, images in the order of its `indices`; columns of lists hold arrays.

    state: folder of this process alone (`storage.exclusive`), in which finished groups become files, one for the groups of each
    `pause` seconds (default: PAUSE). Groups are cut from all images, finished or not, so that a killed run ends with the very
    numbers of an undisturbed one. report(done, total) is called at the start and whenever a file is written. ValueError, one
    line, if the folder holds unreadable progress or that of other work.
    """
    indices = list(measurement.indices)
    journal = progress_of(measurement, state)
    report(len(journal.images), len(indices))
    rows: list[dict] = []
    pause = PAUSE if pause is None else pause
    stored = time.monotonic()

    def store():
        nonlocal rows, stored
        if rows:
            journal.add(rows)
            rows, stored = [], time.monotonic()
            report(len(journal.images), len(indices))

    for group in measurement.groups:
        missing = [position for position in group if indices[position] not in journal.images]
        if missing:
            rows += measurement.measure(missing)
            if time.monotonic() - stored >= pause:
                store()
    store()
    return journal.frame(indices)


def progress_of(measurement: Measurement, state: str | Path) -> Journal:
    """The finished groups of a measurement in the folder `state`. ValueError as for `run`."""
    return Journal(state, measurement.name, measurement.identity, measurement.columns)
