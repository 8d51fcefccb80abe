"""The loss estimator's bias: closed forms, and verdicts that follow the numbers."""

import numpy as np
import pytest
from scipy import special

from resmooth.exhibits import exhibit
from resmooth.exhibits.noises import loss_estimators

EXHIBIT = exhibit("noises/loss_estimators")


@pytest.fixture(scope="module")
def frames():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss_estimators, "REPETITIONS", 4000)
        patch.setattr(loss_estimators, "K_DRAWN", (1, 4, 64, 128))
        yield loss_estimators.compute()


def verdicts(frames):
    return {each.claim.removeprefix("noises-loss_"): each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_at_x_0_the_bias_is_that_of_a_chi_square(frames):
    """S / K is chi-square over its degrees of freedom: E log S = log 2 + digamma(K / 2)."""
    part = frames["curves"][frames["curves"].x == 0]
    assert part.exact.to_numpy() == pytest.approx(np.log(part.K / 2) - special.digamma(part.K / 2), rel=1e-9)


def test_columns_of_doublings(frames):
    for row in frames["doublings"].itertuples():
        assert (row.b1, row.b4) == tuple(pytest.approx(loss_estimators.exact_bias(row.x, f * row.K)) for f in (1, 4))
        assert row.t2 == pytest.approx(loss_estimators.taylor_bias(row.x, 2 * row.K) / row.b2)


def test_the_four_claims_hold(frames):
    expected = dict.fromkeys(("biased_upwards", "consistent", "bias_order", "taylor_term"), "holds")
    assert verdicts(frames) == expected


def test_another_order_or_another_factor_fails(frames):
    doublings = frames["doublings"].copy()
    doublings["b2"], doublings["b4"] = doublings.b1 / np.sqrt(2), doublings.b1 / 2
    slower = frames | {"doublings": doublings}
    assert verdicts(slower)["bias_order"] == "fails"
    half = frames["doublings"].assign(t1=lambda f: f.t1 / 2, t2=lambda f: f.t2 / 2)
    assert verdicts(frames | {"doublings": half})["taylor_term"] == "fails"


def test_a_negative_bias_or_a_spread_that_stays_fails(frames):
    downwards = frames["curves"].assign(exact=lambda f: -f.exact)
    assert verdicts(frames | {"curves": downwards})["biased_upwards"] == "fails"
    stays = frames["drawn"].assign(**{"standard error": 0.01})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loss_estimators, "REPETITIONS", 4000)
        assert verdicts(frames | {"drawn": stays})["consistent"] != "holds"


def test_table_and_picture(frames):
    table = EXHIBIT.table(frames)
    assert len(table) == len(frames["curves"]) + len(frames["drawn"])
    assert table.target[table.x == 2].unique() == pytest.approx(-np.log(5))
    assert len(EXHIBIT.draw(frames).axes) == 4


def test_findings_are_in_words(frames):
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
    assert "no network" in EXHIBIT.here(frames).lower()
