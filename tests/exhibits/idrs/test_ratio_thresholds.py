"""Theorem 2.4 and its table: roots by another method, and verdicts that follow the numbers."""

import math

import pytest
from scipy import optimize, stats

from resmooth.exhibits import exhibit
from resmooth.exhibits.idrs import ratio_thresholds

EXHIBIT = exhibit("idrs/ratio_thresholds")


@pytest.fixture(scope="module")
def frames():
    return ratio_thresholds.compute()


def verdicts(frames):
    return {each.claim.removeprefix("idrs-"): each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_cells_by_another_root_finder(frames):
    for row in frames["thresholds"].itertuples():
        z = optimize.brentq(lambda z, p, n: math.log(z) + 1 - z - 2 * math.log(p) / n, 1e-6, 1, args=(row.p_b, row.N))
        assert row.thm_lower == pytest.approx(math.sqrt(z))
        chi = stats.chi2(row.N)
        assert row.exact_lower == pytest.approx(math.sqrt(chi.ppf(row.p_b) / chi.median()))
        assert row.exact_upper == pytest.approx(math.sqrt(chi.isf(row.p_b) / chi.median()))


def test_one_printed_cell_is_not_rounded_to_the_nearest(frames):
    cells = frames["thresholds"]
    assert cells[~cells.agrees][["data", "printed"]].to_numpy().tolist() == [["CIFAR10", "0.961"]]


def test_all_claims_hold(frames):
    assert verdicts(frames) == dict.fromkeys(
        ("theorem_2_4_fall", "theorem_2_4_rise", "threshold_rises_with_dim", "threshold_rises_with_p_b"), "holds"
    )


def test_a_theorem_that_excludes_too_much_fails(frames):
    grid = frames["grid"].copy()
    grid["thm_lower"] = 1 - 0.9 * (1 - grid.exact_lower)
    assert verdicts(frames | {"grid": grid})["theorem_2_4_fall"] == "fails"
    grid["thm_upper"] = 1 + 0.9 * (grid.exact_upper - 1)
    assert verdicts(frames | {"grid": grid})["theorem_2_4_rise"] == "fails"


def test_thresholds_that_fall_fail(frames):
    grid = frames["grid"].assign(thm_lower=lambda f: 1 - f.thm_lower)
    found = verdicts(frames | {"grid": grid})
    assert (found["threshold_rises_with_dim"], found["threshold_rises_with_p_b"]) == ("fails", "fails")


def test_a_single_data_set_is_drawn(frames):
    cells = frames["thresholds"]
    few = frames | {"thresholds": cells[cells.data == "CIFAR10"].reset_index(drop=True)}
    assert len(EXHIBIT.draw(few).axes) == 3
    assert len(EXHIBIT.draw(frames).axes) == 5


def test_table_and_words(frames):
    assert EXHIBIT.table(frames).part.value_counts().to_dict() == {"threshold": 12, "header": 12}
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
