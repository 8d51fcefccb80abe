import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

from resmooth import audit, bounds, noise
from resmooth.audit import formulas

CLAIMS = Path(__file__).parents[2] / "claims"


def case(name):
    """(source, formula, k, dim, case) of a short name: "noises-scale_l1-expinf-k2-d3072", "idrs-threshold-pb0.01-d3072"."""
    source, rest = name.split("-", 1)
    match = re.fullmatch(r"(.+?)(?:-(k|pa|pb)([0-9.]+))?(?:-d([0-9]+))?", rest)
    formula, kind, number, d = match.groups()
    k = float(number) if kind == "k" else None
    return source, formula, k, d and int(d), f"p_{kind[1]}={number}" if kind in ("pa", "pb") else ""


def numbers(path):
    """The claims of a file but for its statements."""
    claims = audit.read_claims(path)
    return claims[claims.metric != "statement"]


@pytest.fixture(scope="module")
def claims():
    return numbers(CLAIMS / "noises.csv")


@pytest.fixture(scope="module")
def result(claims):
    table = audit.read_logs_table(CLAIMS / "published_logs.tsv")
    return audit.audit_claims(claims, table).set_index("id", drop=False)


@pytest.fixture(scope="module")
def idrs_claims():
    return numbers(CLAIMS / "idrs.csv")


@pytest.fixture(scope="module")
def idrs_result(idrs_claims):
    return audit.audit_claims(idrs_claims, audit.read_logs_table(CLAIMS / "published_logs.tsv")).set_index("id")


def test_the_source_has_64_certified_accuracies_and_71_formulas(claims):
    table = claims[claims.metric == "certified_accuracy_l1"]
    assert len(claims) == 135 and len(table) == 64 and (claims.metric == "formula").sum() == 71
    assert table.sigma.isna().all() and table.groupby(["dataset", "method"]).size().eq(8).all()
    assert sorted(table.radius.unique()) == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]
    assert table.note.str.contains("l1 radius").all()
    tables = claims[claims["item"].isin(["scale_l1", "scale_l2"])]
    families = {"Normal", "Laplace", "Uniform", "ExpInf", "Exp1", "Exp2", "Lomax"}
    assert {(row["item"], row.method.split(",")[0]) for _, row in tables.iterrows()} == {
        (item, family) for item in ("scale_l1", "scale_l2") for family in families
    }


def test_claims_say_what_the_printed_formulas_give(claims, idrs_claims):
    for claim in pd.concat([claims[claims.metric == "formula"], idrs_claims]).itertuples():
        printed = formulas.evaluate(claim.source, claim.formula, claim.k, claim.dim, claim.case)[0]
        if printed is not None:
            assert claim.value == f"{printed:.{claim.printed_digits}f}", claim.id
            assert len(claim.value.replace(".", "").lstrip("0")) >= 6, claim.id


# Once more by hand, from the source's page: the printed formulas at d = 3072, k = 2 (Lomax: 3), with (*) in logarithms.
D = 3072
STAR = math.exp(math.lgamma((D + 1) / 2) - math.lgamma(D / 2))
PRINTED = {
    "scale_l1-normal": math.sqrt(math.pi / 2),
    "scale_l1-laplace": 1,
    "scale_l1-uniform": 2,
    "scale_l1-expinf-k2": 2 / STAR,
    "scale_l1-expinf-short-k2": 2 / D,
    "scale_l1-exp1-k2": D / STAR,
    "scale_l1-exp1-short-k2": 1,
    "scale_l1-exp2-k2": math.sqrt(math.pi * D / 2) / STAR,
    "scale_l1-lomax-k3": 2,
    "scale_l2-normal": 1,
    "scale_l2-laplace": 1 / math.sqrt(2),
    "scale_l2-uniform": math.sqrt(3),
    "scale_l2-expinf-k2": math.sqrt(3) / STAR,
    "scale_l2-expinf-short-k2": math.sqrt(3) / D,
    "scale_l2-exp1-k2": math.sqrt(D * (D + 1) / 2) / STAR,
    "scale_l2-exp2-k2": math.sqrt(D) / STAR,
    "scale_l2-lomax-k3": 1,
    "norm_l1-normal": D * math.sqrt(2 / math.pi),
    "norm_l1-laplace": D,
    "norm_l1-uniform": D / 2,
    "norm_l1-expinf-k2": D * STAR / 2,
    "norm_l1-exp1-k2": STAR,
    "norm_l1-exp2-k2": math.sqrt(2 * D / math.pi) * STAR,
    "norm_l1-lomax-k3": D / 2,
    "norm_l2-normal": D,
    "norm_l2-laplace": 2 * D,
    "norm_l2-uniform": D / 3,
    "norm_l2-expinf-k2": D * STAR**2 / 3,
    "norm_l2-exp1-k2": 2 / (D + 1) * STAR**2,
    "norm_l2-exp2-k2": STAR**2,
    "norm_l2-lomax-k3": 2 * D / 2,
    "radius-mean_z-k2": D / 2,
    "radius-variance_z-k2": D / 2,
    "radius-mean_r-k2": STAR,
    "slip-exp1-times_z-k2": D / 2,
    "slip-exp2-no_radius-k2": 1,
    "slip-expinf-no_sign-k2": STAR / D,
    "slip-ball": D / (D + 1),
}


@pytest.mark.parametrize("line", PRINTED)
def test_printed_values_at_3072(claims, line):
    claim = claims.set_index("id").loc[f"noises-{line}-d{D}"]
    assert float(claim.value) == pytest.approx(PRINTED[line], abs=0.5001 * 10.0**-claim.printed_digits)


@pytest.mark.parametrize(
    ("name", "exact"),
    [  # computed elsewhere: released code, closed forms
        ("scale_l1-expinf-k2-d3072", 0.0510186),
        ("scale_l1-expinf-k10-d3072", 1.12774),
        ("scale_l1-exp1-k2-d3072", 78.3901),
        ("scale_l1-exp1-k3-d3072", 304.814),
        ("scale_l1-exp1-k10-d3072", 1732.78),
        ("scale_l2-expinf-k1-d3072", 0.000563543462),
        ("scale_l2-expinf-k2-d64", 0.301511345),
        ("scale_l2-exp1-k2-d3072", 55.4346462),
        ("scale_l2-exp2-k3-d3072", 5.49921688),
        ("norm_l2-expinf-k2-d1", 0.5),  # d = 1, k = 2: normal with variance 1/2, whatever the norm
        ("norm_l2-exp1-k2-d1", 0.5),
        ("norm_l2-exp2-k2-d1", 0.5),
        ("slip-loss-bias", 0.022951146),
    ],
)
def test_exact_values(name, exact):
    assert formulas.evaluate(*case(f"noises-{name}"))[1] == pytest.approx(exact, rel=5e-6)


@pytest.mark.parametrize(
    ("line", "ratios"),
    [  # printed / exact at d = 1, 2, 10, 64, 3072
        ("norm_l1-expinf-k2", [0.5, 0.666667, 0.909091, 0.984615, 0.999675]),
        ("norm_l2-expinf-k1", [0.166667, 0.333333, 0.757576, 0.954779, 0.999024]),
        ("norm_l2-expinf-k2", [0.212207, 0.392699, 0.792756, 0.962151, 0.999187]),
        ("norm_l2-expinf-k10", [0.246845, 0.439423, 0.821443, 0.968086, 0.999317]),
        ("norm_l2-expinf-k0.5", [0.1, 0.238095, 0.691700, 0.940202, 0.998699]),
        ("norm_l2-exp1-k1", [0.5, 0.666667, 0.909091, 0.984615, 0.999675]),
        ("norm_l2-exp2-k0.5", [0.3, 0.476190, 0.830040, 0.969583, 0.999349]),
        ("norm_l1-exp2-k2", [0.797885, 0.886227, 0.975350, 0.996102, 0.999919]),
    ],
)
def test_ratios_of_the_approximations(line, ratios):
    for d, ratio in zip((1, 2, 10, 64, 3072), ratios, strict=True):
        printed, exact = formulas.evaluate(*case(f"noises-{line}-d{d}"))
        assert printed / exact == pytest.approx(ratio, abs=1e-6)


def test_how_errors_depend_on_the_dimension():
    assert formulas.order(*case("noises-scale_l1-exp1-k2-d10")) == (True, -math.inf)
    tends_to_one, exponent = formulas.order(*case("noises-norm_l2-expinf-k2-d10"))
    assert tends_to_one and exponent == pytest.approx(-1, abs=1e-3)
    tends_to_one, exponent = formulas.order(*case("noises-scale_l1-expinf-short-k2-d10"))
    assert not tends_to_one and exponent == pytest.approx(-0.5, abs=1e-3)
    assert formulas.order(*case("noises-slip-expinf-no_sign-k2-d10")) is None
    assert formulas.order(*case("noises-slip-clopper_pearson")) is None


def test_verdicts_of_the_formulas(result):
    assert result.verdict.value_counts().to_dict() == {"not derivable": 64, "differs": 41, "reproduced": 30}
    formula = result[result.metric == "formula"]
    exact = formula.reason.str.contains("The formula is exact.", regex=False)
    assert (formula.verdict[exact] == "reproduced").all() and exact.sum() == 29
    no_dimension = formula.id[~exact & (formula.verdict == "reproduced")]
    assert no_dimension.tolist() == ["noises-folded_normal-mean"]
    for family in ("normal", "laplace", "uniform", "lomax"):
        assert (formula.verdict[formula.id.str.contains(f"_l[12]-{family}-")] == "reproduced").all()
    assert (formula.verdict[formula["item"] == "slip"] == "differs").all()
    assert formula.ours.notna().all() and formula.standard_error.isna().all() and (formula.log == "").all()


def test_reasons_of_the_formulas(result):
    reason = result.reason["noises-norm_l1-expinf-k2-d10"]
    assert "11.99522" in reason and "0.909091 times" in reason and "falls as 1/d." in reason
    assert "goes as d^-0.5" in result.reason["noises-scale_l1-exp1-short-k2-d3072"]
    assert "Exactly it is 0;" in result.reason["noises-slip-expinf-no_sign-k2-d3072"]
    assert "the same for every d" in result.reason["noises-slip-lomax-density_exponent-k3-d3072"]
    assert result.reason.str.len().min() > 60


def test_slips_against_their_own_words():
    """What the text says, done to the letter, gives the printed value; what it means gives the exact one."""
    rng = np.random.default_rng(0)
    d, k, n = 5, 2, 200_000
    z = rng.gamma(d / k, size=n)
    cube = rng.uniform(-1, 1, (n, d))
    cube[np.arange(n), rng.integers(0, d, n)] = 1
    ball = rng.random(n) ** (1 / d)
    for name, sample in {
        "slip-exp1-times_z-k2-d5": z,
        "slip-expinf-no_sign-k2-d5": (z ** (1 / k) * cube.T)[0],
        "slip-ball-d5": ball,
        "radius-mean_r-k2-d5": z ** (1 / k),
    }.items():
        printed, error = formulas.evaluate(*case(f"noises-{name}"))[0], sample.std() / math.sqrt(n)
        assert abs(sample.mean() - printed) < 4 * error, name
    q = formulas.evaluate(*case("noises-slip-clopper_pearson"))[0]
    assert stats.binom.sf(0.9 - 1e-9, 100, q) == pytest.approx(0.001)  # P(count >= 0.9)
    assert formulas.evaluate(*case("noises-slip-clopper_pearson"))[1] == bounds.clopper_pearson(90, 100, 0.001)
    half = 16 * 2.0**2 / 2  # the sum of squares as a Poisson mixture of chi-squares
    j = np.arange(200)
    mean_log = stats.poisson.pmf(j, half) @ special.digamma(8 + j) + math.log(2 / 16)
    assert formulas.evaluate(*case("noises-slip-loss-bias"))[1] == pytest.approx(math.log(5) - mean_log, abs=1e-9)


def test_the_published_table_cannot_be_derived_but_says_what_can_be_checked(result):
    table = result[result.metric == "certified_accuracy_l1"]
    assert (table.verdict == "not derivable").all() and table.ours.isna().all()
    assert table.reason.str.contains("each at its best sigma, never increase").all()
    p = bounds.clopper_pearson(100_000, 100_000, 0.001 / 2)
    for family, sigma in (("Uniform", 3.5), ("Laplace", 1.25)):
        ceiling = noise.make(family.lower(), dim=3072, sigma=sigma).radius(p, norm=1)
        assert ceiling > table.radius.max()
        own = table.reason[table.method.str.startswith(family)]
        assert own.str.contains(f"{family} noise certifies at most {ceiling:.3f} in l1").all()
    recomputed = table.reason.str.extract(r"give (\d+\.\d+) %")[0].dropna().astype(float)
    assert len(recomputed) == 32
    cifar = recomputed[recomputed.index.str.contains("cifar10")]
    assert (cifar - table.printed[cifar.index].astype(float)).abs().max() < 1.4
    assert table.reason[table.method.str.startswith("Laplace")].str.contains("footnote").all()


def test_a_row_that_increases_is_called_so(claims):
    row = claims[claims.id.str.contains("cifar10-laplace-ca")].copy()
    row.loc[row.radius == 4.0, "value"] = "5"
    table = audit.read_logs_table(CLAIMS / "published_logs.tsv")
    assert audit.audit_claims(row, table).reason.str.contains("increase somewhere").all()


def test_an_unknown_formula_is_refused_in_one_line(claims):
    unknown = claims[claims.metric == "formula"].head(1).assign(formula="scale_l1-cauchy")
    with pytest.raises(ValueError, match="noises: no formula 'scale_l1-cauchy' is known") as error:
        audit.audit_claims(unknown, pd.DataFrame(columns=["file", "address", "sha256"]))
    assert "\n" not in str(error.value)


THRESHOLDS = {  # the slides' table, for p_B = 0.1, 0.01, 0.001, 0.00007
    784: ("0.946", "0.924", "0.908", "0.892"),
    3072: ("0.973", "0.961", "0.953", "0.945"),
    196608: ("0.997", "0.995", "0.994", "0.993"),
}
CELLS = [
    (f"idrs-threshold-pb{p}-d{d}", p, d, cell)
    for d, row in THRESHOLDS.items()
    for p, cell in zip(("0.1", "0.01", "0.001", "0.00007"), row, strict=True)
]


@pytest.mark.parametrize(("name", "p_b", "d", "cell"), CELLS)
def test_cells_of_the_threshold_table(idrs_claims, idrs_result, name, p_b, d, cell):
    assert idrs_claims.set_index("id").value[name] == cell
    z = idrs_result.ours[name] ** 2
    assert math.log(z) + 1 - z == pytest.approx(2 * math.log(float(p_b)) / d, rel=1e-7)  # implication 1 with equality
    assert idrs_result.verdict[name] == ("rounding" if cell == "0.961" else "reproduced")


def test_the_cell_that_is_not_rounded_to_the_nearest_says_so(idrs_result):
    reason = idrs_result.reason["idrs-threshold-pb0.01-d3072"]
    assert "0.961 is the exact 0.961535 truncated; rounded it is 0.962." in reason and "other eleven" in reason


def test_verdicts_and_reasons_of_the_input_dependent_source(idrs_claims, idrs_result):
    assert len(idrs_claims) == 24 and (idrs_claims.metric == "formula").all()
    assert idrs_result.verdict.value_counts().to_dict() == {"reproduced": 14, "differs": 9, "rounding": 1}
    items = idrs_result.groupby("item").verdict.unique().map(list)
    assert items[["theorem_2_4", "xi_curves", "slip"]].tolist() == [["differs"]] * 3
    assert items[["certified_radius", "sigma_design"]].tolist() == [["reproduced"]] * 2
    assert idrs_result.ours.notna().all() and idrs_result.reason.str.len().min() > 60
    assert "The formula is exact." in idrs_result.reason["idrs-radius-constant_sigma-pa0.99-d3072"]


@pytest.mark.parametrize(
    ("name", "printed", "exact"),
    [  # computed elsewhere, with 30 digits
        ("theorem_2_4-lower-pb0.01-d3072", 0.961535158, 0.970466637),
        ("theorem_2_4-upper-pb0.01-d3072", 1.039133732, 1.029827071),
        ("theorem_2_4-lower-pb0.00007-d784", 0.891644065, 0.905388668),
        ("theorem_2_4-upper-pb0.1-d196608", 1.003426716, 1.002044414),
        ("radius-xi_gt-pa0.99-d784", 1.1412145685, 1.1408875363),
        ("radius-xi_gt-pa0.99-d3072", 1.0835121386, 1.0824712961),
        ("radius-xi_gt-pa0.99-d196608", 0.35382426695, 0.35306833745),
        ("radius-constant_sigma-pa0.99-d3072", 1.163173937, 1.163173937),
        ("slip-runner_up", 0.26220025635, 0.067763352393),
    ],
)
def test_values_of_the_input_dependent_source(name, printed, exact):
    assert formulas.evaluate(*case(f"idrs-{name}")) == pytest.approx((printed, exact), rel=2e-9)


def test_where_the_theorem_excludes_nothing_can_be_certified():
    for d in (2, 10, 784, 3072, 196608):
        for p_b in ("0.4", "0.1", "0.01", "0.00007"):
            theorem, exact = formulas.evaluate(*case(f"idrs-theorem_2_4-lower-pb{p_b}-d{d}"))
            assert theorem < exact < 1
            theorem, exact = formulas.evaluate(*case(f"idrs-theorem_2_4-upper-pb{p_b}-d{d}"))
            assert 1 < exact < theorem


def test_the_runner_up_overtakes_inside_the_radius_that_its_own_probability_gives():
    """Three classes of a line: the top one below a point, the runner-up above another, the third between; sigma = 0.5."""
    literal, tight = formulas.evaluate(*case("idrs-slip-runner_up"))
    for shift, wins in ((0.999 * tight, "top"), (1.001 * tight, "runner-up"), (0.999 * literal, "runner-up")):
        top = stats.norm.cdf(stats.norm.ppf(0.4) - shift / 0.5)
        runner_up = stats.norm.cdf(stats.norm.ppf(0.3) + shift / 0.5)
        assert ("top" if top > runner_up else "runner-up") == wins


def test_what_is_said_of_the_dimension():
    assert formulas.order(*case("idrs-threshold-pb0.01-d3072")) is None  # a printed number, no formula
    assert formulas.order(*case("idrs-radius-xi_gt-pa0.99-d3072")) is None  # drifts, as no power of d
    assert formulas.order(*case("idrs-radius-constant_sigma-pa0.99-d3072")) == (True, -math.inf)
    tends_to_one, exponent = formulas.order(*case("idrs-theorem_2_4-lower-pb0.01-d3072"))
    assert tends_to_one and exponent == pytest.approx(-0.5, abs=0.01)


@pytest.mark.parametrize("name", ["lecture-threshold-pb0.01-d3072", "idrs-scale_l1-normal-d3072"])
def test_a_formula_belongs_to_its_source(name):
    with pytest.raises(ValueError, match="no formula '.*' is known; add its line"):
        formulas.evaluate(*case(name))


@pytest.mark.parametrize("text", ["p_b", "p_b=", "p_c=0.1", "0.1", "p_b=x"])
def test_a_case_that_cannot_be_read_is_refused_in_one_line(text):
    with pytest.raises(ValueError, match="case must be empty") as error:
        formulas.evaluate("idrs", "threshold", None, 3072, text)
    assert "\n" not in str(error.value)


def test_ids_are_no_code(idrs_claims):
    table = audit.read_logs_table(CLAIMS / "published_logs.tsv")
    renamed = idrs_claims.head(3).assign(id=["a", "b", "c"])
    assert audit.audit_claims(renamed, table).verdict.eq("reproduced").all()
