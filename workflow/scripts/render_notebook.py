"""Snakemake script: execute one py:percent notebook with papermill, write it as .ipynb and .html beside its figure and table.

The kernel is this very interpreter: a kernel specification of the user's, found first on JUPYTER_PATH, cannot replace it.
If a cell raises, the executed notebook is kept beside the log as <item>.failed.ipynb.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbconvert import HTMLExporter

KERNEL = "resmooth"


def main(source, ipynb, html, parameters, log):
    """Execute `source` with `parameters` (a dict of plain values) and write `ipynb` and `html`."""
    with tempfile.TemporaryDirectory() as scratch:
        spec = Path(scratch) / "kernels" / KERNEL
        spec.mkdir(parents=True)
        command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": KERNEL, "language": "python"}))
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [scratch, os.environ.get("JUPYTER_PATH")]))
        os.environ["MPLCONFIGDIR"] = str(Path(scratch) / "matplotlib")
        bare = Path(scratch) / "bare.ipynb"
        nbformat.write(jupytext.read(source), bare)
        executed = Path(scratch) / "executed.ipynb"
        try:
            papermill.execute_notebook(
                bare, executed, parameters, kernel_name=KERNEL, language="python", cwd=".", progress_bar=False
            )
        except papermill.PapermillExecutionError as error:
            kept = Path(log).with_suffix(".failed.ipynb")
            shutil.copy(executed, kept)
            sys.exit(f"{source}: {error.ename}: {error.evalue} (executed notebook: {kept})")
        shutil.copy(executed, ipynb)
    exporter = HTMLExporter(exclude_input_prompt=True, exclude_output_prompt=True)
    Path(html).write_text(exporter.from_filename(ipynb)[0])


if "snakemake" in globals():
    job = globals()["snakemake"]
    with open(job.log[0], "w") as log_file:
        sys.stdout = sys.stderr = log_file
        values = dict(job.params.values, figure=job.output.figure, table=job.output.table)
        try:
            main(job.input.source, job.output.ipynb, job.output.html, values, job.log[0])
        except SystemExit as failure:
            print(failure.code, file=sys.__stderr__)
            raise
