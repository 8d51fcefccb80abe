"""Numbers of lecture/abstain: CERTIFY repeated on groups of votes, exact probabilities, and reasons told by all votes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from resmooth.exhibits.lecture import _votes
from resmooth.exhibits.lecture._votes import groups, share, sizes
from resmooth.smoothing import bounds
from resmooth.theory import abstention

if TYPE_CHECKING:
    from resmooth.noise.base import Noise

P_EXAMPLE = 0.65  # of the textbook cases; the image shown is the one nearest to it
P_THEORY = (0.51, 0.55)  # of the exact lines against n
N_THEORY = 100_000  # where these lines end: the lecture's n
FEW = 50  # samples n that are too few
WRONG, BELOW, LOOSE = "1: wrong guess", "2: no class above 1/2", "3: too few votes"
OPEN = "2 or 3: too close to 1/2"


class Certifier(NamedTuple):
    """CERTIFY at one alpha, on counts."""

    noise: Noise
    alpha: float

    def abstains(self, counts0: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Whether it abstains, for counts [N, K]: bool [N]."""
        from resmooth.smoothing.certify import certify_from_counts

        return certify_from_counts(counts0, counts, self.noise, self.alpha).predict < 0

    def certifies(self, counts: np.ndarray, n: int) -> np.ndarray:
        """Which classes have a lower bound of 1/2 or more: bool, the shape of `counts`."""
        return bounds.clopper_pearson(counts, n, self.alpha) >= 0.5


def few_steps(votes: _votes.Votes) -> int:
    """Steps that make about FEW samples."""
    return max(1, round(FEW / votes.step))


def repetitions(votes: _votes.Votes, certifier: Certifier) -> dict[tuple[str, int], np.ndarray]:
    """("n0" or "n", steps) -> whether CERTIFY abstains in disjoint groups of so many steps: bool [N, groups].

    "n0": guesses from the first half, the estimate from the whole second half. "n": the run's own guess, from its n0 separate
    votes, and estimates from groups of all votes.
    """
    estimate, found = votes.steps[:, votes.half :].sum(axis=1), {}
    for k in sizes(votes.half):
        each = groups(votes.steps[:, : votes.half], k)
        found["n0", k] = [certifier.abstains(each[:, g], estimate) for g in range(each.shape[1])]
    for k in {*sizes(votes.steps.shape[1]), few_steps(votes)}:
        each = groups(votes.steps, k)
        found["n", k] = [certifier.abstains(votes.selection, each[:, g]) for g in range(each.shape[1])]
    return {key: np.stack(outcome, axis=1) for key, outcome in found.items()}


def per_image(votes: _votes.Votes, other: _votes.Votes | None, certifier: Certifier, about: dict) -> pd.DataFrame:
    """Each image with all votes: share of the top class and whether CERTIFY abstains, here and under the `other` training.

    `chosen`: of the candidates, the images answered here (and not under the other training), the one with a share nearest to
    P_EXAMPLE. It is chosen by the votes that are then shown: an illustration; rates over all images are the evidence.
    """
    frame = pd.DataFrame({"idx": votes.idx, "label": votes.label, "share": votes.whole.max(axis=1) / votes.n})
    frame["abstains"] = certifier.abstains(votes.selection, votes.whole)
    frame["candidate"] = ~frame.abstains
    if other:
        order = pd.Index(other.idx).get_indexer(votes.idx)
        frame["share_other"] = other.whole[order].max(axis=1) / votes.n
        frame["abstains_other"] = certifier.abstains(other.selection[order], other.whole[order])
        frame["candidate"] &= frame.abstains_other
        names = "neither", f"trained at {about['sigma']:g} only", f"trained at {about['trained']:g} only", "both"
        frame["state"] = np.array(names)[2 * frame.abstains_other.astype(int) + frame.abstains.astype(int)]
    distance = (frame.share - P_EXAMPLE).abs()
    return frame.assign(chosen=frame.index == np.where(frame.candidate, distance, distance + 1).argmin())


def measured(repeated: dict, row: int, about: dict) -> pd.DataFrame:
    """How often CERTIFY abstains: over all images, and for image `row` where there are enough groups, with its interval."""
    rows = []
    for (panel, k), outcome in sorted(repeated.items(), key=lambda item: (item[0][0] == "n", item[0][1])):
        if k not in sizes(max(steps for name, steps in repeated if name == panel)):
            continue  # drawn for the findings alone
        trials = outcome.shape[1]
        every = {
            "panel": panel,
            "x": k * about["step"],
            "series": "all images",
            "value": outcome.mean(),
            "groups": trials,
        }
        rows.append(every)
        if trials >= _votes.LEAST_GROUPS:
            value, low, high = share(int(outcome[row].sum()), trials)
            rows.append(every | {"series": about["image"], "value": value, "low": low, "high": high})
    return pd.DataFrame(rows)


def exact(shares: np.ndarray, fails: np.ndarray, top: int, about: dict) -> pd.DataFrame:
    """Exact probabilities of ABSTAIN against n0 and against n (theory/abstention.py).

    For the image: class probabilities `shares` [K] taken for the true ones; against n0 with the classes that `fails` [K] says the
    estimate at hand does not certify, against n with the ends of the interval of its `top` votes of n. Beside it, textbook cases.
    """
    alpha, n, name = about["alpha"], about["n_half"], about["image"]
    one, spread = [P_EXAMPLE, 1 - P_EXAMPLE], [P_EXAMPLE] + 7 * [(1 - P_EXAMPLE) / 7]
    rows = []
    for k in np.unique(np.geomspace(1, 100, 24).astype(int)):
        found = {name: abstention.guesses(shares, k) @ fails, "one rival": abstention.unordered(one, k, n, alpha)}
        found["seven rivals"] = abstention.unordered(spread, k, n, alpha)
        rows += [{"panel": "n0, exact", "series": series, "x": k, "value": value} for series, value in found.items()]
    _, low, high = share(int(top), about["n"])
    for k in np.unique(np.geomspace(5, N_THEORY, 120).astype(int)).tolist():
        for p in P_THEORY:
            value = abstention.too_few(k, p, alpha)
            rows.append({"panel": "n, exact", "series": f"p_A = {p:g}", "x": k, "value": value})
        ends = dict(zip(("value", "low", "high"), abstention.too_few(k, np.array([shares.max(), high, low]), alpha)))
        rows.append({"panel": "n, exact", "series": name, "x": k} | ends)
    return pd.DataFrame(rows)


def by_setting(votes: _votes.Votes, other: _votes.Votes | None, certifier: Certifier, about: dict) -> pd.DataFrame:
    """Abstentions and their reasons in four settings: the run's own, a guess of one step, few votes, the other training."""
    whole, few = votes.whole, few_steps(votes)
    cases = {
        f"the run\n(n0 = {about['n0']},\nn = {votes.n:,})": (votes.selection, whole, whole),
        f"n0 = {votes.step}": (votes.steps[:, 0], votes.steps[:, 1:].sum(axis=1), whole),
        f"n = {few * votes.step}": (votes.selection, votes.steps[:, :few].sum(axis=1), whole),
    }
    if other:
        order = pd.Index(other.idx).get_indexer(votes.idx)
        cases[f"trained\nat {about['trained']:g}"] = (other.selection[order], *2 * [other.whole[order]])
    return pd.DataFrame([{"setting": name} | reasons(*counts, certifier) for name, counts in cases.items()])


def reasons(counts0: np.ndarray, counts: np.ndarray, everything: np.ndarray, certifier: Certifier) -> dict[str, int]:
    """Abstentions with (counts0, counts), by the reason that all votes of an image, `everything` [N, K], show.

    Another class than the guess is certified (1), no class can reach 1/2 (2: upper bounds of all classes, at alpha / K each),
    the guess itself is certified (3). What remains is too close to 1/2 to say.
    """
    abstain, (_, classes) = certifier.abstains(counts0, counts), everything.shape
    n = everything.sum(axis=1, keepdims=True)
    lower = certifier.certifies(everything, n)
    guess = np.take_along_axis(lower, counts0.argmax(axis=1)[:, None], axis=1)[:, 0]
    upper = bounds.clopper_pearson(everything, n, certifier.alpha / classes, "upper")
    found = {
        WRONG: abstain & lower.any(axis=1) & ~guess,
        BELOW: abstain & (upper < 0.5).all(axis=1),
        LOOSE: abstain & guess,
    }
    found[OPEN] = abstain & ~np.any(list(found.values()), axis=0)
    return {"abstain": int(abstain.sum())} | {reason: int(seen.sum()) for reason, seen in found.items()}
