"""The tables and figures of the sources: each is a module <source>/<item>.py, found by its path."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from resmooth.exhibits.base import Exhibit, Finding, observation
from resmooth.exhibits.page import Page

if TYPE_CHECKING:
    from resmooth.plan import Run

SOURCES = ("lecture", "ensembles", "noises", "idrs", "smooth_reduce")
__all__ = ["SOURCES", "Exhibit", "Finding", "Page", "available", "names", "observation"]


def names() -> list[str]:
    """All exhibits, "<source>/<item>", in the order of the sources."""
    folder = Path(__file__).parent
    return [
        f"{source}/{path.stem}"
        for source in SOURCES
        for path in sorted((folder / source).glob("*.py"))
        if not path.name.startswith("_")
    ]


def exhibit(name: str) -> Exhibit:
    """The exhibit `name`, whatever the run."""
    return Exhibit(name, import_module(f"resmooth.exhibits.{name.replace('/', '.')}"))


def available(run: "Run") -> dict[str, Exhibit]:
    """name -> exhibit of all that `run` can show."""
    found = {name: exhibit(name) for name in names()}
    return {name: each for name, each in found.items() if each.needs(run) is not None}
