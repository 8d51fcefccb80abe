from functools import partial
from itertools import product
from math import comb

import numpy as np
import pytest

from resmooth import predict_from_counts
from resmooth.theory import prediction

TIES = [[0.5, 0.5], [1 / 3] * 3]


def rule(alpha, method):
    return partial(predict_from_counts, alpha=alpha, method=method)


@pytest.mark.parametrize("p", [[0.6, 0.4], [0.45, 0.3, 0.25]])
def test_outcomes_are_all_tables_with_their_multinomial_law(p):
    tables, law = prediction.outcomes(p, 4)
    assert law.sum() == pytest.approx(1)
    listed = {}
    for votes in product(range(len(p)), repeat=4):
        table = tuple(np.bincount(votes, minlength=len(p)))
        listed[table] = listed.get(table, 0) + np.prod(np.asarray(p)[list(votes)])
    assert {tuple(table) for table in tables.tolist()} == set(listed)
    np.testing.assert_allclose(law, [listed[tuple(table)] for table in tables])


def test_four_classes_are_refused():
    with pytest.raises(ValueError, match="two or three classes, not for 4"):
        prediction.outcomes([0.25] * 4, 3)


@pytest.mark.parametrize("method", [1, 2])
@pytest.mark.parametrize("p", TIES)
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.2])
def test_errors_at_ties_stay_below_alpha(p, alpha, method):
    wrong, answered = prediction.error(rule(alpha, method), p, 60)
    assert wrong <= alpha and wrong <= answered


def test_the_error_of_predict1_at_a_tie_is_a_binomial_tail():
    wrong, answered = prediction.error(rule(0.05, 1), [0.5, 0.5], 20)
    assert wrong == pytest.approx(sum(comb(20, k) for k in range(15, 21)) / 2**20)  # the first tail below 0.05
    assert answered == pytest.approx(2 * wrong)


def test_only_predict2_answers_without_a_majority():
    p = [0.45, 0.3, 0.25]
    assert prediction.abstention(rule(0.001, 2), p, 500) < 0.5 < 0.999 < prediction.abstention(rule(0.001, 1), p, 500)


def test_predict1_needs_fewer_samples_against_a_single_rival():
    p = [0.6, 0.4]
    assert prediction.abstention(rule(0.001, 1), p, 200) < prediction.abstention(rule(0.001, 2), p, 200)


def test_asking_once_is_the_fixed_rule_and_asking_again_errs_more():
    once = prediction.error_if_asked_again(rule(0.01, 1), 60, every=60)
    assert once == pytest.approx(prediction.error(rule(0.01, 1), [0.5, 0.5], 60)[0])
    again = prediction.error_if_asked_again(rule(0.01, 1), 60, every=10)
    assert again > 0.01 >= once


def test_asking_again_agrees_with_simulated_walks():
    votes = np.random.default_rng(0).integers(0, 2, (20000, 30))
    second = votes.cumsum(axis=1)[:, 9::10]
    counts = np.stack([np.arange(10, 40, 10) - second, second], axis=-1)
    found = predict_from_counts(counts.reshape(-1, 2), 0.2, 1).reshape(-1, 3)
    first = np.where((found >= 0).any(axis=1), found[np.arange(len(found)), (found >= 0).argmax(axis=1)], -1)
    exact = prediction.error_if_asked_again(rule(0.2, 1), 30)
    assert (first == 1).mean() == pytest.approx(exact, abs=4 * np.sqrt(exact / 20000))
