import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.measure import Subject, draws, run, votes

IMAGES = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(0))
WEIGHTS = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))


def linear(images):
    return images.flatten(1) @ WEIGHTS


def other(images):
    return images.flatten(1) ** 2 @ WEIGHTS


def subject(classifier):
    smoothed = rs.Smoothed(classifier, rs.noise.make("normal", dim=64, sigma=0.5), 4, 40)
    smoothed.build((1, 8, 8))
    return Subject(smoothed, IMAGES, np.array([3, 0, 1]), [10, 20, 35], 7, {"run": 1})


def measured(measurement, folder):
    folder.mkdir(exist_ok=True)
    return run(measurement, folder)


def of(frame, classifier):
    """Scores [images, n, K] of one classifier."""
    part = frame[frame.classifier == classifier]
    return np.stack(part.scores).reshape(3, -1, 4)


@pytest.mark.parametrize("space", ["image", "resized", "patch"])
def test_they_are_what_patches_count(space, tmp_path):
    """The classes of the first copies are those of `votes`; scores are probabilities, reduced as each name says."""
    made = rs.Patches(linear, 10, 8, noise_space=space, sizes=(4, 9), patches=9, centre=True)
    frame = measured(draws.draws(subject(made), 200), tmp_path / "draws")
    assert list(frame.columns) == draws.COLUMNS and len(frame) == 3 * len(made.names) * 200
    assert frame.idx.unique().tolist() == [10, 20, 35] and frame.label.unique().tolist() == [3, 0, 1]
    counted = measured(votes.votes(subject(made), 10, 200), tmp_path / "votes").set_index(["classifier", "idx"])
    for name in made.names:
        scores = of(frame, name)
        assert scores.min() >= 0 and scores.max() <= 1
        counts = [np.bincount(row, minlength=4) for row in scores.argmax(axis=2)]
        assert np.array_equal(counts, np.stack(counted.loc[name].counts)), name
        total = scores.sum(axis=2)
        assert np.allclose(total, 1, atol=1e-5) if not name.startswith("max-") else (total >= 1 - 1e-5).all()
    assert (of(frame, "max-9") >= of(frame, "max-4") - 1e-6).all() and of(frame, "max-4").sum(axis=2).max() > 1.01


def test_of_an_ensemble_they_are_those_of_each_member(tmp_path):
    frame = measured(draws.draws(subject(rs.Ensemble([linear, other])), 150), tmp_path)
    alone = measured(draws.draws(subject(rs.Ensemble([other])), 150), tmp_path / "alone")
    assert frame.classifier.unique().tolist() == ["member-1", "member-2"]
    assert np.allclose(of(frame, "member-2"), of(alone, "member-1"), atol=1e-6)
    assert np.allclose(of(frame, "member-1").sum(axis=2), 1, atol=1e-5)
