"""CERTIFY and PREDICT where the truth is known: half-spaces, with p_A = Phi(margin / sigma) and the margin as radius."""

import numpy as np
import pytest
import torch
from scipy import stats

import resmooth as rs

SIGMA, ALPHA, REPETITIONS = 0.5, 0.01, 10_000
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


def test_frame_has_the_fields_columns_first():
    frame = rs.certify_from_counts([[10, 0]], [[1000, 0]], NORMAL, 0.001).to_frame([0], idx=[20])
    assert list(frame.columns) == rs.storage.CERTIFICATE_COLUMNS
    assert frame.correct[0] == 1 and frame.idx[0] == 20 and frame.sigma[0] == SIGMA


@pytest.mark.parametrize("method", [1, 2])
def test_predict_returns_a_wrong_class_at_most_as_often_as_alpha(method):
    smoothed = rs.Smoothed(half_space, NORMAL, 2)
    classes = smoothed.predict(points([0.02] * 5000), n=50, alpha=ALPHA, method=method, seed=2)
    assert stats.binom.sf(np.sum(classes == 0) - 1, 5000, ALPHA) > 1e-6
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
