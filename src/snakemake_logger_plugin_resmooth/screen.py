"""Lines that stay, and one that says how things stand: rewritten in place on a terminal, printed now and then elsewhere."""

import os
import shutil
from typing import TextIO

EVERY = 15.0  # seconds between two lines of how things stand, where they cannot be rewritten


class Screen:
    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.shown = ""  # the line that is rewritten, as it is on the terminal
        self.last = ("", float("-inf"))  # what a file was told last of how things stand, and when

    def tell(self, text: str) -> None:
        """A line, or several, that stay."""
        shown = self.shown
        self.clear()
        self._write(text + "\n" + shown)
        self.shown = shown

    def status(self, stamp: str, text: str, now: float) -> None:
        """How things stand, at `now` seconds, after a stamp. A change of the stamp alone is no news to a file."""
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            line = stamp + text
            line = line if len(line) <= width else line[: width - 3] + "..."
            if line != self.shown:
                self.clear()
                self._write(line)
                self.shown = line
        elif text != self.last[0] and now - self.last[1] >= EVERY:
            self._write(stamp + text + "\n")
            self.last = (text, now)

    def clear(self) -> None:
        """Take the line away that is rewritten."""
        if self.shown:
            self._write("\r" + " " * len(self.shown) + "\r")
            self.shown = ""

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
