"""Soft and hard smoothing of the same network."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from scipy import stats

from resmooth import noise, storage
from resmooth.exhibits import exhibit
from resmooth.exhibits.noises import soft_hard
from resmooth.exhibits.noises.soft_hard import HARD, HARD_BERNSTEIN, KINDS, SOFT, SOFT_HOEFFDING
from resmooth.smoothing.certify import certify_from_counts

SOFT_HARD = exhibit("noises/soft_hard")
N0, N, CLASSES = 50, 1000, 3


def rows(shares, scores, sigma=0.5, classifiers=("member-1", "soft-1"), label="normal"):
    """Votes and scores of each image for its label 0: the shares of votes, and the mean scores, which vary as votes do."""
    parts = []
    for classifier in classifiers:
        for idx, (share, score) in enumerate(zip(shares, scores)):
            votes, mean = round(share * N), np.array([score, 1 - score, 0])
            counts = {"counts0": [round(share * N0), N0 - round(share * N0), 0], "counts": [votes, N - votes, 0]}
            means = {"mean0": mean, "mean": mean, "variance": mean * (1 - mean) * N / (N - 1)}
            about = {"idx": idx, "label": 0, "classifier": classifier, "n0": N0, "n": N, "noise": label, "dim": 64}
            parts.append(about | counts | means | {"sigma": sigma, "seed": 0})
    return pd.DataFrame(parts)


def frames_of(tmp_path, shares, scores, sigmas=(0.5,), seeds=1):
    run = synthetic.run(tmp_path, seeds=seeds, sigmas=sigmas)
    for sigma, path in zip(sigmas, soft_hard.needs(run)["scores"]):
        frame = rows(shares, scores, sigma)
        with storage.atomic(path) as temporary:
            frame.to_parquet(temporary)
    return SOFT_HARD.compute(run)


def verdicts(frames) -> dict[str, str]:
    found = soft_hard.findings(frames)
    assert not any("nan" in each.reason for each in found)
    return {each.claim: each.verdict for each in found if each.claim}


SURE = np.linspace(0.9, 0.99, 12)


def test_needs_scores_of_a_normal_network(tmp_path):
    assert soft_hard.needs(synthetic.run(tmp_path, scores=None)) is None
    run = synthetic.run(tmp_path, sigmas=(0.25, 0.5))
    assert len(soft_hard.needs(run)["scores"]) == 2


def test_scores_that_are_votes_are_certified_as_votes():
    part = rows([0.7, 0.9, 0.99], [0.7, 0.9, 0.99], classifiers=["soft-1"])
    found = soft_hard.certificates(part)
    assert (
        np.allclose(found[SOFT].radius, found[HARD_BERNSTEIN].radius)
        and (found[HARD].radius > found[SOFT].radius).all()
    )
    assert (found[SOFT_HOEFFDING].radius > 0).all()
    law = noise.make("normal", dim=64, sigma=0.5)
    direct = certify_from_counts(np.stack(part.counts0), np.stack(part.counts), law, 0.001)
    assert np.allclose(found[HARD].radius, direct.radius)


def test_agreement_counts_images():
    part = rows([0.9, 0.6, 0.4, 0.3], [0.9, 0.4, 0.6, 0.2], classifiers=["soft-1"])
    about = soft_hard.agreement(part)
    assert (about["hard"], about["soft"], about["differ"]) == (0.5, 0.5, 2)
    assert about["only hard right"] == about["only soft right"] == 1


def test_the_error_of_the_bound_is_exact():
    found = soft_hard.coverage(40, points=9)
    for row in found.itertuples(index=False):
        lower = np.array([0.0, *stats.beta.ppf(0.001, np.arange(1, 41), 40 - np.arange(1, 41) + 1)])
        assert row[1] == pytest.approx(1000 * stats.binom.pmf(np.arange(41), 40, row.p)[lower > row.p].sum(), abs=1e-9)
    assert found["error in alpha"].max() <= 1


def test_the_display_never_certifies():
    bound = soft_hard.printed_bound(100)
    assert bound["as printed"].max() < 0.5 < bound["count"].max() and bound["as printed"][1] == bound["count"][1]


def test_ceilings_in_sigma():
    law = noise.make("normal", dim=64, sigma=0.25)
    first, *others = soft_hard.ceilings(law, N).itertuples(index=False)
    assert first.p == pytest.approx(0.001 ** (1 / N)) and first[2] == pytest.approx(stats.norm.ppf(first.p))
    assert all(each[2] < first[2] for each in others)


def test_findings_of_sure_scores_and_of_scores_that_certify_nothing(tmp_path):
    frames = frames_of(tmp_path, SURE, SURE - 0.05)
    expected = {"noises-soft_is_robust": "holds", "noises-guarantee_needs_hard": "fails"}
    assert verdicts(frames) == expected | {"noises-clopper_pearson_conservative": "holds"}
    frames = frames_of(tmp_path, SURE, np.full(12, 0.5))
    expected = dict.fromkeys(expected, "not resolved")
    assert verdicts(frames) == expected | {"noises-clopper_pearson_conservative": "holds"}


def test_a_bound_that_errs_too_often_fails(tmp_path):
    frames = frames_of(tmp_path, SURE, SURE)
    wrong = frames["coverage"].assign(**{"error in alpha": 1.5})
    assert verdicts(frames | {"coverage": wrong})["noises-clopper_pearson_conservative"] == "fails"


def test_one_image_resolves_nothing_of_the_average(tmp_path):
    assert verdicts(frames_of(tmp_path, [0.95], [0.9]))["noises-soft_is_robust"] == "not resolved"


def test_table_summary_and_picture(tmp_path):
    frames = frames_of(tmp_path, SURE, SURE - 0.05, sigmas=(0.5, 0.25))
    table = SOFT_HARD.table(frames)
    assert list(table.panel.unique()) == ["certified accuracy", "label", "summary", "bound"]
    assert table[table.panel == "summary"].sigma.tolist() == [0.25, 0.25, 0.5, 0.5]  # levels ascend
    shown = soft_hard.summary(table)
    assert shown.classifier.tolist() == ["soft-1"] * 2 and (shown["soft in % of hard"] < 100).all()
    assert len(SOFT_HARD.draw(frames).axes) == 5 and "n = 1,000" in SOFT_HARD.here(frames)
    assert set(frames["acr"].kind) == set(KINDS)


def test_another_noise_is_certified_in_its_own_norm():
    part = rows([0.9], [0.9], label="laplace", classifiers=["soft-1"])
    law = noise.make("laplace", dim=64, sigma=0.5)
    found = soft_hard.certificates(part)[SOFT]
    assert found.radius[0] == pytest.approx(law.radius(found.p_lower[0], 1))
