"""CERTIFY and PREDICT where the truth is known: half-spaces, with p_A = Phi(margin / sigma) and the margin as radius."""

import numpy as np
import pytest
import torch
from scipy import stats
from soundness_helpers import repetitions

import resmooth as rs

SIGMA, ALPHA, REPETITIONS = 0.5, 0.01, repetitions(long=10_000, short=2_000)
NORMAL = rs.noise.make("normal", dim=2, sigma=SIGMA)


def half_space(images):
    """Class 1 where the first pixel is positive: the margin of an image is its first pixel."""
    first = images.flatten(1)[:, 0]
    return torch.stack([-first, first], dim=1)


def points(margins):
    x = torch.zeros(len(margins), 1, 1, 2)
    x[:, 0, 0, 0] = torch.as_tensor(margins)
    return x


@pytest.mark.parametrize("margin", [0.1, 0.5, 1.0])
def test_certified_radius_exceeds_the_margin_at_most_as_often_as_alpha(margin):
    smoothed = rs.Smoothed(half_space, NORMAL, 2)
    result = smoothed.certify(points([margin] * REPETITIONS), n0=10, n=200, alpha=ALPHA, seed=1)
    violations = np.sum((result.radius > margin) | ((result.predict == 0) & (result.radius > 0)))
    assert stats.binom.sf(violations - 1, REPETITIONS, ALPHA) > 1e-6
    assert np.mean(result.radius) > 0.05 * margin  # not safe by being useless


def test_the_test_above_would_notice_a_bound_without_confidence():
    counts = rs.Smoothed(half_space, NORMAL, 2).counts(points([0.5] * 2000), n=200, seed=1)
    radius = NORMAL.radius(counts[:, 1].numpy() / 200, norm=2)
    assert stats.binom.sf(np.sum(radius > 0.5) - 1, 2000, ALPHA) < 1e-6


def test_certificate_of_given_counts():
    result = rs.certify_from_counts(
        np.array([[9, 1], [9, 1], [1, 9]]), [[990, 10], [400, 600], [0, 1000]], NORMAL, 0.001
    )
    assert result.predict.tolist() == [0, -1, 1]
    lower = stats.beta.ppf(0.001, 990, 11)
    assert result.radius[0] == pytest.approx(SIGMA * stats.norm.ppf(lower), rel=1e-9)
    assert result.radius[1] == 0
    assert result.radius[2] == pytest.approx(SIGMA * 2.463, abs=SIGMA * 5e-4)  # the ceiling at n = 1,000


def test_the_selected_class_is_bounded_even_if_another_has_more_counts():
    result = rs.certify_from_counts([[6, 4]], [[10, 990]], NORMAL, 0.001)
    assert result.predict[0] == -1 and result.to_frame([0]).n_top[0] == 10


def test_the_noises_slack_lowers_the_bound_and_every_answer():
    exact = rs.noise.make("normal", dim=2, sigma=SIGMA, arithmetic="exact")
    exact.slack = 1e-3  # ten orders of magnitude above the true one, to be seen
    counts0, counts = [[9, 1], [9, 1], [1, 9]], [[990, 10], [550, 450], [0, 1000]]
    plain, less = (rs.certify_from_counts(counts0, counts, noise, 0.001) for noise in (NORMAL, exact))
    np.testing.assert_allclose(less.p_lower, plain.p_lower - 1e-3, rtol=1e-12)
    np.testing.assert_allclose(less.radius, exact.radius(less.p_lower, 2))
    assert less.predict.tolist() == [0, -1, 1] and np.all(less.radius[[0, 2]] < plain.radius[[0, 2]])
    for radius in (0.1, 0.5):
        assert np.array_equal(plain.p_lower >= exact.threshold(radius, 2), less.radius >= radius)
    assert rs.certify_from_counts([[9, 1]], [[0, 9]], exact, 0.001).p_lower[0] == 0


@pytest.mark.parametrize("method", [1, 2])
def test_predict_tests_at_a_level_less_the_slack_of_all_samples(method):
    counts = np.array([[70, 30], [66, 34], [640, 360], [58, 42]])
    for alpha in (0.001, 0.01, 0.2):
        for row in counts:
            expected = rs.predict_from_counts([row], max(alpha - row.sum() * 1e-5, 1e-300), method)
            assert rs.predict_from_counts([row], alpha, method, slack=1e-5) == expected
    assert rs.predict_from_counts([[10**6, 0]], 0.001, method, slack=1e-8).tolist() == [-1]  # n slack exceeds alpha


def test_bounds_by_name():
    counts0, counts, uniforms = [[9, 1], [9, 1]], [[990, 10], [1000, 0]], [0.3, 0.6]
    lower = {}
    for name in rs.bounds.BY_NAME:
        given = uniforms if name == "randomized" else None
        result = rs.certify_from_counts(counts0, counts, NORMAL, 0.001, bound=name, uniforms=given)
        assert result.bound == name and result.to_frame([0, 0]).p_lower.tolist() == result.p_lower.tolist()
        lower[name] = result.p_lower
    assert rs.certify_from_counts(counts0, counts, NORMAL, 0.001).bound == "clopper_pearson"
    assert np.all(lower["chebyshev"] < lower["clopper_pearson"])
    assert np.all(lower["clopper_pearson"] < lower["randomized"])
    np.testing.assert_array_equal(
        lower["randomized"], rs.bounds.randomized_clopper_pearson([990, 1000], 1000, 0.001, uniforms)
    )


@pytest.mark.parametrize(
    ("bound", "uniforms", "message"),
    [
        ("wilson", None, "unknown bound"),
        ("randomized", None, "needs"),
        ("clopper_pearson", [0.5], "belong to"),
        ("randomized", [0.5, 0.5], "one for each"),
        ("randomized", [0.0], "strictly"),
        ("randomized", [float("nan")], "strictly"),
    ],
)
def test_bad_bounds_and_uniforms_are_refused(bound, uniforms, message):
    with pytest.raises(ValueError, match=message):
        rs.certify_from_counts([[9, 1]], [[990, 10]], NORMAL, 0.001, bound=bound, uniforms=uniforms)


def test_randomised_certificates_violate_as_often_as_alpha_and_others_less_often():
    """Counts of n = 50 at p = 0.9, where Clopper-Pearson is far from its nominal error."""
    repetitions, alpha, p = 40_000, 0.05, 0.9
    generator = np.random.default_rng(0)
    top = generator.binomial(50, p, repetitions)
    counts, counts0 = np.stack([top, 50 - top], axis=1), np.tile([1, 0], (repetitions, 1))
    uniforms = generator.uniform(np.nextafter(0, 1), 1, repetitions)
    margin = NORMAL.radius(p, 2)
    exact = rs.certify_from_counts(counts0, counts, NORMAL, alpha, bound="randomized", uniforms=uniforms)
    plain = rs.certify_from_counts(counts0, counts, NORMAL, alpha)
    assert stats.binomtest(int(np.sum(exact.radius > margin)), repetitions, alpha).pvalue > 1e-6
    assert np.mean(plain.radius > margin) < 0.04
    assert np.mean(exact.radius) > np.mean(plain.radius)


def test_frame_has_the_fields_columns_first():
    frame = rs.certify_from_counts([[10, 0]], [[1000, 0]], NORMAL, 0.001).to_frame([0], idx=[20])
    assert list(frame.columns) == rs.storage.CERTIFICATE_COLUMNS
    assert frame.correct[0] == 1 and frame.idx[0] == 20 and frame.sigma[0] == SIGMA


@pytest.mark.parametrize("method", [1, 2])
def test_predict_returns_a_wrong_class_at_most_as_often_as_alpha(method):
    smoothed = rs.Smoothed(half_space, NORMAL, 2)
    classes = smoothed.predict(points([0.02] * REPETITIONS), n=50, alpha=ALPHA, method=method, seed=2)
    assert stats.binom.sf(np.sum(classes == 0) - 1, REPETITIONS, ALPHA) > 1e-6
    assert np.sum(classes == 1) > 0


def test_predict_p_values_are_those_of_binomtest():
    counts = np.array([[30, 15, 5], [26, 24, 0], [20, 5, 25], [48, 1, 1]])
    for alpha in (0.001, 0.01, 0.05, 0.3):
        one, two = (rs.predict_from_counts(counts, alpha, method) for method in (1, 2))
        for row, first, second in zip(counts, one, two):
            second_best, best = np.sort(row)[-2:]
            accept1 = stats.binomtest(best, row.sum(), 0.5, alternative="greater").pvalue <= alpha
            accept2 = stats.binomtest(best, best + second_best, 0.5).pvalue <= alpha
            assert first == (row.argmax() if accept1 else -1)
            assert second == (row.argmax() if accept2 else -1)


def test_only_predict2_answers_without_a_majority():
    counts = np.array([[450, 300, 250]])
    assert rs.predict_from_counts(counts, 0.001, method=1)[0] == -1
    assert rs.predict_from_counts(counts, 0.001, method=2)[0] == 0


def test_bad_counts_are_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        rs.certify_from_counts([[1, 2]], [[1, 2], [3, 4]], NORMAL, 0.001)
    with pytest.raises(ValueError, match="non-negative"):
        rs.certify_from_counts([[1, -2]], [[1, 2]], NORMAL, 0.001)
    with pytest.raises(ValueError, match="image 1 has no counts"):
        rs.certify_from_counts([[1, 0], [0, 0]], [[1, 2], [3, 4]], NORMAL, 0.001)
    with pytest.raises(ValueError, match="below 1/2"):
        rs.predict_from_counts([[1, 2]], 0.5, method=1)
    with pytest.raises(ValueError, match="method"):
        rs.predict_from_counts([[1, 2]], 0.001, method=3)
