"""Video networks as the authors' code saves them, from a network with the authors' names, and what becomes of them here."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from resmooth import cli, datasets, models, storage
from resmooth.classifiers.checkpoint import load_model
from resmooth.classifiers.published import MARS_MEAN, read_published
from resmooth.models.resnext3d import resnext3d

MEAN, STD = (0.4, 0.39, 0.36), (0.26, 0.25, 0.258)
ABOUT = datasets.Description(num_classes=101, channels=3, image_size=112, mean=MEAN, std=STD, frames=64)
SMALL = (2, 1, 2, 1)  # blocks of the stages: all that matters in a file, at a sixth of its size


class Block(nn.Module):
    """A bottleneck under the names that the field inherited from torchvision; clips are [B, C, T, H, W]."""

    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv3d(inputs, planes, 1, bias=False), nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, 3, stride, 1, groups=32, bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3, self.bn3 = nn.Conv3d(planes, 2 * planes, 1, bias=False), nn.BatchNorm3d(2 * planes)
        projection = [nn.Conv3d(inputs, 2 * planes, 1, stride, bias=False), nn.BatchNorm3d(2 * planes)]
        self.downsample = nn.Sequential(*projection) if inputs != 2 * planes else None

    def forward(self, x):
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())).relu()
        return (self.bn3(self.conv3(y)) + (self.downsample(x) if self.downsample else x)).relu()


class Network(nn.Module):
    """3D ResNeXt under those names, with statistics that differ from channel to channel."""

    def __init__(self, blocks, classes=101):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv3d(3, 64, 7, (1, 2, 2), 3, bias=False), nn.BatchNorm3d(64)
        self.maxpool = nn.MaxPool3d(3, 2, 1)
        inputs = 64
        for stage, number in enumerate(blocks, start=1):
            planes = 64 * 2**stage
            made = [Block(inputs, planes, 1 + (stage > 1)), *(Block(2 * planes, planes, 1) for _ in range(number - 1))]
            setattr(self, f"layer{stage}", nn.Sequential(*made))
            inputs = 2 * planes
        self.fc = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):  # as the authors start, or chunks would hardly differ at the end
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            if isinstance(module, nn.BatchNorm3d):
                for tensor in (module.weight, module.running_var):
                    nn.init.uniform_(tensor, 0.5, 1.5)
                for tensor in (module.bias, module.running_mean):
                    nn.init.uniform_(tensor, -0.5, 0.5)

    def forward(self, x):
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3, 4)))


class Layer0(nn.Module):
    """Normalisation of [B, C, T, H, W] in [0, 1] whose constants are no part of the state."""

    def forward(self, x):
        mean, std = (torch.tensor(values).view(3, 1, 1, 1) for values in (MEAN, STD))
        return (x - mean) / std


def saved(model, path, **more):
    """A file as MARS writes it; its optimizer has momenta."""
    parameter = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([parameter], 0.1, 0.9, dampening=0.9, weight_decay=1e-3)
    parameter.sum().backward()
    optimizer.step()
    contents = {"epoch": 61, "arch": "resnext-101", "state_dict": model.state_dict()}
    torch.save(contents | {"optimizer": optimizer.state_dict()} | more, path)
    return path


def mars(network, chunks):
    """Scores of chunks [B, T, C, H, W] in [0, 1] by the authors' code: pixels of 0 to 255 less a mean, channels first."""
    mean = torch.tensor((114.7748, 107.7354, 99.4750)).view(3, 1, 1, 1)
    return network(255 * chunks.transpose(1, 2) - mean)


def assert_equal_scores(file, folder, expected, chunks, **options):
    """The imported file computes what its authors' code does. Returns its manifest."""
    out = folder / "imported.safetensors"
    storage.write_checkpoint(out, *read_published(file, "clips", 0.25, **options))
    ours, manifest = load_model(out)
    with torch.inference_mode():
        scores, expected = ours(chunks), expected(chunks)
        torch.testing.assert_close(scores, expected, atol=1e-4 * expected.abs().max().item(), rtol=1e-4)
    assert (expected[0] - expected[1]).abs().max() > 1e-2 * expected.abs().max()  # or equality would say little
    return manifest


@pytest.fixture(autouse=True)
def data(monkeypatch):
    """Clips of this description as a data set, of which no file is needed."""
    monkeypatch.setitem(datasets.DATASETS, "clips", SimpleNamespace(DESCRIPTION=ABOUT))
    torch.manual_seed(0)


@pytest.fixture
def small(monkeypatch):
    """Fewer blocks under the architecture's name."""
    monkeypatch.setitem(models.ARCHITECTURES, "resnext3d101", lambda **shape: resnext3d(SMALL, **shape))


@pytest.fixture
def file(small, tmp_path):
    return saved(nn.DataParallel(Network(SMALL)), tmp_path / "RGB_UCF101_16f.pth")


def test_the_whole_resnext101_computes_the_authors_scores(tmp_path):
    network, chunks = Network((3, 4, 23, 3)).eval(), torch.rand(2, 16, 3, 32, 32)
    chunks[1] = chunks[1] / 4
    path = saved(nn.DataParallel(network), tmp_path / "RGB_UCF101_16f.pth")
    assert "module.layer1.0.downsample.0.weight" in torch.load(path)["state_dict"]
    manifest = assert_equal_scores(path, tmp_path, lambda given: mars(network, given), chunks)
    assert (manifest["arch"], manifest["frames"], manifest["sigma"]) == ("resnext3d101", 16, 0.25)
    about = {"file": path.name, "sha256": storage.file_sha256(path), "epoch": 61, "normalization": "mars"}
    assert manifest["imported"] == about
    assert manifest["mean"] == [value / 255 for value in MARS_MEAN] and manifest["std"] == [1 / 255] * 3


@pytest.mark.parametrize("case", ["mars", "mars on one device", "smooth-reduce", "asked"])
def test_every_kind_of_file_computes_its_authors_scores(case, small, tmp_path):
    network, chunks = Network(SMALL).eval(), torch.rand(2, 8, 3, 32, 32)
    chunks[1] = chunks[1] / 4
    layered = nn.Sequential(Layer0(), nn.DataParallel(network))
    model = {"smooth-reduce": layered, "mars": nn.DataParallel(network)}.get(case, network)
    normalised = case in ("smooth-reduce", "asked")
    wanted = (lambda given: layered(given.transpose(1, 2))) if normalised else (lambda given: mars(network, given))
    options = {"normalization": "standard"} if case == "asked" else {}
    manifest = assert_equal_scores(saved(model, tmp_path / "f.pth"), tmp_path, wanted, chunks, frames=8, **options)
    assert manifest["imported"]["normalization"] == ("standard" if normalised else "mars")
    assert manifest["frames"] == 8


def test_the_noise_is_that_of_a_whole_clip(file, monkeypatch):
    """Its dimension is the number of all pixels, which families other than the normal one need."""
    from resmooth.classifiers import published

    seen, make = [], published.noise.make
    monkeypatch.setattr(published.noise, "make", lambda *given, **more: seen.append(given) or make(*given, **more))
    read_published(file, "clips", 0.25)
    assert seen == [("normal", 64 * 3 * 112 * 112)]


@pytest.mark.parametrize(
    "dataset, options, message",
    [
        ("cifar10", {}, "a resnext3d101 takes chunks of video, and cifar10 has images; is it another --arch or"),
        ("clips", {"arch": "resnet50"}, "says that it is a resnext-101, not a resnet50; leave --arch out"),
        ("clips", {"arch": "resnet3d8"}, "says that it is a resnext-101, not a resnet3d8; leave --arch out"),
        ("clips", {"frames": 65}, "frames must be 1 to 64, the length of a clip of clips, got 65"),
        ("clips", {"frames": 0}, "frames must be 1 to 64, the length of a clip of clips, got 0"),
        ("moving_digits", {}, "normalization mars is for 3 channels, not for 1; give --normalization"),
        ("moving_digits", {"normalization": "none"}, "a 3D ResNeXt takes frames of at least 32x32 pixels, got 16x16"),
    ],
)
def test_what_does_not_fit_is_refused(file, dataset, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_published(file, dataset, 0.25, **options)
    assert "\n" not in str(caught.value)


def test_other_classes_blocks_and_architectures_are_refused(small, tmp_path):
    kinetics = saved(nn.DataParallel(Network(SMALL, classes=400)), tmp_path / "RGB_Kinetics_16f.pth")
    deeper = saved(Network((2, 2, 2, 1)), tmp_path / "deeper.pth")
    shallower = saved(Network((1, 1, 2, 1)), tmp_path / "shallower.pth")
    other = saved(nn.Linear(1, 1), tmp_path / "other.pth", arch="resnext-50")
    for path, message in (
        (
            kinetics,
            r"fc.weight has shape \[400, 2048\], not \[101, 2048\]: not a resnext3d101 for clips; is it another",
        ),
        (deeper, "its tensor layer2.1.conv1.weight has no place: not a resnext3d101 for clips"),
        (shallower, "lacks the tensor layer1.1.conv1.weight: not a resnext3d101 for clips"),
        (other, "resnext-50 cannot be imported; known: resnet8, .*, resnext3d101"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            read_published(path, "clips", 0.25)
        assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_the_command_takes_the_frames_of_a_chunk(file, tmp_path, monkeypatch, capsys):
    out = tmp_path / "model.safetensors"
    given = ("import", file, "--dataset", "clips", "--sigma", 0.25, "--out", out, "--frames")
    for frames, told in (
        ("8", "normalization mars"),
        ("8", "is finished"),
        ("16", "of something else; --force replaces"),
    ):
        monkeypatch.setattr("sys.argv", ["resmooth", *map(str, given), frames])
        with pytest.raises(SystemExit):
            cli.main()
        assert told in capsys.readouterr().err
    assert storage.read_manifest(out)["frames"] == 8


def test_an_image_network_is_no_network_for_clips(tmp_path):
    path = tmp_path / "checkpoint.pth.tar"
    torch.save({"state_dict": {"1.fc.bias": torch.zeros(101)}, "arch": "resnet50"}, path)
    with pytest.raises(ValueError, match="a resnet50 takes images, and clips has clips; is it another --arch or"):
        read_published(path, "clips", 0.25)
