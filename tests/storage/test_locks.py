"""One process at a time: what the lock of a state folder promises."""

import os
import signal
import subprocess
import sys
import time

import pytest

from resmooth import storage

HOLD = """
import os, sys
from resmooth import storage
with storage.exclusive(sys.argv[1]):
    if "fork" in sys.argv and os.fork() == 0:
        open(sys.argv[1] + "/child", "w").write(str(os.getpid()))
        sys.stdin.read()
    print("held", flush=True)
    sys.stdin.read()
"""


def hold(folder, *more):
    """A process that holds the folder's lock until it is killed, or this one ends."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", HOLD, folder, *more], **pipes)
    assert process.stdout.readline() == "held\n"
    return process


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_at_once_and_in_one_line(tmp_path, monkeypatch):
    holder = hold(tmp_path / "state")
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits for the lock"))
    try:
        with pytest.raises(BlockingIOError, match="another process is working on this job") as error:
            with storage.exclusive(tmp_path / "state"):
                pass
        assert str(tmp_path / "state") in str(error.value)
        assert "\n" not in str(error.value)
    finally:
        kill(holder)


def test_the_lock_dies_with_its_process(tmp_path):
    kill(hold(tmp_path / "state"))
    with storage.exclusive(tmp_path / "state") as folder:
        assert folder.is_dir()


def test_a_forked_worker_does_not_keep_it(tmp_path):
    holder = hold(tmp_path / "state", "fork")
    child = tmp_path / "state" / "child"
    while not child.exists() or not child.read_text():
        time.sleep(0.01)
    kill(holder)
    try:
        os.kill(int(child.read_text()), 0)  # it lives
        with storage.exclusive(tmp_path / "state"):
            pass
    finally:
        os.kill(int(child.read_text()), signal.SIGKILL)


def test_one_process_cannot_hold_it_twice(tmp_path):
    with storage.exclusive(tmp_path / "state"):
        with pytest.raises(BlockingIOError):
            with storage.exclusive(tmp_path / "state"):
                pass


def test_a_folder_without_work_is_removed_and_one_with_work_is_not(tmp_path):
    for name in (None, "votes-00000000.part.parquet"):
        with storage.exclusive(tmp_path / "state") as folder:
            if name:
                (folder / name).touch()
        assert (tmp_path / "state").exists() == bool(name)
    with pytest.raises(ValueError, match="stopped"):
        with storage.exclusive(tmp_path / "other"):
            raise ValueError("stopped")
    assert not (tmp_path / "other").exists()
