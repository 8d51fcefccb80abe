"""The curse of dimensionality: asymptotic formulas, and verdicts that follow the numbers."""

import numpy as np
import pytest
from scipy import special

from resmooth.exhibits import exhibit
from resmooth.exhibits.idrs import _dimensionality_numbers as numbers
from resmooth.exhibits.idrs import dimensionality

EXHIBIT = exhibit("idrs/dimensionality")
CLAIMS = ("curse_of_dimensionality", "radius_falls_with_dim", "semi_elastic_certifies")


@pytest.fixture(scope="module")
def frames():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(numbers, "EVERYWHERE", np.array([2, 10, 100, 784, 3072, 196608, 393216]))
        yield dimensionality.compute()


def verdicts(frames):
    return {each.claim.removeprefix("idrs-"): each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_in_many_dimensions_windows_have_their_normal_width(frames):
    part = frames["thresholds"].query("N == 393216")
    width = special.ndtri(1 - part.p_b) / np.sqrt(2 * part.N)
    assert (1 - part.exact_lower).to_numpy() == pytest.approx(width.to_numpy(), rel=0.02)
    assert part.factor.to_numpy() == pytest.approx(
        (np.sqrt(-2 * np.log(part.p_b)) / special.ndtri(1 - part.p_b)).to_numpy(), rel=0.01
    )


def test_the_window_ends_where_xi_is_one_half(frames):
    curves, windows = frames["curves"], frames["windows"]
    for n, part in curves.groupby("N"):
        at = windows[windows.N == n].set_index("R")
        low, high = (np.interp(numbers.DISTANCE, at.index, at[f"window_{side}"]) for side in ("lower", "upper"))
        inside = part.ratio[part.xi < 0.5]
        step = part.ratio.diff().max()
        assert inside.min() == pytest.approx(low, abs=2 * step)
        assert inside.max() == pytest.approx(high, abs=2 * step)


def test_all_claims_hold(frames):
    assert verdicts(frames) == dict.fromkeys(CLAIMS, "holds")


def test_windows_that_stay_open_fail(frames):
    powers = frames["powers"].assign(near=0.1, far=0.1)
    assert verdicts(frames | {"powers": powers})["curse_of_dimensionality"] == "fails"


def test_radii_that_grow_or_vanish_fail(frames):
    fixed = frames["fixed"].assign(share=lambda f: np.log(f.N) / 20)
    assert verdicts(frames | {"fixed": fixed})["radius_falls_with_dim"] == "fails"
    nothing = frames["fixed"].assign(share=lambda f: f.share.where(f.N < 1000, 0.0), approximation=1.0)
    assert verdicts(frames | {"fixed": nothing.assign(share=nothing.share)})["semi_elastic_certifies"] == "fails"


def test_table_picture_and_words(frames):
    assert set(EXHIBIT.table(frames).part) == {"threshold", "xi", "window", "fixed rate", "allowed"}
    assert len(EXHIBIT.draw(frames).axes) == 6
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
