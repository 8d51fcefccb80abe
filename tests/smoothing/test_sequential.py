import warnings

import numpy as np
import pytest
from scipy import integrate, special, stats
from soundness_helpers import votes_of

from resmooth import bounds
from resmooth.smoothing import sequential

RULES = [sequential.certify_adaptive, sequential.certify_union_bound, sequential.certify_confidence_sequence]
EASY = np.array([[0.99, 0.01, 0.0], [0.3, 0.4, 0.3], [0.0, 0.02, 0.98]])  # certify class 0, abstain, certify class 2


def radius_of(p):
    return np.where(p > 0.5, stats.norm.ppf(p), 0.0)


@pytest.fixture(autouse=True)
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("prior", [(0.5, 0.5), (35, 15), (45.0, 5.0)])
@pytest.mark.parametrize("side", ["lower", "upper"])
@pytest.mark.parametrize(
    "successes, trials, p", [(0, 20, 0.3), (20, 20, 0.7), (70, 100, 0.6), (70, 100, 0.75), (5, 9, 0.5)]
)
def test_evidence_is_the_integral_over_alternatives(successes, trials, p, side, prior):
    start, stop = (p, 1) if side == "lower" else (0, p)
    weight = stats.beta(*prior)

    def ratio(q):
        return weight.pdf(q) * (q / p) ** successes * ((1 - q) / (1 - p)) ** (trials - successes)

    edge = np.abs(stop - 1e-9 * (1 if stop else -1))  # the Jeffreys density has a pole at 0 and 1
    inner = integrate.quad(ratio, min(start, edge), max(start, edge) if stop else p, limit=500)[0]
    expected = np.log(inner / (weight.cdf(stop) - weight.cdf(start)))
    assert sequential.log_evidence(successes, trials, p, side, prior) == pytest.approx(expected, abs=3e-4)


def test_evidence_has_mean_one_at_the_null_and_less_below():
    trials, p = 40, 0.7
    count = np.arange(trials + 1)
    evidence = np.exp(sequential.log_evidence(count, trials, p))
    assert stats.binom.pmf(count, trials, p) @ evidence == pytest.approx(1, rel=1e-9)
    for below in (0.0, 0.3, 0.69):
        assert stats.binom.pmf(count, trials, below) @ evidence < 1


@pytest.mark.parametrize("trials", [1, 100, 1_000_000])
@pytest.mark.parametrize("p", [1e-12, 0.5, 0.9999, 1 - 1e-12])
def test_evidence_never_overflows(trials, p):
    for side in ("lower", "upper"):
        value = sequential.log_evidence(np.array([0, trials // 2, trials]), trials, p, side)
        assert not np.any(np.isnan(value)) and np.all(value < np.inf)
        grows = np.diff(np.maximum(value, -1e9) * (1 if side == "lower" else -1))  # an underflowed mass is -inf
        assert np.all(grows >= 0)


@pytest.mark.parametrize("trials", [1, 30, 1000, 1_000_000])
@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.5])
def test_bounds_are_where_the_evidence_reaches_its_level(trials, alpha):
    half = np.linspace(0, trials / 2, 16).astype(int)
    count = np.unique([half, trials - half])
    lower = sequential.confidence_sequence(count, trials, alpha)
    upper = sequential.confidence_sequence(count, trials, alpha, side="upper")
    assert lower[0] == 0 and upper[-1] == 1
    assert np.all(np.diff(lower) >= 0) and np.all(lower[1:] < count[1:] / trials) and np.all(lower < 1)
    np.testing.assert_allclose(upper, 1 - lower[::-1], atol=1e-12)
    inside = (lower > 1e-9) & (1 - lower > 1e-9)
    at_bound = sequential.log_evidence(count[inside], trials, lower[inside])
    np.testing.assert_allclose(at_bound, -np.log(alpha), atol=1e-4)
    fixed = bounds.clopper_pearson(count, trials, alpha)
    assert np.all(lower <= fixed + 1e-12)  # the price of holding at all times


def test_the_refuted_probabilities_are_an_interval():
    p = np.linspace(0.0005, 0.9995, 1999)
    for trials in (1, 7, 50, 1000):
        for count in {0, 1, trials // 2, trials - 1, trials}:
            for alpha in (0.001, 0.5):
                refuted = sequential.log_evidence(count, trials, p) >= -np.log(alpha)
                assert not np.any(np.diff(refuted.astype(int)) > 0)
                assert not np.any(refuted[p >= count / trials])


@pytest.mark.parametrize("rule", RULES)
def test_rules_decide_easy_images_alike_and_cheaply(rule):
    decisions = rule(votes_of(EASY), 3, 0.8)
    assert decisions.predict.tolist() == [0, -1, 2] and decisions.certified.tolist() == [True, False, True]
    assert np.all(decisions.samples <= 1100) and decisions.samples.dtype == decisions.stage.dtype == np.int64


@pytest.mark.parametrize("rule", RULES)
def test_rules_draw_only_for_undecided_images_and_count_every_vote(rule):
    p = np.array([0.4, 0.6, 0.7, 0.71, 0.75, 0.9, 1.0])
    votes, drawn = votes_of(np.stack([1 - p, p], axis=1)), np.zeros(len(p), dtype=int)

    def draw(rows, size, purpose):
        drawn[rows] += size
        return votes(rows, size, purpose)

    decisions = rule(draw, len(p), 0.7)
    assert decisions.samples.tolist() == drawn.tolist()
    assert len(set(drawn)) > 2


def test_certify_adaptive_is_the_published_schedule():
    script = {  # counts of the guessed class at each stage, of 1000 / 10000 / 125000
        "certified at once": [1000],
        "given up at once": [500],
        "certified last": [700, 7000, 90_000],
        "given up last": [700, 7000, 87_500],
    }
    asked = []

    def draw(rows, size, purpose):
        asked.append((rows.tolist(), size, purpose))
        if purpose == sequential.SELECTION:
            return np.tile([10, 90], (len(rows), 1))
        stage = (1000, 10_000, 125_000).index(size)
        top = np.array([list(script.values())[row][stage] for row in rows])
        return np.stack([size - top, top], axis=1)

    decisions = sequential.certify_adaptive(draw, 4, 0.7)
    assert decisions.predict.tolist() == [1, -1, 1, -1]
    assert decisions.stage.tolist() == [1, 1, 3, 3]
    assert decisions.samples.tolist() == [1100, 1100, 136_300, 136_300]
    assert [size for _, size, _ in asked] == [100, 1000, 100, 10_000, 100, 125_000]
    np.testing.assert_allclose(sequential.stage_shares(decisions), [[0.25, 0.25], [0, 0], [0.25, 0.25]])
    assert sequential.sample_reduction_factor(decisions) == pytest.approx(400_400 / decisions.samples.sum())


def test_certify_adaptive_guesses_before_it_counts():
    def draw(rows, size, purpose):
        return np.array([[size, 0]]) if purpose == sequential.SELECTION else np.array([[0, size]])

    assert sequential.certify_adaptive(draw, 1, 0.7).predict.tolist() == [-1]


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.9332, 0.999])
def test_stopping_counts_are_the_outermost_that_decide(threshold):
    looks = sequential._looks(100_000)
    counts = sequential._certifying_counts(looks, threshold, 0.001)
    prior = (50 * threshold, 50 * (1 - threshold))
    reached = counts <= looks
    at = sequential.log_evidence(counts[reached], looks[reached], threshold, "lower", prior)
    below = sequential.log_evidence(counts[reached] - 1, looks[reached], threshold, "lower", prior)
    assert np.all(at >= np.log(1000)) and np.all(below < np.log(1000))
    assert np.all(counts[reached] > threshold * looks[reached])
    given_up = sequential._abstaining_counts(looks, counts[-1], 0.01)
    assert np.all(given_up[:-1] < counts[:-1]) and given_up[-1] == looks[-1]


def test_looks_end_at_n():
    for n in (1, 8, 9, 1000):
        looks = sequential._looks(n)
        assert looks[-1] == n and np.all(np.diff(looks) > 0)


@pytest.mark.parametrize("rule", RULES[1:])
def test_a_radius_beyond_the_ceiling_is_given_up(rule):
    decisions = rule(votes_of(np.array([[1.0, 0.0]])), 1, 1 - 1e-9, n=1000)
    assert decisions.predict.tolist() == [-1]
    assert decisions.samples[0] == 8 or rule is sequential.certify_union_bound


@pytest.mark.parametrize("rule", RULES)
def test_any_number_of_classes_and_no_image_at_all(rule):
    p = np.full((5, 1000), 0.05 / 999)
    p[:, 7] = 0.95
    assert rule(votes_of(p), 5, 0.8).predict.tolist() == [7] * 5
    none = rule(votes_of(p), 0, 0.8)
    assert none.predict.shape == none.samples.shape == (0,)


@pytest.mark.parametrize("alpha, threshold", [(0.001, 0.5), (0.05, 0.5), (0.24, 0.5), (0.001, 0.6), (0.05, 0.75)])
def test_level_per_class_pays_for_the_worst_split_among_classes(alpha, threshold):
    """Against the sum of G over many ways to share out the probability, which the docstring bounds."""
    paid = alpha / sequential.level_per_class(alpha, threshold)
    n1 = np.log(alpha) / np.log(threshold)
    for first in np.linspace(0.05, threshold, 40):
        for second in np.linspace(0, min(first, 1 - first), 40):
            for parts in (1, 2, 5, 50):
                shares = np.array([first, second, *[min(first, (1 - first - second) / parts)] * parts])
                divergence = special.rel_entr(threshold, shares) + special.rel_entr(1 - threshold, 1 - shares)
                assert np.sum(np.exp(-n1 * divergence)) <= paid + 1e-6
    assert sequential.level_per_class(0.001, 0.84) == pytest.approx(0.001, rel=1e-4)


@pytest.mark.parametrize("epsilon", [0.1, 0.3])
def test_certify_radius_is_as_precise_as_asked(epsilon):
    p = np.array([0.3, 0.7, 0.9, 0.99, 1.0])
    decisions = sequential.certify_radius(votes_of(np.stack([1 - p, p], axis=1)), 5, radius_of, epsilon)
    assert decisions.predict.tolist() == [0, 1, 1, 1, 1]
    reachable = radius_of(np.minimum(np.maximum(p, 1 - p), 0.001 ** (1 / 100_000)))
    assert np.all(decisions.radius <= reachable) and np.all(decisions.radius > 0.8 * (1 - epsilon) * reachable)
    np.testing.assert_allclose(decisions.radius, radius_of(decisions.p_lower))
    assert np.all(decisions.samples < 100_000)


def test_certify_radius_gives_up_without_a_majority():
    decisions = sequential.certify_radius(votes_of(np.array([[0.4, 0.3, 0.3]])), 1, radius_of)
    assert decisions.predict[0] == -1 and decisions.radius[0] == 0 and decisions.samples[0] < 2000
    assert sequential.certify_radius(votes_of(EASY), 0, radius_of).radius.shape == (0,)


def test_bad_arguments_are_refused():
    for rule in RULES:
        for threshold in (0.49, 1.0, np.nan):
            with pytest.raises(ValueError, match="threshold"):
                rule(votes_of(EASY), 3, threshold)
        with pytest.raises(ValueError, match="alpha and beta"):
            rule(votes_of(EASY), 3, 0.7, alpha=0.3)
    with pytest.raises(ValueError, match="alpha"):
        sequential.confidence_sequence(1, 2, 0.6)
