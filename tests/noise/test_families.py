"""What every noise family promises, checked over all of them: moments, law, sampling, scaling, radii, soundness."""

import csv
import functools
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import integrate, optimize, special, stats
from soundness_helpers import cases, repetitions

import resmooth as rs
from resmooth.noise import FAMILIES

PARAMETERS = {  # family: its cases; a value may be a function of the dimension
    "normal": [{}, {"arithmetic": "exact"}],
    "laplace": [{}],
    "uniform": [{}],
    "lomax": cases([{"k": 0.5}, {"k": 1.5}, {"k": 3.0}], {"k": 5.0}),
    "expp": cases([{"p": 0.5}, {"p": 1.0}, {"p": 4.0}], {"p": 1.5}),
    "exp1": cases([{"k": 0.5}, {"k": 1.0}, {"k": 2.0}], {"k": 10.0}),
    "exp2": cases([{"k": 0.5}, {"k": 2.0}, {"k": 3.0}], {"k": 1.0}),
    "expinf": cases([{"k": 0.5}, {"k": 1.0}, {"k": 10.0}], {"k": 2.0}),
    "uniformball": [{}],
    "powinf": [{}, {"a": lambda dim: dim + 1.5}, {"a": lambda dim: dim + 5.5}],
    "pow2": [{}, {"k": 2.0, "a": lambda dim: dim / 2 + 4}, {"k": 1.0, "a": lambda dim: dim + 1.5}],
    "mask": [{}],
    "ablation": [{}],
    "ssn": [{}],
    "dssn": [{}],
}
CASES = [(name, parameters) for name in FAMILIES for parameters in PARAMETERS.get(name, [])]
ADDITIVE = [case for case in CASES if FAMILIES[case[0]].additive]
IMAGE_BOUND = [case for case in CASES if not FAMILIES[case[0]].additive]
CERTIFIED = [*ADDITIVE, *(case for case in IMAGE_BOUND if case[0] == "ssn")]  # those with radii of a real number


def name_of(case):
    values = {key: "d+" if callable(value) else value for key, value in case[1].items()}
    return " ".join([case[0], *(f"{key}={value}" for key, value in values.items())])


def over(some):
    return pytest.mark.parametrize("case", some, ids=name_of)


def build(case, dim, **level):
    name, parameters = case
    parameters = {key: value(dim) if callable(value) else value for key, value in parameters.items()}
    return rs.noise.make(name, dim, **parameters, **(level or {"scale": 1.0}))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def draw(noise, count, seed=0, dtype=torch.float64):
    return noise.sample((count, noise.dim), generator=generator(seed), dtype=dtype).double().numpy()


def finite_order(noise):
    """E|z|^q is finite for q below this."""
    orders = {
        "lomax": lambda: noise.k,
        "powinf": lambda: noise.a - noise.dim,
        "pow2": lambda: noise.k * noise.a - noise.dim,
    }
    return orders.get(noise.name, lambda: math.inf)()


def norms(noise):
    """The norms of a certificate: all but l0, of which no family here knows any."""
    return (1, 2, math.inf) if noise.additive or noise.name == "ssn" else ()


def test_every_family_has_a_case():
    assert set(PARAMETERS) == set(FAMILIES)


# Moments


@over(ADDITIVE)
@pytest.mark.parametrize("dim", [1, 2, 10, 3072])
def test_moments_are_those_of_the_samples(case, dim):
    """Standard errors come from the samples: one mean for each vector, since a vector's coordinates may depend on each other."""
    noise = build(case, dim)
    size = np.abs(draw(noise, max(200, 100_000 // dim), dtype=torch.float32))
    for power, exact in [(1, noise.mean_abs), (2, noise.mean_square)]:
        assert math.isfinite(exact) == (finite_order(noise) > power)
        if finite_order(noise) > 2 * power:
            means = np.mean(size**power, axis=1)
            error = means.std(ddof=1) / math.sqrt(len(means))
            assert abs(means.mean() - exact) < 4.5 * error


LAMBDAS = {  # (family, shape parameter, its value, dimension, match): the scale at sigma = 1
    ("expinf", "k", 1, 3072, 2): 0.000563543462,
    ("expinf", "k", 2, 3072, 2): 0.0441797947,
    ("expinf", "k", 10, 3072, 2): 0.976638291,
    ("expinf", "k", 1, 3072, 1): 2 / 3073,
    ("expinf", "k", 2, 3072, 1): 0.0510186,
    ("expinf", "k", 10, 3072, 1): 1.12774,
    ("expinf", "k", 1, 64, 2): 0.0264442943,
    ("expinf", "k", 2, 64, 2): 0.301511345,
    ("exp1", "k", 2, 3072, 2): 55.4346462,
    ("exp1", "k", 10, 3072, 2): 1225.43797,
    ("exp1", "k", 2, 64, 2): 8.06225775,
    ("exp1", "k", 2, 3072, 1): 78.3901,
    ("exp1", "k", 3, 3072, 1): 304.814,
    ("exp1", "k", 10, 3072, 1): 1732.78,
    ("exp2", "k", 1, 3072, 2): 0.0180392601,
    ("exp2", "k", 3, 3072, 2): 5.49921688,
    ("exp2", "k", 1, 64, 2): 0.124034735,
    ("exp2", "k", 3, 64, 2): 2.89200043,
    ("lomax", "k", 3, 64, 1): 2,
    ("lomax", "k", 5, 64, 2): math.sqrt(6),
    ("expp", "p", 1, 64, 2): math.sqrt(1 / 2),
    ("expp", "p", 2, 64, 2): math.sqrt(2),
    ("expp", "p", 2, 64, 1): math.sqrt(math.pi),
    ("uniformball", None, None, 64, 2): 8.1240384,
}


@pytest.mark.parametrize(("key", "scale"), LAMBDAS.items())
def test_scales_against_reference_values(key, scale):
    name, parameter, value, dim, match = key
    noise = rs.noise.make(name, dim, sigma=1.0, match=match, **({parameter: value} if parameter else {}))
    assert noise.scale == pytest.approx(scale, rel=4e-9 if match == 2 else 1e-5)


@over(ADDITIVE)
def test_scale_sigma_and_match_agree(case):
    dim = 12
    unit = build(case, dim)
    for match, level in [(1, unit.mean_abs), (2, math.sqrt(unit.mean_square))]:
        twice = build(case, dim, scale=2.0, match=match)
        assert twice.sigma == pytest.approx(2 * level, rel=1e-14)
        if math.isinf(level):
            with pytest.raises(ValueError, match="finite sigma"):
                build(case, dim, sigma=0.5, match=match)
            continue
        noise = build(case, dim, sigma=0.5, match=match)
        assert noise.scale == pytest.approx(0.5 / level, rel=1e-14) and noise.sigma == 0.5
        assert (noise.mean_abs, noise.mean_square**0.5)[match - 1] == pytest.approx(0.5, rel=1e-14)


# Law


ABSOLUTE_COORDINATE = {  # the distribution function of |z_i|, where coordinates are independent
    "normal": lambda noise: stats.halfnorm.cdf,
    "laplace": lambda noise: stats.expon.cdf,
    "uniform": lambda noise: stats.uniform.cdf,
    "lomax": lambda noise: stats.lomax(noise.k).cdf,
    "expp": lambda noise: stats.gengamma(1 / noise.p, noise.p).cdf,
}
RADIUS = {  # of the native norm of z, where the density depends on that alone
    "exp1": lambda noise: stats.gengamma(noise.dim / noise.k, noise.k).cdf,
    "exp2": lambda noise: stats.gengamma(noise.dim / noise.k, noise.k).cdf,
    "expinf": lambda noise: stats.gengamma(noise.dim / noise.k, noise.k).cdf,
    "uniformball": lambda noise: stats.powerlaw(noise.dim).cdf,
    "powinf": lambda noise: stats.betaprime(noise.dim, noise.a - noise.dim).cdf,
    "pow2": lambda noise: lambda r: stats.betaprime.cdf(r**noise.k, noise.dim / noise.k, noise.a - noise.dim / noise.k),
}
DIRECTION = {  # of |u_i|, u uniform on the unit sphere of a norm in d dimensions
    1: lambda dim: stats.beta(1, dim - 1).cdf,
    2: lambda dim: lambda u: stats.beta.cdf(u**2, 1 / 2, (dim - 1) / 2),
    math.inf: lambda dim: stats.uniform.cdf,  # but for the coordinate that is 1
}


def agrees(sample, cdf):
    return stats.kstest(sample, cdf).pvalue > 1e-4


@over([case for case in ADDITIVE if case[0] in ABSOLUTE_COORDINATE])
def test_law_of_a_coordinate(case):
    noise = build(case, 10)
    size = np.abs(draw(noise, 40_000, dtype=torch.float32))
    cdf = ABSOLUTE_COORDINATE[case[0]](noise)
    assert agrees(size.ravel(), cdf)
    far = cdf(size[cdf(size) > 0.99])  # the tail by itself, which weighs little in the whole
    assert agrees((far - 0.99) * 100, stats.uniform.cdf)
    assert abs(stats.spearmanr(size[:, 0], size[:, 1]).statistic) < 4.5 / math.sqrt(len(size))


@over([case for case in ADDITIVE if case[0] in RADIUS])
@pytest.mark.parametrize("dim", [1, 2, 10])
def test_law_of_the_radius_and_the_direction(case, dim):
    noise = build(case, dim)
    norm = noise.norms[0]
    z = draw(noise, 40_000)
    radius = np.linalg.norm(z, norm, axis=1)
    assert agrees(radius, RADIUS[case[0]](noise))
    if dim == 1:
        return
    first = np.abs(z[:, 0]) / radius
    inner = first[first < 1 - 1e-12]
    assert agrees(inner, DIRECTION[norm](dim))
    if norm == math.inf:
        assert stats.binomtest(len(first) - len(inner), len(first), 1 / dim).pvalue > 1e-4
    assert abs(stats.spearmanr(first, radius).statistic) < 4.5 / math.sqrt(len(z))


@over(ADDITIVE)
def test_signs_are_fair_and_independent(case):
    z = draw(build(case, 10), 40_000)
    signs = np.sign(z)
    assert np.abs(signs.mean(axis=0)).max() < 4.5 / math.sqrt(len(z))
    assert abs(np.mean(signs[:, 0] * signs[:, 1])) < 4.5 / math.sqrt(len(z))
    assert stats.ks_2samp(z[signs[:, 0] > 0, 0], -z[signs[:, 0] < 0, 0]).pvalue > 1e-4


# Sampling


@over(ADDITIVE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_samples_honour_generator_shape_and_dtype(case, dtype):
    noise, shape = build(case, 48, scale=0.7), (5, 3, 4, 4)

    def sample(seed, shape=shape):
        return noise.sample(shape, generator=generator(seed), dtype=dtype)

    state, first = torch.get_rng_state(), sample(0)
    assert first.shape == shape and first.dtype == dtype and first.isfinite().all()
    assert torch.equal(first, sample(0)) and torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first, sample(1)) and not torch.equal(first[0], first[1])
    assert noise.sample((1, 48)).dtype == torch.float32 and sample(0, (0, 48)).shape == (0, 48)
    image = torch.randint(256, (3, 4, 4)).to(dtype) / 255
    copies = noise.noisy(image, 5, generator()).to(dtype)
    assert torch.allclose(copies, image + first, atol=1e-6)
    images = torch.zeros(shape, dtype=dtype)
    assert torch.equal(noise.perturbation(images, generator()), first)
    with pytest.raises(ValueError, match="dimension 48"):
        sample(0, (2, 47))


@over([case for case in ADDITIVE if case[1].get("arithmetic") != "exact"])
def test_samples_are_linear_in_the_scale(case):
    small, large = draw(build(case, 6, scale=0.3), 1000), draw(build(case, 6, scale=1.2), 1000)
    np.testing.assert_allclose(large, 4 * small, rtol=1e-12)


EXTREMES = [
    ("lomax", {"k": 0.02}),
    ("expp", {"p": 0.1}),
    ("expp", {"p": 1e6}),
    ("exp1", {"k": 0.1}),
    ("exp2", {"k": 0.1}),
    ("expinf", {"k": 0.1}),
]


@over([*ADDITIVE, *EXTREMES])
def test_ten_million_draws_are_finite(case):
    large = case[1].get("arithmetic") != "exact"  # which holds no such numbers
    noise, source = build(case, 3072, scale=1e6 if large else 1.0), generator()
    for _ in range(4):
        z = noise.sample((3256 // 4, 3072), generator=source)
        assert math.isfinite(z.sum(dtype=torch.float64)) and z.any()


# Radii


ROUNDING = 1e-14  # the relative error that a radius may have beyond what was computed


SLOW = ("exp2", "pow2")  # a millisecond for each radius


def grid(count=240):
    """Probabilities from 1/2 to 1 - 1e-12, ascending: half of them evenly in p, half evenly in log(1 - p)."""
    return np.concatenate([np.linspace(0.5, 0.99, count // 2)[:-1], 1 - np.geomspace(0.01, 1e-12, count // 2)])


@over(CERTIFIED)
@pytest.mark.parametrize("dim", [1, 2, 64, 3072])
def test_radius_is_increasing_and_convex_in_p(case, dim):
    noise, p = build(case, dim), grid(80 if case[0] in SLOW else 240)
    for norm in noise.norms:
        radius = noise.unit_radius(1 - p[::-1], norm)[::-1]
        slope, rounding = np.diff(radius) / np.diff(p), ROUNDING * radius[1:] / np.diff(p)
        assert radius[0] == 0 and np.all(slope > 0) and np.all(np.isfinite(radius))
        assert np.all(slope[1:] + rounding[1:] >= slope[:-1] - rounding[:-1])
        bounded = case[0] in ("uniform", "uniformball", "ssn")
        assert math.isfinite(noise.radius(1.0, norm)) == bounded and noise.radius(1.0, norm) >= radius[-1]


@over(CERTIFIED)
def test_radius_is_vectorised_and_linear_in_the_scale(case):
    noise, triple = build(case, 64), build(case, 64, scale=3.0)
    p = np.array([[0.0, 0.3, 0.5, 0.5 + 1e-9], [0.61, 0.99, 1 - 1e-12, 0.61]])
    for norm in norms(noise):
        radius = noise.radius(p, norm)
        assert radius.shape == p.shape and radius.dtype == np.float64
        assert np.all(radius[0, :3] == 0) and 0 < radius[0, 3] < 1e-6 * radius[1, 0] and radius[1, 0] == radius[1, 3]
        np.testing.assert_allclose(triple.radius(p, norm), 3 * radius, rtol=1e-15)
        single = noise.radius(p[1, 0], norm)
        assert isinstance(single, float) and single == pytest.approx(radius[1, 0], rel=1e-11)
        assert noise.radius(p[:0], norm).shape == (0, 4)
    with pytest.raises(NotImplementedError, match=f"l0.*{case[0]}"):
        noise.radius(0.7, 0)
    with pytest.raises(ValueError, match="probability"):
        noise.radius(np.nan, 1)


@over(CERTIFIED)
@pytest.mark.parametrize("dim", [2, 64])
def test_certificates_follow_from_each_other_and_from_nothing_else(case, dim):
    """In a norm without a certificate of its own: the largest ball inside one of the balls that are certified."""
    noise, p = build(case, dim), grid(16)
    axis, diagonal = np.eye(dim)[0], np.ones(dim)  # among vectors of one length, these have the extreme other lengths
    own = {norm: noise.scale * noise.unit_radius(1 - p[::-1], norm)[::-1] for norm in noise.norms}
    radii = {norm: noise.radius(p, norm) for norm in norms(noise)}
    for norm in norms(noise):
        fit = [
            radius / max(np.linalg.norm(v, known) / np.linalg.norm(v, norm) for v in (axis, diagonal))
            for known, radius in own.items()
        ]
        np.testing.assert_allclose(radii[norm], np.max(fit, axis=0), rtol=1e-12)
    for small, large in [(1, 2), (2, math.inf), (1, math.inf)]:
        assert np.all(radii[small] >= radii[large])
        factor = dim ** (1 / large - 1 / small)
        assert np.all(radii[large] >= radii[small] * factor * (1 - 1e-12))


@over([case for case in CERTIFIED if case[0] not in ("uniform", "ssn")])
def test_radius_bends_everywhere(case):
    """A table read by linear interpolation lies above a convex radius, and is straight between its nodes: no bend there."""
    noise = build(case, 3072)
    size = 50 if case[0] in SLOW else 500
    least = 1e-3 if case[0] == "uniformball" else 1e-7  # a bounded radius flattens out
    tail = np.sort(np.exp(np.random.default_rng(0).uniform(math.log(least), math.log(0.3), size)))
    for norm in noise.norms:
        middle = noise.unit_radius(tail, norm)
        bends = [
            (noise.unit_radius(tail * (1 - step), norm) - 2 * middle + noise.unit_radius(tail * (1 + step), norm))
            / (step**2 * middle)
            for step in (1e-3, 1e-1)
        ]
        straight = np.max(np.abs(bends), axis=0) < 1e-8
        assert np.mean(straight | ((bends[0] > bends[1] / 2) & (bends[0] < bends[1] * 2))) > 0.97
        constant_rate = noise.name in ("expinf", "powinf") and norm == 1  # where 1 - p > 1 / 2d
        assert constant_rate or not straight.any()


@over([case for case in CERTIFIED if case[1].get("arithmetic") != "exact"])
def test_the_threshold_certifies_its_radius_and_nothing_less_does(case):
    noise = build(case, 64)
    norm = noise.norms[-1]
    radius = noise.radius(0.83, norm)
    p = noise.threshold(radius, norm)
    assert p == pytest.approx(0.83, rel=1e-9)
    assert noise.radius(p, norm) >= radius >= noise.radius(math.nextafter(p, 0), norm)


# Radii against reference values


def reference_case(text):
    """The case (family, parameters) that "Exp1 k=2" stands for, or None where the family returns something better."""
    family, *settings = text.replace("Lomax a=", "Lomax k=").split()
    if text == "Exp2 k=1" or "approx" in text:  # the smaller closed form; the Gaussian approximation
        return None
    parameters = {key: float(value) for key, value in (part.split("=") for part in settings if "=" in part)}
    return family.lower(), parameters


REFERENCE_NORMS = {"l1": 1, "l1_improved": 1, "l2": 2, "linf": math.inf}


def reference_rows():
    """Yield (case, norm, dim, {p: radius at scale 1}) of every row of noise_radii.csv that a family returns."""
    with open(Path(__file__).parent / "noise_radii.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    improved = {(row["noise"], row["dim"]) for row in rows if row["adversary"] == "l1_improved"}
    for row in rows:
        norm, case = REFERENCE_NORMS.get(row["adversary"]), reference_case(row["noise"])
        if norm is None or case is None or (row["adversary"] == "l1" and (row["noise"], row["dim"]) in improved):
            continue
        values = {float(key[2:]): float(value) for key, value in row.items() if key.startswith("p=")}
        yield pytest.param(case, norm, int(row["dim"]), values, id=f"{row['noise']} {row['adversary']} {row['dim']}")


@pytest.mark.parametrize(("case", "norm", "dim", "values"), list(reference_rows()))
def test_radii_against_reference_values(case, norm, dim, values):
    radius = build(case, dim).radius(list(values), norm)
    np.testing.assert_allclose(radius, list(values.values()), rtol=1e-7)


# At sigma = 1 (match=2), for p = 0.6, 0.75, 0.9, 0.99, 0.999 and 0.9999.
EXTENDED_P = (0.6, 0.75, 0.9, 0.99, 0.999, 0.9999)
EXTENDED = """
Uniform l1 64          0.34641016  0.86602540  1.3856406   1.6974098   1.7285867   1.7317044
Uniform linf 64        0.0056981136 0.015536305 0.027539198 0.036254790 0.037208275 0.037304549
Uniform linf 3072      1.1880640e-4 3.2438583e-4 5.7597811e-4 7.5920519e-4 7.7927789e-4 7.8130495e-4
Normal l2 64           0.25334710  0.67448975  1.2815516   2.3263479   3.0902323   3.7190165
Laplace l1 64          0.15778632  0.49012907  1.1380445   2.7662180   4.3943915   6.0225651
Laplace linf 64        0.022423420 0.059695418 0.11350970  0.20639389  0.27467157  0.33118354
Laplace linf 3072      0.0032322314 0.0086052418 0.016350412 0.029681246 0.039428911 0.047453542
Lomax a=3 l1 64        0.070280640 0.20523282  0.44891918  1.0324099   1.6088094   2.1845307
Lomax a=4 l1 64        0.092241950 0.27303028  0.60555309  1.4113314   2.2097530   3.0074698
Lomax a=5 l1 64        0.10511425  0.31384611  0.70212300  1.6498162   2.5905804   3.5306804
Lomax a=10 l1 64       0.13097630  0.39847529  0.90770009  2.1687677   3.4252160   4.6812206
Exp1 k=0.5 l1 64       0.15169923  0.46061741  1.0352417   2.3736551   3.6068399   4.7614134
Exp1 k=1 l1 64         0.15778632  0.49012907  1.1380445   2.7662180   4.3943915   6.0225651
Exp1 k=2 l1 64         0.15697318  0.47666416  1.0729122   2.4742444   3.7845455   5.0303572
Exp1 k=2 l1 3072       0.15743266  0.48738131  1.1263460   2.7153672   4.2873028   5.8460497
Exp1 k=3 l1 64         0.15606180  0.46754517  1.0331334   2.3103671   3.4582791   4.5184332
Exp1 k=3 l1 3072       0.15720075  0.48563315  1.1189962   2.6838201   4.2213819   5.7380564
Exp1 k=10 l1 64        0.15216404  0.43566504  0.90493309  1.8318006   2.5643380   3.1828151
Exp1 k=10 l1 3072      0.15631711  0.47911571  1.0919552   2.5698603   3.9863071   5.3569895
ExpInf k=1 linf 64     0.0059008737 0.018329788 0.042560450 0.10345069 0.16434093 0.22523116
ExpInf k=2 linf 64     0.0058704642 0.017826229 0.040124641 0.092531495 0.14153398 0.18812469
ExpInf k=10 linf 64    0.0056906125 0.016292949 0.033842579 0.068505457 0.095900803 0.11903054
ExpInf k=1 linf 3072   1.2575109e-4 3.9061856e-4 9.0698821e-4 0.0022045950 0.0035022018 0.0047998085
ExpInf k=2 linf 3072   1.2546923e-4 3.8842868e-4 8.9766486e-4 0.0021640684 0.0034168552 0.0046591310
ExpInf k=10 linf 3072  1.2458018e-4 3.8184123e-4 8.7025644e-4 0.0020481036 0.0031769704 0.0042693642
ExpInf k=1 l1 64       0.33848697  0.84621742  1.3539479   1.6585861   1.7203527   1.7812430
ExpInf k=2 l1 64       0.34245620  0.85614051  1.3698248   1.6780354   1.7361572   1.7877798
ExpInf k=10 l1 64      0.34566275  0.86415688  1.3826510   1.6937475   1.7427135   1.7755580
ExpInf k=1 l1 3072     0.34624110  0.86560276  1.3849644   1.6965814   1.7277431   1.7309165
ExpInf k=2 l1 3072     0.34632564  0.86581409  1.3853025   1.6969956   1.7281649   1.7313378
ExpInf k=10 l1 3072    0.34639328  0.86598319  1.3855731   1.6973271   1.7285025   1.7316724
Exp2 k=1 levelset l2 64    0.25044291 0.66727999 1.2708621 2.3241909 3.1123015 3.7763536
Exp2 k=1 levelset l2 3072  0.25328593 0.67433761 1.2813244 2.3262924 3.0906789 3.7202018
Exp2 k=2 l2 64         0.25334710  0.67448975  1.2815516   2.3263479   3.0902323   3.7190165
Exp2 k=3 l2 64         0.25430084  0.67650393  1.2823943   2.3114674   3.0481624   3.6424669
Exp2 k=3 l2 3072       0.25336706  0.67453215  1.2815702   2.3260252   3.0892846   3.7172307
UniformBall l2 64      0.25420886  0.64438275  1.0597791   1.3306469   1.3589843   1.3618324
UniformBall l2 3072    0.25138371  0.63742900  1.0490335   1.3179504   1.3461132   1.3489441
Expp p=0.5 l1 64       0.037340966 0.099139022 0.17800825  0.26317779  0.28871398  0.29666491
Expp p=4 l1 64         0.31188435  0.78632827  1.3352137   2.0160108   2.3978479   2.6696858
"""


@pytest.mark.parametrize("row", EXTENDED.strip().splitlines(), ids=lambda row: row[:23].strip())
def test_extended_radii_against_reference_values(row):
    *words, norm, dim = row.split()[:-6]
    name, parameters = reference_case(" ".join(words))
    noise = rs.noise.make(name, int(dim), sigma=1.0, **parameters)
    printed = np.array(row.split()[-6:], dtype=float)
    np.testing.assert_allclose(noise.radius(EXTENDED_P, REFERENCE_NORMS[norm]), printed, rtol=6e-8)


# Radii against independent evaluations, at probabilities that no table would have for nodes

TAILS = (1.234e-12, 5.4321e-9, 3.21e-6, 7.77e-4, 0.0123, 0.23456, 0.41, 0.499987)


def compare(noise, norm, reference, rel):
    tails = [1 - (1 - tail) for tail in TAILS]  # as they are once p is a float
    expected = [float(reference(tail)) for tail in tails]
    np.testing.assert_allclose(noise.radius(1 - np.array(tails), norm), expected, rtol=rel)


@pytest.fixture(scope="module")
def mp():
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(40):
        yield mpmath


@pytest.mark.parametrize("dim", [1, 2, 3, 64, 3072, 150_528])
def test_uniform_to_high_precision(mp, dim):
    noise = rs.noise.make("uniform", dim, scale=1.0)
    compare(noise, math.inf, lambda tail: 2 * (1 - (mp.mpf(1) / 2 + tail) ** (mp.mpf(1) / dim)), 1e-13)
    compare(noise, 1, lambda tail: 1 - 2 * tail, 1e-13)


@pytest.mark.parametrize("dim", [1, 2, 3, 10, 64, 65, 3072])
def test_laplace_linf_to_high_precision(mp, dim):
    """From the definition: Phi by sums over the binomial law in whole numbers, 1 / Phi integrated piece by piece."""
    mass, above, slopes = 0, 0, []  # of B >= b, and of 2B - d there, times 2^d
    for b in range(dim, (dim - 1) // 2, -1):
        ways = math.comb(dim, b)
        slopes.append((2 * b - dim, mass, above))
        mass, above = mass + ways, above + (2 * b - dim) * ways

    def radius(tail):
        total, upper = mp.mpf(0), mp.mpf(1) / 2
        for slope, mass, above in reversed(slopes):
            low = mp.mpf(mass) / 2**dim
            lower, phi = max(low, mp.mpf(tail)), lambda q: mp.mpf(above) / 2**dim + slope * (q - low)  # noqa: B023
            total += mp.log(phi(upper) / phi(lower)) / slope if slope else (upper - lower) / phi(lower)
            upper = lower
            if low <= tail:
                return total

    noise = rs.noise.make("laplace", dim, scale=1.0)
    compare(noise, math.inf, radius, 2e-12)
    mine = noise.unit_radius(np.array(TAILS), math.inf)
    assert all(radius_ <= radius(mp.mpf(tail)) for radius_, tail in zip(mine, TAILS))  # rounded down
    compare(noise, 1, lambda tail: -mp.log(2 * mp.mpf(tail)), 1e-13)


def test_laplace_linf_in_many_dimensions():
    """Near the Gaussian limit Phi^-1(p) / sqrt(d); the number of pieces grows with sqrt(d) alone."""
    p = 1 - np.array(TAILS)
    for dim in (150_528, 10**8):
        radius = rs.noise.make("laplace", dim, scale=1.0).radius(p, math.inf)
        np.testing.assert_allclose(radius, stats.norm.isf(1 - p) / math.sqrt(dim), rtol=60 / dim)
    assert rs.noise.make("laplace", 3072, scale=1.0).unit_radius(np.array([0.0, 1e-300]), math.inf)[0] == math.inf
    tiny = np.geomspace(1e-300, 1e-250, 50)
    assert np.all(np.diff(rs.noise.make("laplace", 3072, scale=1.0).unit_radius(tiny, math.inf)) < 0)


@pytest.mark.parametrize("k", [0.01, 0.3, 1, 2.5, 3, 10, 1000])
def test_lomax_to_high_precision(mp, k):
    def radius(tail):
        w, b = 1 - 2 * mp.mpf(tail), mp.mpf(k) / (mp.mpf(k) + 1)
        return w / k * mp.hyp2f1(1, b, b + 1, w ** (1 / b))

    noise = rs.noise.make("lomax", 4, scale=1.0, k=k)
    compare(noise, 1, radius, 1e-14)
    p = grid()
    if k == 1:
        np.testing.assert_allclose(noise.radius(p, 1), (np.log(p) - np.log(1 - p)) / 2, rtol=1e-13, atol=1e-15)
    if k == 3:
        w = (2 * p - 1) ** (1 / 3)
        with np.errstate(divide="ignore"):
            complement = -np.expm1(np.log1p(-2 * (1 - p)) / 3)  # 1 - w
        expected = (np.log1p(w) - np.log(complement)) / 4 - np.arctan(w) / 2
        np.testing.assert_allclose(noise.radius(p, 1), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9, 0.999999, 1, 1.5, 4, 50])
def test_expp_to_high_precision(mp, p):
    """For p >= 1 by inverting the incomplete gamma function, for p < 1 by integrating from the definition."""
    a = 1 / mp.mpf(p)

    def level(tail):
        """The y with P(|z|^p > y) = 2 tail (p >= 1), or < y (p < 1)."""
        target = 2 * mp.mpf(tail) if p >= 1 else 1 - 2 * mp.mpf(tail)
        start = special.gammainccinv(float(a), float(target)) or float(mp.power((1 - target) * mp.gamma(1 + a), p))
        if p < 1:
            start = special.gammaincinv(float(a), 2 * tail)
        y = mp.mpf(start)
        for _ in range(6):
            y += (mp.gammainc(a, y, mp.inf, regularized=True) - target) * mp.gamma(a) * mp.exp(y) * y ** (1 - a)
        return y

    def radius(tail):
        y = level(tail)
        if p >= 1:
            return y**a
        if p == 0.5:
            root = y
            return 2 * (mp.polylog(2, mp.exp(-root)) - root * mp.log(-mp.expm1(-root)))
        points = [mp.log(y) + (mp.log(y + 90) - mp.log(y)) * i / 12 for i in range(13)]
        return a * mp.quad(lambda s: mp.exp(a * s) / mp.expm1(mp.exp(s)), points)

    with mp.workdps(25):
        compare(rs.noise.make("expp", 4, scale=1.0, p=p), 1, radius, 1e-13)


def test_expp_reduces_to_laplace_and_normal_and_stays_bounded():
    p = grid()
    np.testing.assert_allclose(rs.noise.make("expp", 4, scale=1, p=1).radius(p, 1), -np.log(2 * (1 - p)), rtol=1e-13)
    normal = rs.noise.make("normal", 4, scale=math.sqrt(1 / 2))
    np.testing.assert_allclose(rs.noise.make("expp", 4, scale=1, p=2).radius(p, 1), normal.radius(p, 1), rtol=1e-13)
    half = rs.noise.make("expp", 4, scale=1, p=0.5).radius(p, 1)
    assert np.all(half < math.pi**2 / 3) and half[-1] > math.pi**2 / 3 - 1e-4


@pytest.mark.parametrize("k", [0.5, 2, 3, 10])
@pytest.mark.parametrize("dim", [2, 64, 3072])
@pytest.mark.parametrize(("name", "norm"), [("exp1", 1), ("expinf", math.inf)])
def test_exp1_and_expinf_against_quadrature(name, norm, dim, k):
    """Over t = r^k rather than over probabilities: int g / (k C S) with gamma laws of shapes d/k and (d + k - 1)/k."""
    law, tilted = stats.gamma(dim / k), stats.gamma((dim + k - 1) / k)
    rate = k * math.exp(math.lgamma((dim + k - 1) / k) - math.lgamma(dim / k))
    share = tilted.sf if k > 1 else tilted.cdf

    def integrand(t):
        return math.exp(law.logpdf(t)) / (rate * share(t))

    def radius(tail):
        inner = law.isf(2 * tail) if k > 1 else law.ppf(2 * tail)
        ends = np.sort([inner, law.ppf(1e-18) if k > 1 else law.isf(1e-18)])
        return sum(
            integrate.quad(integrand, low, high, epsabs=0, epsrel=1e-12, limit=200)[0]
            for low, high in zip(np.linspace(*ends, 9)[:-1], np.linspace(*ends, 9)[1:])
        )

    tails = np.array([1e-12, 3.3e-6, 0.0123, 0.23456])
    mine = build((name, {"k": k}), dim).radius(1 - tails, norm)
    np.testing.assert_allclose(mine, [radius(1 - (1 - tail)) for tail in tails], rtol=1e-9)


@pytest.mark.parametrize("rest", [1.5, 10, 200])
@pytest.mark.parametrize("dim", [1, 2, 64, 3072])
def test_powinf_against_quadrature(dim, rest):
    """Over w = r / (1 + r) ~ Beta(d, a - d): int f / ((a - d) F) dw, F the distribution function of Beta(d, a - d + 1)."""
    noise = rs.noise.make("powinf", dim, scale=1.0, a=dim + rest)
    constant = special.betaln(dim, rest)

    def integrand(log_odds):
        w, v = special.expit(log_odds), special.expit(-log_odds)
        density = math.exp(dim * math.log(w) + rest * math.log(v) - constant)
        return density / special.betainc(dim, rest + 1, w) / rest

    def radius(tail):
        if tail > 0.25:
            start = -special.logit(special.betaincinv(rest, dim, 1 - 2 * tail))
        else:
            start = special.logit(special.betaincinv(dim, rest, 2 * tail))
        stop = -special.logit(special.betaincinv(rest, dim, 1e-17))
        edges = np.linspace(start, stop, 9)
        return sum(
            integrate.quad(integrand, low, high, epsabs=0, epsrel=1e-12, limit=200)[0]
            for low, high in zip(edges[:-1], edges[1:])
        )

    tails = np.array([1e-12, 3.3e-6, 0.0123, 0.23456, 0.41])
    expected = [radius(1 - (1 - tail)) for tail in tails]
    np.testing.assert_allclose(noise.unit_radius(1 - (1 - tails), math.inf), expected, rtol=1e-9)
    np.testing.assert_allclose(noise.unit_radius(tails, 1), 2 * dim / rest * (0.5 - tails), rtol=1e-12)


def mean_share(side, balls, distance, density, start, stop, dim):
    """E of the share of the sphere of radius r that lies on one side of the ball of radius balls(r), its centre at `distance`.

    The share is smooth in r but for a root where ball and sphere come to touch: panels end there, with nodes close to their ends.
    """

    def height(r):  # of the common circle: 0 if the sphere is inside the ball, 1 if it is outside
        return ((r + distance) ** 2 - balls(r) ** 2) / (4 * distance * r)

    grid = np.union1d(np.linspace(start, stop, 500), np.geomspace(start, stop, 500))
    ends = list(grid[::25])
    for touch in (0, 1):
        above = height(grid) > touch
        for low, high in zip(grid[:-1][above[:-1] != above[1:]], grid[1:][above[:-1] != above[1:]]):
            ends.append(optimize.brentq(lambda r: height(r) - touch, low, high, xtol=1e-15))  # noqa: B023
    u, weights = np.polynomial.legendre.leggauss(40)
    low, high = np.sort(ends)[:-1, None], np.sort(ends)[1:, None]
    r = ((low + high) / 2 + (high - low) / 2 * np.sin(math.pi / 2 * u)).ravel()
    w = ((high - low) * np.cos(math.pi / 2 * u) * weights).ravel() * density(r)
    part = height(r) if side == "outside" else 1 - height(r)
    return w @ special.betainc((dim - 1) / 2, (dim - 1) / 2, np.clip(part, 0, 1)) / w.sum()


SPHERICAL = [
    ("exp2", {"k": 0.5}, 10),
    ("exp2", {"k": 1.0}, 3),
    ("exp2", {"k": 1.0}, 64),
    ("exp2", {"k": 3.0}, 2),
    ("exp2", {"k": 3.0}, 64),
    ("pow2", {"k": 1.0, "a": 13.5}, 10),
    ("pow2", {"k": 2.0, "a": 74.0}, 64),
]


@pytest.mark.parametrize(("name", "parameters", "dim"), SPHERICAL)
def test_spherical_radii_against_the_level_set_method(name, parameters, dim):
    """For the radius that is returned, the worst set of shifted mass 1/2 must have the clean mass that it was asked for."""
    noise = build((name, parameters), dim)
    k, a = noise.k, parameters.get("a")
    if name == "exp2":
        start, stop = stats.gengamma(dim / k, k).ppf(1e-19), stats.gengamma(dim / k, k).isf(1e-19)

        def potential(r):
            return r**k

        def inverse(level):
            return np.maximum(level, 0) ** (1 / k)
    else:
        share, rest = special.betaincinv([dim / k, a - dim / k], [a - dim / k, dim / k], 1e-19)
        start, stop = (share / (1 - share)) ** (1 / k), ((1 - rest) / rest) ** (1 / k)

        def potential(r):
            return a * np.log1p(r**k)

        def inverse(level):
            return np.maximum(np.expm1(level / a), 0) ** (1 / k)

    mode = optimize.minimize_scalar(lambda r: potential(r) - (dim - 1) * math.log(r), (start, stop), (start, stop)).x

    def density(r):
        return np.exp((dim - 1) * np.log(r / mode) - potential(r) + potential(mode))

    def mass(side, rise):
        """Of the points on this side of the ball in which the potential is the sphere's plus `rise`."""
        return mean_share(side, lambda r: inverse(potential(r) + rise), distance, density, start, stop, dim)

    for tail in (1e-10, 3.3e-6, 0.0123, 0.23456):
        distance = noise.radius(1 - tail, 2)
        rise = optimize.brentq(lambda rise: mass("outside", rise) - 0.5, 0, 200, xtol=1e-12)
        assert mass("inside", -rise) == pytest.approx(tail, rel=1e-6)


@pytest.mark.parametrize("dim", [1, 2, 64, 3072])
def test_uniformball_against_its_closed_form(dim):
    """Two unit balls at distance R share the mass that is left: p - 1/2 = P(a point of the ball is beyond R / 2) taken twice."""
    noise = rs.noise.make("uniformball", dim, scale=1.0)
    p = grid()[1:]
    half = noise.radius(p, 2) / 2
    b = (dim + 1) / 2
    cap = special.betainc(b, b, (1 - half) / 2)  # mass of the ball beyond the hyperplane at distance R / 2
    np.testing.assert_allclose(1 - 2 * cap, p - 0.5, rtol=1e-9)


# Soundness: the worst classifier


LOG_DENSITY = {  # at scale 1, but for a constant; z is [N, d]
    "normal": lambda noise, z: -np.sum(z**2, axis=1) / 2,
    "laplace": lambda noise, z: -np.sum(np.abs(z), axis=1),
    "uniform": lambda noise, z: inside(np.max(np.abs(z), axis=1)),
    "lomax": lambda noise, z: -(noise.k + 1) * np.sum(np.log1p(np.abs(z)), axis=1),
    "expp": lambda noise, z: -np.sum(np.abs(z) ** noise.p, axis=1),
    "exp1": lambda noise, z: -(np.sum(np.abs(z), axis=1) ** noise.k),
    "exp2": lambda noise, z: -(np.linalg.norm(z, axis=1) ** noise.k),
    "expinf": lambda noise, z: -(np.max(np.abs(z), axis=1) ** noise.k),
    "uniformball": lambda noise, z: inside(np.linalg.norm(z, axis=1)),
    "powinf": lambda noise, z: -noise.a * np.log1p(np.max(np.abs(z), axis=1)),
    "pow2": lambda noise, z: -noise.a * np.log1p(np.linalg.norm(z, axis=1) ** noise.k),
}
TIGHT = {
    ("normal", 2),
    ("laplace", 1),
    ("uniform", 1),
    ("uniform", math.inf),
    ("exp2", 2),
    ("pow2", 2),
    ("uniformball", 2),
}


def inside(length):
    return np.where(length <= 1, 0.0, -np.inf)


def least_clean_mass(noise, shift, clean, moved):
    """The least mass of a set that has mass 1/2 once the input moved by `shift`, and the standard error of this estimate.

    By Neyman and Pearson the set is one of large likelihood ratio; the part of it where the ratio ties is taken at random. The
    noise samples `moved` tell where it begins, and `clean`, independent of them, what it holds.
    """
    log_density = functools.partial(LOG_DENSITY[noise.name], noise)
    clean_ratio = np.round(log_density(clean - shift) - log_density(clean), 9)
    moved_ratio = np.round(log_density(moved) - log_density(moved + shift), 9)
    middle = len(moved) // 2
    level = np.partition(moved_ratio, middle)[middle]
    part = (0.5 - np.mean(moved_ratio > level)) / np.mean(moved_ratio == level)
    mass = np.mean(clean_ratio > level) + part * np.mean(clean_ratio == level)
    slope = math.exp(-level)  # clean mass gained for each shifted mass, at the border of the set
    return mass, math.sqrt(mass / len(clean) + slope**2 / 4 / len(moved))


@over([case for case in ADDITIVE if case[1].get("arithmetic") != "exact"])
def test_no_classifier_is_worse_than_certified(case):
    """A set with shifted mass 1/2 at distance R(p) must hold at least 1 - p: else a classifier would break the certificate."""
    dim = 4
    noise = build(case, dim)
    clean, moved = (draw(noise, repetitions(long=150_000, short=40_000), seed) for seed in (1, 2))
    directions = np.eye(dim)[0], np.ones(dim), np.array([0.9, -0.5, 0.3, 0.1])
    for norm in norms(noise):
        for p in (0.6, 0.9, 0.99):
            radius, scores = noise.radius(p, norm), []
            for direction in directions:
                shift = radius * direction / np.linalg.norm(direction, norm)
                mass, error = least_clean_mass(noise, shift, clean, moved)
                scores.append((mass - (1 - p)) / error)
            assert min(scores) > -4.5
            if (case[0], norm) in TIGHT or (case[0] == "expp" and norm == 1 and noise.p >= 1):
                assert min(scores) < 4.5


HALF_SPACE = {  # the c with P(z_1 > c) = tail
    "normal": lambda noise: stats.norm.isf,
    "laplace": lambda noise: lambda tail: -np.log(2 * tail),
    "uniform": lambda noise: lambda tail: 1 - 2 * tail,
    "lomax": lambda noise: lambda tail: np.expm1(-np.log(2 * tail) / noise.k),
    "expp": lambda noise: lambda tail: special.gammainccinv(1 / noise.p, 2 * tail) ** (1 / noise.p),
}


@over([case for case in ADDITIVE if case[0] in HALF_SPACE])
def test_half_spaces_along_an_axis_are_no_nearer_than_certified(case):
    """Class A is z_1 <= c, exactly p of the noise: its border is at distance c in every norm."""
    noise, p = build(case, 10), grid()[1:]
    border = HALF_SPACE[case[0]](noise)(1 - p)
    for norm in norms(noise):
        assert np.all(noise.radius(p, norm) <= border * (1 + 1e-12))


# Noise that depends on the image


LEVELS = {"mask": 0.6, "ablation": 0.6, "ssn": 0.4, "dssn": 0.4}


@over(IMAGE_BOUND)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_image_bound_noise_is_reproducible_and_finite(case, dtype):
    noise = build(case, 48, sigma=LEVELS[case[0]])
    images = torch.randint(256, (50, 3, 4, 4), generator=generator(5)).to(dtype) / 255
    state = torch.get_rng_state()
    first, again = noise.perturbation(images, generator()), noise.perturbation(images, generator())
    assert first.shape == images.shape and first.dtype == dtype and first.isfinite().all()
    assert torch.equal(first, again) and torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(first, noise.perturbation(images, generator(1)))
    copies = noise.noisy(images[0], 20, generator())
    assert copies.shape == (20, 3, 4, 4) and copies.dtype == dtype
    assert torch.all((images + first >= -1e-6) & (images + first <= 1 + 1e-6) & (copies[0] >= 0) & (copies[0] <= 1))
    assert torch.equal(images, torch.randint(256, (50, 3, 4, 4), generator=generator(5)).to(dtype) / 255)
    with pytest.raises(NotImplementedError, match="depends on the image"):
        noise.sample((2, 48))
    with pytest.raises(ValueError):
        noise.noisy(torch.rand(3, 4, 5, dtype=dtype), 2)


@over([case for case in IMAGE_BOUND if case[0] != "dssn"])
def test_image_bound_radii_are_zero_at_a_half_and_never_fall(case):
    noise = build(case, 48, sigma=LEVELS[case[0]])
    p = np.linspace(0, 1, 1001)
    radius = noise.radius(p, noise.norms[0])
    assert np.all(radius[:501] == 0) and np.all(np.diff(radius) >= 0) and radius[-1] > 0 and np.all(np.isfinite(radius))
    assert noise.radius(p.reshape(7, 143), noise.norms[0]).shape == (7, 143)


@over(CASES)
def test_a_label_rebuilds_the_noise(case):
    noise = build(case, 48, **({"sigma": LEVELS[case[0]]} if case[0] in LEVELS else {}))
    name, parameters = rs.noise.parse(noise.label)
    again = rs.noise.make(name, 48, **parameters, **({"sigma": noise.sigma} if case[0] in LEVELS else {"scale": 1.0}))
    assert again.label == noise.label and again.scale == noise.scale


@over(
    [
        ("lomax", {"k": 0.0}),
        ("lomax", {"k": -1.0}),
        ("lomax", {"k": math.inf}),
        ("lomax", {"k": math.nan}),
        ("expp", {"p": 0.05}),
        ("expp", {"p": math.nan}),
        ("expp", {"p": math.inf}),
    ]
)
def test_bad_shapes_are_refused_in_one_line(case):
    with pytest.raises(ValueError, match=case[0]) as caught:
        build(case, 4)
    assert "\n" not in str(caught.value)
