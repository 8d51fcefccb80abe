import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from resmooth import audit, site
from resmooth.audit import logs

CLAIMS = Path(__file__).parents[2] / "claims"
MIRROR = os.environ.get("RESMOOTH_MIRROR")
needs_mirror = pytest.mark.skipif(not MIRROR, reason="RESMOOTH_MIRROR names no folder with the published logs")

DERIVED_ACR = {
    ("Gaussian", 0.5): ".7325",
    ("Consistency", 0.5): ".8215",
    ("SmoothAdv", 0.5): ".8245",
    ("Gaussian", 1.0): ".8752",
    ("Consistency", 1.0): ".9823",
    ("SmoothAdv", 1.0): "1.0401",
    ("SmoothMix", 0.5): ".8456",
    ("SmoothMix", 1.0): "1.0472",
}
DERIVED_ACCURACY = {
    ("Gaussian", 0.5): "57.2 45.8 37.2 28.6 0.0 0.0 0.0 0.0",
    ("Consistency", 0.5): "55.0 50.2 44.0 34.8 0.0 0.0 0.0 0.0",
    ("SmoothAdv", 0.5): "53.6 49.4 43.3 36.8 0.0 0.0 0.0 0.0",
    ("Gaussian", 1.0): "43.6 37.8 32.6 26.0 19.4 14.8 12.2 9.0",
    ("Consistency", 1.0): "41.6 37.4 32.6 28.0 24.2 21.0 17.4 14.2",
    ("SmoothAdv", 1.0): "40.3 37.0 34.0 30.0 26.9 24.6 19.7 15.2",
    ("SmoothMix", 0.5): "54.6 50.0 43.4 37.8 0.0 0.0 0.0 0.0",
    ("SmoothMix", 1.0): "39.6 37.2 33.6 30.4 26.2 24.0 20.4 17.0",
}
TRUNCATED = {"0.5-consistency-ca-1.50", "1.0-consistency-ca-0.00", "1.0-consistency-ca-1.00"}


@pytest.fixture(scope="module")
def claims():
    claims = audit.read_claims(CLAIMS / "lecture.csv")
    return claims[claims.metric != "statement"]


@pytest.fixture(scope="module")
def table():
    return audit.read_logs_table(CLAIMS / "published_logs.tsv")


@pytest.fixture(scope="module")
def result(claims, table):
    if not MIRROR:
        pytest.skip("RESMOOTH_MIRROR names no folder with the published logs")
    return audit.audit_claims(claims, table, mirror=MIRROR).set_index("id", drop=False)


def reason(result, name):
    return result.reason["lecture-sigma_table-" + name]


def test_the_lecture_has_72_numbers_as_printed(claims):
    assert len(claims) == 72 and claims.id.is_unique
    printed = claims.set_index("id").value
    assert printed["lecture-sigma_table-1.0-smoothadv-acr"] == "1.040"
    assert printed["lecture-sigma_table-0.5-consistency-ca-1.50"] == "34"
    assert (claims.printed_digits == claims.metric.map({"acr": 3, "certified_accuracy": 0})).all()
    assert claims.groupby(["method", "sigma"]).size().eq(9).all()


def test_verdicts_of_the_lecture(result):
    assert result.verdict.value_counts().to_dict() == {"reproduced": 69, "rounding": 3}
    assert set(result.id[result.verdict == "rounding"]) == {f"lecture-sigma_table-{name}" for name in TRUNCATED}


@pytest.mark.parametrize("row", DERIVED_ACR)
def test_rederived_acr_to_four_digits(result, row):
    own = result[(result.method == row[0]) & (result.sigma == row[1]) & (result.metric == "acr")]
    assert f"{own.ours.item():.4f}".lstrip("0") == DERIVED_ACR[row]
    assert own.standard_error.item() == pytest.approx(0.039 if row[1] == 0.5 else 0.065, abs=0.008)
    assert own.ci_low.item() < own.ours.item() < own.ci_high.item()


@pytest.mark.parametrize("row", DERIVED_ACCURACY)
def test_rederived_certified_accuracies(result, row):
    own = result[(result.method == row[0]) & (result.sigma == row[1]) & (result.metric == "certified_accuracy")]
    assert " ".join(f"{value:.1f}" for value in own.ours) == DERIVED_ACCURACY[row]
    assert (own.ci_low <= own.ours).all() and (own.ours < own.ci_high).all()
    assert (own.images == (427 if row[0] == "SmoothAdv" else 500)).all()


def test_every_reason_is_specific(result):
    assert (result.reason.str.len() > 20).all()
    assert "34.8" in reason(result, "0.5-consistency-ca-1.50") and "truncated" in reason(
        result, "0.5-consistency-ca-1.50"
    )
    assert "427 of 500 images" in reason(result, "0.5-smoothadv-acr") and "0.849" in reason(result, "0.5-smoothadv-acr")
    assert "1.079" in reason(result, "1.0-smoothadv-acr")
    assert result.caveat["lecture-sigma_table-0.5-gaussian-acr"] == "made at alpha = 0.01"
    assert result.caveat["lecture-sigma_table-1.0-smoothadv-ca-3.00"] == "427 of 500 images"
    assert ((result.caveat != "") & (result.verdict == "reproduced")).sum() == 14 + 18
    full = result.full_log_value[result.metric == "acr"].dropna()
    assert full.round(4).tolist() == [0.8491, 1.0786] and set(result.method[full.index]) == {"SmoothAdv"}
    for name, value in (("0.5-gaussian-acr", "0.720"), ("1.0-gaussian-acr", "0.864")):
        assert "alpha = 0.01, not the stated 0.001" in reason(result, name) and value in reason(result, name)
    made_otherwise = result.reason.str.contains("Made at alpha = 0.01")
    assert set(result.method[made_otherwise]) == {"Gaussian"} and made_otherwise.sum() == 14
    for radius in ("2.00", "2.50", "3.00", "3.50"):
        assert "ceiling" in reason(result, f"0.5-smoothmix-ca-{radius}")
        assert "1.906" in reason(result, f"0.5-smoothmix-ca-{radius}")
    acrs = result.reason[result.metric == "acr"]
    assert len(acrs) == 8 and acrs.str.contains("possible only over all images").all()  # whatever the text says


def test_a_printed_number_that_no_log_gives_differs(claims, table, tmp_path):
    if not MIRROR:
        pytest.skip("RESMOOTH_MIRROR names no folder with the published logs")
    altered = claims[claims.id == "lecture-sigma_table-0.5-gaussian-acr"].assign(value="0.799")
    result = audit.audit_claims(altered, table, mirror=MIRROR)
    assert result.verdict.item() == "differs" and "1.8 standard errors" in result.reason.item()


def test_an_impossible_acr_without_a_log_is_called_so(claims, table):
    altered = claims[(claims.method == "SmoothMix") & (claims.sigma == 0.5)].assign(log="")
    for value, doubt in (("1.000", "fits no definition of the ACR"), ("1.200", "divides by correct images")):
        altered.loc[altered.metric == "acr", "value"] = value
        result = audit.audit_claims(altered, table)
        assert result.verdict.eq("not derivable").all() and result.caveat[result.metric == "acr"].item() == doubt


def test_offline_is_a_verdict_and_not_an_exception(claims, table, tmp_path, monkeypatch):
    calls = []

    def refuse(address, **options):
        calls.append(address)
        raise requests.ConnectionError("network is unreachable")

    monkeypatch.setattr(requests, "get", refuse)
    monkeypatch.setattr(logs, "_unreachable", None)
    result = audit.audit_claims(claims, table, cache=tmp_path)
    assert result.verdict.value_counts().to_dict() == {"unchecked": 72}
    assert len(calls) == 1
    unchecked = result[result.verdict == "unchecked"]
    assert unchecked.reason.str.contains("RESMOOTH_MIRROR").all() and unchecked.ours.isna().all()
    assert not list(tmp_path.rglob("*.ts*"))


@needs_mirror
def test_written_files(result, tmp_path):
    import pandas as pd

    site.write_audit(tmp_path, result)
    frame = pd.read_csv(tmp_path / "audit.csv", dtype={"printed": str})
    assert list(frame.columns) == list(result.columns) and len(frame) == 72
    assert frame.printed[frame.id.str.endswith("1.0-smoothadv-acr")].item() == "1.040"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["audit.csv", "index.html"]


HEADER = "id,source,item,dataset,method,sigma,metric,radius,value,printed_digits,acr_definition,n,alpha,note"
GOOD = "a,s,t,imagenet,m,0.5,acr,,0.733,3,all,100000,0.001,"
ANSWERS = "item\tdataset\tmethod\tsigma\tlog\tfull_log\tremark"


@pytest.mark.parametrize(
    "line, message",
    [
        (GOOD.replace("acr,", "ACR,"), "unknown metric"),
        (GOOD.replace("0.5", "half"), "sigma is not a number"),
        (GOOD.replace("0.5", "-0.5"), "sigma must be"),
        (GOOD.replace("0.5", ""), "sigma is empty"),
        (GOOD.replace("0.001", "1"), "alpha between"),
        (GOOD.replace(",3,", ",2,"), "3 decimals"),
        (GOOD.replace("0.733", "nan"), "value must be"),
        (GOOD.replace("all", "every"), "acr_definition"),
        (GOOD.replace("acr,,", "acr,1.0,"), "radius"),
        (GOOD.replace("acr,,", "certified_accuracy,,"), "radius"),
        (GOOD.replace("acr,,", "certified_accuracy_l1,,"), "radius"),
        (GOOD.replace("acr,,0.733,3,all", "abstention,,0.733,3,all"), "acr_definition"),
        (GOOD.replace("acr,,0.733,3,all", "abstention,,73.3,1,"), "a share of the images, at most 1"),
        (GOOD.replace("0.5,acr,,0.733,3,all", ",abstention,,0.733,3,"), "sigma is empty"),
        (GOOD.replace("acr,,0.733,3,all", "formula,,0.733,3,"), "add the columns arch subset formula"),
        (GOOD.replace("imagenet", ""), "dataset is empty"),
        (GOOD + ",", "expected 14 fields"),
        (GOOD.replace(",all", ""), "expected 14 fields"),
        (GOOD, "occurs already"),
    ],
)
def test_a_wrong_claim_is_refused_in_one_line(tmp_path, line, message):
    path = tmp_path / "x.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n{line}\n")
    with pytest.raises(ValueError, match=message) as error:
        audit.read_claims([path])
    assert f"{path}, line 3" in str(error.value) and "\n" not in str(error.value)


WHOLE = f"{HEADER},arch,subset,formula,k,dim,case,statement"
FORMULA = "f,s,t,,m,,formula,,0.0000100050,10,,,,,,,slip,2,3072,p_b=0.1,"
STATEMENT = "g,s,t,,,,statement,,,,,,,,,,,,,,Three beat one"


def test_sigma_and_dataset_may_be_empty_where_there_is_none(tmp_path):
    path = tmp_path / "x.csv"
    best = GOOD.replace("a,s", "b,s").replace("0.5,acr,,0.733,3,all", ",certified_accuracy_l1,1.5,40,0,")
    path.write_text(f"{WHOLE}\n{best},resnet50,test 0-9 step 1,,,,,\n{FORMULA}\n{STATEMENT}\n")
    path.with_name("x_logs.tsv").write_text(f"{ANSWERS}\tother_log\nt\timagenet\tm\t\t\t\twhy not\tother.tsv\n")
    claims = audit.read_claims(path)
    assert claims.other_log.tolist() == ["other.tsv", "", ""]
    assert claims.sigma.isna().all() and claims.remark.tolist() == ["why not", "", ""]
    assert claims.value.tolist() == ["40", "0.0000100050", ""] and claims.printed_digits.tolist() == [0, 10, 0]
    assert (
        claims.arch.tolist() == ["resnet50", "", ""]
        and claims.formula[1] == "slip"
        and claims.statement[2] == "Three beat one"
    )
    assert claims.k[1] == 2 and claims.dim[1] == 3072 and claims.case[1] == "p_b=0.1"


def test_a_file_without_the_further_columns_reads_as_if_they_were_empty(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n")
    claim = audit.read_claims(path).iloc[0]
    assert claim.arch == claim.subset == claim.statement == "" and math.isnan(claim.k)


@pytest.mark.parametrize(
    "line, message",
    [
        (FORMULA.replace("slip", ""), "add the columns"),
        (FORMULA.replace("3072", "many"), "dim is not a number"),
        (FORMULA.replace("10,,,,,", "10,all,,,,"), "acr_definition"),
        (FORMULA.replace("formula,,", "formula,1.0,"), "radius"),
        (STATEMENT.replace("Three beat one", ""), "statement is empty"),
        (STATEMENT.replace("statement,,", "statement,,5"), "has no value"),
        (f"{GOOD},,,slip,,,,", "only a claim with metric formula"),
        (f"{GOOD},,,,,,,Three", "only a claim with metric statement"),
        (f"{GOOD},,", "expected 21 fields"),
    ],
)
def test_wrong_details_are_refused_in_one_line(tmp_path, line, message):
    path = tmp_path / "x.csv"
    path.write_text(f"{WHOLE}\n{line}\n")
    with pytest.raises(ValueError, match=message) as error:
        audit.read_claims(path)
    assert f"{path}, line 2" in str(error.value) and "\n" not in str(error.value)


def test_no_published_evidence_decides_a_statement(tmp_path, table):
    path = tmp_path / "x.csv"
    path.write_text(f"{WHOLE}\n{STATEMENT}\n")
    row = audit.audit_claims(audit.read_claims(path), table).iloc[0]
    assert (
        row.verdict == "" and "A statement" in row.reason and row.statement == "Three beat one" and math.isnan(row.ours)
    )


@pytest.mark.parametrize("source", ["lecture", "ensembles", "noises", "idrs", "smooth_reduce"])
def test_the_projects_own_claims_have_all_columns(source):
    lines = (CLAIMS / f"{source}.csv").read_text().splitlines()
    assert lines[0] == WHOLE


@needs_mirror
def test_the_ceiling_of_l2_says_nothing_of_other_norms(claims, table):
    row = claims[claims.id == "lecture-sigma_table-0.5-gaussian-ca-2.00"].assign(metric="certified_accuracy_l1")
    result = audit.audit_claims(row, table, mirror=MIRROR)
    assert result.verdict.item() == "reproduced" and result.caveat.item() == ""
    assert "ceiling" not in result.reason.item() and "alpha" not in result.reason.item()


def test_wrong_files_are_refused_in_one_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        audit.read_claims(tmp_path / "none.csv")
    path = tmp_path / "x.csv"
    path.write_text("id,value\n")
    with pytest.raises(ValueError, match="line 1: expected the columns"):
        audit.read_claims(path)
    path.write_text(f"{HEADER}\n{GOOD}\n")
    answers = tmp_path / "x_logs.tsv"
    answers.write_text(f"{ANSWERS}\nt\timagenet\tm\t0.25\ta.tsv\t\t\n")
    with pytest.raises(ValueError, match="is no row of x.csv"):
        audit.read_claims(path)
    answers.write_text(f"{ANSWERS}\n" + "t\timagenet\tm\t0.50\ta.tsv\t\t\n" * 2)
    with pytest.raises(ValueError, match="line 3: .* occurs twice"):
        audit.read_claims(path)


def test_an_unlisted_log_is_refused(tmp_path, table):
    (tmp_path / "x.csv").write_text(f"{HEADER}\n{GOOD}\n")
    (tmp_path / "x_logs.tsv").write_text(f"{ANSWERS}\nt\timagenet\tm\t0.5\tunknown.tsv\t\t\n")
    with pytest.raises(ValueError, match="unknown.tsv: .* does not list it"):
        audit.audit_claims(audit.read_claims(tmp_path / "x.csv"), table)


def test_several_sources_and_a_source_without_logs(tmp_path, claims, table):
    (tmp_path / "x.csv").write_text(f"{HEADER}\n{GOOD}\n")
    both = audit.read_claims([tmp_path / "x.csv", CLAIMS / "lecture.csv"])
    assert len(both[both.metric != "statement"]) == 73
    result = audit.audit_claims(both.head(1), table)
    assert result.verdict.item() == "not derivable" and "No published log is known" in result.reason.item()


def test_exhibits_import_no_statistics_and_no_downloads_with_the_audit():
    code = (
        "import sys, resmooth.audit, resmooth.audit.findings, resmooth.audit.checks;"
        "sys.exit(bool({'torch', 'scipy.stats', 'pooch', 'jinja2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
