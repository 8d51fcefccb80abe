"""Partial progress that is no longer needed: the results that it led to are stored.

Several pieces of work may count only together (the tasks of one process: Snakemake deletes the results of all if one fails). Then
each keeps its progress until all are done, so that those that finished are not computed again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resmooth.storage.journal import remove_parts
from resmooth.storage.locks import exclusive

TRAINING = "last.safetensors"  # the last whole epoch of a training run

_waiting: list[Path] | None = None  # folders whose work is done, while other work that counts with it is not


def finished(folder: str | Path) -> None:
    """The work whose progress is in `folder` is done: delete its progress, or do so at the end of `counting_together`."""
    if _waiting is None:
        _clear(Path(folder))
    else:
        _waiting.append(Path(folder))


@contextmanager
def counting_together() -> Iterator[None]:
    """While this lasts, progress of finished work is kept. It is deleted at the end, unless an exception leaves the block."""
    global _waiting
    _waiting = []
    try:
        yield
        for folder in filter(Path.is_dir, _waiting):
            with exclusive(folder):
                _clear(folder)
    finally:
        _waiting = None


def _clear(folder: Path) -> None:
    remove_parts(folder)
    (folder / TRAINING).unlink(missing_ok=True)
