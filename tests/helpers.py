"""What several test files share besides fixtures."""

import contextlib
import importlib
import io
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


@contextlib.contextmanager
def forks(folder, *modules, cwd=ROOT):
    """run(*arguments) -> CompletedProcess of the first module's `main`, in a process of its own, which need not import `modules`.

    It is a fork of one of two processes in turn (fork_server.py). They differ in the hashes of strings, and so in the order of
    sets, as any two runs do: no file may depend on that. `folder` takes what the program prints; `code` is Python to run first.
    """
    command = [sys.executable, ROOT / "tests" / "fork_server.py", *modules]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    servers = [subprocess.Popen(command, env=os.environ | {"PYTHONHASHSEED": seed}, **pipes) for seed in ("1", "2")]
    numbers = itertools.count()

    def run(*arguments, env=os.environ, code=""):
        number, arguments = next(numbers), [str(argument) for argument in arguments]
        out, err = folder / f"{number}.out", folder / f"{number}.err"
        out.touch(), err.touch()
        server = servers[number % 2]
        print(json.dumps([arguments, str(cwd), dict(env), str(out), str(err), code]), file=server.stdin, flush=True)
        return subprocess.CompletedProcess(arguments, int(server.stdout.readline()), out.read_text(), err.read_text())

    try:
        yield run
    finally:
        for server in servers:
            server.communicate()


def run_here(main, *arguments):
    """CompletedProcess of a program's `main` in this process: for tests that ask what it makes, not how it ends."""
    arguments, out, err = [str(argument) for argument in arguments], io.StringIO(), io.StringIO()
    before, sys.argv[1:], status = sys.argv[1:], arguments, 0
    try:
        with contextlib.chdir(ROOT), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as ended:
        status = ended.code or 0
    finally:
        sys.argv[1:] = before
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())


def assert_one_line_error(done, *words):
    """The command failed, said so in one line holding `words`, and showed no traceback."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert str(word) in lines[0]


@contextlib.contextmanager
def benchmark(name):
    """The module `name` of benchmarks/, which is no package."""
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(folder)
