"""Smooth-Reduce on videos at one level: names and costs by hand, planted gains, and verdicts that follow them."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.smooth_reduce import planted_videos as planted
from helpers import ROOT

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import _fig5_numbers as numbers
from resmooth.exhibits.smooth_reduce import _videos as videos
from resmooth.plan import Run

FIG5 = exhibit("smooth_reduce/fig5")
BASE, FAR, CHUNKS, LONGER, MORE = CLAIMS = (
    "reduce_outperforms_base",
    "mean_outperforms_base_by_far",
    "larger_chunks_certify_more",
    "longer_sub_videos_certify_more",
    "length_matters_more_to_mean",
)
ALWAYS = {"base_is_low": "not comparable", "stated_samples": "fails", "128_by_64_best": "not resolved"}
ONE_LENGTH = ((4, (16,)), (2, (16,)))


def as_the_paper_says(chunk, kind, frames, sigma):
    """Both reductions certify more, Smooth-Mean most; larger chunks more; longer sub-videos more, above all Smooth-Mean."""
    own = {"member": 1.0, "max": 1.15, "mean": 1.3}.get(kind, 1.0)
    length = {"max": 1.1, "mean": 1.3}.get(kind, 1.0) if frames == 32 else 1.0
    return own * length * (1.2 if chunk == 4 else 1.0)


def the_other_way(chunk, kind, frames, sigma):
    return 1 / as_the_paper_says(chunk, kind, frames, sigma)


def as_published(chunk, kind, frames, sigma):
    """R is the network's; so R / L is less with noise on each sub-video."""
    return 1 / planted.NORM.get(frames, 1.0)


def computed(folder, gain=as_the_paper_says, base=None, **about):
    return FIG5.compute(planted.certify(planted.run(folder, **about), gain, base))


def verdicts(frames):
    found = [each for each in FIG5.findings(frames) if each.claim]
    assert len({each.claim for each in found}) == len(found) == len(CLAIMS) + len(ALWAYS)
    return {each.claim.removeprefix("smooth_reduce-videos_"): each.verdict for each in found}


def test_names_and_costs_by_hand(tmp_path):
    frame = computed(tmp_path)["images"].drop_duplicates(["name", "space"]).set_index(["name", "space"])
    assert len(frame) == 2 + 2 * 2 * 3 and set(frame.sigma) == {0.5}
    assert (frame.k["RS-4", ""], frame.k["Smooth-Max-(16,4)", "image"], frame.k["Smooth-Mean-(32,2)", "patch"]) == (
        0,
        9,
        5,
    )
    cost = frame.evaluations / 110  # n0 + n
    assert (cost["RS-4", ""], cost["RS-2", ""]) == (12, 24)
    assert (cost["Smooth-Max-(16,4)", "image"], cost["Smooth-Max-(16,4)", "patch"]) == (12, 9 * 4)  # shared chunks once
    assert (cost["Smooth-Mean-(32,2)", "image"], cost["Smooth-Mean-(32,2)", "patch"]) == (24, 5 * 16)


def test_chunks_that_sub_videos_do_not_share_are_counted(tmp_path):
    frame = computed(tmp_path, sizes=((4, (16,)),), stride=6)["images"]
    cost = frame[frame.space == "image"].evaluations.iloc[0] / 110
    assert cost == len({6 * start + 4 * part for start in range(6) for part in range(4)})


def test_planted_radii_certified_and_as_published(tmp_path):
    frames = computed(tmp_path)
    acr = frames["averages"].set_index(["name", "space", "kind"]).acr_all
    ratio = acr["Smooth-Mean-(32,2)", "patch", "certified"] / acr["RS-2", "", "certified"]
    assert ratio == pytest.approx(1.3 * 1.3, abs=0.03)
    published = acr["Smooth-Mean-(32,2)", "patch", "as published"]
    assert published / acr["Smooth-Mean-(32,2)", "patch", "certified"] == pytest.approx(2.236)
    assert set(frames["averages"].kind[frames["averages"].space == "image"]) == {"certified"}


@pytest.mark.parametrize(
    "gain, about, expected",
    [
        (as_the_paper_says, {}, dict.fromkeys(CLAIMS, "holds")),
        (the_other_way, {}, dict.fromkeys(CLAIMS, "fails")),
        (as_published, {}, {BASE: "fails", FAR: "fails", LONGER: "fails"}),
        (as_published, {"spaces": ("image",), "sizes": ONE_LENGTH}, {BASE: "fails", FAR: "fails"}),
        (lambda *case: 1.05 if case[1] != "member" else 1.0, {}, {BASE: "holds", FAR: "fails", MORE: "not resolved"}),
        (as_the_paper_says, {"spaces": ("patch",)}, dict.fromkeys(CLAIMS, "holds")),
        (as_the_paper_says, {"sizes": ((4, (16, 32)),)}, {BASE: "holds", CHUNKS: "not resolved", LONGER: "holds"}),
        (as_the_paper_says, {"sizes": ONE_LENGTH}, {CHUNKS: "holds", LONGER: "not resolved", MORE: "not resolved"}),
        (as_the_paper_says, {"reduce": ["max"]}, {BASE: "holds", FAR: "not resolved", MORE: "not resolved"}),
        (as_the_paper_says, {"reduce": ["mean", "max_logits"]}, {BASE: "holds", LONGER: "holds", MORE: "not resolved"}),
        (as_the_paper_says, {"images": 1}, dict.fromkeys(CLAIMS, "not resolved")),
        (as_the_paper_says, {"base": np.full(60, -1.0)}, dict.fromkeys(CLAIMS, "not resolved")),
        (as_the_paper_says, {"base": np.full(60, -2.0)}, dict.fromkeys(CLAIMS, "not resolved")),
    ],
)
def test_verdicts_follow_the_numbers(tmp_path, gain, about, expected):
    frames = computed(tmp_path, gain, **about)
    assert (expected | ALWAYS).items() <= verdicts(frames).items()
    assert not any("nan" in each.reason for each in FIG5.findings(frames))
    assert FIG5.draw(frames).axes and FIG5.here(frames)


@pytest.mark.parametrize("base, expected", [(0.4, "holds"), (1.4, "fails")])
def test_few_clips_certified_is_a_matter_of_the_papers_data(tmp_path, base, expected):
    frames = computed(tmp_path, lambda *case: 1.0, np.full(60, base))
    frames["images"] = frames["images"].assign(dataset="ucf101")
    found = verdicts(frames)
    assert found["base_is_low"] == expected


def test_the_samples_that_the_papers_curves_imply():
    stated, other, fits = numbers.implied().itertuples()
    assert (stated.ceiling, other.ceiling, fits.ceiling) == pytest.approx((1.138, 1.232, 0.750), abs=6e-4)
    assert fits.least <= 100 <= fits.most < stated.least < stated.most < 1000


@pytest.mark.parametrize("config", ["digits", "tiny", "ucf101", "paper", "imagenet", "mnist", "cifar10", "noises"])
def test_files_are_those_of_the_plan(config):
    run = Run.from_file(ROOT / "config" / f"{config}.yaml")
    needed = FIG5.needs(run)
    assert (needed is None) == (run.videos is None) == (numbers.level(run) is None)
    for paths in (needed or {}).values():
        made = {path for job in run.videos.jobs("certify") for path in job.outputs}
        assert paths and set(paths) <= made and len(set(paths)) == len(paths)


def test_the_level_with_most_classifiers_then_that_of_the_paper(tmp_path):
    assert numbers.level(Run.from_file(ROOT / "config" / "ucf101.yaml")) == "0.5"
    assert numbers.level(Run.from_file(ROOT / "config" / "digits.yaml")) == "0.5"
    assert numbers.level(Run.from_file(ROOT / "config" / "tiny.yaml")) == "0.25"
    assert numbers.level(planted.run(tmp_path, sigmas=(0.25, 1.0))) == "0.25"
    assert FIG5.needs(synthetic.run(tmp_path, videos=None)) is None
    assert FIG5.needs(planted.run(tmp_path, reduce=["max_logits"])) is None


def test_the_papers_two_panels_on_its_own_sizes():
    sizes = [(0, 16), (64, 16), (0, 8), (64, 8), (128, 8)]
    frame = pd.DataFrame(sizes, columns=["frames", "chunk"]).assign(name=lambda frame: frame.index)
    assert list(numbers.panels(frame).values()) == [[0, 1, 2, 3], [2, 3, 4]]


def test_drawn_told_and_summed_up(tmp_path):
    frames = computed(tmp_path)
    assert len(FIG5.draw(frames).axes) == 4
    assert "chunks of 2 and of 4 frames, sub-videos of 16 and of 32" in FIG5.here(frames)
    written = tmp_path / "table.csv"
    FIG5.table(frames).to_csv(written, index=False)
    assert len(FIG5.module.summary(pd.read_csv(written))) == 2 + 6 + 2 * 6
    assert videos.spaces(frames["images"]) == ["image", "patch"]
