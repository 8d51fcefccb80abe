import sys

import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.classifiers.inference import InferenceGraph
from resmooth.smoothing import engine, progress, streams

NORMAL = rs.noise.make("normal", dim=64, sigma=0.5)
GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(64, 10, generator=GENERATOR)
IMAGES = torch.rand(6, 1, 8, 8, generator=GENERATOR)


def linear(images):
    return images.flatten(1) @ WEIGHTS


def test_counts_equal_a_plain_loop():
    smoothed = rs.Smoothed(linear, NORMAL, 10, batch_size=50)
    counts = smoothed.counts(IMAGES, n=300, seed=3)
    for index, image in enumerate(IMAGES):
        noisy = torch.empty(300, 1, 8, 8)
        streams.Stream(NORMAL, image, 3, index, streams.ESTIMATION).take(noisy)
        classes = linear(noisy).argmax(dim=1)
        assert counts[index].tolist() == np.bincount(classes, minlength=10).tolist()
    assert counts.dtype == torch.int64 and counts.sum(dim=1).tolist() == [300] * 6


def test_counts_do_not_depend_on_neighbours_or_order():
    smoothed = rs.Smoothed(linear, NORMAL, 10)
    together = smoothed.counts(IMAGES, n=500, seed=0)
    order = [4, 1, 3]
    assert torch.equal(smoothed.counts(IMAGES[order], n=500, seed=0, index=order), together[order])


def test_certify_uses_the_counts_and_is_reproducible():
    smoothed = rs.Smoothed(linear, NORMAL, 10)
    first, second = (smoothed.certify(IMAGES, n0=50, n=500, seed=7) for _ in range(2))
    np.testing.assert_array_equal(first.radius, second.radius)
    np.testing.assert_array_equal(first.counts, smoothed.counts(IMAGES, n=500, seed=7))


def test_networks_run_in_evaluation_mode_and_get_their_own_mode_back():
    torch.manual_seed(0)
    model = rs.models.build("resnet8", 10, 1, 8).eval()
    smoothed = rs.Smoothed(model, NORMAL, 10)
    expected = smoothed.counts(IMAGES[:1], n=100, seed=0)
    model.train()
    model[2].eval()
    assert torch.equal(smoothed.counts(IMAGES[:1], n=100, seed=0), expected)
    assert model.training and model[1].training and not model[2].training


@pytest.mark.parametrize("wrap", [lambda f: f, lambda f: rs.Ensemble([linear, f])])
def test_scores_that_are_no_numbers_are_refused(wrap):
    broken = wrap(lambda images: torch.full((len(images), 10), float("nan")))
    with pytest.raises(ValueError, match="not a number for 10 of 10 noisy copies"):
        rs.Smoothed(broken, NORMAL, 10).counts(IMAGES[:1], n=10, seed=0)
    with pytest.raises(ValueError, match="not a number"):
        rs.Smoothed(linear, NORMAL, 10).certify(IMAGES * float("nan"), n0=10, n=10)


def test_an_empty_batch_of_images():
    assert rs.Smoothed(linear, NORMAL, 10).counts(IMAGES[:0], n=10, seed=0).shape == (0, 10)


def test_misuse_is_refused_in_one_line():
    smoothed = rs.Smoothed(linear, NORMAL, 10)
    for call, message in [
        (lambda: smoothed.counts((IMAGES * 255).byte(), 10, 0), "floats"),
        (lambda: smoothed.counts(torch.rand(1, 3, 8, 8), 10, 0), "does not fit"),
        (lambda: smoothed.counts(IMAGES, 0, 0), "at least 1"),
        (lambda: smoothed.counts(IMAGES, 10, 0, index=[1, 2]), "indices"),
        (lambda: rs.Smoothed(linear, NORMAL, 9).counts(IMAGES, 10, 0), "expected"),
        (lambda: rs.Smoothed(linear, NORMAL, 10, batch_size=0), "batch_size"),
        (lambda: smoothed.counts(IMAGES, 1e3, 0), "whole number"),
        (lambda: smoothed.counts(IMAGES, 10, -1), "seed must be"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def network():
    torch.manual_seed(0)
    return rs.models.build("resnet8", 10, 1, 8).eval()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_counts_of_a_network_do_not_depend_on_the_batch_size(precision):
    counts = [
        rs.Smoothed(network(), NORMAL, 10, size, precision=precision).counts(IMAGES[:3], n=400, seed=0)
        for size in (None, 64, 300, 7)
    ]
    assert all(torch.equal(other, counts[0]) for other in counts[1:])


def test_a_prefix_of_a_network_s_counts_is_what_a_shorter_run_gives():
    smoothed = rs.Smoothed(network(), NORMAL, 10)
    [by_step] = engine.count_votes(smoothed, smoothed.vote, [(smoothed.stream(IMAGES[0], 0, 0, 1), 700)], [50])
    assert by_step.shape == (1, 14, 10) and by_step.sum(dim=2).tolist() == [[50] * 14]
    for n in (50, 350, 700):
        assert torch.equal(by_step[0, : n // 50].sum(dim=0), smoothed.counts(IMAGES[:1], n=n, seed=0)[0])


def test_steps_that_do_not_divide_n():
    smoothed = rs.Smoothed(linear, NORMAL, 10, batch_size=13)
    pairs = [(smoothed.stream(IMAGES[i], 0, i, 1), n) for i, n in ((0, 10), (3, 25), (4, 1))]
    counts = engine.count_votes(smoothed, smoothed.vote, pairs, [4, 10, 5])
    assert [votes.sum(dim=2).tolist() for votes in counts] == [[[4, 4, 2]], [[10, 10, 5]], [[1]]]
    assert torch.equal(counts[1][0].sum(dim=0), smoothed.counts(IMAGES[3:4], 25, 0, index=[3])[0])


def test_precision_decides_the_base_classifier_and_is_reported():
    assert rs.Smoothed(network(), NORMAL, 10, precision="float32").build((1, 8, 8))["precision"] == "float32"
    assert rs.Smoothed(network(), NORMAL, 10, precision="bfloat16").build((1, 8, 8))["precision"] == "bfloat16"
    as_given = rs.Smoothed(network(), NORMAL, 10, precision="as given")
    assert as_given.build((1, 8, 8))["precision"] == "as given" and not isinstance(as_given.classifier, InferenceGraph)
    with pytest.raises(ValueError, match="precision must be auto, float32, bfloat16 or int8, got 'half'"):
        rs.Smoothed(network(), NORMAL, 10, precision="half")


class Forgetful:
    """Linear scores on a device without memory for more than `most` images."""

    def __init__(self, most):
        self.most, self.sizes = most, []

    def __call__(self, images):
        if len(images) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.sizes.append(len(images))
        return linear(images)


def test_out_of_memory_halves_the_batch_and_changes_no_count(capsys):
    forgetful = Forgetful(60)
    smoothed = rs.Smoothed(forgetful, NORMAL, 10, batch_size=400)
    expected = rs.Smoothed(linear, NORMAL, 10).counts(IMAGES, n=500, seed=0)
    assert torch.equal(smoothed.counts(IMAGES, n=500, seed=0), expected)
    assert smoothed.batch_size == 50 and set(forgetful.sizes) == {50}
    assert "batches of 50" in capsys.readouterr().err
    with pytest.raises(MemoryError, match="one image does not fit"):
        rs.Smoothed(Forgetful(0), NORMAL, 10).counts(IMAGES, n=5, seed=0)


def test_images_are_sampled_side_by_side_when_one_does_not_fill_a_batch():
    sizes = []
    rs.Smoothed(lambda images: sizes.append(len(images)) or linear(images), NORMAL, 10, 64).counts(IMAGES, n=40, seed=0)
    assert sizes == [64, 64, 64, 48]


def test_callables_beside_networks_get_their_images_in_float32():
    seen = []
    mixed = rs.Ensemble([lambda images: seen.append(images.dtype) or linear(images), network()])
    rs.Smoothed(mixed, NORMAL, 10, precision="bfloat16").counts(IMAGES[:1], n=20, seed=0)
    assert set(seen) == {torch.float32}


def test_misused_rules_are_refused_in_one_line():
    smoothed = rs.Smoothed(linear, NORMAL, 10)
    for call, message in [
        (lambda: smoothed.certify_at(IMAGES, 0.2, n=10.5), "number of samples must be a whole number"),
        (lambda: smoothed.certify_at(IMAGES, 0.2, n=0), "number of samples"),
        (lambda: smoothed.certify_at(IMAGES, 0.2, "adaptive", stages=[]), "number of samples"),
        (lambda: smoothed.certify_at(IMAGES, 0.2, "adaptive", n=1000), "rule 'adaptive' has no option 'n'"),
        (lambda: smoothed.certify_at(IMAGES, 0.2, "boldest"), "unknown rule 'boldest'; known: adaptive"),
        (
            lambda: smoothed.certify_at(IMAGES, 20),
            "radius 20 is beyond what any number of samples certifies at sigma 0.5",
        ),
        (lambda: smoothed.certify_within(IMAGES, epsilon=2), "epsilon must lie strictly between 0 and 1"),
        (lambda: smoothed.certify_within(IMAGES, n0=0), "number of samples"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda smoothed, progress: smoothed.counts(IMAGES, 60, 0, progress=progress),
        lambda smoothed, progress: smoothed.certify(IMAGES, n0=20, n=60, progress=progress),
        lambda smoothed, progress: smoothed.certify_at(IMAGES, 0.2, n=60, progress=progress),
        lambda smoothed, progress: smoothed.certify_within(IMAGES, n=60, progress=progress),
    ],
)
def test_progress_is_shown_on_a_terminal_or_when_asked_for(call, monkeypatch):
    shown = []

    class Recorder:
        def __init__(self, total, **options):
            self.total, self.n = total, 0
            shown.append(self)

        def update(self, more):
            self.n += more

        def close(self):
            assert self.n == self.total == 6

    smoothed = rs.Smoothed(linear, NORMAL, 10, batch_size=64)
    monkeypatch.setattr("tqdm.tqdm", Recorder)
    for wanted, terminal, installed, bars in (
        (None, False, True, 0),
        (True, False, True, 1),
        (None, True, True, 1),
        (False, True, True, 0),
        (None, True, False, 0),
    ):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        monkeypatch.setattr(progress, "find_spec", lambda name, installed=installed: installed or None)
        call(smoothed, wanted)
        assert len(shown) == bars
        shown.clear()


def test_a_call_that_takes_no_time_shows_no_progress(capsys):
    rs.Smoothed(linear, NORMAL, 10).counts(IMAGES, 60, 0, progress=True)
    assert capsys.readouterr().err == ""
