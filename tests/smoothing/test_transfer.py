import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.smoothing import streams

NORMAL = rs.noise.make("normal", dim=64, sigma=0.5)
GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(64, 10, generator=GENERATOR)
IMAGES = torch.rand(4, 1, 8, 8, generator=GENERATOR)
SIZES = {"n0": 50, "n": 1000, "trials": 300}


def linear(images):
    return images.flatten(1) @ WEIGHTS


def coarse(images):
    """About the classes of `linear`, from pixels rounded to eighths."""
    return (images.flatten(1) * 8).round() @ WEIGHTS / 8


def transferred(counts, disagreements, trials, **options):
    counts0 = np.zeros_like(counts)
    counts0[:, 0] = 100
    return rs.transfer.certify_transferred(counts0, counts, disagreements, trials, NORMAL, **options)


def test_zero_disagreements_in_ten_thousand_cost_less_than_a_thousandth():
    result = transferred(np.array([[100_000, 0]]), [0], 10_000, alpha=0.001)
    assert result.zeta[0] == pytest.approx(1 - 0.0005 ** (1 / 10_000), rel=1e-12) == pytest.approx(0.00076, abs=5e-6)
    assert result.p_lower[0] == pytest.approx(0.0005 ** (1 / 100_000) - result.zeta[0], abs=1e-15)
    assert result.radius[0] == NORMAL.radius(result.p_lower[0], 2) == pytest.approx(0.5 * 3.1433, abs=1e-4)
    assert result.alpha == 0.001 and result.predict.tolist() == [0]


def test_both_bounds_have_their_part_of_alpha():
    counts, disagreements = np.array([[900, 100], [600, 400], [510, 490]]), np.array([2, 0, 1])
    result = transferred(counts, disagreements, 500, alpha=0.05, alpha_z=0.01)
    zeta = rs.bounds.clopper_pearson(disagreements, 500, 0.01, "upper")
    p_lower = rs.bounds.clopper_pearson(counts[:, 0], 1000, 0.04) - zeta
    np.testing.assert_allclose(result.p_lower, p_lower, rtol=1e-12)
    np.testing.assert_allclose(result.zeta, zeta, rtol=1e-12)
    assert result.predict.tolist() == [0, 0, -1] and result.radius[2] == 0
    frame = result.to_frame([0, 1, 0])
    assert frame.correct.tolist() == [1, 0, 0] and frame.zeta.tolist() == zeta.tolist()


def test_the_slack_is_subtracted_once():
    exact = rs.noise.make("normal", dim=64, sigma=0.5, arithmetic="exact")
    counts = np.array([[950, 50]])
    with_slack = rs.transfer.certify_transferred(counts, counts, [0], 100, exact, 0.05)
    assert exact.slack > 0
    assert with_slack.p_lower[0] == pytest.approx(transferred(counts, [0], 100, alpha=0.05).p_lower[0] - exact.slack)


def test_nothing_is_certified_where_the_two_always_disagree():
    result = transferred(np.array([[1000, 0]]), [100], 100, alpha=0.05)
    assert result.zeta[0] == 1 and result.p_lower[0] == 0 and result.predict[0] == -1 and result.radius[0] == 0


def test_counts_and_disagreements_equal_a_plain_loop():
    fast, exact = (rs.Smoothed(function, NORMAL, 10, batch_size=70) for function in (coarse, linear))
    result = rs.transfer.certify(fast, exact, IMAGES, **SIZES, alpha=0.05, seed=3, index=[5, 0, 9, 2])
    disagreements = []
    for image, index in zip(IMAGES, (5, 0, 9, 2)):
        noisy = torch.empty(300, 1, 8, 8)
        streams.Stream(NORMAL, image, 3, index, streams.ESTIMATION).take(noisy)
        disagreements.append(int((coarse(noisy).argmax(1) != linear(noisy).argmax(1)).sum()))
    twin = fast.certify(IMAGES, 50, 1000, 0.05, seed=3, index=[5, 0, 9, 2])
    np.testing.assert_array_equal(result.counts, twin.counts)
    np.testing.assert_array_equal(result.counts0, twin.counts0)
    assert sum(disagreements) > 0
    expected = rs.transfer.certify_transferred(twin.counts0, twin.counts, disagreements, 300, NORMAL, 0.05)
    np.testing.assert_array_equal(result.radius, expected.radius)
    np.testing.assert_array_equal(result.zeta, expected.zeta)
    assert np.all(result.radius <= twin.radius)


@pytest.mark.parametrize("precision", ["bfloat16", "int8"])
def test_the_exact_network_sees_its_images_unrounded(precision):
    """Its votes are those that it casts alone, also beside a twin that rounds the images."""
    model = rs.models.build("resnet8", 10, 1, 8).eval()
    fast, exact = (rs.Smoothed(model, NORMAL, 10, precision=name) for name in (precision, "float32"))
    result = rs.transfer.certify(fast, exact, IMAGES[:2], n0=20, n=400, trials=400)
    np.testing.assert_array_equal(result.counts, fast.counts(IMAGES[:2], 400, seed=0))
    noisy, other = (smoothed.batch(400, (1, 8, 8)) for smoothed in (exact, fast))
    for image, zeta in zip(IMAGES[:1], result.zeta):
        for smoothed, buffer in ((exact, noisy), (fast, other)):
            smoothed.stream(image, 0, 0, streams.ESTIMATION).take(buffer)
        with torch.inference_mode():
            disagreements = int((exact.vote(noisy) != fast.vote(other)).sum())
        assert zeta == rs.bounds.clopper_pearson(disagreements, 400, 0.0005, "upper")


def test_no_images_and_ensembles():
    model = rs.models.build("resnet8", 10, 1, 8).eval()
    fast, exact = (
        rs.Smoothed(rs.Ensemble([model, linear]), NORMAL, 10, precision=name) for name in ("auto", "float32")
    )
    assert len(rs.transfer.certify(fast, exact, IMAGES[:0], **SIZES).predict) == 0
    result = rs.transfer.certify(fast, exact, IMAGES[:1], **SIZES)
    np.testing.assert_array_equal(result.counts, fast.counts(IMAGES[:1], 1000, seed=0))


def test_equal_networks_never_disagree():
    fast, exact = (rs.Smoothed(linear, NORMAL, 10) for _ in range(2))
    result = rs.transfer.certify(fast, exact, IMAGES, **SIZES)
    assert np.all(result.zeta == rs.bounds.clopper_pearson(0, 300, 0.0005, "upper"))


def test_misuse_is_refused_in_one_line():
    fast, counts = rs.Smoothed(coarse, NORMAL, 10), np.array([[900, 100]])
    other = rs.Smoothed(linear, rs.noise.make("normal", dim=64, sigma=0.25), 10)
    broken = rs.Smoothed(lambda images: linear(images) * float("nan"), NORMAL, 10)
    dssn = rs.noise.make("dssn", dim=64, sigma=0.5)
    for call, message in [
        (lambda: rs.transfer.certify(fast, other, IMAGES, **SIZES), "smoothed with"),
        (lambda: rs.transfer.certify(fast, rs.Smoothed(linear, NORMAL, 11), IMAGES, **SIZES), "num_classes 10 and 11"),
        (lambda: rs.transfer.certify(fast, fast, IMAGES, n=100, trials=101), "at most n = 100"),
        (lambda: rs.transfer.certify(fast, broken, IMAGES, **SIZES), "not a number"),
        (lambda: transferred(counts, [0], 10, alpha=0.05, alpha_z=0.05), "between 0 and alpha"),
        (lambda: transferred(counts, [0, 1], 10, alpha=0.05), "1 images but"),
        (lambda: transferred(counts, [11], 10, alpha=0.05), "successes"),
        (lambda: rs.transfer.certify_transferred(counts, counts, [0], 10, dssn, 0.05), "deterministic"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


SPACES = [{"noise_space": "image"}, {"noise_space": "resized"}, {"noise_space": "patch"}]
REDRAWN = [{"noise_space": space, "layout": "random", "redraw": "copy"} for space in ("image", "patch")]


@pytest.mark.parametrize("where", SPACES + REDRAWN, ids=str)
def test_patches_are_transferred_with_their_lift(where):
    """The fast classifier sees the copies of its own `certify`, and radii are divided by the norm of the lift."""
    fast, exact = (rs.Smoothed(rs.Patches(model, 10, 8, **where), NORMAL, 10) for model in (coarse, linear))
    found = rs.transfer.certify(fast, exact, IMAGES, **SIZES, seed=1)
    own = fast.certify(IMAGES, SIZES["n0"], SIZES["n"], seed=1)
    assert np.array_equal(found.counts, own.counts) and np.array_equal(found.selected, own.selected)
    assert found.lift == own.lift and found.lipschitz == own.lipschitz
    both = own.radius > 0
    assert both.any() and (found.radius[both] < own.radius[both]).all()
    twins = rs.transfer.certify(exact, exact, IMAGES, **SIZES, seed=1)
    assert np.allclose(twins.zeta, rs.bounds.clopper_pearson(0, SIZES["trials"], 0.0005, "upper"))


def test_other_patches_are_other_noise():
    fast, exact = (rs.Smoothed(rs.Patches(linear, side, 8), NORMAL, 10) for side in (9, 10))
    rs.transfer.certify(fast, exact, IMAGES, **SIZES)  # one noise on the image: two classifiers of it
    fast, exact = (rs.Smoothed(rs.Patches(linear, side, 8, noise_space="resized"), NORMAL, 10) for side in (9, 10))
    with pytest.raises(ValueError, match="they must agree"):
        rs.transfer.certify(fast, exact, IMAGES, **SIZES)
