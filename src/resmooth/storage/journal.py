"""Partial progress: one Parquet file for each finished group of images, in a state folder that one process owns."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

PART = ".part.parquet"  # how the names of parts end
UNFINISHED = ".unfinished.parquet"  # the part being written; what a killed process leaves of it counts for nothing
OLDER = ("images.jsonl", "procedures.jsonl")  # progress that resmooth 0.1 left


class Journal:
    """The finished rows of one measurement, in parts `<name>-<first image>.part.parquet` of `folder`.

    name       of the measurement; several may share a folder
    identity   JSON-able: what is measured. It is in every part's metadata
    columns    of the rows; "idx" is the global number of the image that a row belongs to

    One part holds all rows of an image. ValueError, one line, if a part is truncated or altered (pages have checksums), if it
    belongs to work with another identity, or if an older version of resmooth left its own progress.
    """

    def __init__(self, folder: str | Path, name: str, identity: dict, columns: list[str]) -> None:
        self.folder, self.name, self.identity, self.columns = Path(folder), name, identity, list(columns)
        for older in OLDER:
            if (self.folder / older).exists():
                raise ValueError(
                    f"{self.folder / older}: progress of an older version of resmooth; delete this file to start over"
                )
        self.parts = [self._read(path) for path in self._paths()]
        self.images: set[int] = set()
        for path, part in zip(self._paths(), self.parts):
            own = set(part["idx"].to_pylist())
            if own & self.images:
                raise ValueError(f"{path}: repeats image {min(own & self.images)}; delete this file")
            self.images |= own

    def add(self, rows: list[dict]) -> None:
        """Store the rows of a finished group of images."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        part = pa.Table.from_pandas(pd.DataFrame(rows, columns=self.columns), preserve_index=False)
        part = part.replace_schema_metadata({"resmooth": json.dumps(self.identity)})
        pq.write_table(part, self.folder / UNFINISHED, compression="zstd", write_page_checksum=True)
        os.replace(self.folder / UNFINISHED, self.folder / f"{self.name}-{rows[0]['idx']:08d}{PART}")
        self.parts.append(part)
        self.images |= {row["idx"] for row in rows}

    def frame(self, indices: Iterable[int]) -> pd.DataFrame:
        """All rows of the images `indices`, in this order of the images; columns of lists hold arrays."""
        import pyarrow as pa

        pieces = {}
        for part in self.parts:
            numbers = part["idx"].to_numpy()
            starts = np.flatnonzero(np.r_[True, numbers[1:] != numbers[:-1]]).tolist()
            for start, stop in zip(starts, [*starts[1:], len(numbers)]):
                pieces[int(numbers[start])] = part.slice(start, stop - start)
        table = pa.concat_tables([pieces[index] for index in indices], promote_options="permissive")
        return table.replace_schema_metadata(None).to_pandas()

    def _paths(self):
        return sorted(self.folder.glob(f"{self.name}-*{PART}"))

    def _read(self, path):
        """The table of a part."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            part = pq.read_table(path, page_checksum_verification=True)
            identity = json.loads(part.schema.metadata[b"resmooth"])
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError):
            raise ValueError(f"{path}: not readable, altered; delete this file to measure its images again") from None
        if identity != json.loads(json.dumps(self.identity)):
            raise ValueError(
                f"{self.folder}: unfinished work of a run with other settings; delete this folder to start over"
            )
        if part.column_names != self.columns or not part.num_rows:
            raise ValueError(f"{path}: not readable, altered; delete this file to measure its images again")
        return part


def remove_parts(folder: str | Path) -> None:
    """Delete the parts of all measurements in `folder`, once their rows are stored elsewhere."""
    for path in [*Path(folder).glob(f"*{PART}"), Path(folder) / UNFINISHED]:
        path.unlink(missing_ok=True)
