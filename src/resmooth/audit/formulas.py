r"""The formulas that sources print, each beside the exact value, as functions of the case.

The columns `source` and `formula` of a claim identify a formula. Its case, in the columns `k`, `dim` and `case`, is the dimension
d and one parameter, each None if there is none. Examples: the line `scale_l1-expinf` of `noises` at k = 2, d = 3072; the line
`threshold` of `idrs` at p_b=0.01, d = 3072.

`noises`: k is the family's shape. Levels are sigma = 1 where a scale lambda is printed, and lambda = 1 where a moment is. The
source abbreviates :math:`* = \Gamma((d + 1) / k) / \Gamma(d / k)`, which is E[r] at lambda = 1, r the radius of ExpInf, Exp1 or
Exp2 noise. Exact values come from `resmooth.noise` and from scipy's laws.

`idrs`: the parameter is p_A or p_B; the slides' dimension N is d. Exact values come from `resmooth.smoothing.idrs`.
"""

import math
import re

import numpy as np
from scipy import special, stats

from resmooth import noise
from resmooth.smoothing import bounds, idrs
from resmooth.theory import loss_bias

SAMPLES, ALPHA, SHARE = 100, 0.001, 0.9  # the case of the Clopper-Pearson display
POINT, DRAWS = 2.0, 16  # the case of the loss estimator: x and K
SIGMA, RATE = 0.5, 0.01  # the case of the certified radii: sigma_0, and r as in "r-semi-elastic"
VOTES = (0.4, 0.3)  # the case of the runner-up among three classes or more: p_A and p_B
LARGE = 3072  # from here to twice as many dimensions, how an error depends on d is read off


def star(d: float, k: float) -> float:
    r""":math:`\Gamma((d + 1) / k) / \Gamma(d / k)`."""
    return special.poch(d / k, 1 / k)


def _law(family, d, k, **level):
    return noise.make(family, d, **level, **({} if k is None else {"k": k}))


def _scale(family, match):
    """Exact lambda at sigma = 1, under the normalisation `match`."""
    return lambda d, k: _law(family, d, k, sigma=1, match=match).scale


def _norm(family):
    """Exact E|x|_1 at lambda = 1."""
    return lambda d, k: d * _law(family, d, k, scale=1).mean_abs


def _square(family):
    """Exact E|x|_2^2 at lambda = 1."""
    return lambda d, k: d * _law(family, d, k, scale=1).mean_square


def _radius(d, k):
    """The law of r at lambda = 1, whose density is proportional to r^(d-1) exp(-r^k)."""
    return stats.gengamma(d / k, k)


def _mean_radius(d, k):
    return _radius(d, k).mean()


def _simplex(d):
    """The law of one coordinate of a uniform point of the simplex."""
    return stats.beta(1, d - 1)


def _printed_lower_bound(d, k):
    """inf {q : P(Binomial(m, q) >= mean of the q_i) >= alpha}: a count is at least the mean 0.9 if it is at least 1."""
    return -math.expm1(math.log1p(-ALPHA) / SAMPLES)


def _exact_lower_bound(d, k):
    return float(bounds.clopper_pearson(round(SHARE * SAMPLES), SAMPLES, ALPHA))


def _taylor_bias(mean):
    """Var[(x + delta)^2] / (2 K mean^2), delta standard normal."""
    return (2 + 4 * POINT**2) / (2 * DRAWS * mean**2)


def _exact_bias(d, k):
    return loss_bias.exact_bias(POINT, DRAWS)


NOISES = {  # line -> (printed, exact), functions of d and k
    # Table "L-1 Noise", lambda at sigma = 1
    "scale_l1-normal": (lambda d, k: math.sqrt(math.pi / 2), _scale("normal", 1)),
    "scale_l1-laplace": (lambda d, k: 1.0, _scale("laplace", 1)),
    "scale_l1-uniform": (lambda d, k: 2.0, _scale("uniform", 1)),
    "scale_l1-expinf": (lambda d, k: 2 / star(d, k), _scale("expinf", 1)),
    "scale_l1-expinf-short": (lambda d, k: 2 / d, _scale("expinf", 1)),
    "scale_l1-exp1": (lambda d, k: d / star(d, k), _scale("exp1", 1)),
    "scale_l1-exp1-short": (lambda d, k: 1.0, _scale("exp1", 1)),
    "scale_l1-exp2": (lambda d, k: math.sqrt(math.pi * d / 2) / star(d, k), _scale("exp2", 1)),
    "scale_l1-lomax": (lambda d, k: k - 1, _scale("lomax", 1)),
    # Table "L-2 Noise", lambda at sigma = 1
    "scale_l2-normal": (lambda d, k: 1.0, _scale("normal", 2)),
    "scale_l2-laplace": (lambda d, k: math.sqrt(1 / 2), _scale("laplace", 2)),
    "scale_l2-uniform": (lambda d, k: math.sqrt(3), _scale("uniform", 2)),
    "scale_l2-expinf": (lambda d, k: math.sqrt(3) / star(d, k), _scale("expinf", 2)),
    "scale_l2-expinf-short": (lambda d, k: math.sqrt(3) / d, _scale("expinf", 2)),
    "scale_l2-exp1": (lambda d, k: math.sqrt(d * (d + 1) / 2) / star(d, k), _scale("exp1", 2)),
    "scale_l2-exp2": (lambda d, k: math.sqrt(d) / star(d, k), _scale("exp2", 2)),
    "scale_l2-lomax": (lambda d, k: math.sqrt((k - 1) * (k - 2) / 2), _scale("lomax", 2)),
    # E|x|_1 at lambda = 1: the same table, and the appendix on ExpInf
    "norm_l1-normal": (lambda d, k: d * math.sqrt(2 / math.pi), _norm("normal")),
    "norm_l1-laplace": (lambda d, k: d, _norm("laplace")),
    "norm_l1-uniform": (lambda d, k: d / 2, _norm("uniform")),
    "norm_l1-expinf": (lambda d, k: d * star(d, k) / 2, _norm("expinf")),
    "norm_l1-expinf-long": (lambda d, k: (d + 1) * star(d, k) / 2, _norm("expinf")),
    "norm_l1-exp1": (star, _norm("exp1")),
    "norm_l1-exp2": (lambda d, k: math.sqrt(2 * d / math.pi) * star(d, k), _norm("exp2")),
    "norm_l1-lomax": (lambda d, k: d / (k - 1), _norm("lomax")),
    # E|x|_2^2 at lambda = 1
    "norm_l2-normal": (lambda d, k: d, _square("normal")),
    "norm_l2-laplace": (lambda d, k: 2 * d, _square("laplace")),
    "norm_l2-uniform": (lambda d, k: d / 3, _square("uniform")),
    "norm_l2-expinf": (lambda d, k: d * star(d, k) ** 2 / 3, _square("expinf")),
    "norm_l2-expinf-long": (lambda d, k: (d + 2) * star(d, k) ** 2 / 3, _square("expinf")),
    "norm_l2-exp1": (lambda d, k: 2 / (d + 1) * star(d, k) ** 2, _square("exp1")),
    "norm_l2-exp2": (lambda d, k: star(d, k) ** 2, _square("exp2")),
    "norm_l2-lomax": (lambda d, k: 2 * d / ((k - 1) * (k - 2)), _square("lomax")),
    # The moments on which these stand
    "radius-mean_z": (lambda d, k: d / k, lambda d, k: _radius(d, k).moment(k)),
    "radius-variance_z": (lambda d, k: d / k, lambda d, k: _radius(d, k).moment(2 * k) - _radius(d, k).moment(k) ** 2),
    "radius-mean_r": (star, _mean_radius),
    "simplex-mean": (lambda d, k: 1 / d, lambda d, k: _simplex(d).mean()),
    "simplex-variance": (lambda d, k: (d - 1) / ((d + 1) * d**2), lambda d, k: _simplex(d).var()),
    "simplex-square": (lambda d, k: 2 / (d * (d + 1)), lambda d, k: _simplex(d).moment(2)),
    "simplex-squares": (lambda d, k: 2 / (d + 1), lambda d, k: d * _simplex(d).moment(2)),
    "folded_normal-mean": (lambda d, k: math.sqrt(2 / math.pi), lambda d, k: stats.halfnorm.mean()),
    # What the text says beside what it means
    "slip-exp1-times_z": (lambda d, k: d / k, _norm("exp1")),
    "slip-exp2-no_radius": (lambda d, k: 1.0, _mean_radius),
    "slip-expinf-no_sign": (lambda d, k: star(d, k) / d, lambda d, k: 0.0),
    "slip-ball": (lambda d, k: d / (d + 1), lambda d, k: 1.0),
    "slip-clopper_pearson": (_printed_lower_bound, _exact_lower_bound),
    "slip-loss-mean": (lambda d, k: POINT + 1, lambda d, k: 1 + POINT**2),
    "slip-loss-bias": (lambda d, k: _taylor_bias(POINT + 1), _exact_bias),
    "slip-loss-bias_corrected": (lambda d, k: _taylor_bias(1 + POINT**2), _exact_bias),
    "slip-lomax-density_exponent": (lambda d, k: d / (k - 1), lambda d, k: _norm("lomax")(d, k - 1)),
}


def _cohen(p_a, p_b):
    r"""Cohen et al. 2019, theorem 1, at sigma_0: :math:`\frac{\sigma}{2} (\Phi^{-1}(p_A) - \Phi^{-1}(p_B))`."""
    return SIGMA / 2 * (special.ndtri(p_a) - special.ndtri(p_b))


def _threshold(thresholds, side):
    """One end, 0 (lower) or 1 (upper), of the pair that `thresholds(p_b, d)` gives, as a function of d and p_B."""
    return lambda d, p_b: thresholds(p_b, d)[side]


def _largest_slope(d, k):
    """max |log sigma(x) - log sigma(x')| / (r |x - x'|) for x, x' on a line, sigma(x) by the k nearest of 21 points in [0, 1]."""
    training, x = np.linspace(0, 1, 21), np.linspace(-1, 2, 301)
    distance = np.sort(np.abs(x[:, None] - training))[:, :k].mean(axis=1)
    return np.abs(np.diff(distance) / np.diff(x)).max()


IDRS = {  # line -> (printed, exact), functions of d and p; printed is None where the slides print a number, not a formula
    # Table "Theoretical lower-thresholds for sigma_1 / sigma_0"
    "threshold": (None, _threshold(idrs.ratio_threshold, 0)),
    "smallest_p_b": (None, lambda d, p: 1 - bounds.clopper_pearson(100_000, 100_000, ALPHA)),
    # Theorem 2.4 beside the ratios at which the certificate really ends, for x_1 next to x_0
    "theorem_2_4-lower": (_threshold(idrs.ratio_threshold, 0), _threshold(idrs.exact_ratio_threshold, 0)),
    "theorem_2_4-upper": (_threshold(idrs.ratio_threshold, 1), _threshold(idrs.exact_ratio_threshold, 1)),
    # The certified radius: the branch that the figure names, and the case of constant sigma
    "radius-xi_gt": (
        lambda d, p_a: idrs.branch_radius(p_a, SIGMA, RATE, d, -1),
        lambda d, p_a: idrs.certified_radius(p_a, SIGMA, RATE, d),
    ),
    "radius-constant_sigma": (
        lambda d, p_a: idrs.certified_radius(p_a, SIGMA, 0.0, d),
        lambda d, p_a: noise.make("normal", d, sigma=SIGMA).radius(p_a, norm=2),
    ),
    "sigma_design-slope": (lambda d, k: 1.0, _largest_slope),
    # What the text says beside what it means
    "slip-header": (lambda d, p: idrs.ratio_threshold(1 - p, d)[0], _threshold(idrs.ratio_threshold, 0)),
    "slip-runner_up": (lambda d, p: _cohen(1 - VOTES[1], VOTES[1]), lambda d, p: _cohen(*VOTES)),
}
LINES = {"noises": NOISES, "idrs": IDRS}
PARAMETERS = ("p_a", "p_b")  # what the column `case` may set


def evaluate(
    source: str, formula: str, k: float | None = None, dim: float | None = None, case: str = ""
) -> tuple[float | None, float]:
    """(printed, exact) of a formula in one case: floats, the first None where the source prints a number and no formula.

    `k`, `dim`: None or nan where there is none; `case`: "p_b=0.01", or "" where it sets nothing. ValueError if LINES does not
    hold the formula, or the case cannot be read.
    """
    (printed, exact), parameter, d = _case(source, formula, k, dim, case)
    return printed and float(printed(d, parameter)), float(exact(d, parameter))


def order(
    source: str, formula: str, k: float | None = None, dim: float | None = None, case: str = ""
) -> tuple[bool, float] | None:
    r"""How printed / exact depends on the dimension, as (limit is 1, exponent).

    If it tends to 1, the relative error goes as :math:`d^{exponent}`, -inf where there is none; else the ratio itself does.
    None where nothing can be said: no d, no printed formula, exact = 0, or a ratio that drifts and is no power of d.
    """
    (printed, exact), parameter, d = _case(source, formula, k, dim, case)
    if d is None or printed is None or exact(LARGE, parameter) == 0:
        return None
    near, far = (math.log(printed(size, parameter) / exact(size, parameter)) for size in (LARGE, 2 * LARGE))
    if abs(near) < 1e-9:
        return True, -math.inf
    if abs(far) < 0.75 * abs(near):
        return True, math.log2(far / near)
    exponent = (far - near) / math.log(2)
    return None if 1e-9 < abs(exponent) < 0.01 else (False, exponent)


def _case(source, formula, k, dim, case):
    """((printed, exact), parameter, d) of a formula in one case; parameter and d are None where there is none."""
    if formula not in LINES.get(source, {}):
        raise ValueError(f"{source}: no formula {formula!r} is known; add its line to resmooth.audit.formulas")
    name, equals, text = case.partition("=")
    if case and (name not in PARAMETERS or not re.fullmatch(r"[0-9.]+", text)):
        raise ValueError(f"{source}, formula {formula}: case must be empty, p_a=NUMBER or p_b=NUMBER, got {case!r}")
    parameter = float(text) if case else None if k is None or math.isnan(k) else _whole(k)
    return LINES[source][formula], parameter, None if dim is None or math.isnan(dim) else int(dim)


def _whole(k):
    """k as an integer where it is one."""
    return int(k) if float(k).is_integer() else float(k)
