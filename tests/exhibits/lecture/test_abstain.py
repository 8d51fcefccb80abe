import numpy as np
import pytest
from exhibits.lecture import planted_votes

from resmooth import exhibits, noise
from resmooth.exhibits.lecture import _abstain_numbers, _votes
from resmooth.theory import abstention

ALPHA = 0.001
SURE, CLOSE, NONE = [0.97, 0.02, 0.01], [0.62, 0.37, 0.01], [0.4, 0.35, 0.25]  # class probabilities of an image
EXHIBIT = exhibits.exhibit("lecture/abstain")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Two levels: at the higher one 30 images are sure, 22 are close, 8 hopeless; trained at the lower one 45 are hopeless."""
    run = planted_votes.run(tmp_path_factory.mktemp("run"))
    planted_votes.of_level(run, 30 * [SURE] + 22 * [CLOSE] + 8 * [NONE], 0.5)
    other = 15 * [SURE] + 45 * [NONE]
    planted_votes.write(run, EXHIBIT.needs(run)["mismatch"][0], other, 0.5, seed=1)
    return run


@pytest.fixture(scope="module")
def frames(run):
    return EXHIBIT.compute(run)


def verdicts(frames):
    return {
        each.claim.removeprefix("lecture-abstain_"): each.verdict for each in EXHIBIT.findings(frames) if each.claim
    }


def test_needs_the_noisiest_level_and_the_least_noisy_training(run):
    needs = EXHIBIT.needs(run)
    assert needs["mismatch"] == [run.paths.mismatch("resnet8-gaussian", "0.25", "0.5")]
    assert needs["counts"] == run.counts("resnet8-gaussian", "0.5")


def test_every_reason_and_every_remedy_is_found(frames):
    assert verdicts(frames) == dict.fromkeys(verdicts(frames), "holds")
    assert len(verdicts(frames)) == 6


def test_without_abstentions_no_reason_is_found_and_nothing_is_remedied(run, frames):
    quiet, images = frames["reasons"].copy(), frames["images"].copy()
    quiet[quiet.columns[1:]] = 0
    for name in ("few_n0", "many_n0", "few_n", "many_n"):
        images[name] = 0.0
    images["abstains"] = images["abstains_other"] = False
    found = verdicts(frames | {"reasons": quiet, "images": images})
    assert found == dict.fromkeys(found, "not resolved")


def test_a_remedy_that_makes_it_worse_fails(frames):
    turned = {"few_n": "many_n", "many_n": "few_n", "few_n0": "many_n0", "many_n0": "few_n0"}
    turned |= {"abstains": "abstains_other", "abstains_other": "abstains"}
    found = verdicts(frames | {"images": frames["images"].rename(columns=turned)})
    assert [found[name] for name in ("more_n0", "more_n", "training")] == ["fails"] * 3


def test_one_abstention_may_be_an_error_of_the_bounds(frames):
    for seen, verdict in ((0, "not resolved"), (1, "not resolved"), (2, "holds")):  # of 60 images, at 2 alpha = 0.002
        few = frames["reasons"].assign(**{_abstain_numbers.WRONG: seen})
        assert verdicts(frames | {"reasons": few})["wrong_guess"] == verdict


def test_reasons_are_told_by_all_votes():
    certifier = _abstain_numbers.Certifier(noise.make("normal", dim=1, sigma=1.0), ALPHA)
    everything = np.array([[900, 100, 0], [400, 350, 250], [520, 480, 0], [900, 100, 0], [900, 100, 0]])
    counts0 = np.array([[0, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]])
    counts = np.array([[90, 10, 0], [40, 35, 25], [52, 48, 0], [9, 1, 0], [90, 10, 0]])
    found = _abstain_numbers.reasons(counts0, counts, everything, certifier)
    assert found == {
        "abstain": 4,
        _abstain_numbers.WRONG: 1,
        _abstain_numbers.BELOW: 1,
        _abstain_numbers.LOOSE: 1,
        _abstain_numbers.OPEN: 1,
    }


def test_groups_are_disjoint_and_drop_what_is_left_over():
    steps = np.arange(2 * 5 * 1).reshape(2, 5, 1)
    np.testing.assert_array_equal(_votes.groups(steps, 2)[..., 0], [[1, 5], [11, 15]])
    assert _votes.sizes(1) == [1] and _votes.sizes(7) == [1, 2, 5, 7] and _votes.sizes(10) == [1, 2, 5, 10]


def test_votes_come_back_in_their_order(run):
    votes = _votes.read(EXHIBIT.needs(run)["counts"], "member-1")
    assert votes.steps.shape == (60, 400, 3) and votes.step == 1 and votes.n == 400
    np.testing.assert_array_equal(votes.whole.sum(axis=1), 400)
    np.testing.assert_array_equal(votes.selection.sum(axis=1), 20)


def test_measured_rates_agree_with_exact_ones(frames):
    """All images of one kind follow one law; with few votes the exact rate is a mixture of three."""
    rates = frames["rates"].set_index(["panel", "series", "x"]).value
    laws = [abstention.abstains(p, 20, 50, ALPHA) for p in (SURE, CLOSE, NONE)]
    assert rates["n", "all images", 50] == pytest.approx(np.dot([30, 22, 8], laws) / 60, abs=0.08)
    name = frames["setting"].image[0]
    own = frames["rates"][(frames["rates"].series == name)]
    assert len(own) and (own.low <= own.value).all() and (own.value <= own.high).all()


def test_the_image_shown_is_answered_here_and_not_under_the_other_training(frames):
    chosen = frames["images"][frames["images"].chosen]
    assert len(chosen) == 1 and chosen.candidate.item()
    assert chosen.share.item() == pytest.approx(0.62, abs=0.08)


def test_a_single_level_and_another_step_are_drawn_without_the_second_reason(tmp_path):
    run = planted_votes.run(tmp_path, sigmas=(0.5,))
    planted_votes.of_level(run, 30 * [SURE] + 30 * [CLOSE], 0.5, step=100)
    assert EXHIBIT.needs(run)["mismatch"] == []
    frames = EXHIBIT.compute(run)
    assert verdicts(frames)["training"] == "not resolved"
    assert "not drawn" in EXHIBIT.here(frames) and "nan" not in EXHIBIT.here(frames)
    assert "training" not in set(EXHIBIT.table(frames).panel)
    assert len(EXHIBIT.draw(frames).axes) == 3


def test_the_picture_has_four_panels_and_the_table_all_that_is_drawn(frames):
    assert len(EXHIBIT.draw(frames).axes) == 4
    table = EXHIBIT.table(frames)
    assert set(table.panel) == {"n0", "n0, exact", "n", "n, exact", "training", "reasons"}
    assert len(table[table.panel == "training"]) == 60


def test_a_run_without_normal_noise_cannot_show_it(tmp_path):
    run = planted_votes.synthetic.run(
        tmp_path,
        seeds=1,
        experiments=[{"architectures": ["resnet8"], "recipes": ["gaussian"], "noise": "laplace", "seeds": 1}],
    )
    run.config["experiments"] = run.config["experiments"][1:]
    only = type(run)(run.config, results=str(tmp_path))
    assert EXHIBIT.needs(only) is None
