import numpy as np
import pytest
from scipy import stats

from resmooth.theory import recipes

SIZE = 4000


@pytest.fixture
def generator():
    return np.random.default_rng(5)


@pytest.mark.parametrize("name", recipes.ORDERS)
@pytest.mark.parametrize("d", [1, 2, 7])
def test_directions_lie_on_the_sphere_and_are_symmetric(name, d, generator):
    u = recipes.direction(name, SIZE, d, generator)
    assert np.linalg.norm(u, recipes.ORDERS[name], axis=1) == pytest.approx(1)
    assert np.abs(u.mean(axis=0)).max() < 5 / np.sqrt(SIZE)


def test_known_laws_are_drawn(generator):
    """Exp2 at k = 2 is normal with variance 1/2, Exp1 at k = 1 is Laplace."""
    normal = recipes.meant("Exp2", 2, SIZE, 5, generator)
    laplace = recipes.meant("Exp1", 1, SIZE, 5, generator)
    assert stats.kstest(normal[:, 3], stats.norm(0, np.sqrt(0.5)).cdf).pvalue > 0.001
    assert stats.kstest(laplace[:, 3], stats.laplace.cdf).pvalue > 0.001


@pytest.mark.parametrize(("name", "k", "law"), [("Exp2", 2, stats.norm(0, np.sqrt(0.5))), ("Exp1", 1, stats.laplace)])
def test_rejection_draws_known_densities(name, k, law, generator):
    x = recipes.by_rejection(name, k, SIZE, generator)
    assert x.shape == (SIZE, 2)
    assert stats.kstest(x[:, 0], law.cdf).pvalue > 0.001
    assert abs(np.corrcoef(np.abs(x.T))[0, 1]) < 0.08


def test_rejection_of_a_cube(generator):
    """ExpInf with a large k is nearly uniform on the square."""
    x = recipes.by_rejection("ExpInf", 90, SIZE, generator)
    assert stats.kstest(x[:, 1], stats.uniform(-1, 2).cdf).statistic < 0.05


def test_the_letter_differs_where_it_says_so(generator):
    assert (recipes.printed("ExpInf", 2, 100, 3, generator).max(axis=1) > 0).all()
    assert np.linalg.norm(recipes.printed("Exp2", 2, 100, 3, generator), axis=1) == pytest.approx(1)
    one, other = (np.random.default_rng(3) for _ in range(2))
    assert np.array_equal(recipes.printed("Exp1", 1, 50, 3, one), recipes.meant("Exp1", 1, 50, 3, other))


@pytest.mark.parametrize("d", [1, 2, 10])
def test_distances_are_those_of_samples(d, generator):
    law, n = stats.gengamma(d / 2, 2), 20_000
    exact = recipes.distances(2, d)
    drawn = {
        "Exp1, times z": recipes.printed("Exp1", 2, n, d, generator),
        "Exp1 and Exp2, ball": recipes.in_the_ball("Exp1", 2, n, d, generator),
        "Exp2, no r": recipes.printed("Exp2", 2, n, d, generator),
    }
    for name, x in drawn.items():
        length = np.linalg.norm(x, 2 if name == "Exp2, no r" else 1, axis=1)
        assert stats.kstest(length, law.cdf).statistic == pytest.approx(exact[name], abs=2 / np.sqrt(n))
