"""Smooth-Reduce: patches, their reductions, and what is certified of them."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import resmooth as rs
from resmooth.classifiers.patches import REDUCTIONS, layout_offsets
from resmooth.noise.lifts import Resize
from resmooth.smoothing.engine import count_votes
from resmooth.smoothing.streams import ESTIMATION

SHAPE, K = (2, 8, 8), 5
SPACES = ("image", "resized", "patch")


def network(side=8):
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * side**2, K)).eval()


def smoothed(classifier, dim=128, **options):
    noise = rs.noise.make("normal", dim, sigma=0.5)
    return rs.Smoothed(classifier, noise, K, precision="float32", **options)


def images(number=3):
    return torch.rand(number, *SHAPE, generator=torch.Generator().manual_seed(2))


# Layouts


def test_layouts():
    assert layout_offsets("corners", 4, 36, 32) == [(0, 0), (0, 4), (4, 0), (4, 4)]
    assert layout_offsets("corners", 1, 36, 32) == [(2, 2)]
    assert layout_offsets("corners", 16, 256, 224)[:4] == [(0, 0), (0, 11), (0, 21), (0, 32)]
    assert layout_offsets("corners", 8, 256, 224) == layout_offsets("corners", 9, 256, 224)[:8]
    assert len(layout_offsets("grid", 25, 36, 32)) == 25 and len(layout_offsets("grid", 9, 36, 32, stride=2)) == 9
    assert layout_offsets("raster", 4, 36, 32) == [(0, 0), (0, 1), (0, 2), (0, 3)]
    drawn = layout_offsets("random", 4000, 36, 32, seed=3)
    assert drawn[:9] == layout_offsets("random", 9, 36, 32, seed=3) != layout_offsets("random", 9, 36, 32, seed=4)
    counts = np.bincount([5 * row + column for row, column in drawn], minlength=25)
    assert len(counts) == 25 and counts.min() > 160 - 5 * math.sqrt(
        160
    )  # the last row and column as often as the others


def test_what_does_not_fit_or_is_not_sound_is_refused():
    refused = [
        ({"patch": 40}, "patches of 40 pixels do not fit an image of 36 pixels"),
        ({"patches": 49}, "49 different patches of 32 pixels do not fit"),
        ({"patches": 4, "layout": "grid"}, "25 patches of 32 pixels at stride 1 lie in 36 pixels, not 4"),
        ({"patches": 26, "layout": "raster"}, "25 patches"),
        ({"patches": 0}, "at least 1"),
        ({"layout": "content"}, "gives no certificate: patches chosen by what a noisy image shows"),
        (
            {"layout": "random", "redraw": "call"},
            "gives no certificate: a certificate would hold for the patches of its own call",
        ),
        ({"redraw": "copy"}, "belongs to the layout 'random'"),
        ({"reduce": "min"}, "reduce must be one of max, mean, max_logits, mean_softmax"),
        ({"noise_space": "pixel"}, "noise_space must be one of image, resized, patch"),
    ]
    for options, message in refused:
        with pytest.raises(ValueError, match=message):
            rs.Patches(network(), **options)
    with pytest.raises(ValueError, match="need square images, got 8x9"):
        rs.Patches(network(), resize=None, patch=6).lift_for((2, 8, 9))


# The classifier


@pytest.mark.parametrize("reduce", REDUCTIONS)
def test_the_scores_are_the_reduction_over_the_patches(reduce):
    model, batch = network(), images(6)
    big = Resize(10).apply(batch)
    scores = torch.stack([model(big[:, :, r : r + 8, c : c + 8]) for r, c in ((0, 0), (0, 2), (2, 0), (2, 2))])
    if reduce in ("max", "mean_softmax"):
        scores = scores.softmax(dim=2)
    wanted = scores.amax(dim=0) if reduce.startswith("max") else scores.mean(dim=0)
    found = rs.Patches(model, 10, 8, reduce=reduce)(batch)
    assert torch.allclose(found, wanted, atol=1e-6)


def test_max_and_mean_are_those_of_the_paper():
    """Smooth-Max over softmax scores, Smooth-Mean over scores: here, the four disagree about the class."""
    patches = torch.tensor([[[9.0, 8.9, 0.0]], [[0.0, 3.0, 0.0]]])  # two patches, one image, three classes
    classes = {name: int(reduction(patches).argmax()) for name, reduction in REDUCTIONS.items()}
    assert classes == {"max": 1, "mean": 1, "max_logits": 0, "mean_softmax": 1}
    assert torch.allclose(REDUCTIONS["max"](patches), patches.softmax(dim=2).amax(dim=0))
    assert torch.allclose(REDUCTIONS["mean"](patches), patches.mean(dim=0))


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("options", [{}, {"layout": "random", "seed": 3}, {"layout": "random", "redraw": "copy"}])
def test_one_pass_votes_as_every_classifier_alone(space, options):
    common = {"resize": 10, "patch": 8, "noise_space": space} | options
    every = rs.Patches(network(), **common, patches=4, sizes=(2, 9), centre=True)
    assert every.names[:4] == ["centre", "max-2", "max-4", "max-9"] and len(every.names) == 13
    many = smoothed(every)
    together = votes_of(many, images(2))
    if (
        space == "patch" or "redraw" in options
    ):  # other noise than that of fewer patches: compare on the same noisy copies
        many.build(SHAPE)
        stream = many.stream(images(1)[0], 0, 0, ESTIMATION)
        copies = torch.empty(50, *many._copies)
        stream.take(copies)
        place = every.placement(10)
        for name, classes in zip(every.names, every.votes(copies), strict=True):
            reduction, _, size = name.rpartition("-")
            chosen = copies.view(50, len(place), 2, 8, 8)[:, place.members[int(size) if reduction else "centre"]]
            scores = torch.stack([every.models[0](chosen[:, i]) for i in range(chosen.shape[1])])
            assert torch.equal(classes, REDUCTIONS[reduction or "mean"](scores).argmax(dim=1)), name
        return
    for name, counted in zip(every.names, together, strict=True):
        reduction, _, size = name.rpartition("-")
        alone = common | (
            {"reduce": reduction, "patches": int(size)} if reduction else {"layout": "corners", "patches": 1}
        )
        assert torch.equal(votes_of(smoothed(rs.Patches(network(), **alone)), images(2), own=True)[0], counted), name


def votes_of(one, batch, own=False):
    """Counts [classifiers, images, K] of 300 noisy copies."""
    one.build(SHAPE)
    streams = [(one.stream(image, 0, index, ESTIMATION), 300) for index, image in enumerate(batch)]
    vote = one.vote if own else one.classifier.votes
    return torch.stack([counts[:, 0] for counts in count_votes(one, vote, streams)], dim=1)


def test_without_resizing_one_patch_is_plain_smoothing_bit_for_bit():
    x = images()
    plain = smoothed(network()).certify(x, 50, 1000)
    one = smoothed(rs.Patches(network(), resize=None, patch=8, patches=1)).certify(x, 50, 1000)
    same = smoothed(rs.Patches(network(), resize=8, patch=8, patches=1, noise_space="resized")).certify(x, 50, 1000)
    for found in (one, same):
        assert np.array_equal(found.counts, plain.counts) and np.array_equal(found.radius, plain.radius)
    assert one.to_frame([0] * 3).equals(plain.to_frame([0] * 3))


@pytest.mark.parametrize("space", SPACES)
def test_radii_are_divided_by_the_norm_everywhere(space):
    x, classifier = images(), rs.Patches(network(), 10, 8, noise_space=space)
    one = smoothed(classifier)
    made = one.certify(x, 50, 2000)
    norm = rs.patches.operator_norm(8, 10, 8, layout_offsets("corners", 4, 10, 8), space)
    assert made.lipschitz == norm == classifier.lipschitz(SHAPE) and (space == "image") == (norm == 1)
    raw = rs.noise.make("normal", 64, sigma=0.5).radius(made.p_lower, 2)
    assert np.allclose(made.radius, raw / norm) and (made.radius > 0).any()
    assert {"lift", "lipschitz"} <= set(made.to_frame([0] * 3).columns)
    within = one.certify_within(x, epsilon=0.3, n=2000)
    assert np.allclose(within.radius, rs.noise.make("normal", 64, sigma=0.5).radius(within.p_lower, 2) / norm)
    decided = one.certify_at(x, 0.05)
    assert decided.lipschitz == norm and set(decided.radius) <= {0.0, 0.05}
    answered = one.predict(x, 2000)
    assert (answered[answered >= 0] == made.selected[answered >= 0]).all()


def test_sizes_have_norms_of_their_own_and_the_image_may_have_its_dimension():
    every = rs.Patches(network(), 10, 8, noise_space="patch", sizes=(2, 9), centre=True)
    norms = {name: every.lipschitz(SHAPE, name) for name in every.names}
    assert norms["centre"] < norms["max-2"] == norms["mean-2"] < norms["max-4"] < norms["max-9"]
    assert norms["max-4"] == rs.Patches(network(), 10, 8, noise_space="patch").lipschitz(SHAPE)
    classifier = rs.Patches(network(), 10, 8, noise_space="patch")
    by_image, by_patches = (smoothed(classifier, dim=dim).certify(images(1), 10, 200) for dim in (128, 4 * 128))
    assert np.array_equal(by_image.counts, by_patches.counts) and by_image.dim == 4 * 128
    with pytest.raises(ValueError, match="dimension 127"):
        smoothed(classifier, dim=127).certify(images(1))


def test_batches_and_shards_change_no_count_and_other_norms_are_refused():
    classifier = rs.Patches(network(), 10, 8, "random", noise_space="patch", redraw="copy")
    whole = smoothed(classifier, batch_size=64).certify(images(3), 20, 500)
    parts = smoothed(classifier, batch_size=37).certify(images(3)[1:], 20, 500, index=[1, 2])
    assert np.array_equal(whole.counts[1:], parts.counts)
    with pytest.raises(NotImplementedError, match="in the l2 norm alone"):
        smoothed(rs.Patches(network(), 10, 8, noise_space="patch")).certify(images(1), norm=math.inf)
    image = smoothed(rs.Patches(network(), 10, 8)).certify(images(1), 10, 100, norm=math.inf)
    assert image.norm == math.inf


def test_a_norm_is_computed_once_for_a_shape(monkeypatch):
    classifier, asked = rs.Patches(network(), 10, 8, noise_space="patch"), []
    found = classifier.lipschitz(SHAPE)
    monkeypatch.setattr(rs.Patches, "lipschitz", lambda self, shape: asked.append(shape) or found)
    one = smoothed(classifier)
    assert all(one.certify(images(2), 20, 100).lipschitz == found for _ in range(2)) and asked == [SHAPE]


def test_a_lift_may_be_given():
    def classifier(resized):
        return network(10)(resized)

    made = smoothed(classifier, lift=Resize(10)).certify(images(2), 20, 500)
    assert made.lift == "resize 10" and made.lipschitz == Resize(10).norm(SHAPE) and made.dim == 200
