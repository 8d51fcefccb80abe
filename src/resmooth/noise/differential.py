"""The differential method of Yang et al. 2020: a certified radius from the rate at which shifted noise can gain mass on a set."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special

START = -30.0  # of x, where 1 - 2q is 1e-13
LEAST = 1e-20  # less, but for 0, counts as this; 1 - p in float64 is no less than 1e-16
NODES, WEIGHTS = special.roots_legendre(12)


def radius(growth: Callable[[np.ndarray], np.ndarray], tail: np.ndarray) -> np.ndarray:
    r""":math:`R = \int_{1-p}^{1/2} \frac{dq}{\Phi(q)}`, a certified radius for any noise, by 12-point Gauss-Legendre rules.

    `growth`: :math:`\Phi`, from an array of masses q in (0, 1/2] to the fastest growth, per unit of shift in the norm of the
    adversary, of a set that has mass q. Where the density :math:`e^{-\psi}` is continuous, it is the largest mean over mass q
    of the derivative of :math:`\psi` in a direction of norm 1. It is increasing and concave.
    `tail`: array [N] of 1 - p, at most 1/2. Returns float64 [N], lowered by 1e-12 of itself to cover rounding, inf at 0.

    The variable is x = log((1 - 2q) / 2q), in which the integrand is smooth on every unit interval at either end.
    """
    with np.errstate(divide="ignore"):
        x = np.log((1 - 2 * tail) / (2 * np.maximum(tail, LEAST)))
    steps = np.maximum(x - START, 0.0)
    whole = _panels(growth, START + np.arange(int(steps.max(initial=0.0))), 1.0)
    full = steps.astype(int)
    rest = _panels(growth, START + full, steps - full)
    start = np.minimum(0.5 - tail, 0.5 * special.expit(START)) / growth(np.array([0.5]))
    total = start + np.append(0.0, np.cumsum(whole))[full] + rest
    return np.where(tail > 0, total * (1 - 1e-12), np.inf)


def _panels(growth, start, width):
    """The integrals from each `start` [N] over its `width`: float64 [N]."""
    half = np.broadcast_to(width, start.shape)[:, None] / 2
    x = start[:, None] + half * (NODES + 1)
    q = special.expit(-x) / 2
    return np.sum(half * WEIGHTS * q * special.expit(x) / growth(q), axis=1)
