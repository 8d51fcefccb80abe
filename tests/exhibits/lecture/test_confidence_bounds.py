"""Confidence bounds: exact error rates by hand and by enumeration; verdicts follow them."""

from math import comb

import pytest

from resmooth.exhibits import exhibit
from resmooth.exhibits.lecture import confidence_bounds as module

CONFIDENCE_BOUNDS = exhibit("lecture/confidence_bounds")


@pytest.fixture(scope="module")
def frames():
    return CONFIDENCE_BOUNDS.compute(None)


def test_the_normal_interval_misses_whenever_all_samples_agree():
    n, p = 3, 0.999
    enumerated = sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1) if module.misses("CLT", k, n, p))
    assert module.error_rate("CLT", n, p) == pytest.approx(enumerated)
    assert enumerated >= p**n  # k = n claims p = 1


def test_clopper_pearson_by_enumeration():
    n, p = 10, 0.7
    missed = [k for k in range(n + 1) if module.misses("Clopper-Pearson", k, n, p)]
    assert missed == [
        0,
        1,
        2,
    ]  # P(k <= 2) = 0.0016 and P(k <= 3) = 0.0106; all ten have probability 0.028: half of alpha is 0.005
    enumerated = sum(comb(n, k) * p**k * (1 - p) ** (n - k) for k in missed)
    assert module.error_rate("Clopper-Pearson", n, p) == pytest.approx(enumerated)


def test_verdicts(frames):
    found = {each.claim: each for each in CONFIDENCE_BOUNDS.findings(frames) if each.claim}
    assert {claim: each.verdict for claim, each in found.items()} == {
        "lecture-chebyshev_covers": "holds",
        "lecture-clt_covers": "fails",
        "lecture-clopper_pearson_covers": "holds",
    }
    assert found["lecture-clt_covers"].value > 0.05 and found["lecture-clopper_pearson_covers"].value <= module.ALPHA


def test_a_bound_that_errs_too_often_fails(frames):
    worse = {name: frames[name].assign(wrong=3 * frames[name].wrong) for name in ("exact", "against_p")}
    verdicts = {each.claim: each.verdict for each in CONFIDENCE_BOUNDS.findings(frames | worse)}
    assert verdicts["lecture-clopper_pearson_covers"] == "fails"
    better = {name: frames[name].assign(wrong=0.001 * frames[name].wrong) for name in ("exact",)}
    fine = {each.claim: each.verdict for each in CONFIDENCE_BOUNDS.findings(frames | better)}
    assert fine["lecture-clt_covers"] == "holds"


def test_it_is_drawn_and_told(frames):
    assert len(CONFIDENCE_BOUNDS.draw(frames).axes) == 4
    assert "0.999" in CONFIDENCE_BOUNDS.here(frames)
    assert len(frames["measured"]) == 2 * 9 * 3
