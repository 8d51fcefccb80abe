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
from resmooth.cli.errors import explained
from resmooth.cli.progress import say
from resmooth.cli.together import together

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
    "draws": measure.draws,
    "ddrs": measure.ddrs,
    "claims": audit.claims,
    "audit": audit.audit,
    "report": audit.report,
    "logs": audit.logs,
    "together": together,
}
for name, command in COMMANDS.items():
    app.command(name)(command)


def main() -> None:
    """Run the command line; turn every error into one line and exit status 1 (2 for wrong usage)."""
    command = typer.main.get_command(app)
    try:
        sys.exit(command.main(prog_name="resmooth", standalone_mode=False))
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("RESMOOTH_TRACEBACK") and isinstance(error, Exception) and not isinstance(error, typer.Abort):
            raise
        message, status = explained(error)
        say(message)
        sys.exit(status)
