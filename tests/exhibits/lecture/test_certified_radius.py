"""The certified radius: values from tables of the normal law; what the lecture says of it, and its opposite."""

import numpy as np
import pytest

from resmooth.exhibits import exhibit
from resmooth.exhibits.lecture import certified_radius as module

CERTIFIED_RADIUS = exhibit("lecture/certified_radius")


@pytest.fixture(scope="module")
def frames():
    return CERTIFIED_RADIUS.compute(None)


def findings(frames):
    return {each.claim.removeprefix("lecture-"): each for each in CERTIFIED_RADIUS.findings(frames) if each.claim}


def test_radii_of_the_normal_table():
    assert module.two_sided(0.975, 0.025) == pytest.approx(1.959964, abs=1e-6)
    assert module.one_sided(0.8413447460685429) == pytest.approx(1)
    assert module.two_sided(0.3, 0.4) == 0 and module.one_sided(0.4) == 0
    assert module.two_sided(0.4, 0.3) > 0  # below one half only the long form certifies


def test_ceilings_are_the_printed_reference_values(frames):
    claim = frames["claim"]
    assert claim.agrees.all()
    assert claim.radius.to_numpy() == pytest.approx([2.463, 3.199, 3.8115, 4.347], abs=5e-4)
    assert (frames["ceiling"].two_sided < frames["ceiling"].radius).all()


def test_the_short_form_loses_nothing_against_one_class_and_pays_less_for_bounds(frames):
    loss = frames["difference"]
    one = loss[(loss.series == "one other class") & (loss.p_a > 0.55)]
    assert one[one.knowledge == "exact"].radius.abs().max() < 1e-12
    assert (one[one.knowledge != "exact"].radius < 0).all()


def test_what_the_lecture_says_holds(frames):
    assert {name: each.verdict for name, each in findings(frames).items()} == {
        "radius_monotone": "holds",
        "radius_never_negative": "holds",
        "short_form": "holds",
        "radius_needs_samples": "holds",
    }


def test_the_opposite_is_seen(frames):
    falling = frames["map"].assign(radius=-frames["map"].radius)
    flat = frames["ceiling"].assign(radius=2.0)
    swapped = frames["map"].rename(columns={"p_a": "p_b", "p_b": "p_a"})
    assert findings(frames | {"map": falling})["radius_monotone"].verdict == "fails"
    assert findings(frames | {"ceiling": flat})["radius_needs_samples"].verdict == "fails"
    assert findings(frames | {"map": swapped})["radius_never_negative"].verdict == "fails"


def test_it_is_drawn_and_told(frames):
    assert len(CERTIFIED_RADIUS.draw(frames).axes) == 5
    assert "10 classes" in CERTIFIED_RADIUS.here(frames)
    assert len(CERTIFIED_RADIUS.table(frames)) == sum(map(len, frames.values()))
    assert np.isfinite(frames["map"].radius).all()
