from itertools import product

import numpy as np
import pytest

from resmooth.smoothing import bounds
from resmooth.theory import abstention

ALPHA = 0.001


def by_listing(p, n0):
    """P(guess = c) by listing all K^n0 sequences of votes."""
    wins = np.zeros(len(p))
    for votes in product(range(len(p)), repeat=n0):
        wins[np.bincount(votes, minlength=len(p)).argmax()] += np.prod(np.asarray(p)[list(votes)])
    return wins


@pytest.mark.parametrize("alpha", [0.001, 0.01, 0.05, 0.3])
@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 100, 1000, 12345])
def test_the_needed_count_is_the_first_that_clopper_pearson_certifies(n, alpha):
    certifies = bounds.clopper_pearson(np.arange(n + 1), n, alpha) >= 0.5
    assert abstention.needed(n, alpha) == (certifies.argmax() if certifies.any() else n + 1)


@pytest.mark.parametrize("alpha", [0.3, 0.25, 0.05, 0.01, 0.001, 1e-6])
def test_with_fewer_than_the_least_samples_nothing_is_certified(alpha):
    n = abstention.least_samples(alpha)
    assert abstention.needed(n, alpha) <= n
    assert n == 1 or abstention.needed(n - 1, alpha) == n


@pytest.mark.parametrize("p", [[0.65, 0.35], [0.2, 0.5, 0.3], [0.4, 0.0, 0.3, 0.3], [1.0, 0.0], [0.25] * 4])
@pytest.mark.parametrize("n0", [1, 2, 5, 6])
def test_guesses_are_what_listing_all_votes_gives(p, n0):
    np.testing.assert_allclose(abstention.guesses(p, n0), by_listing(p, n0), rtol=0, atol=1e-12)


def test_one_vote_guesses_a_class_as_often_as_it_occurs():
    np.testing.assert_allclose(abstention.guesses([0.1, 0.2, 0.7], 1), [0.1, 0.2, 0.7])


def test_a_certain_class_is_certified_from_the_least_samples_on():
    assert abstention.abstains([1.0, 0.0], 5, 10, ALPHA) == 0 and abstention.abstains([1.0, 0.0], 5, 9, ALPHA) == 1


def test_more_samples_for_the_guess_or_for_the_bound_abstain_less():
    few, more = (abstention.abstains([0.65, 0.35], n0, 500, ALPHA) for n0 in (3, 31))
    assert more < few - 0.1
    few, more = (abstention.too_few(n, 0.65, ALPHA) for n in (50, 500))
    assert more < few - 0.5


def test_without_an_order_of_classes_the_list_may_be_turned_round():
    one, other = abstention.unordered([0.65, 0.35], 4, 100, ALPHA), abstention.unordered([0.35, 0.65], 4, 100, ALPHA)
    assert one == pytest.approx(other, abs=1e-15)
    assert abstention.unordered([0.65, 0.35], 3, 100, ALPHA) == pytest.approx(  # an odd number has no ties
        abstention.abstains([0.65, 0.35], 3, 100, ALPHA)
    )


def test_probability_one_half_is_certified_with_probability_alpha_at_most():
    assert 1 - abstention.too_few(1000, 0.5, ALPHA) <= ALPHA
