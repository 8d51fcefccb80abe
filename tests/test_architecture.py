"""The house rules: import directions, light imports, and one environment described in three files."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from helpers import ROOT

PACKAGE = ROOT / "src" / "resmooth"
BASE = {"noise", "stats", "storage", "datasets", "models", "device"}
ROOMS = BASE | {"classifiers", "theory"}
ALLOWED = {  # what each part may import besides itself
    "noise": set(),
    "stats": set(),
    "storage": set(),
    "device": set(),
    "forked": set(),
    "models": set(),
    "datasets": {"storage"},
    "classifiers": BASE,
    "theory": BASE,
    "smoothing": ROOMS,
    "training": ROOMS,
    "measure": ROOMS | {"smoothing"},
    "plan": {
        "noise",
        "storage",
        "datasets",
        "classifiers",
        "training",
    },  # of training the recipes, of classifiers the names
    "audit": BASE | {"theory", "smoothing", "plan"},
    "exhibits": ROOMS | {"smoothing", "plan", "audit"},
    "site": BASE | {"training", "plan", "audit", "exhibits"},
    "cli": ROOMS | {"smoothing", "training", "measure", "plan", "audit", "exhibits", "site"},
}
NAMES = {"Ensemble": "classifiers", "Consensus": "classifiers", "metrics": "stats"}
NAMES |= dict.fromkeys(["Smoothed", "bounds", "sequential", "certify_from_counts"], "smoothing")


def imports_of(path):
    """Parts of resmooth, and top-level foreign packages, that a file imports anywhere."""
    parts, foreign = set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            first, _, rest = module.partition(".")
            if first == "resmooth":
                part = rest.split(".")[0]
                parts.add(NAMES.get(part, part))
            else:
                foreign.add(first)
    return parts, foreign


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    part = part_of(path)
    parts, foreign = imports_of(path)
    assert not foreign & {"snakemake", "papermill", "nbconvert", "jupytext"}
    if part != "__init__":
        assert parts - {part} <= ALLOWED[part]


def test_every_part_has_a_rule():
    assert {part_of(path) for path in PACKAGE.rglob("*.py")} == set(ALLOWED) | {"__init__"}


def test_the_rules_allow_no_circle():
    order = []
    rest = dict(ALLOWED)
    while rest:
        free = [part for part in rest if not rest[part] - set(order) - {part}]
        assert free, f"circle among {sorted(rest)}"
        order += free
        rest = {part: needs for part, needs in rest.items() if part not in free}


NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: str(path.relative_to(ROOT / "notebooks")))
def test_a_notebook_tells_a_story_and_calls_its_exhibit(path):
    """It imports the page and nothing else, computes nothing, names no file, and is a screen or two, mostly words."""
    text = path.read_text()
    cells = [cell for cell in re.split(r"^# %%", text, flags=re.M) if cell.strip()]
    code = [cell.split("\n", 1)[1] for cell in cells if not cell.startswith(" [markdown]")]
    lines = [line for cell in code for line in cell.splitlines() if line.strip()]
    words = [line for line in text.splitlines() if line.startswith("# ") and not line.startswith("# %%")]
    item = path.relative_to(ROOT / "notebooks").with_suffix("").as_posix()
    assert f'page = Page("{item}", run_name)' in lines and "page.save()" in lines
    assert imports_of(path) == ({"exhibits"}, set())
    assert not re.search(r"\.(csv|png|tsv|parquet|yaml|npz)\b|results/", "\n".join(code))
    assert not [
        node for node in ast.walk(ast.parse("\n".join(code))) if isinstance(node, ast.For | ast.FunctionDef | ast.BinOp)
    ]
    assert len(text.splitlines()) <= 110 and len(lines) <= 30 and len(words) > len(lines)


def test_every_exhibit_has_its_notebook_and_every_notebook_its_exhibit():
    from resmooth import exhibits

    assert set(exhibits.names()) == {
        path.relative_to(ROOT / "notebooks").with_suffix("").as_posix() for path in NOTEBOOKS
    }


def test_workflow_rules_hold_neither_numbers_nor_logic():
    """Rule files ask the plan: common.smk is a screen, and no rule file parses a path or an experiment's name."""
    rules = {path.name: path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk")}
    assert len(rules["common.smk"].splitlines()) <= 60
    for name, text in rules.items():
        assert not re.search(r"\.parents?\[|\.split\(|re\.search|\bif .* in config|results/", text), name


LIGHT = [
    "bounds",
    "sequential",
    "metrics",
    "stats",
    "storage",
    "noise",
    "audit",
    "plan",
    "exhibits",
    "theory",
    "certify_from_counts",
]


def test_light_imports_leave_torch_alone():
    """One after the other in one process; the first to import it is named."""
    lines = [f"from resmooth import {what}; assert 'torch' not in sys.modules, '{what}'" for what in LIGHT]
    done = subprocess.run([sys.executable, "-c", "\n".join(["import sys", *lines])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_public_names_exist():
    import resmooth as rs

    for name in rs.__all__:
        assert getattr(rs, name) is not None
    with pytest.raises(AttributeError):
        rs.nonsense  # noqa: B018


def pinned(lines):
    """name -> version of lines `name==version`, names normalised."""
    found = re.findall(r"^[ -]*([A-Za-z0-9_.-]+)==([^ ;\n]+)", "\n".join(lines), re.M)
    return {re.sub("[-_.]+", "-", name).lower(): version for name, version in found}


def test_the_three_descriptions_of_the_environment_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    peers = pinned((ROOT / "requirements-bench.lock").read_text().splitlines())
    assert {re.match("[A-Za-z0-9_.-]+", line)[0] for line in extras.pop("bench")} <= set(peers)
    wanted = [
        re.match("[A-Za-z0-9_.-]+", line)[0].lower() for line in project["dependencies"] + sum(extras.values(), [])
    ]
    lock = pinned((ROOT / "requirements.lock").read_text().splitlines())
    conda = pinned((ROOT / "environment.yml").read_text().splitlines())
    assert set(conda) == {*wanted, "setuptools"}
    assert conda.items() <= lock.items()
    assert lock["torch"] == "2.11.0" and lock["torchvision"] == "0.26.0"


def test_the_running_environment_is_the_locked_one():
    from importlib.metadata import version

    conda = pinned((ROOT / "environment.yml").read_text().splitlines())
    assert {name: version(name).split("+")[0] for name in conda} == conda


def test_no_large_or_generated_file_is_tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / name for name in listed.stdout.split("\0") if name and Path(ROOT / name).exists()]
    assert all(path.stat().st_size < 1_000_000 for path in files)
    assert not [path for path in files if path.suffix in {".ipynb", ".safetensors", ".parquet", ".npz"}]
