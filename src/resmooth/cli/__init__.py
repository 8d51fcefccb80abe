"""The command line `resmooth`: a command for every step of the workflow.

Each command writes its result whole, at the end. `train` and all measurements keep partial progress in a state folder: after an
interruption, the same command resumes. An error is one line on standard error, with exit status 1 (RESMOOTH_TRACEBACK=1 shows
where it arose).
"""

import os
import sys
from collections.abc import Callable

import typer

from resmooth.cli import audit, certify, data, measure, train
from resmooth.cli.progress import say

app = typer.Typer(
    help="Replicate and audit randomized smoothing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS: dict[str, Callable] = {
    "data": data.data,
    "train": train.train,
    "import": train.import_checkpoint,
    "sample": measure.sample,
    "certify": certify.certify,
    "decide": measure.decide,
    "margins": measure.margins,
    "scores": measure.scores,
    "ddrs": measure.ddrs,
    "claims": audit.claims,
    "audit": audit.audit,
    "report": audit.report,
    "logs": audit.logs,
}
for name, command in COMMANDS.items():
    app.command(name)(command)


def main() -> None:
    """Run the command line; turn every error into one line and exit status 1 (2 for wrong usage)."""
    command = typer.main.get_command(app)
    try:
        sys.exit(command.main(prog_name="resmooth", standalone_mode=False))
    except (KeyboardInterrupt, typer.Abort):
        say("resmooth: interrupted; run the same command again to go on")
        sys.exit(130)
    except Exception as error:
        if os.environ.get("RESMOOTH_TRACEBACK"):
            raise
        if message := getattr(error, "format_message", None):  # wrong usage, in the words of the command line library
            if type(error).__name__ == "NoArgsIsHelpError":
                say(message())
                sys.exit(2)
            where = getattr(getattr(error, "ctx", None), "command_path", "resmooth")
            say(f"resmooth: {' '.join(message().split()).rstrip('.')}; see {where} --help")
            sys.exit(2)
        expected = isinstance(error, (ValueError, OSError, FloatingPointError, NotImplementedError, MemoryError))
        name = "" if expected else f"unexpected {type(error).__name__} (RESMOOTH_TRACEBACK=1 shows where): "
        say(f"resmooth: {name}{' '.join(str(error).split())}")
        sys.exit(1)
