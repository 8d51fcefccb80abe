import numpy as np
import pytest

from resmooth.theory import variance


def test_model_equals_exact_variance_of_equicorrelated_members():
    for zeta in (0.0, 0.3, 1.0):
        covariance = 2.0 * (zeta + (1 - zeta) * np.eye(6))
        assert variance.correlation(covariance) == pytest.approx(zeta)
        for k in range(1, 7):
            assert variance.ensemble_variance(covariance, k) == pytest.approx(2.0 * variance.variance_ratio(zeta, k))


def test_ratio_starts_at_one_and_tends_to_zeta():
    assert variance.variance_ratio(0.4, 1) == 1
    assert variance.variance_ratio(0.4, 10**9) == pytest.approx(0.4)


def test_against_simulated_margins():
    rng = np.random.default_rng(0)
    margins = rng.multivariate_normal(np.zeros(4), 0.5 + 0.5 * np.eye(4), 200_000).T
    covariance = np.cov(margins)
    assert variance.correlation(covariance) == pytest.approx(0.5, abs=0.01)
    assert variance.ensemble_variance(covariance, 3) == pytest.approx(margins[:3].mean(axis=0).var(), rel=1e-3)


def test_batches_of_covariances_and_a_single_member():
    assert variance.correlation(np.stack([np.eye(3), np.ones((3, 3))])).tolist() == [0, 1]
    with pytest.raises(ValueError, match="at least two"):
        variance.correlation([[1.0]])
