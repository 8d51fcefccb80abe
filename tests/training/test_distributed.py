"""Training in two processes on the CPU, as torchrun starts them."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import ROOT

import resmooth as rs
from resmooth import datasets, storage
from resmooth.classifiers.checkpoint import load_members
from resmooth.training import batches, distributed, loop

WORKER = Path(__file__).parent / "distributed_worker.py"
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
DIGITS = (
    "{method: smoothadv, options: {noises: 2, attack: {epsilon: 0.25, steps: 1}}, epochs: 1, batch_size: 64, "
    "steps_per_batch: 2, learning_rate: 0.05}"
)
PHOTOGRAPHS = (
    "{method: smoothadv, options: {attack: {epsilon: 0.5, steps: 1}}, epochs: 1, batch_size: 4, learning_rate: 0.01, "
    "flip: true, precision: bfloat16, channels_last: true, normalization: center}"
)


@pytest.fixture(scope="module")
def worker():
    """The worker's functions, for use in this process alone."""
    spec = importlib.util.spec_from_file_location("distributed_worker", WORKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Four photographs of four classes in the layout of ImageNet, prepared; None without a mirror."""
    if not os.environ.get("RESMOOTH_MIRROR"):
        return None
    root = tmp_path_factory.mktemp("photographs")
    for path in sorted((Path(os.environ["RESMOOTH_MIRROR"]) / "imagenet-sample").glob("*.JPEG"))[:4]:
        for part in ("train", "val"):
            folder = root / "data" / "imagenet" / part / path.name.split("_")[0]
            folder.mkdir(parents=True)
            (folder / path.name).symlink_to(path)
    datasets.prepare("imagenet", root / "prepared", root / "data", classes=4)
    return root / "prepared"


@pytest.fixture(scope="module")
def torchrun(digits_folder, photographs, tmp_path_factory):
    """Two processes that do what the worker does, then train from the command line: (their folder, standard error)."""
    folder = tmp_path_factory.mktemp("distributed")

    def train(data, arch, recipe, out, *more):
        basic = ("train", data / "train.npz", "--arch", arch, "--sigma", 0.25, "--recipe", recipe)
        return list(map(str, (*basic, "--threads", 1, "--device", "cpu", "--out", folder / out, *more)))

    commands = [train(digits_folder, "resnet8", DIGITS, "digits/network.safetensors")]
    if photographs:
        commands.append(train(photographs, "resnet50", PHOTOGRAPHS, "photographs/resnet50.safetensors", "--workers", 1))
    command = [*TORCHRUN, WORKER, folder, digits_folder, json.dumps(commands)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, done.stderr


@pytest.fixture(scope="module")
def results(torchrun):
    """What the two processes found."""
    return [torch.load(torchrun[0] / f"{rank}.pt", weights_only=False) for rank in range(2)]


@pytest.mark.parametrize(
    "method", ["gaussian", "direct", "stability", "consistency", "smoothadv", "macer", "smoothmix"]
)
def test_averaged_gradients_are_those_of_the_whole_batch(worker, results, method):
    expected = worker.gradients(method, torch.arange(12))
    assert [result["rank"] for result in results] == [0, 1]
    for result in results:
        torch.testing.assert_close(
            result["gradients"][method], expected, rtol=1e-5, atol=1e-8
        )  # .float() in the losses


def test_buffers_are_averaged_and_counts_left(results):
    for rank, result in enumerate(results):
        assert torch.equal(result["buffers"][0], torch.full((3,), 2.0))
        assert result["buffers"][1] == 7 + rank
        assert result["agreed"] == "process 0" and result["processes"] == 2


@pytest.mark.parametrize("networks", ["one", "two"])
def test_an_interrupted_run_ends_bit_for_bit_like_an_undisturbed_one(results, networks):
    whole, history = results[0][networks]["whole"]
    assert len(whole) == len(history[-1]["accuracy"]) == {"one": 1, "two": 2}[networks]
    for other, _ in (results[0][networks]["parts"], results[1][networks]["whole"], results[1][networks]["parts"]):
        for expected, state in zip(whole, other):
            assert all(torch.equal(expected[name], tensor) for name, tensor in state.items())
    for rank in range(2):
        for name in ("loss", "accuracy"):
            assert [entry[name] for entry in results[rank][networks]["parts"][1]] == [entry[name] for entry in history]


@pytest.mark.parametrize("networks", ["one", "two"])
def test_process_0_alone_writes_and_reports_each_epoch(results, networks):
    assert [len(result[networks]["lines"]) for result in results] == [2, 0]


def test_the_processes_share_the_images(results):
    first, second = (result["order"] for result in results)
    assert [len(part) for part in first] == [len(part) for part in second] == [32, 32, 16]
    assert torch.cat([*first, *second]).sort().values.tolist() == list(range(160))


@pytest.mark.parametrize(("count", "batch_size"), [(160, 64), (161, 64), (40, 10), (41, 4)])
def test_the_parts_of_a_batch_are_equal(count, batch_size):
    """Otherwise a mean of means is not the mean, and processes that cut their parts into pieces take unequal steps."""
    parts = [batches.order(count, batch_size, torch.Generator().manual_seed(0), "cpu", rank, 2) for rank in range(2)]
    assert [len(part) for part in parts[0]] == [len(part) for part in parts[1]]


def test_batches_that_cannot_be_shared_equally_are_refused():
    with pytest.raises(ValueError, match="2 processes cannot share batches of 9 images"):
        batches.order(40, 9, torch.Generator(), "cpu", 0, 2)


def test_one_process_alone_is_left_as_it_is():
    model, values = torch.nn.Linear(2, 2), torch.ones(3)
    assert distributed.parallel(model) is model and distributed.processes() == 1 and distributed.rank() == 0
    distributed.average([values])
    assert torch.equal(values, torch.ones(3)) and distributed.first(lambda: "this") == "this"
    assert distributed.own_device("cuda") == "cuda" and distributed.own_device("auto") == "auto"


def test_devices_under_torchrun(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert distributed.own_device("auto") == distributed.own_device("cuda") == "cuda:3"
    assert distributed.own_device("cpu") == "cpu" and distributed.own_device("cuda:1") == "cuda:1"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert distributed.own_device("auto") == "cpu"


def test_the_command_line_trains_in_two_processes(torchrun):
    out, said = torchrun[0] / "digits" / "network.safetensors", torchrun[1]
    assert sorted(path.name for path in out.parent.iterdir()) == ["network.json", "network.safetensors"]
    manifest = json.loads(out.with_suffix(".json").read_text())
    assert manifest["processes"] == 2 and manifest["seed"] == 0 and "seeds" not in manifest
    assert manifest["metrics"]["accuracy"] > 0.3
    assert said.count("finished in") == len(list(torchrun[0].glob("*/*.safetensors")))  # one process reports
    tensors, _ = storage.read_checkpoint(out)
    assert all(tensor.isfinite().all() for tensor in tensors.values())
    identity = {key: value for key, value in manifest.items() if key != "seed"}
    assert loop.is_finished(manifest, identity, 0)
    assert not loop.is_finished(manifest, identity | {"processes": 1}, 0)  # one process draws other noise


def test_photographs_train_a_resnet50_in_two_processes(mirror, photographs, torchrun):
    """The ImageNet path as a whole: files, random crops, ResNet-50 in bfloat16, SmoothAdv, two processes; then certification."""
    split = datasets.read(photographs / "test.npz")
    (model,), (manifest,) = load_members([torchrun[0] / "photographs" / "resnet50.safetensors"], split)
    assert manifest["processes"] == 2 and manifest["num_classes"] == 4 and manifest["std"] == [1, 1, 1]
    noise = rs.noise.make("normal", dim=3 * 224 * 224, sigma=0.25)
    smoothed = rs.Smoothed(model, noise, 4, precision="as given")
    assert smoothed.counts(split.tensor([3]), 5, seed=0).sum() == 5
