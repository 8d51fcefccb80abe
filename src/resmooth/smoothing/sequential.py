r"""Sequential certification: decide early whether an image's radius is at least r, or how large it is, to within a few percent.

A rule draws votes of the smoothed classifier for many images at once, looks at the counts, and drops the images that are
decided. It requests votes through `draw(rows, size, purpose)`, which returns int64 counts [len(rows), K] of `size` fresh votes
for each image in `rows` (positions 0..images-1); every image has its own independent stream for each purpose, and consecutive
calls continue it. `threshold` is p*, the probability that the wanted radius needs (Phi(r / sigma) for Gaussian noise), at least
1/2. For each image separately, a rule certifies a class whose probability is not above p* with probability at most alpha.
Abstaining too early costs power, never soundness; beta bounds its probability. Rules return Certificates with `predict`,
`samples` and `stage`; only `certify_radius` computes the radius.

    rule                          looks                       samples of CertifyAdp over its own, CIFAR-10, sigma 1 (benchmarks/)
    certify_adaptive              fresh samples each stage    1
    certify_union_bound           at 2^j, Bonferroni          about 2
    certify_confidence_sequence   as often as it likes        about 5

Sources: Horvath et al. 2022 (CertifyAdp); Voracek 2024 (confidence sequences); Robbins 1970 and Ville 1939 (mixtures).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from resmooth.smoothing import bounds
from resmooth.smoothing.certificates import ABSTAIN, Certificates
from resmooth.smoothing.streams import ESTIMATION, SELECTION, whole

Draw = Callable[[np.ndarray, int, int], np.ndarray]  # (rows, size, purpose) -> votes int64 [len(rows), K]

JEFFREYS = (0.5, 0.5)
CONCENTRATION = 50  # votes that the prior of certify_confidence_sequence is worth; 30 to 100 do equally well


def certify_adaptive(
    draw: Draw,
    images: int,
    threshold: float,
    stages: Sequence[int] = (1000, 10_000, 125_000),
    n0: int = 100,
    alpha: float = 0.001,
    beta: float = 0.0001,
) -> Certificates:
    """CertifyAdp as published (Horvath et al. 2022, algorithm 2): s stages of fresh samples, alpha / s each.

    Stage i guesses a class by n0 votes and bounds its probability by stages[i] others: it certifies where the Clopper-Pearson
    lower bound exceeds 1/2 and reaches the threshold; before the last stage it abstains where the upper bound at
    beta / (s - 1) is below the threshold; after the last it abstains. Returns Certificates.
    """
    _check(threshold, alpha, beta, n0, *(stages or [0]))
    predict, samples, stage = (np.full(images, value) for value in (ABSTAIN, 0, 0))
    undecided = np.arange(images)
    for number, size in enumerate(stages, start=1):
        guess = draw(undecided, n0, SELECTION).argmax(axis=1)
        count = _of_class(draw(undecided, size, ESTIMATION), guess)
        samples[undecided] += n0 + size
        stage[undecided] = number
        lower = bounds.clopper_pearson(count, size, alpha / len(stages))
        certified = (lower > 0.5) & (lower >= threshold)
        predict[undecided[certified]] = guess[certified]
        if number == len(stages):
            break
        upper = bounds.clopper_pearson(count, size, beta / (len(stages) - 1), side="upper")
        undecided = undecided[~certified & (upper >= threshold)]
        if not len(undecided):
            break
    return Certificates(predict, samples=samples, stage=stage)


def certify_union_bound(
    draw: Draw,
    images: int,
    threshold: float,
    first: int = 50,
    n: int = 100_000,
    alpha: float = 0.001,
    beta: float = 0.0001,
) -> Certificates:
    """Clopper-Pearson on one growing sample, looked at after first * 2^j votes and at n, alpha / ((j + 1)(j + 2)) each.

    These levels add up to alpha. It abstains where the upper bound at beta / ((j + 1)(j + 2)) is below the threshold, and at n.
    No votes are spent on selection: see `level_per_class`. Returns Certificates.
    """
    _check(threshold, alpha, beta, first, n)
    looks = np.append(first * 2 ** np.arange(np.ceil(np.log2(max(1, n / first))), dtype=np.int64), n)
    share = 1 / ((np.arange(len(looks)) + 1) * (np.arange(len(looks)) + 2))
    level = level_per_class(alpha, threshold)

    def certifies(count):
        return _each(bounds.clopper_pearson, count, looks, level * share) >= threshold

    def abstains(count):
        return _each(bounds.clopper_pearson, count, looks, beta * share, "upper") < threshold

    return _follow(draw, images, looks, _smallest(certifies, looks), _smallest(lambda k: ~abstains(k), looks) - 1)


def certify_confidence_sequence(
    draw: Draw, images: int, threshold: float, n: int = 100_000, alpha: float = 0.001, beta: float = 0.01
) -> Certificates:
    r"""The cheapest rule: certify once the evidence against p <= p* reaches 1/alpha, whenever that is; abstain at n votes.

    The evidence is `log_evidence` with the prior Beta(50 p*, 50 (1 - p*)), most of which lies where votes are needed most,
    near p*. Under any p <= p* it is a non-negative supermartingale that starts at 1, so by Ville's inequality it ever reaches
    1/alpha with probability at most alpha, however often one looks. The looks are 10 % apart; at each, the leading class's
    count is compared with two numbers.

    It abstains once the evidence against p >= p' reaches 1/beta. p' lies above p*: from p' on, the n-th vote would find
    enough evidence with probability 1 - beta; closer to p* that is doubtful even after n votes. (p' = p* would cost 1.8 times as
    much and certify as many images.) An image with p >= p' is certified with probability at least 1 - 2 beta - alpha.

    No votes are spent on selection: see `level_per_class`. Guessing the class by n0 = 100 votes would cost 9 % more (CIFAR-10,
    sigma 1; far more on easy images), a union bound over 10 classes 6 %, over 1000 classes 18 %. Returns Certificates.
    """
    _check(threshold, alpha, beta, n)
    looks = _looks(n)
    certify_at = _certifying_counts(looks, threshold, level_per_class(alpha, threshold))
    return _follow(draw, images, looks, certify_at, _abstaining_counts(looks, certify_at[-1], beta))


def certify_radius(
    draw: Draw,
    images: int,
    noise_radius: Callable[[np.ndarray], np.ndarray],
    epsilon: float = 0.1,
    n: int = 100_000,
    n0: int = 100,
    alpha: float = 0.001,
    beta: float = 0.01,
) -> Certificates:
    """Certify the radius; stop when more votes could hardly enlarge it. n0 votes select a class, at most n bound it.

    `noise_radius`: array of probabilities -> array of radii, 0 up to 1/2, e.g. `lambda p: noise.radius(p, 2)`. The bound on the
    guessed class's probability is the largest lower bound of `confidence_sequence` over the looks so far, since that is valid
    at all looks at once. It stops where the radius reaches 1 - epsilon times the one that Clopper-Pearson would give for n
    votes in the same proportion, where the class can hardly prove a majority (as in `certify_confidence_sequence`), and at n.

    Returns Certificates. A radius exceeds the true one with probability at most alpha. `samples` is an outcome: give its
    mean beside an average radius, and compare average radii under one rule only.
    """
    _check(0.5, alpha, beta, n, n0)
    if not 0 < epsilon < 1:
        raise ValueError(f"epsilon must lie strictly between 0 and 1, got {epsilon}")
    looks = _looks(n)
    abstain_at = _abstaining_counts(looks, _certifying_counts(looks[-1:], 0.5, alpha, JEFFREYS)[0], beta)
    undecided = np.arange(images)
    guess = draw(undecided, n0, SELECTION).argmax(axis=1)
    count, stage, p_lower = (np.zeros(images, dtype) for dtype in (np.int64, np.int64, float))
    drawn = 0
    for number, look in enumerate(looks, start=1):
        count[undecided] += _of_class(draw(undecided, look - drawn, ESTIMATION), guess[undecided])
        drawn, stage[undecided] = look, number
        values, which = np.unique(count[undecided], return_inverse=True)
        lower = np.maximum(p_lower[undecided], confidence_sequence(values, look, alpha)[which])
        p_lower[undecided] = lower
        possible = bounds.clopper_pearson(np.rint(values * (n / look)).astype(np.int64), n, alpha)[which]
        precise = (lower > 0.5) & (noise_radius(lower) >= (1 - epsilon) * noise_radius(possible))
        undecided = undecided[~precise & (count[undecided] > abstain_at[number - 1])]
        if not len(undecided):
            break
    certified = p_lower > 0.5
    radius = np.where(certified, noise_radius(p_lower), 0.0)
    predict, samples = np.where(certified, guess, ABSTAIN), n0 + looks[stage - 1]
    return Certificates(predict, radius, p_lower, selected=guess, samples=samples, stage=stage, alpha=float(alpha))


def log_evidence(
    successes: ArrayLike,
    trials: ArrayLike,
    p: ArrayLike,
    side: str = "lower",
    prior: tuple[float, float] = JEFFREYS,
) -> Any:
    r"""Log evidence that the probability of a success exceeds p (side "lower") or is less than p ("upper").

    The likelihood ratio to p, averaged over the part of the prior Beta(a, b) that lies beyond p: with S successes in n trials

    .. math:: M = \frac{B(a + S, b + n - S)\, \bar I_p(a + S, b + n - S)}{B(a, b)\, \bar I_p(a, b)\, p^S (1 - p)^{n - S}}

    where :math:`\bar I_p` is the mass above p (below p for "upper"). For q > p the likelihood ratio of one trial, q/p or
    (1-q)/(1-p), has a mean of at most 1 under every probability <= p, not under p alone. So M is a supermartingale under the
    whole composite hypothesis, and P(M ever reaches 1/alpha) <= alpha (Ville), for a prior chosen beforehand.
    Arrays broadcast; p in (0, 1). Where the mass underflows the result is -inf, which claims less than the truth.
    """
    k, n, p, (a, b) = np.asarray(successes), np.asarray(trials), np.asarray(p, dtype=float), prior
    mass = {"lower": special.betaincc, "upper": special.betainc}[side]
    with np.errstate(divide="ignore"):
        beyond = np.log(mass(a + k, b + n - k, p)) - np.log(mass(a, b, p))
    marginal = special.betaln(a + k, b + n - k) - special.betaln(a, b)
    return (marginal + beyond - special.xlogy(k, p) - special.xlog1py(n - k, -p))[()]


def confidence_sequence(successes: ArrayLike, trials: ArrayLike, alpha: float, side: str = "lower") -> Any:
    r"""Bound on a probability that holds at every number of trials at once, each side with probability at least 1 - alpha.

    Lower: the smallest p that the evidence (`log_evidence`, Jeffreys prior) has not refuted at level alpha, by bisection below
    S/n. The refuted p form an interval from 0: where M >= 1/alpha, M falls in p (for alpha <= 1/2), and M <= 1 from S/n on.
    Upper: the mirror image. 0 for S = 0, 1 for S = n. Arrays broadcast. ValueError for alpha outside (0, 1/2].
    """
    if not 0 < alpha <= 0.5:
        raise ValueError(f"alpha must lie above 0 and at most 1/2, got {alpha}")
    k, n = np.broadcast_arrays(successes, trials)
    if side == "upper":
        return 1 - confidence_sequence(n - k, n, alpha)
    low, high = np.zeros(k.shape), k / n
    for _ in range(50):  # kept: elementwise.find_root ends at another float, and its bracket needs a finite value at 0
        middle = (low + high) / 2
        refuted = log_evidence(k, n, np.maximum(middle, np.finfo(float).tiny), side) >= -np.log(alpha)
        low, high = np.where(refuted, middle, low), np.where(refuted, high, middle)
    return np.where(k == 0, 0.0, low)[()]


def level_per_class(alpha: float, threshold: float) -> float:
    r"""The level at which every class may be tested, so that with probability 1 - alpha none with p_c <= p* is certified.

    Instead of a union bound over K classes: at most one class has more than 1/2, and the others hardly ever seem to exceed p*.
    A class is certified only at S/n >= p* and n >= n1 = ln alpha / ln p*, since even unanimous votes must refute p*. By a change
    of measure from p* to p < p* at such a time, where the likelihood ratio is at most :math:`G(p) = e^{-n_1 KL(p^* \| p)}`, a
    class at p is certified with probability at most level * G(p). Up to m = (n1 p* - 1) / (n1 - 1), G(p)/p increases; with
    m' = min(m, 1/2), classes of at most 1/2 each that share a probability s contribute at most s G(m')/m'. Let h = G(m')/m'/2.
    If the largest p_c is at least 1/2, it contributes at most 1 and the others share 1/2: 1 + h; else all share 1: 2h.

    The level is alpha / max(1 + h, 2h): alpha by 2.1 at p* = 0.5, 1.2 at 0.69, 1.00004 at 0.84 (alpha = .001), for any number
    of classes. ValueError for alpha >= 1/4.
    """
    _check(threshold, alpha)
    n1 = np.log(alpha) / np.log(threshold)
    m = min(0.5, (n1 * threshold - 1) / (n1 - 1))
    divergence = special.rel_entr(threshold, m) + special.rel_entr(1 - threshold, 1 - m)
    h = np.exp(-n1 * divergence) / m / 2
    return alpha / max(1 + h, 2 * h)


def sample_reduction_factor(decisions: Certificates, n: int = 100_000, n0: int = 100) -> float:
    """SampleRF of Horvath et al. 2022: votes of the fixed rule, n + n0 for each image, over the votes drawn."""
    return (n + n0) * len(decisions.samples) / decisions.samples.sum()


def stage_shares(decisions: Certificates) -> np.ndarray:
    """Share of the images decided at each stage, float64 [stages, 2]: certified, abstained. All entries add up to 1."""
    counts = np.zeros((decisions.stage.max(), 2))
    np.add.at(counts, (decisions.stage - 1, np.where(decisions.certified, 0, 1)), 1)
    return counts / len(decisions.stage)


def _follow(draw, images, looks, certify_at, abstain_at):
    """Look at one growing sample: certify the leading class at certify_at votes or more, abstain at abstain_at or fewer."""
    predict, stage = np.full(images, ABSTAIN), np.zeros(images, dtype=np.int64)
    undecided, counts, drawn = np.arange(images), 0, 0
    for number, look in enumerate(looks, start=1):
        counts = counts + draw(undecided, look - drawn, ESTIMATION)
        drawn, stage[undecided] = look, number
        leading = counts.max(axis=1)
        certified = leading >= certify_at[number - 1]
        predict[undecided[certified]] = counts[certified].argmax(axis=1)
        goes_on = ~certified & (leading > abstain_at[number - 1])
        undecided, counts = undecided[goes_on], counts[goes_on]
        if not len(undecided):
            break
    return Certificates(predict, samples=looks[stage - 1], stage=stage)


def _looks(n):
    """Numbers of votes at which to look: 8, then 10 % more each time but at least 8, and n."""
    looks = [min(8, n)]
    while looks[-1] < n:
        looks.append(min(n, looks[-1] + max(8, looks[-1] // 10)))
    return np.array(looks)


def _certifying_counts(looks, threshold, alpha, prior=None):
    """For each look the smallest count whose evidence against p <= threshold reaches 1/alpha; one more than the look if none."""
    prior = prior or (CONCENTRATION * threshold, CONCENTRATION * (1 - threshold))
    return _smallest(lambda count: log_evidence(count, looks, threshold, "lower", prior) >= -np.log(alpha), looks)


def _abstaining_counts(looks, needed, beta):
    """For each look the largest count at which to give up, -1 if none; at the last, of n votes, every count does.

    It refutes, at level beta, every p that would reach the `needed` count at n votes with probability 1 - beta or more.
    """
    if needed > looks[-1]:  # out of reach even for unanimous votes: stop at the first look
        return looks
    p = special.betaincinv(needed, looks[-1] - needed + 1, 1 - beta)
    prior = (CONCENTRATION * p, CONCENTRATION * (1 - p))
    counts = _smallest(lambda count: log_evidence(count, looks, p, "upper", prior) < -np.log(beta), looks) - 1
    return np.append(counts[:-1], looks[-1])


def _smallest(holds, looks):
    """For each look the smallest count in 0..look from which the increasing predicate `holds(counts)` is true, else look + 1."""
    low, high = np.full(len(looks), -1), looks + 1
    while np.any(high - low > 1):
        middle = np.clip((low + high) // 2, 0, looks)
        true = holds(middle)
        low, high = np.where(true, low, np.maximum(low, middle)), np.where(true, np.minimum(high, middle), high)
    return high


def _each(bound, counts, looks, levels, side="lower"):
    """bound(counts[j], looks[j], levels[j], side) for each look j, as an array."""
    return np.array([bound(count, look, level, side) for count, look, level in zip(counts, looks, levels)])


def _of_class(counts, classes):
    """counts[i, classes[i]] for each row i."""
    return np.take_along_axis(counts, classes[:, None], axis=1)[:, 0]


def _check(threshold, alpha, beta=0.01, *sizes):
    """ValueError unless the threshold is in [1/2, 1), alpha and beta in (0, 1/4), and `sizes` are numbers of samples."""
    for size in sizes:
        whole(size)
    if not 0.5 <= threshold < 1:
        raise ValueError(
            f"threshold must lie in [1/2, 1), got {threshold}; a radius needs a majority that is not certain"
        )
    if not (0 < alpha < 0.25 and 0 < beta < 0.25):
        raise ValueError(f"alpha and beta must lie strictly between 0 and 1/4, got {alpha} and {beta}")


RULES: dict[str, Callable[..., Certificates]] = {
    "adaptive": certify_adaptive,
    "union_bound": certify_union_bound,
    "confidence_sequence": certify_confidence_sequence,
}
