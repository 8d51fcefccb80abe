import importlib.util

import pytest
from helpers import ROOT

spec = importlib.util.spec_from_file_location("render_notebook", ROOT / "workflow/scripts/render_notebook.py")
render_notebook = importlib.util.module_from_spec(spec)
spec.loader.exec_module(render_notebook)


@pytest.mark.parametrize(
    ("markdown", "start", "kept"),
    [
        ("a radius $\\sigma$ wide", "a radius <math", "wide"),
        ("$$R = \\sigma$$", "<math", 'display="block"'),
        ("`$HOME` and $x$", "`$HOME` and <math", "</math>"),
        ("```\n$x$ $y$\n```\n", "```\n$x$ $y$\n```\n", ""),
        ("no formula", "no formula", ""),
    ],
)
def test_formulas_become_mathml_and_code_stays(markdown, start, kept):
    text = render_notebook.formulas_as_mathml(markdown)
    assert text.startswith(start) and kept in text
