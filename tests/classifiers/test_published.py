"""Files as the authors' code writes them, from networks with the authors' names, and what becomes of them here."""

import io
import json
import os
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from resmooth import cli, datasets, storage
from resmooth.classifiers.checkpoint import load_model
from resmooth.classifiers.published import read_published

CIFAR10 = datasets.describe("cifar10")
MEAN, STD = (torch.tensor(values).view(3, 1, 1) for values in (CIFAR10.mean, CIFAR10.std))


class Block(nn.Module):
    """A residual block under the names that the field inherited from torchvision."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        projection = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)]
        self.downsample = nn.Sequential(*projection) if inputs != outputs else None

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (y + (self.downsample(x) if self.downsample else x)).relu()


class Network(nn.Module):
    """ResNet 6n + 2 under those names, with statistics that differ from channel to channel."""

    def __init__(self, n, channels=3, classes=10):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        widths = [(16, 16, 1), (16, 32, 2), (32, 64, 2)]
        for stage, (inputs, outputs, stride) in enumerate(widths, start=1):
            blocks = [Block(inputs, outputs, stride), *(Block(outputs, outputs, 1) for _ in range(n - 1))]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(64, classes)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                for tensor in (module.weight, module.bias, module.running_mean, module.running_var):
                    nn.init.uniform_(tensor, 0.5, 1.5)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.bn1(self.conv1(x)).relu())))
        return self.fc(x.mean(dim=(2, 3)))


class Layer0(nn.Module):
    """Normalisation whose constants are no part of the state."""

    def __init__(self, mean, std):
        super().__init__()
        self.means, self.sds = mean, std

    def forward(self, x):
        return (x - self.means) / self.sds


class SavedLayer0(Layer0):
    """Normalisation whose constants are."""

    def __init__(self, mean, std):
        nn.Module.__init__(self)
        self.register_buffer("means", mean)
        self.register_buffer("sds", std)


def cohen(network, layer=None):
    """Layer 0 and network in one, as six of the repositories have it."""
    return nn.Sequential(layer or Layer0(MEAN, STD), network)


def parallel(network):
    return nn.DataParallel(network)


def contents(model, **more):
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9)
    return {
        "epoch": 90,
        "arch": "cifar_resnet20",
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        **more,
    }


def macer(model):
    return {"net": model.state_dict(), "epoch": 440}


def imported(path, folder, *arguments, **options):
    """What `load_model` makes of the imported file: (model, manifest)."""
    out = folder / "imported.safetensors"
    storage.write_checkpoint(out, *read_published(path, *arguments, **options))
    return load_model(out)


@pytest.fixture
def network():
    torch.manual_seed(0)
    return Network(3).eval()


@pytest.fixture
def file(network, tmp_path):
    """A file of the commonest kind."""
    path = tmp_path / "checkpoint.pth.tar"
    torch.save(contents(cohen(network)), path)
    return path


CASES = {  # name: (model as its authors run it, what they save, how it says that images are normalised)
    "cohen": (cohen, contents, "standard"),
    "parallel inside": (lambda net: cohen(parallel(net)), contents, "standard"),
    "parallel outside": (lambda net: parallel(cohen(net)), contents, "standard"),
    "macer": (lambda net: net, macer, "none"),
    "macer parallel": (parallel, macer, "none"),
    "constants saved": (lambda net: cohen(net, SavedLayer0(MEAN + 0.1, STD * 2)), contents, "saved"),
    "bare": (cohen, lambda model: model.state_dict(), "standard"),
    "model": (cohen, lambda model: {"model": OrderedDict(model.state_dict())}, "standard"),
}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("case", CASES)
def test_the_imported_network_computes_the_authors_scores(case, legacy, network, tmp_path):
    wrap, save, normalization = CASES[case]
    model, path, images = wrap(network).eval(), tmp_path / "file.pth", torch.rand(4, 3, 32, 32)
    torch.save(save(model), path, _use_new_zipfile_serialization=not legacy)
    ours, manifest = imported(path, tmp_path, "cifar10", 0.5, "resnet20")
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), model(images), atol=1e-5, rtol=1e-5)
    assert (manifest["arch"], manifest["sigma"], manifest["noise"]) == ("resnet20", 0.5, "normal")
    about = manifest["imported"]
    assert (about["file"], about["sha256"]) == ("file.pth", storage.file_sha256(path))
    assert about["normalization"] == normalization
    assert about["epoch"] == save(model).get("epoch")


def test_a_centring_layer_is_what_the_user_says(network, tmp_path):
    model, path, images = cohen(network, Layer0(MEAN, 1.0)), tmp_path / "file.pth.tar", torch.rand(4, 3, 32, 32)
    torch.save(contents(model), path)
    ours, manifest = imported(path, tmp_path, "cifar10", 0.5, normalization="center")
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), model(images), atol=1e-5, rtol=1e-5)
    assert manifest["std"] == [1, 1, 1] and manifest["imported"]["normalization"] == "center"


def test_resnet50_is_torchvision_s(monkeypatch, tmp_path):
    from torchvision.models import resnet50

    about = datasets.Description(num_classes=6, channels=3, image_size=64, mean=CIFAR10.mean, std=CIFAR10.std)
    monkeypatch.setitem(datasets.DATASETS, "small", SimpleNamespace(DESCRIPTION=about))
    torch.manual_seed(0)
    model, path = cohen(parallel(resnet50(weights=None, num_classes=6))).eval(), tmp_path / "checkpoint.pth.tar"
    torch.save({"epoch": 90, "arch": "resnet50", "state_dict": model.state_dict()}, path)
    ours, manifest = imported(path, tmp_path, "small", 0.25)
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), model(images), atol=1e-5, rtol=1e-5)
    assert manifest["arch"] == "resnet50"


def test_old_files_lack_counters_and_hold_numpy_numbers(network, tmp_path):
    model, path = cohen(network), tmp_path / "checkpoint.pth.tar"
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    more = {"state_dict": state, "best_prec1": np.float64(61.5), "epoch": np.int64(7)}
    torch.save(contents(model, **more), path, _use_new_zipfile_serialization=False)
    ours, manifest = imported(path, tmp_path, "cifar10", 0.5)
    images = torch.rand(4, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), model.eval()(images), atol=1e-5, rtol=1e-5)
    assert manifest["imported"]["epoch"] == 7


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Evaluating:
    def __reduce__(self):
        return eval, ("1 / 0",)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_code_in_a_file_is_refused_and_not_run(legacy, network, tmp_path):
    path, trace = tmp_path / "file.pth", tmp_path / "trace"
    for hostile, name in ((Hostile(trace), "mkdir"), (Evaluating(), "eval"), (np.ones(2), "numpy.*_reconstruct")):
        torch.save(contents(cohen(network), args=hostile), path, _use_new_zipfile_serialization=not legacy)
        with pytest.raises(ValueError, match=rf"file.pth: refused, because it wants to run code \([\w.]*{name}\)"):
            read_published(path, "cifar10", 0.5)
    assert not trace.exists()


def test_damaged_files_are_refused(file, tmp_path):
    whole, legacy = file.read_bytes(), io.BytesIO()
    torch.save(torch.load(file, weights_only=True), legacy, _use_new_zipfile_serialization=False)
    legacy = legacy.getvalue()
    pieces = [part[:length] for part in (whole, legacy) for length in (0, 10, 1000, len(part) // 2, len(part) - 9)]
    for piece in [*pieces, b"<html>404 Not Found</html>"]:
        file.write_bytes(piece)
        with pytest.raises(ValueError, match="not a PyTorch checkpoint, truncated or altered") as caught:
            read_published(file, "cifar10", 0.5)
        assert "\n" not in str(caught.value) and "weights_only" not in str(caught.value)
    for value in ([1, 2], {"epoch": 3}, {"state_dict": {"conv1.weight": 3}}, {}):
        torch.save(value, file)
        with pytest.raises(ValueError, match="dictionary of tensors"):
            read_published(file, "cifar10", 0.5)
    with pytest.raises(FileNotFoundError, match="gone.pth: no such file"):
        read_published(tmp_path / "gone.pth", "cifar10", 0.5)


def changed(file, change, **more):
    """Apply `change` to the tensors in the file."""
    saved = torch.load(file, weights_only=True)
    change(saved["state_dict"])
    torch.save(saved | more, file)


def set_to(name, tensor):
    return lambda state: state.__setitem__(name, tensor)


@pytest.mark.parametrize(
    "change, message",
    [
        (
            lambda state: state.pop("1.layer2.0.downsample.0.weight"),
            "lacks the tensor layer2.0.downsample.0.weight: not a",
        ),
        (lambda state: state.pop("1.bn1.running_var"), "lacks the tensor bn1.running_var"),
        (set_to("1.layer4.0.conv1.weight", torch.rand(3)), "its tensor layer4.0.conv1.weight has no place"),
        (set_to("conv1.weight", torch.rand(16, 3, 3, 3)), "holds conv1.weight twice"),
        (set_to("1.fc.weight", torch.rand(100, 64)), r"fc.weight has shape \[100, 64\], not \[10, 64\]"),
        (set_to("1.fc.bias", torch.full((10,), torch.nan)), "fc.bias holds numbers that no network computes with"),
        (
            set_to("1.fc.bias", torch.full((10,), 1e300, dtype=torch.float64)),
            "fc.bias holds numbers that no network computes with",
        ),
        (
            set_to("1.bn1.running_var", torch.full((16,), -1.0)),
            "running_var holds numbers that no network computes with",
        ),
        (set_to("1.fc.bias", torch.ones(10, dtype=torch.complex64)), "fc.bias holds no plain numbers"),
        (set_to("1.fc.bias", torch.ones(10).to_sparse()), "fc.bias holds no plain numbers"),
        (set_to("0.means", torch.full((3,), torch.nan)), "its normalisation is no mean and deviation of 3 channels"),
        (set_to("0.sds", torch.zeros(3)), "its normalisation is no mean and deviation of 3 channels"),
        (set_to("0.sds", torch.ones(2)), "its normalisation is no mean and deviation of 3 channels"),
        (set_to("1.fc.bias", torch.arange(10)), "fc.bias holds other numbers than weights"),
    ],
)
def test_every_tensor_is_used_once_and_fits(file, change, message):
    changed(file, change)
    with pytest.raises(ValueError, match=message) as caught:
        read_published(file, "cifar10", 0.5)
    assert "\n" not in str(caught.value)


def test_the_architecture_is_the_file_s(file, tmp_path):
    with pytest.raises(ValueError, match="says that it is a cifar_resnet20, not a resnet110; leave --arch out"):
        read_published(file, "cifar10", 0.5, "resnet110")
    for said in ("lenet", "cifar_densenet40"):
        changed(file, lambda state: None, arch=said)
        with pytest.raises(ValueError, match=f"{said} cannot be imported; known: resnet8"):
            read_published(file, "cifar10", 0.5)
    changed(file, lambda state: None, arch="cifar_resnet110")
    with pytest.raises(
        ValueError, match="lacks the tensor layer1.3.conv1.weight: not a resnet110 for cifar10; is it another"
    ):
        read_published(file, "cifar10", 0.5)
    changed(file, lambda state: None, arch=None)
    with pytest.raises(ValueError, match="does not say its architecture; give --arch"):
        read_published(file, "cifar10", 0.5)
    with pytest.raises(ValueError, match="its tensor layer1.1.conv1.weight has no place: not a resnet8"):
        read_published(file, "cifar10", 0.5, "resnet8")


def test_what_cannot_be_known_is_asked_for(network, tmp_path):
    path = tmp_path / "file.pth"
    torch.save(network.state_dict(), path)
    with pytest.raises(ValueError, match="does not tell how images are normalised; give --normalization"):
        read_published(path, "cifar10", 0.5, "resnet20")
    assert read_published(path, "cifar10", 0.5, "resnet20", "none")[1]["mean"] == [0, 0, 0]
    with pytest.raises(ValueError, match="normalization must be auto, standard, center, none, mars, got 'some'"):
        read_published(path, "cifar10", 0.5, "resnet20", "some")
    with pytest.raises(ValueError, match="normalization mars is for video networks, and a resnet20 takes images"):
        read_published(path, "cifar10", 0.5, "resnet20", "mars")
    with pytest.raises(ValueError, match="a resnet20 takes images, which have no frames; leave --frames out"):
        read_published(path, "cifar10", 0.5, "resnet20", "none", frames=16)
    torch.save(contents(cohen(network, SavedLayer0(MEAN, STD))), path)
    with pytest.raises(ValueError, match="holds the constants of its normalisation"):
        read_published(path, "cifar10", 0.5, normalization="center")
    with pytest.raises(ValueError, match="sigma must be a positive number"):
        read_published(path, "cifar10", -1)


@pytest.fixture
def command(monkeypatch, capsys):
    """Run the command line in this process: (exit status, standard error). A process of its own takes seconds to start."""

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["resmooth", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, capsys.readouterr().err

    return run


def test_from_a_download_to_counts(command, digits_folder, tmp_path):
    torch.manual_seed(0)
    model = cohen(Network(1, channels=1), Layer0(0.0, 1.0))
    file, out = tmp_path / "best.pth.tar", tmp_path / "model.safetensors"
    torch.save(contents(model, arch="cifar_resnet8"), file)
    arguments = ("import", file, "--dataset", "digits", "--sigma", 0.25, "--out", out)
    assert command(*arguments, "--arch", "resnet8", "--normalization", "none")[0] == 0
    manifest = json.loads(out.with_suffix(".json").read_text())
    assert manifest["imported"]["epoch"] == 90 and manifest["sha256"] == storage.file_sha256(out)

    status, told = command(*arguments, "--normalization", "none")
    assert status == 0 and "is finished; --force imports it again" in told
    status, told = command(*arguments)
    assert status == 1 and f"{out}: a finished checkpoint of something else; --force replaces it" in told
    assert command(*arguments, "--force")[0] == 0 and storage.read_manifest(out)["mean"] != [0]
    status, told = command(*arguments[:-1], file, "--force")
    assert status == 1 and "name a file that ends in .safetensors" in told
    file.write_bytes(file.read_bytes()[:5000])
    status, told = command(*arguments, "--force")
    assert status == 1 and len(told.splitlines()) == 1 and "best.pth.tar: not a PyTorch checkpoint" in told

    counts = tmp_path / "0-2.parquet"
    sizes = ("--n0", 10, "--n", 100, "--sigma", 0.25, "--device", "cpu", "--threads", 1)
    assert command("sample", digits_folder / "test.npz", 0, 2, "--members", out, *sizes, "--out", counts)[0] == 0
    assert storage.read_counts([counts])[1]["checkpoints"] == [storage.file_sha256(out)]
