"""Theorem 2: probabilities by other formulas, and verdicts that follow the numbers."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import theorem2

EXHIBIT = exhibit("smooth_reduce/theorem2")


@pytest.fixture(scope="module")
def frames():
    return theorem2.compute()


def verdicts(frames):
    return {each.claim.removeprefix("smooth_reduce-"): each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_cells_by_other_formulas(frames):
    for row in frames["cells"].itertuples():
        least = math.ceil(row.k / 2)
        assert row.independent == pytest.approx(stats.binom.sf(least - 1, row.k, row.alpha))
        assert row.bound == pytest.approx(math.exp(-row.k * row.alpha) * (2 * math.e * row.alpha) ** (row.k / 2))
        assert row.stated == row.alpha / row.k and row.worst >= row.together == row.alpha


@pytest.mark.parametrize(("k", "alpha", "bound"), [(1, 0.001, 0.0737), (2, 0.01, 0.0533), (4, 0.01, 0.00284)])
def test_printed_values_of_the_bound(k, alpha, bound):
    assert theorem2.bound(k, alpha) == pytest.approx(bound, rel=5e-3)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_the_worst_dependence_is_attained_by_failures_of_exactly_half(frames, k):
    alpha, least = 0.01, math.ceil(k / 2)
    failing = [each for each in product((0, 1), repeat=k) if sum(each) == least]
    share = k * alpha / least / len(failing)  # of each such set
    assert share * np.sum(failing, axis=0) == pytest.approx(np.full(k, alpha))
    grid = frames["grid"]
    assert grid[(grid.k == k) & (grid.alpha == alpha)].worst.iloc[0] == pytest.approx(share * len(failing))


def test_common_failures_by_drawing(frames):
    generator, k, alpha, rho = np.random.default_rng(0), 4, 0.01, 0.3
    together = generator.random(400_000) < rho
    failed = generator.random((400_000, k)) < alpha
    failed[together] = failed[together][:, :1]
    assert np.corrcoef(failed.T)[0, 1] == pytest.approx(rho, abs=0.05)
    part = frames["shared"][(frames["shared"].k == k) & np.isclose(frames["shared"].correlation, rho)]
    assert np.mean(failed.sum(axis=1) >= k / 2) == pytest.approx(part.probability.iloc[0], rel=0.1)


def test_the_smallest_k(frames):
    found = frames["smallest"].set_index("alpha")
    assert found.loc[0.001].tolist() == [3, 4] and found.loc[0.01].tolist() == [4, 5]


def test_verdicts(frames):
    assert verdicts(frames) == {
        "theorem_2_bound": "holds",
        "theorem_2_decays": "holds",
        "theorem_2_informative": "fails",
        "theorem_2_gives_alpha_over_k": "fails",
        "alpha_over_k": "fails",
        "calibrated_alpha": "fails",
        "fewer_samples": "fails",
    }


def test_verdicts_follow_the_numbers(frames):
    grid, levels = frames["grid"], frames["levels"].assign(attained_error=0.001, largest_radius=3.0)
    better = grid.assign(bound=grid.stated / 2, together=grid.stated / 2, worst=grid.stated)
    found = verdicts(frames | {"grid": better, "levels": levels})
    assert [found[claim] for claim in ("theorem_2_gives_alpha_over_k", "alpha_over_k")] == ["holds", "holds"]
    assert (found["theorem_2_informative"], found["theorem_2_decays"]) == ("holds", "fails")
    assert "fails" not in (found["calibrated_alpha"], found["fewer_samples"])
    low = grid.assign(bound=grid.independent / 2)
    assert verdicts(frames | {"grid": low})["theorem_2_bound"] == "fails"


def test_picture_table_and_words(frames):
    assert len(EXHIBIT.draw(frames).axes) == 4
    assert set(EXHIBIT.table(frames).part) == {"cells", "smallest", "levels"}
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
