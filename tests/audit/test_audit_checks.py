import math
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resmooth import audit, metrics
from resmooth.audit import checks

TABLE = Path(__file__).parents[2] / "claims" / "published_logs.tsv"
ENSEMBLE = [0.65, 0.59, 0.49, 0.45, 0.38, 0.32, 0.26, 0.19]


def published(name):
    mirror = os.environ.get("RESMOOTH_MIRROR")
    if not mirror:
        pytest.skip("RESMOOTH_MIRROR names no folder with the published logs")
    table = audit.read_logs_table(TABLE)
    return audit.read_log(table[table.file == name].iloc[0], mirror=mirror)


def test_acr_bounds_of_the_printed_ensemble_row():
    ceiling = audit.radius_ceiling(0.5, 100_000, 0.001)
    assert ceiling == pytest.approx(1.9057, abs=5e-5)
    lower, upper = audit.acr_bounds(ENSEMBLE, np.arange(8) / 4, ceiling)
    assert lower == pytest.approx(0.670, abs=5e-4) and upper == pytest.approx(0.815, abs=5e-4)


def test_acr_bounds_before_the_first_radius_and_beyond_the_last():
    assert audit.acr_bounds([0.5], [1.0], 3.0) == pytest.approx((0.5, 1.0 + 0.5 * 2))
    assert audit.acr_bounds([0.5, 0.0], [0.0, 2.0], 1.5) == pytest.approx((0.0, 0.75))


def test_acr_bounds_hold_for_any_log_and_grid():
    rng = np.random.default_rng(0)
    for _ in range(200):
        frame = pd.DataFrame({"radius": rng.gamma(1, 0.6, 50).clip(max=2), "correct": rng.integers(0, 2, 50)})
        radii = np.unique(rng.uniform(0, 2.5, rng.integers(1, 9)))
        lower, upper = audit.acr_bounds(metrics.certified_accuracy(frame, radii), radii, 2.0)
        assert lower - 1e-12 <= metrics.acr(frame, "all") <= upper + 1e-12


@pytest.mark.parametrize(
    "curve, radii, maximum, message",
    [
        ([0.5, 0.6], [0, 1], 2, "never increase"),
        ([0.5, 1.2], [0, 1], 2, "fractions"),
        ([0.5, 0.4], [1, 0], 2, "ascend"),
        ([0.5, 0.4], [-1, 0], 2, "ascend"),
        ([0.5, 0.4], [0], 2, "same length"),
        ([], [], 2, "same length"),
        ([0.5, 0.4], [0, 1], 0.9, "beyond the largest possible radius 0.9"),
    ],
)
def test_acr_bounds_refuse_what_cannot_be_a_curve(curve, radii, maximum, message):
    with pytest.raises(ValueError, match=message):
        audit.acr_bounds(curve, radii, maximum)


@pytest.mark.parametrize("n, ceiling", [(1000, 2.463), (10_000, 3.199), (100_000, 3.8115), (1_000_000, 4.347)])
def test_radius_ceiling(n, ceiling):
    assert audit.radius_ceiling(1.0, n, 0.001) == pytest.approx(ceiling, abs=5e-4)
    assert audit.radius_ceiling(0.25, n, 0.001) == pytest.approx(ceiling / 4, abs=2e-4)


@pytest.mark.parametrize("radius, sigma, n", [(3.0, 1.0, 5114), (3.5, 1.0, 29_691), (0.75, 0.25, 5114), (0.0, 1.0, 10)])
def test_samples_for_a_radius_are_the_fewest(radius, sigma, n):
    assert checks.samples_for(radius, sigma, 0.001) == n
    assert audit.radius_ceiling(sigma, n, 0.001) >= radius > audit.radius_ceiling(sigma, n - 1, 0.001) - (radius == 0)


def test_the_trapezoid_of_a_printed_row_lies_between_its_bounds():
    curve, radii = [0.826, 0.762, 0.680, 0.588, 0.0], np.arange(5) / 4
    lower, upper = audit.acr_bounds(curve, radii, 0.953)
    assert lower < checks.trapezoid(curve, radii, 0.953) < upper
    assert checks.trapezoid(curve, radii, 0.953) == pytest.approx(0.657, abs=5e-4)
    assert checks.trapezoid([1.0, 0.0], [0.0, 2.0], 3.0) == pytest.approx(1.0)


def simulated(sigma, n, alpha, digits=None):
    """Certificates of images that miss 0, 1, 2, ... samples; radii optionally to three significant digits."""
    radii = sigma * checks._radii(n - np.arange(40), n, alpha)
    return pd.DataFrame({"radius": [float(f"{r:.3}") for r in radii] if digits else radii, "correct": 1, "predict": 0})


@pytest.mark.parametrize("alpha", checks.ALPHAS)
@pytest.mark.parametrize("sigma", [0.12, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("digits", [None, 3])
def test_the_alpha_of_a_log_is_found(alpha, sigma, digits):
    assert audit.fitted_alpha(simulated(sigma, 100_000, alpha, digits), sigma, 100_000) == alpha


def test_the_alpha_is_not_guessed_without_large_radii_or_at_another_n():
    assert math.isnan(audit.fitted_alpha(pd.DataFrame({"radius": [0.1, 0.2, 0.0]}), 0.5, 100_000))
    assert math.isnan(audit.fitted_alpha(simulated(0.5, 150_000, 0.001), 0.5, 100_000))


def test_alpha_of_the_published_imagenet_logs():
    claims = audit.read_claims(TABLE.with_name("lecture.csv"))
    found = {}
    for row in claims[claims.log != ""].drop_duplicates("log").itertuples():
        for name in filter(None, (row.log, row.full_log)):
            found[name] = audit.fitted_alpha(published(name), row.sigma, 100_000)
    assert len(found) == 10
    assert {name for name, alpha in found.items() if alpha == 0.01} == {n for n in found if n.startswith("locuslab/")}
    assert sorted(found.values()) == [0.001] * 8 + [0.01] * 2


def test_only_cohens_logs_were_made_at_another_alpha():
    table = audit.read_logs_table(TABLE)
    other = set()
    for entry in table[table.rows < 1000].itertuples():
        alpha = audit.fitted_alpha(published(entry.file), float(entry.sigma_certify), 100_000)
        if alpha != 0.001 and not math.isnan(alpha):
            assert alpha == 0.01
            other.add(entry.repository)
    assert other == {"locuslab/smoothing"}


def test_rederivation_at_a_smaller_alpha_is_exact_up_to_the_rounding():
    log, wanted = simulated(0.5, 100_000, 0.01), simulated(0.5, 100_000, 0.001)
    again = audit.at_alpha(log, 0.5, 100_000, 0.01, 0.001)
    np.testing.assert_allclose(again.radius, wanted.radius, atol=1e-12)
    rounded = audit.at_alpha(simulated(0.5, 100_000, 0.01, 3), 0.5, 100_000, 0.01, 0.001)
    np.testing.assert_allclose(rounded.radius, wanted.radius, atol=0.02)
    assert metrics.acr(rounded, "all") == pytest.approx(metrics.acr(wanted, "all"), abs=0.002)


def test_rederivation_lets_borderline_images_abstain():
    log = pd.DataFrame({"radius": [0.0001, 0.0, 1.0], "correct": [1, 0, 1]})
    again = audit.at_alpha(log, 0.5, 100_000, 0.01, 0.001)
    assert again.correct.tolist() == [0, 0, 1] and again.radius.tolist()[:2] == [0, 0] and 0.99 < again.radius[2] < 1
    with pytest.raises(ValueError, match="does not tell"):
        audit.at_alpha(log, 0.5, 100_000, 0.001, 0.01)


@pytest.mark.parametrize(
    "printed, digits, ours, verdict, truncated",
    [
        (0.733, 3, 0.73251, "reproduced", False),
        (35, 0, 34.8, "reproduced", False),
        (34, 0, 34.8, "rounding", True),
        (34, 0, 34.5, "reproduced", True),
        (35, 0, 34.5, "reproduced", False),
        (36, 0, 35.2, "rounding", False),
        (34, 0, 35.0, "rounding", False),
        (34, 0, 35.1, "differs", False),
        (0, 0, 0.0, "reproduced", True),
        (1.04, 3, 1.0416, "differs", False),
        (1.04, 3, 1.0409, "rounding", True),
    ],
)
def test_verdict(printed, digits, ours, verdict, truncated):
    assert checks.verdict(printed, digits, ours) == verdict
    assert checks.truncates(printed, digits, ours) == truncated


def test_measured_percentages_have_clopper_pearson_intervals():
    frame = pd.DataFrame({"radius": np.ones(500), "correct": [1] * 286 + [0] * 214})
    value, error, low, high = checks.measure(frame, "certified_accuracy", 0.5, "")
    assert value == pytest.approx(57.2) and error == pytest.approx(100 * math.sqrt(0.572 * 0.428 / 500))
    assert low == pytest.approx(52.73, abs=0.01) and high == pytest.approx(61.58, abs=0.01)
    value, error, low, high = checks.measure(frame, "acr", None, "all")
    assert value == pytest.approx(0.572) and (low + high) / 2 == pytest.approx(value) and high - low > 3.9 * error


def test_an_abstention_is_a_share_of_all_images_and_no_wrong_prediction():
    frame = pd.DataFrame({"radius": 1.0, "correct": [1] * 60 + [0] * 40, "predict": [3] * 75 + [-1] * 25})
    value, error, low, high = checks.measure(frame, "abstention", None, "")
    assert value == 0.25 and error == pytest.approx(math.sqrt(0.25 * 0.75 / 100)) and 0.16 < low < 0.25 < high < 0.35
