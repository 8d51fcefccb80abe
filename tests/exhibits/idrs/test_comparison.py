"""IDRS against RS, on planted radii: findings follow the data, in both directions."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.idrs import planted
from matplotlib.figure import Figure
from scipy import special

from resmooth.exhibits import exhibit
from resmooth.exhibits.idrs import _comparison_numbers as numbers
from resmooth.exhibits.idrs import _sigma
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.smoothing.idrs import certified_radius

EXHIBIT = exhibit("idrs/comparison")
NOISE = 0.01 * np.sin(np.arange(40))


def gain(by):
    """IDRS certifies `by` more than RS, image by image."""
    return lambda role, base: 0.2 + NOISE + (by + NOISE**2 if role.startswith("idrs") else 0)


def found(folder, radii, **planting):
    frames = EXHIBIT.compute(planted.comparison(folder, radii, images=40, **planting))
    return planted.by_claim(EXHIBIT.findings(frames))


def test_roles_have_their_own_levels(tmp_path):
    run = planted.comparison(tmp_path, gain(0.0), images=40, bases=(0.25, 0.5))
    assert [_sigma.case(run, role, "0.5")[1] for role in numbers.NAMES] == ["0.5", "0.52", "0.5", "0.5"]
    frame = _sigma.read(run, "mean")
    assert frame.groupby("base").sigma.first().to_dict() == {0.25: 0.26, 0.5: 0.52}


@pytest.mark.parametrize(
    ("by", "every", "some"),
    [(0.05, "holds", "holds"), (-0.05, "fails", "fails"), (0.0, "not resolved", "not resolved")],
)
def test_radius_follows_the_data(tmp_path, by, every, some):
    def radii(role, base):
        return gain(by)(role, base) if by else 0.2 + np.roll(NOISE, len(role))

    verdicts = found(tmp_path, radii, bases=(0.25, 0.5))
    assert verdicts["idrs-eases_tradeoff_radius"].verdict == every
    assert verdicts["idrs-can_be_useful"].verdict == some
    if by:
        assert verdicts["idrs-eases_tradeoff_radius"].value == pytest.approx(by, abs=1e-3)


@pytest.mark.parametrize(("better", "accuracy"), [("idrs", "holds"), ("mean", "fails")])
def test_accuracy_and_fairness_follow_the_data(tmp_path, better, accuracy):
    """One of the two loses half of the classes, and so is less accurate and less even."""
    lost = np.where(np.arange(40) % 10 < 5, -1.0, 0.2)
    verdicts = found(tmp_path, lambda role, base: np.full(40, 0.2) if role.startswith(better) else lost)
    assert verdicts["idrs-eases_tradeoff_accuracy"].verdict == accuracy
    fairness = verdicts["idrs-eases_unfairness"]
    assert fairness.verdict == accuracy  # more accurate, and more even
    assert np.sign(fairness.value) == (-1 if better == "idrs" else 1)


def test_images_beyond_the_ceiling_of_a_constant_level(tmp_path):
    top = 0.26 * special.ndtri(clopper_pearson(200, 200, 0.001))
    beyond = found(tmp_path / "a", lambda role, base: np.full(40, 1.01 * top if role.startswith("idrs") else top))
    assert beyond["idrs-eases_waterfalls"].verdict == "holds" and beyond["idrs-eases_waterfalls"].value == 100
    within = found(tmp_path / "b", lambda role, base: np.full(40, top))
    assert within["idrs-eases_waterfalls"].verdict == "not resolved"


def test_ceilings_by_hand(tmp_path):
    frames = EXHIBIT.compute(planted.comparison(tmp_path, gain(0.0), images=40))
    mine = numbers.of(frames["images"], 0.25, "idrs")
    p = float(clopper_pearson(200, 200, 0.001))
    assert mine.ceiling.iloc[0] == pytest.approx(certified_radius(p, 0.25 * np.exp(-0.05), 0.1, 64))
    assert numbers.of(frames["images"], 0.25, "mean").ceiling.unique() == pytest.approx([0.26 * special.ndtri(p)])
    assert planted.by_claim(EXHIBIT.findings(frames))["idrs-no_single_ceiling"].verdict == "holds"


def test_one_level_for_all_images_has_one_ceiling(tmp_path):
    assert found(tmp_path, gain(0.0), distance=np.ones(40))["idrs-no_single_ceiling"].verdict == "fails"


def test_steep_levels_of_ddrs_are_no_certificates(tmp_path):
    def steep(base):  # a slope of 0.5, five times r
        return base * np.exp(0.5 * planted.APART * np.arange(40))

    frames = EXHIBIT.compute(planted.comparison(tmp_path / "a", gain(0.0), images=40, ddrs=steep))
    claims = frames["claims"]
    assert claims.rate.iloc[0] == pytest.approx(0.5) and (claims.at_best < claims.claimed_radius).all()
    care = planted.by_claim(EXHIBIT.findings(frames))["idrs-needs_care"]
    assert care.verdict == "holds" and care.value == pytest.approx(5)
    flat = found(tmp_path / "b", gain(0.0))["idrs-needs_care"]
    assert flat.verdict == "not resolved"


def test_summary_by_hand(tmp_path):
    lost = np.where(np.arange(40) % 10 < 1, -1.0, 0.2)
    run = planted.comparison(tmp_path, lambda role, base: lost, images=40)
    frames = EXHIBIT.compute(run)
    row = frames["summary"].set_index("method").loc["RS, base level"]
    assert (row["clean [%]"], row["0.5 sigma_b [%]"], row["1 sigma_b [%]"]) == (90, 90, 0)
    assert row.ACR == pytest.approx(0.18) and row.spread == pytest.approx(np.std([0] + [1] * 9, ddof=1))
    claimed = frames["summary"].set_index("method").loc[numbers.CLAIMED]
    assert claimed.ACR == 0 and claimed["mean claim"] == pytest.approx(0.25 * special.ndtri(0.9))
    docs = EXHIBIT.module.summary(pd.DataFrame(EXHIBIT.table(frames)))
    assert docs.iloc[0].tolist()[:3] == ["0.25", "0.180", "0.180"] and docs.shape == (1, 7)
    assert isinstance(EXHIBIT.draw(frames), Figure)


def test_different_images_are_refused(tmp_path):
    run = planted.comparison(tmp_path, gain(0.0), images=40)
    path = run.paths.certificates(*_sigma.case(run, "mean", "0.25"), "member-1")
    pd.read_csv(path, sep="\t").iloc[1:].to_csv(path, sep="\t", index=False)
    with pytest.raises(ValueError, match="holds 39 images"):
        EXHIBIT.compute(run)


def test_one_image_resolves_nothing(tmp_path):
    run = planted.comparison(tmp_path, lambda role, base: [0.2], distance=[1.0], images=1)
    frames = EXHIBIT.compute(run)
    assert {each.verdict for each in planted.by_claim(EXHIBIT.findings(frames)).values()} == {"not resolved"}
    assert isinstance(EXHIBIT.draw(frames), Figure)


def test_a_run_without_input_dependent_noise_does_not_show_it(tmp_path):
    assert EXHIBIT.needs(synthetic.run(tmp_path)) is None
