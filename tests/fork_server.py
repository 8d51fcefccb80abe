"""Runs a command line program again and again without its start: each run is a fork of this process, which has imported it.

`python fork_server.py MODULE ...` imports the modules; the first one has the program's `main`. A request is a line of JSON:
arguments, working directory, environment, files for standard output and standard error, Python code to run first. The answer is
the exit status, negative if a signal ended the run, as in `subprocess`.
"""

import gc
import importlib
import json
import os
import sys


def run(main, arguments, folder, environment, out, err, code):
    """The program, as if this process had been started for it."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in enumerate((os.devnull, out, err)):
        os.dup2(os.open(path, os.O_RDWR), descriptor)
    sys.argv[1:] = arguments
    exec(code, {})
    try:
        main()
    except SystemExit as ended:
        status = ended.code or 0
        if not isinstance(status, int):
            print(status, file=sys.stderr)
            status = 1
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(status)  # to tear the interpreter down would copy all its memory first, for a second


program, *_ = [importlib.import_module(name) for name in sys.argv[1:]]
gc.freeze()
for line in sys.stdin:
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    else:
        run(program.main, *json.loads(line))
