r"""Input-dependent randomized smoothing: the worst case :math:`\xi` and the certified radius (slides; Sukenik et al. 2022).

At x the classifier g is smoothed with its own level sigma(x): g(x) is the likeliest class under :math:`N(x, \sigma(x)^2 I)`.
**Guarantee.** If sigma is r-semi-elastic, :math:`|\log\sigma(x_0) - \log\sigma(x_1)| \le r |x_0 - x_1|_2` for all :math:`x_1`,
and the top class has probability at least p_a at x0, then g answers that class at every x1 closer than
`certified_radius(p_a, sigma(x0), r, dim)`. At r = 0 this is the radius of Cohen et al. 2019; a larger r makes it smaller.

**The worst case.** Let P0 = N(x0, sigma0^2 I), P1 = N(x1, sigma1^2 I), R = |x1 - x0|, N = dim, p_b = 1 - p_a. All that is known
of the other classes together is P0(B) <= p_b, so g keeps its class at x1 if :math:`\xi(R, \sigma_1) = \sup_B P_1(B) < 1/2`. By
Neyman and Pearson the supremum is attained where the ratio of densities is large: in a ball K with centre c > R if sigma1 <
sigma0 (the slides' xi_>), in the complement of a ball K with centre c < 0 if sigma1 > sigma0 (xi_<), in a half-space if they are
equal; here :math:`c = R / (1 - \sigma_1^2 / \sigma_0^2)` is a position on the line from x0, at 0, through x1, at R.

**Why two values of sigma1 suffice.** At distance R, sigma1 may lie anywhere in :math:`[\sigma_0 e^{-rR}, \sigma_0 e^{rR}]`, and
xi is not monotone in sigma1: shrinking sigma1 a little first lowers it. But

1. xi grows with R at fixed sigma1. Let x1 move on, up to 2c - R where c > R: it comes closer to the centre of the ball K, or
   recedes from it where the set is K's complement, and either makes the same set likelier (Anderson's inequality), which
   still has P0(B) = p_b. Steps of this kind, and xi's continuity at R = 0, reach every larger R.
2. If xi >= 1/2 at some sigma1 <= sigma0, then at every smaller one: K is convex with P1(K) >= 1/2, so x1 lies in K, K - x1 is
   star-shaped, and P1(K) = P(z in (K - x1) / sigma1), z ~ N(0, I), only grows as sigma1 falls.
3. If xi >= 1/2 at some sigma1 > sigma0, then at every larger one: if x1 lies in K, P1(K) only falls as sigma1 grows, as in 2;
   if not, a half-space that holds K but not x1 shows that P1(K) < 1/2 at every sigma1. At sigma1 = sigma0 the set is a
   half-space; with xi >= 1/2 it holds x1, and so has P1 >= 1/2 at every other sigma1 too.

So the sigma1 with xi < 1/2 form an interval, which shrinks as R grows, while that of the admissible sigma1 grows. Below the
first R where either END of the latter reaches 1/2, every admissible sigma1 at every smaller distance is certified; beyond it,
that end stays at 1/2 or above. Hence CR = sup{R : xi(R) < 1/2} is one crossing, found by bracketing.
Both ends are needed: the slides' figure shows xi_> alone, and xi_< is the one that binds in every case tried (not proven).
CR never exceeds Cohen's radius: for R >= sigma0 Phi^-1(p_a) the half-space of mass p_b on x1's side has P1 >= 1/2 at any sigma1.

**Numerics.** Lengths in units of sigma0: t = R / sigma0, rho = sigma1 / sigma0, k = (1 - rho^2) / 2t = 1 / 2c. The worst set is
:math:`B = \{X_k \ge \tau\}` with :math:`X_k = z - k (z^2 + W - N)`, z ~ N(0, 1) and W ~ chi^2_{N-1}; in units of sigma1
around x1 the same set is :math:`\{X_{k/\rho} \ge \tau_1\}`, and
:math:`\tau = \rho^3 \tau_1 + t (1 + \rho^2) / 2 + 2 k^2 N t`. So xi < 1/2 means p_b < P(X_k >= tau) for the tau that
belongs to the median tau_1 of X_{k/rho}: one root in R or sigma1 remains. Two methods, each where it is exact to rounding
(measured against 30 digits, tests/smoothing): where k is small, Gauss quadrature over the law of W; elsewhere the noncentral
chi-square law of |x - c|^2, with noncentralities c^2 and rho^2 c^2 (which explode as k -> 0, where scipy fails silently).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import linalg, special, stats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

NODES = 64  # of the quadrature
KAPPA, CENTRE = 1.0, 16.0  # it serves up to |k| sqrt(2N) = KAPPA, the spread of k W, and from |c| = CENTRE on
TOLERANCE = 1e-11  # relative width of the last bracket
GUARD = 1e-10  # relative amount by which a needed score is rounded up, beside the error of its method
BLOCK = 1024  # elements at once
FAR = 1e20  # where rho, 1 / rho and the root of t are cut: xi is 1 there, unless p_a = 1
TINY = 1e-30  # a noncentrality that stands for 0


def xi(radius: ArrayLike, sigma0: ArrayLike, sigma1: ArrayLike, dim: ArrayLike, p_a: ArrayLike) -> Any:
    r"""Largest probability that all other classes can have at x1 where the top class has at least `p_a` at x0: in [0, 1].

    `radius` = |x1 - x0|_2, `sigma0`, `sigma1` in the same unit, `dim` N; numbers or arrays that broadcast. Absolute error below
    1e-11. Where sigma1 = sigma0 it is :math:`\Phi(R / \sigma_0 - \Phi^{-1}(p_a))`. ValueError for arguments out of range.
    """
    radius, p_a = _nonnegative(radius, "radius"), _probability(p_a, "p_a")
    sigma0, sigma1 = _positive(sigma0, "sigma0"), _positive(sigma1, "sigma1")
    with np.errstate(over="ignore"):
        t, rho = np.minimum(radius / sigma0, FAR**2), np.clip(sigma1 / sigma0, 1 / FAR, FAR)
        change = np.clip((sigma1 - sigma0) / sigma0, -0.5, 1.0)
    u = np.where(np.abs(change) < 0.5, np.log1p(change), np.log(rho))
    return _by_blocks(_unit_xi, dim, t, u, p_a)


def branch_radius(p_a: ArrayLike, sigma0: ArrayLike, rate: ArrayLike, dim: ArrayLike, sign: int) -> Any:
    r"""Least R with xi >= 1/2 at :math:`\sigma_1 = \sigma_0 e^{\pm r R}`: `sign` -1 is the slides' xi_>, +1 is xi_<.

    NOT a certificate on its own. Arguments, values and errors as in `certified_radius`; ValueError for another sign too.
    """
    if sign not in (-1, 1):
        raise ValueError(f"sign must be -1 (sigma falls away from x0) or +1 (sigma rises), got {sign!r}")
    p_a, sigma0, rate = _probability(p_a, "p_a"), _positive(sigma0, "sigma0"), _nonnegative(rate, "rate")
    with np.errstate(over="ignore"):
        q = rate * sigma0
    return sigma0 * _by_blocks(functools.partial(_unit_radius, sign=sign), dim, p_a, q)


def certified_radius(p_a: ArrayLike, sigma0: ArrayLike, rate: ArrayLike, dim: ArrayLike) -> Any:
    r"""l2 radius within which no class overtakes the top one if sigma(.) is `rate`-semi-elastic and sigma(x0) = `sigma0`.

    `p_a` bounds the top class's probability at x0 from below; `sigma0` and the radius are in units of the image, `rate` r in
    their inverse, `dim` N is the number of coordinates; numbers or arrays that broadcast. 0 where p_a <= 1/2, inf at p_a = 1,
    Cohen's :math:`\sigma_0 \Phi^{-1}(p_a)` bit for bit where rate = 0 and never more elsewhere. The lower end of a bracket:
    never above the exact radius, and below it by at most 3e-10 of it plus, where p_a is close to 1/2, 1e-14 sqrt(N) sigma0.
    ValueError for arguments out of range.
    """
    return np.minimum(*(branch_radius(p_a, sigma0, rate, dim, sign) for sign in (-1, 1)))


def ratio_threshold(p_b: ArrayLike, dim: ArrayLike) -> tuple[Any, Any]:
    r"""Theorem 2.4 of the slides: the ratios sigma1 / sigma0 (lower, upper) outside which it rules out a certificate for x1.

    With :math:`z = \sigma_1^2 / \sigma_0^2` below 1, or :math:`z = (\sigma_1^2 / \sigma_0^2) (N - 1) / N` above 1, it says that
    :math:`\log z + 1 - z < 2 \log(p_b) / N` does so: a Chernoff bound on xi at R = 0, hence not sufficient, that is, a ratio
    between the two need not be certifiable. N = 1 has no upper threshold (inf). ValueError for arguments out of range.
    """
    p_b, dim = np.broadcast_arrays(_probability(p_b, "p_b"), _dimension(dim))
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = _chernoff_roots(-2 * np.log(p_b) / dim)
        return lower[()], np.where(dim > 1, upper * np.sqrt(dim / (dim - 1)), np.inf)[()]


def exact_ratio_threshold(p_b: ArrayLike, dim: ArrayLike) -> tuple[Any, Any]:
    """The ratios sigma1 / sigma0 (lower, upper) between which xi < 1/2 at R = 0: quotients of central chi-square quantiles.

    Outside them nothing can be certified at any R. (nan, nan) where p_b >= 1/2; p_b below 1e-20 counts as 1e-20. ValueError for
    arguments out of range.
    """
    return ratio_window(0.0, 1.0, p_b, dim)


def ratio_window(radius: ArrayLike, sigma0: ArrayLike, p_b: ArrayLike, dim: ArrayLike) -> tuple[Any, Any]:
    """The ratios sigma1 / sigma0 (lower, upper) between which a point at distance `radius` is certified: xi < 1/2.

    (nan, nan) if there is none, which is from Cohen's radius on; (0, inf) where p_b = 0. Any other p_b counts as at least 1e-20.
    The last certified points of their brackets; at R = 0 the exact ends. Numbers or arrays that broadcast. ValueError for
    arguments out of range.
    """
    t = _nonnegative(radius, "radius") / _positive(sigma0, "sigma0")
    p_b = _probability(p_b, "p_b")
    p_b = np.where(p_b > 0, np.maximum(p_b, 1e-20), 0.0)
    window = (_by_blocks(functools.partial(_log_ratio, sign=sign), dim, t, p_b) for sign in (-1, 1))
    return tuple(np.exp(sign * width)[()] for sign, width in zip((-1, 1), window, strict=True))


def _chernoff_roots(x):
    """sqrt(z) of the roots of z - 1 - log z = `x` >= 0 below and above 1: Newton's method in -log z, z - 1 from beyond both."""
    low = high = x + np.sqrt(2 * x)
    for _ in range(8):
        low = low + (low + np.expm1(-low) - x) / np.expm1(-low)
        high = high - (high - np.log1p(high) - x) * (1 + high) / high
    ends = [x == 0, x == np.inf]
    return np.select(ends, [1.0, 0.0], np.exp(-low / 2)), np.select(ends, [1.0, np.inf], np.sqrt(1 + high))


def _unit_radius(p_a, q, dim, sign):
    """Branch radius for sigma0 = 1 and rate q, of flat arrays: t with `_needed_score`(t, sign q t) = Phi^-1(p_a)."""
    z = np.where(p_a > 0.5, _score(p_a), 0.0)
    t = z.copy()
    i = np.flatnonzero((q > 0) & (z > 0) & np.isfinite(z))
    z, q = z[i], q[i]
    widest = _central_log_ratio(1 - p_a[i], dim, sign) * (1 + 1e-9) + 1e-14  # beyond its rounding errors
    with np.errstate(over="ignore"):
        u_max = np.minimum(q * z, widest)  # t lies in [0, Cohen's radius], and |u| = q t in [0, that of R = 0]
        t_max = np.where(u_max < widest, z, widest / q)
        guess = z / np.hypot(1, np.sqrt(2.0 * dim) * q) / np.maximum(t_max, 1e-300)
    t[i] = t_max * _last_below(lambda x, j: _needed_score(t_max[j] * x, sign * u_max[j] * x, dim) - z[j], -z, guess)
    return t


def _log_ratio(t, p_b, dim, sign):
    """Largest |log rho| with xi < 1/2 on one side of rho = 1; nan where there is none. Flat arrays."""
    z = -special.ndtri(p_b)
    widest = np.where(t < z, _central_log_ratio(p_b, dim, sign), np.nan)
    i = np.flatnonzero(np.isfinite(widest) & (t > 0))
    t, z, u_max = t[i], z[i], widest[i] * (1 + 1e-9) + 1e-14
    guess = np.sqrt(1 - (t / z) ** 2)
    widest[i] = u_max * _last_below(lambda x, j: _needed_score(t[j], sign * u_max[j] * x, dim) - z[j], t - z, guess)
    return widest


def _central_log_ratio(p_b, dim, sign):
    """|log rho| at which xi = 1/2 for R = 0: the set is a ball around x0 (sign -1) or its complement (+1)."""
    edge = stats.ncx2.ppf(p_b, dim, TINY) if sign < 0 else stats.ncx2.isf(p_b, dim, TINY)
    with np.errstate(divide="ignore"):
        return np.abs(np.log(edge / stats.ncx2.isf(0.5, dim, TINY))) / 2


def _last_below(f, f0, guess):
    """Largest x in [0, 1] with f(x) < 0, f increasing from `f0` < 0 at 0 to f >= 0 at 1: the lower end of the last bracket.

    All elements at once: f(x, j) evaluates those of numbers j. Secant steps, then halving; a step never comes so close to an
    end of the bracket that the other side of the root would remain far off.
    """
    # kept: from a good guess this takes 4 evaluations; elementwise.find_root takes no guess and ends at other floats
    low, high, x = np.zeros_like(f0), np.ones_like(f0), np.array(guess)
    last, f_last = low.copy(), f0.copy()
    j = np.arange(f0.size)
    for step in range(100):
        if not j.size:
            break
        x[j] = np.clip(x[j], low[j] + TOLERANCE * high[j], high[j] * (1 - TOLERANCE))
        f_now = f(x[j], j)
        low[j], high[j] = np.where(f_now < 0, x[j], low[j]), np.where(f_now < 0, high[j], x[j])
        with np.errstate(divide="ignore", invalid="ignore"):
            secant = x[j] - f_now * (x[j] - last[j]) / (f_now - f_last[j])
        last[j], f_last[j] = x[j], f_now
        x[j] = np.where(np.isfinite(secant) & (step < 12), secant, (low[j] + high[j]) / 2)
        j = j[high[j] - low[j] > 2 * TOLERANCE * high[j]]
    return low


def _needed_score(t, u, dim):
    """Phi^-1 of the least p_a for which xi < 1/2 at distance t and log ratio u, rounded up. Flat arrays [M]."""
    score = np.empty_like(t)
    weak = _is_weak(t, u, dim)
    for i, method in ((weak, _needed_by_quadrature), (~weak, _needed_by_chi_square)):
        if i.any():
            score[i] = method(t[i], u[i], dim)
    return score * (1 + GUARD)


def _unit_xi(t, u, p_a, dim):
    """xi for sigma0 = 1, rho = e^u. Flat arrays [M]."""
    z = _score(p_a)
    worst = special.ndtr(t - z)
    p_a = np.maximum(p_a, 1e-30)  # xi >= 1 - p_a is 1 here
    weak = _is_weak(t, u, dim)
    for i, method in ((weak, _xi_by_quadrature), (~weak, _xi_by_chi_square)):
        i = i & (u != 0) & np.isfinite(z)
        if i.any():
            worst[i] = method(t[i], u[i], p_a[i], dim)
    return np.clip(worst, 0.0, 1.0)


def _is_weak(t, u, dim):
    """Whether the curvature k, around both points, is small enough for the quadrature."""
    limit = min(KAPPA / np.sqrt(2 * dim), 1 / (2 * CENTRE))
    return np.abs(np.expm1(2 * u)) * np.maximum(1, np.exp(-u)) <= 2 * t * limit


def _xi_by_quadrature(t, u, p_a, dim):
    rho, k = np.exp(u), -np.expm1(2 * u) / (2 * t)
    tau = _quantile(_score(p_a), k, dim)
    return _upper((tau - _shift(t, rho, k, dim)) / rho**3, k / rho, dim)[0]


def _needed_by_quadrature(t, u, dim):
    rho, k = np.exp(u), -np.expm1(2 * u) / (2 * t)
    tau = rho**3 * _quantile(np.zeros_like(t), k / rho, dim) + _shift(t, rho, k, dim)
    return _upper_score(tau, k, dim)[0] + 2e-16


def _shift(t, rho, k, dim):
    """tau - rho^3 tau_1, see the top of this file."""
    return t * ((1 + rho**2) / 2 + 2 * k**2 * dim)


def _quantile(z, k, dim):
    """tau with P(X_k < tau) = Phi(z): Newton's method on scores, where it is nearly linear, from the start of Cornish and Fisher.

    X_{-k} has the law of -X_k, so that only upper tails are ever needed.
    """
    flip = np.where(z < 0, -1.0, 1.0)
    z, k = flip * z, flip * k
    variance = 1 + 2 * k**2 * dim
    tau = np.sqrt(variance) * z - k * (4 * k**2 * dim + 3) / (3 * variance) * (z**2 - 1)
    done = np.zeros(tau.shape, dtype=bool)
    for _ in range(20):
        score, density = _upper_score(tau, k, dim)
        step = np.clip((z - score) * np.exp(-(score**2) / 2) / density, -1, 1)
        tau = np.where(done, tau, tau + step)
        done |= np.abs(step) < 1e-8  # the steps shrink quadratically
        if done.all():
            break
    return flip * tau


def _upper_score(tau, k, dim):
    """y with P(X_k >= tau) = Phi(-y), with all digits near 0 and in the upper tail; and the density that `_upper` gives."""
    upper, half, density = _upper(tau, k, dim)
    return np.where(upper < 0.25, -special.ndtri(upper), np.sqrt(2) * special.erfinv(2 * half)), density


def _upper(tau, k, dim):
    """P(X_k >= tau), 1/2 less it, and sqrt(2 pi) times the density of X_k there: means over the law of W, arrays [M].

    Given W, the set is z >= the nearer root of z - k z^2 = tau + k (W - N); the farther one lies beyond CENTRE deviations.
    """
    v, weight = _nodes(dim)
    rhs = tau[:, None] + k[:, None] * v
    root = np.sqrt(np.maximum(1 - 4 * k[:, None] * rhs, 1e-4))
    near = 2 * rhs / (1 + root)
    tail = special.ndtr(-near)
    means = ((values * weight).sum(axis=1) for values in (tail, 0.5 - tail, np.exp(-(near**2) / 2) / root))
    return tuple(means)  # not by BLAS, whose rounding errors would depend on M


@functools.lru_cache(maxsize=64)
def _nodes(dim):
    """Gauss quadrature for the law of W - N, W ~ chi^2_{N-1}: nodes and weights, which sum to 1 (Golub and Welsch 1969).

    The recurrence of the generalised Laguerre polynomials of W / 2, centred: diagonal 4j - 1, beside it 2 sqrt(j (j + (N-3)/2)).
    """
    if dim == 1:
        return np.array([-1.0]), np.array([1.0])
    j = np.arange(NODES)
    v, vectors = linalg.eigh_tridiagonal(4.0 * j - 1, 2 * np.sqrt(j[1:] * (j[1:] + (dim - 3) / 2)))
    return v, vectors[0] ** 2


def _xi_by_chi_square(t, u, p_a, dim):
    """The slides' xi_> and xi_<: masses of the ball |x - c|^2 <= m, or of its complement, around x0 and x1."""
    c = -t / np.expm1(2 * u)
    inside, tail = u < 0, np.minimum(p_a, 1 - p_a)
    lower = inside == (p_a >= 0.5)  # the tail of |x - c|^2 that is the smaller one
    edge, at_x0 = np.empty_like(t), _noncentrality(c, dim)
    edge[lower] = stats.ncx2.ppf(tail[lower], dim, at_x0[lower])
    edge[~lower] = stats.ncx2.isf(tail[~lower], dim, at_x0[~lower])
    return _mass(edge * np.exp(-2 * u), dim, _noncentrality(np.exp(u) * c, dim), inside)


def _needed_by_chi_square(t, u, dim):
    c = -t / np.expm1(2 * u)
    edge = stats.ncx2.isf(0.5, dim, _noncentrality(np.exp(u) * c, dim)) * np.exp(2 * u)
    return -special.ndtri(_mass(edge, dim, _noncentrality(c, dim), u < 0)) + 5e-15 * np.sqrt(dim)


def _mass(edge, dim, noncentrality, inside):
    """Mass of the noncentral chi-square law below `edge` (inside) or above it; 0 or 1 where Birge's 2001 bound says e^-100.

    scipy fails far out in the tails.
    """
    mean, spread = dim + noncentrality, 20 * np.sqrt(dim + 2 * noncentrality)
    below, above = edge < mean - spread, edge > mean + spread + 200
    mass = np.where(inside, above, below).astype(float)
    for side, function in ((inside, stats.ncx2.cdf), (~inside, stats.ncx2.sf)):
        i = side & ~below & ~above
        mass[i] = function(edge[i], dim, noncentrality[i])
    return mass


def _noncentrality(c, dim):
    """c^2, cut where scipy would slow down and fail; that takes rho > 10 or < 1/10 at a large t here, and there xi = 1 anyway."""
    return np.clip(c**2, TINY, 1e6 + 100 * dim)


def _score(p):
    """Phi^-1(p), from the smaller tail."""
    return np.where(p > 0.5, -special.ndtri(np.minimum(1 - p, 0.5)), special.ndtri(p))


def _by_blocks(function, dim, *arrays):
    """`function`(*arrays, dim) of flat blocks of one dimension each, put together in the broadcast shape.

    An element's value does not depend, to the last bit, on those computed beside it.
    """
    dim, *same = np.broadcast_arrays(_dimension(dim), *arrays)
    result = np.empty(dim.shape)
    flat, dims, parts = result.reshape(-1), dim.ravel(), [array.ravel() for array in same]
    for n in np.unique(dims):
        places = np.flatnonzero(dims == n)
        for i in np.split(places, range(BLOCK, places.size, BLOCK)):
            flat[i] = function(*(part[i] for part in parts), int(n))
    return result[()]


def _probability(p: ArrayLike, name: str) -> np.ndarray:
    p = np.asarray(p, dtype=float)
    return _checked(p, name, (p >= 0) & (p <= 1), "a probability, between 0 and 1")


def _positive(value: ArrayLike, name: str) -> np.ndarray:
    value = np.asarray(value, dtype=float)
    return _checked(value, name, (value > 0) & np.isfinite(value), "a positive number")


def _nonnegative(value: ArrayLike, name: str) -> np.ndarray:
    value = np.asarray(value, dtype=float)
    return _checked(value, name, (value >= 0) & np.isfinite(value), "a finite number of at least 0")


def _dimension(dim: ArrayLike) -> np.ndarray:
    dim = np.asarray(dim)
    return _checked(dim, "dim", (dim >= 1) & (dim <= 10**9) & (dim % 1 == 0), "a whole number from 1 to 10^9")


def _checked(value: np.ndarray, name: str, holds: np.ndarray, what: str) -> np.ndarray:
    """`value` itself; ValueError with the first offender unless it `holds` everywhere."""
    if not np.all(holds):
        raise ValueError(f"{name} must be {what}, got {value[~holds].flat[0]}")
    return value
