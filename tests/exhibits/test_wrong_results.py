"""Deliberately wrong results flip the findings that should: permuted labels, radii times 1.1, ensembles of one member.

The run is planted so that they hold: five members of each of two architectures, whose ensembles are better; two noise levels.
"""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from helpers import ROOT

from resmooth import exhibits, storage
from resmooth.audit.published import AUDIT_COLUMNS

SHOWN = ("ensembles/acr_vs_k", "lecture/sigma_table", "idrs/accuracy_tradeoff", "idrs/waterfalls")
IMAGES, SEEDS, SIGMAS = 120, 5, (0.25, 0.5)


def planted(case, kind, number):
    """Radii [N] in sigma, -1 where wrong: an image's ease, plus what the classifier adds to it."""
    ease = np.random.default_rng(0).uniform(-0.3, 1.5, IMAGES)
    luck = np.random.default_rng([1, number]).normal(0, 0.05, IMAGES) if kind == "member" else 0.0
    gain = 0.0 if kind == "member" else 0.08 * (number - 1)
    large = 0.05 if case.experiment.architecture == "resnet20" else 0.0
    radii = ease + luck + gain + large - 0.3 * (case.level == 0.5)
    return np.where(radii > 0, np.minimum(radii, 1.7), -1.0)


@pytest.fixture
def run(tmp_path):
    made = synthetic.run(
        tmp_path,
        architectures=("resnet8", "resnet20"),
        seeds=SEEDS,
        sigmas=SIGMAS,
        images=IMAGES,
        scores=None,
        margins=None,
    )
    synthetic.certify(made, planted)
    claims = pd.read_csv(ROOT / "claims" / "lecture.csv", dtype=str)  # and no log of them is at hand
    claims = claims.assign(printed=claims.value, verdict="unchecked", reason="No log.").reindex(columns=AUDIT_COLUMNS)
    with storage.atomic(made.paths.published_claims) as temporary:
        claims.to_csv(temporary, index=False)
    logs = ["file", "repository", "dataset", "arch", "training", "sigma_train", "sigma_certify"]
    pd.DataFrame(columns=[*logs, *storage.FIELD_COLUMNS[:-1]]).to_parquet(made.paths.published_logs, index=False)
    return made


def verdicts(run):
    """claim -> verdict of all findings of the exhibits SHOWN."""
    found = {}
    for name in SHOWN:
        each = exhibits.exhibit(name)
        found |= {one.claim: one.verdict for one in each.findings(each.compute(run)) if one.claim}
    return found


def rewritten(run, change, kinds=None):
    """Write all certificates again, changed."""
    for path in run.certificates(run.general, kinds):
        storage.write_certificates(path, change(storage.read_certificates(path), path))


def relabelled(frame, path):
    """Labels in another order than the images, and `correct` by them."""
    label = np.random.default_rng(2).permutation(frame.label)
    return frame.assign(label=label, correct=(frame.predict == label).astype(int))


def test_the_planted_run_holds_what_it_should(run):
    found = verdicts(run)
    for claim in (
        "ensembles-beats_mean_member",
        "ensembles-beats_best_member",
        "ensembles-small_beat_large",
        "lecture-radius_formula",
        "lecture-radius_ceiling",
        "lecture-noise_lowers_accuracy",
        "lecture-noise_raises_acr",
        "idrs-tradeoff_accuracy",
        "idrs-waterfall_ceiling",
    ):
        assert found[claim] == "holds", claim


def test_ensembles_replaced_by_their_first_member(run):
    first = {
        path.rsplit("/", 1)[0]: storage.read_certificates(path)
        for path in run.certificates(run.general)
        if path.endswith("member-1.tsv")
    }
    before = verdicts(run)
    rewritten(run, lambda frame, path: first[path.rsplit("/", 1)[0]], ("soft",))
    after = verdicts(run)
    for claim in (
        "ensembles-beats_mean_member",
        "ensembles-beats_best_member",
        "ensembles-small_beat_large",
        "ensembles-gain_grows",
    ):
        assert before[claim] == "holds" != after[claim], claim
    assert after["lecture-radius_formula"] == "holds"  # and what has nothing to do with ensembles stays


def test_radii_a_tenth_too_large(run):
    rewritten(run, lambda frame, path: frame.assign(radius=frame.radius * 1.1))
    after = verdicts(run)
    assert after["lecture-radius_formula"] == "fails"
    rewritten(run, lambda frame, path: frame.assign(radius=frame.radius * 3))
    after = verdicts(run)
    assert after["lecture-radius_ceiling"] == after["idrs-waterfall_ceiling"] == "fails"


def test_a_permuted_label_column(run):
    before = verdicts(run)
    rewritten(run, relabelled)
    after = verdicts(run)
    for claim in ("lecture-noise_lowers_accuracy", "lecture-noise_raises_acr", "idrs-tradeoff_accuracy"):
        assert before[claim] == "holds" != after[claim], claim


def test_labels_that_contradict_the_column_correct_are_refused(run):
    rewritten(run, lambda frame, path: frame.assign(label=np.roll(frame.label, 1)))
    with pytest.raises(ValueError, match=r"column correct .* label"):
        verdicts(run)
