"""An exhibit is one table or figure of a source, as a module with a few functions.

    needs(run)        the files that it reads, role -> paths; None if this run cannot show it. Without it, no file is needed
    compute(run)      its numbers: name -> DataFrame
    draw(frames)      its picture: a matplotlib Figure
    findings(frames)  its verdicts on claims: a list of Finding

and these, if the default does not suffice:

    here(frames)      one paragraph on what this run shows in place of the source's experiment
    table(frames)     the one long frame that is written as its table (default: all frames, one below the other)
    summary(table)    a small table for docs/replication.md, made from that frame as it was written
    settings(run)     values of the config, besides files, on which it depends

The module's docstring is its title, then what it computes. A module is imported whenever a plan is made, so matplotlib,
scipy.stats and scipy.optimize are imported by the functions that use them.
"""

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pandas as pd

from resmooth import storage
from resmooth.audit import findings as records
from resmooth.audit.findings import Finding, observation
from resmooth.exhibits import style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.plan import Run

__all__ = ["Exhibit", "Finding", "Frames", "observation"]

Frames = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Exhibit:
    """One exhibit, `name` "<source>/<item>", by its module."""

    name: str
    module: ModuleType

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return (self.module.__doc__ or "").partition("\n")[0].rstrip(".")

    @property
    def source(self) -> str:
        """The source that it is of: "lecture"."""
        return self.name.partition("/")[0]

    @property
    def target(self) -> str:
        """What Snakemake calls it: "<source>_<item>"."""
        return self.name.replace("/", "_")

    @property
    def files(self) -> list[str]:
        """Its module, and the private ones beside it: an edit of them makes it stale. Relative to here, if they lie below."""
        own = Path(str(self.module.__file__))
        own = own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own
        return [str(own), *map(str, sorted(own.parent.glob("_[a-z]*.py")))]

    def needs(self, run: "Run") -> dict[str, list[str]] | None:
        """The files that it reads, role -> paths; None where this run cannot show it."""
        return self.module.needs(run) if hasattr(self.module, "needs") else {}

    def settings(self, run: "Run") -> dict:
        """Values of the config on which it depends besides these files."""
        return self.module.settings(run) if hasattr(self.module, "settings") else {}

    def compute(self, run: "Run") -> Frames:
        """Its numbers on this run. FileNotFoundError, one line, for a file that it needs and that is not there."""
        for paths in (self.needs(run) or {}).values():
            for path in paths:
                if not Path(path).exists():
                    raise FileNotFoundError(f"{path}: not there yet; snakemake {self.target} makes it")
        return self.module.compute(run)

    def draw(self, frames: Frames) -> "Figure":
        """Its picture. The figure is closed: a notebook shows it once."""
        import matplotlib.pyplot as plt

        with style.applied():
            figure = self.module.draw(frames)
            plt.close(figure)
        return figure

    def here(self, frames: Frames) -> str:
        """What this run shows in place of the source's experiment: one paragraph of Markdown, or ""."""
        return self.module.here(frames) if hasattr(self.module, "here") else ""

    def findings(self, frames: Frames) -> list[Finding]:
        """What it says of the claims."""
        return self.module.findings(frames)

    def table(self, frames: Frames) -> pd.DataFrame:
        """The very numbers drawn, as one long frame."""
        own = getattr(self.module, "table", None)
        return own(frames) if own else pd.concat([part for part in frames.values() if len(part)], ignore_index=True)

    def picture(self, frames: Frames) -> bytes:
        """Its figure as a PNG: the same bytes for the same numbers."""
        buffer = BytesIO()
        figure = self.draw(frames)
        with style.applied():
            figure.savefig(buffer, format="png", metadata={"Software": None})
        return buffer.getvalue()

    def save(self, run: "Run", frames: Frames, picture: bytes | None = None) -> None:
        """Write its table, its figure (`picture`, if it is drawn already) and its findings, each whole or not at all.

        Findings that name no evidence of their own name the table.
        """
        with storage.atomic(run.paths.page(self.name, "csv")) as temporary:
            self.table(frames).to_csv(temporary, index=False)
        with storage.atomic(run.paths.page(self.name, "png")) as temporary:
            temporary.write_bytes(picture or self.picture(frames))
        evidence = (run.paths.page(self.name, "csv"),)
        found = [replace(each, evidence=each.evidence or evidence) for each in self.findings(frames)]
        records.write(run.paths.findings(self.name), found)
