r"""The level set method (Yang et al. 2020): tight l2 radii for noise of density :math:`e^{-\psi(|x|_2)}`, psi increasing.

Under a shift v, |v| = e, the set of given mass that gains most is, by Neyman and Pearson, a level set of the likelihood ratio:
:math:`U = \{x : \psi(|x|) - \psi(|x - v|) \ge c\}`. Let F and G be its mass with the shift and without. For any c, a set without
the shift lighter than :math:`M = G + e^{-c} (1/2 - F)` has less than 1/2 with it; M is largest at the c with F = 1/2. So e is
certified if M(e, c) >= 1 - p for some c, and the largest such e solves F = 1/2 and G = 1 - p.

In polar coordinates about v, with r = |x - v| and s > r the radius at which :math:`\psi(s) = \psi(r) + c`, the part of that
sphere in U lies outside the ball of radius s about 0. With B the distribution function of Beta((d - 1) / 2, (d - 1) / 2),

:math:`F = E[B(x_F)], \quad x_F = \frac{(r + e)^2 - s^2}{4 e r}, \qquad
G = e^{-c} E[(s / r)^{d - 1} \frac{\psi'(r)}{\psi'(s)} B(x_G)], \quad x_G = \frac{r^2 - (s - e)^2}{4 e s}`

where G, an integral over spheres of radius s about 0, was brought to the law of r. Both x are in [0, 1] where r, s and e form a
triangle. If s < e - r, the sphere lies in U; if s > e + r, it misses U.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from resmooth.noise.differential import LEAST
from resmooth.noise.radial import mean_abs

if TYPE_CHECKING:
    from resmooth.noise.radial import Exponential, Power

REACH = 8.3  # radii are integrated over normal scores up to this size; 1e-16 of the mass lies beyond
MARGIN, ROUNDING = (
    1e-9,
    2e-14,
)  # the normal score of 1 - p is lowered by this share of it, and by this: integration errors
STEPS = 100  # at most; five are the rule
CHUNK = 256  # tails solved together


def radius(noise: Exponential | Power, tail: np.ndarray) -> np.ndarray:
    r"""Certified l2 radius of `noise`, a radial.Exponential or radial.Power, at scale 1: float64 [N].

    It is low by some 2e-9 of itself; by more where k is near 100 and the tails are heavy, which the integrals do not resolve.
    `tail`: array [N] of 1 - p, at most 1/2. `tangent` serves where rounding hides the difference of p and 1/2, and would where no
    solution is found. Infinite where `tail` is 0.
    """
    score = -special.ndtri(np.clip(tail, LEAST, 0.5))
    result = tangent(noise, tail)
    distinct = np.flatnonzero(score > 1e-9)
    with np.errstate(all="ignore"):  # what is not a number certifies nothing
        for part in np.split(distinct, range(CHUNK, len(distinct), CHUNK)):
            result[part] = np.maximum(result[part], _solve(noise, score[part]))
    return np.where(tail > 0, result, np.inf)


def tangent(noise: Exponential | Power, tail: np.ndarray) -> np.ndarray:
    r""":math:`2 (p - 1/2) / E|\psi'(r) u_1|`, the tangent of the radius at p = 1/2: a certificate, for the radius is convex."""
    return np.where(tail > 0, 2 * (0.5 - tail) / (noise.mean_slope * mean_abs(2, noise.dim)), np.inf)


def _solve(noise, score):
    r"""The largest e met with M(e, c) >= P(normal < -score), 0 if none: float64 [N], by Newton's method.

    The unknowns are log e and the log odds of c between its bounds, 0 and :math:`\psi(m + e) - \psi(m)`, m the median radius.
    The equations, log(score of M) = log(score) and F = 1/2, are nearly linear in them; M depends on c to second order only.
    """
    masses = _masses if noise.dim > 1 else _masses_on_a_line
    median = noise.quantile(np.zeros(1))
    e = median * np.sqrt(np.expm1(2 * noise.stretch(median, score**2 / 2)))  # exact for k = 2
    shift, best = np.zeros_like(e), np.zeros_like(e)
    moves, longest = np.zeros((2, len(e))), np.ones((2, len(e)))
    todo = np.arange(len(e))
    for _ in range(STEPS):
        if not len(todo):
            break
        here, wanted = e[todo], score[todo] * (1 - MARGIN) - ROUNDING
        c, c_slope = _threshold(noise, median, here, shift[todo])
        f, m, f_c, m_e = masses(noise, here, c)
        reached = -special.ndtri(np.clip(m, 1e-305, 0.5 - 1e-16))
        sound = (m > 0) & (reached <= wanted)
        best[todo] = np.maximum(best[todo], np.where(sound, here, 0.0))

        slope = -m_e * here * np.exp(reached**2 / 2) * np.sqrt(2 * np.pi) / reached  # of log(reached) in log e
        step = np.log(wanted * (1 - MARGIN) / reached) / np.maximum(slope, 1e-3)
        step = np.where(abs(f - 0.5) > 0.3, 0.0, np.where(m > 1e-305, step, -1.0))
        turn = (f - 0.5) / np.maximum(-f_c * c_slope, 1e-300)
        move = np.array([step, turn])
        longest[:, todo] *= np.where(move * moves[:, todo] < 0, 0.5, 1.0)  # so that none swings about its root for ever
        moves[:, todo] = np.clip(move, -longest[:, todo], longest[:, todo])
        e[todo] = np.maximum(here * np.exp(moves[0, todo]), best[todo])
        shift[todo] += moves[1, todo]
        todo = todo[~(sound & (step < 1e-10) & (abs(turn) < 1e-6))]
    return best


def _threshold(noise, median, e, shift):
    r"""(c, dc / d log odds) for the c whose log odds are `shift` above those of :math:`\psi(\sqrt{m^2 + e^2}) - \psi(m)`."""
    aside = noise.potential(np.hypot(median, e))
    below, above = aside - noise.potential(median), noise.potential(median + e) - aside
    odds = below / above * np.exp(shift)
    c = (below + above) * odds / (1 + odds)
    return c, c / (1 + odds)


def _masses(noise, e, c):
    """(F, M, dF/dc, dM/de), each float64 [N], for d > 1; as in Heron's formula, x and 1 - x are products of lengths."""
    d, b = noise.dim, (noise.dim - 1) / 2
    inside, low, high = _triangles(noise, e, c)
    nodes, weights = _rule(_node_count(noise))
    start, width = noise.score(low)[:, None], np.maximum(noise.score(high) - noise.score(low), 0)[:, None]
    score = start + width * nodes
    weight = width * weights * np.exp(-(score**2) / 2) / np.sqrt(2 * np.pi)
    e, c = e[:, None], c[:, None]

    r = noise.quantile(score)
    stretch = noise.stretch(r, c)
    s, gap = r * np.exp(stretch), r * np.expm1(stretch)
    outer, inner = r + s + e, r + s - e
    x_f, x_g = (e - gap) * outer / (4 * e * r), (e - gap) * inner / (4 * e * s)
    decay = np.exp(-c) * noise.slope(r) / noise.slope(s)
    f = special.ndtr(noise.score(inside)) + np.sum(weight * special.betainc(b, b, np.clip(x_f, 0, 1)), axis=1)
    density_ratio = decay * np.exp((d - 1) * stretch)
    g = np.sum(weight * density_ratio * special.betainc(b, b, np.clip(x_g, 0, 1)), axis=1)

    product = np.maximum((e - gap) * (e + gap) * outer * inner / (4 * e * r) ** 2, 1e-12)  # x_F (1 - x_F)
    density = weight * np.exp((b - 1) * np.log(product) - special.betaln(b, b))
    f_c = -np.sum(density * s / (2 * e * r * noise.slope(s)), axis=1)
    grown = gap * (r + s)  # s^2 - r^2
    flux = density * (np.exp(-c) * (grown + e**2) - decay * s / r * (grown - e**2)) / (4 * e**2 * r)
    return f, g + np.exp(-c[:, 0]) * (0.5 - f), f_c, -np.sum(flux, axis=1)


def _masses_on_a_line(noise, e, c):
    """(F, M, dF/dc, dM/de), each float64 [N], for d = 1: U runs from e - low to e + high, or from e + low if 0 is out of it."""
    inside, low, high = _triangles(noise, e, c)
    f = special.ndtr(noise.score(inside)) + (special.ndtr(noise.score(high)) - special.ndtr(noise.score(low))) / 2
    near, far = (noise.score(r * np.exp(noise.stretch(r, c))) for r in (low, high))
    g = (special.ndtr(-near) - special.ndtr(-far)) / 2

    density_low, density_high = (noise.mean_slope * np.exp(-noise.potential(r)) for r in (low, high))
    opposite = noise.slope(low) + noise.slope(np.maximum(e - low, 1e-300))
    rise_low = np.where(low > inside, noise.slope(low + e) - noise.slope(low), opposite)
    endless = noise.score(high) > REACH - 1e-6
    fall_high = np.where(endless, np.inf, noise.slope(high) - noise.slope(high + e))
    decay = np.exp(-c)
    f_c = -(density_low / rise_low + density_high / fall_high) / 2
    return f, g + decay * (0.5 - f), f_c, -decay * (density_low - density_high) / 2


def _triangles(noise, e, c):
    """Radii (inside, low, high), each [N]: the sphere of radius r lies in U for r < inside, and partly in U for low < r < high.

    s < r + e on an interval, since psi(r + e) - psi(r) rises up to some r, and falls from there.
    """
    near, far = (np.full_like(e, edge) for edge in noise.quantile(np.array([-REACH, REACH])))

    def meets(r):
        return noise.stretch(r, c) < np.log1p(e / r)

    def lies_in(r):
        return noise.stretch(r, c) < np.log(np.maximum(e / r - 1, 1e-300))

    inside, low, high = near, near, far
    if np.any(lies_in(near)):
        inside = _bisect(lies_in, near, np.clip(e / 2, near, far))
    if not np.all(meets(near) & meets(far)):
        peak = _bisect(lambda r: noise.slope(r + e) > noise.slope(r), near, far)
        low, high = _bisect(lambda r: ~meets(r), near, peak), _bisect(meets, peak, far)
    return inside, np.maximum(low, inside), high


def _bisect(left, low, high):
    """The positive number, between arrays `low` and `high`, up to which the condition `left` holds."""
    # kept: `left` has no size to interpolate, and elementwise.find_root ends at another float than 60 halvings do
    for _ in range(60):
        middle = np.sqrt(low) * np.sqrt(high)
        is_left = left(middle)
        low, high = np.where(is_left, middle, low), np.where(is_left, high, middle)
    return low


def _node_count(noise):
    """Enough for errors of 1e-10: B has kinks in few dimensions, and the density a sharp edge where k / d is large."""
    if noise.dim >= 8 and noise.k <= noise.dim:
        return 80
    return 320 if noise.k <= 10 * noise.dim else 1280


@functools.lru_cache
def _rule(count):
    """(nodes, weights) on [0, 1]: Gauss-Legendre in t for the node sin^2(pi t / 2), which lifts half powers at both ends."""
    t, weights = special.roots_legendre(count)
    return (1 + np.sin(np.pi / 2 * t)) / 2, np.pi / 4 * weights * np.cos(np.pi / 2 * t)
