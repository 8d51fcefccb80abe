"""Start Python programs from one process that has imported what they import: each is a fork of it.

Most of the time of a short job is that of importing PyTorch, or pandas, matplotlib and Jupyter. `python -m resmooth.forked` runs
the command after it (`resmooth ...`, `python FILE.py ...` or `python -m MODULE ...`) as a fork of the process that an `Origin`
keeps for a run of the workflow. It passes its arguments, environment, working directory and standard streams on, and ends as the
fork ends; if it is ended, so is the fork. What Python and its libraries read from the environment when they start is that of the
origin, which has one thread. Where no origin answers, the command is run by itself. The results are the same.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path

ADDRESS = "RESMOOTH_FORKED"  # environment variable: the socket on which the process listens

# What is imported before the first fork, by program.
IMPORTS = {
    "resmooth.cli": ["resmooth.cli", "resmooth.measure", "resmooth.training.loop", "resmooth.smoothing.certify"],
    "ipykernel_launcher": ["ipykernel.kernelapp", "ipykernel.ipkernel", "resmooth.exhibits", "matplotlib.pyplot"],
    "render_notebook": ["nbformat", "papermill", "jupytext", "nbconvert", "latex2mathml.converter"],
}
# Libraries read these when they are loaded. Snakemake gives a job one thread; whoever wants more says so (`--threads`).
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")


def possible() -> bool:
    """Whether this system can: on Linux, where forks of a process that has only imported things are safe."""
    return hasattr(os, "pidfd_open")


class Origin:
    """The process that programs are forks of. It ends with the process that started it, however that ends."""

    process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it, and tell all processes that are started from here. Where it cannot be, they all start by themselves."""
        if not possible():
            return
        try:
            folder = tempfile.mkdtemp(prefix="resmooth-")
        except OSError:
            return
        address = str(Path(folder, "socket"))
        try:
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(address)  # OSError if the path has more than 107 characters
                listener.listen(64)
                command = [sys.executable, "-m", "resmooth.forked", "--serve", str(listener.fileno()), folder]
                self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, env=os.environ | ONE_THREAD, pass_fds=[listener.fileno()]
                )
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            return
        os.environ[ADDRESS] = address

    def close(self) -> None:
        """End it. The forks go on."""
        if self.process is not None:
            self.process.communicate()  # closes its standard input
            self.process = None
            del os.environ[ADDRESS]


# --- who asks


def run(command: Sequence[str]) -> int | None:
    """Exit status of `command`, run as a fork; negative if a signal ended it.

    None if no process answers that could be forked, or if `command` is no Python program. ChildProcessError if that process dies
    before its fork ends.
    """
    asked = _program(command)
    if asked is None or ADDRESS not in os.environ:
        return None
    request = {"program": asked[0], "arguments": asked[1], "folder": os.getcwd(), "environment": dict(os.environ)}
    request["interrupts"] = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN
    text = json.dumps(request).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(os.environ[ADDRESS])
        except OSError:
            return None
        socket.send_fds(connection, [len(text).to_bytes(8, "big")], [0, 1, 2])
        connection.sendall(text)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal interrupts the fork too, and that speaks
        _wait(connection)
        answer = connection.recv(4)
        signal.signal(signal.SIGINT, before)
    if not answer:
        raise ChildProcessError(f"the process that started {asked[0]} has ended; run the command again")
    return int.from_bytes(answer, "big", signed=True)


def _wait(connection):
    """Until there is an answer. A Jupyter kernel does not outlive who started it, and says so by this variable."""
    parent = os.environ.get("JPY_PARENT_PID")
    if parent:
        handle = os.pidfd_open(int(parent))
        if connection not in select.select([connection, handle], [], [])[0]:
            raise ChildProcessError("who started this kernel has ended")


def _program(command):
    """(file or module, its arguments) of a command; None if that is no Python program."""
    first, *rest = command
    if first == "resmooth":
        return "resmooth.cli", rest
    if Path(first).name.startswith("python") and rest[:1] == ["-m"] and len(rest) > 1:
        return rest[1], rest[2:]
    if Path(first).name.startswith("python") and rest and rest[0].endswith(".py"):
        return rest[0], rest[1:]
    return None


# --- who answers


def serve(listener: socket.socket) -> tuple[str, list[str]] | None:
    """Fork for every request until standard input closes. Returns None then, and in each fork (program, arguments) to run."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, meant for the programs
    running: dict[int, tuple[int, socket.socket]] = {}
    with selectors.DefaultSelector() as events:
        events.register(sys.stdin, selectors.EVENT_READ)
        events.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in events.select():
                if key.fileobj is sys.stdin:
                    return None
                if key.fileobj is not listener:
                    events.unregister(key.fileobj)
                    _tell(*running.pop(key.fd), key.fd)
                    continue
                connection, _ = listener.accept()
                try:
                    streams, request = _receive(connection)
                    _import(request["program"])
                except (OSError, ValueError):  # it was ended while it asked
                    connection.close()
                    continue
                if not (child := os.fork()):
                    events.close()
                    listener.close()
                    return _become(connection, streams, request)
                for stream in streams:
                    os.close(stream)
                handle = os.pidfd_open(child)
                running[handle] = child, connection
                events.register(handle, selectors.EVENT_READ)


def _receive(connection):
    """(file descriptors of the standard streams, request) that arrive on a connection."""
    length, streams, _, _ = socket.recv_fds(connection, 8, 3)
    text = bytearray()
    while len(text) < int.from_bytes(length, "big"):
        part = connection.recv(1 << 20)
        if not part:
            raise OSError("the request breaks off")
        text += part
    return streams, json.loads(text)


def _import(program):
    """Import what a program will, once. What cannot be imported the program will say."""
    for name in IMPORTS.pop(Path(program).stem if program.endswith(".py") else program, ()):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()  # the objects of now are never looked through again: that would copy their memory in every fork


def _tell(child, connection, handle):
    """Tell who asked how the fork ended."""
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.close(handle)
    with connection, contextlib.suppress(OSError):
        connection.sendall(status.to_bytes(4, "big", signed=True))


def _become(connection, streams, request):
    """Make this fork what `request` asks for."""
    signal.signal(signal.SIGINT, signal.default_int_handler if request["interrupts"] else signal.SIG_IGN)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    threading.Thread(target=_end_with, args=[connection], daemon=True).start()
    return request["program"], request["arguments"]


def _end_with(connection):
    """End this process when whoever asked for it has ended."""
    connection.recv(1)
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """`--serve DESCRIPTOR FOLDER`, or a command to run."""
    if sys.argv[1:2] == ["--serve"]:
        asked = serve(socket.socket(fileno=int(sys.argv[2])))
        if asked is not None:
            os._exit(_status_of(*asked))  # to tear the interpreter down would copy all its memory first
        shutil.rmtree(sys.argv[3], ignore_errors=True)
        return
    command = sys.argv[1:]
    if not command:
        sys.exit("resmooth.forked: name a command to run")
    try:
        status = run(command)
    except OSError as error:
        sys.exit(f"resmooth.forked: {error}")
    if status is None:
        try:
            os.execvp(command[0], command)
        except OSError as error:
            sys.exit(f"resmooth.forked: {command[0]}: {error.strerror}")
    if status < 0:
        _die_of(-status)
    sys.exit(status)


def _die_of(number):
    """End this process by a signal, as its default action does."""
    if number not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _status_of(program, arguments):
    """The exit status of a program that is run here, as if Python had been started for it."""
    sys.argv, interrupted = [program, *arguments], False
    try:
        if program.endswith(".py"):
            sys.path[0] = str(Path(program).absolute().parent)
            runpy.run_path(program, run_name="__main__")
        else:
            sys.path[0] = os.getcwd()
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as ended:
        status = ended.code & 0xFF if isinstance(ended.code, int) else int(ended.code is not None)
        if not isinstance(ended.code, int | None):
            print(ended.code, file=sys.stderr)
    except BaseException as error:
        traceback.print_exc()
        status, interrupted = 1, isinstance(error, KeyboardInterrupt)
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush(), sys.stderr.flush()
    if interrupted:
        _die_of(signal.SIGINT)
    return status


if __name__ == "__main__":
    main()
