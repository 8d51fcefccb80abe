import pytest
import torch

import resmooth as rs
from resmooth.classifiers.consensus import Consensus

GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(5, 64, 4, generator=GENERATOR)
IMAGES = torch.randn(300, 1, 8, 8, generator=GENERATOR)
MODELS = [lambda images, weights=weights: images.flatten(1) @ weights for weights in WEIGHTS]


def plain_loop(size):
    """K-consensus image by image, as the paper words it."""
    answers = []
    for image in IMAGES:
        scores = [model(image[None])[0] for model in MODELS]
        first = [int(score.argmax()) for score in scores[:size]]
        answers.append(first[0] if len(set(first)) == 1 else int(sum(scores).argmax()))
    return answers


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_consensus_is_the_first_members_agreement_or_the_whole_ensemble(size):
    consensus = Consensus(MODELS, size)
    assert consensus(IMAGES).argmax(dim=1).tolist() == plain_loop(size)
    first = torch.stack([model(IMAGES).argmax(dim=1) for model in MODELS[:size]])
    assert consensus.asked == 300 and consensus.agreed == int((first == first[0]).all(dim=0).sum())


def test_later_members_see_only_images_that_divide_the_first():
    seen = []
    models = [*MODELS[:2], lambda images: seen.append(len(images)) or MODELS[2](images)]
    consensus = Consensus(models, 2)
    consensus(IMAGES)
    assert seen == [consensus.asked - consensus.agreed] and 0 < seen[0] < 300


def test_consensus_is_certified_like_any_classifier():
    noise = rs.noise.make("normal", dim=64, sigma=0.5)
    counts = rs.Smoothed(Consensus(MODELS, 2), noise, 4, batch_size=37).counts(IMAGES[:3], n=200, seed=1)
    assert counts.sum(dim=1).tolist() == [200] * 3


@pytest.mark.parametrize("size", [0, 5])
def test_a_size_that_asks_nobody_or_everybody_is_refused(size):
    with pytest.raises(ValueError, match="fewer than all 5 members"):
        Consensus(MODELS, size)
