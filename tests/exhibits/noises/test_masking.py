"""Certificates against a few changed pixels."""

from math import comb

import numpy as np
import pytest
from exhibits import synthetic
from exhibits.noises import planted

from resmooth import noise
from resmooth.exhibits import exhibit
from resmooth.exhibits.noises import _masking_numbers, masking
from resmooth.noise.mask import Mask

MASKING = exhibit("noises/masking")
BOTH = ["mask", "ablation fill=-1"]


def frames_of(tmp_path, noises=BOTH, share=0.9, images=20, sigmas=(0.75, 0.875)):
    run = synthetic.run(tmp_path, seeds=1, images=images, experiments=[planted.group(noises, sigmas)])
    planted.certify(run, lambda case: np.full(images, share))
    return MASKING.compute(run)


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return frames_of(tmp_path_factory.mktemp("masks"))


def verdicts(frames) -> dict[str, str]:
    found = masking.findings(frames)
    assert not any("nan" in each.reason for each in found)
    return {each.claim: each.verdict for each in found if each.claim}


def test_probabilities_by_counting_masks():
    found = _masking_numbers.probabilities()
    found = found[(found.dim == 64) & (found.pixels == 4)].set_index("bound").value
    assert found["union"] == 4 * 8 / 64 and found["iid"] == pytest.approx(1 - (1 - 1 / 8) ** 4)
    assert found["fixed"] == pytest.approx(1 - comb(60, 8) / comb(64, 8))


def test_the_table_has_three_radii_for_each_p():
    table = _masking_numbers.table_of_radii()
    assert (
        table.shape == (len(_masking_numbers.CASES), 4 + len(_masking_numbers.TABLE_P))
        and table["p_A = 0.99"].iloc[0] == "8 / 11 / 11"
    )


def test_equality_certifies_nothing():
    row = _masking_numbers.strict_and_whole().iloc[0]
    assert row["(p_A - 1/2) / p"] == 2 and row["union radius"] == 1 and 0.4 < row["added by not rounding down"] < 0.6


def test_networks_are_counted_by_both_bounds(frames):
    networks = frames["networks"].set_index(["noise", "level"])
    row = networks.loc["mask", 0.75]
    law = noise.make("mask", dim=64, sigma=0.75)
    p_lower = frames["images"].p_lower.iloc[0]
    assert row["mean R, exact"] == law.radius(p_lower) == 1 and row["mean R, union"] == law.union_radius(p_lower)
    assert (row["correct"], row["gain"]) == (20, 0) and networks.loc[("ablation", 0.875), "kept (p d or k)"] == 8


def test_accuracies_are_shares_with_their_exact_interval(frames):
    part = frames["accuracies"]
    drawn = part.groupby("noise").bound.unique()
    assert set(drawn["mask"]) == {"union", "iid", "fixed"} and set(drawn["ablation"]) == {"union", "fixed"}
    first = part.iloc[0]
    assert (first.pixels, first.value, first.high) == (0, 100, 100)
    assert first.low == pytest.approx(100 * 0.025 ** (1 / 20))


def test_sizes_are_compared_on_the_same_images(frames):
    assert set(frames["differences"].sigma) == {0.75, 0.875} and (frames["differences"].value == 0).all()


def test_radii_that_do_not_follow_are_refused(frames):
    own = frames["images"].drop(columns=["union", "iid", "fixed", "exact"])
    with pytest.raises(ValueError, match="do not follow"):
        _masking_numbers.certified(own.assign(radius=own.radius + 1))


CLAIMS = ["union_bound", "condition", "energy", "robust"]


def test_what_the_source_says_holds_here(frames):
    assert verdicts(frames) == {f"noises-mask_{claim}": "holds" for claim in CLAIMS}


def test_findings_flip_with_the_data(frames, tmp_path):
    deltas = frames["deltas"].copy()
    deltas.loc[deltas.bound == "iid", "value"] *= 1.1
    assert verdicts(frames | {"deltas": deltas})["noises-mask_union_bound"] == "fails"
    reach = frames["reach"].copy()
    reach.loc[reach.bound == "union", "value"] += 10
    assert verdicts(frames | {"reach": reach})["noises-mask_condition"] == "fails"
    images = frames["images"].assign(union=frames["images"].exact + 1)
    assert verdicts(frames | {"images": images})["noises-mask_condition"] == "fails"
    moments = frames["moments"].assign(**{"mean of |eps|^2": frames["moments"]["mean of |eps|^2"] * 1.05})
    assert verdicts(frames | {"moments": moments})["noises-mask_energy"] == "fails"
    assert verdicts(frames_of(tmp_path, ["mask"], share=0.6))["noises-mask_robust"] == "not resolved"


def test_a_mask_that_keeps_half_certifies_nothing(tmp_path):
    found = masking.findings(frames_of(tmp_path, ["mask"], share=1.0, sigmas=(0.5,)))
    assert any("no classifier is certified" in each.reason for each in found)


def test_without_masked_networks_there_is_theory_alone(tmp_path):
    frames = MASKING.compute(synthetic.run(tmp_path))
    assert verdicts(frames)["noises-mask_robust"] == "not resolved" and "no masked network" in MASKING.here(frames)
    assert set(MASKING.table(frames).part) == {"delta", "radius"} and len(MASKING.draw(frames).axes) == 8
    assert masking.summary(MASKING.table(frames)).empty


def test_one_image_one_level_and_a_made_up_mask(tmp_path, monkeypatch):
    family = type("Made", (Mask,), {"name": "made"})
    for table in (noise.FAMILIES, noise.NOISES):
        monkeypatch.setitem(table, "made", family)
    frames = frames_of(tmp_path, ["made"], images=1, sigmas=(0.75,))
    assert verdicts(frames)["noises-mask_robust"] == "holds" and frames["images"].exact.iloc[0] >= 1
    figure = MASKING.draw(frames)
    assert "made" in figure.axes[8].get_title(loc="left")
    assert len(masking.summary(MASKING.table(frames))) == 1


def test_picture_and_words(frames):
    assert len(MASKING.draw(frames).axes) == 8 + 4 and "level 0.75 to 0.875" in MASKING.here(frames)
    shown = masking.summary(MASKING.table(frames))
    assert len(shown) == 4 and shown["R = 0, exact [%]"].iloc[0].startswith("100")
