"""Smooth-Max and Smooth-Mean against the radius: planted curves, and verdicts that follow them."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.smooth_reduce import planted_patches as planted
from helpers import ROOT

from resmooth.exhibits import exhibit
from resmooth.plan import Run

FIG2 = exhibit("smooth_reduce/fig2")
CLAIMS = {
    "max_at_least_base",
    "mean_abstains_less_than_max",
    "mean_abstains_less_than_base",
    "outperforms_other_methods",
}


def computed(folder, factor=1.0, wins=0, means=0, bases=0, base=None, **about):
    """Smooth-Max certifies `factor` times the radii of the network; the first images are won or lost as follows.

    wins: images that only Smooth-Max has right (the network, if it is negative); means, bases: images on which Smooth-Max or
    the network abstains and Smooth-Mean does not (Smooth-Mean alone abstains, if they are negative).
    """
    run = planted.run(folder, **about)
    size = len(synthetic.images(run))

    def radius(case, kind, number):
        own = np.linspace(0.5, 1.5, size) if base is None else np.full(size, float(base))
        own = np.where(own >= 0, own * planted.jitter(run, case), own)
        if kind in ("max", "mean"):
            own = np.where(own >= 0, own * factor * planted.lipschitz(case, kind, number), own)
        own[: abs(wins)] = np.where((kind == "max") == (wins > 0), own[: abs(wins)], -1.0)
        for number_of, other in ((means, "max"), (bases, "member")):
            loses = other if number_of > 0 else "mean"
            own[size - abs(number_of) :] = -2.0 if kind == loses else own[size - abs(number_of) :]
        return own

    synthetic.certify(run, radius, lipschitz=planted.lipschitz)
    return FIG2.compute(run)


def verdicts(frames):
    return {each.claim.removeprefix("smooth_reduce-"): each.verdict for each in FIG2.findings(frames) if each.claim}


def test_planted_curves_and_abstentions(tmp_path):
    frames = computed(tmp_path, factor=0.5, means=12)
    curves, averages = frames["curves"], frames["averages"]
    start = curves[(curves.radius == 0) & (curves.kind == "certified") & (curves.base == "resnet8-gaussian")]
    assert start.groupby("method").accuracy.unique().map(list).to_dict() == {
        "Smooth-Max": [80],
        "Smooth-Mean": [100],
        "one network": [100],
    }
    own = averages[averages.own & (averages.k > 0)].set_index(["method", "space", "sigma", "kind"]).sort_index()
    for method in ("Smooth-Max", "Smooth-Mean"):
        ratio = own.acr_all[method, "patch"].unstack("kind")
        assert (ratio["as published"] / ratio.certified).to_numpy() == pytest.approx(2)
    assert (own.abstention["Smooth-Max"] == 0.2).all() and (own.abstention["Smooth-Mean"] == 0).all()
    assert set(averages.trained[~averages.own]) == {"MACER"}


@pytest.mark.parametrize(
    "planting, expected",
    [
        ({"factor": 1.3, "wins": 12}, {"max_at_least_base": "holds", "outperforms_other_methods": "holds"}),
        ({"factor": 0.7}, {"max_at_least_base": "fails", "outperforms_other_methods": "fails"}),
        ({"factor": 1.3, "wins": -20}, {"max_at_least_base": "fails"}),
        ({"factor": 1.3}, {"outperforms_other_methods": "holds", "max_at_least_base": "not resolved"}),
        ({"means": 15}, {"mean_abstains_less_than_max": "holds", "mean_abstains_less_than_base": "not resolved"}),
        ({"bases": 15}, {"mean_abstains_less_than_max": "not resolved", "mean_abstains_less_than_base": "holds"}),
        ({"means": -15}, {"mean_abstains_less_than_max": "fails", "mean_abstains_less_than_base": "fails"}),
        ({"factor": 1.3, "macer": False}, {"outperforms_other_methods": "not resolved"}),
        ({"factor": 1.3, "images": 1}, dict.fromkeys(CLAIMS, "not resolved")),
        ({"base": -1.0}, dict.fromkeys(CLAIMS, "not resolved")),
        ({"base": -2.0}, dict.fromkeys(CLAIMS, "not resolved")),
        (
            {"reduce": ["mean"], "bases": 15},
            {"mean_abstains_less_than_base": "holds", "max_at_least_base": "not resolved"},
        ),
        (
            {"reduce": ["max"], "factor": 0.7},
            {"mean_abstains_less_than_base": "not resolved", "max_at_least_base": "fails"},
        ),
    ],
)
def test_verdicts_follow_the_numbers(tmp_path, planting, expected):
    frames = computed(tmp_path, **planting)
    found = verdicts(frames)
    assert expected.items() <= found.items() and set(found) == CLAIMS
    assert not any("nan" in each.reason for each in FIG2.findings(frames))
    assert FIG2.draw(frames).axes


def test_an_ensemble_is_one_of_the_other_methods(tmp_path):
    frames = computed(tmp_path, factor=0.7, seeds=3, macer=False)
    assert "ensemble of 3" in set(frames["averages"].method)
    assert verdicts(frames)["outperforms_other_methods"] == "fails"


@pytest.mark.parametrize("name", ["digits", "paper", "imagenet", "mnist", "cifar10", "tiny"])
def test_it_reads_one_number_of_patches_in_each_space(name):
    run = Run.from_file(ROOT / "config" / f"{name}.yaml")
    needed = FIG2.needs(run)
    assert len(needed["reduced"]) == 2 * sum(len(each.sigmas) for each in run.reduced[1:])
    paths = [path for role in needed.values() for path in role]
    assert len(paths) == len(set(paths))


def test_drawn_told_and_summed_up(tmp_path):
    frames = computed(tmp_path, factor=0.8)
    assert len(FIG2.draw(frames).axes) == 6
    assert "resnet8-macer" in FIG2.here(frames)
    written = tmp_path / "table.csv"
    FIG2.table(frames).to_csv(written, index=False)
    summary = FIG2.module.summary(pd.read_csv(written))
    assert len(summary) == len(frames["averages"]) and summary.notna().all(axis=None)
    assert FIG2.needs(synthetic.run(tmp_path)) is None
