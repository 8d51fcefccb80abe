"""How figures look: the style sheet, and colours and lines that several exhibits share."""

from collections.abc import Hashable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

SHEET = Path(__file__).with_name("resmooth.mplstyle")
LINES = ("-", "--", "-.", ":")
MARKERS = "os^D"
Name = TypeVar("Name", bound=Hashable)


def applied() -> AbstractContextManager:
    """Within it matplotlib draws in the project's style."""
    import matplotlib.pyplot as plt

    return plt.style.context(SHEET)


def looks(names: Iterable[Name], colours: int = 7) -> dict[Name, dict[str, Any]]:
    """Colour, marker and line of each of `names`, told apart in grey and with every form of colour vision."""
    return {
        name: {"color": f"C{i % colours}", "marker": MARKERS[i % 4], "ls": LINES[i % 4]} for i, name in enumerate(names)
    }


def whiskers(value: Any, low: Any, high: Any) -> list:
    """Lengths of the two arms of error bars, as matplotlib takes them."""
    return [value - low, high - value]
