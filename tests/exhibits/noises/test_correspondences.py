"""The two tables of scales: formulas by hand, levels of samples, and verdicts that follow the numbers."""

import math

import numpy as np
import pandas as pd
import pytest

from resmooth.exhibits import exhibit
from resmooth.exhibits.noises import _correspondences_findings, _correspondences_numbers, correspondences

EXHIBIT = exhibit("noises/correspondences")


@pytest.fixture(scope="module")
def frames():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_correspondences_numbers, "DRAWS", 60_000)
        patch.setattr(_correspondences_numbers, "DIMS_SAMPLED", (1, 10, 30))
        yield correspondences.compute()


def verdicts(frames):
    return {each.claim.removeprefix("noises-"): each.verdict for each in EXHIBIT.findings(frames) if each.claim}


def test_a_formula_by_hand():
    """ExpInf, k = 1: r has the mean d, E|x|_1 = d (d + 1) / 2, so lambda = 2 / (d + 1); printed 2 / d."""
    case = _correspondences_numbers.compare("scale_l1-expinf", 1, 10)
    assert case["printed"] == pytest.approx(2 / 10)
    assert case["exact"] == pytest.approx(2 / 11)
    assert case["error"] == pytest.approx(0.1)
    assert _correspondences_numbers.compare("scale_l1-laplace", None, 10)["error"] == 0


def test_levels_of_known_samples():
    x = np.array([[1.0, -3.0], [2.0, 2.0]])
    mean, error = _correspondences_numbers.level(x, 1)
    assert (mean, error) == (2.0, 0.0)
    assert _correspondences_numbers.level(x, 2)[0] == pytest.approx(math.sqrt((5 + 4) / 2))


@pytest.mark.parametrize("family", _correspondences_numbers.NAMES)
def test_samples_have_the_exact_level(family):
    k, d = 3 if family in _correspondences_numbers.RADIAL else _correspondences_numbers.shape(family), 4
    x = _correspondences_numbers.sample(family, k, 20_000, d, np.random.default_rng(1))
    for norm in (1, 2):
        exact = _correspondences_numbers.compare(f"scale_l{norm}-{family}", k, d)["exact"]
        found, error = _correspondences_numbers.level(exact * x, norm)
        assert abs(found - 1) < 5 * error


def test_verdicts(frames):
    found = verdicts(frames)
    assert found.pop("levels_comparable") in ("fails", "not resolved")  # thirty dimensions are too few
    assert found == {"equals_are_exact": "fails", "approximations_tighten": "holds", "short_scales": "fails"}


def test_verdicts_flip_with_the_numbers(frames):
    marks, measured = frames["marks"], frames["samples"]
    right = frames | {
        "marks": marks.assign(at_10=0.0, ratio=1.0, ratio2=1.0, power=np.nan),
        "samples": measured.assign(level=1.0, se=1e-4),
    }
    assert set(verdicts(right).values()) == {"holds"}
    off = frames | {"marks": marks.assign(ratio=1.1, ratio2=1.1)}
    assert verdicts(off)["approximations_tighten"] == "fails"
    assert verdicts(frames | {"samples": measured.assign(level=1.5, se=1e-4)})["levels_comparable"] == "fails"


def test_no_line_is_missing(frames):
    marks = frames["marks"]
    assert marks[marks.form == ""].line.nunique() == 28  # seven families, two norms, a moment and a scale
    assert set(_correspondences_numbers.ABOUT) <= set(marks.line)


def test_names_of_lines():
    assert _correspondences_findings.in_words("norm_l2-exp2") == "E|x|_2^2 of Exp2"
    assert _correspondences_findings.in_words("scale_l1-expinf-short") == "lambda of ExpInf (L-1)"


def test_picture_with_another_noise_and_another_k(frames):
    curves = frames["curves"]
    strange = pd.concat([curves, curves[curves.noise == "ExpInf"].assign(noise="Odd", k=7.0)])
    assert len(EXHIBIT.draw(frames | {"curves": strange}).axes) == 4


def test_table_and_words(frames):
    assert list(EXHIBIT.table(frames).panel.unique())[:2] == ["table", "norms"]
    assert not any("nan" in each.reason for each in EXHIBIT.findings(frames))
