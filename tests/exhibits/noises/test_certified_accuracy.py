"""Certified accuracy at equal sigma."""

import numpy as np
import pytest
from exhibits import synthetic
from exhibits.noises import planted
from exhibits.noises.test_radii import made_up, run_with

from resmooth.exhibits import exhibit
from resmooth.exhibits.noises import _radii, certified_accuracy

MANY = ["laplace", "uniform", "lomax", "ssn", "dssn", "exp2 k=1"]


def verdicts(frames) -> dict[str, str]:
    found = certified_accuracy.findings(frames)
    assert not any("nan" in each.reason for each in found)
    return {each.claim: each.verdict for each in found if each.claim}


def test_not_for_a_run_under_normal_noise(tmp_path):
    assert certified_accuracy.needs(synthetic.run(tmp_path)) is None


def test_the_level_that_most_share_and_of_several_the_largest(tmp_path):
    run = run_with(
        tmp_path,
        planted.group(["laplace"], sigmas=(0.25, 0.5)),
        planted.group(["uniform"], sigmas=(0.25, 1.0)),
        sigmas=[0.25, 0.5],
    )
    frame = _radii.read(run)
    assert certified_accuracy.matched(frame) == (0.25, ["normal", "laplace", "uniform"])
    assert certified_accuracy.matched(frame[frame.series != "uniform"]) == (0.5, ["normal", "laplace"])


def test_curves_are_shares_of_all_images_and_end_at_the_ceiling(tmp_path):
    frames = exhibit("noises/certified_accuracy").compute(run_with(tmp_path, planted.group(["uniform"])))
    curves, wide = frames["curves"], _radii.wide(frames["images"], "l1")["uniform", 0.5]
    part = curves[(curves.series == "uniform") & (curves.norm == "l1")]
    for row in part.iloc[[0, 150, 400]].itertuples():
        assert row.value == pytest.approx(100 * np.mean(wide >= row.radius))
    largest = certified_accuracy.ceiling(frames["images"][frames["images"].series == "uniform"].iloc[0], 1)
    assert (
        largest >= wide.max()
        and (part.high[part.radius > largest] == 0).all()
        and (part.high[part.radius <= largest] > 0).all()
    )


def test_the_ceiling_of_deterministic_noise_is_that_of_all_votes(tmp_path):
    frame = _radii.read(run_with(tmp_path, planted.group(["dssn"])))
    row = frame[frame.series == "dssn"].iloc[0]
    assert certified_accuracy.ceiling(row, 1) == pytest.approx(row.n // 2 / 255)


def test_facts_are_paired_with_the_first_noise(tmp_path):
    frames = exhibit("noises/certified_accuracy").compute(run_with(tmp_path, planted.group(["uniform"])))
    normal, uniform = frames["noises"].to_dict("records")
    values = {each: _radii.wide(frames["images"], "l1")[each, 0.5].clip(lower=0) for each in ("normal", "uniform")}
    assert normal["ACR l1"] == f"{values['normal'].mean():.4f}"
    assert uniform["ACR l1"].startswith(
        f"{values['uniform'].mean():.4f}; {(values['uniform'] - values['normal']).mean():+.4f} ("
    )


def test_which_shape_is_best_is_decided_and_flips(tmp_path):
    run = run_with(tmp_path, planted.group(["laplace", "uniform"]), images=30)
    planted.certify(run, lambda case: planted.sure(run, 0.7, 0.85))
    frames = exhibit("noises/certified_accuracy").compute(run)
    assert verdicts(frames) == {"noises-spheres_best_in_l2": "holds", "noises-cubes_best_in_l1": "holds"}
    planted.certify(
        run,
        lambda case: planted.sure(
            run, *((0.56, 0.58) if case.experiment.noise in ("normal", "uniform") else (0.98, 1))
        ),
    )
    frames = exhibit("noises/certified_accuracy").compute(run)
    assert verdicts(frames) == {"noises-spheres_best_in_l2": "fails", "noises-cubes_best_in_l1": "fails"}


def test_one_image_or_one_noise_resolves_nothing(tmp_path):
    frames = exhibit("noises/certified_accuracy").compute(
        run_with(tmp_path, planted.group(["laplace", "uniform"]), images=1)
    )
    assert set(verdicts(frames).values()) == {"not resolved"}
    alone = frames | {"images": frames["images"][frames["images"].series == "laplace"]}
    assert set(verdicts(alone).values()) == {"not resolved"}


def test_shapes_follow_from_the_modules(monkeypatch):
    shapes = {
        name: certified_accuracy.shape_of(name)
        for name in ("normal", "exp2", "uniform", "powinf", "laplace", "ssn", "unheard of")
    }
    assert list(shapes.values()) == ["spheres", "spheres", "cubes", "cubes", "other", "none", "other"]


def test_a_made_up_family_is_drawn_in_its_group(tmp_path, monkeypatch):
    made_up(monkeypatch)
    each = exhibit("noises/certified_accuracy")
    frames = each.compute(run_with(tmp_path, planted.group([*MANY, "made"]), images=6))
    groups = certified_accuracy.grouped(frames["images"], list(frames["curves"].series.unique()))
    assert "made" in groups[_radii.INDEPENDENT] and "uniform" in groups[_radii.INDEPENDENT]
    assert groups[_radii.REPLACED] == ["normal", "uniform", "ssn", "dssn"] and groups[_radii.ROUND] == [
        "normal",
        "exp2 k=1",
    ]
    figure = each.draw(frames)
    assert len(figure.axes) == 3 * len(groups)
    assert "made" in [
        text.get_text() for axis in figure.axes[:3] if axis.get_legend() for text in axis.get_legend().get_texts()
    ]


def test_few_noises_share_one_row(tmp_path):
    each = exhibit("noises/certified_accuracy")
    frames = each.compute(run_with(tmp_path, planted.group(["laplace"]), images=3))
    assert len(each.draw(frames).axes) == 3 and each.here(frames).count("sigma") >= 2
