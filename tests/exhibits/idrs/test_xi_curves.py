"""The certified radius as a crossing: Cohen's case by hand, and verdicts that follow the numbers."""

import numpy as np
import pytest
from scipy import special

from resmooth.exhibits import exhibit
from resmooth.exhibits.idrs import _xi_curves_numbers as numbers
from resmooth.exhibits.idrs import xi_curves

EXHIBIT = exhibit("idrs/xi_curves")


@pytest.fixture(scope="module")
def frames():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "GRID", numbers.GRID[::5])
        patch.setattr(numbers, "PRODUCTS", numbers.PRODUCTS[::8])
        yield xi_curves.compute()


def verdicts(frames):
    return {each.claim.removeprefix("idrs-"): each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_constant_sigma_is_cohen(frames):
    flat = frames["curves"][frames["curves"].branch == "r = 0"]
    assert flat.xi.to_numpy() == pytest.approx(special.ndtr(flat.R.to_numpy() / 0.5 - special.ndtri(0.99)))
    assert numbers.COHEN == pytest.approx(0.5 * 2.3263478740)


def test_both_branches_start_at_the_other_class(frames):
    start = frames["curves"].query("R == 0")
    assert start.xi.to_numpy() == pytest.approx(1 - numbers.P_A)


def test_branches_are_one_half_at_their_crossings(frames):
    for row in frames["crossings"].to_dict("records"):
        assert numbers.worst(row["CR_>"], row["N"], -1) == pytest.approx(0.5, abs=1e-8)
        assert numbers.worst(row["CR_<"], row["N"], +1) == pytest.approx(0.5, abs=1e-8)
        assert row["CR"] == min(row["CR_>"], row["CR_<"])


def test_verdicts(frames):
    assert verdicts(frames) == {"radius_is_crossing": "holds", "xi_gt_gives_radius": "fails"}


def test_the_caption_would_be_right_without_an_excess(frames):
    same = frames["crossings"].assign(excess=0.0)
    assert verdicts(frames | {"crossings": same})["xi_gt_gives_radius"] == "holds"


def test_a_radius_elsewhere_or_a_falling_xi_fails(frames):
    longer = frames["crossings"].assign(CR=lambda f: 1.1 * f.CR)
    assert verdicts(frames | {"crossings": longer})["radius_is_crossing"] == "fails"
    falling = frames["curves"].assign(xi=lambda f: 0.4 - 0.1 * f.R)
    assert verdicts(frames | {"curves": falling})["radius_is_crossing"] == "fails"


def test_branches_that_never_cross_are_told_in_words(frames):
    curves = frames["curves"].copy()
    curves.loc[curves.branch == "xi_<", "xi"] += 1
    words = " ".join(each.reason for each in EXHIBIT.findings(frames | {"curves": curves}))
    assert "no R (N = 784)" in words and "nan" not in words


def test_between_the_ends_nothing_is_worse(frames):
    assert frames["inner"].beyond.max() <= 1e-12
    assert np.isclose(frames["inner"].R.max(), 1.25 * numbers.COHEN)


def test_table_summary_and_picture(frames):
    table = EXHIBIT.table(frames)
    assert set(table.part) == {"curve", "crossing", "excess"}
    assert xi_curves.summary(table).CR.tolist() == ["1.14089", "1.08247", "0.35307"]
    assert len(EXHIBIT.draw(frames).axes) == 6
