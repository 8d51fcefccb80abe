"""Our convolutions for a GPU, interpreted on the CPU in float32; `benchmarks/gpu_check.py` compares them on a GPU in bfloat16."""

import pytest
import torch
from torch import nn
from torch.fx.experimental.optimization import fuse

import resmooth as rs
from resmooth.classifiers import inference

triton = pytest.importorskip("triton", reason="Triton is not installed: it comes with PyTorch for GPUs")

from triton.runtime.interpreter import InterpretedFunction  # noqa: E402

from resmooth.classifiers import convolutions  # noqa: E402


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    monkeypatch.setattr(convolutions, "_convolve", InterpretedFunction(convolutions._convolve.fn))
    with torch.no_grad():
        yield


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", [(4, 4), (5, 7)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", convolutions.TILES)
def test_computes_a_convolution_and_what_follows_it(channels, stride, shape, relu):
    layer = nn.Conv2d(*channels, 3, stride, padding=1, bias=relu)
    features = torch.randn(3, channels[0], *shape)
    expected = layer(features)
    ours = convolutions.Convolution(layer, relu)
    shortcut = torch.randn_like(expected)
    for found, wanted in ((ours(features), expected), (ours(features, shortcut), expected + shortcut)):
        assert torch.allclose(found, wanted.relu() if relu else wanted, atol=1e-5)
        assert found.is_contiguous(memory_format=torch.channels_last)


def test_places_beyond_32_bits(monkeypatch):
    layer, features = nn.Conv2d(16, 32, 3, 2, padding=1), torch.randn(3, 16, 5, 7)
    monkeypatch.setattr(convolutions, "LARGEST", 100)
    assert torch.allclose(convolutions.Convolution(layer, False)(features), layer(features), atol=1e-5)


@pytest.mark.parametrize("arch", ["resnet8", "resnet20", "wrn40_2"])
def test_a_network_with_our_convolutions_keeps_its_scores(arch):
    images = torch.rand(4, 3, 8, 8)
    graph = rewritable(rs.models.build(arch, 10, 3, 8))
    own = convolutions.fused(graph, images)
    assert torch.allclose(own(images), graph(images), atol=1e-4)


def test_every_convolution_of_a_block_takes_its_relu_and_its_shortcut():
    own = convolutions.fused(rewritable(rs.models.build("resnet8", 10, 3, 8)), torch.rand(4, 3, 8, 8))
    kept = [type(module) for module in own.modules() if not list(module.children())]
    assert kept.count(convolutions.Convolution) == 7 and kept.count(nn.Conv2d) == 2  # the two shortcuts of 1x1
    assert sum(node.op == "call_function" for node in own.graph.nodes) == 2  # what is left standardises the image


class Odd(nn.Module):
    """Convolutions whose sums and activations are not those of a residual block."""

    def __init__(self, way):
        super().__init__()
        self.way, self.conv, self.shift = way, nn.Conv2d(16, 16, 3, padding=1), nn.Parameter(torch.randn(16, 1, 1))

    def forward(self, x):
        y = self.conv(x)
        if self.way == "added to itself":
            return torch.relu(y + y)
        if self.way == "used twice":
            return torch.relu(y + x) * y
        if self.way == "a broadcast term":
            return torch.relu(self.shift + y)
        if self.way == "a number":
            return torch.relu(y + 1)
        if self.way == "a sum without relu":
            return x + y
        x += y
        return torch.relu(x)


WAYS = ["added to itself", "used twice", "a broadcast term", "a number", "a sum without relu", "in place"]


@pytest.mark.parametrize("way", WAYS)
def test_other_sums_stay_what_they_are(way):
    images, graph = torch.randn(2, 16, 4, 4), rewritable(Odd(way))
    own = convolutions.fused(graph, images.clone())
    assert torch.allclose(own(images.clone()), graph(images.clone()), atol=1e-5)


OTHERS = {
    "wide": nn.Conv2d(16, 128, 3, padding=1),
    "5x5": nn.Conv2d(16, 16, 5, padding=2),
    "no padding": nn.Conv2d(16, 16, 3),
    "dilated": nn.Conv2d(16, 16, 3, padding=1, dilation=2),
    "grouped": nn.Conv2d(16, 16, 3, padding=1, groups=2),
    "reflecting": nn.Conv2d(16, 16, 3, padding=1, padding_mode="reflect"),
    "stride 3": nn.Conv2d(16, 16, 3, stride=3, padding=1),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_convolutions_stay_what_they_are(name):
    assert convolutions.fused(rewritable(nn.Sequential(OTHERS[name])), torch.randn(2, 16, 8, 8)) is None


@pytest.fixture
def compiler(monkeypatch):
    """A stand-in for torch.compile, which would need a GPU."""
    monkeypatch.setattr(torch, "compile", lambda graph, **options: graph)


def test_a_bfloat16_network_is_compiled_with_our_convolutions(compiler):
    graph, images = rewritable(rs.models.build("resnet8", 10, 3, 8)), torch.rand(16, 3, 8, 8)
    assert inference._compile(graph, images, "bfloat16")[1] == "triton"
    assert inference._compile(graph, images, "float32") == (graph, "compiled")
    small = rewritable(nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(288, 10)))
    assert inference._compile(small, images, "bfloat16") == (small, "compiled")


def test_convolutions_that_fail_or_change_the_scores_are_left_out(compiler, monkeypatch, capfd):
    graph, images = rewritable(rs.models.build("resnet8", 10, 3, 8)), torch.rand(16, 3, 8, 8)
    monkeypatch.setattr(inference, "_said", set())

    def refused(*arguments, **options):
        raise RuntimeError("out of resource: shared memory")

    with monkeypatch.context() as broken:
        broken.setattr(convolutions, "_convolve", {(number,): refused for number in range(10_000)})
        assert inference._compile(graph, images, "bfloat16") == (graph, "compiled")
    assert "our own convolutions failed, running without them: out of resource" in capfd.readouterr().err
    monkeypatch.setattr(convolutions, "_convolve", {(number,): lambda *a, **k: None for number in range(10_000)})
    assert inference._compile(graph, images, "bfloat16") == (graph, "compiled")
    assert "they change the scores" in capfd.readouterr().err


def rewritable(network):
    """The network as `inference` rewrites it before it compiles, batch norms folded."""
    return fuse(network.eval())
