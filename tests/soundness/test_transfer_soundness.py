"""How often a certificate that is transferred from a fast twin f' to f claims too much, where both are known exactly."""

import numpy as np
import pytest
from soundness_helpers import DIM, Cells, assert_exact_rate, assert_rate, false_certificates, grey_images, repetitions

import resmooth as rs

ALPHA = 0.05
REPETITIONS = repetitions(long=10_000, short=1_000)
DRAWS = 10_000  # repetitions on simulated votes
SIGMA = 0.25
NORMAL = rs.noise.make("normal", dim=DIM, sigma=SIGMA)
# What the two answer to a noisy copy, A or B: P(both A), P(f' alone A), P(f alone A), P(neither).
LAWS = {
    "all disagreements hurt": (0.90, 0.05, 0.0, 0.05),
    "rare ones that hurt": (0.97, 0.002, 0.0, 0.028),
    "as many help": (0.80, 0.05, 0.05, 0.10),
    "none": (0.75, 0.0, 0.0, 0.25),
    "f at a tie": (0.50, 0.03, 0.0, 0.47),
    "f has no majority": (0.45, 0.15, 0.0, 0.40),
}


def simulated(law, n, m, shared, seed=0):
    """(counts of f' [DRAWS, 2], what both answered to the m copies [DRAWS, 4]); `shared`: those are among the n."""
    generator = np.random.default_rng(seed)
    asked, rest = generator.multinomial(m, law, DRAWS), generator.multinomial(n - m if shared else n, law, DRAWS)
    votes = asked + rest if shared else rest
    return votes @ [[1, 0], [1, 0], [0, 1], [0, 1]], asked


def transferred(counts, disagreements, m, **options):
    selected = np.tile([1, 0], (len(counts), 1))  # class A, without looking
    options = {"alpha": ALPHA, **options}
    return rs.transfer.certify_transferred(selected, counts, disagreements, m, NORMAL, **options)


def of_exact(law):
    """P(f = A)."""
    return law[0] + law[2]


@pytest.mark.parametrize("shared", [True, False], ids=["among the n copies", "on copies of their own"])
@pytest.mark.parametrize("n, m", [(200, 200), (1000, 100), (10_000, 50), (100_000, 10_000)])
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_no_more_than_the_probability_of_f_is_claimed(law, n, m, shared):
    counts, asked = simulated(law, n, m, shared)
    result = transferred(counts, asked[:, 1] + asked[:, 2], m)
    assert_rate(np.sum(result.p_lower > of_exact(law)), DRAWS, ALPHA)
    truth = [of_exact(law), 1 - of_exact(law)]
    assert_rate(false_certificates(result.predict, result.radius, truth, SIGMA).sum(), DRAWS, ALPHA)
    beyond = bounds_that_fail(result, law)
    assert_rate(beyond.sum(), DRAWS, ALPHA)


def bounds_that_fail(result, law):
    """bool [N]: one of the two bounds is false, though their errors may cancel."""
    return (result.p_lower + result.zeta > law[0] + law[1]) | (result.zeta < law[1] + law[2])


def worst(m, alpha_z, seen):
    """Disagreements that all hurt, as rare as `seen` of m copies just fail to exclude: zeta's bound errs most often there."""
    zeta = rs.bounds.clopper_pearson(seen, m, alpha_z, "upper") * (1 + 1e-3)
    return (0.95 - zeta, zeta, 0.0, 0.05)


@pytest.mark.parametrize("seen", [0, 5])
def test_the_worst_case_errs_exactly_as_often_as_it_may(seen):
    """So many votes leave the whole error to the disagreements: no procedure that claimed any more would pass."""
    law = worst(200, ALPHA / 2, seen)
    counts, asked = simulated(law, 10**10, 200, shared=False)
    result = transferred(counts, asked[:, 1] + asked[:, 2], 200)
    assert_exact_rate(np.sum(result.p_lower > of_exact(law)), DRAWS, ALPHA / 2)


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.05])
def test_through_sampling(shift):
    """Two half-spaces, that of f smaller by `shift`: f' answers A wherever f does."""
    twin, exact = Cells([0.8, 0.2], SIGMA), Cells([0.8 - shift, 0.2 + shift], SIGMA)
    fast, slow = (rs.Smoothed(classifier, NORMAL, 2) for classifier in (twin, exact))
    result = rs.transfer.certify(fast, slow, grey_images(REPETITIONS), n0=20, n=400, trials=100, alpha=ALPHA, seed=1)
    assert_rate(np.sum(result.p_lower > 0.8 - shift), REPETITIONS, ALPHA)
    false = false_certificates(result.predict, result.radius, exact.probabilities, SIGMA)
    assert_rate(false.sum(), REPETITIONS, ALPHA)
    assert_rate(np.sum(result.zeta < shift), REPETITIONS, ALPHA / 2)
    assert result.radius.max() > 0


# --- mistakes that must be caught ----------------------------------------------------------------------------------------------


def caught(violations, alpha=ALPHA):
    with pytest.raises(AssertionError, match="violations"):
        assert_rate(np.sum(violations), DRAWS, alpha)


def test_the_certificate_of_the_twin_is_caught():
    law = LAWS["rare ones that hurt"]
    counts, asked = simulated(law, 100_000, 10_000, shared=True)
    result = transferred(counts, asked[:, 1] + asked[:, 2], 10_000)
    caught(result.p_lower + result.zeta > of_exact(law))


def test_the_lower_bound_of_the_disagreements_is_caught():
    law = worst(200, ALPHA / 2, 5)
    counts, asked = simulated(law, 100_000, 200, shared=True)
    result = transferred(counts, asked[:, 1] + asked[:, 2], 200)
    lower = rs.bounds.clopper_pearson(asked[:, 1] + asked[:, 2], 200, ALPHA / 2, "lower")
    caught(result.p_lower + result.zeta - lower > of_exact(law))


def test_disagreements_counted_where_f_votes_for_the_class_are_caught():
    """Only those where f' does can hurt; these are the others."""
    law = LAWS["all disagreements hurt"]
    counts, asked = simulated(law, 10_000, 1_000, shared=True)
    caught(transferred(counts, asked[:, 2], 1_000).p_lower > of_exact(law))


def test_the_whole_of_alpha_for_each_bound_is_caught():
    """Not by the radius, for which both would have to fail by enough at once, but by the bounds that it rests on."""
    zeta = rs.bounds.clopper_pearson(5, 200, ALPHA, "upper") * (1 + 1e-6)
    top = rs.bounds.clopper_pearson(450, 500, ALPHA) * (1 - 1e-6)
    law = (top - zeta, zeta, 0.0, 1 - top)
    counts, asked = simulated(law, 500, 200, shared=False)
    disagreements = asked[:, 1] + asked[:, 2]
    p_twin = rs.bounds.clopper_pearson(counts[:, 0], 500, ALPHA)
    caught((p_twin > top) | (rs.bounds.clopper_pearson(disagreements, 200, ALPHA, "upper") < zeta))
    assert_rate(bounds_that_fail(transferred(counts, disagreements, 200), law).sum(), DRAWS, ALPHA)


def test_a_class_selected_by_the_votes_that_bound_it_is_caught():
    law = (0.4995, 0.0005, 0.0005, 0.4995)
    counts, asked = simulated(law, 1_000, 500, shared=True)
    disagreements = np.zeros(DRAWS, dtype=int)  # hardly any: what is left is the selection
    result = rs.transfer.certify_transferred(counts, counts, disagreements, 10**9, NORMAL, ALPHA, ALPHA / 1000)
    caught(result.p_lower > 0.5)
