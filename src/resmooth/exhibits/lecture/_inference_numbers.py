"""Numbers of lecture/inference: abstention and errors of PREDICT, exact and in groups of the run's votes."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd

from resmooth.exhibits.lecture import _votes
from resmooth.exhibits.lecture._votes import groups, share, sizes
from resmooth.smoothing import bounds
from resmooth.theory import prediction

POINTS = ((0.6, 0.4), (0.6, 0.2, 0.2), (0.45, 0.3, 0.25))  # class probabilities of the textbook cases
TIES = ((0.5, 0.5), (1 / 3,) * 3)  # the worst cases of the guarantee
LEVELS = np.geomspace(1e-4, 0.2, 60)  # alpha, of the exact errors
N_EXACT = 1000  # largest n of the exact abstention
N_ERROR = 100  # samples of the exact errors
USUAL = (100, 1000)  # samples that inference typically takes, in the source
DRAWS = 200  # simulated counts of each image
SEED = 0
AGAIN = "asked again"
METHODS = (1, 2)


def rule(alpha: float, method: int) -> prediction.Rule:
    """PREDICT1 or PREDICT2 at one alpha: counts [N, K] -> class or -1, [N]."""
    from resmooth.smoothing.certify import predict_from_counts

    return partial(predict_from_counts, alpha=alpha, method=method)


def answers(counts: np.ndarray, alpha: float, method: int) -> np.ndarray:
    """The same on counts [..., K]: [...]."""
    return rule(alpha, method)(counts.reshape(-1, counts.shape[-1])).reshape(counts.shape[:-1])


def named(p: Sequence[float]) -> str:
    """Class probabilities in words."""
    return ", ".join(f"{x:.3g}".removeprefix("0") for x in p)


def per_image(votes: _votes.Votes, counts: np.ndarray, rest: np.ndarray, about: dict) -> pd.DataFrame:
    """Each image: what one PREDICT on `counts` [N, K] answers, beside what the second half, `rest` [N, K], says.

    p_a, p_b: shares of its two top classes; `minority`: no class has a probability above 1/2 (95 % upper bounds for all classes
    together); `settled`: PREDICT2 answers on it at the same alpha, so that its top class is known; `surely_minority`: as
    `minority`, with the bounds for all images together.
    """
    n, alpha = about["n_rest"], about["alpha"]
    one, two = (answers(counts, alpha, method) for method in METHODS)
    both = (one >= 0) & (two >= 0)
    kinds = np.select([both, one >= 0, two >= 0], ["both", "only PREDICT1", "only PREDICT2"], "neither")
    p_a, p_b = np.sort(rest / n, axis=1)[:, :-3:-1].T
    frame = pd.DataFrame({"idx": votes.idx, "label": votes.label, "answered_by": kinds, "p_a": p_a, "p_b": p_b})
    frame["answer"], frame["top_of_rest"] = np.maximum(one, two), rest.argmax(axis=1)
    frame["settled"] = answers(rest, alpha, 2) >= 0
    for name, tests in (("minority", rest.shape[1]), ("surely_minority", rest.size)):
        frame[name] = (bounds.clopper_pearson(rest, n, 0.05 / tests, "upper") < 0.5).all(axis=1)
    return frame


def clearest_without_majority(images: pd.DataFrame) -> np.ndarray:
    """Of the images without a majority class for certain, the one whose top class leads by most: bool [N], none where none is."""
    lead = np.where(images.minority, images.p_a - images.p_b, -1.0)
    return (np.arange(len(lead)) == lead.argmax()) & (lead.max() > 0)


def exact_abstention(alpha: float) -> pd.DataFrame:
    """P(ABSTAIN) of both at the textbook cases, against n."""
    rows = []
    for p in POINTS:
        for k in np.unique(np.geomspace(5, N_EXACT, 45).astype(int)):
            for method in METHODS:
                value = prediction.abstention(rule(alpha, method), p, k)
                rows.append(
                    {"panel": "abstention, exact", "series": named(p), "method": method, "x": k, "value": value}
                )
    return pd.DataFrame(rows)


def exact_errors() -> pd.DataFrame:
    """P(wrong answer) with N_ERROR samples, against alpha; at the ties and at the last textbook case.

    One series breaks a condition of the guarantee on purpose: PREDICT1 is asked after every tenth vote, its first answer taken.
    """
    rows = []
    for p in (*TIES, POINTS[-1]):
        for level in LEVELS:
            for method in METHODS:
                wrong, answered = prediction.error(rule(level, method), p, N_ERROR)
                row = {"panel": "error, exact", "series": named(p), "method": method, "x": level, "value": wrong}
                rows.append(row | {"answered": answered})
    for level in LEVELS:
        wrong = prediction.error_if_asked_again(rule(level, 1), N_ERROR)
        rows.append({"panel": "error, exact", "series": AGAIN, "method": 1, "x": level, "value": wrong})
    return pd.DataFrame(rows)


def expected(shares: np.ndarray, shown: dict[str, np.ndarray], votes: _votes.Votes, alpha: float) -> pd.DataFrame:
    """Abstention that the second half's `shares` [N, K] predict, by DRAWS simulated counts of each image, against n."""
    generator, rows = np.random.default_rng(SEED), []
    most = votes.half * votes.step
    for k in np.union1d(np.geomspace(5, most, 20).astype(int), votes.step * np.array(sizes(votes.half))):
        drawn = generator.multinomial(k, shares[:, None], size=(len(shares), DRAWS))
        for method in METHODS:
            abstain = answers(drawn, alpha, method) < 0
            for series, which in shown.items():
                row = {"panel": "abstention, expected", "series": series, "method": method, "x": k}
                rows.append(row | {"value": abstain[which].mean()})
    return pd.DataFrame(rows)


def repetitions(ours: np.ndarray, alpha: float) -> dict[tuple[int, int], np.ndarray]:
    """(steps, method) -> whether it abstains in disjoint groups of so many steps of `ours` [N, S, K]: bool [N, groups]."""
    return {
        (k, method): answers(groups(ours, k), alpha, method) < 0 for k in sizes(ours.shape[1]) for method in METHODS
    }


def measured(repeated: dict, shown: dict[str, np.ndarray], step: int, simulated: pd.DataFrame) -> pd.DataFrame:
    """How often both abstain, with 95 % intervals over groups and images, beside what was `simulated`; see `repetitions`.

    A single image is left out where it has fewer than LEAST_GROUPS groups.
    """
    prior = simulated.set_index(["series", "method", "x"]).value
    rows = []
    for (k, method), abstain in repeated.items():
        for series, which in shown.items():
            trials = abstain[which].size
            value, low, high = share(int(abstain[which].sum()), trials)
            row = {"panel": "abstention, run", "series": series, "method": method, "x": k * step, "trials": trials}
            row |= {"value": value, "low": low, "high": high, "expected": prior[series, method, k * step]}
            if series == "all images" or trials >= _votes.LEAST_GROUPS:
                rows.append(row)
    return pd.DataFrame(rows)


def by_image(repeated: dict, idx: pd.Series, step: int) -> pd.DataFrame:
    """How often both abstain on each image, over the groups: columns idx, n, first, second (PREDICT1, PREDICT2)."""
    names, parts = {1: "first", 2: "second"}, []
    for k in dict.fromkeys(k for k, _ in repeated):
        rates = {names[method]: repeated[k, method].mean(axis=1) for method in METHODS}
        parts.append(pd.DataFrame({"idx": idx, "n": k * step} | rates))
    return pd.concat(parts, ignore_index=True)


def wrong_answers(ours: np.ndarray, images: pd.DataFrame, step: int, alpha: float) -> tuple[pd.DataFrame, dict]:
    """Answers in groups of N_ERROR votes (or a step) that are not the top class of the second half, on the settled images.

    At alpha, 10 alpha and 100 alpha. Ties, the worst case, are left out: nobody knows their class. Also, of all images, how
    often PREDICT2 answers at the least and at the largest of these levels: {"at_least_alpha": [N], "at_most_alpha": [N]}.
    """
    trial = groups(ours, max(1, min(ours.shape[1], N_ERROR // step)))
    levels = [factor * alpha for factor in (1, 10, 100) if factor * alpha < 0.5]
    settled, rows = images.settled.to_numpy(), []
    for level in levels if settled.any() else ():
        for method in METHODS:
            found = answers(trial[settled], level, method)
            hits = int(((found >= 0) & (found != images.top_of_rest.to_numpy()[settled, None])).sum())
            value, low, high = share(hits, found.size)
            row = {
                "panel": "error, run",
                "series": "settled images",
                "method": method,
                "x": level,
                "trials": found.size,
            }
            rows.append(row | {"value": value, "low": low, "high": high, "answered": (found >= 0).mean()})
    answered = [(answers(trial, level, 2) >= 0).mean(axis=1) for level in (levels[0], levels[-1])]
    columns = "panel series method x trials value low high answered".split()
    return pd.DataFrame(rows, columns=columns), dict(zip(("at_least_alpha", "at_most_alpha"), answered))
