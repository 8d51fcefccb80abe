"""Deterministic noise: all copies are counted, and the certificate is certain."""

import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.smoothing.certify import certify_exactly
from resmooth.smoothing.streams import BLOCK, ESTIMATION, Stream

NOISE = rs.noise.make("dssn", dim=16, sigma=0.25)  # 220 copies: more than one block


def images(count=5):
    return torch.randint(256, (count, 1, 4, 4), generator=torch.Generator().manual_seed(1)) / 255


def classify(batch):
    """Scores [B, 3] that every pixel enters with its own weight."""
    weights = torch.randn(16, 3, generator=torch.Generator().manual_seed(0))
    return (batch.flatten(1) - 0.5) @ weights


def counted(image):
    """Counts [3] of all copies, one after the other."""
    copies = NOISE.copies(image, 0, NOISE.passes)
    return torch.bincount(classify(copies).argmax(dim=1), minlength=3).numpy()


def test_a_stream_brings_every_copy_once_and_begins_again():
    assert NOISE.passes > BLOCK
    image, whole = images(1)[0], torch.empty(NOISE.passes + 30, 1, 4, 4)
    stream = Stream(NOISE, image, 0, 0, ESTIMATION)
    for start, stop in ((0, 7), (7, 150), (150, 151), (151, len(whole))):
        stream.take(whole[start:stop])
    expected = NOISE.copies(image, 0, NOISE.passes)
    assert torch.equal(whole[: NOISE.passes], expected) and torch.equal(whole[NOISE.passes :], expected[:30])


@pytest.mark.parametrize("batch_size", [1, 64, 1000])
def test_certificates_are_those_of_all_copies(batch_size):
    x, smoothed = images(), rs.Smoothed(classify, NOISE, 3, batch_size=batch_size)
    result = smoothed.certify(x, n0=7, n=9, alpha=0.3, seed=4, norm=1)
    expected = np.array([counted(image) for image in x])
    np.testing.assert_array_equal(result.counts, expected)
    np.testing.assert_array_equal(smoothed.counts(x, NOISE.passes, seed=0).numpy(), expected)
    np.testing.assert_array_equal(result.predict, expected.argmax(axis=1))
    np.testing.assert_array_equal(result.radius, NOISE.radius_from_counts(expected))
    np.testing.assert_array_equal(smoothed.predict(x), result.predict)
    assert len(set(result.predict)) > 1 and (result.radius > 0).any()
    frame = result.to_frame(labels=result.predict)
    assert (frame.alpha == 0).all() and (frame.n == NOISE.passes).all() and (frame.n0 == 0).all()
    np.testing.assert_array_equal(frame.n_top, expected.max(axis=1))
    assert set(frame.noise) == {"dssn template=0"} and set(frame.norm) == {"1"} and set(frame.dim) == {16}


def test_ties_go_to_the_first_class_and_cost_a_step():
    half = NOISE.passes // 2
    result = certify_exactly(np.array([[half, half], [half + 1, half - 1], [half - 1, half + 1]]), NOISE)
    np.testing.assert_array_equal(result.predict, [0, 0, 1])
    np.testing.assert_allclose(result.radius * 255, [0, 1, 0])


def test_the_radius_in_other_norms_is_smaller():
    counts = np.array([[NOISE.passes, 0]])
    radii = [certify_exactly(counts, NOISE, norm).radius[0] for norm in (1, 2, np.inf)]
    np.testing.assert_allclose(radii, radii[0] / np.array([1, 4, 16]))


def test_what_makes_no_sense_is_refused_in_one_line():
    smoothed = rs.Smoothed(classify, NOISE, 3)
    for call, words in (
        (lambda: smoothed.counts(images(), 100, seed=0), "consists of 220 copies, not 100"),
        (lambda: smoothed.certify_at(images(), 0.1, norm=1), "dssn noise is deterministic"),
        (lambda: smoothed.certify_within(images(), norm=1), "dssn noise is deterministic"),
        (lambda: certify_exactly(np.array([[3, 4]]), NOISE), "all 220 passes"),
        (lambda: smoothed.certify(images() + 0.001, norm=1), "8-bit"),
    ):
        with pytest.raises(ValueError, match=words) as error:
            call()
        assert "\n" not in str(error.value)
    with pytest.raises(NotImplementedError, match="l0"):
        smoothed.certify(images(), norm=0)


@pytest.mark.parametrize("name", ["ssn", "mask", "ablation"])
def test_other_noise_that_depends_on_the_image_is_sampled_as_usual(name):
    noise = rs.noise.make(name, dim=16, sigma=0.5)
    x, norm = images(), noise.norms[0]
    smoothed = rs.Smoothed(classify, noise, 3)
    counts = smoothed.counts(x, 300, seed=3)
    np.testing.assert_array_equal(rs.Smoothed(classify, noise, 3, batch_size=7).counts(x, 300, seed=3), counts)
    generator = rs.Smoothed(classify, noise, 3).stream(x[2], 3, 2, 1).generator  # purpose 1: estimation
    copies = torch.cat([noise.noisy(x[2], BLOCK, generator) for _ in range(3)])[:300]
    np.testing.assert_array_equal(torch.bincount(classify(copies).argmax(dim=1), minlength=3), counts[2])
    result = smoothed.certify(x, n0=50, n=400, alpha=0.01, norm=norm)
    p_lower = rs.bounds.clopper_pearson(result.counts.max(axis=1), 400, 0.01)
    certified = result.predict >= 0
    np.testing.assert_allclose(result.radius[certified], noise.radius(p_lower, norm)[certified])


@pytest.mark.parametrize(
    ("name", "own", "other"), [("mask", 0, 2), ("laplace", 1, 0), ("dssn", 1, 0), ("normal", 2, 0)]
)
def test_the_norm_is_the_noise_own_and_another_is_refused_before_any_work(name, own, other):
    asked = []

    def counting(batch):
        asked.append(len(batch))
        return classify(batch)

    smoothed = rs.Smoothed(counting, rs.noise.make(name, dim=16, sigma=0.5), 3)
    for certify in (
        smoothed.certify,
        smoothed.certify_within,
        lambda x, **options: smoothed.certify_at(x, 0.1, **options),
    ):
        with pytest.raises((NotImplementedError, ValueError)):
            certify(images(1), norm=other)
    assert not asked
    assert smoothed.certify(images(1), n0=10, n=20, alpha=0.1).norm == own
