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

    def status(self, text: str, now: float) -> None:
        """How things stand, at `now` seconds."""
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            text = text if len(text) <= width else text[: width - 3] + "..."
            if text != self.shown:
                self.clear()
                self._write(text)
                self.shown = text
        elif text != self.last[0] and now - self.last[1] >= EVERY:
            self._write(text + "\n")
            self.last = (text, now)

    def clear(self) -> None:
        """Take the line away that is rewritten."""
        if self.shown:
            self._write("\r" + " " * len(self.shown) + "\r")
            self.shown = ""

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
