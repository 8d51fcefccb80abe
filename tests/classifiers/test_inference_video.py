"""Video networks rewritten for fast inference: they compute what the plain network does, in every batch and precision."""

import numpy as np
import pytest
import torch
from soundness_helpers import cases
from torch import nn

import resmooth as rs
from resmooth.classifiers import inference
from resmooth.classifiers.inference import InferenceGraph, choose_precision

GENERATOR = torch.Generator().manual_seed(0)
TOLERANCES = {"float32": 1e-4, "bfloat16": 0.05}
SMALL, LARGE = ("resnet3d8", (4, 1, 16, 16)), ("resnext3d101", (8, 3, 32, 32))


def chunks(number, shape):
    return torch.rand((number, *shape), generator=GENERATOR) + 0.5 * torch.randn((number, *shape), generator=GENERATOR)


def network(arch, shape):
    """A network whose batch norms hold statistics worth folding."""
    torch.manual_seed(0)
    model = rs.models.build(arch, 10, shape[1], shape[2])
    with torch.no_grad():
        model(chunks(32, shape))
    return model.eval()


@pytest.mark.parametrize(
    "arch, shape, precision",
    cases(
        [(*SMALL, "float32"), (*SMALL, "bfloat16"), ("resnet3d8", (16, 3, 17, 17), "bfloat16"), (*LARGE, "bfloat16")],
        (*LARGE, "float32"),
    ),
)
def test_the_graph_computes_the_network(arch, shape, precision, capfd):
    """Folded, rounded and with weights in another order; also for other numbers of chunks than it was built for."""
    model, batch = network(arch, shape), chunks(20, shape)
    given, graph = batch.clone(), InferenceGraph(model, precision)
    with torch.inference_mode():
        scores, expected = graph(batch), model(batch)
        for number in (1, 16):
            assert torch.equal(graph(batch[:number]), scores[:number])
            assert torch.equal(graph(batch[-number:]), scores[-number:])
    assert scores.dtype == torch.float32 and torch.equal(batch, given)
    np.testing.assert_allclose(scores, expected, atol=TOLERANCES[precision] * expected.abs().max().item())
    assert (scores[0] - scores[1]).abs().max() > 10 * (
        scores - expected
    ).abs().max()  # chunks differ by more than rounding
    assert graph.identity == {"precision": precision, "engine": "eager"} and capfd.readouterr().err == ""
    assert graph.layout == torch.contiguous_format and graph.dtype == inference.PRECISIONS[precision]
    layers = list(graph._rewritten[0].modules())
    assert not any(isinstance(layer, nn.BatchNorm3d) for layer in layers)
    assert all(layer.weight.dtype == graph.dtype for layer in layers if isinstance(layer, nn.Conv3d))
    assert [layer.weight.dtype for layer in layers if isinstance(layer, nn.Linear)] == [torch.float32]


@pytest.mark.parametrize("precision", TOLERANCES)
def test_scores_do_not_depend_on_batch_size_position_neighbours_or_threads(precision):
    arch, shape = SMALL
    graph, batch, order = InferenceGraph(network(arch, shape), precision), chunks(64, shape), torch.randperm(64)
    with torch.inference_mode():
        expected = graph(batch)
        try:
            for threads, sizes in ((1, (1, 16, 33)), (2, (5, 16, 50))):
                torch.set_num_threads(threads)
                assert torch.equal(graph(batch[order]), expected[order])
                for size in sizes:
                    assert torch.equal(graph(batch[:size]), expected[:size])
                    assert torch.equal(graph(batch[-size:]), expected[-size:])
        finally:
            torch.set_num_threads(1)


def test_a_video_network_has_convolutions_worth_bfloat16():
    """As for images: "auto" takes it where the CPU computes in it."""
    assert choose_precision("auto", network(*SMALL), "cpu") == choose_precision(
        "auto", rs.models.build("resnet8", 10, 1, 8), "cpu"
    )
    assert choose_precision("auto", nn.Linear(2, 2), "cpu") == "float32"


def test_wide_weights_are_channels_last_and_narrow_ones_are_not():
    """What is faster: `benchmarks/bench_video.py`."""
    for (arch, shape), last in ((SMALL, False), (LARGE, True)):
        graph = InferenceGraph(rs.models.build(arch, 10, shape[1], shape[2]).eval(), "float32")
        graph.build(shape)
        layers = [module for module in graph._rewritten[0].modules() if isinstance(module, nn.Conv3d)]
        weights = [
            layer.weight for layer in layers if min(layer.weight.shape[1:3]) > 1
        ]  # of others the order is ambiguous
        assert len(weights) > 3 and all(weight.is_contiguous() != last for weight in weights)
        assert all(weight.is_contiguous(memory_format=torch.channels_last_3d) == last for weight in weights)


def test_changed_weights_are_noticed():
    arch, shape = SMALL
    model, batch = network(arch, shape), chunks(16, shape)
    graph = InferenceGraph(model, "float32")
    with torch.inference_mode():
        before = graph(batch)
    with torch.no_grad():
        model[-1].bias += 1
    graph.build(shape)
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), before + 1, atol=1e-5)


def test_int8_is_for_images(monkeypatch, capsys):
    monkeypatch.setattr(inference, "_said", set())
    arch, shape = SMALL
    model, batch = network(arch, shape), chunks(5, shape)
    graph = InferenceGraph(model, "int8")
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), model(batch), atol=1e-4)
    assert graph.identity == {"precision": "float32", "engine": "eager"}
    assert capsys.readouterr().err.splitlines() == [
        "resmooth: Sequential runs in float32, int8 failed: it takes chunks of video, and only networks for images are quantised"
    ]


class Views(nn.Module):
    """Wide features reshaped by view, which channels-last ones refuse."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv3d(2, 96, 3), nn.BatchNorm3d(96), nn.Linear(96 * 2 * 4, 3)

    def forward(self, chunks):
        features = torch.relu(self.norm(self.conv(chunks.transpose(1, 2))))
        return self.head(features.view(features.size(0), -1))


def test_a_network_that_views_its_features_keeps_its_layout(capfd):
    torch.manual_seed(0)
    model, batch = Views().eval(), chunks(20, (4, 2, 4, 4))
    graph = InferenceGraph(model, "float32")
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), model(batch), atol=1e-5)
    assert graph.engine == "eager" and capfd.readouterr().err == ""


class Sociable(nn.Module):
    """Its scores are no function of one chunk."""

    def forward(self, chunks):
        return (chunks - chunks.mean(dim=0)).flatten(1)[:, :3]


def test_a_network_for_chunks_that_cannot_be_rewritten_runs_as_it_is(monkeypatch, capsys):
    monkeypatch.setattr(inference, "_said", set())
    graph, batch = InferenceGraph(Sociable(), "bfloat16"), chunks(6, (2, 1, 2, 2))
    with torch.inference_mode():
        assert torch.equal(graph(batch), Sociable()(batch))
    assert graph.identity == {"precision": "float32", "engine": "as given"}
    assert "Sociable runs as it is, in float32: its scores depend on the other images" in capsys.readouterr().err
