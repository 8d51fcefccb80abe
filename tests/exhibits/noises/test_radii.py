"""What certified_accuracy, envelope and splitting share: which networks are compared, and the radii of each image."""

import numpy as np
import pytest
from exhibits import synthetic
from exhibits.noises import planted

from resmooth import noise
from resmooth.exhibits.noises import _radii
from resmooth.noise.laplace import Laplace


def made_up(monkeypatch):
    """A new family, as a new module would register it."""
    family = type("Made", (Laplace,), {"name": "made"})
    for table in (noise.FAMILIES, noise.NOISES):
        monkeypatch.setitem(table, "made", family)


def run_with(tmp_path, *groups, images=12, sigmas=(0.5,), **sections):
    run = synthetic.run(tmp_path, seeds=1, sigmas=sigmas, images=images, experiments=groups, **sections)
    share = planted.sure(run)
    planted.certify(run, lambda case: share)
    planted.publish(run)
    return run


def test_masks_and_trainings_of_normal_noise_alone_are_not_compared(tmp_path):
    run = synthetic.run(
        tmp_path,
        ("resnet8", "resnet20"),
        experiments=[planted.group(["laplace", "mask"]), planted.group(["normal"], (0.25,), ["smoothadv"])],
    )
    assert [case.experiment.name for case in _radii.comparable(run)] == ["resnet8-gaussian", "resnet8-gaussian-laplace"]
    assert _radii.comparable(synthetic.run(tmp_path)) == []


def test_radii_in_every_norm_follow_from_the_noise(tmp_path):
    frame = _radii.read(run_with(tmp_path, planted.group(["uniform", "dssn"])))
    part = frame[frame.series == "uniform"]
    law = noise.make("uniform", dim=64, sigma=0.5)
    right = part.predict >= 0
    assert right.sum() > 3
    for name, norm in _radii.NORMS.items():
        assert np.allclose(part[name][right], law.radius(part.p_lower[right].to_numpy(), norm))
        assert (part[name][~right] == -1).all()
    exact = frame[frame.series == "dssn"]
    assert np.allclose(exact.l1, exact.radius) and np.allclose(exact.l2, exact.radius / 8)


def test_radii_that_do_not_follow_are_refused(tmp_path):
    frame = _radii.read(run_with(tmp_path, planted.group(["uniform"])))
    with pytest.raises(ValueError, match="do not follow"):
        _radii.with_radii(frame.assign(radius=frame.radius * 1.1))


def test_series_are_named_by_noise_and_unusual_recipe(tmp_path):
    group = planted.group(["uniform", "exp1 k=2"]), planted.group(["uniform"], (0.25,), ["smoothadv"])
    frame = _radii.read(run_with(tmp_path, *group))
    assert list(frame.series.unique()) == ["normal", "uniform", "exp1 k=2", "uniform + smoothadv"]
    assert frame.group[frame.variant].unique() == [_radii.OTHER] and _radii.stable(frame) is None
    assert _radii.stable(frame.assign(method="stability")) == "uniform + smoothadv"


def test_of_several_architectures_the_one_with_most_noises(tmp_path):
    small = planted.group(["laplace"]) | {"architectures": ["resnet20"]}
    frame = _radii.read(run_with(tmp_path, planted.group(["laplace", "uniform"]), small))
    assert set(frame.architecture) == {"resnet8"} and frame.left_out.iloc[0] == "resnet20"
    assert "and not resnet20" in _radii.where(frame)


def test_groups_and_colours_follow_from_the_modules(monkeypatch):
    groups = {name: _radii.group_of(name) for name in noise.FAMILIES}
    assert (
        groups["laplace"] == groups["uniform"] == _radii.INDEPENDENT
        and groups["ssn"] == groups["dssn"] == _radii.REPLACED
    )
    assert (
        groups["expinf"] == groups["exp1"] == _radii.EDGED and groups["exp2"] == groups["uniformball"] == _radii.ROUND
    )
    together = ["normal", "laplace", "uniform", "ssn", "dssn"]
    assert len({*map(_radii.colour_of, together), _radii.colour_of("uniform", variant=True)}) == 6
    made_up(monkeypatch)
    assert _radii.group_of("made") == _radii.INDEPENDENT and _radii.colour_of("made").startswith("C")
    assert _radii.group_of("heard of by nobody") == _radii.INDEPENDENT and _radii.colour_of("heard of by nobody")


def test_a_made_up_family_is_read_like_any_other(tmp_path, monkeypatch):
    made_up(monkeypatch)
    frame = _radii.read(run_with(tmp_path, planted.group(["laplace", "made"])))
    wide = _radii.wide(frame, "l1")
    assert np.allclose(wide["made", 0.5], wide["laplace", 0.5])


def test_few_of_many_levels():
    assert _radii.some([1, 2, 3, 4, 5]) == [1, 3, 5] and _radii.some([1]) == [1] and _radii.some([]) == []


def test_a_share_has_the_exact_interval():
    value, low, high = _radii.share(np.array([True] * 3 + [False] * 7))
    assert (value, low, high) == pytest.approx((30, 6.6740, 65.2453), abs=1e-3)
    assert _radii.share(np.zeros(4, dtype=bool)).low == 0
