"""Smooth-Reduce against the resized side: which cuts are compared, numbers by hand, and verdicts that follow planted radii."""

import numpy as np
import pytest
from exhibits import synthetic
from helpers import ROOT

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import fig4_resize
from resmooth.plan import Run

EXHIBIT = exhibit("smooth_reduce/fig4_resize")
SIDES = (10, 12, 16)
NORMS = {10: 1.25, 12: 1.5, 16: 2.0}


def section(side, **more):
    return {"resize": side, "patch": 8, "sizes": [4], "noise_space": ["resized"], "sigmas": [0.25]} | more


def planted(tmp_path, shrink, images=60, sides=SIDES, wrong=0.2):
    """Frames of a run in which each side makes R `shrink` times as large, and a share `wrong` of further images wrong."""
    sections = [section(side) for side in sides]
    group = {"architectures": ["resnet20"], "recipes": ["gaussian"], "seeds": 1, "patches": sections}
    run = synthetic.run(tmp_path, seeds=1, sigmas=(0.25, 0.5), images=images, experiments=[group])

    def step(case):
        return sides.index(case.experiment.patches["resize"]) if case.experiment.patches else 0

    def radius(case, kind, number):
        radii = synthetic.base(run) * shrink ** step(case)
        lost = np.arange(images) % 10 < 10 * wrong * step(case)
        return np.where(lost, -1.0, radii) * (0.9 if kind == "max" else 1)

    def norm(case, *_):
        return NORMS[case.experiment.patches["resize"]] if case.experiment.patches else 1.0

    synthetic.certify(run, radius, lipschitz=norm)
    return EXHIBIT.compute(run)


def verdicts(frames):
    return {
        each.claim.removeprefix("smooth_reduce-resizing_lowers_"): each.verdict
        for each in EXHIBIT.findings(frames)
        if each.claim
    }


@pytest.mark.parametrize(
    ("config", "sides"),
    [
        ("digits", {("patch", 4): [9, 10, 16]}),
        ("mnist", {("resized", 4): [32, 40, 56]}),
        ("noises", {}),
        ("cifar10", {}),
    ]
    + [("paper", {("resized", 4): [36, 40, 48]}), ("tiny", {("patch", 4): [10, 16]})]
    + [("imagenet", {("patch", 16): [256, 384, 512, 640]})],
)
def test_which_cuts_are_compared(config, sides):
    run = Run.from_file(ROOT / "config" / f"{config}.yaml")
    found = fig4_resize.chosen(run).groupby(["space", "k"]).side.agg(list).to_dict()
    assert found == sides and (EXHIBIT.needs(run) is None) == (not sides)


def test_numbers_by_hand(tmp_path):
    frames = planted(tmp_path, 0.8)
    frame, steps = frames["images"], frames["steps"].set_index(["method", "side", "measure"]).value
    acr = frame[frame.k == 4].groupby(["method", "side"]).certified.mean()
    assert steps["Smooth-Mean", 10, "ACR, certified"] == pytest.approx(acr["Smooth-Mean", 12] - acr["Smooth-Mean", 10])
    published = frame[frame.k == 4].groupby(["method", "side"]).claimed.mean()
    assert published["Smooth-Max", 16] == pytest.approx(2 * acr["Smooth-Max", 16])
    apart = published["Smooth-Max", 16] - published["Smooth-Max", 12]
    assert steps["Smooth-Max", 12, "ACR, as published"] == pytest.approx(apart)
    assert steps["centre patch", 10, "accuracy [points]"] == pytest.approx(-20)
    assert set(frames["steps"].L) == {1.25, 1.5}
    alone = frame[frame.k == 0]
    assert (alone.side == 0).all() and set(alone.sigma) == {0.25}


@pytest.mark.parametrize(
    ("shrink", "wrong", "expected"),
    [
        (0.8, 0.2, {"certified_accuracy": "holds", "accuracy": "holds"}),
        (1.0, 0.0, {"certified_accuracy": "holds", "accuracy": "not resolved"}),  # by L alone
        (3.0, 0.0, {"certified_accuracy": "fails", "accuracy": "not resolved"}),
    ],
)
def test_verdicts_follow_the_radii(tmp_path, shrink, wrong, expected):
    assert verdicts(planted(tmp_path, shrink, wrong=wrong)) == expected


def test_accuracy_that_rises_is_seen(tmp_path):
    frames = planted(tmp_path, 1.0, wrong=0.2)
    frame = frames["images"]
    first = frame[(frame.k > 0) & (frame.side == 10)].index
    changed = frame.assign(correct=frame.correct.where(~frame.index.isin(first), 0))
    assert verdicts(frames | {"images": changed})["accuracy"] == "fails"


@pytest.mark.parametrize("about", [{"images": 1}, {"shrink": -1.0}])
def test_too_little_to_decide_is_no_crash(tmp_path, about):
    frames = planted(tmp_path, **{"shrink": 0.8, "wrong": 0.0} | about)
    if "shrink" in about:
        frames["images"].loc[:, ["radius", "published", "certified", "claimed", "correct"]] = 0
    assert set(verdicts(frames).values()) == {"not resolved"}
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
    assert EXHIBIT.draw(frames).axes


def test_picture_table_and_words(tmp_path):
    frames = planted(tmp_path, 0.8)
    assert len(EXHIBIT.draw(frames).axes) == 4
    assert set(EXHIBIT.table(frames).part) == {"averages", "steps", "curves"}
    assert "16 pixels (corners, L = 2.000)" in EXHIBIT.here(frames)
