"""The variance formula: exact where its assumptions hold, refuted where they do not."""

import numpy as np
import pytest
from exhibits import synthetic

from resmooth.exhibits import exhibit
from resmooth.exhibits.ensembles import variance_ratio as module

VARIANCE_RATIO = exhibit("ensembles/variance_ratio")


def planted(tmp_path, zeta, variances, images=12, sigmas=(0.25, 0.5)):
    """Frames of a run whose margins have these variances, times a factor of the image, and the correlation zeta in all pairs."""
    run = synthetic.run(tmp_path, seeds=len(variances), sigmas=sigmas, images=images)
    root = np.sqrt(variances)
    covariance = np.outer(root, root) * (zeta + (1 - zeta) * np.eye(len(root)))
    flat = [((1 + i % 3) * covariance).ravel().tolist() for i in range(images)]
    about = {"label": 0, "draws": 25}
    rows = [about | {"idx": i, "half": half, "covariance": flat[i]} for i in range(images) for half in (1, 2)]
    synthetic.measure(run, "margins", lambda case: rows)
    return VARIANCE_RATIO.compute(run)


def findings(frames):
    return {each.claim.removeprefix("ensembles-"): each for each in VARIANCE_RATIO.findings(frames) if each.claim}


def test_formula_and_measurement_by_hand():
    covariance = np.array([[4.0, 1.0, 0.0], [1.0, 1.0, 0.5], [0.0, 0.5, 1.0]])
    assert module.measured(covariance) == pytest.approx([4 / 2, (4 + 1 + 2) / 4 / 2, (6 + 3) / 9 / 2])
    zeta = (1.5 / 3) / 2
    assert module.formula(covariance) == pytest.approx([1, (1 + zeta) / 2, (1 + 2 * zeta) / 3])
    pairs = [covariance[np.ix_(pair, pair)].mean() for pair in ([0, 1], [0, 2], [1, 2])]
    assert module.formula(covariance)[1] == pytest.approx(np.mean(pairs) / 2)  # the mean over all subsets


def test_the_model_holds_where_its_assumptions_do(tmp_path):
    frames = planted(tmp_path, 0.3, [2.0, 2.0, 2.0, 2.0])
    ratios = frames["ratios"]
    measured = ratios[ratios.series == "pooled: measured"]
    assert measured.value.to_numpy() == pytest.approx(np.tile([1, 1.3 / 2, 1.6 / 3, 1.9 / 4], 2))
    assert frames["zetas"].zeta.to_numpy() == pytest.approx(0.3)
    assert {name: each.verdict for name, each in findings(frames).items()} == {
        "variance_formula": "holds",
        "small_zeta": "holds",
        "variance_falls": "holds",
    }


def test_unequal_variances_refute_the_formula_and_large_zeta_is_not_small(tmp_path):
    found = findings(planted(tmp_path, 0.8, [8.0, 1.0, 1.0, 1.0]))
    assert found["variance_formula"].verdict == "fails"
    assert found["small_zeta"].verdict == "fails" and found["small_zeta"].value > 0.5


def test_copies_of_one_network_save_nothing(tmp_path):
    found = findings(planted(tmp_path, 1.0, [1.0, 1.0, 1.0]))
    assert found["variance_falls"].verdict != "holds" and found["variance_falls"].value == pytest.approx(1)


@pytest.mark.parametrize(
    "about", [{"variances": [1.0, 2.0]}, {"variances": [1.0, 1.0, 1.0], "images": 1, "sigmas": (0.25,)}]
)
def test_two_members_or_one_image_resolve_nothing(tmp_path, about):
    frames = planted(tmp_path, 0.3, **about)
    assert findings(frames)["variance_formula"].verdict == "not resolved"
    assert not any("nan" in each.reason for each in VARIANCE_RATIO.findings(frames))
    assert VARIANCE_RATIO.draw(frames).axes


def test_one_seed_or_no_margins_is_no_exhibit(tmp_path):
    assert VARIANCE_RATIO.needs(synthetic.run(tmp_path, seeds=1)) is None
    assert VARIANCE_RATIO.needs(synthetic.run(tmp_path, seeds=2, margins=None)) is None
