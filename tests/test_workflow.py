"""The whole workflow at its smallest: every rule and notebook once, in a copy of the project, as a user runs it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
import yaml
from helpers import ROOT

from resmooth import storage

PARTS = ["Snakefile", "workflow", "config", "profiles", "notebooks", "claims"]


def snakemake(project, *arguments, config="config/tiny.yaml"):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["snakemake", *arguments, "--configfile", config]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=580)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    for name in PARTS:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def finished(project):
    done = snakemake(project)
    assert done.returncode == 0, done.stderr[-5000:]
    return project / "results" / "tiny"


def test_everything_is_there(finished):
    items = [path.relative_to(ROOT / "notebooks").with_suffix("") for path in (ROOT / "notebooks").rglob("*.py")]
    assert len(items) >= 11
    for item in items:
        assert (finished / "notebooks" / f"{item}.html").stat().st_size > 10_000
        assert (finished / "notebooks" / f"{item}.ipynb").exists()
        assert (finished / "figures" / f"{item}.png").read_bytes().startswith(b"\x89PNG")
        assert len(pd.read_csv(finished / "tables" / f"{item}.csv")) > 0
    assert len(pd.read_csv(finished / "audit" / "audit.csv")) == 72
    assert len(list((finished / "certificates" / "resnet8-gaussian" / "sigma=0.25").iterdir())) == 8
    assert not [
        path for path in (finished / "state").rglob("*") if path.is_file()
    ]  # finished jobs leave no progress behind


def test_manifests_vouch_for_the_checkpoints(finished):
    paths = sorted(finished.rglob("*.safetensors"))
    assert len(paths) == 2
    for path in paths:
        manifest = storage.read_manifest(path)
        assert {"arch", "recipe", "order_sha256", "revision", "metrics", "versions", "sha256"} <= set(manifest)


def test_a_second_run_has_nothing_to_do(project, finished):
    again = snakemake(project, "--dry-run")
    assert again.returncode == 0 and "Nothing to be done" in again.stdout + again.stderr


def test_another_alpha_certifies_again_and_does_nothing_else(project, finished):
    config = yaml.safe_load((project / "config" / "tiny.yaml").read_text())
    config["certify"]["alpha"] = 0.01
    (project / "config" / "alpha.yaml").write_text(yaml.safe_dump(config))
    dry = snakemake(project, "--dry-run", "certificates", config="config/alpha.yaml")
    output = dry.stdout + dry.stderr
    assert "Certify resnet8-gaussian" in output and "Train" not in output and "Sample" not in output


def test_touching_the_images_or_the_code_does_not_retrain(project, finished):
    (finished / "data" / "train.npz").touch()
    (project / "workflow" / "rules" / "train.smk").touch()
    dry = snakemake(project, "--dry-run")
    assert "Train" not in dry.stdout + dry.stderr


def test_one_figure_by_name(project, finished):
    figure = finished / "figures" / "lecture" / "certified_radius.png"
    before = figure.read_bytes()
    figure.unlink()
    done = snakemake(project, "lecture_certified_radius")
    assert done.returncode == 0, done.stderr[-3000:]
    assert figure.read_bytes() == before
    assert "1 of 2 steps" in done.stdout + done.stderr


def test_a_failing_notebook_keeps_its_executed_copy(project, finished):
    source = project / "notebooks" / "lecture" / "certified_radius.py"
    text = source.read_text()
    source.write_text(text + "\n# %%\nraise RuntimeError('broken on purpose')\n")
    try:
        done = snakemake(project, "lecture_certified_radius")
    finally:
        source.write_text(text)
    assert done.returncode != 0 and "RuntimeError: broken on purpose" in done.stdout + done.stderr
    failed = finished / "logs" / "notebooks" / "lecture" / "certified_radius.failed.ipynb"
    assert "broken on purpose" in json.dumps(json.loads(failed.read_text()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda config: config.update(sigma=[0.5]), "sigma"),
        (lambda config: config.update(sigmas=[-0.5]), "-0.5"),
        (lambda config: config["recipes"]["gaussian"].update(epoch=3), "epoch"),
        (lambda config: config.pop("seeds"), "seeds"),
        (lambda config: config.update(architectures=["vgg"]), "vgg"),
        (lambda config: config.update(run=".."), "run"),
        (lambda config: config["sample"].update(start=1, stop=9), "no multiple of step"),
        (lambda config: [config.pop(key) for key in set(config) - {"certify"}], "required property"),
    ],
)
def test_a_wrong_config_is_refused_before_anything_runs(project, change, message):
    config = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text()) | {"run": "wrong"}
    change(config)
    (project / "config" / "wrong.yaml").write_text(yaml.safe_dump(config))
    done = snakemake(project, config="config/wrong.yaml")
    assert done.returncode != 0 and message in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("Using workflow")]
    assert len(errors) == 1, done.stderr
    assert not (project / "results" / "wrong").exists()


def test_one_seed_makes_a_plan_without_correlations(project):
    config = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text()) | {
        "run": "one",
        "seeds": 1,
        "sigmas": [1e-5, 0.25],
    }
    (project / "config" / "one.yaml").write_text(yaml.safe_dump(config))
    dry = snakemake(project, "--dry-run", config="config/one.yaml")
    assert dry.returncode == 0 and "acr_vs_k" in dry.stdout and "variance_ratio" not in dry.stdout
    assert "sigma 1e-05" in dry.stdout


def test_the_schema_knows_every_architecture_data_set_and_recipe_key():
    from resmooth.datasets import DATASETS
    from resmooth.models import ARCHITECTURES
    from resmooth.training.recipe import Recipe

    properties = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())["properties"]
    assert properties["architectures"]["items"]["enum"] == list(ARCHITECTURES)
    assert properties["dataset"]["enum"] == list(DATASETS)
    assert set(properties["recipes"]["additionalProperties"]["properties"]) == {field.name for field in fields(Recipe)}


def test_a_changed_recipe_trains_again(project, finished):
    config = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text())
    config["recipes"]["gaussian"]["epochs"] = 3
    (project / "config" / "recipe.yaml").write_text(yaml.safe_dump(config))
    dry = snakemake(project, "--dry-run", "certificates", config="config/recipe.yaml")
    assert dry.returncode == 0 and dry.stdout.count("Train resnet8") == 2
    checkpoint = next(finished.rglob("*.safetensors"))
    assert checkpoint.stat().st_mode & 0o200, "a finished checkpoint must not block its owner"


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_makes_a_plan(project, path):
    dry = snakemake(project, "--dry-run", "certificates", config=f"config/{path.name}")
    assert dry.returncode == 0, dry.stderr[-2000:]
