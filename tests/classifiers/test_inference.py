import numpy as np
import pytest
import torch
from soundness_helpers import cases
from torch import nn

import resmooth as rs
from resmooth.classifiers import inference
from resmooth.classifiers.inference import InferenceGraph, _padded, choose_precision

GENERATOR = torch.Generator().manual_seed(0)
VNNI = torch.cpu._is_vnni_supported() and "onednn" in torch.backends.quantized.supported_engines
INT8 = pytest.param("int8", marks=pytest.mark.skipif(not VNNI, reason="this CPU has no int8 instructions"))


def network(arch="resnet8", channels=1, image_size=8):
    """A network whose batch norms hold statistics worth folding."""
    torch.manual_seed(0)
    model = rs.models.build(arch, 10, channels, image_size)
    with torch.no_grad():
        model(torch.randn(64, channels, image_size, image_size))
    return model.eval()


def images(number, channels=1, image_size=8):
    return torch.randn(number, channels, image_size, image_size, generator=GENERATOR)


TOLERANCES = {"float32": 1e-4, "bfloat16": 0.05}


@pytest.mark.parametrize(
    "arch, channels, size, precision",
    cases(
        [
            *(("resnet8", 1, 8, precision) for precision in TOLERANCES),
            *(("resnet20", 3, 32, precision) for precision in TOLERANCES),
            ("resnet110", 1, 8, "bfloat16"),
        ],
        ("resnet110", 1, 8, "float32"),
    ),
)
def test_the_graph_computes_the_network(arch, channels, size, precision):
    model, batch = network(arch, channels, size), images(40, channels, size)
    with torch.inference_mode():
        graph, expected = InferenceGraph(model, precision)(batch), model(batch)
    assert graph.dtype == torch.float32
    np.testing.assert_allclose(graph, expected, atol=TOLERANCES[precision] * expected.abs().max().item())


@pytest.mark.parametrize("precision", [*TOLERANCES, INT8])
def test_scores_do_not_depend_on_batch_size_position_neighbours_or_threads(precision):
    graph, batch = InferenceGraph(network("resnet20", 3, 16), precision), images(64, 3, 16)
    order = torch.randperm(64)
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


def test_changed_weights_are_noticed():
    model, batch = network(), images(16)
    graph = InferenceGraph(model, "float32")
    with torch.inference_mode():
        before = graph(batch)
    with torch.no_grad():
        model[-1].bias += 1
    graph.build(batch.shape[1:])
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), before + 1, atol=1e-5)


def test_sampling_follows_changed_weights():
    model, noise = network(), rs.noise.make("normal", dim=64, sigma=0.5)
    smoothed, image = rs.Smoothed(model, noise, 10), torch.rand(1, 1, 8, 8, generator=GENERATOR)
    before = smoothed.counts(image, n=100, seed=0)
    other = network()
    with torch.no_grad():
        other[-1].bias[3] += 100
    model.load_state_dict(other.state_dict())
    assert before[0, 3] < 100 and smoothed.counts(image, n=100, seed=0)[0, 3] == 100


class Branching(nn.Module):
    """What happens depends on the images: no graph holds that."""

    def forward(self, images):
        scores = images.flatten(1)[:, :3]
        return scores if images.sum() > 0 else -scores


class Drifting(nn.Module):
    """A constant drawn while tracing would be frozen into the graph."""

    def forward(self, images):
        return images.flatten(1)[:, :3] + 1e-5 * torch.randn(3)


class InPlace(nn.Module):
    """The next network would see other images."""

    def forward(self, images):
        return images.sub_(0.5).flatten(1)[:, :3]


class Sociable(nn.Module):
    """Its scores are no function of one image."""

    def forward(self, images):
        return (images - images.mean(dim=0)).flatten(1)[:, :3]


def hooked():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    model.register_forward_pre_hook(lambda module, args: (args[0].clamp(0, 1),))
    return model


@pytest.mark.parametrize(
    "make, reason",
    [
        (Branching, "control flow"),
        (Drifting, "change from call to call"),
        (InPlace, "changes its images in place"),
        (Sociable, "depend on the other images"),
        (hooked, "has hooks"),
    ],
)
def test_a_network_that_cannot_be_rewritten_runs_as_it_is(make, reason, capsys, monkeypatch):
    monkeypatch.setattr(inference, "_said", set())
    torch.manual_seed(0)
    model = make()
    graph = InferenceGraph(model, "bfloat16")
    graph.build((1, 2, 2))
    with torch.inference_mode():
        for sign in (1, -1):
            batch = sign * torch.ones(4, 1, 2, 2)
            torch.manual_seed(1)
            expected = model(batch.clone())
            torch.manual_seed(1)
            assert torch.equal(graph(batch), expected)
            assert torch.equal(batch, sign * torch.ones(4, 1, 2, 2))
    assert graph.identity == {"precision": "float32", "engine": "as given"}
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and f"{type(model).__name__} runs as it is, in float32" in told[0] and reason in told[0]


class PreActivation(nn.Module):
    """A block that sends the fusion of PyTorch 2.11 into a loop without end."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Linear(8 * 36, 3)

    def forward(self, images):
        features = self.conv(images)
        return self.head((torch.relu(self.norm(features)) + features).flatten(1))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_other_networks_are_folded_but_not_fused(precision):
    torch.manual_seed(0)
    model, batch = PreActivation().eval(), images(40)
    graph = InferenceGraph(model, precision)
    with torch.inference_mode():
        scores, expected = graph(batch), model(batch)
        assert torch.equal(graph(batch[7:12]), scores[7:12])
    np.testing.assert_allclose(scores, expected, atol=1e-4 if precision == "float32" else 0.05)
    assert graph.identity == {"precision": precision, "engine": "eager"}


class Cancelling(nn.Module):
    """Large features whose difference decides: bfloat16 has no digits for it."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 1)

    def forward(self, images):
        features = self.conv(images) + 1000
        return features.mean(dim=(2, 3))


def test_folding_is_judged_in_float32_proper(monkeypatch):
    """On a GPU TF32, which is on by default, moves the scores of deep networks by more than the 1e-3 that folding may."""
    seen, score = [], inference._scores_to_match
    watched = lambda *given: seen.append(torch.backends.cudnn.allow_tf32) or score(*given)  # noqa: E731
    monkeypatch.setattr(inference, "_scores_to_match", watched)
    before = torch.backends.cudnn.allow_tf32
    InferenceGraph(network()).build((1, 8, 8))
    assert seen == [False] and torch.backends.cudnn.allow_tf32 == before


def test_bfloat16_is_left_where_it_would_change_the_classifier(capsys, monkeypatch):
    monkeypatch.setattr(inference, "_said", set())
    graph = InferenceGraph(Cancelling(), "bfloat16")
    graph.build((1, 8, 8))
    assert graph.identity["precision"] == "float32" and graph.dtype == torch.float32
    assert "Cancelling runs in float32" in capsys.readouterr().err


def test_weights_changed_behind_autograd_s_back_are_noticed():
    model, batch = network(), images(16)
    graph = InferenceGraph(model, "float32")
    graph.build(batch.shape[1:])
    model[-1].bias.data.add_(1)
    graph.build(batch.shape[1:])
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), model(batch), atol=1e-4)


def test_without_fusion_the_folded_network_runs(monkeypatch, capsys):
    monkeypatch.setattr(inference, "_said", set())

    def refuse(*args, **kwargs):
        raise RuntimeError("not on this machine\nand a second line")

    monkeypatch.setattr(torch.jit, "trace", refuse)
    model, batch = network(), images(20)
    graph = InferenceGraph(model, "float32")
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), model(batch), atol=1e-4)
    assert graph.identity == {"precision": "float32", "engine": "eager"}
    InferenceGraph(model, "float32").build(batch.shape[1:])
    assert capsys.readouterr().err.splitlines() == [
        "resmooth: oneDNN fusion failed, running without it: not on this machine"
    ]


def test_the_network_itself_is_left_alone():
    model, batch = network(), images(4)
    model.train()
    expected = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    rs.Smoothed(model, rs.noise.make("normal", dim=64, sigma=0.5), 10).counts(batch.clamp(0, 1), n=20, seed=0)
    assert model.training and all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())


def test_precision_names():
    assert choose_precision("auto", network(), "cpu") in ("float32", "bfloat16")
    with pytest.raises(ValueError, match="precision must be auto, float32, bfloat16 or int8"):
        choose_precision("float16", network(), "cpu")


class HalfSpace(nn.Module):
    """Classes 0 and 1 beside a plane far from the origin: in bfloat16 the difference would lose all its digits."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((64,), 10.0))

    def forward(self, images):
        score = images.flatten(1) @ self.weight - 320.0
        return torch.stack([score, -score], dim=1)


def test_a_network_without_convolutions_keeps_its_digits():
    noise = rs.noise.make("normal", dim=64, sigma=0.25)
    smoothed, images = rs.Smoothed(HalfSpace(), noise, 2), torch.full((1, 1, 8, 8), 0.5 + 0.25 / 8)
    assert smoothed.build((1, 8, 8))["precision"] == "float32"
    counts = smoothed.counts(images, n=20_000, seed=0)[0]
    assert abs(counts[0] / 20_000 - 0.8413) < 5 * 0.0026  # the plane is one sigma away
    exact = rs.Smoothed(HalfSpace(), noise, 2, precision="as given").counts(images, n=20_000, seed=0)[0]
    assert abs(counts[0] - exact[0]) <= 2


def test_the_scores_are_made_in_float32_even_before_a_softmax():
    model = nn.Sequential(network(), nn.LogSoftmax(dim=1))
    with torch.inference_mode():
        scores = InferenceGraph(model, "bfloat16")(images(200))
    assert not torch.equal(scores, scores.bfloat16().float())


def test_graphs_are_made_for_few_batch_sizes():
    assert [_padded(size, 4) for size in (1, 9, 16, 17, 100, 128, 129, 193, 300, 385, 512, 1000)] == [
        *(16, 16, 16, 32, 128, 128, 192, 256, 384, 512, 512, 1024)
    ]
    assert [_padded(size, 5) for size in (1, 8, 9, 16, 17)] == [8, 8, 16, 16, 32]


class LeNet(nn.Module):
    """Reshapes by view, which channels-last features refuse."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Linear(4 * 36, 3)

    def forward(self, images):
        features = torch.relu(self.norm(self.conv(images)))
        return self.head(features.view(features.size(0), -1))


def test_a_network_that_views_its_features_keeps_its_layout(capfd):
    torch.manual_seed(0)
    model, batch = LeNet().eval(), images(40)
    graph = InferenceGraph(model, "float32")
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), model(batch), atol=1e-5)
    assert graph.engine == "eager" and capfd.readouterr().err == ""


def test_a_call_with_a_wrong_shape_does_not_decide_how_later_ones_run():
    graph = InferenceGraph(network(), "float32")
    graph.build((2, 8, 8))
    assert graph.engine == "as given"
    graph.build((1, 8, 8))
    assert graph.engine == "onednn"


def test_a_fused_optimizer_s_step_and_a_new_hook_are_noticed():
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    graph, batch = InferenceGraph(model), images(5)
    graph.build((1, 8, 8))
    model(batch).sum().backward()
    torch.optim.SGD(model.parameters(), 0.01, fused=True).step()
    graph.build((1, 8, 8))
    with torch.inference_mode():
        np.testing.assert_allclose(graph(batch), model(batch), atol=1e-5)
        model.register_forward_hook(lambda module, args, scores: -scores)
        graph.build((1, 8, 8))
        np.testing.assert_allclose(graph(batch), model(batch), atol=1e-5)


def test_what_is_no_tensor_of_scores_is_refused():
    class Pair(nn.Module):
        def forward(self, images):
            return images.flatten(1), 0

    for classifier in (Pair(), Pair().forward):
        with pytest.raises(ValueError, match="returned a tuple, expected a tensor of scores"):
            rs.Smoothed(classifier, rs.noise.make("normal", dim=4, sigma=0.5), 4).counts(torch.rand(1, 1, 2, 2), 5, 0)


def test_a_member_sees_the_same_images_wherever_it_stands():
    torch.manual_seed(0)
    noise, image = rs.noise.make("normal", dim=64, sigma=0.5), torch.rand(1, 8, 8)
    members = [network(), nn.Sequential(nn.Flatten(), nn.Linear(64, 10))]

    def seen(models):
        smoothed = rs.Smoothed(rs.Ensemble(models), noise, 10, precision="bfloat16")
        smoothed.classifier.models[1 - models.index(members[0])].wanted = "float32"
        return smoothed.batch(4, image.shape).dtype

    assert seen(members) == seen(members[::-1]) == torch.float32


@pytest.mark.parametrize(
    "arch, channels, size, precision",
    cases(
        [
            ("wrn40_2", 1, 8, "float32"),
            *(("densenet40", 1, 8, precision) for precision in TOLERANCES),
            ("resnet50", 3, 32, "bfloat16"),
        ],
        ("wrn40_2", 1, 8, "bfloat16"),
        ("resnet50", 3, 32, "float32"),
    ),
)
def test_other_architectures_are_folded_but_not_fused(arch, channels, size, precision, capfd):
    """Fused by oneDNN, densenet40's and resnet50's scores depend on the batch size, and wrn40_2 fails on 4x4 images."""
    model, batch = network(arch, channels, size), images(20, channels, size)
    graph = InferenceGraph(model, precision)
    with torch.inference_mode():
        scores, expected = graph(batch), model(batch)
        for number in (1, 16):
            assert torch.equal(graph(batch[:number]), scores[:number])
            assert torch.equal(graph(batch[-number:]), scores[-number:])
    np.testing.assert_allclose(scores, expected, atol=TOLERANCES[precision] * expected.abs().max().item())
    assert graph.identity == {"precision": precision, "engine": "eager"} and capfd.readouterr().err == ""
    image = torch.rand(1, channels, size, size, generator=GENERATOR)
    noise = rs.noise.make("normal", dim=image.numel(), sigma=0.5)
    counts = rs.Smoothed(model, noise, 10, precision=precision).counts(image, n=20, seed=0)
    assert counts.shape == (1, 10) and counts.sum() == 20
