"""int8: what is quantised, how close it comes, and that the same network is made on every run."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import resmooth as rs
from resmooth.classifiers import inference, quantised
from resmooth.classifiers.inference import InferenceGraph, choose_precision

GENERATOR = torch.Generator().manual_seed(0)
NORMAL = rs.noise.make("normal", dim=64, sigma=0.25)
VNNI = torch.cpu._is_vnni_supported() and "onednn" in torch.backends.quantized.supported_engines
needs_vnni = pytest.mark.skipif(not VNNI, reason="this CPU has no int8 instructions")


def network(arch="resnet8", channels=1, image_size=8, seed=0):
    torch.manual_seed(seed)
    model = rs.models.build(arch, 10, channels, image_size)
    with torch.no_grad():
        model(torch.randn(64, channels, image_size, image_size))
    return model.eval()


def images(number, channels=1, image_size=8):
    shape = (number, channels, image_size, image_size)
    return torch.rand(shape, generator=GENERATOR) + 0.25 * torch.randn(shape, generator=GENERATOR)


def graph_of(model, shape=(1, 8, 8), noise=NORMAL):
    graph = InferenceGraph(model, "int8")
    graph.build(shape, noise=noise)
    return graph


def among_classes(scores):
    return scores - scores.mean(dim=1, keepdim=True)


@needs_vnni
@pytest.mark.parametrize(
    "arch, channels, size", [("resnet8", 1, 8), ("resnet20", 3, 32), ("resnet110", 1, 8), ("wrn40_2", 1, 8)]
)
def test_scores_are_about_those_of_the_network(arch, channels, size, capfd):
    model, batch = network(arch, channels, size), images(64, channels, size)
    graph = InferenceGraph(model, "int8")
    with torch.inference_mode():
        scores, expected = graph(batch), among_classes(model(batch))
        for number in (1, 16, 33):
            assert torch.equal(graph(batch[:number]), scores[:number])
            assert torch.equal(graph(batch[-number:]), scores[-number:])
    difference = among_classes(scores) - expected
    assert 0 < difference.norm() < 0.1 * expected.norm()
    assert graph.identity == {"precision": "int8", "engine": "quantised onednn"} and capfd.readouterr().err == ""
    assert graph.dtype == scores.dtype == torch.float32


@needs_vnni
def test_the_same_network_is_made_on_every_run_and_of_every_noise_another():
    batch = images(32)
    with torch.inference_mode():
        first, again = (graph_of(network())(batch) for _ in range(2))
        louder = graph_of(network(), noise=rs.noise.make("normal", dim=64, sigma=1.0))(batch)
    assert torch.equal(first, again) and not torch.equal(first, louder)


@needs_vnni
def test_a_graph_follows_the_noise_and_the_weights():
    model, batch = network(), images(16)
    graph = graph_of(model)
    with torch.inference_mode():
        before, rewritten = graph(batch), graph._rewritten[0]
        graph.build((1, 8, 8), noise=rs.noise.make("normal", dim=64, sigma=0.25))
        assert graph._rewritten[0] is rewritten
        graph.build((1, 8, 8), noise=rs.noise.make("normal", dim=64, sigma=1.0))
        assert graph._rewritten[0] is not rewritten
    with torch.no_grad():
        model[-1].bias += 1
    graph.build((1, 8, 8), noise=NORMAL)
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), before + 1, atol=1e-5)


@needs_vnni
def test_noise_with_a_level_for_each_image():
    noise = rs.noise.make("idrs", dim=64, sigma=0.25, rate=0.1).on(torch.rand(50, 1, 8, 8, generator=GENERATOR))
    smoothed = rs.Smoothed(network(), noise, 10, precision="int8")
    assert smoothed.build((1, 8, 8))["precision"] == "int8"
    assert smoothed.counts(torch.rand(2, 1, 8, 8, generator=GENERATOR), n=50, seed=0).sum() == 100


@needs_vnni
def test_close_scores_do_not_tie():
    """They are made in float32: of 2,000 images hardly two have the same score."""
    with torch.inference_mode():
        scores = graph_of(network())(images(2000))
    assert len(scores[:, 0].unique()) > 1900


@needs_vnni
def test_counts_do_not_depend_on_the_batch_size_and_say_their_precision():
    x = torch.rand(3, 1, 8, 8, generator=GENERATOR)
    made = [rs.Smoothed(network(), NORMAL, 10, size, precision="int8") for size in (7, 64, 100)]
    counts = [smoothed.counts(x, n=300, seed=0) for smoothed in made]
    assert torch.equal(counts[0], counts[1]) and torch.equal(counts[0], counts[2])
    assert made[0].build((1, 8, 8)) == {"precision": "int8", "engine": "quantised onednn"}


@needs_vnni
def test_nothing_is_left_behind():
    """The engine of PyTorch is the one it was, and nobody hears of its deprecations."""
    before = torch.backends.quantized.engine
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph_of(network())
    assert torch.backends.quantized.engine == before


class Cancelling(nn.Module):
    """Large features whose difference decides: eight bits hold no digit of it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 1)

    def forward(self, images):
        return (self.conv(images) + 1000).mean(dim=(2, 3))


class Dense(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(1, 4, 1), nn.Linear(5, 3)

    def forward(self, images):
        return self.head(torch.cat([images, self.conv(images)], dim=1).mean(dim=(2, 3)))


@pytest.mark.parametrize(
    "make, reason",
    [
        pytest.param(Cancelling, "changes its scores too much", marks=needs_vnni),
        pytest.param(Dense, "concatenates features", marks=needs_vnni),
        pytest.param(lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), "no convolutions", marks=needs_vnni),
        (None, "no VNNI instructions"),
    ],
)
def test_where_it_fails_the_network_runs_in_float32(make, reason, capfd, monkeypatch):
    monkeypatch.setattr(inference, "_said", set())
    if make is None:
        monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    torch.manual_seed(0)
    model, batch = make() if make else network(), images(20)
    graph = graph_of(model)
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), model.eval()(batch), rtol=1e-4, atol=1e-4)
    assert graph.identity["precision"] == "float32"
    graph_of(model)
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 1 and "runs in float32, int8 failed" in told[0] and reason in told[0]


def test_where_it_cannot_be_it_is_refused(monkeypatch):
    assert choose_precision("auto", network(), "cpu") != "int8" == choose_precision("int8", network(), "cpu")
    with pytest.raises(ValueError, match="precision int8 is for the CPU, not for cuda:0"):
        choose_precision("int8", network(), "cuda:0")
    monkeypatch.setattr(quantised, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="needs torch.ao.quantization, which PyTorch .* lacks"):
        choose_precision("int8", network(), "cpu")


@pytest.mark.parametrize("label", ["normal", "normal arithmetic=exact", "dssn", "mask", "laplace", "ssn"])
def test_calibration_images_have_the_noise_and_are_the_same_every_time(label):
    noise = rs.noise.from_label(label, 64, 0.5, channels=1)
    first, again = (quantised.calibration_images((1, 8, 8), noise) for _ in range(2))
    assert first.shape == (128, 1, 8, 8) and first.dtype == torch.float32 and torch.equal(first, again)
