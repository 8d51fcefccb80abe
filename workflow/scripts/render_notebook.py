"""Execute one py:percent notebook with papermill, and write it as .ipynb and .html.

The notebook is told the config of the run; its exhibit writes table, figure and findings where the plan has them.

The kernel is this very interpreter: a kernel specification of the user's, found first on JUPYTER_PATH, cannot replace it.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
import papermill
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.preprocessors import TagRemovePreprocessor

KERNEL = "resmooth"
PATIENCE = 1800  # seconds for the kernel to start: a busy machine is slow, not broken


def main(source, ipynb, html, parameters, log):
    """Execute `source` with `parameters` (a dict of plain values) and write `ipynb` and `html`.

    If a cell raises, the executed notebook is kept beside `log` as <item>.failed.ipynb.
    """
    with tempfile.TemporaryDirectory() as scratch:
        spec = Path(scratch) / "kernels" / KERNEL
        spec.mkdir(parents=True)
        kernel = [sys.executable, "-m", "ipykernel_launcher", "--IPKernelApp.log_level=50", "-f", "{connection_file}"]
        command = [sys.executable, "-m", "resmooth.forked", *kernel]
        (spec / "kernel.json").write_text(json.dumps({"argv": command, "display_name": KERNEL, "language": "python"}))
        os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, [scratch, os.environ.get("JUPYTER_PATH")]))
        bare = Path(scratch) / "bare.ipynb"
        nbformat.write(jupytext.read(source), bare)
        executed = Path(scratch) / "executed.ipynb"
        try:
            papermill.execute_notebook(
                bare,
                executed,
                parameters,
                kernel_name=KERNEL,
                language="python",
                cwd=".",
                progress_bar=False,
                start_timeout=PATIENCE,
            )
        except papermill.PapermillExecutionError as error:
            kept = Path(log).with_suffix(".failed.ipynb")
            shutil.copy(executed, kept)
            sys.exit(f"{source}: {error.ename}: {error.evalue} (executed notebook: {kept})")
        shutil.copy(executed, ipynb)
    write_html(nbformat.read(ipynb, as_version=4), html)


def write_html(notebook, path):
    """Write the executed notebook as a page that shows its formulas without a network, and not the long list of inputs."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = formulas_as_mathml(cell.source)
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                output.data["text/markdown"] = formulas_as_mathml(output.data["text/markdown"])
    exporter = HTMLExporter(exclude_input_prompt=True, exclude_output_prompt=True, mathjax_url="")
    exporter.register_preprocessor(TagRemovePreprocessor(remove_cell_tags={"injected-parameters"}, enabled=True), True)
    Path(path).write_text(exporter.from_notebook_node(notebook)[0])


def formulas_as_mathml(markdown):
    """Replace $$...$$ and $...$ by MathML, which browsers draw by themselves; code spans and blocks stay as they are."""

    def drawn(match):
        code, display, inline = match.groups()
        return code or convert(display or inline, display="block" if display else "inline")

    return re.sub(r"(```.*?```|`[^`]*`)|\$\$(.+?)\$\$|\$([^$]+?)\$", drawn, markdown, flags=re.S)


def options():
    """What to render, and where to write it."""
    parser = argparse.ArgumentParser(
        description="Execute a notebook of this repository, and write it as .ipynb and .html."
    )
    parser.add_argument("source", help="notebooks/<source>/<item>.py")
    parser.add_argument("--run-name", required=True, help="the config of the run that it shows")
    parser.add_argument("--ipynb", required=True)
    parser.add_argument("--html", required=True)
    parser.add_argument("--log", required=True, help="beside which the executed notebook is kept if a cell raises")
    return parser.parse_args()


if __name__ == "__main__":
    asked = options()
    main(asked.source, asked.ipynb, asked.html, {"run_name": asked.run_name}, asked.log)
