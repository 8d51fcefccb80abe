"""Accuracy lost and radii gained from level to level, on planted radii."""

import numpy as np
import pandas as pd
import pytest
from exhibits.idrs import planted
from matplotlib.figure import Figure
from scipy import special

from resmooth.exhibits import exhibit
from resmooth.exhibits.idrs import _accuracy_tradeoff_numbers as tradeoff
from resmooth.smoothing.bounds import clopper_pearson

EXHIBIT = exhibit("idrs/accuracy_tradeoff")
SIGMAS = (0.25, 0.5)


def long(source="run", n=200, alpha=0.001, **levels) -> pd.DataFrame:
    """`images` from keyword arguments s025=[radii], ...: radii that count, -1 where wrong."""
    parts = [
        pd.DataFrame({"sigma": int(name[1:]) / 100, "idx": range(len(radii)), "reached": np.array(radii, dtype=float)})
        for name, radii in levels.items()
    ]
    return pd.concat(parts).assign(source=source, n=n, alpha=alpha)


def test_wrong_and_abstaining_images_count_nothing_and_only_shared_images_count():
    frame = pd.DataFrame({"idx": [3, 4, 5], "radius": 0.2, "correct": [1, 0, 1], "predict": [0, 1, -1]})
    series = {0.5: frame, 0.25: frame[frame.idx > 3]}
    seen = tradeoff.reached(series, "run", 200, 0.001)
    assert list(zip(seen.sigma, seen.idx, seen.reached)) == [(0.25, 4, -1), (0.25, 5, -1), (0.5, 4, -1), (0.5, 5, -1)]


def test_shares_and_acr_by_hand():
    values = tradeoff.shares_and_acr(long(s025=[0.3, 0.1, 0.0, -1]))
    clean, acr = values[values.radius == 0].iloc[0], values[values.metric == tradeoff.ACR].iloc[0]
    assert clean.value == 75 and acr.value == pytest.approx(0.1)
    assert acr.high - acr.value == pytest.approx(3.182446 * np.std([0.3, 0.1, 0, 0], ddof=1) / 2, rel=1e-6)
    assert values[values.radius == 2].high.item() == 0  # out of reach of n samples
    assert values[values.radius == 0.25].high.item() > 0


def test_steps_rise_and_fall():
    steps = tradeoff.steps(long(s025=[0.1] * 40, s050=[0.5] * 20 + [-1] * 20)).set_index("metric")
    assert steps.verdict[tradeoff.CLEAN] == "falls" and steps.value[tradeoff.CLEAN] == -50
    assert steps.verdict[tradeoff.ACR] == "rises" and steps.value[tradeoff.ACR] == pytest.approx(0.15)


def test_a_log_at_a_larger_alpha_is_brought_to_the_papers():
    votes = 100_000 - np.arange(5)
    at = {a: 0.5 * special.ndtri(clopper_pearson(votes, 100_000, a)) for a in (0.01, 0.001)}
    series, changed = tradeoff.at_one_alpha({0.5: planted.log(0.5, np.round(at[0.01], 2))})
    assert changed == "sigma 0.5 from 0.01"
    assert series[0.5].radius.tolist() == pytest.approx(at[0.001].tolist(), rel=1e-9)
    silent = planted.log(0.5, np.array([0.3, 0.2]))
    series, changed = tradeoff.at_one_alpha({0.5: silent})  # does not tell its alpha: the paper's is taken
    assert changed == "" and series[0.5] is silent


def trade(sigma):
    """At the larger level half of the images are wrong, the others certified beyond the smaller one's ceiling."""
    return np.full(40, 1.0) if sigma == SIGMAS[0] else np.where(np.arange(40) < 20, 1.7, -1.0)


def no_trade(sigma):
    """More noise makes more images right, and certifies none further out."""
    return np.where(np.arange(40) < 20, 1.0, -1.0) if sigma == SIGMAS[0] else np.full(40, 0.4)


@pytest.mark.parametrize(
    ("radii", "accuracy", "radius"), [(trade, "holds", "holds"), (no_trade, "fails", "not resolved")]
)
def test_findings_follow_the_data(tmp_path, radii, accuracy, radius):
    run = planted.levels(tmp_path, radii, SIGMAS, images=40)  # its ceilings: 1.82 sigma
    frames = EXHIBIT.compute(run)
    found = planted.by_claim(EXHIBIT.findings(frames))
    assert found["idrs-tradeoff_accuracy"].verdict == accuracy
    assert found["idrs-tradeoff_radius"].verdict == radius
    assert isinstance(EXHIBIT.draw(frames), Figure)


def test_one_level_trades_nothing(tmp_path):
    run = planted.levels(tmp_path, lambda sigma: np.full(20, 1.0), (0.25,))
    frames = EXHIBIT.compute(run)
    assert {each.verdict for each in planted.by_claim(EXHIBIT.findings(frames)).values()} == {"not resolved"}
    assert set(EXHIBIT.table(frames).part) == {"value"}
    assert isinstance(EXHIBIT.draw(frames), Figure)


def test_series_of_logs_are_named_in_words(tmp_path):
    logs = pd.concat([planted.log(s, np.linspace(0.1, 1, 20), dataset="birds", arch="vgg") for s in (0.25, 1.0)])
    run = planted.levels(tmp_path, trade, SIGMAS, logs=logs, images=40)
    frames = EXHIBIT.compute(run)
    assert "birds, vgg: logs of Cohen et al., 20 images" in EXHIBIT.here(frames)
    assert any(each.reason.startswith("Birds, vgg: from sigma 0.25 to 1") for each in EXHIBIT.findings(frames))
