"""One process at a time in a state folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def exclusive(folder: str | Path) -> Iterator[Path]:
    """Create `folder` and hold its lock: BlockingIOError, naming the folder, while another process works in it.

    The lock dies with its process, so a killed job never leaves a stale one, and a forked process (a loader's worker, say) does
    not keep it alive: filelock closes it there (from 4.2 on). A folder without work is removed at the end.
    """
    from filelock import FileLock, Timeout, version

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    never_soft: dict[str, Any] = (
        {} if version.startswith("3.") else {"fallback_to_soft": False}
    )  # a soft lock would outlive a killed process
    lock = FileLock(path, blocking=False, **never_soft)
    try:
        lock.acquire()
    except (Timeout, FileNotFoundError):  # not found: its last owner just removed the folder
        raise BlockingIOError(f"{folder}: another process is working on this job; wait for it or stop it") from None
    try:
        yield folder
    finally:
        if list(folder.iterdir()) == [path]:
            path.unlink()  # before the release: whoever waits for the lock of a removed file does not get it
            folder.rmdir()
        lock.release()
