import numpy as np
import pytest

import resmooth as rs
from resmooth.smoothing.soft import certify_scores

NORMAL = rs.noise.make("normal", dim=64, sigma=0.5)


def test_certificates_of_scores():
    mean0 = np.array([[0.8, 0.2, 0.0], [0.2, 0.8, 0.0], [0.4, 0.35, 0.25]])
    mean = np.array([[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.51, 0.3, 0.19]])
    variance = np.full((3, 3), 0.01)
    result = certify_scores(mean0, mean, variance, 1000, NORMAL, 0.001)
    assert result.predict.tolist() == [0, -1, -1] and result.selected.tolist() == [0, 1, 0]
    bound = rs.bounds.empirical_bernstein(0.9, 0.01, 1000, 0.001)
    assert result.p_lower[0] == bound and result.radius[0] == NORMAL.radius(bound, 2) > 0
    assert result.radius[1:].tolist() == [0, 0]
    hoeffding = certify_scores(mean0, mean, variance, 1000, NORMAL, 0.001, bound="hoeffding", norm=np.inf)
    assert hoeffding.p_lower[0] == rs.bounds.hoeffding(0.9, 1000, 0.001) < bound
    assert hoeffding.radius[0] == NORMAL.radius(hoeffding.p_lower[0], np.inf)
    frame = result.to_frame([0, 1, 2], idx=[5, 6, 7])
    assert frame.correct.tolist() == [1, 0, 0] and frame.idx.tolist() == [5, 6, 7]
    assert rs.metrics.certified_accuracy(frame, 0.0) == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="3 certificates"):
        result.to_frame([0])


def test_slack_of_exact_arithmetic_is_subtracted():
    exact = rs.noise.make("normal", dim=64, sigma=0.5, arithmetic="exact")
    table = np.array([[0.9, 0.1]]), np.array([[0.9, 0.1]]), np.array([[0.01, 0.01]])
    assert exact.slack > 0
    loose, tight = certify_scores(*table, 1000, exact, 0.001), certify_scores(*table, 1000, NORMAL, 0.001)
    assert loose.p_lower[0] == tight.p_lower[0] - exact.slack


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bound": "clopper_pearson"}, "unknown bound 'clopper_pearson'"),
        ({"mean0": [[0.5, 0.5]]}, "must be tables"),
        ({"mean": [[0.9, 0.3], [0.5, 0.5]]}, "do not sum to one"),
        ({"n": 1}, "at least 2"),
        ({"variance": [[0.5, 0.5], [0.1, 0.1]]}, "no such scores"),
        ({"alpha": 0.0}, "alpha"),
    ],
)
def test_senseless_statistics_are_refused(change, words):
    table = {"mean0": [[0.9, 0.1]] * 2, "mean": [[0.9, 0.1]] * 2, "variance": [[0.01, 0.01]] * 2}
    settings = {**table, "n": 100, "noise": NORMAL, "alpha": 0.01} | change
    with pytest.raises(ValueError, match=words):
        certify_scores(**settings)
