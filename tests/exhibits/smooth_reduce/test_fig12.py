"""Scores over noisy copies of clips: what is read, and verdicts that follow planted scores. Fig. 11 tests the numbers."""

import numpy as np
import pytest
from exhibits import synthetic
from exhibits.smooth_reduce import planted_videos as planted
from helpers import ROOT

from resmooth.exhibits import exhibit
from resmooth.plan import Run

FIG12 = exhibit("smooth_reduce/fig12")
ALONE = (0.5, 0.2)
OPEN = {"margin_larger": "not resolved", "margin_varies_less": "not resolved"}


def computed(folder, mean=0.8, sd=0.05, where=planted.BOTH, copies=100, clips=3, **about):
    """Frames of a run whose margins of class 1 over class 0 have this mean and sd over sub-videos, with noise `where`."""
    run = planted.run(folder, **about)
    generator = np.random.default_rng(0)

    def rows(case):
        space = case.experiment.sub_videos.get("noise_space", "")
        centre, spread = (mean, sd) if space in where else ALONE
        for name in case.experiment.classifiers:
            for idx in range(clips):
                for copy, margin in enumerate(np.clip(generator.normal(centre, spread, copies), -1, 1)):
                    top = (1 + margin) / 2
                    yield {"idx": idx, "label": 1, "classifier": name, "copy": copy, "scores": [1 - top, top, 0.0]}

    synthetic.measure(run.videos, "draws", lambda case: list(rows(case)))
    return FIG12.compute(run)


def verdicts(frames):
    found = {
        each.claim.removeprefix("smooth_reduce-videos_"): each.verdict for each in FIG12.findings(frames) if each.claim
    }
    assert found.pop("scores_lower") == "not comparable"
    return found


@pytest.mark.parametrize(
    "about, expected",
    [
        ({}, {"margin_larger": "holds", "margin_varies_less": "holds"}),
        ({"mean": 0.2}, {"margin_larger": "fails", "margin_varies_less": "holds"}),
        ({"sd": 0.4}, {"margin_varies_less": "fails"}),
        ({"mean": ALONE[0], "sd": ALONE[1]}, OPEN),
        ({"where": ("patch",)}, OPEN),
        ({"spaces": ("patch",)}, OPEN),
        ({"spaces": ("image",)}, {"margin_larger": "holds", "margin_varies_less": "holds"}),
        ({"copies": 1}, {"margin_larger": "not resolved"}),
        ({"clips": 1}, {"margin_larger": "holds"}),
        ({"reduce": ["mean"]}, {"margin_larger": "holds", "margin_varies_less": "holds"}),
        ({"sizes": ((4, (16, 32)),)}, {"margin_larger": "holds", "margin_varies_less": "holds"}),
    ],
)
def test_verdicts_follow_the_scores_where_sub_videos_share_a_noise(tmp_path, about, expected):
    frames = computed(tmp_path, **about)
    found = FIG12.findings(frames)
    assert expected.items() <= verdicts(frames).items()
    assert not any("nan" in each.reason or "patch" in each.reason for each in found)
    assert FIG12.draw(frames).axes and "noisy copies" in FIG12.here(frames)


@pytest.mark.parametrize("config", ["digits", "tiny", "ucf101", "paper", "imagenet", "mnist", "cifar10", "noises"])
def test_files_are_those_of_the_plan(config):
    run = Run.from_file(ROOT / "config" / f"{config}.yaml")
    needed = FIG12.needs(run)
    assert (needed is None) == (run.videos is None)
    if needed:
        assert needed["draws"] and set(needed["draws"]) <= {
            path for job in run.videos.jobs("draws") for path in job.outputs
        }
        without = {key: value for key, value in run.videos.config.items() if key != "draws"}
        assert FIG12.needs(Run(without, ROOT / "config" / "recipes")) is None


def test_two_clips_are_drawn_and_told(tmp_path):
    frames = computed(tmp_path)
    assert len(FIG12.draw(frames).axes) == 2 * 5 + 2
    table = FIG12.table(frames)
    bars = table[table.part == "histogram"].groupby(["idx", "space", "method"]).top.sum()
    assert len(bars) == 2 * 5 and bars.to_numpy() == pytest.approx(100)
    assert "where k counts frames" in FIG12.here(frames) and "100 noisy copies" in FIG12.here(frames)
    assert set(frames["statistics"].k) == {0, 16}
