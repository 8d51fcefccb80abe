"""Progress on standard error: lines, or a bar if standard error is a terminal and tqdm is installed."""

import sys
import time
from typing import Any


def say(text: str) -> None:
    """One line to the person watching, above a bar if there is one."""
    tqdm = sys.modules.get("tqdm") if sys.stderr.isatty() else None
    if tqdm:
        tqdm.tqdm.write(text, file=sys.stderr)
        sys.stderr.flush()
    else:
        print(text, file=sys.stderr, flush=True)


class Progress:
    """A bar of images on a terminal; else lines, at most one in `every` seconds (and the last): how far, how long still."""

    def __init__(self, prefix: str, every: float = 10.0) -> None:
        self.prefix, self.every = prefix, every
        self.start = self.last = time.monotonic()
        self.first: int | None = None
        self.bar: Any = None

    def line(self, text: str) -> None:
        if time.monotonic() - self.last >= self.every:
            say(self.prefix + text)
            self.last = time.monotonic()

    def images(self, done: int, total: int) -> None:
        if self.first is None:  # images that a killed run had finished come first and cost nothing
            self.first, self.bar = done, _bar(self.prefix, done, total)
        if self.bar is not None:
            self.bar.update(done - self.bar.n)
            if done == total:
                self.bar.close()
            return
        passed = time.monotonic() - self.start
        if done == total:
            say(f"{self.prefix}{done} of {total} images, finished in {passed:.0f} s")
        elif done > self.first:
            self.line(f"{done} of {total} images, {passed / (done - self.first) * (total - done):.0f} s to go")


def _bar(prefix, done, total):
    """A tqdm bar of images, or None where standard error is no terminal, or without tqdm."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(desc=prefix.rstrip(": "), initial=done, total=total, unit="image", dynamic_ncols=True)
