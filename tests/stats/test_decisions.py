"""What intervals decide: single statements, "in every case", "in some case", and how often each errs."""

import numpy as np
import pytest
from scipy import stats

from resmooth.stats import decisions
from resmooth.stats.decisions import decide, every, some
from resmooth.stats.intervals import Estimate, bootstrap_se, paired_mean, paired_shares

REPETITIONS = 4000
UP, DOWN, WIDE = Estimate(2, 1, 3), Estimate(-2, -3, -1), Estimate(1, -1, 3)
NOTHING = Estimate(1, np.nan, np.nan)


@pytest.mark.parametrize(
    ("claimed", "verdicts"),
    [
        ("above", ("holds", "fails", "not resolved", "not resolved")),
        ("below", ("fails", "holds", "not resolved", "not resolved")),
        ("equal", ("fails", "fails", "not resolved", "not resolved")),
    ],
)
def test_one_statement_about_zero(claimed, verdicts):
    assert tuple(decide(one, claimed) for one in (UP, DOWN, WIDE, NOTHING)) == verdicts


def test_one_statement_about_another_number():
    assert decide(UP, "above", than=0.5) == "holds"
    assert decide(UP, "above", than=1) == "not resolved"  # an end at the number itself decides nothing
    assert decide(UP, "below", than=5) == "holds"
    assert decide(UP, "equal", than=2, within=1.5) == "holds"
    assert decide(UP, "equal", within=1.5) == "not resolved"
    assert decide(UP, "equal", within=0.5) == "fails"
    with pytest.raises(ValueError, match='"above", "below" or "equal"'):
        decide(UP, "zero")
    with pytest.raises(ValueError, match='within is a margin of "equal"'):
        decide(UP, "above", within=1)


def sample(mean, images=50, width=1.0):
    """Differences [images] with exactly this mean and standard deviation."""
    noise = stats.norm.ppf((np.arange(images) + 0.5) / images)
    return mean + width * noise / noise.std(ddof=1)


def test_every_and_some_name_the_case_that_decides():
    good, better, open_, bad, worse = sample(1), sample(2), sample(0.1), sample(-1), sample(-2)
    decision = every({"good": good, "better": better}, "above")
    assert decision == ("holds", "good", paired_mean(good))
    decision = every({"good": good, "bad": bad, "worse": worse, "open": open_}, "above")
    assert decision.verdict == "fails" and decision.case == "worse"
    assert decision.estimate == pytest.approx(paired_mean(worse, 1 - 0.05 / 4))  # its Bonferroni interval
    assert every({"good": good, "open": open_}, "above") == ("not resolved", "open", paired_mean(open_))
    assert every({"bad": bad, "worse": worse}, "below")[:2] == ("holds", "bad")

    decision = some({"bad": bad, "good": good, "better": better}, "above")
    assert decision.verdict == "holds" and decision.case == "better"
    assert decision.estimate == pytest.approx(paired_mean(better, 1 - 0.05 / 3))
    assert some({"bad": bad, "worse": worse}, "above") == ("fails", "bad", paired_mean(bad))
    assert some({"bad": bad, "open": open_}, "above")[:2] == ("not resolved", "open")


def test_some_is_the_mirror_image_of_every():
    generator = np.random.default_rng(0)
    mirror = {"holds": "fails", "fails": "holds", "not resolved": "not resolved"}
    seen = set()
    for _ in range(300):
        cases = {k: generator.normal(generator.choice([-0.5, 0, 0.5]), 1, 30) for k in range(2)}
        one, other = some(cases, "above"), every(cases, "below")
        assert one.verdict == mirror[other.verdict]
        seen.add(one.verdict)
    assert len(seen) == 3


def test_a_case_that_holds_alone_may_be_too_little_among_many():
    weak = sample(0.32)  # its own interval excludes zero, that at the level for ten cases does not
    others = {k: sample(0.0) for k in range(9)}
    assert decide(paired_mean(weak), "above") == "holds"
    assert some({"weak": weak} | others, "above")[:2] == ("not resolved", "weak")
    assert every({"weak": -weak} | others, "above").verdict == "not resolved"


def test_data_of_other_intervals_are_tuples():
    first, second = np.arange(100) < 80, np.arange(100) < 60
    decision = every({1: (first, second), 2: (first, second)}, "above", paired_shares, than=0.05)
    assert decision == ("holds", 1, paired_shares(first, second))
    replicates = np.random.default_rng(0).normal(1, 0.1, 500)
    assert some({0: (1.0, replicates)}, "above", bootstrap_se).verdict == "holds"
    with pytest.raises(ValueError, match="at least one case"):
        every({}, "above")


def test_a_case_without_an_interval_is_not_resolved():
    assert every({"one image": [1.0], "good": sample(1)}, "above")[:2] == ("not resolved", "one image")
    assert some({"one image": [1.0], "good": sample(1)}, "above")[:2] == ("holds", "good")


# Errors. Cases share half of their variance, as methods on the same images do; t intervals of 12 images are exact.


def verdicts(combine, means, claimed="above", shared=0.5, repetitions=REPETITIONS):
    """Verdicts of repeated experiments with cases of these true means."""
    generator = np.random.default_rng(0)
    common = generator.normal(size=(repetitions, 1, 12))
    own = generator.normal(size=(repetitions, len(means), 12))
    draws = np.sqrt(shared) * common + np.sqrt(1 - shared) * own + np.array(means)[:, None]
    return np.array([combine(dict(enumerate(one)), claimed).verdict for one in draws])


def assert_at_most(found, verdict, rate):
    count = int((found == verdict).sum())
    assert stats.binomtest(count, len(found), rate, alternative="greater").pvalue > 1e-3, count / len(found)


def test_every_holds_falsely_at_the_nominal_rate_and_needs_no_correction():
    found = verdicts(every, [0, 4, 4])  # the hardest null: one case on the boundary, the others beyond doubt
    count = int((found == "holds").sum())
    assert stats.binomtest(count, len(found), 0.025).pvalue > 1e-3, count / len(found)
    assert_at_most(verdicts(every, [0, 0, 0]), "holds", 0.025)


@pytest.mark.parametrize("shared", [0, 0.5, 1])
def test_every_fails_falsely_at_most_at_the_nominal_rate(shared):
    assert_at_most(verdicts(every, [0, 0, 0, 0], shared=shared, repetitions=2000), "fails", 0.025)


@pytest.mark.parametrize("shared", [0, 0.5])
def test_some_errs_at_most_at_the_nominal_rate(shared):
    found = verdicts(some, [0, 0, 0, 0], shared=shared, repetitions=2000)
    assert_at_most(found, "holds", 0.025)
    assert_at_most(found, "fails", 0.025)
    count = (verdicts(some, [0, -4, -4], shared=shared, repetitions=2000) == "fails").sum()
    assert stats.binomtest(int(count), 2000, 0.025).pvalue > 1e-3  # mirror image: exact


def test_without_bonferroni_some_would_err_too_often():
    def uncorrected(cases, claimed):
        holds = any(decide(paired_mean(x), claimed) == "holds" for x in cases.values())
        return decisions.Decision("holds" if holds else "not resolved", None, None)

    with pytest.raises(AssertionError):
        assert_at_most(verdicts(uncorrected, [0, 0, 0, 0]), "holds", 0.025)


def test_equivalence_holds_falsely_at_most_at_half_the_level():
    generator, width = np.random.default_rng(0), 1.5
    draws = generator.normal(width, 1, (REPETITIONS, 30))  # the true value lies on the margin
    found = np.array([decide(paired_mean(x), "equal", within=width) for x in draws])
    assert_at_most(found, "holds", 0.025)
    found = np.array([decide(paired_mean(x - width), "equal") for x in draws])  # no difference at all
    assert_at_most(found, "fails", 0.05)
    assert (found != "holds").all()


def test_there_is_power():
    assert np.mean(verdicts(every, [1.5, 1.5, 1.5], repetitions=500) == "holds") > 0.9
    assert np.mean(verdicts(every, [1.5, -1.5, 1.5], repetitions=500) == "fails") > 0.9
    assert np.mean(verdicts(some, [-1.5, 1.5, -1.5], repetitions=500) == "holds") > 0.9


def test_words():
    assert decisions.span([6.64, 2.21, 3], unit=" %") == "+2.2 to +6.6 %"
    assert decisions.span([0.501, 0.502], ".2f") == "0.50"
    assert decisions.counted([UP, UP, DOWN, WIDE]) == "2 of 4 intervals above zero, 1 below"
    assert decisions.counted([UP, UP.times(5)], than=2) == "1 of 2 intervals above 2, none below"
    assert decisions.in_words(Estimate(3.14, 1, 5.2), unit=" %") == "+3.1 % (+1.0 to +5.2)"
