import time

import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.classifiers.consensus import Consensus
from resmooth.measure import decisions

GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(3, 64, 4, generator=GENERATOR)
MODELS = [lambda images, weights=weights: images.flatten(1) @ weights for weights in WEIGHTS]
IMAGES = torch.rand(70, 1, 8, 8, generator=GENERATOR)
INDICES = list(range(5, 75))
SIZES = {"alpha": 0.001, "n0": 20, "n": 300, "stages": [50, 400]}
NOISE = rs.noise.make("normal", dim=64, sigma=0.5)


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    smoothed, state = rs.Smoothed(rs.Ensemble(MODELS), NOISE, 4), tmp_path_factory.mktemp("state")
    labels = np.arange(70) % 4
    return decisions.compare_procedures(smoothed, IMAGES, labels, INDICES, [0.1, 0.4], SIZES, 2, 7, state, {"run": 1})


def test_the_table_says_what_each_classifier_is(frame):
    assert list(frame.columns) == decisions.COLUMNS and len(frame) == 70 * 2 * 4 * 2
    named = frame[["classifier", "aggregation", "members"]].drop_duplicates().to_records(index=False).tolist()
    assert named == [("soft-3", "soft", 3), ("consensus-2", "consensus", 2)]


def test_the_fixed_rule_is_certify(frame):
    for name, classifier in (("soft-3", rs.Ensemble(MODELS)), ("consensus-2", Consensus(MODELS, 2))):
        result = rs.Smoothed(classifier, NOISE, 4).certify(IMAGES, 20, 300, seed=7, index=INDICES)
        for radius in (0.1, 0.4):
            part = frame[(frame.rule == "fixed") & (frame.classifier == name) & (frame.radius == radius)]
            assert part.idx.tolist() == INDICES and part.label.tolist() == [i % 4 for i in range(70)]
            assert part.predict.tolist() == np.where(result.radius >= radius, result.predict, -1).tolist()


@pytest.mark.parametrize("rule", ["adaptive", "union_bound", "confidence_sequence"])
def test_the_other_rules_are_certify_at(frame, rule):
    options = {"stages": [50, 400], "n0": 20} if rule == "adaptive" else {"n": 300}
    decided = rs.Smoothed(rs.Ensemble(MODELS), NOISE, 4).certify_at(IMAGES, 0.4, rule, 0.001, 7, INDICES, **options)
    part = frame[(frame.rule == rule) & (frame.classifier == "soft-3") & (frame.radius == 0.4)]
    assert part.predict.tolist() == decided.predict.tolist() and part.samples.tolist() == decided.samples.tolist()


@pytest.mark.parametrize("rule", ["adaptive", "union_bound", "confidence_sequence"])
def test_consensus_is_decided_as_its_classifier_decides_alone(frame, rule):
    options = {"stages": [50, 400], "n0": 20} if rule == "adaptive" else {"n": 300}
    alone = rs.Smoothed(Consensus(MODELS, 2), NOISE, 4)
    decided = alone.certify_at(IMAGES, 0.4, rule, 0.001, 7, INDICES, **options)
    part = frame[(frame.rule == rule) & (frame.classifier == "consensus-2") & (frame.radius == 0.4)]
    assert part.predict.tolist() == decided.predict.tolist() and part.samples.tolist() == decided.samples.tolist()


def test_the_share_on_which_the_first_members_agree_is_that_of_the_classifier_alone(frame):
    alone = rs.Smoothed(Consensus(MODELS, 2), NOISE, 4)
    alone.certify(IMAGES[:64], 20, 300, seed=7, index=INDICES[:64])
    part = frame[(frame.rule == "fixed") & (frame.classifier == "consensus-2") & (frame.radius == 0.4)]
    assert part.agreed.iloc[0] == pytest.approx(alone.classifier.agreed / alone.classifier.asked, abs=1e-12)


def test_each_member_sees_each_copy_once_and_consensus_pays_for_the_members_that_it_asks(tmp_path, monkeypatch):
    """By a clock that the members alone advance: two take 1 s for an image, the third takes 8."""
    clock, seen = [0.0], [0, 0, 0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def member(number):
        def scores(images):
            seen[number] += len(images)
            clock[0] += (1, 1, 8)[number] * len(images)
            return MODELS[number](images)

        return scores

    smoothed = rs.Smoothed(rs.Ensemble([member(number) for number in range(3)]), NOISE, 4, batch_size=16)
    labels, indices = np.zeros(8, dtype=int), list(range(8))
    found = decisions.compare_procedures(
        smoothed, IMAGES[:8], labels, indices, [0.1], SIZES, 2, 7, tmp_path, {"run": 1}
    )
    assert seen[0] == seen[1] == seen[2] < 2 * 8 * 320
    fixed = found[found.rule == "fixed"].groupby("classifier")[["agreed", "seconds"]].first()
    assert fixed.agreed["soft-3"] == 1 and 0.1 < fixed.agreed["consensus-2"] < 0.9
    assert fixed.seconds["soft-3"] == pytest.approx(320 * 10)
    assert fixed.seconds["consensus-2"] == pytest.approx(320 * (10 - 8 * fixed.agreed["consensus-2"]))
