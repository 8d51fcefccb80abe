"""The tables of Smooth-Reduce: which ACR they print, which n stands behind them, and what the published logs give."""

import math
import os
from pathlib import Path

import pandas as pd
import pytest

from resmooth import audit
from resmooth.audit import checks, consistency, rows, samples

CLAIMS = Path(__file__).parents[2] / "claims"
MIRROR = os.environ.get("RESMOOTH_MIRROR")
BOUNDS = {  # sigma, method of table1 -> ends of the ACR over all images and over the correct ones, to three digits
    (0.25, "Smooth-Max (Ours)"): (0.508, 0.686, 0.614, 0.831),
    (0.5, "Smooth-Mean (Ours)"): (0.883, 1.030, 1.237, 1.443),
    (1.0, "Smooth-Mean Macer (Ours)"): (0.972, 1.062, 2.260, 2.470),
    (0.25, "SmoothAdv (Salman et al., 2019)"): (0.426, 0.613, 0.518, 0.745),
    (0.25, "DDRS (Alfarra et al., 2020)"): (0.423, 0.605, 0.579, 0.829),
    (0.5, "MACER (Zhai et al., 2020)"): (0.590, 0.737, 0.937, 1.170),
    (1.0, "Ensemble RS (Horvath et al., 2021)"): (0.512, 0.635, 1.046, 1.296),
}


@pytest.fixture(scope="module")
def claims():
    """The printed numbers; the exhibits decide the statements."""
    found = audit.read_claims(CLAIMS / "smooth_reduce.csv")
    return found[found.metric != "statement"]


@pytest.fixture(scope="module")
def result(claims):
    """The audit without any log: what the printed numbers say of one another."""
    table = audit.read_logs_table(CLAIMS / "published_logs.tsv")
    return audit.audit_claims(claims.assign(log="", full_log="", other_log=""), table).set_index("id", drop=False)


@pytest.fixture(scope="module")
def compared(claims):
    if not MIRROR:
        pytest.skip("RESMOOTH_MIRROR names no folder with the published logs")
    table = audit.read_logs_table(CLAIMS / "published_logs.tsv")
    return audit.audit_claims(claims, table, mirror=MIRROR).set_index("id", drop=False)


def acr_of(claims, item, method, sigma):
    own = (claims.item == item) & (claims.method == method) & (claims.sigma == sigma) & (claims.metric == "acr")
    return claims[own].to_dict("records")[0]


def reason(frame, name):
    return frame.reason[f"smooth_reduce-{name}"]


def test_the_tables_have_762_numbers_as_printed(claims):
    assert len(claims) == 762 and claims.id.is_unique
    assert claims.groupby("item").size().to_dict() == {"table1": 51, "table2": 26, "table3": 442, "table4": 243}
    printed = claims.set_index("id").value
    assert printed["smooth_reduce-table1-cifar10-0.5-smooth-mean-acr"] == "1.390"
    assert printed["smooth_reduce-table1-cifar10-0.5-smooth-max-acr"] == "1.29"
    assert printed["smooth_reduce-table1-cifar10-0.5-macer-smooth-max-abstention"] == "0.0723"
    assert printed["smooth_reduce-table3-cifar10-0.25-macer-ca-0.00"] == "79"
    assert printed["smooth_reduce-table3-cifar10-0.25-smoothadv-ca-1.00"] == "0.0"
    assert (claims.n == 100_000).all() and set(claims.dataset[claims.alpha.isna()]) == {"imagenet"}
    assert claims.groupby(["item", "sigma", "method"]).radius.nunique().max() == 17


@pytest.mark.parametrize("row", BOUNDS)
def test_bounds_of_the_acr_under_both_definitions(claims, row):
    sigma, method = row
    claim = acr_of(claims, "table1", method, sigma)
    (printed,) = rows.curves(claim, claims).values()
    radii, curve, _ = rows.shares(printed)
    ceiling = samples.largest_radius(printed, checks.radius_ceiling(sigma, 100_000, 0.001))
    lower, upper = checks.acr_bounds(curve, radii, ceiling)
    assert (lower, upper, lower / curve[0], upper / curve[0]) == pytest.approx(BOUNDS[row], abs=0.0012)
    ranges = consistency.acr_ranges(printed, ceiling)  # wider: the row is rounded or truncated
    assert ranges["all"][0] <= lower < upper <= ranges["all"][1]
    assert ranges["correct"][0] <= lower / curve[0] < upper / curve[0] <= ranges["correct"][1]


def test_which_definition_fits_comes_from_the_rows(result):
    acrs = result[(result.item == "table1") & (result.metric == "acr")]
    alone = acrs.reason.str.extract(r"possible only over (all|correct) images")[0]
    assert alone.value_counts().to_dict() == {"correct": 20, "all": 3}
    assert set(acrs.method[alone == "all"]) == {"MACER (Zhai et al., 2020)", "Ensemble RS (Horvath et al., 2021)"}
    both = acrs[acrs.reason.str.contains("possible over both, and nearer to all images")]
    assert set(both.method) == set(acrs.method[alone == "all"]) and set(both.sigma) == {0.25} and len(both) == 2
    neither = acrs[acrs.reason.str.contains("outside both")]
    assert neither.id.tolist() == ["smooth_reduce-table1-cifar10-1.0-ensemble-acr"]
    assert "fits no definition of the ACR" in neither.caveat.item()
    without = acrs[acrs.caveat.str.contains("no row to check it by")]
    assert without.id.tolist() == ["smooth_reduce-table1-cifar10-1.0-smoothmix-acr"]
    assert not acrs.caveat.str.contains("divides by").any()  # else the column acr_definition would be wrong


def test_the_definition_that_the_text_states_is_called_wrong(claims):
    claim = acr_of(claims, "table1", "Smooth-Mean (Ours)", 0.5) | {"acr_definition": "all"}
    (remark,) = consistency.of_acr(claim, claims)
    assert remark.caveat == "divides by correct images"


def test_only_the_rows_of_16_patches_and_the_pgd_base_fit_both_reductions(claims):
    always = {}
    for method in ("Smooth-Max (Ours)", "Smooth-Mean (Ours)"):
        claim = acr_of(claims, "table2", method, 0.25)
        fits = [consistency.rows_that_fit(claim, claims, sigma, 10_000) for sigma in (0.25, 0.5, 1.0)]
        assert not any(each["all"] for each in fits)
        always[method] = set.intersection(*(set(each["correct"]) for each in fits))
    assert always["Smooth-Mean (Ours)"] == {"Smooth-Mean-16 (PGD)"}
    assert always["Smooth-Max (Ours)"] == {"Smooth-Max-16 (PGD)", "Smooth-Max-8 (PGD)"}


def test_the_imagenet_tables_imply_another_n(claims, result):
    table4 = claims[claims.item == "table4"]
    assert samples.implied_samples(table4, 100_000, 0.001) == (5114, 29_690)
    assert samples.round_samples(5114, 29_690) == 10_000
    other = result[result.caveat.str.contains("not made with the stated n")]
    assert (
        len(other) == 9 and set(other.item) == {"table4"} and set(other.radius) == {3.5} and set(other.sigma) == {1.0}
    )
    assert other.reason.str.contains("fall from 16 to 38 % at radius 3 to 0 at the next").all()
    assert other.reason.str.contains(
        "ceiling of n = 5,114 to 29,690 ends every row there. n = 10,000 certifies at most 3.199"
    ).all()
    assert "n = 10,000, which table4 implies" in reason(result, "table2-imagenet-0.5-smoothadv-acr")


def test_the_cifar_tables_were_made_with_the_stated_n(claims):
    least, most = samples.implied_samples(claims[claims.item == "table3"], 100_000, 0.001)
    assert 78_000 < least < 100_000 < most
    bigger = claims[(claims.item == "table4") & (claims.sigma == 1)].copy()
    bigger.loc[bigger.radius == 3.5, "value"] = "1"
    assert samples.implied_samples(bigger, 100_000, 0.001)[0] == checks.samples_for(3.5, 1.0, 0.001)
    assert samples.round_samples(200, 900) is None and samples.round_samples(50, 5000) is None


def test_only_ddrs_exceeds_the_ceiling(result):
    beyond = result[result.caveat.str.contains("beyond the ceiling")]
    assert beyond.id.tolist() == ["smooth_reduce-table3-cifar10-0.25-ddrs-ca-1.00"] and beyond.printed.item() == "18"
    assert "certify at most 0.953" in beyond.reason.item() and "sigma of 0.262 or more" in beyond.reason.item()


def test_columns_that_mix_definitions_say_so(claims, result):
    acrs = result[result.metric == "acr"]
    assert len(acrs) == 44 and acrs.caveat.str.contains("beside ACRs of the other definition").all()
    assert "3 of the other 5 ACRs beside it by correct images" in reason(result, "table2-imagenet-1.0-ensemble-acr")
    alike = claims[claims.acr_definition != "all"]
    assert not list(consistency.mixed_definitions(acr_of(alike, "table1", "Smooth-Max (Ours)", 0.5), alike))


def test_wrong_predictions_are_among_the_abstentions_of_macer(result):
    wrong = result[result.caveat.str.contains("wrong predictions count as abstentions")]
    assert set(wrong.method) == {"MACER (Zhai et al., 2020)"} and len(wrong) == 3
    assert "0.210 of the images" in reason(result, "table1-cifar10-0.25-macer-abstention")
    others = result[(result.metric == "abstention") & (result.method != "MACER (Zhai et al., 2020)")]
    assert len(others) == 30 and others.reason.str.contains("possible").sum() == 29  # SmoothMix at sigma = 1 has no row


def test_an_abstention_above_what_its_row_leaves_is_called_so(claims):
    name = "smooth_reduce-table1-cifar10-0.25-smooth-max-abstention"
    claim = claims[claims.id == name].to_dict("records")[0] | {"value": "0.201"}
    (remark,) = consistency.remarks(claim, claims)
    assert remark.caveat == "more than its row leaves" and "0.174" in remark.text


def test_a_row_that_increases_bounds_nothing(claims):
    altered = claims.copy()
    own = (altered.item == "table3") & (altered.method == "Smooth-Max (Ours)") & (altered.sigma == 1.0)
    altered.loc[own & (altered.radius == 0.5), "value"] = "60.0"
    (remark,) = consistency.of_acr(acr_of(altered, "table1", "Smooth-Max (Ours)", 1.0), altered)
    assert remark.caveat == "beside a row that cannot be" and "contradict each other" in remark.text


def test_verdicts_by_the_published_logs(compared):
    verdicts = compared.verdict.value_counts().to_dict()
    assert verdicts == {"not derivable": 722, "reproduced": 35, "differs": 4, "rounding": 1}
    assert set(compared.method[compared.verdict != "not derivable"]) == {"SmoothMix (Jeong et al., 2021)"}
    decided = compared[compared.metric.isin(["acr", "abstention"]) & compared.ours.notna()]
    assert dict(zip(decided.id.str.removeprefix("smooth_reduce-"), decided.ours.round(4), strict=True)) == {
        "table1-cifar10-0.25-smoothmix-acr": 0.7391,
        "table1-cifar10-0.5-smoothmix-acr": 1.1585,
        "table1-cifar10-0.25-smoothmix-abstention": 0.0324,
        "table1-cifar10-0.5-smoothmix-abstention": 0.0838,
        "table2-imagenet-0.5-smoothmix-acr": 0.8456,
        "table2-imagenet-1.0-smoothmix-acr": 1.0472,
    }
    assert "all images instead of correct it would be 0.548" in reason(compared, "table1-cifar10-0.25-smoothmix-acr")
    differs = compared[compared.verdict == "differs"]
    assert set(differs.item) == {"table3"} and set(differs.sigma) == {0.25} and differs.radius.max() == 0.75


def test_another_network_by_the_same_method_is_shown_and_decides_nothing(compared):
    text = reason(compared, "table1-cifar10-0.25-macer-abstention")
    assert "Another network by the same method has 0.046 [0.042, 0.050]" in text
    assert compared.verdict["smooth_reduce-table1-cifar10-0.25-macer-abstention"] == "not derivable"
    assert math.isnan(compared.ours["smooth_reduce-table1-cifar10-0.25-macer-abstention"])
    assert "has 1.860 [1.825, 1.895]" in reason(compared, "table1-cifar10-1.0-smoothmix-acr")


def test_every_number_has_a_verdict_and_a_reason(compared):
    assert (compared.verdict != "").all() and (compared.reason.str.len() > 20).all()


def test_the_logs_of_rows_are_listed():
    listed = set(audit.read_logs_table(CLAIMS / "published_logs.tsv").file)
    for path in CLAIMS.glob("*_logs.tsv"):
        if path.name != "published_logs.tsv":
            table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
            named = {name for column in ("log", "full_log", "other_log") if column in table for name in table[column]}
            assert named - {""} <= listed
