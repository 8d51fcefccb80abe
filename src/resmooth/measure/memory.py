"""The memory of data-dependent smoothing (DDRS, Alfarra et al. 2020): it changes later answers to agree with earlier ones."""

import numpy as np
from scipy.spatial.distance import cdist


class Memory:
    r"""The memory-based rule (Alfarra et al. 2020): it changes later answers, so that claimed balls of two classes never meet.

    A new point x with a class and a radius, among the stored balls :math:`(x_i, R_i)` of other classes:

    * x lies inside one of them: x takes that ball's class, and as its radius the distance to the ball's surface;
    * else the radius shrinks to the distance :math:`\min_i |x - x_i| - R_i` of the nearest one, if that is smaller.

    The rule as published does not say which ball counts if there are several. Balls that hold x all have one class, by
    construction, and the deepest gives the largest radius that stays inside; of those outside, the nearest satisfies all. A
    point that was asked before gets the answer it got then. An abstention is a class of its own with radius 0, as in the authors'
    script: no later ball may hold that point, while inside a stored ball the memory answers where CERTIFY abstained.

    Guarantee: if every query goes through this memory, one after the other, every answer inside a ball, earlier or later, has
    the ball's class. Limits: answers depend on the order of queries, so an adversary who asks first decides; the cost of a query
    grows with the number of earlier ones; and the memory says nothing about points that did not pass through it and are
    answered by the network and its sigma alone.
    """

    def __init__(self) -> None:
        self._size, self._points = 0, np.empty((16, 0))
        self._classes: list[int] = []
        self._radii: list[float] = []

    def answer(self, point: np.ndarray, predict: int, radius: float) -> tuple[int, float]:
        """(class, radius) that the memory makes of the claim (predict, radius) at `point` (an array of any shape), and stores."""
        point = np.asarray(point, dtype=float).reshape(1, -1)
        if not self._size:
            self._points = np.empty((16, point.size))
        if point.size != self._points.shape[1]:
            raise ValueError(f"a point of {point.size} numbers among points of {self._points.shape[1]}")
        if not (radius >= 0 and np.all(np.isfinite(point))):
            raise ValueError(f"a claim needs a finite point and a radius of at least 0, got {radius}")
        predict, radius = int(predict), float(radius)
        distances = cdist(point, self._points[: self._size])[0]  # float64 differences: no cancellation
        known = np.flatnonzero(distances == 0)
        if len(known):
            return self._classes[known[0]], self._radii[known[0]]
        others = np.flatnonzero(np.array(self._classes, dtype=int) != predict)
        if len(others):
            gaps = distances[others] - np.array(self._radii)[others]
            nearest = gaps.argmin()
            if gaps[nearest] < 0:
                predict, radius = self._classes[others[nearest]], float(-gaps[nearest])
            else:
                radius = min(radius, float(gaps[nearest]))
        self._store(point, predict, radius)
        return predict, radius

    def _store(self, point, predict, radius):
        if self._size == len(self._points):
            self._points = np.concatenate([self._points, np.empty_like(self._points)])
        self._points[self._size] = point
        self._size += 1
        self._classes.append(predict)
        self._radii.append(radius)
