"""What the person watching sees, and a command line that starts without what few commands need."""

import io
import subprocess
import sys

import pytest

from resmooth.cli.progress import Progress, say


class Terminal(io.StringIO):
    def isatty(self):
        return True


def watch(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    progress = Progress("sample a b: ", every=0)
    for done in (4, 6, 10):
        progress.images(done, 10)
    return stream.getvalue()


def test_lines_where_nobody_watches(monkeypatch):
    lines = watch(monkeypatch, io.StringIO()).splitlines()
    assert lines == ["sample a b: 6 of 10 images, 0 s to go", "sample a b: 10 of 10 images, finished in 0 s"]


def test_a_bar_on_a_terminal(monkeypatch):
    pytest.importorskip("tqdm")
    shown = watch(monkeypatch, Terminal())
    assert "\r" in shown and "sample a b:" in shown and "10/10" in shown and "to go" not in shown


def test_lines_on_a_terminal_without_tqdm(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert watch(monkeypatch, Terminal()).splitlines()[-1] == "sample a b: 10 of 10 images, finished in 0 s"


def test_a_line_above_a_bar(monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Progress("sample: ")
    progress.images(0, 10)
    say("one line")
    progress.images(10, 10)
    assert "one line\n" in sys.stderr.getvalue()


def test_the_command_line_starts_on_a_bare_machine():
    """As torchrun starts it, without PyTorch loaded and without what only data sets, the audit or the workflow need."""
    absent = ["jsonschema", "jinja2", "pooch", "tqdm", "snakemake", "papermill", "matplotlib", "torch"]
    code = (
        f"import sys, runpy; sys.modules.update(dict.fromkeys({absent})); sys.argv = ['resmooth', 'sample', '--help']; "
        "runpy.run_module('resmooth.cli', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "--gpu-memory" in done.stdout, done.stderr
