"""Slopes, levels and what they cost, on planted levels."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.idrs import planted
from matplotlib.figure import Figure
from scipy import stats

from resmooth.exhibits import exhibit
from resmooth.exhibits.idrs import _sigma, sigma_design
from resmooth.smoothing.idrs import certified_radius

EXHIBIT = exhibit("idrs/sigma_design")


def run(folder, **planting):
    return planted.comparison(folder, lambda role, base: np.linspace(0.4, 0.01, planting.get("images", 20)), **planting)


def test_slopes_of_all_pairs_of_different_images():
    pixels = np.array([[0.0, 0.0], [0.3, 0.4], [0.3, 0.4], [0.0, 1.0]])
    slopes = _sigma.slopes(np.exp([0.0, 0.1, 0.2, 0.3]), pixels)
    third = np.hypot(0.3, 0.6)
    assert slopes == pytest.approx([0.2, 0.4, 0.3, 0.2 / third, 0.1 / third])  # the equal images are left out


def test_distances_are_recovered_and_levels_cost_what_they_must(tmp_path):
    frames = EXHIBIT.compute(run(tmp_path, bases=(0.25, 0.5)))
    assert frames["images"].distance.to_numpy() == pytest.approx(np.linspace(0.5, 1.5, 20))
    row = frames["levels"].set_index("sigma_b").loc[0.5]
    assert row.highest == pytest.approx(0.5 * np.exp(0.05))
    expected = certified_radius(0.9, row.highest, 0.1, 64) / (row.highest * stats.norm.ppf(0.9))
    assert row["radius / Cohen's, highest, p_A = 0.9"] == pytest.approx(expected)
    assert expected < row["radius / Cohen's, lowest, p_A = 0.9"] < 1
    assert row["correlation with p_lower"] == pytest.approx(-1)  # planted: the further, the smaller the radius
    assert set(EXHIBIT.table(frames).part) == {"image", "level"}


def test_levels_of_another_design_are_refused():
    frame = pd.DataFrame({"idx": [0, 1, 0, 1], "label": 0, "base": [1.0, 1.0, 2.0, 2.0], "sigma": [1.0, 1.1, 2.0, 2.3]})
    with pytest.raises(ValueError, match="not of one design"):
        sigma_design.levels_of_images(frame, 0.1, 1.0)


@pytest.mark.parametrize(("slope", "verdict"), [(0.99, "holds"), (1.0, "holds"), (1.01, "fails")])
def test_a_pair_that_is_too_steep_is_found(tmp_path, slope, verdict):
    frames = EXHIBIT.compute(run(tmp_path, distance=slope * planted.APART * np.arange(20)))
    found = planted.by_claim(EXHIBIT.findings(frames))["idrs-semi_elastic"]
    assert found.verdict == verdict and found.value == pytest.approx(slope)
    assert isinstance(EXHIBIT.draw(frames), Figure)


def test_one_image_and_no_rate(tmp_path):
    frames = EXHIBIT.compute(run(tmp_path / "one", images=1, distance=[1.0]))
    assert planted.by_claim(EXHIBIT.findings(frames))["idrs-semi_elastic"].verdict == "not resolved"
    assert isinstance(EXHIBIT.draw(frames), Figure)
    frames = EXHIBIT.compute(run(tmp_path / "flat", rate=0))
    assert planted.by_claim(EXHIBIT.findings(frames))["idrs-semi_elastic"].verdict == "holds"
    assert isinstance(EXHIBIT.draw(frames), Figure)


def test_the_extreme_images_are_shown():
    images = pd.DataFrame({"label": range(5), "ratio": [1.2, 0.8, 1.0, 1.1, 0.9]})
    pictures = sigma_design.extremes(images, np.arange(5 * 2 * 3).reshape(5, 2, 3, 1) / 30)
    assert pictures.index.get_level_values(1).tolist() == [1, 4, 3, 0]
    assert [len(level) for level in pictures.columns.levels] == [2, 3, 1]
    assert pictures.iloc[0].tolist() == [6 / 30, 7 / 30, 8 / 30, 9 / 30, 10 / 30, 11 / 30]


def test_a_run_without_input_dependent_noise_does_not_show_it(tmp_path):
    assert EXHIBIT.needs(synthetic.run(tmp_path)) is None
