"""The four tables: printed numbers by hand, planted certificates of a run, verdicts that follow the numbers."""

import numpy as np
import pandas as pd
import pytest
from exhibits.smooth_reduce import planted

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import _accuracy_table, _methods, _printed
from resmooth.exhibits.smooth_reduce._acr_table_findings import of_cifar, of_imagenet

TABLES = {number: exhibit(f"smooth_reduce/table{number}") for number in (1, 2, 3, 4)}
STATEMENTS = {
    1: {"acr_gain_mean", "acr_gain_max", "acr_over_all_images", "best_acr"},
    2: {"imagenet_gain", "imagenet_best_acr"},
    3: {"accuracy_at_every_radius", "larger_radii"},
    4: {"imagenet_accuracy_at_every_radius", "imagenet_samples"},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return planted.run(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def frames(run):
    return {number: table.compute(run) for number, table in TABLES.items()}


@pytest.mark.parametrize("number", TABLES)
def test_every_table_is_drawn_and_decides_its_statements(run, frames, number):
    table = TABLES[number]
    found = {each.claim.removeprefix("smooth_reduce-"): each for each in table.findings(frames[number]) if each.claim}
    assert set(found) == STATEMENTS[number] and {each.verdict for each in found.values()} == {"fails"}
    assert len(table.picture(frames[number])) > 10_000 and "**Here.**" in table.here(frames[number])
    written = table.table(frames[number])
    assert {"printed", "ours"} <= set(written.part)
    assert all("certificates" in role or role == "claims" for role in table.needs(run))


def test_a_run_without_patches_has_none_of_them(tmp_path):
    bare = planted.run(tmp_path, patches=None)
    assert all(table.needs(bare) is None for table in TABLES.values())


# --- printed numbers


def test_printed_gains_by_hand(frames):
    """Table 1: Smooth-Mean over SmoothMix at 0.25 is .827 / .739, Smooth-Max at 1 is 1.803 / 1.826."""
    mean, most, definition, _ = TABLES[1].findings(frames[1])[:4]
    assert mean.value == pytest.approx(100 * (0.827 / 0.739 - 1)) and "5 of 15" in mean.reason
    assert most.value == pytest.approx(100 * (1.803 / 1.826 - 1)) and "3 of 15" in most.reason
    assert definition.value == 21 and "20 of 26" in definition.reason
    gain = TABLES[2].findings(frames[2])[0]
    assert gain.value == pytest.approx(100 * (0.786 / 0.729 - 1)) and "33.0 % at sigma 1" in gain.reason


def test_verdicts_follow_the_printed_numbers(frames):
    """As large as the text says, of one definition, and not divided: every statement would hold."""
    table = frames[1]["printed"].copy()
    own = table.method.str.contains("(Ours)", regex=False)
    table["printed"] = np.where(own, 2.0, 1.0)
    table["all_estimate"], table["norm"], table["fits"] = table.printed, 1.0, "all"
    found = of_cifar(frames[1] | {"printed": table})
    assert [each.verdict for each in found if each.claim] == ["holds"] * 4
    table = frames[2]["printed"].copy()
    table["printed"] = np.where(table.method.str.contains("(Ours)", regex=False), 1.329, 1.0)
    table["all_estimate"], table["norm"] = table.printed, 1.0
    found = of_imagenet(frames[2] | {"printed": table})
    assert [each.verdict for each in found if each.claim] == ["holds"] * 2


def test_a_printed_curve_divided(frames):
    curve = pd.DataFrame({"radius": [0.0, 0.5, 1.0], "accuracy": [80.0, 60.0, 0.0]})
    divided = _printed.divided(curve, 2.0, np.array([0.0, 0.125, 0.25, 0.5, 0.75]))
    assert divided.tolist() == [80, 70, 60, 0, 0]
    printed = frames[3]["printed"].set_index(["method", "sigma", "radius"]).sort_index()
    own = printed.loc[("Smooth-Mean (Ours)", 1.0)]
    assert own.k.unique() == [4] and own.lipschitz.iloc[0] == pytest.approx(2.2555, abs=1e-4)
    assert own.divided[1.0] == pytest.approx(np.interp(2.25549, [2.25, 2.5], [24.6, 21.5]), abs=1e-3)
    other = printed.loc[("MACER (Zhai et al., 2020)", 1.0)]
    assert other.k.unique() == [0] and (other.divided == other.accuracy).all()
    names = {"Smooth-Max-8 (PGD)": 8, "Smooth-Mean (Ours)": 16, "MACER-Smooth-Max (Ours)": 16, "SmoothAdv": 0}
    assert {name: _accuracy_table.patches_of(name, "imagenet") for name in names} == names


def test_norms_of_the_printed_tables():
    assert _printed.norm("cifar10", 4) == pytest.approx(2.2555, abs=1e-4) and _printed.norm("imagenet", 16) == 4
    assert _printed.norm("cifar10", 10) == pytest.approx(3.5735, abs=1e-3)  # the closed form sqrt(k) ||A||


# --- the run


def test_certified_and_published_radii(run, frames):
    """Planted: on the image 1.1 times the network's radius; on each patch 1.5 times as published, 1.5 / 2.4 certified."""
    ours = frames[1]["ours"]
    ours = ours[(ours.method == "Smooth-Max") & (ours.sigma == 0.25)].set_index(["space", "kind"])
    one = frames[1]["ours"].query("method == 'one network' and sigma == 0.25").iloc[0]
    ratio = {key: row.acr_all / one.acr_all for key, row in ours.iterrows()}
    wanted = {("image", "certified"): 1.1, ("resized", "certified"): 1 / 1.25, ("resized", "as published"): 1.0}
    wanted |= {("patch", "certified"): 1.5 / 2.4, ("patch", "as published"): 1.5}
    assert ratio == pytest.approx(wanted)
    assert ours.acr_correct.to_numpy() == pytest.approx((ours.acr_all / 0.9).to_numpy())  # one in ten is wrong
    sample = run.config["sample"]
    assert set(ours.evaluations) == {4 * (sample["n0"] + sample["n"])} and one.evaluations == sample["n0"] + sample["n"]
    words = [each.reason for each in TABLES[1].findings(frames[1]) if not each.claim]
    assert any(
        "Noise on each patch" in text and "0 lie above" in text and "As published 4 would" in text for text in words
    )


def test_which_patches_a_table_shows(frames):
    assert set(frames[1]["ours"].k) == {0, 4} and set(frames[2]["ours"].k) == {0, 4, 9}
    assert set(frames[2]["ours"].experiment) == {"resnet8-gaussian", "resnet8-gaussian-patches_patch_10_corners"}
    labels = set(frames[1]["ours"].label)
    assert {"resnet8-gaussian", "resnet8-gaussian, ensemble of 2"} < labels and "centre" not in " ".join(labels)
    cells = frames[4]["ours"]
    one = cells[(cells.k == 0) & (cells.sigma == 0.5) & (cells.radius == 0)]
    assert one.accuracy.tolist() == [90.0] and (one.low < 90).all() and (one.high > 90).all()


def test_the_summary_of_the_replication_page(frames):
    shown = TABLES[1].module.summary(TABLES[1].table(frames[1]))
    row = shown[(shown.sigma == "0.25") & shown.method.str.endswith("Smooth-Mean of 4, noise on each patch")].iloc[0]
    assert row["L"] == "2.400" and row["certified ACR"] < row["R as published"] and row.abstains == "0 %"
    assert (
        row["certified ACR, less the network's"].startswith("-0.")
        and " to -0." in row["certified ACR, less the network's"]
    )
    assert row["R as published, less the network's"].startswith("+0.")
    alone = shown[shown.method == "resnet8-gaussian"]
    assert (alone["R as published"] == "").all() and (alone["certified ACR, less the network's"] == "").all()


def test_paired_differences(run):
    files = TABLES[1].needs(run)["certificates"]
    frame = _methods.read(run, files)
    found = _methods.against_one(frame).set_index(["experiment", "sigma", "method"])
    row = found.loc[("resnet8-gaussian-patches_image", 0.5, "Smooth-Max")]
    assert row.value == pytest.approx(0.1 * row.one) and row.low > 0 and row.images == 100
    claimed = _methods.against_one(frame, "claimed").set_index(["experiment", "sigma", "method"])
    row = claimed.loc[("resnet8-gaussian-patches_patch", 0.5, "Smooth-Max")]
    assert row.value == pytest.approx(0.5 * row.one)
    curves = _methods.curves(frame[frame.experiment == "resnet8-gaussian-patches_patch"], 50)
    both = curves[curves.method == "Smooth-Mean"].groupby("kind").accuracy.sum()
    assert both["certified"] < both["as published"]


def test_one_image_and_nothing_certified_do_not_crash(tmp_path):
    for folder, options in (
        ("one", {"images": 1}),
        ("none", {"images": 10, "radius": lambda case, kind, number: np.full(10, -2.0)}),
    ):
        small = planted.run(tmp_path / folder, **options)
        for table in TABLES.values():
            found = table.compute(small)
            assert table.findings(found) and table.picture(found)
