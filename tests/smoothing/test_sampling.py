import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.smoothing import sampling

NORMAL = rs.noise.make("normal", dim=64, sigma=0.5)
GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(64, 10, generator=GENERATOR)
IMAGES = torch.rand(6, 1, 8, 8, generator=GENERATOR)


def linear(images):
    return images.flatten(1) @ WEIGHTS


def noise_of(batch_size, n=300, seed=3, index=5, purpose=sampling.ESTIMATION):
    generator = sampling.stream(seed, index, purpose, "cpu")
    return torch.cat([batch.clone() for batch in sampling.noise_batches(NORMAL, n, (1, 8, 8), batch_size, generator)])


@pytest.mark.parametrize("batch_size", [1, 7, 128, 200, 1000])
def test_noise_is_identical_at_every_batch_size(batch_size):
    assert torch.equal(noise_of(batch_size), noise_of(64))


def test_a_longer_run_extends_a_shorter_one():
    assert torch.equal(noise_of(64, n=300)[:131], noise_of(100, n=131))


def test_seeds_indices_and_purposes_have_their_own_noise():
    first = noise_of(64)
    others = [noise_of(64, seed=4), noise_of(64, index=6), noise_of(64, purpose=sampling.SELECTION)]
    assert not any(torch.equal(first, other) for other in others)


def test_streams_of_one_seed_never_collide():
    number = [
        sampling.stream(11, index, purpose, "cpu").initial_seed() for index in range(20_000) for purpose in range(4)
    ]
    assert len(set(number)) == len(number)
    with pytest.raises(ValueError, match="index"):
        sampling.stream(0, 2**30, 0, "cpu")


def test_counts_equal_a_plain_loop():
    smoothed = rs.Smoothed(linear, NORMAL, 10, batch_size=50)
    counts = smoothed.counts(IMAGES, n=300, seed=3)
    for index, image in enumerate(IMAGES):
        classes = linear(noise_of(300, index=index) + image).argmax(dim=1)
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


def test_images_in_a_shard_are_the_multiples_of_the_step():
    assert sampling.images_in(0, 100, 20, 100) == [0, 20, 40, 60, 80]
    assert sampling.images_in(50, 100, 20, 100) == [60, 80]
    with pytest.raises(ValueError, match="do not fit"):
        sampling.images_in(0, 101, 1, 100)
    with pytest.raises(ValueError, match="no multiple of 10"):
        sampling.images_in(1, 9, 10, 100)
