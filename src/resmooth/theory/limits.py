r"""Powers and limits from values that are exact up to rounding, at a size n and at twice that size.

A value at a single n cannot decide a statement about large n ("the bias scales as 1/K", "tends to 1 with the dimension"). If

.. math:: v(n) = v_\infty + c\,n^{-order} + \text{smaller terms},

two values give the limit up to the smaller terms (Richardson's extrapolation).
"""

import numpy as np
from numpy.typing import ArrayLike

from resmooth.stats.intervals import Estimate


def power(near: ArrayLike, far: ArrayLike) -> np.ndarray:
    """The exponent e of a power law n^e between values at n (`near`) and at 2 n (`far`), of one sign: log2(far / near)."""
    return np.log2(np.asarray(far, dtype=float) / np.asarray(near, dtype=float))[()]


def limit(near: ArrayLike, far: ArrayLike, order: float = 1.0) -> Estimate:
    """The limit of v(n) from its values at n and 2 n (numbers or arrays), with an interval of calculation, not of chance.

    The interval reaches as far to both sides as the extrapolation goes beyond the value at 2 n. It holds the limit wherever the
    smaller terms leave between them less than that; compare sizes if in doubt.
    """
    near, far = np.asarray(near, dtype=float)[()], np.asarray(far, dtype=float)[()]
    step = (far - near) / (2**order - 1)
    return Estimate(far + step, far + step - np.abs(step), far + step + np.abs(step))


def around(estimates: Estimate) -> Estimate:
    """One interval for limits that are claimed to be one number [M]: from the lowest end to the highest, and the middle value."""
    return Estimate(float(np.median(estimates.value)), float(np.min(estimates.low)), float(np.max(estimates.high)))
