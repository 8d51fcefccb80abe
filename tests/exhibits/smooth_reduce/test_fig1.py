"""ACR of Smooth-Mean against sigma: printed ratios, planted ones, and verdicts that follow them."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.smooth_reduce import planted_patches as planted
from helpers import ROOT

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import _fig1_numbers as numbers
from resmooth.exhibits.smooth_reduce._ratios import change_of_gain, ratio_over_correct
from resmooth.plan import Run

FIG1 = exhibit("smooth_reduce/fig1")


def computed(folder, gain, base=None, **about):
    run = planted.run(folder, **about)
    planted.certify(run, gain, base)
    return FIG1.compute(run)


def verdicts(frames):
    return {each.claim.removeprefix("smooth_reduce-"): each.verdict for each in FIG1.findings(frames) if each.claim}


def test_printed_ratios_under_each_definition():
    table = numbers.as_printed().pivot(index=["pair", "definition"], columns="sigma", values="value").round(2)
    assert table.loc[("SmoothAdv", numbers.PRINTED)].tolist() == [1.25, 1.46, 1.64]
    assert table.loc[("SmoothAdv", numbers.ALL)].tolist() == [1.21, 1.44, 1.76]
    assert table.loc[("MACER", numbers.PRINTED)].tolist() == [1.54, 2.02, 3.09]
    assert table.loc[("MACER", numbers.ALL)].tolist() == [1.21, 1.36, 1.36]
    assert table.loc[("SmoothAdv", numbers.DIVIDED)].max() < 1


def test_planted_ratios_certified_and_as_published(tmp_path):
    frames = computed(tmp_path, lambda case, kind, k: 1.1 if case.level < 0.4 else 1.3)
    table = frames["ratios"].set_index(["base", "space", "sigma", "kind", "definition"]).value
    for definition in (numbers.ALL, numbers.CORRECT):
        own = table.xs(definition, level="definition").xs("resnet8-gaussian", level="base").unstack("sigma")
        for space, published in (("image", None), ("resized", 1.2), ("patch", 2.0)):
            assert own.loc[(space, "certified")].to_numpy() == pytest.approx([1.1, 1.3], abs=0.02)
            assert ((space, "as published") in own.index) == (published is not None)
            if published:
                assert own.loc[(space, "as published")].to_numpy() == pytest.approx(
                    [1.1 * published, 1.3 * published], abs=0.04
                )
    assert frames["changes"][frames["changes"].kind == "certified"].value.to_numpy() == pytest.approx(0.2, abs=0.03)
    assert verdicts(frames) == dict.fromkeys(("improves_base", "improves_macer", "gain_grows_with_sigma"), "holds")


@pytest.mark.parametrize(
    "gain, about, expected",
    [
        (lambda case, kind, k: 0.6, {}, {"improves_base": "fails", "improves_macer": "fails"}),
        (lambda case, kind, k: 1.3 if case.level < 0.4 else 1.1, {}, {"gain_grows_with_sigma": "fails"}),
        (lambda case, kind, k: 0.9 if "macer" in case.experiment.name else 1.2, {}, {"improves_macer": "fails"}),
        (lambda case, kind, k: 1.2 if "macer" in case.experiment.name else 0.9, {}, {"improves_macer": "holds"}),
        (lambda case, kind, k: 1.2, {"macer": False}, {"improves_base": "holds", "improves_macer": "not resolved"}),
        (lambda case, kind, k: 1.2, {"sigmas": (0.5,)}, {"gain_grows_with_sigma": "not resolved"}),
        (lambda case, kind, k: 1.2 if k == 4 else 0.8, {"sizes": (4, 9)}, {"improves_base": "fails"}),
        (lambda case, kind, k: 1.2, {"images": 1}, {"improves_base": "not resolved", "improves_macer": "not resolved"}),
    ],
)
def test_verdicts_follow_the_numbers(tmp_path, gain, about, expected):
    frames = computed(tmp_path, gain, **about)
    found = verdicts(frames)
    assert expected.items() <= found.items() and len(found) == 3
    assert not any("nan" in each.reason for each in FIG1.findings(frames))


@pytest.mark.parametrize("base", [-1.0, -2.0], ids=["wrong", "abstained"])
def test_nothing_certified_resolves_nothing(tmp_path, base):
    frames = computed(tmp_path, lambda case, kind, k: 1.2, np.full(60, base))
    assert set(verdicts(frames).values()) == {"not resolved"}
    assert not any("nan" in each.reason for each in FIG1.findings(frames))
    assert FIG1.draw(frames).axes


def test_a_ratio_over_correct_images_covers_the_true_one():
    generator, inside = np.random.default_rng(0), 0
    for _ in range(300):
        ease = generator.uniform(0, 1, 120)
        right, other = ease > 0.2 + 0.1 * generator.normal(size=120), ease > 0.4 + 0.1 * generator.normal(size=120)
        first, second = 2 * right * (1 + ease), other * (1 + ease)
        _, low, high = ratio_over_correct(first, second, right, other)
        inside += low <= 2 * 1.6 / 1.7 <= high  # the means of 1 + ease where right are 1.6 and 1.7, up to the noise
    assert inside / 300 > 0.9


def test_a_change_of_gain_by_hand():
    one, late = np.array([1.0, 2.0, 3.0]), np.array([2.0, 3.0, 4.0])
    value, low, high = change_of_gain(late, one, one, one)
    assert value == pytest.approx(0.5) and low < 0.5 < high
    assert np.isnan(change_of_gain(late, one, one, 0 * one)).all()


@pytest.mark.parametrize("name", ["digits", "paper", "imagenet", "mnist", "cifar10", "tiny"])
def test_it_reads_two_numbers_of_patches_at_most(name):
    found = FIG1.needs(Run.from_file(ROOT / "config" / f"{name}.yaml"))["certificates"]
    assert all("mean" in path or "member-1" in path for path in found) and len(found) == len(set(found))


def test_drawn_told_and_summed_up(tmp_path):
    frames = computed(tmp_path, lambda case, kind, k: 0.8)
    assert len(FIG1.draw(frames).axes) == 6
    assert "resnet8-macer" in FIG1.here(frames)
    written = tmp_path / "table.csv"
    FIG1.table(frames).to_csv(written, index=False)
    summary = FIG1.module.summary(pd.read_csv(written))
    assert set(summary.method) == {"one network", "Smooth-Mean"} and summary["ratio, all images"].ne("").sum() == 12
    assert FIG1.needs(synthetic.run(tmp_path)) is None
