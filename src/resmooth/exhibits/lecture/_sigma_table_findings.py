"""What lecture/sigma_table says of the claims: training methods, more and less noise, and the radii themselves."""

from collections.abc import Callable, Collection

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.lecture._printed_table import said
from resmooth.exhibits.lecture._sigma_table_numbers import ACR, METHODS, by_image, pairs
from resmooth.smoothing import bounds
from resmooth.stats.decisions import counted, decide, every, in_words, span
from resmooth.stats.intervals import Estimate, between_seeds, paired_bounded, paired_mean

EXACT = 1e-9  # what floating point may add to an exact equality, relative to sigma


def findings(frames: Frames) -> list[Finding]:
    """Training methods against Gaussian, more noise against less, the radii themselves; then the printed table and the tally."""
    found = [_above_gaussian(frames, name) for name in METHODS.values()]
    found += [_best_clean(frames), *_more_noise(frames), *_radii(frames)]
    return [*found, *said(frames["claims"], frames["ranking"]), *_on_this_run(frames)]


def _in_lecture(frames: Frames, names: Collection[str]) -> dict:
    """The pairs with Gaussian training of those methods of the printed table."""
    return {case: both for case, both in pairs(frames["images"]).items() if both[0].in_lecture.iloc[0] in names}


def _above_gaussian(frames: Frames, method: str) -> Finding:
    """One method's ACR less Gaussian's: over seeds where both have several, else over the images, networks fixed."""
    claim, cases = f"lecture-{method.lower()}_above_gaussian", _in_lecture(frames, [method])
    if not cases:
        return Finding(
            claim, "not resolved", f"This run trains no network by {method} beside one by Gaussian augmentation."
        )
    by_seed = {case: _seeds(*both) for case, both in cases.items()}
    interval: Callable[..., Estimate]
    if all(len(values) > 1 for values in by_seed.values()):
        interval, data, unit = between_seeds, by_seed, "seeds, paired by their number"
    else:
        interval, unit = (
            paired_mean,
            f"{frames['setting'].images[0]} images, networks fixed: the draw of a seed is not in it",
        )
        data = {
            case: (by_image(a, "certified") - by_image(b, "certified")).to_numpy() for case, (a, b) in cases.items()
        }
    decided = every(data, "above", interval)
    own = [interval(values) for values in data.values()]
    reason = (
        f"ACR of {method} less that of Gaussian augmentation: {span([each.value for each in own], '+.3f')} ({counted(own)}); "
        f"the case that decides is {decided.case[1]} at sigma {decided.case[0]:g}, {in_words(decided.estimate, '+.3f')}. The "
        f"interval is over {unit}."
    )
    return Finding(claim, decided.verdict, reason, *decided.estimate, "ACR")


def _seeds(own: pd.DataFrame, reference: pd.DataFrame) -> np.ndarray:
    """Difference in ACR of the networks with the same number [S]."""
    first, second = (frame.groupby("number").certified.mean() for frame in (own, reference))
    return (first - second).dropna().to_numpy()


def _best_clean(frames: Frames) -> Finding:
    """Gaussian's clean accuracy less that of every other method of the printed table, on the same images."""
    claim, cases = "lecture-gaussian_best_clean", _in_lecture(frames, METHODS.values())
    if not cases:
        return Finding(
            claim, "not resolved", "This run trains no other method of the table beside Gaussian augmentation."
        )
    data = {key: (by_image(b, "correct") - by_image(a, "correct")).to_numpy() for key, (a, b) in cases.items()}
    decided, own = every(data, "above", paired_bounded), [paired_bounded(values).times(100) for values in data.values()]
    value, low, high = decided.estimate.times(100)
    reason = (
        f"Clean accuracy of Gaussian augmentation less that of the other methods: {span([each.value for each in own])} points "
        f"({counted(own)}; {frames['setting'].images[0]} images, networks fixed); weakest against {decided.case[1]} at sigma "
        f"{decided.case[0]:g}."
    )
    return Finding(claim, decided.verdict, reason, value, low, high, "points")


def _more_noise(frames: Frames) -> list[Finding]:
    """From the lowest to the highest level on the same images, mean over the networks that have both; networks fixed."""
    singles, levels = frames["images"], frames["levels"]
    claims = [f"lecture-noise_{what}" for what in ("lowers_accuracy", "raises_acr", "raises_largest_radius")]
    (first, least), (last, _) = levels.iloc[0], levels.iloc[-1]
    both = singles.groupby("experiment").sigma.agg(lambda sigma: {first, last} <= set(sigma))
    kept = singles[singles.experiment.isin(both.index[both])]
    if len(levels) < 2 or kept.empty:
        return [
            Finding(claim, "not resolved", f"No experiment of this run has two levels (sigma = {first:g}).")
            for claim in claims
        ]
    low, high = kept[kept.sigma == first], kept[kept.sigma == last]
    networks = low.groupby(["experiment", "classifier"]).ngroups
    where = f"From sigma {first:g} to {last:g} on the same {low.idx.nunique()} images, mean of {networks} networks,"
    clean = paired_bounded(by_image(high, "correct") - by_image(low, "correct")).times(100)
    acr = paired_mean(by_image(high, "certified") - by_image(low, "certified"))
    beyond = high[(high.correct == 1) & (high.radius > least)].idx.nunique()
    share = Estimate(beyond / high.idx.nunique(), *bounds.clopper_pearson(beyond, high.idx.nunique(), 0.05, "both"))
    reasons = [
        f"{where} the clean accuracy changes by {in_words(clean)} points (networks fixed).",
        f"{where} the ACR over all changes by {in_words(acr, '+.3f')} (networks fixed).",
        f"The largest certified radius goes from {low.certified.max():.2f} (sigma {first:g}) to {high.certified.max():.2f} "
        f"(sigma {last:g}): on {beyond} of {high.idx.nunique()} images some network is certified beyond {least:.2f}, the most "
        f"that sigma {first:g} can give.",
    ]
    verdicts = decide(clean, "below"), decide(acr, "above"), decide(share, "above")
    units = (clean, "points"), (acr, "ACR"), (share.times(100), "% of images")
    return [
        Finding(claim, verdict, reason, *Estimate(*map(float, estimate)), unit)
        for claim, verdict, reason, (estimate, unit) in zip(claims, verdicts, reasons, units)
    ]


def _radii(frames: Frames) -> list[Finding]:
    """Every radius is sigma Phi^-1 of its lower bound, and none exceeds the ceiling: exact, so without an interval."""
    radii, about = frames["radii"], frames["setting"].iloc[0]
    formula, top = "lecture-radius_formula", "lecture-radius_ceiling"
    if radii.empty:
        return [Finding(claim, "not resolved", "Nothing is certified on this run.") for claim in (formula, top)]
    total, deviation, highest = (
        int(radii.certificates.sum()),
        float(radii.deviation.max()),
        float(radii.of_ceiling.max()),
    )
    exact = Finding(
        formula,
        decide(Estimate(*3 * [deviation]), "below", than=EXACT),
        f"The radii of all {total:,} certificates that do not abstain equal sigma Phi^-1(p_lower) up to {deviation:.1g} sigma.",
        deviation,
        deviation,
        deviation,
        "sigma",
    )
    if about.bound != "clopper_pearson":
        return [
            exact,
            Finding(top, "not comparable", f"This run certifies by the bound {about.bound}, not by Clopper-Pearson."),
        ]
    reason = f"The largest of {total:,} radii is {highest:.6g} of its ceiling sigma Phi^-1(alpha^(1/n)), n up to {about.n:,}."
    verdict = decide(Estimate(*3 * [highest]), "below", than=1 + EXACT)
    return [exact, Finding(top, verdict, reason, highest, highest, highest, "of the ceiling")]


def _on_this_run(frames: Frames) -> list[Finding]:
    """Where the ACR is largest, and the tally of all training methods, also those that the lecture does not print."""
    comparison, ours = frames["comparison"], frames["ours"]
    found, middle = [], ours[ours.metric == ACR].groupby("sigma").value.mean()
    if middle.idxmax() not in (middle.index[0], middle.index[-1]):
        peak = (
            f"The ACR is largest at sigma {middle.idxmax():g}: noise that hides the image costs more than it certifies."
        )
        found.append(observation(peak))
    if comparison.empty:
        return found
    above, below = (comparison[comparison.verdict == word] for word in ("above", "below"))
    best = comparison.loc[comparison.acr_minus_gaussian.idxmax()]
    gain = in_words(Estimate(best.acr_minus_gaussian, best.low, best.high), "+.3f")
    text = (
        f"Of {len(comparison)} comparisons of a training method with Gaussian augmentation on the same images {len(above)} are "
        f"above its ACR, {len(below)} below and {len(comparison) - len(above) - len(below)} not resolved (networks fixed)"
    )
    if comparison.sd_of_seeds.notna().any():
        beyond = (above.acr_minus_gaussian > 2 * above.sd_of_seeds).sum()
        text += f"; {beyond} lie above by more than two standard deviations of Gaussian's seeds"
    text += f". The largest gain is {best.method} at sigma {best.sigma:g}: {gain}."
    found.append(observation(text))
    if len(below):
        named = ", ".join(f"{row.method} at sigma {row.sigma:g}" for row in below.itertuples())
        found.append(observation(f"Below Gaussian: {named}. Options were chosen once, and not tuned for this data."))
    return found
