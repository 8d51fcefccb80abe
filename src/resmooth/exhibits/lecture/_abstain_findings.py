"""What lecture/abstain says of the claims: each reason, whether it occurs, and whether its remedy works."""

import numpy as np
import pandas as pd

from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.lecture._abstain_numbers import BELOW, LOOSE, OPEN, P_EXAMPLE, P_THEORY, WRONG
from resmooth.exhibits.lecture._votes import share
from resmooth.stats.decisions import decide, in_words
from resmooth.stats.intervals import Estimate, paired_bounded, paired_shares
from resmooth.theory import abstention


def findings(frames: Frames) -> list[Finding]:
    """Each reason: does it occur, does its remedy work; then what the exact lines say."""
    occurs = [_occurs(frames, *case) for case in _provoked(frames)]
    return [*occurs, *_remedies(frames), *_observations(frames)]


def _provoked(frames: Frames) -> list[tuple[str, str, int, str]]:
    """(claim, reason, row of `reasons`, what provokes it) of the three reasons."""
    about = frames["setting"].iloc[0]
    second = 3 if about.mismatch else 0
    trained = f"For the network trained at sigma {about.trained:g} and certified at {about.sigma:g}"
    trained = trained if second else "With all votes"
    return [
        ("wrong_guess", WRONG, 1, f"With {about.step} vote{'s' if about.step > 1 else ''} for the guess"),
        ("no_majority", BELOW, second, trained),
        ("loose_bound", LOOSE, 2, f"With n = {about.few}"),
    ]


def _occurs(frames: Frames, claim: str, reason: str, row: int, provoked: str) -> Finding:
    """Whether a reason is seen more often than the bounds that tell it are wrong (at most 2 alpha for each image)."""
    about, counted, images = frames["setting"].iloc[0], frames["reasons"].iloc[row], len(frames["images"])
    estimate = Estimate(*share(int(counted[reason]), images))
    verdict = decide(estimate, "above", than=2 * about.alpha)
    told = {WRONG: "all votes certify another class than the guess", LOOSE: "all votes certify the guess"}
    said = told.get(reason, "the upper bounds of all classes lie below 1/2")
    text = f"{provoked}, CERTIFY abstains on {counted.abstain} of {images} images; on {counted[reason]} of them {said}"
    text += f" ({about.n:,} votes, alpha = {about.alpha:g} for each bound)."
    return Finding(f"lecture-abstain_{claim}", verdict, text, *estimate.times(100), "% of images")


def _remedies(frames: Frames) -> list[Finding]:
    """Abstentions with less and with more of the remedy, paired over the images."""
    about, images = frames["setting"].iloc[0], frames["images"]
    cases = {
        "more_n0": ("n0", f"n0 = {about.step}", f"n0 = {about.n - about.n_half}"),
        "more_n": ("n", f"n = {about.few}", f"n = {about.n:,}"),
    }
    found = []
    for claim, (name, less, more) in cases.items():
        few, many = images[f"few_{name}"], images[f"many_{name}"]
        estimate = paired_bounded(few - many).times(100)
        text = (
            f"CERTIFY abstains on {few.mean():.1%} of the calls with {less} and on {many.mean():.1%} with {more}, "
            f"{in_words(estimate, '.1f')} points fewer ({len(images)} images, one network)."
        )
        found.append(Finding(f"lecture-abstain_{claim}", decide(estimate, "above"), text, *estimate, "points"))
    claim = "lecture-abstain_training"
    if not about.mismatch:
        text = "The run has one level of noise: no network was trained at another, so that this remedy cannot be seen."
        return [*found, Finding(claim, "not resolved", text)]
    estimate = paired_shares(images.abstains_other, images.abstains).times(100)
    won, lost = (images.abstains_other & ~images.abstains).sum(), (~images.abstains_other & images.abstains).sum()
    text = (
        f"Under sigma {about.sigma:g} the network trained at {about.trained:g} abstains on {images.abstains_other.sum()} of "
        f"{len(images)} images, the one trained at {about.sigma:g} on {images.abstains.sum()}: {won} won, {lost} lost. "
        "One network of one seed stands for each training."
    )
    return [*found, Finding(claim, decide(estimate, "above"), text, *estimate, "points")]


def _observations(frames: Frames) -> list[Finding]:
    """What the exact lines say, whether measured rates agree with them, and what no remedy reaches."""
    about, lines, name = frames["setting"].iloc[0], frames["exact"], frames["setting"].image[0]
    top, images = frames["shares"].share.max(), len(frames["images"])
    curve = dict(iter(lines.groupby(["panel", "series"])))
    rest = 0.0 if about.half_certifies else 1.0, float(abstention.too_few(about.n_half, P_EXAMPLE, about.alpha))
    enough = [_first(curve["n0, exact", key], least + 0.01) for key, least in zip((name, "one rival"), rest)]
    own = frames["rates"][frames["rates"].series == name]
    expected = own.merge(curve["n0, exact", name][["x", "value"]], on="x", suffixes=("", "_exact"))
    pairs = [row[["low", "high", "value_exact"]].tolist() for _, row in expected[expected.panel == "n0"].iterrows()]
    pairs += [[r.low, r.high, abstention.too_few(r.x, top, about.alpha)] for r in own[own.panel == "n"].itertuples()]
    agree = sum(low <= value <= high for low, high, value in pairs)
    settled = "".join(f", {_first(curve['n, exact', f'p_A = {p:g}'], 0.05)} for p_A = {p:g}" for p in P_THEORY)
    never, undecided = frames["reasons"].iloc[0][[BELOW, OPEN]]
    return [
        observation(
            f"A wrong guess adds less than one point from n0 = {enough[0]} on for {name} and, at p_A = {P_EXAMPLE:g} with one "
            f"rival, from n0 = {enough[1]} on: it is the rival, not p_A, that costs samples."
        ),
        observation(
            f"Below n = {abstention.least_samples(about.alpha)} nothing can be certified at alpha = {about.alpha:g}; the chance "
            f"of ABSTAIN stays below 5 % from about n = {_first(curve['n, exact', name], 0.05)} on for {name}{settled}. "
            f"{agree} of {len(pairs)} intervals of the image hold the exact value."
        ),
        observation(
            f"The remedies do not reach every image: {never} of {images} are beyond any n0 and n for this network, and "
            f"{undecided} more stay open, their largest share so close to 1/2 that {about.n:,} votes cannot tell reason 2 from 3."
        ),
    ]


def _first(curve: pd.DataFrame, most: float) -> str:
    """The least x of an exact curve from which on all its values are at most `most`, in words."""
    above = np.flatnonzero(curve.value.to_numpy() > most)
    at = above[-1] + 1 if len(above) else 0
    return f"{int(curve.x.iloc[at]):,}" if at < len(curve) else f"more than {int(curve.x.iloc[-1]):,}"
