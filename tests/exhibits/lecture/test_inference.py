import numpy as np
import pytest
from exhibits.lecture import planted_votes

from resmooth import exhibits
from resmooth.exhibits.lecture import _inference_numbers as numbers

SURE, SPREAD = [0.95, 0.03, 0.02], [0.58, 0.22, 0.2]  # class probabilities
MINORITY = [0.28] + 9 * [0.08]  # no class has a majority, and one leads clearly
EXHIBIT = exhibits.exhibit("lecture/inference")


def padded(p):
    return [*p, *[0.0] * (10 - len(p))]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """30 sure images, 20 with a majority and a spread rest, 10 without a majority whose top class leads clearly."""
    run = planted_votes.run(tmp_path_factory.mktemp("run"))
    planted_votes.of_level(run, 30 * [padded(SURE)] + 20 * [padded(SPREAD)] + 10 * [MINORITY], 0.5)
    return run


@pytest.fixture(scope="module")
def frames(run):
    with pytest.MonkeyPatch.context() as patch:  # coarser lines: the same sums
        patch.setattr(numbers, "LEVELS", np.geomspace(1e-3, 0.2, 8))
        patch.setattr(numbers, "N_EXACT", 400)
        yield EXHIBIT.compute(run)


def found(frames):
    return {each.claim.removeprefix("lecture-"): each for each in EXHIBIT.findings(frames) if each.claim}


def test_the_claims_hold_on_planted_votes(frames):
    verdicts = {claim: each.verdict for claim, each in found(frames).items()}
    assert verdicts == dict.fromkeys(
        ["predict2_efficient", "predict2_minority", "predict_error", "predict_alpha"], "holds"
    )


def test_the_other_way_round_they_fail(frames):
    by_n = frames["by_n"].rename(columns={"first": "second", "second": "first"})
    images = frames["images"].rename(columns={"at_least_alpha": "at_most_alpha", "at_most_alpha": "at_least_alpha"})
    verdicts = found(frames | {"by_n": by_n, "images": images})
    assert verdicts["predict2_efficient"].verdict == "fails" and verdicts["predict_alpha"].verdict == "fails"


def test_errors_above_alpha_fail_exactly_and_on_the_run(frames):
    errors = frames["errors"].assign(value=1.1 * frames["errors"].x)
    assert found(frames | {"errors": errors})["predict_error"].verdict == "fails"
    wrong = frames["wrong"].assign(value=0.5)
    assert found(frames | {"wrong": wrong})["predict_error"].verdict == "fails"


def test_answers_without_a_majority_need_images_that_surely_have_none(frames):
    none = frames["images"].assign(surely_minority=False)
    each = found(frames | {"images": none})["predict2_minority"]
    assert each.verdict == "not resolved" and "No image" in each.reason
    unlike = frames["images"].assign(answer=-2)
    assert found(frames | {"images": unlike})["predict2_minority"].verdict == "not resolved"


def test_no_image_settled_and_fewer_votes_than_usual_do_not_crash(frames):
    by_n = frames["by_n"][frames["by_n"].n < 100]
    quiet = frames | {"wrong": frames["wrong"].iloc[:0], "by_n": by_n}
    each = found(quiet)
    assert each["predict2_efficient"].verdict == "not resolved" and each["predict_error"].verdict == "holds"
    assert "no error could be seen" in each["predict_error"].reason
    assert len(EXHIBIT.draw(quiet).axes) == 4


def test_images_are_told_by_the_second_half(frames):
    images = frames["images"]
    assert not images.minority[:30].any() and images.minority[50:].all()
    assert (images.top_of_rest == 0).all() and images.settled[:30].all()
    assert (images.answered_by[:30] == "both").all()
    assert set(images.answered_by[50:]) == {"only PREDICT2", "neither"}
    assert images.chosen.sum() == 1 and images.chosen[50:].any()


def test_abstention_by_image_is_the_mean_of_its_groups(frames):
    by_n = frames["by_n"]
    rates = frames["measured"].set_index(["series", "method", "x"]).value
    for n, part in by_n.groupby("n"):
        assert part["first"].mean() == pytest.approx(rates["all images", 1, n])
        assert part.second.mean() == pytest.approx(rates["all images", 2, n])


def test_simulated_rates_lie_near_the_measured_ones(frames):
    measured = frames["measured"][frames["measured"].series == "all images"]
    assert (measured.value - measured.expected).abs().max() < 0.1


def test_no_vote_plays_both_parts(frames):
    about = frames["setting"].iloc[0]
    assert about.n == about.n_rest == 200


def test_the_table_holds_all_that_is_drawn(frames):
    table = EXHIBIT.table(frames)
    assert list(table.panel.unique()) == [
        *("abstention, exact", "error, exact", "abstention, expected", "abstention, run", "error, run", "who answers")
    ]
    assert len(EXHIBIT.draw(frames).axes) == 4
    assert "nan" not in EXHIBIT.here(frames)


def test_every_reason_is_free_of_nan(frames):
    assert not [each.reason for each in EXHIBIT.findings(frames) if "nan" in each.reason]


def test_an_image_with_one_group_only_is_not_shown_by_itself(tmp_path):
    ours = np.full((2, 4, 3), 1)
    repeated = numbers.repetitions(ours, 0.001)
    shown = {"all images": np.ones(2, dtype=bool), "image 0": np.array([True, False])}
    index = [(series, method, k) for series in shown for method in (1, 2) for k in (1, 2, 4)]
    prior = numbers.pd.DataFrame(index, columns=["series", "method", "x"]).assign(value=0.0)
    rows = numbers.measured(repeated, shown, 1, prior)
    assert set(rows.series) == {"all images"} and (rows.value == 1).all()
