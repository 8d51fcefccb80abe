"""Programs started as forks of one process behave as if Python had been started for each."""

import os
import signal
import subprocess
import sys
import time

import pytest

from resmooth import forked

pytestmark = pytest.mark.skipif(not forked.possible(), reason="forks of a warmed process are made on Linux alone")


@pytest.fixture(scope="module")
def origin():
    process = forked.Origin()
    process.start()
    yield process
    process.close()


def command(*words, **options):
    """A process of its own, which Ctrl-C interrupts even where these tests run in the background (`make test &`)."""
    program = [sys.executable, "-m", "resmooth.forked", *words]
    return subprocess.run(program, capture_output=True, text=True, preexec_fn=interruptible, **options)


def interruptible():
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def script(folder, text):
    path = folder / "program.py"
    path.write_text(text)
    return ["python", str(path)]


ABOUT = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ["X"], sys.stdin.read(), __name__)
print("e", file=sys.stderr)
"""
LATE = """
import sys, threading, time
threading.Thread(target=lambda: (time.sleep(0.2), print("late", file=sys.stderr))).start()
"""


@pytest.mark.parametrize("warm", [True, False])
def test_a_program_gets_arguments_folder_environment_and_streams(origin, tmp_path, warm):
    environment = os.environ | {"X": "y z"}
    if not warm:
        del environment[forked.ADDRESS]
    done = command(*script(tmp_path, ABOUT), "a", "b c", cwd=tmp_path, env=environment, input="in")
    assert done.stdout == f"['a', 'b c'] {tmp_path} y z in __main__\n" and done.stderr == "e\n" and done.returncode == 0


def test_it_is_a_fork_of_the_process_that_was_started(origin, tmp_path):
    parent = script(tmp_path, "import os; print(os.getppid())")
    assert int(command(*parent).stdout) == origin.process.pid


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("raise SystemExit(7)", 7, ""),
        ("raise SystemExit('one line')", 1, "one line\n"),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit((1, 2))", 1, "(1, 2)\n"),
        ("raise SystemExit(2**31 + 3)", 3, ""),
        ("1 / 0", 1, "ZeroDivisionError: division by zero\n"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGINT)", -2, "KeyboardInterrupt\n"),
        ("import os; os.kill(os.getpid(), 9)", -9, ""),
        ("import atexit, sys; atexit.register(print, 'at exit', file=sys.stderr)", 0, "at exit\n"),
        (LATE, 0, "late\n"),
    ],
)
def test_it_ends_as_the_program_ends(origin, tmp_path, text, status, said):
    done = command(*script(tmp_path, text))
    assert done.returncode == status and done.stderr.endswith(said)


def test_modules_and_the_command_line_start_like_files(origin):
    plain = subprocess.run([sys.executable, "-m", "resmooth.cli", "certify", "--help"], capture_output=True, text=True)
    for words in (["resmooth"], ["python", "-m", "resmooth.cli"]):
        done = command(*words, "certify", "--help")
        assert done.returncode == 0 and done.stdout == plain.stdout
    wrong = command("resmooth", "sample", "nowhere.npz", "0", "1")
    assert wrong.returncode == 2 and wrong.stderr.startswith("resmooth: ") and wrong.stderr.count("\n") == 1


def test_what_is_no_python_program_is_run_as_it_is(origin, tmp_path):
    assert command("echo", "a", "b").stdout == "a b\n"
    missing = command("no-such-program")
    assert missing.returncode == 1 and missing.stderr == "resmooth.forked: no-such-program: No such file or directory\n"


def test_a_program_finds_the_modules_beside_it_and_has_one_thread(origin, tmp_path):
    (tmp_path / "beside_it.py").write_text("import os; found = os.environ['OMP_NUM_THREADS']")
    program = "import beside_it, torch; print(beside_it.found, torch.get_num_threads())"
    done = command(*script(tmp_path, program), env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.stdout == "1 1\n", done.stderr


def test_interrupts_stay_ignored_where_they_were(origin, tmp_path):
    program = script(tmp_path, "import signal; print(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)")
    ignore = ["sh", "-c", "trap '' INT; exec \"$@\"", "-", sys.executable, "-m", "resmooth.forked", *program]
    assert command(*program).stdout == "False\n"
    assert subprocess.run(ignore, capture_output=True, text=True).stdout == "True\n"


def until(condition):
    """Wait for it; a test that waits for ever is ended by its runner."""
    while not condition():
        time.sleep(0.02)


def gone(pid):
    """Whether no process of this number runs; one that has ended may still wait to be asked how."""
    try:
        with open(f"/proc/{pid}/stat") as about:
            return about.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_who_asked_takes_the_fork_along(origin, tmp_path):
    running = script(
        tmp_path, f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(3600)"
    )
    asked = subprocess.Popen([sys.executable, "-m", "resmooth.forked", *running])
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    fork = int((tmp_path / "pid").read_text())
    assert not gone(fork)
    asked.send_signal(signal.SIGKILL)
    asked.wait()
    until(lambda: gone(fork))


def test_a_kernel_does_not_outlive_who_started_it(origin, tmp_path):
    """In a session of its own, as Jupyter starts kernels: no signal reaches it."""
    kernel = script(
        tmp_path, f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(3600)"
    )
    starter = (
        "import os, subprocess, sys, time; words = [sys.executable, '-m', 'resmooth.forked', *sys.argv[1:]]\n"
        "environment = os.environ | {'JPY_PARENT_PID': str(os.getpid())}\n"
        "subprocess.Popen(words, env=environment, start_new_session=True); time.sleep(3600)"
    )
    asked = subprocess.Popen([sys.executable, "-c", starter, *kernel])
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    fork = int((tmp_path / "pid").read_text())
    asked.kill()
    asked.wait()
    until(lambda: gone(fork))


def test_it_ends_with_the_process_that_started_it_and_forks_go_on(tmp_path):
    maker = (
        "import subprocess, sys, time; from resmooth.forked import Origin; o = Origin(); o.start()\n"
        "job = subprocess.Popen([sys.executable, '-m', 'resmooth.forked', 'python', sys.argv[1]])\n"
        "import os; print(o.process.pid, os.path.dirname(os.environ['RESMOOTH_FORKED']), flush=True); time.sleep(3600)"
    )
    job = script(
        tmp_path,
        f"""
import os, time
open({str(tmp_path / "begun")!r}, "w")
while not os.path.exists({str(tmp_path / "go")!r}):
    time.sleep(0.02)
open({str(tmp_path / "done")!r}, "w")
""",
    )
    maker = subprocess.Popen([sys.executable, "-c", maker, job[1]], stdout=subprocess.PIPE, text=True)
    origin, folder = maker.stdout.readline().split()
    until((tmp_path / "begun").exists)
    maker.kill()
    maker.wait()
    until(lambda: gone(origin))
    assert not os.path.exists(folder)
    (tmp_path / "go").touch()
    until((tmp_path / "done").exists)


@pytest.mark.parametrize("name", ["no-such-folder", "x" * 120])
def test_where_no_socket_can_be_programs_start_by_themselves(tmp_path, name):
    folder = tmp_path / name
    if name != "no-such-folder":
        folder.mkdir()
    program = (
        f"import tempfile; tempfile.tempdir = {str(folder)!r}; from resmooth.forked import *; o = Origin(); o.start()\n"
    )
    program += "import os; print(o.process, os.environ.get(ADDRESS)); o.close()"
    environment = {key: value for key, value in os.environ.items() if key != forked.ADDRESS}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.stdout == "None None\n", done.stderr
    assert not folder.exists() or not list(folder.iterdir())


def test_it_leaves_no_folder_behind():
    process = forked.Origin()
    before = os.environ.get(forked.ADDRESS)
    process.start()
    folder = os.path.dirname(os.environ[forked.ADDRESS])
    assert os.stat(folder).st_mode & 0o077 == 0  # nobody else can ask it to run programs
    process.close()
    assert not os.path.exists(folder)
    if before:
        os.environ[forked.ADDRESS] = before


def test_without_such_forks_nothing_is_started(monkeypatch):
    monkeypatch.delattr(os, "pidfd_open")
    monkeypatch.delenv(forked.ADDRESS, raising=False)
    process = forked.Origin()
    process.start()
    assert process.process is None and forked.ADDRESS not in os.environ
    process.close()
