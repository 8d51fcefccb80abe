"""Smooth-Reduce for several numbers of patches: printed changes, planted ones, and verdicts that follow them."""

import math

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.smooth_reduce import planted_patches as planted
from helpers import ROOT

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import _fig3_numbers as numbers
from resmooth.plan import Run

FIG3 = exhibit("smooth_reduce/fig3")
CLAIMS = ("max_unaffected_by_k", "mean_grows_with_k", "more_patches_help_more_at_high_sigma")


def computed(folder, change=None, base=None, spaces=("patch",), sizes=(4, 9), **about):
    """Frames of a run in which change(case, kind) is what nine patches certify, in units of four."""
    run = planted.run(folder, spaces, sizes, **about)
    planted.certify(run, lambda case, kind, k: change(case, kind) if change and k == 9 else 1.0, base)
    return FIG3.compute(run)


def verdicts(frames):
    return {each.claim.removeprefix("smooth_reduce-"): each.verdict for each in FIG3.findings(frames) if each.claim}


def grows(case, kind):
    """Smooth-Max stays, Smooth-Mean gains 10 % at the smaller level and 30 % at the larger."""
    return 1.0 if kind == "max" else 1.1 if case.level < 0.4 else 1.3


def test_printed_changes_from_8_to_16_patches():
    table = numbers.as_printed().set_index(["method", "trained", "sigma"]).sort_index()
    mean = 100 * table["value"]["Smooth-Mean", "PGD"]
    assert mean.to_numpy() == pytest.approx([0.6, 2.6, 5.0], abs=0.06)
    assert 100 * table["value"]["Smooth-Max"].to_numpy() == pytest.approx([0, 1.1, 5.1, 0, 0.8, 2.2], abs=0.06)
    assert (table.divided + 1).to_numpy() == pytest.approx((table["value"] + 1) / math.sqrt(2))


def test_planted_changes_certified_and_as_published(tmp_path):
    frames = computed(tmp_path, grows)
    found = frames["changes"].set_index(["method", "kind", "sigma"])["value"].sort_index()
    assert found["Smooth-Mean", "certified"].to_numpy() == pytest.approx([0.1, 0.3], abs=0.02)
    assert found["Smooth-Mean", "as published"].to_numpy() == pytest.approx([1.1 * 1.5 - 1, 1.3 * 1.5 - 1], abs=0.03)
    assert found["Smooth-Max", "certified"].to_numpy() == pytest.approx(0, abs=0.02)
    averages = frames["averages"].set_index(["method", "kind", "sigma", "k"]).ceiling.sort_index()
    assert averages["Smooth-Mean", "certified", 0.5, 4] / averages["Smooth-Mean", "certified", 0.5, 9] == pytest.approx(
        1.5
    )
    assert verdicts(frames) == dict.fromkeys(CLAIMS, "holds")


@pytest.mark.parametrize(
    "change, about, expected",
    [
        (lambda case, kind: 1.2, {}, {CLAIMS[0]: "fails", CLAIMS[1]: "holds", CLAIMS[2]: "not resolved"}),
        (lambda case, kind: 0.8, {}, {CLAIMS[0]: "fails", CLAIMS[1]: "fails"}),
        (lambda case, kind: 2 / 3, {}, {CLAIMS[0]: "fails", CLAIMS[1]: "fails"}),  # R stays: only L grows
        (lambda case, kind: 1.3 if case.level < 0.4 else 1.1, {}, {CLAIMS[1]: "holds", CLAIMS[2]: "fails"}),
        (grows, {"sigmas": (0.5,)}, {CLAIMS[1]: "holds", CLAIMS[2]: "not resolved"}),
        (grows, {"images": 1}, dict.fromkeys(CLAIMS, "not resolved")),
        (grows, {"reduce": ["max"]}, {CLAIMS[0]: "holds", CLAIMS[1]: "not resolved", CLAIMS[2]: "not resolved"}),
        (grows, {"base": np.full(60, -1.0)}, dict.fromkeys(CLAIMS, "not resolved")),
        (grows, {"base": np.full(60, -2.0)}, dict.fromkeys(CLAIMS, "not resolved")),
        (grows, {"spaces": planted.ALL_SPACES}, dict.fromkeys(CLAIMS, "holds")),
        (grows, {"spaces": ("image",)}, dict.fromkeys(CLAIMS, "holds")),
    ],
)
def test_verdicts_follow_the_numbers(tmp_path, change, about, expected):
    frames = computed(tmp_path, change, **about)
    found = verdicts(frames)
    assert expected.items() <= found.items() and set(found) == set(CLAIMS)
    assert not any("nan" in each.reason for each in FIG3.findings(frames))
    assert FIG3.draw(frames).axes


def test_numbers_of_patches_that_two_sections_cut_alike_are_compared():
    run = Run.from_file(ROOT / "config" / "paper.yaml")
    found = numbers.several(run)
    assert {sigma for _, sigma in found} == {"0.5"} and len(found) == 2  # 4, 10 and 25 on a grid; 10 and 25 at random
    assert sorted(len(paths) for paths in found.values()) == [4, 6]


@pytest.mark.parametrize(
    "name, groups", [("digits", 1), ("imagenet", 2), ("mnist", 1), ("tiny", 1), ("paper", 2), ("cifar10", 0)]
)
def test_it_reads_what_has_several_numbers_of_patches(name, groups):
    run = Run.from_file(ROOT / "config" / f"{name}.yaml")
    assert len({group for group, _ in numbers.several(run)}) == groups
    needed = FIG3.needs(run)
    assert (needed is None) == (groups == 0)
    paths = [path for role in (needed or {}).values() for path in role]
    assert len(paths) == len(set(paths))


def test_drawn_told_and_summed_up(tmp_path):
    frames = computed(tmp_path, grows)
    assert len(FIG3.draw(frames).axes) == 6
    assert "k = 4, 9" in FIG3.here(frames)
    written = tmp_path / "table.csv"
    FIG3.table(frames).to_csv(written, index=False)
    summary = FIG3.module.summary(pd.read_csv(written))
    assert len(summary) == 8 and summary.most.eq(9).all()
    assert FIG3.needs(planted.run(tmp_path, sizes=(4,))) is None and FIG3.needs(synthetic.run(tmp_path)) is None
