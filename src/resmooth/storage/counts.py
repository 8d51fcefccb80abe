"""Counts files: class counts under noise, one row for each image and classifier; what was sampled is in the file's metadata."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from resmooth.storage.atomic import atomic
from resmooth.storage.names import CLASSIFIER_COLUMNS, describe_classifiers

COUNT_COLUMNS = ["idx", "label", *CLASSIFIER_COLUMNS, "counts0", "counts", "n0", "n"]
COUNT_COLUMNS += ["seconds", "uniform", "step", "by_step"]
DERIVED = CLASSIFIER_COLUMNS[1:]  # from `classifier`; older files lack some of them
LEVEL = "level"  # one more column where each image has a noise level of its own
UNSAID = {"code_version": 2}  # files written before they said it


def write_counts(path: str | Path, frame: pd.DataFrame, metadata: dict) -> None:
    """Write class counts (columns COUNT_COLUMNS) with their `metadata`.

    aggregation, members, patches, frames   what `classifier` says, derived from it
    counts0, counts   lists of K integers: votes of the selection and of the estimation samples
    uniform           the image's number in (0, 1) for randomised confidence bounds
    by_step           `counts` of each `step` consecutive samples (the last of them perhaps fewer), one list after the other
    level             sigma(x) of the image; there only if the noise's level depends on the image
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = [*COUNT_COLUMNS, LEVEL] if LEVEL in frame else COUNT_COLUMNS
    table = pa.Table.from_pandas(describe_classifiers(frame)[columns], preserve_index=False)
    table = table.replace_schema_metadata({"resmooth": json.dumps(metadata)})
    with atomic(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_counts(paths: Iterable[str | Path], n: int | None = None) -> tuple[pd.DataFrame, dict]:
    """Read the shards of one experiment. Returns (frame sorted by idx, metadata that all shards share).

    n: take the first n samples alone, as if no more had been drawn. ValueError if a file is unreadable, if shards were sampled in
    different ways, if an image occurs twice, or if the counts after n samples were not kept. Column by_step is left out.
    Columns aggregation, members and patches are derived from `classifier`, so that older files, which lack some, have them too.
    """
    frames, metadata = read_counts_after(paths, [n])
    return frames[n], metadata


def read_counts_after(
    paths: Iterable[str | Path], samples: Iterable[int | None]
) -> tuple[dict[int | None, pd.DataFrame], dict]:
    """What `read_counts` gives for each number of `samples` (None: all): (number -> frame, metadata). Files are read once."""
    numbers = list(samples)
    parts: dict[int | None, list[pd.DataFrame]] = {n: [] for n in numbers}
    metadata: dict = {}
    for path in sorted(map(str, paths)):
        shard, own, by_step = _read_shard(path, by_step=any(n is not None for n in numbers))
        metadata = metadata or own
        for key in metadata | own:
            if own.get(key) != metadata.get(key):
                raise ValueError(
                    f"{path}: sampled with another {key} than the shards before it; sample all shards alike"
                )
        for n in numbers:
            parts[n].append(shard if n is None else _first_samples(shard, by_step, n, path))
    if not metadata:
        raise ValueError("no counts files given; name at least one shard")
    return {n: _joined(frames) for n, frames in parts.items()}, metadata


def _read_shard(path, by_step):
    """(frame, metadata, by_step [rows, steps * K] or None where it is not asked for) of one file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such counts file; sample it first")
    try:
        wanted = [name for name in COUNT_COLUMNS if name not in DERIVED and (by_step or name != "by_step")]
        present = [LEVEL] if LEVEL in pq.read_schema(path).names else []
        table = pq.read_table(path, columns=wanted + present)
        metadata = _facts(table.schema)
        steps = _matrix(table, "by_step") if by_step else None
        return _checked_counts(table, metadata, steps), metadata, steps
    except (pa.ArrowException, KeyError, TypeError, ValueError, OSError):
        raise ValueError(f"{path}: not a readable counts file; delete it and sample it again") from None


def _joined(frames):
    """The frames of all shards as one, in the order of the images. ValueError if an image occurs in two."""
    frame = pd.concat(frames, ignore_index=True)
    twice = frame.duplicated(["idx", "classifier"])
    if twice.any():
        raise ValueError(f"image {frame.idx[twice].iloc[0]} occurs in more than one shard; give each image once")
    return describe_classifiers(frame.sort_values(["idx"], kind="stable", ignore_index=True))


def holds_counts(path: str | Path, metadata: dict, indices: Iterable[int]) -> bool:
    """Whether `path` is a counts file of the images `indices` that was sampled as `metadata` says, by whichever `versions`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["idx"])
        found = _facts(table.schema)
    except (pa.ArrowException, KeyError, TypeError, ValueError, OSError):
        return False
    found, wanted = ({key: value for key, value in each.items() if key != "versions"} for each in (found, metadata))
    return found == json.loads(json.dumps(wanted)) and set(table["idx"].to_pylist()) == set(indices)


def _facts(schema):
    """The metadata of a counts file by its Parquet schema."""
    return UNSAID | json.loads(schema.metadata[b"resmooth"])


def _matrix(table, name):
    """A column of lists of whole numbers, all of one length: int64 [rows, length]. ValueError if it is anything else."""
    column = table[name].combine_chunks()
    numbers = column.flatten().to_numpy(zero_copy_only=False)
    lengths = column.value_lengths().to_numpy(zero_copy_only=False)
    if column.null_count or not len(column) or (lengths != lengths[0]).any():
        raise ValueError
    return numbers.astype(np.int64).reshape(len(column), lengths[0])


def _checked_counts(table, metadata, by_step=None):
    """The frame of an Arrow table, counts and counts0 as int64 arrays [K].

    ValueError or KeyError if it cannot be what was sampled.
    """
    kinds: dict[str, type | tuple[type, ...]] = {"noise": str, "dim": int, "sigma": (int, float)}
    matrices = {name: _matrix(table, name) for name in ("counts0", "counts")}
    frame = table.drop_columns([name for name in (*matrices, "by_step") if name in table.column_names]).to_pandas()
    if not all(isinstance(metadata[key], kind) for key, kind in kinds.items()):
        raise ValueError
    if (LEVEL in frame) != ("reference_sha256" in metadata):
        raise ValueError
    if LEVEL in frame:
        levels = frame[LEVEL].astype(float)
        if not (np.isfinite(levels) & (levels > 0)).all() or (levels.groupby(frame.idx).nunique() > 1).any():
            raise ValueError
    for (name, counts), total in zip(matrices.items(), ("n0", "n")):
        if (counts < 0).any() or (counts.sum(axis=1) != frame[total]).any():
            raise ValueError
        frame[name] = list(counts)
    counts = matrices["counts"]
    if by_step is not None and (by_step.reshape(*counts.shape[:1], -1, counts.shape[1]).sum(axis=1) != counts).any():
        raise ValueError
    return frame


def _first_samples(frame, by_step, n, path):
    """`frame` with the counts after the first n samples. ValueError if they were not kept."""
    if n < 1 or n > frame.n.min():
        raise ValueError(
            f"{path}: holds {frame.n.min()} samples of each image, not {n}; sample more, or certify with fewer"
        )
    step = frame.step.max()
    if n % step and n != frame.n.min():
        raise ValueError(f"{path}: counts were kept every {step} samples, not at {n}; choose a multiple of {step}")
    steps = by_step.reshape(len(frame), -1, len(frame.counts[0]))
    return frame.assign(counts=list(steps[:, : -(-n // step)].sum(axis=1)), n=n)
