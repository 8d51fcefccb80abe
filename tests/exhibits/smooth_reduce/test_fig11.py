"""Scores over noisy copies: ranks and statistics by hand, and verdicts that follow planted scores."""

import numpy as np
import pytest
from exhibits import synthetic
from helpers import ROOT

from resmooth.exhibits import exhibit
from resmooth.exhibits.smooth_reduce import _scores_numbers as numbers
from resmooth.plan import Run
from resmooth.stats.intervals import paired_mean

EXHIBIT = exhibit("smooth_reduce/fig11")
DRAWS = {"start": 0, "stop": 3, "step": 1, "n": 100}
ALONE = (0.5, 0.2)


def planted(tmp_path, scores, copies=100, spaces=("image", "resized", "patch"), images=3, **about):
    """Frames of a run whose margins of class 1 over class 0 have scores(space, name) = (mean, sd) over noisy copies."""
    cut = {"resize": 10, "patch": 8, "sizes": [4], "noise_space": list(spaces)}
    group = {"architectures": ["resnet20"], "recipes": ["gaussian"], "seeds": 2, "patches": cut}
    run = synthetic.run(tmp_path, seeds=1, sigmas=(0.25, 0.5), images=images, experiments=[group], draws=DRAWS, **about)
    generator = np.random.default_rng(0)

    def rows(case):
        for name in case.experiment.classifiers:
            mean, sd = scores(case.experiment.patches.get("noise_space", ""), name)
            for idx in range(images):
                for copy, margin in enumerate(np.clip(generator.normal(mean, sd, copies), -1, 1)):
                    top = (1 + margin) / 2
                    yield {"idx": idx, "label": 1, "classifier": name, "copy": copy, "scores": [1 - top, top, 0.0]}

    synthetic.measure(run, "draws", lambda case: list(rows(case)))
    return EXHIBIT.compute(run)


def verdicts(frames):
    return {
        each.claim.removeprefix("smooth_reduce-margin_"): each.verdict
        for each in EXHIBIT.findings(frames)
        if each.claim
    }


def patched(mean, sd, where=("image", "resized", "patch")):
    return lambda space, name: (mean, sd) if space in where else ALONE


@pytest.mark.parametrize("config", ["digits", "paper", "imagenet", "mnist", "cifar10", "tiny", "noises"])
def test_files_are_those_of_the_plan(config):
    run = Run.from_file(ROOT / "config" / f"{config}.yaml")
    needs, made = EXHIBIT.needs(run), {path for job in run.jobs("draws") for path in job.outputs}
    assert (needs is None) == (not run.reduced)
    assert needs is None or set(needs["draws"]) <= made
    assert EXHIBIT.needs(Run({key: value for key, value in run.config.items() if key != "draws"})) is None


def test_top_class_and_runner_up_by_votes_then_by_mean():
    found = numbers.ranked(np.array([[0.9, 0.0, 0.8], [0.9, 0.0, 0.1], [0.2, 0.3, 0.1]]))
    assert (found.top_class == 0).all() and (found.second_class == 1).all()  # class 2 has larger scores, but no vote
    assert found.margin.tolist() == pytest.approx([0.9, 0.9, -0.1])
    assert found.votes.iloc[0] == pytest.approx(2 / 3) and found.total.tolist() == pytest.approx([1.7, 1.0, 0.6])
    tied = numbers.ranked(np.array([[0.5, 0.2, 0.3], [0.5, 0.1, 0.4]]))
    assert (tied.second_class == 2).all()


def test_spreads_cover_and_scale():
    generator = np.random.default_rng(0)
    first, second = generator.normal(0, 1, 4000), generator.normal(0, 2, 4000)
    one = numbers.spread(second)
    assert one.value == second.std() and one.low < 2 < one.high
    assert one.high - one.value == pytest.approx(1.96 * 2 / np.sqrt(2 * 4000), rel=0.1)  # of a normal sample
    apart = numbers.spread_apart(first, second)
    assert apart.low < -1 < apart.high and apart.value == first.std() - second.std()
    same = numbers.spread_apart(first, first)
    assert same.low == same.high == 0


def test_statistics_by_hand(tmp_path):
    frames = planted(tmp_path, patched(0.8, 0.1))
    frame, found = frames["copies"], frames["statistics"]
    own = found[
        (found.space == "patch") & (found.method == "Smooth-Mean") & (found.sigma == 0.5) & (found.idx == 1)
    ].iloc[0]
    part = frame[(frame.space == "patch") & (frame.method == "Smooth-Mean") & (frame.sigma == 0.5) & (frame.idx == 1)]
    assert own.margin == pytest.approx((2 * part.top - 1).mean()) and own.sd == pytest.approx(part.margin.std(ddof=0))
    assert (own.top_class, own.second_class, own.copies) == (1, 0, 100)
    assert set(found.method) == {"one network", "Smooth-Max", "Smooth-Mean"}
    apart = frames["differences"].set_index(["sigma", "space", "method", "idx", "measure"]).value
    alone = frame[(frame.k == 0) & (frame.sigma == 0.5) & (frame.idx == 1)].margin.to_numpy()
    assert apart[0.5, "patch", "Smooth-Mean", 1, "mean margin"] == pytest.approx(
        paired_mean(part.margin.to_numpy() - alone).value
    )


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        (patched(0.8, 0.05), {"larger": "holds", "varies_less": "holds"}),
        (patched(0.2, 0.05), {"larger": "fails", "varies_less": "holds"}),
        (patched(0.8, 0.4), {"larger": "holds", "varies_less": "fails"}),
        (patched(*ALONE), {"larger": "not resolved", "varies_less": "not resolved"}),
        (patched(0.8, 0.05, where=("patch",)), {"larger": "not resolved", "varies_less": "not resolved"}),
    ],
)
def test_verdicts_follow_the_scores_where_patches_share_a_noise(tmp_path, scores, expected):
    frames = planted(tmp_path, scores)
    assert verdicts(frames) == expected
    assert "with noise on each patch, as published" in EXHIBIT.findings(frames)[0].reason


def test_only_noise_on_patches_decides_nothing_and_noise_on_the_resized_image_does(tmp_path):
    only = planted(tmp_path / "only", patched(0.8, 0.05), spaces=("patch",))
    assert set(verdicts(only).values()) == {"not resolved"} and EXHIBIT.draw(only).axes
    resized = planted(tmp_path / "resized", patched(0.8, 0.05), spaces=("resized", "patch"))
    assert set(verdicts(resized).values()) == {"holds"}


@pytest.mark.parametrize("about", [{"copies": 1}, {"images": 1}, {"scores": patched(0.5, 0.0)}])
def test_little_to_decide_is_no_crash(tmp_path, about):
    frames = planted(tmp_path, **{"scores": patched(*ALONE)} | about)
    found = EXHIBIT.findings(frames)
    assert verdicts(frames)["larger"] == "not resolved" and not any("nan" in each.reason for each in found)
    assert EXHIBIT.draw(frames).axes


def test_picture_table_and_words(tmp_path):
    frames = planted(tmp_path, patched(0.8, 0.1))
    assert len(EXHIBIT.draw(frames).axes) == 10
    assert set(EXHIBIT.table(frames).part) == {"statistics", "differences", "histogram"}
    table = EXHIBIT.table(frames)
    assert table[table.part == "histogram"].groupby(["space", "method"]).top.sum().to_numpy() == pytest.approx(100)
    assert "100 noisy copies" in EXHIBIT.here(frames)
