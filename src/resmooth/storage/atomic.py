"""Write a file whole or not at all; the hash and the JSON of files."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block succeeds, remove it when it fails.

    The temporary name is fixed, so that what a killed process left is replaced by the next one.
    """
    path = Path(path)
    check_writable(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # safetensors writes files that nobody else may read
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Make the folder of `path`. OSError, one line, if a file cannot be written there: better now than after hours of work."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(f"{path.parent}: is a file, or lies below one; name a folder") from None
    if path.is_dir():
        raise IsADirectoryError(f"{path}: is a folder; name a file")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent}: not writable; name another folder")


def _umask():
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def file_sha256(path: str | Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON. ValueError names a file that is not JSON."""
    try:
        return json.loads(Path(path).read_text())
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ValueError(f"{path}: not valid JSON, truncated or altered; delete it and run its step again") from None
