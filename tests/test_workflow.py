"""The whole workflow at its smallest: every rule and notebook once, in a copy of the project, as a user runs it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from helpers import ROOT

from resmooth import datasets, exhibits, idrs, storage
from resmooth import noise as noises
from resmooth.plan import Run

PARTS = ["Snakefile", "workflow", "config", "profiles", "notebooks", "claims"]


def snakemake(project, *arguments, config="config/tiny.yaml"):
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["snakemake", *arguments, "--configfile", config]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True)


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
    items = list(Run.from_file(ROOT / "config" / "tiny.yaml").exhibits)
    assert set(exhibits.names()) - set(items) == {
        "noises/splitting"
    }  # no two of its noises share a level here; it has a test
    for item in items:
        assert (finished / "notebooks" / f"{item}.html").stat().st_size > 10_000
        assert (finished / "notebooks" / f"{item}.ipynb").exists()
        assert (finished / "figures" / f"{item}.png").read_bytes().startswith(b"\x89PNG")
        assert len(pd.read_csv(finished / "tables" / f"{item}.csv")) > 0
    check_audit(finished)
    for experiment, classifiers in {"resnet8-gaussian": 8, "resnet8-smoothadv": 4}.items():
        assert len(list((finished / "certificates" / experiment / "sigma=0.25").iterdir())) == classifiers
    for noise, norm in {"laplace": 1, "dssn": 1, "mask": 0}.items():
        path = finished / "certificates" / f"resnet8-gaussian-{noise}" / "sigma=0.5" / "member-1.tsv"
        assert set(storage.read_certificates(path).norm) == {norm}
    check_input_dependent(finished)
    assert not [
        path for path in (finished / "state").rglob("*") if path.is_file()
    ]  # finished jobs leave no progress behind


def check_audit(finished):
    """Every claim has a row with both evidences, or a reason why one is missing; every finding is in it."""
    audit = pd.read_csv(finished / "audit" / "audit.csv", dtype=str, keep_default_na=False)
    claims = pd.concat(pd.read_csv(path, dtype=str) for path in (ROOT / "claims").glob("*.csv"))
    assert sorted(audit.id) == sorted(claims.id)
    assert (audit.reason != "").all() and (audit.run_reason != "").all()
    statements = audit[audit.metric == "statement"]
    assert statements.run_verdict.isin(["holds", "fails", "not resolved", "not comparable", ""]).all()
    assert (audit[audit.metric.isin(["acr", "certified_accuracy"])].run_verdict == "not comparable").all()
    findings = pd.concat(pd.read_csv(path, dtype=str) for path in (finished / "findings").rglob("*.csv"))
    assert set(findings.claim.dropna()) == set(audit.id[audit.exhibit != ""])
    assert "What does not hold" in (finished / "audit" / "findings.md").read_text()


def check_input_dependent(finished):
    """Levels are sigma(x) of the test images, whoever trained; DDRS certifies nothing."""
    train, test = (datasets.read(finished / "data" / f"{split}.npz") for split in ("train", "test"))
    law = noises.make("idrs", dim=64, sigma=0.25, rate=0.1, k=5, m=1.0).on(train.images.transpose(0, 3, 1, 2))
    for experiment in ("idrs", "idrs_mean"):
        path = finished / "certificates" / f"resnet8-gaussian-{experiment}" / "sigma=0.25" / "member-1.tsv"
        frame = storage.read_certificates(path)
        assert set(frame.noise) == {"idrs rate=0.1 k=5 m=1.0"}
        assert frame.sigma.tolist() == law.levels(test.tensor(frame.idx.to_numpy())).tolist()
        radii = idrs.certified_radius(frame.p_lower, frame.sigma, 0.1, 64)
        assert frame.radius.tolist() == np.where(frame.predict < 0, 0, radii).tolist()
    trained = finished / "models" / "resnet8-gaussian-mean" / "sigma=0.26" / "seed=0.safetensors"
    assert not (finished / "models" / "resnet8-gaussian-idrs_mean").exists()
    (counts,) = {
        json.loads(pq.read_schema(path).metadata[b"resmooth"])["checkpoints"][0]
        for path in (finished / "counts" / "resnet8-gaussian-idrs_mean").rglob("*.parquet")
    }
    assert counts == storage.read_manifest(trained)["sha256"]
    claims = pd.read_csv(finished / "tables" / "ddrs" / "resnet8-gaussian" / "sigma=0.25" / "ddrs.tsv", sep="\t")
    assert (claims.certified_radius == 0).all() and "radius" not in claims


def test_manifests_vouch_for_the_checkpoints(finished):
    paths = sorted(finished.rglob("*.safetensors"))
    assert len(paths) == 10 and len([path for path in paths if "videos" in path.parts]) == 2
    for path in paths:
        manifest = storage.read_manifest(path)
        assert {"arch", "recipe", "order_sha256", "revision", "metrics", "versions", "sha256"} <= set(manifest)


def test_a_second_run_has_nothing_to_do(project, finished):
    again = snakemake(project, "--dry-run")
    assert again.returncode == 0 and "Nothing to be done" in again.stdout + again.stderr


def test_one_source_is_audited_alone_and_a_changed_verdict_is_noticed(project, finished, tmp_path):
    command = [Path(sys.executable).with_name("resmooth"), "audit", "--claims", "claims/idrs.csv"]
    command += ["--run", "config/tiny.yaml", "--out", tmp_path]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0 and "this run" in done.stderr, done.stderr
    assert subprocess.run([*command, "--check"], cwd=project, capture_output=True).returncode == 0
    path = finished / "findings" / "idrs" / "waterfalls.csv"
    before = path.read_text()
    path.write_text(before.replace(",holds,", ",fails,"))
    again = subprocess.run([*command, "--check"], cwd=project, capture_output=True, text=True)
    path.write_text(before)
    assert again.returncode == 1 and "idrs-waterfall_ceiling (holds -> fails)" in again.stderr


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
    assert "2 of 2 jobs done" in done.stderr


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


def write_config(project, name, change, jobs=None):
    """The tiny config, renamed and changed, with jobs of these sizes, in the copy of the project. Returns its path there."""
    config = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text()) | {"run": name, "jobs": jobs or {}}
    change(config)
    (project / "config" / f"{name}.yaml").write_text(yaml.safe_dump(config))
    return f"config/{name}.yaml"


@pytest.mark.parametrize(
    ("change", "message"),
    [  # the others: tests/plan/test_run.py
        (lambda config: config.update(sigma=[0.5]), "sigma"),
        (lambda config: config["recipes"].update(gaussian="cifar10/nowhere"), "no file config/recipes/cifar10/nowhere"),
        (lambda config: config["experiments"][2].update(noise="cauchy"), "unknown noise 'cauchy'; known: normal"),
    ],
)
def test_a_wrong_config_is_refused_before_anything_runs(project, change, message):
    done = snakemake(project, config=write_config(project, "wrong", change))
    assert_one_line(done, message)
    assert not (project / "results" / "wrong").exists()


def assert_one_line(done, message):
    assert done.returncode != 0 and message in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("Using workflow")]
    assert len(errors) == 1, done.stderr


def test_noise_and_levels_of_a_group(project):
    def change(config):
        config["experiments"][2] |= {"noise": ["exp1 k=2", "normal", "expp p=0.5"], "sigmas": [0.12, 0.5]}
        config["experiments"][2]["architectures"] = ["resnet14"]

    config = write_config(project, "levels", change)
    dry = snakemake(project, "--dry-run", "--printshellcmds", config=config)
    assert dry.returncode == 0, dry.stderr[-2000:]
    for name, noise in (("-exp1_k_2", "exp1 k=2"), ("-expp_p_0_5", "expp p=0.5"), ("", "")):
        for sigma in ("0.12", "0.5"):
            assert f"Train resnet14-gaussian{name} at sigma {sigma}, seed 0" in dry.stdout
        trained = f"models/resnet14-gaussian{name}/sigma=0.5/seed=0.safetensors"
        commands = [line for line in dry.stdout.splitlines() if "resmooth " in line and trained in line]
        assert len(commands) == 3 and all((f"--noise '{noise}'" in line) == bool(noise) for line in commands)
        assert noise or not any("--noise" in line for line in commands)
    assert "resnet14-gaussian-exp1_k_2 at sigma 0.25" not in dry.stdout


def test_jobs_of_one_task_and_stacked_seeds(project):
    def change(config):
        config["stacked"] = True
        config["recipes"]["gaussian"]["epochs"] = 1

    config = write_config(project, "stacked", change)
    dry = snakemake(project, "--dry-run", config=config)
    assert dry.returncode == 0 and dry.stdout.count("Train resnet8") == 7
    experiment = "resnet8-gaussian/sigma=0.25"
    done = snakemake(project, f"results/stacked/certificates/{experiment}/soft-2.tsv", config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    results = project / "results" / "stacked"
    assert (results / "logs" / "train" / experiment / "seeds=0-1.log").exists()
    manifests = [storage.read_manifest(results / "models" / experiment / f"seed={seed}.safetensors") for seed in (0, 1)]
    assert [manifest["seed"] for manifest in manifests] == [0, 1]
    assert len(list((results / "counts" / experiment).iterdir())) == 2


GROUP = {"train": "group", "sample": "group", "certify": "run"}


def two_recipes(project, name, **changes):
    """A config with two recipes in one entry, whose networks one process trains."""

    def change(config):
        for key in ("idrs", "margins", "decide", "scores"):
            del config[key]
        config["experiments"] = [{"architectures": ["resnet8"], "recipes": ["gaussian", "other"], "seeds": 1}]
        config["recipes"] = {"gaussian": config["recipes"]["gaussian"]}
        config["recipes"]["other"] = config["recipes"]["gaussian"] | {"learning_rate": 0.1} | changes

    return write_config(project, name, change, GROUP)


def test_a_changed_recipe_trains_its_own_experiment_again_in_a_job_of_several(project):
    config, results = two_recipes(project, "two"), project / "results" / "two"
    done = snakemake(project, "certificates", config=config)
    assert done.returncode == 0, done.stderr[-3000:]

    def files(experiment):
        paths = sorted((results / "models" / experiment).rglob("*")) + sorted(
            (results / "counts" / experiment).rglob("*")
        )
        return {path: path.read_bytes() for path in paths if path.is_file()}

    kept, replaced = files("resnet8-gaussian"), files("resnet8-other")
    assert len(kept) == len(replaced) == 4  # a checkpoint, its manifest and two shards
    config = two_recipes(project, "two", epochs=1)
    done = snakemake(project, "certificates", config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    assert files("resnet8-gaussian") == kept
    assert all(before != replaced[path] for path, before in files("resnet8-other").items())
    again = snakemake(project, "--dry-run", "certificates", config=config)
    assert "Nothing to be done" in again.stdout + again.stderr


def test_kill_9_loses_an_epoch_of_a_job_of_several(project):
    config, results = two_recipes(project, "killed", epochs=8), project / "results" / "killed"
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["snakemake", "certificates", "--configfile", config]
    process = subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    state = results / "state" / "train" / "resnet8-other" / "sigma=0.25" / "seed=0" / storage.TRAINING
    while not state.exists():
        assert process.poll() is None, "finished before it could be killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first, second = (
        results / "models" / f"resnet8-{name}" / "sigma=0.25" / "seed=0.safetensors" for name in ("gaussian", "other")
    )
    before = storage.read_manifest(first)["history"]
    unlocked = snakemake(project, "--unlock", config=config)
    assert unlocked.returncode == 0, unlocked.stderr
    done = snakemake(project, "certificates", config=config)
    assert done.returncode == 0, done.stderr[-3000:]
    assert storage.read_manifest(first)["history"] == before
    assert len(storage.read_manifest(second)["history"]) == 8
    assert not state.exists()


def test_processes_share_a_training_job(project):
    config = write_config(project, "shared", lambda config: config.update(processes=2, workers=3))
    dry = snakemake(project, "--dry-run", "--printshellcmds", config=config)
    launcher = "torch.distributed.run --standalone --nproc-per-node 2"
    commands = [line for line in dry.stdout.splitlines() if launcher in line]
    assert len(commands) == 10 and all("--workers 3" in line for line in commands)


def test_a_changed_recipe_trains_again(project, finished):
    config = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text())
    config["recipes"]["gaussian"]["epochs"] = 3
    (project / "config" / "recipe.yaml").write_text(yaml.safe_dump(config))
    dry = snakemake(project, "--dry-run", "certificates", config="config/recipe.yaml")
    trained = [line for line in dry.stdout.splitlines() if "Train " in line]
    assert dry.returncode == 0 and len(trained) == 3 and all("Train resnet8-gaussian" in line for line in trained)
    checkpoint = next(finished.rglob("*.safetensors"))
    assert checkpoint.stat().st_mode & 0o200, "a finished checkpoint must not block its owner"


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_makes_a_plan(project, path):
    dry = snakemake(project, "--dry-run", "certificates", config=f"config/{path.name}")
    assert dry.returncode == 0, dry.stderr[-2000:]
