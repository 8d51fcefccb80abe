"""The smoothed classifier in the plane: against simulation and geometry by hand; verdicts follow the radii."""

import numpy as np
import pytest

from resmooth.exhibits import exhibit
from resmooth.exhibits.lecture import smoothed_classifier as module

SMOOTHED = exhibit("lecture/smoothed_classifier")


@pytest.fixture(scope="module")
def frames():
    return SMOOTHED.compute(None)


def findings(frames):
    return {each.claim.removeprefix("lecture-"): each for each in SMOOTHED.findings(frames) if each.claim}


def test_blurred_regions_are_the_shares_of_noisy_copies(frames):
    point = frames["places"].iloc[0]
    noisy = np.random.default_rng(7).normal((point.x, point.y), module.SIGMA, (200_000, 2))
    shares = np.bincount(module.scores(*noisy.T).argmax(axis=0), minlength=3) / len(noisy)
    assert frames["probabilities"].exact.to_numpy() == pytest.approx(shares, abs=0.005)


def test_nearest_point_of_polylines():
    lines = [np.array([[-1.0, 2.0], [1.0, 2.0], [1.0, -3.0]]), np.array([[5.0, 5.0], [6.0, 6.0]])]
    assert module.nearest(lines, np.zeros(2)) == pytest.approx([1, 0])
    assert module.nearest(lines, np.array([5.0, 5.5])) == pytest.approx([5.25, 5.25])
    assert module.nearest(lines, np.array([-3.0, 2.0])) == pytest.approx([-1, 2])


def test_a_straight_boundary_has_the_theorem_s_radius():
    """Two half-planes at distance 0.3: p_A = Phi(0.3 / sigma), and the theorem is tight."""
    from scipy.special import ndtr

    p = ndtr(0.3 / module.SIGMA)
    assert module.theorem(np.array([1 - p, p, 0.0])) == pytest.approx(0.3)


def test_margins_lead_over_the_best_other():
    assert module.margins(np.array([[3.0], [1.0], [2.5]])).ravel() == pytest.approx([0.5, -2.0, -0.5])


def test_radii_are_ordered_and_found(frames):
    radius = frames["radii"].set_index("series").radius
    assert 0 < radius[module.SAMPLED] < radius[module.EXACT] < radius[module.TRUE]
    assert radius[module.ONE_SIDED] < radius[module.EXACT]
    assert {each.verdict for each in findings(frames).values()} == {"holds"}
    assert len(findings(frames)) == 2


def test_a_theorem_that_promises_too_much_fails(frames):
    checked = frames["checked"]
    assert (
        findings(frames | {"checked": checked.assign(certified=1.1 * checked.certified)})["radius_guaranteed"].verdict
        == "fails"
    )
    far = findings(frames | {"checked": checked.assign(true=checked.true + 2)})
    assert far["level_sets_no_radius"].verdict == "fails"


def test_it_is_drawn_and_told(frames):
    assert len(SMOOTHED.draw(frames).axes) == 3
    assert "3 classes" in SMOOTHED.here(frames)
    assert not {"plane", "checked"} & set(SMOOTHED.table(frames).panel)
