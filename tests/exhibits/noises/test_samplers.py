"""Sampling recipes: the right ones pass, the letter of the text does not, and verdicts follow the numbers."""

import numpy as np
import pytest

from resmooth.exhibits import exhibit
from resmooth.exhibits.noises import _samplers_findings, _samplers_numbers, samplers
from resmooth.theory import recipes

EXHIBIT = exhibit("noises/samplers")
CLAIMS = ("sampler_expinf", "sampler_exp1", "sampler_exp2", "ball_for_sphere")


@pytest.fixture(scope="module")
def frames():
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"DRAWS": 3000, "DRAWS_OF_DENSITY": 6000, "DIMS": (2, 10), "KS": (1, 2, 10)}.items():
            patch.setattr(_samplers_numbers, name, value)
        patch.setattr(_samplers_findings, "DRAWS_OF_DENSITY", 6000)
        patch.setattr(_samplers_numbers, "SIZES", np.array([1, 2, 10, 100]))
        yield samplers.compute()


def verdicts(frames):
    return {each.claim.removeprefix("noises-"): each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_the_letter_fails_and_the_law_holds(frames):
    assert verdicts(frames) == {"radius_law": "holds"} | dict.fromkeys(CLAIMS, "fails")


def test_the_right_recipe_passes_every_test(frames):
    assert frames["right"].p_value.min() * len(frames["right"]) > 0.01
    assert (frames["right"].groupby("noise").size() == [12 * 2, 12 * 2, 15 * 2]).all()  # Exp1, Exp2, ExpInf


def test_verdicts_flip_if_the_letter_were_right(frames):
    rows = [
        row
        for name in recipes.ORDERS
        for text in ("as printed", "ball")
        for d in (2, 10)
        for row in _samplers_numbers.tested(recipes.meant, text, name, 2, d, np.random.default_rng(d))
    ]
    right = frames | {"wrong": samplers.pd.DataFrame(rows)}
    assert verdicts(right) == dict.fromkeys(("radius_law", *CLAIMS), "holds")


def test_another_law_of_the_radius_fails(frames):
    off = frames["density"].assign(ks=0.2)
    assert verdicts(frames | {"density": off})["radius_law"] == "fails"
    near = frames["density"].assign(ks=0.045)
    assert verdicts(frames | {"density": near})["radius_law"] == "not resolved"


def test_the_band_covers_the_true_distance():
    """Uniform samples: the true distance is 0, and the band holds it in 95 % of 2,000 repetitions."""
    generator, n = np.random.default_rng(0), 400
    x = np.sort(generator.random((2000, n)), axis=1)
    steps = np.arange(1, n + 1) / n
    distances = np.maximum(steps - x, x - (steps - 1 / n)).max(axis=1)
    covered = np.mean([_samplers_findings.band(distance, n).low == 0 for distance in distances])
    assert covered == pytest.approx(0.95, abs=4 * np.sqrt(0.05 * 0.95 / 2000))


def test_table_picture_and_words(frames):
    table = EXHIBIT.table(frames)
    assert {"radius", "radius, exactly", "points", "histogram of the radius", "level set"} <= set(table.test)
    assert len(EXHIBIT.draw(frames).axes) == 9
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
