r"""Soft and hard smoothing of the same network, certified on the same noisy copies.

Votes (hard) have a Clopper-Pearson bound; scores (soft) are only known to lie in [0, 1] and have Hoeffding's or the empirical
Bernstein bound of Maurer and Pontil. To tell the two losses apart, votes are also certified by empirical Bernstein, as the
scores 0 and 1 that they are. Radii in the noise's own norm, in units of the [0, 1] image; intervals of 95 % over images.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd
from scipy import special

from resmooth import noise
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.noises._radii import share
from resmooth.smoothing import bounds
from resmooth.stats import metrics
from resmooth.stats.decisions import FAILS, HOLDS, OPEN, every, some
from resmooth.stats.intervals import from_error, relative_gain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resmooth.noise.base import Noise
    from resmooth.plan import Experiment, Run

ALPHA = 0.001
KINDS = ("hard, Clopper-Pearson", "hard, empirical Bernstein", "soft, empirical Bernstein", "soft, Hoeffding")
HARD, HARD_BERNSTEIN, SOFT, SOFT_HOEFFDING = KINDS
CURVE = ["panel", "experiment", "sigma", "classifier", "kind", "radius", "accuracy", "low", "high"]


def needs(run: Run) -> dict[str, list[str]] | None:
    """The scores of the first normal ensemble at all its levels."""
    first = run.first
    if first is None or "scores" not in run.config:
        return None
    return {"scores": [run.paths.measured("scores", first.name, sigma) for sigma in first.sigmas]}


def compute(run: Run) -> Frames:
    """curves, label, summary, bound: what is drawn; acr, images: the certificates; ceilings, coverage: the bounds."""
    shown, files = cast("Experiment", run.first), cast("dict[str, list[str]]", needs(run))
    paths = dict(zip(map(float, shown.sigmas), files["scores"]))
    data = {(shown.name, sigma): pd.read_parquet(paths[sigma]) for sigma in sorted(paths)}
    frames: dict[str, list] = {name: [] for name in ("curves", "label", "summary", "images")}
    for (name, sigma), frame in data.items():
        drawn = frame.classifier.iloc[-1]
        for which, part in frame.groupby("classifier", sort=False):
            about = {"experiment": name, "sigma": sigma, "classifier": which}
            found = certificates(part)
            frames["summary"].append({"panel": "summary", **about, **agreement(part), **averages(found)})
            if which == drawn:
                frames["curves"].append(curves(found, about, float(part.sigma.iloc[0])))
                frames["label"].append(of_the_label(part, about))
                frames["images"].append(radii(found, about))
    first = next(iter(data.values()))
    n = int(first.n.iloc[0])
    made = {name: pd.concat(parts) for name, parts in frames.items() if name != "summary"}
    made["summary"] = pd.DataFrame(frames["summary"])
    law = _law(first)
    about = {
        "noise": first.noise.iloc[0],
        "norm": law.norms[0],
        "images": first.idx.nunique(),
        "n0": int(first.n0.iloc[0]),
        "n": n,
    }
    return made | {
        "acr": average_radii(made["summary"]),
        "bound": printed_bound(n),
        "ceilings": ceilings(law, n),
        "coverage": coverage(n),
        "about": pd.DataFrame([about]),
    }


def _law(frame: pd.DataFrame) -> Noise:
    facts = frame.iloc[0]
    return noise.from_label(facts.noise, facts["dim"], facts.sigma)


def certificates(part: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Certificates of every kind for the rows `part` of one classifier (counts and scores are arrays of K in each row)."""
    from resmooth.smoothing.certify import certify_from_counts
    from resmooth.smoothing.soft import certify_scores

    law = _law(part)
    norm = law.norms[0]
    columns = ("counts0", "counts", "mean0", "mean", "variance")
    counts0, counts, mean0, mean, variance = (np.stack(part[name]) for name in columns)
    size = part.n.to_numpy()
    share0, share = counts0 / part.n0.to_numpy()[:, None], counts / size[:, None]
    spread = share * (1 - share) * (size / (size - 1))[:, None]
    found = {
        HARD: certify_from_counts(counts0, counts, law, ALPHA, norm),
        HARD_BERNSTEIN: certify_scores(share0, share, spread, size, law, ALPHA, norm=norm),
        SOFT: certify_scores(mean0, mean, variance, size, law, ALPHA, norm=norm),
        SOFT_HOEFFDING: certify_scores(mean0, mean, variance, size, law, ALPHA, "hoeffding", norm),
    }
    return {kind: result.to_frame(part.label, part.idx) for kind, result in found.items()}


def agreement(part: pd.DataFrame) -> dict[str, float]:
    """Accuracy of both without abstentions, on how many images their classes differ, and on how many one alone is right."""
    label = part.label.to_numpy()
    hard, soft = (np.stack(part[name]).argmax(axis=1) for name in ("counts", "mean"))
    return {
        "hard": np.mean(hard == label),
        "soft": np.mean(soft == label),
        "differ": np.sum(hard != soft),
        "only hard right": np.sum((hard == label) & (soft != label)),
        "only soft right": np.sum((soft == label) & (hard != label)),
    }


def averages(found: dict[str, pd.DataFrame]) -> dict[str, float]:
    """ACR over all images with its standard error, and the rate of abstention, of every kind."""
    about = {}
    for kind, result in found.items():
        about[f"ACR {kind}"], about[f"SE {kind}"] = metrics.acr(result, "all"), metrics.acr_se(result, "all")
        about[f"abstains {kind}"] = metrics.abstention_rate(result)
    return about


def curves(found: dict[str, pd.DataFrame], about: dict, sigma: float) -> pd.DataFrame:
    """Certified accuracy of every kind against the radius, with its 95 % interval at each radius by itself."""
    grid = np.linspace(0, 1.08 * max(result.radius.max() for result in found.values()) or sigma, 200)
    parts = []
    for kind, result in found.items():
        accuracy = metrics.certified_accuracy(result, grid)
        certified = np.round(accuracy * len(result)).astype(int)
        low, high = bounds.clopper_pearson(certified, len(result), 0.05, "both")
        lines = {"radius": grid, "accuracy": accuracy, "low": low, "high": high}
        parts.append(pd.DataFrame({"panel": "certified accuracy", **about, "kind": kind, **lines}))
    return pd.concat(parts)[CURVE]


def of_the_label(part: pd.DataFrame, about: dict) -> pd.DataFrame:
    """Of each image the share of votes and the mean score of its label, and whether soft and hard choose another class."""
    counts, mean = np.stack(part.counts), np.stack(part["mean"])
    at = np.arange(len(part)), part.label.to_numpy()
    columns = {"share of votes": counts[at] / part.n.to_numpy(), "mean score": mean[at]}
    columns["differs"] = counts.argmax(axis=1) != mean.argmax(axis=1)
    about = {"panel": "label", "experiment": about["experiment"], "sigma": about["sigma"]}
    return pd.DataFrame(about | {"idx": part.idx} | columns)


def radii(found: dict[str, pd.DataFrame], about: dict) -> pd.DataFrame:
    """What each image adds to the ACR (`certified`), and its radius whether or not the class is right, of every kind."""
    parts = [
        result[["idx", "radius"]].assign(kind=kind, certified=result.radius * result.correct)
        for kind, result in found.items()
    ]
    return pd.concat(parts).assign(**about)


def average_radii(summary: pd.DataFrame) -> pd.DataFrame:
    """ACR of every kind with its normal interval, of the classifier drawn in each case."""
    drawn = summary.groupby(["experiment", "sigma"], sort=False).tail(1)
    rows = []
    for kind in KINDS:
        value, low, high = from_error(drawn[f"ACR {kind}"].to_numpy(), drawn[f"SE {kind}"].to_numpy())
        rows.append(drawn[["experiment", "sigma"]].assign(kind=kind, value=value, low=low, high=high))
    return pd.concat(rows, ignore_index=True)


def printed_bound(n: int) -> pd.DataFrame:
    """Clopper-Pearson on 0..n votes of n, and the source's display, which takes their mean for their number."""
    votes = np.arange(n + 1)
    count = bounds.clopper_pearson(votes, n, ALPHA)
    printed = bounds.clopper_pearson(np.ceil(votes / n).astype(int), n, ALPHA)
    return pd.DataFrame({"panel": "bound", "votes": votes, "count": count, "as printed": printed})


def ceilings(law: Noise, n: int) -> pd.DataFrame:
    """The largest lower bound that n samples can give by each bound, and the radius that it certifies, in sigma."""
    widest = {
        "Clopper-Pearson on votes": bounds.clopper_pearson(n, n, ALPHA),
        "empirical Bernstein": bounds.empirical_bernstein(1.0, 0.0, n, ALPHA),
        "Hoeffding": bounds.hoeffding(1.0, n, ALPHA),
    }
    rows = [(name, float(p), law.radius(p, law.norms[0]) / law.sigma) for name, p in widest.items()]
    return pd.DataFrame(rows, columns=["bound", "p", "radius in sigma"])


def coverage(n: int, points: int = 999) -> pd.DataFrame:
    r"""How often the Clopper-Pearson bound errs, exactly, over p = 1/1000..999/1000: :math:`P(X \ge k^*)`, in units of alpha.

    k* is the least count whose bound lies above p. Conservative: never above 1.
    """
    p = np.arange(1, points + 1) / (points + 1)
    least = np.searchsorted(bounds.clopper_pearson(np.arange(n + 1), n, ALPHA), p, side="right")
    return pd.DataFrame({"p": p, "error in alpha": np.where(least > n, 0.0, special.bdtrc(least - 1, n, p)) / ALPHA})


def table(frames: Frames) -> pd.DataFrame:
    """All that is drawn, and a row for every classifier."""
    return pd.concat([frames[name] for name in ("curves", "label", "summary", "bound")], ignore_index=True)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """ACRs and differing classes of the largest ensemble, for docs/replication.md."""
    rows = table[table.panel == "summary"].groupby(["experiment", "sigma"], sort=False).tail(1)
    acr = [f"ACR {kind}" for kind in KINDS]
    shown = rows[["experiment", "sigma", "classifier", "differ", *acr]].astype({"differ": int}).round(3)
    shown["soft in % of hard"] = (100 * rows[f"ACR {SOFT}"] / rows[f"ACR {HARD}"]).round(0)
    return shown.reset_index(drop=True)


def here(frames: Frames) -> str:
    """What this run shows in place of the source's experiment."""
    about, curves = frames["about"].iloc[0], frames["curves"]
    sigmas = ", ".join(f"{sigma:g}" for sigma in curves.sigma.unique())
    return (
        f"**Here.** `{curves.classifier.iloc[0]}` of {', '.join(curves.experiment.unique())}, {about.noise} noise "
        f"at sigma = {sigmas}: {about.images} images, n0 = {about.n0}, n = {about.n:,}, alpha = {ALPHA:g}, radii in "
        f"l{about.norm:g}. Votes and softmax scores are of the same copies. The table file holds all members and "
        "ensembles. The source prints no number to compare with."
    )


def findings(frames: Frames) -> list[Finding]:
    """What the source says of the soft classifier and of the bound; then how both classifiers compare."""
    return [*_guarantee(frames["images"]), _conservative(frames), *_compared(frames)]


def _guarantee(images: pd.DataFrame) -> list[Finding]:
    """Whether the soft classifier is robust, and whether the class that it predicts can be guaranteed."""
    soft = {sigma: part for sigma, part in images[images.kind == SOFT].groupby("sigma", sort=False)}
    robust = every({sigma: part.certified.to_numpy() for sigma, part in soft.items()}, "above")
    certified = some({sigma: (part.radius.to_numpy() > 0,) for sigma, part in soft.items()}, "above", share)
    size = images.idx.nunique()
    reason = (
        f"By empirical Bernstein on its mean scores the soft classifier has an ACR of {robust.estimate.value:.3f} at sigma "
        f"{robust.case:g}, the level that decides, over {size} images."
    )
    lipschitz = Finding("noises-soft_is_robust", robust.verdict, reason, *robust.estimate, "units of the [0, 1] image")
    value, low, high = certified.estimate
    reason = (
        f"The class of the soft classifier is guaranteed within a radius above 0 on {value:.0f} % ({low:.0f} to "
        f"{high:.0f}) of {size} images at sigma {certified.case:g}: the Neyman-Pearson argument holds for scores as "
        "for votes."
    )
    verdict = FAILS if certified.verdict == HOLDS else OPEN
    return [lipschitz, Finding("noises-guarantee_needs_hard", verdict, reason, *certified.estimate, "% of images")]


def _conservative(frames: Frames) -> Finding:
    error, n = frames["coverage"]["error in alpha"], frames["about"].n.iloc[0]
    value, low, high = error.mean(), error.min(), error.max()
    reason = (
        f"Exact, not sampled: at n = {n:,} and alpha = {ALPHA:g} the bound errs with {value:.2f} alpha on average "
        f"over {len(error)} values of p, {low:.2f} to {high:.2f} alpha."
    )
    verdict = FAILS if high > 1 + 1e-9 else HOLDS if value < 1 else OPEN
    return Finding("noises-clopper_pearson_conservative", verdict, reason, value, low, high, "of alpha")


def _compared(frames: Frames) -> list[Finding]:
    """Observations: classes, radii, where the loss comes from, what n allows, and the source's display."""
    drawn = frames["summary"].groupby(["experiment", "sigma"], sort=False).tail(1)
    about, bound = frames["about"].iloc[0], frames["bound"]
    classes = (
        f"On the same copies soft and hard choose another class on {_listed(drawn.differ, 'd')} of {about.images} "
        f"images (in the order of sigma); on {drawn['only hard right'].sum()} of these hard alone is right, on "
        f"{drawn['only soft right'].sum()} soft alone. Clean accuracy is {_listed(drawn.hard, '.2f')} (hard) and "
        f"{_listed(drawn.soft, '.2f')} (soft)."
    )
    limits = ", ".join(f"{row[2]:.2f} ({row[0]})" for row in frames["ceilings"].itertuples(index=False))
    display = (
        f"With {about.n:,} samples no radius beyond {limits} sigma is certified at all. The source's display of the "
        f"Clopper-Pearson bound, with the mean of the votes for their number, never gives more than "
        f"{bound['as printed'].max():.1g}: it abstains on every image, whatever the votes."
    )
    functions = "The two classifiers are different functions: a certificate of one says nothing of the other."
    return [
        observation(text) for text in (classes, _loss(drawn, frames["label"], frames["images"]), display, functions)
    ]


def _loss(drawn: pd.DataFrame, label: pd.DataFrame, images: pd.DataFrame) -> str:
    """How much of the hard ACR is left for soft, and what is due to the bound."""
    hard, bernstein, soft, hoeffding = (drawn[f"ACR {kind}"] for kind in KINDS)
    certified = images.pivot(index=["sigma", "idx"], columns="kind", values="certified")
    gains = [relative_gain(part[SOFT], part[HARD]) for _, part in certified.groupby("sigma", sort=False)]
    below = sum(gain.sign() < 0 for gain in gains)
    sure = label[label["share of votes"] > 0.5]
    text = (
        f"The soft average certified radius is {_percent(soft, hard)} of the hard one by empirical Bernstein (below "
        f"it at {below} of {len(gains)} levels, paired by image), and {_percent(hoeffding, hard)} by Hoeffding. Of "
        f"the loss by empirical Bernstein {_percent(hard - bernstein, hard - soft)} is due to the weaker bound: "
        "that much is lost on the votes themselves."
    )
    if len(sure):
        lower = (sure["share of votes"] - sure["mean score"]).mean()
        text += (
            f" Where most votes are for the label, its mean score lies {lower:.2f} below its share of votes on average."
        )
    return text


def _listed(values: Iterable[float], form: str) -> str:
    return ", ".join(f"{value:{form}}" for value in values)


def _percent(parts: Iterable[float], wholes: Iterable[float]) -> str:
    """Parts of the wholes, case by case, in words."""
    return ", ".join(f"{100 * part / whole:.0f}" if whole > 0 else "no" for part, whole in zip(parts, wholes)) + " %"


def draw(frames: Frames) -> Figure:
    """Above, certified accuracy at each level; below, the ACRs, each image's votes and scores, and the bound as printed."""
    from resmooth.exhibits.noises._soft_hard_drawing import figure_of

    return figure_of(frames)
