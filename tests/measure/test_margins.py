import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.measure.margins import COLUMNS, margin_rows

GENERATOR = torch.Generator().manual_seed(2)
SHARED = torch.randn(64, 4, generator=GENERATOR)
WEIGHTS = [SHARED + 0.7 * torch.randn(64, 4, generator=GENERATOR) for _ in range(3)]
IMAGE = torch.rand(1, 8, 8, generator=GENERATOR)


def smoothed(batch_size=1000):
    members = [lambda images, weights=weights: images.flatten(1) @ weights for weights in WEIGHTS]
    return rs.Smoothed(rs.Ensemble(members), rs.noise.make("normal", dim=64, sigma=0.3), 4, batch_size)


def test_margins_of_linear_members_have_their_exact_mean_and_covariance():
    rows = margin_rows(smoothed(), IMAGE, 40_000, seed=0, index=7, label=2)
    directions = np.stack(
        [(weights[:, rows[0]["top"]] - weights[:, rows[0]["runner_up"]]).numpy() for weights in WEIGHTS]
    )
    mean, covariance = directions @ IMAGE.flatten().numpy(), 0.3**2 * directions @ directions.T
    order = np.argsort(np.mean([IMAGE.flatten().numpy() @ weights.numpy() for weights in WEIGHTS], axis=0))[::-1]
    for number, row in enumerate(rows, start=1):
        assert list(row) == COLUMNS and row["half"] == number and row["draws"] == 20_000 and row["idx"] == 7
        assert [row["top"], row["runner_up"]] == order[:2].tolist()
        spread = np.sqrt(np.diag(covariance) / 20_000)
        assert np.all(np.abs(row["mean"] - mean) < 5 * spread)
        np.testing.assert_allclose(np.reshape(row["covariance"], (3, 3)), covariance, rtol=0.06)
    assert rows[0]["mean"] != rows[1]["mean"]  # the halves share no draw


def test_margins_do_not_depend_on_the_batch_size():
    first, second = (margin_rows(smoothed(size), IMAGE, 300, seed=0, index=0, label=0) for size in (64, 1000))
    np.testing.assert_allclose(first[1]["covariance"], second[1]["covariance"], rtol=1e-5)


def test_too_few_draws_are_refused():
    with pytest.raises(ValueError, match="at least 4"):
        margin_rows(smoothed(), IMAGE, 3, seed=0, index=0, label=0)
