"""Smooth-Reduce on videos at every level: radii and accuracies by hand, and verdicts that follow planted ones."""

import numpy as np
import pandas as pd
import pytest
from exhibits import synthetic
from exhibits.smooth_reduce import planted_videos as planted
from exhibits.smooth_reduce.test_fig5 import as_the_paper_says, the_other_way
from helpers import ROOT

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import _fig10_findings as fig10_findings
from resmooth.plan import Run

FIG10 = exhibit("smooth_reduce/fig10")
BASE, RADII, RIGHT, CHUNKS, LONGER = CLAIMS = (
    "reduce_outperforms_base_at_every_level",
    "mean_certifies_larger_radii",
    "mean_more_accurate",
    "larger_chunks_at_every_level",
    "longer_sub_videos_at_every_level",
)
OPEN = dict.fromkeys(CLAIMS, "not resolved")


def computed(folder, gain=as_the_paper_says, base=None, **about):
    return FIG10.compute(planted.certify(planted.run(folder, **about), gain, base))


def verdicts(frames):
    found = [each for each in FIG10.findings(frames) if each.claim]
    assert len({each.claim for each in found}) == len(found) == len(CLAIMS)
    return {each.claim.removeprefix("smooth_reduce-videos_"): each.verdict for each in found}


def at_the_first_level_only(chunk, kind, frames, sigma):
    return as_the_paper_says(chunk, kind, frames, sigma) if sigma == 0.25 else the_other_way(chunk, kind, frames, sigma)


@pytest.mark.parametrize(
    "gain, about, expected",
    [
        (
            as_the_paper_says,
            {},
            {BASE: "holds", RADII: "holds", RIGHT: "not resolved", CHUNKS: "holds", LONGER: "holds"},
        ),
        (the_other_way, {}, {BASE: "fails", RADII: "fails", CHUNKS: "fails", LONGER: "fails"}),
        (at_the_first_level_only, {}, {BASE: "fails", RADII: "fails", CHUNKS: "fails", LONGER: "fails"}),
        (lambda *case: 1 / planted.NORM.get(case[2], 1), {}, {BASE: "fails", RADII: "fails", RIGHT: "fails"}),
        (as_the_paper_says, {"sigmas": (0.5,)}, OPEN),
        (as_the_paper_says, {"images": 1}, OPEN),
        (as_the_paper_says, {"base": np.full(60, -1.0)}, OPEN),
        (as_the_paper_says, {"base": np.full(60, -2.0)}, OPEN),
        (as_the_paper_says, {"sizes": ((4, (16,)),)}, {BASE: "holds", CHUNKS: "not resolved", LONGER: "not resolved"}),
        (as_the_paper_says, {"reduce": ["max"]}, {BASE: "holds", RADII: "not resolved", RIGHT: "not resolved"}),
        (as_the_paper_says, {"spaces": ("patch",)}, {BASE: "holds", RADII: "holds", CHUNKS: "holds", LONGER: "holds"}),
    ],
)
def test_verdicts_follow_the_numbers(tmp_path, gain, about, expected):
    frames = computed(tmp_path, gain, **about)
    assert expected.items() <= verdicts(frames).items()
    assert not any("nan" in each.reason for each in FIG10.findings(frames))
    assert FIG10.draw(frames).axes and FIG10.here(frames)


def test_certified_accuracies_decide_at_radius_0_too(tmp_path):
    frames = computed(tmp_path, lambda *case: 1.0, np.full(60, 1.3))
    frame = frames["images"]
    lost = frame.method.eq("one network") & frame.idx.ge(20)  # the network certifies a third of the clips
    zero = dict.fromkeys(("correct", "radius", "published", "certified", "claimed"), 0)
    frames["images"] = frame.assign(**{name: frame[name].mask(lost, value) for name, value in zero.items()})
    assert verdicts(frames)[RIGHT] == "holds"


def test_radii_where_clips_are_right_by_hand():
    first, second = np.array([0.4, 0.0, 0.6]), np.array([0.4, 0.0, 0.0])
    gain = fig10_findings._radius_gain(first, second, np.array([1, 0, 1]), np.array([1, 0, 1]))
    assert gain.value == pytest.approx(0.5 / 0.2 - 1) and gain.low < gain.value < gain.high


@pytest.mark.parametrize("config", ["digits", "tiny", "ucf101", "paper", "imagenet", "mnist", "cifar10", "noises"])
def test_files_are_those_of_the_plan(config):
    run = Run.from_file(ROOT / "config" / f"{config}.yaml")
    needed = FIG10.needs(run)
    assert (needed is None) == (run.videos is None)
    paths = [path for role in (needed or {}).values() for path in role]
    made = {path for job in (run.videos.jobs("certify") if run.videos else ()) for path in job.outputs}
    assert set(paths) <= made and len(set(paths)) == len(paths)
    if config == "ucf101":
        assert len(paths) == 3 * (
            2 + 2 * 2 * 3
        )  # every level: two networks alone, (64,16), (64,8) and (128,8) in two places
        assert planted.names(paths) == {("member", 1)} | {
            (f"{kind}_frames", 64 * i) for kind in ("max", "mean") for i in (1, 2)
        }


def test_drawn_told_and_summed_up(tmp_path):
    frames = computed(tmp_path)
    assert len(FIG10.draw(frames).axes) == 2 * 3
    assert "sigma = 0.25, 0.5" in FIG10.here(frames)
    written = tmp_path / "table.csv"
    FIG10.table(frames).to_csv(written, index=False)
    assert len(FIG10.module.summary(pd.read_csv(written))) == 2 * (2 + 6 + 2 * 6)
    assert FIG10.needs(synthetic.run(tmp_path, videos=None)) is None
