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
