"""A progress bar for long calls, shown on a terminal if tqdm is installed."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import TracebackType

DELAY = 1.0  # seconds; a call that ends sooner shows nothing


class Bar:
    """`with Bar(total, progress) as bar: bar.at(done)`: how many of `total` images are done, on standard error.

    progress: True shows it, False does not; None does where standard error is a terminal and tqdm is installed. It appears after
    DELAY seconds and leaves no trace. ImportError for True without tqdm.
    """

    def __init__(self, total: int, progress: bool | None = None) -> None:
        if progress is None:
            progress = sys.stderr.isatty() and find_spec("tqdm") is not None
        self.bar = None
        if progress and total:
            from tqdm import tqdm

            self.bar = tqdm(total=total, unit="image", delay=DELAY, leave=False)

    def at(self, done: int) -> None:
        """Show that so many images are done."""
        if self.bar is not None and done > self.bar.n:
            self.bar.update(done - self.bar.n)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.close()
