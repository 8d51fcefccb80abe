"""Samples against members: budgets and radii by hand, verdicts follow planted votes."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from scipy.special import ndtri

from resmooth import storage
from resmooth.exhibits import exhibit
from resmooth.exhibits.ensembles import _samples_numbers
from resmooth.smoothing.bounds import clopper_pearson

SAMPLES = exhibit("ensembles/samples_vs_members")
STEP, N, N0 = 20, 200, 20


def planted(tmp_path, share, images=30, seeds=2, sigmas=(0.25,), architectures=("resnet8",)):
    """Frames of a run in which each classifier gives the label share(case, kind, number) [images] of all votes, in every step."""
    run = synthetic.run(tmp_path, architectures, seeds, sigmas, images)
    for case in run.cases:
        rows = [
            row(index, name, votes)
            for name in case.experiment.classifiers
            for index, votes in enumerate(STEP * np.asarray(share(case, *name.split("-"))))
        ]
        about = {"noise": "normal", "dim": 64, "sigma": case.level, "arithmetic": "float", "n0": N0, "n": N}
        (path,) = run.counts(*case.key)
        storage.write_counts(path, pd.DataFrame(rows), about)
    return SAMPLES.compute(run)


def row(index, classifier, votes):
    """One line of a counts file: `votes` of STEP for class 1, which is the label, the rest for class 0."""
    right = round(float(votes))
    step, slots = [STEP - right, right], N // STEP
    counts = [slots * each for each in step]
    about = {"idx": index, "label": 1, "classifier": classifier, "counts0": [0, N0], "counts": counts, "n0": N0, "n": N}
    return about | {"seconds": 0.0, "uniform": 0.5, "step": STEP, "by_step": step * slots}


def findings(frames):
    return {each.claim.removeprefix("ensembles-"): each for each in SAMPLES.findings(frames) if each.claim}


def test_budgets_by_hand():
    sizes = _samples_numbers.budgets(members=3, budget=1000, n0=100, step=50, alpha=0.001)
    assert sizes.n.tolist() == [1000, 500, 300]
    assert sizes.n_strict.tolist() == [1000, 450, 250]
    assert sizes.ceiling.to_numpy() == pytest.approx(ndtri(0.001 ** (1 / sizes.n)))
    assert _samples_numbers.budgets(5, 100, 0, 50, 0.001).k.tolist() == [1, 2]  # a third of the budget holds no step


def test_radii_are_those_of_clopper_pearson_by_the_first_samples(tmp_path):
    frames = planted(tmp_path, lambda *_: np.linspace(0.3, 1, 30))
    radii = frames["radii"]
    for n in (N, N // 2):
        top = np.round(STEP * np.linspace(0.3, 1, 30)) * n / STEP
        bound = clopper_pearson(top, n, 0.001)
        expected = np.where(bound >= 0.5, ndtri(bound), -1)
        assert radii[radii.n == n]["soft-2"].to_numpy() == pytest.approx(expected)


def test_members_that_are_no_better_lose_at_equal_evaluations(tmp_path):
    found = findings(planted(tmp_path, lambda *_: np.linspace(0.8, 1, 30)))
    assert found["members_beat_samples"].verdict == "fails" and found["members_beat_samples"].value < 0


def test_far_better_ensembles_win(tmp_path):
    def share(case, kind, number):
        return np.linspace(0.75, 0.8, 30) if kind == "member" else np.linspace(0.9, 0.95, 30)

    assert findings(planted(tmp_path, share))["members_beat_samples"].verdict == "holds"


def test_more_samples_help_where_certificates_are_out_of_reach(tmp_path):
    easy, hard = np.full(60, 0.999), np.full(60, 0.65)  # 65 of 100 bounds p by 0.49, 130 of 200 by 0.54
    assert (
        findings(planted(tmp_path / "hard", lambda *_: hard, images=60))["more_samples_barely_help"].verdict == "fails"
    )
    found = findings(planted(tmp_path / "easy", lambda *_: easy, images=60))
    assert found["more_samples_barely_help"].value == pytest.approx(0)
    assert found["samples_for_large_radii"].verdict == "holds" and found["samples_for_large_radii"].value == 100


def test_nothing_certified_is_no_gain(tmp_path):
    frames = planted(tmp_path, lambda *_: np.zeros(30))
    assert findings(frames)["members_beat_samples"].verdict == "not resolved"
    assert not any("nan" in each.reason for each in SAMPLES.findings(frames))


def test_several_levels_are_drawn_and_told(tmp_path):
    shares = np.linspace(0.6, 1, 8)
    frames = planted(tmp_path, lambda *_: shares, 8, 3, (0.5, 0.25), ("resnet8", "resnet20"))
    assert SAMPLES.draw(frames).get_size_inches()[1] == pytest.approx(1.1 + 2 * 5.2)
    assert len(frames["gains"]) == 2 * 2 * 2
    assert "8 images" in SAMPLES.here(frames)
    assert SAMPLES.table(frames) is frames["results"]
