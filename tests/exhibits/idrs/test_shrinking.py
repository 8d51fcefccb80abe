"""Unequal classes beyond chance, and growing, on planted answers."""

import numpy as np
import pandas as pd
import pytest
from exhibits.idrs import planted
from matplotlib.figure import Figure

from resmooth.exhibits import exhibit
from resmooth.exhibits.idrs import _shrinking_numbers as numbers
from resmooth.exhibits.idrs._shrinking_drawing import apart

EXHIBIT = exhibit("idrs/shrinking")
SIGMAS = (0.25, 0.5)
CLASS = np.arange(200) % 10


def alike(sigma):
    """Every class loses one image in five at either level."""
    return np.where(np.arange(200) // 10 % 5 == 0, -1.0, 1.0)


def grows(sigma):
    """At the larger level half of the classes are lost."""
    return alike(sigma) if sigma == SIGMAS[0] else np.where(CLASS < 5, -1.0, 1.0)


def falls(sigma):
    return grows(SIGMAS[1] if sigma == SIGMAS[0] else SIGMAS[0])


@pytest.mark.parametrize(
    ("radii", "unequal", "more"),
    [(alike, "not resolved", "not resolved"), (grows, "holds", "holds"), (falls, "not resolved", "fails")],
)
def test_findings_follow_the_data(tmp_path, radii, unequal, more):
    frames = EXHIBIT.compute(planted.levels(tmp_path, radii, SIGMAS, images=200))
    found = planted.by_claim(EXHIBIT.findings(frames))
    assert found["idrs-unequal_classes"].verdict == unequal
    assert found["idrs-unfairness_grows"].verdict == more
    assert found["idrs-shrinking_region"].verdict == "holds"
    assert found["idrs-shrinking_region"].value == pytest.approx(1 / np.sqrt(2 * np.log(2)))


def test_a_region_that_does_not_shrink_is_found(tmp_path):
    frames = EXHIBIT.compute(planted.levels(tmp_path, alike, SIGMAS, images=200))
    frames["balls"] = frames["balls"].assign(value=1.0)
    assert planted.by_claim(EXHIBIT.findings(frames))["idrs-shrinking_region"].verdict == "fails"


def test_classes_by_hand(tmp_path):
    frames = EXHIBIT.compute(planted.levels(tmp_path, grows, SIGMAS, images=200))
    large = frames["classes"][frames["classes"].sigma == SIGMAS[1]]
    assert list(large.value) == [0.0] * 5 + [100.0] * 5
    assert set(large.images) == {20}
    spread = frames["spread"].set_index("sigma")
    assert spread.observed[SIGMAS[1]] == pytest.approx(100 * np.std([0] * 5 + [1] * 5, ddof=1))
    assert spread.observed[SIGMAS[0]] == 0 and spread.p[SIGMAS[0]] == 1
    assert spread.p[SIGMAS[1]] == pytest.approx(1 / (1 + numbers.DRAWS))
    # no image of a class differs from another: the true variance is the observed one
    assert spread["value"][SIGMAS[1]] == pytest.approx(spread.observed[SIGMAS[1]])


def test_a_loss_alike_is_told_only_with_many_images():
    generator = np.random.default_rng(1)
    index = pd.MultiIndex.from_product([range(4), range(150)], names=["label", "idx"])
    means = np.repeat([0.6, 0.7, 0.8, 0.9], 150)
    wide = pd.DataFrame({s: generator.random(600) < means - s / 2 for s in (0.1, 0.5)}, index=index)
    long = wide.rename_axis(columns="sigma").stack().rename("right").reset_index().assign(source="log")
    spread = numbers.spreads(long)
    assert spread.alike.notna().tolist() == [False, True]
    few = numbers.spreads(long[long.idx < 50])
    assert "alike" not in few


def test_images_of_one_class_each_resolve_nothing(tmp_path):
    run = planted.levels(tmp_path, lambda sigma: np.full(5, 1.0), (0.25,), images=5)
    frames = EXHIBIT.compute(run)
    assert frames["spread"].empty
    found = planted.by_claim(EXHIBIT.findings(frames))
    assert found["idrs-unequal_classes"].verdict == found["idrs-unfairness_grows"].verdict == "not resolved"
    assert isinstance(EXHIBIT.draw(frames), Figure)
    assert set(EXHIBIT.table(frames).part) == {"ball", "disc", "class"}


def test_logs_bring_their_class_names(tmp_path):
    logs = [planted.log(s, np.ones(100), repository="Hadisalman/smoothing-adversarial") for s in (0.12, 0.25)]
    frames = EXHIBIT.compute(planted.levels(tmp_path, alike, SIGMAS, logs=pd.concat(logs), images=200))
    names = frames["classes"].groupby("source", sort=False).name.first()
    assert list(names) == ["class 0", "airplane"]
    assert "name" not in EXHIBIT.table(frames)
    assert isinstance(EXHIBIT.draw(frames), Figure)


def test_labels_are_put_apart_and_stay_in_order():
    placed = apart([50, 50, 10], 5)
    assert sorted(placed) == [10, 47.5, 52.5] and placed[2] == 10
