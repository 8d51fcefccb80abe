"""What smooth_reduce/fig5 says of the claims."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resmooth.audit.checks import radius_ceiling
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce import _videos as videos
from resmooth.exhibits.smooth_reduce._fig5_numbers import END, READING, SIGMA
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, MAX, MEAN, ONE, noise_on
from resmooth.exhibits.smooth_reduce._ratios import change_of_gain
from resmooth.exhibits.smooth_reduce._videos import Found, Pair
from resmooth.exhibits.smooth_reduce._videos_words import clips_of, decided
from resmooth.smoothing.bounds import clopper_pearson
from resmooth.stats.decisions import OPEN, decide, every, in_words
from resmooth.stats.intervals import Estimate

LARGE = 0.1  # of the ACR: so much counts as a large margin
LOW = 0.5  # of the clips: to certify fewer counts as low
PAPERS = "ucf101"


def findings(frames: Frames) -> list[Finding]:
    """Verdicts on eight claims, then the largest radii, and what a certificate costs."""
    frame, averages = frames["images"], frames["averages"]
    networks = videos.both_kinds(videos.beside_network, frame)
    chunks = videos.both_kinds(videos.chunks_apart, frame)
    lengths = videos.both_kinds(videos.lengths_apart, frame)
    return [
        decided(
            "reduce_outperforms_base",
            "Against the network alone the certified ACR of both reductions changes by",
            networks,
            frame,
            "This run has no classifier over sub-videos beside its network.",
        ),
        decided(
            "mean_outperforms_base_by_far",
            f"Large is {100 * LARGE:g} %. Against the network alone the certified ACR of Smooth-Mean changes by",
            videos.of_method(networks, MEAN),
            frame,
            "This run has no Smooth-Mean beside its network.",
            than=LARGE,
        ),
        decided(
            "larger_chunks_certify_more",
            "From the smallest chunks to the largest, of a network trained on each, the certified ACR changes by",
            chunks,
            frame,
            "This run has chunks of one size alone.",
        ),
        decided(
            "longer_sub_videos_certify_more",
            "From the shortest sub-videos to the longest the certified ACR changes by",
            lengths,
            frame,
            "This run has sub-videos of one length alone.",
        ),
        decided(
            "length_matters_more_to_mean",
            "With the length of sub-videos the certified ACR of Smooth-Mean changes by more than that of Smooth-Max by",
            {kind: _mean_and_max(found) for kind, found in lengths.items()},
            frame,
            "This run has no Smooth-Mean beside Smooth-Max for two lengths of sub-videos.",
            change_of_gain,
            unit="points of the change in ACR",
            words=" points",
        ),
        _low(frame),
        _stated_samples(frames["implied"]),
        _best_sizes(averages, frame),
        _largest(averages, frame),
        _costs(averages),
    ]


def _mean_and_max(found: Found) -> dict[Pair, tuple[np.ndarray, ...]]:
    """Smooth-Mean of the longest and of the shortest sub-videos, then Smooth-Max of the same."""
    other = {pair: pair._replace(first=_as_max(pair.first), second=_as_max(pair.second)) for pair in found}
    return {
        pair: (*found[pair], *found[other[pair]])
        for pair in found
        if pair.first.startswith(MEAN) and other[pair] in found
    }


def _as_max(name: str) -> str:
    return name.replace(MEAN, MAX)


def _low(frame: pd.DataFrame) -> Finding:
    """Whether networks alone certify few clips, at half of the largest radius: of the paper's data, on no other."""
    name = "smooth_reduce-videos_base_is_low"
    alone = frame[frame.method == ONE]
    radius = _ceiling(alone) / 2
    hits = {label: (part.certified >= radius).to_numpy() for label, part in alone.groupby("name", sort=False)}
    words = ", ".join(f"{in_words(_share(own).times(100), '.0f', ' %')} by {label}" for label, own in hits.items())
    reason = f"At radius {radius:.3f}, half of the largest possible, networks alone certify {words}, {clips_of(frame)}."
    if frame.dataset.iloc[0] != PAPERS:
        return Finding(name, "not comparable", f"{reason} How many is a matter of the data, and these are not UCF-101.")
    decided = every(hits, "below", _share, than=LOW)
    return Finding(name, decided.verdict, reason, *decided.estimate.times(100), "% of clips")


def _share(hits: np.ndarray, level: float = 0.95) -> Estimate:
    """The share of clips [N] that are hit."""
    low, high = clopper_pearson(hits.sum(), len(hits), 1 - level, side="both")
    return Estimate(float(hits.mean()), float(low), float(high))


def _ceiling(frame: pd.DataFrame) -> float:
    """The largest radius R that its n samples can certify."""
    first = frame.iloc[0]
    return radius_ceiling(first.sigma, int(first.n), first.alpha)


def _stated_samples(implied: pd.DataFrame) -> Finding:
    """Whether the paper's curves end where its n and alpha would have them end."""
    stated, *_, fits = implied.itertuples()
    read = Estimate(END, stated.end_low, stated.end_high)
    reason = (
        f"All curves at sigma = {SIGMA:g} on the project page drop to 0 at the radius {END:g}, read to {READING:g}: where all "
        f"votes agree. n = {stated.n:,} and alpha = {stated.alpha:g} would end at {stated.ceiling:.3f}; n = {fits.n} and alpha "
        f"= {fits.alpha:g} at {fits.ceiling:.3f}. So n is {fits.least} to {fits.most} at alpha = {fits.alpha:g}, or "
        f"{stated.least} to {stated.most} at the alpha that is stated. The page shows an earlier version; the paper's own image "
        "was not available."
    )
    verdict = decide(read, "equal", than=stated.ceiling, within=READING)
    return Finding("smooth_reduce-videos_stated_samples", verdict, reason, *read, "radius at which curves end")


def _best_sizes(averages: pd.DataFrame, frame: pd.DataFrame) -> Finding:
    """The sentence on sub-videos of 128 frames with chunks of 64 contradicts the rest of the paper: nothing to decide."""
    found = averages[(averages.kind == CERTIFIED) & (averages.frames > 0)]
    best = [
        f"{part.name[part.acr_all.idxmax()]} ({part.acr_all.max():.3f}, {noise_on(space, clips=True)})"
        for space, part in found.groupby("space", sort=False)
    ]
    return Finding(
        "smooth_reduce-videos_128_by_64_best",
        OPEN,
        "Networks of the paper see chunks of 8 or 16 frames everywhere else, in text, figures and appendix. So it may mean other "
        "networks or other numbers, and nothing says which sizes to compare. The largest certified ACRs over sub-videos here: "
        f"{', '.join(best)}; {clips_of(frame)}.",
    )


def _largest(averages: pd.DataFrame, frame: pd.DataFrame) -> Finding:
    """The largest radii found, beside the formula."""
    ceiling, largest = _ceiling(frame), frame.claimed.max()
    reached = frame.groupby("name").claimed.max() >= ceiling - 1e-6
    norms = averages[(averages.kind == CERTIFIED) & (averages.lipschitz > 1)].drop_duplicates(["frames", "lipschitz"])
    divided = "; ".join(
        f"{row.ceiling:.3f} over sub-videos of {row.frames} frames, L = {row.lipschitz:.3f}"
        for row in norms.itertuples()
    )
    last = f" With noise on each sub-video R / L is certified, at most {divided}." if divided else ""
    return observation(
        f"n = {frame.n.max():,} votes at alpha = {frame.alpha.max():g} give at most R = {ceiling:.4f} at sigma = "
        f"{frame.sigma.iloc[0]:g}. The largest here is {largest:.4f}; {reached.sum()} of {len(reached)} classifiers reach the "
        f"value of the formula.{last}"
    )


def _costs(averages: pd.DataFrame) -> Finding:
    """Forward passes on chunks for one certificate."""
    own = averages[averages.kind == CERTIFIED].drop_duplicates(["space", "frames", "chunk"])
    words = []
    for row in own.rename(columns={"name": "label"}).itertuples():
        over = f"over sub-videos ({row.frames},{row.chunk}), {noise_on(row.space, clips=True)}"
        words.append(f"{row.evaluations:,} {over if row.frames else row.label}")
    return observation(f"Forward passes of the network on a chunk, for the certificate of a clip: {'; '.join(words)}.")
