"""What several test files share besides fixtures."""

from pathlib import Path

ROOT = Path(__file__).parent.parent


def assert_one_line_error(done, *words):
    """The command failed, said so in one line holding `words`, and showed no traceback."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    for word in words:
        assert str(word) in lines[0]
