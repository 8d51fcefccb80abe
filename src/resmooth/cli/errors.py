"""An error as one line and an exit status."""

import typer

USAGE, FAILURE, INTERRUPTED = 2, 1, 130
EXPECTED = (ValueError, OSError, FloatingPointError, NotImplementedError, MemoryError)


def explained(error: BaseException) -> tuple[str, int]:
    """(one line, exit status) of what ended a command."""
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return "resmooth: interrupted; run the same command again to go on", INTERRUPTED
    if message := getattr(error, "format_message", None):  # wrong usage, in the words of the command line library
        if type(error).__name__ == "NoArgsIsHelpError":
            return message(), USAGE
        where = getattr(getattr(error, "ctx", None), "command_path", "resmooth")
        return f"resmooth: {' '.join(message().split()).rstrip('.')}; see {where} --help", USAGE
    name = (
        "" if isinstance(error, EXPECTED) else f"unexpected {type(error).__name__} (RESMOOTH_TRACEBACK=1 shows where): "
    )
    return f"resmooth: {name}{' '.join(str(error).split())}", FAILURE
