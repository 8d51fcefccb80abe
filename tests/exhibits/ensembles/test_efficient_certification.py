"""Certification with fewer evaluations: factors and agreement by hand, verdicts follow planted decisions."""

import itertools

import numpy as np
import pytest
from exhibits import synthetic

from resmooth.exhibits import exhibit
from resmooth.exhibits.ensembles import _efficient_findings, _efficient_numbers
from resmooth.exhibits.ensembles import efficient_certification as module

EFFICIENT = exhibit("ensembles/efficient_certification")
N = 520  # samples of the fixed rule in config/tiny.yaml, those of selection included
FIXED = {"samples": N, "stage": 1}
RULES = ("fixed", "adaptive", "union_bound", "confidence_sequence")


def planted(tmp_path, samples=70, stage=1, other=(), agreed=0.8, images=20, seeds=2, **sections):
    """Frames of a run whose rules draw `samples` for every image, and decide unlike the fixed rule on images `other`."""
    run = synthetic.run(tmp_path, seeds=seeds, images=images, sigmas=(0.25, 0.5), **sections)
    classifiers, baseline = (
        [f"soft-{seeds}"] + ["consensus-1"] * bool(run.config["decide"]["consensus"]),
        ("fixed", f"soft-{seeds}"),
    )

    def rows(case):
        drawn = {"samples": samples, "stage": stage}
        for index, classifier, rule, r in itertools.product(range(images), classifiers, RULES, (0.5, 1.0)):
            unlike = index in other and (rule, classifier) != baseline
            about = {"idx": index, "label": 0, "classifier": classifier, "rule": rule, "radius": r * case.level}
            about |= {"predict": -1 if unlike else 0, "agreed": agreed if classifier == "consensus-1" else 1.0}
            yield about | (FIXED if rule == "fixed" else drawn) | {"seconds": 0.1}

    synthetic.measure(run, "procedures", rows)
    return EFFICIENT.compute(run)


def findings(frames):
    return {each.claim.removeprefix("ensembles-"): each for each in EFFICIENT.findings(frames) if each.claim}


def metric(frames, name, method):
    results = frames["results"]
    return results[(results.metric == name) & (results.method == method)].value.to_numpy()


def test_factors_by_hand(tmp_path):
    frames = planted(tmp_path, samples=70, agreed=0.8)
    assert metric(frames, "SampleRF", "adaptive") == pytest.approx(N / 70)
    assert metric(frames, "SampleRF", "consensus, all samples") == pytest.approx(1)
    assert metric(frames, "evaluations", "consensus, all samples") == pytest.approx(2 / (1 + 0.2))
    assert metric(frames, "evaluations", "adaptive + consensus") == pytest.approx(N / 70 * 2 / 1.2)
    assert metric(frames, "certified at stage 1 [%]", "adaptive") == pytest.approx(100)
    assert frames["stages"].samples.tolist() == [70, 590]


def test_fewer_samples_are_a_saving_and_more_are_none(tmp_path):
    found = findings(planted(tmp_path / "few", samples=70))
    assert found["adaptive_saves"].verdict == "holds" and found["consensus_saves"].verdict == "holds"
    assert found["adaptive_55_fold"].verdict == "not comparable"
    assert findings(planted(tmp_path / "many", samples=590, stage=2))["adaptive_saves"].verdict == "fails"


def test_a_schedule_that_allows_it_is_held_against_the_printed_factor(tmp_path):
    decide = {
        "start": 0,
        "stop": 20,
        "step": 1,
        "radii": [0.5, 1.0],
        "n0": 5,
        "n": 515,
        "stages": [4, 500],
        "consensus": 0,
    }
    frames = planted(tmp_path, samples=9, decide=decide)
    found = findings(frames)
    assert found["adaptive_55_fold"].verdict == "holds" and found["adaptive_55_fold"].value == pytest.approx(N / 9)
    assert "consensus_saves" not in found  # this run leaves it out
    assert EFFICIENT.draw(frames).subfigs


def test_agreement_counts_images(tmp_path):
    frames = planted(tmp_path, other=(3, 4, 5), images=10)
    alike = frames["alike"]
    assert alike.value.to_numpy() == pytest.approx(70)
    kinds = _efficient_numbers.kinds_of(_efficient_numbers.runs_of(frames["decisions"]))
    assert _efficient_findings.agreement(kinds, "adaptive") == (
        "28 of 40 decisions (12 lost) and in every one on 7 of 10 images",
        7,
        10,
    )


def test_decisions_alike_on_many_images_are_nearly_the_same(tmp_path):
    claims = ("adaptive_decides_alike", "consensus_decides_alike")
    found = findings(planted(tmp_path / "alike", images=120))
    assert {found[claim].verdict for claim in claims} == {"holds"}
    found = findings(planted(tmp_path / "other", images=120, other=range(30)))
    assert {found[claim].verdict for claim in claims} == {"fails"}
    found = findings(planted(tmp_path / "few", images=10))
    assert {found[claim].verdict for claim in claims} == {"not resolved"}


def test_consensus_that_never_agrees_saves_nothing(tmp_path):
    assert findings(planted(tmp_path, agreed=0.0))["consensus_saves"].verdict != "holds"


def test_one_image_resolves_nothing_and_all_is_drawn(tmp_path):
    frames = planted(tmp_path, images=1)
    assert findings(frames)["adaptive_saves"].verdict == "not resolved"
    assert not any("nan" in each.reason for each in EFFICIENT.findings(frames))
    assert EFFICIENT.draw(frames).subfigs and "1 images" in EFFICIENT.here(frames)
    summary = module.summary(EFFICIENT.table(frames))
    assert summary.method.tolist() == list(_efficient_numbers.METHODS) and np.all(summary["lost [images]"] == 0)


def test_one_seed_or_no_decisions_is_no_exhibit(tmp_path):
    assert EFFICIENT.needs(synthetic.run(tmp_path, seeds=1)) is None
    assert EFFICIENT.needs(synthetic.run(tmp_path, decide=None)) is None
