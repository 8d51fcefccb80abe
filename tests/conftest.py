"""Shared test data: the real digits that come with scikit-learn, and small networks trained on them once."""

import functools
import os
import pkgutil
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one process, one core: this one, and those that it starts
os.environ["CUDA_VISIBLE_DEVICES"] = (
    ""  # each process of the tests would claim a GPU: benchmarks/gpu_check.py tests those
)

import pytest
import torch
from filelock import FileLock
from helpers import forks, run_here

import resmooth as package
from resmooth import cli, datasets


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded():
    """A test draws the same numbers whichever tests ran before it in its process."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def digits_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    datasets.prepare("digits", folder)
    return folder


@pytest.fixture(scope="session")
def train_split(digits_folder):
    return datasets.read(digits_folder / "train.npz")


@pytest.fixture(scope="session")
def test_split(digits_folder):
    return datasets.read(digits_folder / "test.npz")


@pytest.fixture(scope="session")
def mirror():
    if not os.environ.get("RESMOOTH_MIRROR"):
        pytest.skip("RESMOOTH_MIRROR names no folder with offline copies")
    return Path(os.environ["RESMOOTH_MIRROR"])


@pytest.fixture(scope="session")
def resmooth(tmp_path_factory):
    """Run the command line in a process of its own: resmooth("certify", ...) -> CompletedProcess with text."""
    modules = [module.name for module in pkgutil.walk_packages(package.__path__, "resmooth.")]
    modules.remove("resmooth.classifiers.convolutions")  # for a GPU alone: needs Triton
    with forks(tmp_path_factory.mktemp("output"), "resmooth.cli", *modules) as run:
        yield run


@pytest.fixture(scope="session")
def command():
    """As `resmooth`, in this process, which spares its tests the start of others."""
    return functools.partial(run_here, cli.main)


@pytest.fixture(scope="session")
def checkpoints(command, digits_folder, tmp_path_factory):
    """Three members trained for two epochs at sigma 0.25: enough to disagree with each other. All processes share them."""
    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent
    paths = [root / "checkpoints" / f"seed={seed}.safetensors" for seed in range(3)]
    with FileLock(root / "checkpoints.lock"):
        for seed, path in enumerate(paths):
            done = command(
                *("train", digits_folder / "train.npz", "--arch", "resnet8", "--sigma", 0.25, "--seed", seed),
                *("--recipe", "{epochs: 2, batch_size: 64, learning_rate: 0.05}", "--out", path, "--threads", 1),
            )
            assert done.returncode == 0, done.stderr  # the command keeps what another process has finished
    return paths
