import numpy as np
import pandas as pd
import pytest

from resmooth.stats.intervals import Estimate
from resmooth.theory.limits import around, limit, power


def test_a_power_law_has_its_exponent():
    assert power(3.0 * 100**-1.5, 3.0 * 200**-1.5) == pytest.approx(-1.5)
    assert power([1.0, -2.0], [2.0, -1.0]) == pytest.approx([1, -1])


def test_series_of_a_table_are_taken_in_their_order():
    near, far = pd.Series([1.0, 1.0], index=[0, 1]), pd.Series([0.5, 0.25], index=[7, 8])
    assert power(near, far) == pytest.approx([-1, -2])


@pytest.mark.parametrize("order", [0.5, 1, 2])
@pytest.mark.parametrize("n", [50, 1000])
def test_the_interval_holds_the_limit(order, n):
    def value(size):
        return 7 - 3 * size**-order + 2 * size ** (-2.0 * order)

    found = limit(value(n), value(2 * n), order)
    assert abs(found.value - 7) < 0.2 * abs(value(2 * n) - 7)
    assert found.low < 7 < found.high


def test_a_sequence_without_error_is_its_own_limit():
    assert limit(2.0, 2.0) == (2.0, 2.0, 2.0)


def test_limits_of_one_number_share_an_interval():
    several = limit(np.array([1.2, 0.7, 1.0]), np.array([1.1, 0.85, 1.0]))
    assert around(several) == Estimate(1.0, pytest.approx(0.85), pytest.approx(1.15))
