import numpy as np
import pandas as pd
import pytest

from resmooth.stats import metrics

FRAME = pd.DataFrame({"predict": [3, -1, 5, 2], "correct": [1, 0, 0, 1], "radius": [0.5, 0.0, 2.0, 1.0]})


def test_certified_accuracy_counts_equality_and_ignores_wrong_predictions():
    assert metrics.certified_accuracy(FRAME, [0, 0.5, 0.500001, 1.0, 1.5]).tolist() == [0.5, 0.5, 0.25, 0.25, 0]
    assert metrics.certified_accuracy(FRAME, 0.5) == 0.5


def test_the_two_average_certified_radii():
    assert metrics.acr(FRAME, over="all") == pytest.approx(1.5 / 4)
    assert metrics.acr(FRAME, over="correct") == pytest.approx(0.75)
    with pytest.raises(ValueError, match="over must be"):
        metrics.acr(FRAME, over="some")


def test_acr_over_correct_is_nan_without_a_correct_image():
    assert np.isnan(metrics.acr(FRAME.assign(correct=0), over="correct"))
    assert metrics.acr(FRAME.assign(correct=0), over="all") == 0


def test_abstention_rate():
    assert metrics.abstention_rate(FRAME) == 0.25


def test_standard_errors_match_the_spread_over_repeated_samples():
    rng = np.random.default_rng(0)
    population = pd.DataFrame({"correct": rng.random(20_000) < 0.7, "radius": rng.exponential(size=20_000)})
    samples = [population.iloc[rng.integers(len(population), size=400)] for _ in range(600)]
    for value, error in [
        (lambda frame: metrics.acr(frame, "all"), lambda frame: metrics.acr_se(frame, "all")),
        (lambda frame: metrics.acr(frame, "correct"), lambda frame: metrics.acr_se(frame, "correct")),
        (lambda frame: metrics.certified_accuracy(frame, 0.5), lambda frame: metrics.certified_accuracy_se(frame, 0.5)),
    ]:
        spread = np.std([value(sample) for sample in samples])
        assert np.mean([error(sample) for sample in samples]) == pytest.approx(spread, rel=0.12)


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="no rows"):
        metrics.certified_accuracy(FRAME.iloc[:0], 0)


def test_class_wise_accuracy_and_its_spread():
    frame = pd.DataFrame({"label": [7, 2, 2, 7, 7, 9], "correct": [1, 0, 1, 1, 0, 0]})
    classes, accuracy = metrics.class_accuracy(frame)
    assert classes.tolist() == [2, 7, 9] and accuracy == pytest.approx([0.5, 2 / 3, 0])
    assert metrics.class_spread(frame) == pytest.approx(np.std([0.5, 2 / 3, 0], ddof=1))
    assert np.isnan(metrics.class_spread(frame[:1]))
