"""Ceilings, the drop at them, and what is said of them, on planted radii."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.idrs import planted
from matplotlib.figure import Figure
from scipy import stats

from resmooth.exhibits import exhibit
from resmooth.exhibits.idrs import _waterfalls_numbers as waterfalls
from resmooth.plan import Run

EXHIBIT = exhibit("idrs/waterfalls")
TOP = stats.norm.ppf(0.001 ** (1 / 200))  # the ceiling of a planted run, in units of sigma


def table(radius, correct=1, votes=None, n=200) -> pd.DataFrame:
    frame = pd.DataFrame({"idx": range(len(radius)), "radius": radius, "correct": correct})
    return frame if votes is None else frame.assign(n_top=votes, n=n)


def test_only_images_with_all_votes_stand_at_the_ceiling():
    frame = table([0.4, 0.4, 0.2], votes=[200, 199, 200])
    seen = waterfalls.at_ceiling(frame, "run", 0.25, 200, 0.001)
    assert seen.ceiling.iloc[0] == pytest.approx(0.25 * stats.norm.ppf(0.001 ** (1 / 200)))
    assert list(seen.counted) == [seen.ceiling.iloc[0], 0.4, seen.ceiling.iloc[0]]


def test_the_rounding_of_a_log_at_its_ceiling_is_undone():
    ceiling = 0.25 * stats.norm.ppf(0.001**1e-5)
    seen = waterfalls.at_ceiling(table([0.953, 0.93]), "log", 0.25, 100_000, 0.001)
    assert seen.counted.iloc[0] == pytest.approx(ceiling, rel=1e-12)
    assert seen.counted.iloc[1] == 0.93


def test_height_of_the_drop():
    frame = table([0.456] * 10, correct=[1] * 8 + [0] * 2, votes=[200] * 3 + [150] * 5 + [200] * 2)
    row = waterfalls.heights(waterfalls.at_ceiling(frame, "run", 0.25, 200, 0.001)).iloc[0]
    assert (row.value, row["of correct"], row.images) == (30, 37.5, 10)
    assert row.low == pytest.approx(100 * stats.beta.ppf(0.025, 3, 8))
    assert row.high == pytest.approx(100 * stats.beta.ppf(0.975, 4, 7))


def test_the_next_larger_sigma_is_compared_on_the_images_that_both_have():
    small = waterfalls.at_ceiling(table([0.5] * 4, votes=200), "run", 0.25, 200, 0.001)
    large = waterfalls.at_ceiling(table([0.1, 0.1, 0.9, 0.9, 0.9], votes=100), "run", 0.5, 200, 0.001)
    gain = waterfalls.beyond(pd.concat([small, large]), "run")[0.25, 0.5]
    assert gain.value == -50 and gain.low < -50 < gain.high


LATE, EARLY = np.full(20, 0.95 * TOP), np.linspace(0.01, 0.85, 20) * TOP
AS_A_LINE = np.where(np.arange(20) < 2, 0.95, 0.5) * TOP  # a tenth of the images in the last tenth


@pytest.mark.parametrize(
    ("radii", "verdict"), [(LATE, "holds"), (np.tile(EARLY, 5), "fails"), (AS_A_LINE, "not resolved")]
)
def test_a_fall_at_the_end_and_none(tmp_path, radii, verdict):
    run = planted.levels(tmp_path, lambda sigma: radii, images=len(radii))
    assert planted.by_claim(EXHIBIT.findings(EXHIBIT.compute(run)))["idrs-waterfall_drop"].verdict == verdict


def test_radii_beyond_the_ceiling_are_found(tmp_path):
    run = planted.levels(tmp_path, lambda sigma: np.full(20, 1.0))
    frames = EXHIBIT.compute(run)
    assert planted.by_claim(EXHIBIT.findings(frames))["idrs-waterfall_ceiling"].verdict == "holds"
    wrong = planted.levels(tmp_path, lambda sigma: np.full(20, 1.1 * TOP))
    found = planted.by_claim(EXHIBIT.findings(EXHIBIT.compute(wrong)))["idrs-waterfall_ceiling"]
    assert found.verdict == "fails" and found.value == pytest.approx(1.1)


def test_nothing_certified_resolves_nothing(tmp_path):
    run = planted.levels(tmp_path, lambda sigma: np.full(20, -2.0), sigmas=(0.25,))
    found = planted.by_claim(EXHIBIT.findings(EXHIBIT.compute(run)))
    assert {each.verdict for each in found.values()} == {"not resolved"}


def test_logs_beside_the_run(tmp_path):
    steps = 0.5 * np.array([3.91, 3.82, 3.75, 3.0])
    logs = pd.concat([planted.log(0.5, steps), planted.log(1.0, 2 * steps, dataset="birds", arch="vgg")])
    run = planted.levels(tmp_path, lambda sigma: np.full(20, 1.0), logs=logs)
    frames = EXHIBIT.compute(run)
    assert list(frames["ceilings"].source.unique()) == [
        "run synthetic: resnet8-gaussian",
        "CIFAR-10, ResNet-110",
        "birds, vgg",
    ]
    assert set(EXHIBIT.table(frames).part) == {"curve", "ceiling"}
    assert isinstance(EXHIBIT.draw(frames), Figure)
    assert "No published log" not in EXHIBIT.here(frames)


def test_needs(tmp_path):
    run = planted.levels(tmp_path, lambda sigma: np.full(20, 1.0))
    assert len(EXHIBIT.needs(run)["certificates"]) == 2
    other = [{"architectures": ["resnet8"], "recipes": ["gaussian"], "seeds": 1, "noise": "laplace"}]
    assert EXHIBIT.needs(Run({**run.config, "experiments": other}, synthetic.ROOT / "config" / "recipes")) is None
