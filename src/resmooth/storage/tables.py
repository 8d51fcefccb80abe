"""Tables without a format of their own."""

from pathlib import Path

import pandas as pd

from resmooth.storage.atomic import atomic


def write_table(path: str | Path, frame: pd.DataFrame) -> None:
    """Write `frame` atomically: tab-separated at full precision where `path` ends in .tsv, else Parquet."""
    with atomic(path) as temporary:
        if Path(path).suffix == ".tsv":
            frame.to_csv(temporary, sep="\t", index=False)
        else:
            frame.to_parquet(temporary, index=False)
