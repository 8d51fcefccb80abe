"""Several commands in one process."""

import os
import shlex
from typing import Annotated

import typer

from resmooth import storage
from resmooth.cli.errors import explained
from resmooth.cli.progress import say


def together(
    commands: Annotated[
        list[str], typer.Argument(help="Command lines without 'resmooth', each quoted as one argument.")
    ],
) -> None:
    """Run several commands in one process, one after the other: Python and PyTorch start once.

    A command that fails does not stop those after it; the exit status is then 1. Partial progress is kept until all succeeded, so
    that running all of them again repeats only what failed.
    """
    from resmooth.cli import app

    group, failed = typer.main.get_command(app), 0
    with storage.counting_together():
        for line in commands:
            try:
                group.main(shlex.split(line), prog_name="resmooth", standalone_mode=False)
            except Exception as error:
                if os.environ.get("RESMOOTH_TRACEBACK"):
                    raise
                say(explained(error)[0])
                failed += 1
        if failed:
            raise ValueError(
                f"{failed} of {len(commands)} commands failed; run all again, and those that succeeded are quick"
            )
