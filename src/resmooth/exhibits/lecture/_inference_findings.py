"""What lecture/inference says of the claims: samples, answers without a majority, errors, and abstention against alpha."""

from collections.abc import Sequence

import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.lecture._inference_numbers import (
    AGAIN,
    LEVELS,
    METHODS,
    N_ERROR,
    N_EXACT,
    POINTS,
    TIES,
    USUAL,
    named,
)
from resmooth.exhibits.lecture._votes import share
from resmooth.smoothing import bounds
from resmooth.stats.decisions import decide, every, in_words
from resmooth.stats.intervals import Estimate, paired_bounded


def findings(frames: Frames) -> list[Finding]:
    """Fewer samples, answers without a majority, errors, abstention against alpha; then what the guarantee leaves open."""
    return [_efficient(frames), _minority(frames), _errors(frames), _alpha(frames), *_observations(frames)]


def _efficient(frames: Frames) -> Finding:
    """PREDICT1's abstentions less PREDICT2's at each usual n, paired over the images."""
    claim, by_n, images = "lecture-predict2_efficient", frames["by_n"], len(frames["images"])
    usual = by_n[by_n.n.between(*USUAL)]
    if usual.empty:
        return Finding(
            claim, "not resolved", f"This run has at most n = {by_n.n.max()} votes, fewer than the usual {USUAL[0]}."
        )
    decided = every(
        {n: (part["first"] - part.second).to_numpy() for n, part in usual.groupby("n")}, "above", paired_bounded
    )
    part = usual[usual.n == decided.case]
    reason = (
        f"At n = {decided.case} PREDICT1 abstains on {part['first'].mean():.1%} and PREDICT2 on {part.second.mean():.1%} of "
        f"the calls, {in_words(decided.estimate.times(100), '.1f')} points fewer; the case that decides of n = "
        f"{', '.join(map(str, sorted(usual.n.unique())))} ({images} images, one network). Not at every p: "
        f"{_counterexample(frames)}."
    )
    return Finding(claim, decided.verdict, reason, *decided.estimate.times(100), "points")


def _counterexample(frames: Frames) -> str:
    """The textbook case with a single rival: the n at which each method's chance of ABSTAIN falls below one half."""
    first, second = (_half_at(frames["abstention"], POINTS[0], method) for method in METHODS)
    return f"at {named(POINTS[0])} PREDICT1 abstains on less than half of the calls from n = {first} on, PREDICT2 from {second}"


def _minority(frames: Frames) -> Finding:
    """Images that certainly have no majority class, and are answered by PREDICT2 with the top class of the other half."""
    images, about, abstention = frames["images"], frames["setting"].iloc[0], frames["abstention"]
    last = abstention[abstention.series == named(POINTS[-1])]
    most = {method: 1 - part.value.min() for method, part in last.groupby("method")}
    exact = (
        f"Exactly, at p = {named(POINTS[-1])} PREDICT2 answers with probability {most[2]:.2f} at n = {last.x.max()}, PREDICT1 "
        f"never with more than {most[1]:.1g}."
    )
    sure = images[images.surely_minority]
    right = sure.answered_by.isin(["both", "only PREDICT2"]) & (sure.answer == sure.top_of_rest)
    claim = "lecture-predict2_minority"
    if sure.empty:
        return Finding(claim, "not resolved", f"No image of this run is sure to have no majority class. {exact}")
    estimate = Estimate(*share(int(right.sum()), len(sure)))
    first = sure.answered_by.isin(["both", "only PREDICT1"]).sum()
    reason = (
        f"Of {len(sure)} images without a majority class (95 % upper bounds for all images together) PREDICT2 with n = "
        f"{about.n:,} answers {right.sum()} with the top class of the other half of the votes, PREDICT1 answers {first}. {exact}"
    )
    return Finding(claim, decide(estimate, "above"), reason, *estimate.times(100), "% of such images")


def _errors(frames: Frames) -> Finding:
    """The largest exact error in units of alpha, and whether the run's are larger anywhere."""
    errors, wrong = frames["errors"], frames["wrong"]
    exact = errors[errors.series != AGAIN]
    worst = float((exact.value / exact.x).max())
    reason = (
        f"Exact sums for two and three classes, ties among them, with n = {N_ERROR}: at most {worst:.3f} alpha at each of "
        f"{len(LEVELS)} levels"
    )
    verdict = decide(Estimate(worst, worst, worst), "below", than=1 + 1e-9)
    if len(wrong):
        cases = {(r.method, r.x): (round(r.value * r.trials), r.trials, r.x) for r in wrong.itertuples()}
        seen = every(cases, "below", _in_alphas, than=1)
        verdict = seen.verdict if seen.verdict == "fails" else verdict
        reason += (
            f". On the run at most {max(hits for hits, *_ in cases.values())} of {wrong.trials.max()} calls are wrong at any "
            f"of the levels {', '.join(f'{x:g}' for x in wrong.x.unique())}; the interval nearest to its alpha ends at "
            f"{seen.estimate.high:.2g} alpha (PREDICT{seen.case[0]} at {seen.case[1]:g})."
        )
    else:
        reason += "; the run's second half settles no image's class, so that no error could be seen there."
    return Finding("lecture-predict_error", verdict, reason, worst, worst, worst, "alpha")


def _in_alphas(hits: int, trials: int, alpha: float, level: float = 0.95) -> Estimate:
    """A share of wrong answers in units of alpha, with its Clopper-Pearson interval."""
    low, high = bounds.clopper_pearson(hits, trials, 1 - level, side="both")
    return Estimate(hits / trials / alpha, float(low) / alpha, float(high) / alpha)


def _alpha(frames: Frames) -> Finding:
    """How much more often PREDICT2 answers at the largest alpha tried than at the run's own."""
    images, about = frames["images"], frames["setting"].iloc[0]
    estimate = paired_bounded(images.at_most_alpha - images.at_least_alpha).times(100)
    most = frames["wrong"].x.max() if len(frames["wrong"]) else 100 * about.alpha
    reason = (
        f"With n = {max(about.step, min(N_ERROR, about.n))} PREDICT2 abstains on {1 - images.at_least_alpha.mean():.1%} of the "
        f"calls at alpha = {about.alpha:g} and on {1 - images.at_most_alpha.mean():.1%} at alpha = {most:g}: "
        f"{in_words(estimate, '.1f')} points fewer ({len(images)} images, one network)."
    )
    return Finding("lecture-predict_alpha", decide(estimate, "above"), reason, *estimate, "points")


def _observations(frames: Frames) -> list[Finding]:
    """Where PREDICT2 needs more samples, what the guarantee speaks of, how it is lost, and what was not checked."""
    errors, images, rates, about = (frames[name] for name in ("errors", "images", "measured", "setting"))
    reached = {(p, method): _half_at(frames["abstention"], p, method) for p in POINTS for method in METHODS}
    each = "; ".join(f"{reached[p, 1]} (PREDICT1) and {reached[p, 2]} (PREDICT2) for p = {named(p)}" for p in POINTS)
    ratio = (errors.value / errors.x).groupby(errors.series == AGAIN).max()
    tie = errors[(errors.series == named(TIES[0])) & (errors.method == 2)]
    agree = rates.expected.between(rates.low, rates.high).sum()
    only = images[images.answered_by == "only PREDICT2"]
    unlike = (images.answered_by == "only PREDICT1").sum()
    return [
        observation(
            f"The chance of ABSTAIN falls below one half at n = {each}. PREDICT2 does not need fewer samples in general: where a "
            "single rival has all the rest, its two-sided test needs more than PREDICT1's one-sided one."
        ),
        observation(
            f"With n = {about.n[0]:,}, {len(only)} of {len(images)} images are answered by PREDICT2 only and {unlike} by "
            f"PREDICT1 only. For {(only.answer == only.top_of_rest).sum()} of those {len(only)} the answer is the other half's "
            f"top class, for {(only.answer == only.label).sum()} the label: the guarantee is about g."
        ),
        observation(
            "The guarantee is lost if n is not fixed in advance: asked every 10 votes, PREDICT1 errs up to "
            f"{ratio[True]:.1f} alpha. And it does not bound the share of wrong answers among the answers, which at a tie "
            f"reaches {(tie.value / tie.answered).max():.2f}."
        ),
        observation(
            f"{agree} of {len(rates)} measured abstention rates have an interval that holds the rate predicted by the other "
            "half of the votes. The proof is not checked: errors are exact for two and three classes only."
        ),
    ]


def _half_at(abstention: pd.DataFrame, p: Sequence[float], method: int) -> str:
    """The least n drawn at which the exact chance of ABSTAIN is below one half, in words."""
    part = abstention[(abstention.series == named(p)) & (abstention.method == method)]
    found = part.x[part.value < 0.5]
    return f"{int(found.iloc[0])}" if len(found) else f"no n up to {N_EXACT:,}"
