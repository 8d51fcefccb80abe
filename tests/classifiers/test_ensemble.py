import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.classifiers.ensemble import classifier_names

GENERATOR = torch.Generator().manual_seed(1)
WEIGHTS = [torch.randn(64, 4, generator=GENERATOR) for _ in range(5)]
MEMBERS = [lambda images, weights=weights: images.flatten(1) @ weights for weights in WEIGHTS]
IMAGES = torch.rand(200, 1, 8, 8, generator=GENERATOR) - 0.5


def obvious_votes():
    """What each classifier says, by plain numpy, one image at a time."""
    scores = np.stack([(IMAGES.flatten(1) @ weights).numpy() for weights in WEIGHTS]).astype(np.float64)
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    votes = {f"member-{i + 1}": scores[i].argmax(axis=1) for i in range(5)}
    for size in range(1, 6):
        votes[f"soft-{size}"] = scores[:size].mean(axis=0).argmax(axis=1)
        votes[f"softmax-{size}"] = probabilities[:size].mean(axis=0).argmax(axis=1)
        ballots = np.stack([np.bincount(column, minlength=4) for column in scores[:size].argmax(axis=2).T])
        tied = np.where(ballots == ballots.max(axis=1, keepdims=True), probabilities[:size].mean(axis=0), -1)
        votes[f"vote-{size}"] = tied.argmax(axis=1)
    return votes


def test_every_classifier_of_one_pass():
    ensemble = rs.Ensemble(MEMBERS)
    votes, expected = ensemble.votes(IMAGES), obvious_votes()
    assert ensemble.names == classifier_names(5) and len(ensemble.names) == len(votes) == len(expected)
    for name, row in zip(ensemble.names, votes):
        np.testing.assert_array_equal(row, expected[name], err_msg=name)


def test_the_test_data_hold_ties_and_disagreement():
    votes = obvious_votes()
    assert np.any(votes["vote-2"] != votes["member-1"]) and np.any(votes["soft-5"] != votes["vote-5"])


def test_smoothing_an_ensemble_smooths_its_soft_mean():
    noise = rs.noise.make("normal", dim=64, sigma=0.3)
    ensemble = rs.Ensemble(MEMBERS)
    mean = rs.Smoothed(lambda images: torch.stack([member(images) for member in MEMBERS]).mean(dim=0), noise, 4)
    assert torch.equal(
        rs.Smoothed(ensemble, noise, 4).counts(IMAGES[:5], 500, seed=0), mean.counts(IMAGES[:5], 500, seed=0)
    )


def test_networks_of_an_ensemble_run_in_evaluation_mode():
    torch.manual_seed(0)
    networks = [rs.models.build("resnet8", 4, 1, 8) for _ in range(2)]
    smoothed = rs.Smoothed(rs.Ensemble(networks), rs.noise.make("normal", dim=64, sigma=0.3), 4)
    first = smoothed.counts(IMAGES[:2], 100, seed=0)
    assert all(network.training for network in networks)  # as the user left them
    for network in networks:
        network.eval()
    assert torch.equal(smoothed.counts(IMAGES[:2], 100, seed=0), first)


def test_an_empty_ensemble_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        rs.Ensemble([])
