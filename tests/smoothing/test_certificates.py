"""The one record of what smoothing says of images, and its table."""

import numpy as np
import pytest
import torch

import resmooth as rs
from resmooth.smoothing import sequential
from resmooth.smoothing.certificates import Certificates
from resmooth.smoothing.soft import certify_scores

NORMAL = rs.noise.make("normal", dim=64, sigma=0.5)
GENERATOR = torch.Generator().manual_seed(0)
WEIGHTS = torch.randn(64, 10, generator=GENERATOR)
IMAGES = torch.rand(6, 1, 8, 8, generator=GENERATOR)
LABELS = list(range(6))


def smoothed():
    return rs.Smoothed(lambda images: images.flatten(1) @ WEIGHTS, NORMAL, 10)


def test_every_procedure_returns_the_same_record_and_a_frame_of_what_it_knows():
    scores = np.array([[0.9, 0.1], [0.2, 0.8]])
    results = {
        "certify": smoothed().certify(IMAGES, n0=20, n=200),
        "certify_at": smoothed().certify_at(IMAGES, 0.1, n=500),
        "certify_within": smoothed().certify_within(IMAGES, n=500),
        "scores": certify_scores(scores, scores, scores * (1 - scores), 1000, NORMAL, 0.01),
    }
    for result in results.values():
        assert type(result) is Certificates
        assert (result.sigma, result.noise, result.dim, result.norm) == (0.5, "normal", 64, 2)
        frame = result.to_frame(LABELS[: len(result.predict)])
        assert np.array_equal(frame.predict, result.predict) and np.array_equal(frame.radius, result.radius)
        assert (frame.radius[frame.predict == -1] == 0).all() and rs.metrics.acr(frame, over="all") >= 0
    assert list(results["certify"].to_frame(LABELS).columns) == rs.storage.CERTIFICATE_COLUMNS
    columns = {name: list(result.to_frame(LABELS[: len(result.predict)])) for name, result in results.items()}
    shared = ["alpha", "sigma", "noise", "dim", "norm", "lift", "lipschitz"]
    first = ["idx", "label", "predict", "radius", "correct", "time"]
    assert columns["certify_at"] == [*first, "samples", "stage", *shared]
    assert columns["certify_within"] == [*first, "p_lower", "samples", "stage", *shared]
    assert columns["scores"] == [*first, "p_lower", "mean", "variance", "n", *shared]


def test_a_decided_radius_is_the_one_asked_for_or_0():
    result = smoothed().certify_at(IMAGES, 0.1, n=500)
    assert set(result.radius) <= {0.0, 0.1} and np.array_equal(result.radius > 0, result.certified)
    assert result.certified.any()


def test_the_votes_of_the_selected_class_are_there_without_a_frame():
    result = rs.certify_from_counts([[6, 4], [1, 9]], [[10, 990], [0, 1000]], NORMAL, 0.001)
    assert result.n_top.tolist() == [10, 1000] and result.selected.tolist() == [0, 1]
    assert result.n.tolist() == [1000, 1000] and result.n0.tolist() == [10, 10]


def test_groups_are_joined_in_order():
    parts = [Certificates(np.array([1, -1]), alpha=0.1), Certificates(np.array([3]), alpha=0.1)]
    whole = Certificates.joined(parts)
    assert whole.predict.tolist() == [1, -1, 3] and whole.alpha == 0.1 and whole.radius is None
    assert whole.certified.tolist() == [True, False, True]


def test_reports_of_sequential_rules_read_the_record():
    decisions = Certificates(np.array([0, -1]), samples=np.array([10, 30]), stage=np.array([1, 2]))
    assert sequential.sample_reduction_factor(decisions, n=20, n0=0) == 1
    assert sequential.stage_shares(decisions).tolist() == [[0.5, 0], [0, 0.5]]


def test_a_frame_needs_a_label_for_each_image():
    with pytest.raises(ValueError, match="2 certificates but 1 labels"):
        Certificates(np.array([0, 1])).to_frame([0])
