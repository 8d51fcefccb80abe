"""Certified radius against ensemble size: planted gains are found, and verdicts follow them."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic

from resmooth.exhibits import exhibit
from resmooth.exhibits.ensembles import acr_vs_k

ACR_VS_K = exhibit("ensembles/acr_vs_k")


def planted(tmp_path, gain, large=1.0, **about):
    """Frames of a run: members 2 % apart, and an ensemble of k with 1 + gain (k - 1) / (K - 1) times their mean radius."""
    about = {"architectures": ("resnet8", "resnet20"), "seeds": 3, "sigmas": (0.25, 0.5), "images": 60} | about
    run = synthetic.run(tmp_path, **about)
    members = about["seeds"]
    jitter = np.random.default_rng(1).normal(1, 0.02, 60)

    def radius(case, kind, number):
        base = synthetic.base(run) * (large if case.experiment.architecture == "resnet20" else 1)
        if kind == "member":
            return base * (1 + 0.02 * (number - (members + 1) / 2))
        return base * np.where(base > 0, jitter, 1) * (1 + gain * (number - 1) / max(members - 1, 1))

    synthetic.certify(run, radius)
    return ACR_VS_K.compute(run)


def verdicts(frames):
    return {each.claim.removeprefix("ensembles-"): each.verdict for each in ACR_VS_K.findings(frames)}


def test_planted_gains_are_found(tmp_path):
    frames = planted(tmp_path, gain=0.15, large=1.02)
    gains = frames["gains"]
    assert gains[gains.baseline == "mean member"].value.to_numpy() == pytest.approx(15, abs=1)
    assert gains[gains.baseline == "best member"].value.to_numpy() == pytest.approx(100 * (1.15 / 1.02 - 1), abs=1)
    versus = frames["versus"]
    assert versus[versus.k == 3].value.to_numpy() == pytest.approx(100 * (1.15 / 1.02 - 1), abs=1)
    against_k = frames["against_k"]
    assert (against_k[against_k.metric == acr_vs_k.ACR].best_member_number == 3).all()
    assert verdicts(frames) == dict.fromkeys(acr_vs_k.CLAIMS, "holds")


@pytest.mark.parametrize(
    "gain, about, expected",
    [
        (
            -0.15,
            {},
            {"beats_mean_member": "fails", "beats_best_member": "fails", "gain_range": "fails", "gain_grows": "fails"},
        ),
        (0.4, {}, {"beats_best_member": "holds", "gain_range": "fails"}),
        (0.15, {"large": 1.5}, {"beats_best_member": "holds", "small_beat_large": "fails"}),
        (0.15, {"seeds": 1}, dict.fromkeys(acr_vs_k.CLAIMS, "not resolved")),
        (0.15, {"architectures": ("resnet8",)}, {"beats_best_member": "holds", "small_beat_large": "not resolved"}),
    ],
)
def test_findings_follow_the_data(tmp_path, gain, about, expected):
    found = verdicts(planted(tmp_path, gain, **about))
    assert expected.items() <= found.items()
    assert set(found) == set(acr_vs_k.CLAIMS)


def test_ensembles_replaced_by_their_first_member_beat_nobody(tmp_path):
    frames = planted(tmp_path, gain=0.15)
    images = frames["images"]
    first = images[images.classifier == "member-1"].set_index(["experiment", "sigma", "idx"]).certified
    soft = images.aggregation == "soft"
    keys = pd.MultiIndex.from_frame(images.loc[soft, ["experiment", "sigma", "idx"]])
    images.loc[soft, "certified"] = first.reindex(keys).to_numpy()
    assert verdicts(frames)["beats_best_member"] == "fails"


def test_nothing_certified_is_no_gain(tmp_path):
    run = synthetic.run(tmp_path, seeds=2)
    synthetic.certify(run, lambda *_: -np.ones(20))
    frames = ACR_VS_K.compute(run)
    assert set(verdicts(frames).values()) == {"not resolved"}
    assert not any("nan" in each.reason for each in ACR_VS_K.findings(frames))


def test_it_is_drawn_and_told(tmp_path):
    frames = planted(tmp_path, gain=0.1, sigmas=(0.25,))
    assert ACR_VS_K.draw(frames).axes
    assert "3 seeds" in ACR_VS_K.here(frames)
    summary = acr_vs_k.summary(ACR_VS_K.table(frames))
    assert len(summary) == 2 and summary.ensemble.notna().all()
