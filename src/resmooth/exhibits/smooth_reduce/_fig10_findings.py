"""What smooth_reduce/fig10 says of the claims."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from resmooth.audit.checks import radius_ceiling
from resmooth.exhibits.base import Finding, Frames, observation
from resmooth.exhibits.smooth_reduce import _videos as videos
from resmooth.exhibits.smooth_reduce._methods import CERTIFIED, MEAN, noise_on
from resmooth.exhibits.smooth_reduce._ratios import ratio_over_correct
from resmooth.exhibits.smooth_reduce._videos import Found, Images, Pair
from resmooth.exhibits.smooth_reduce._videos_words import decided
from resmooth.stats.intervals import Estimate, paired_shares

SHARES = (0, 0.25, 0.5, 0.75)  # of the largest radius R: where certified accuracies are compared
ONE_LEVEL = "This run has at most one noise level at which {}; fig5 shows one level."


class At(NamedTuple):
    """Two classifiers at one radius."""

    pair: Pair
    radius: float

    @property
    def space(self) -> str:
        """Where the noise is."""
        return self.pair.space

    def __str__(self) -> str:
        """In words."""
        return f"{self.pair} at radius {self.radius:.3f}"


def findings(frames: Frames) -> list[Finding]:
    """Verdicts on five claims, then who certifies most."""
    frame = frames["images"]
    networks = videos.both_kinds(videos.beside_network, frame)
    means = videos.at_several_levels(videos.of_method(networks, MEAN))
    alone = ONE_LEVEL.format("Smooth-Mean stands beside its network")
    return [
        decided(
            "reduce_outperforms_base_at_every_level",
            "Against the network alone the certified ACR of both reductions changes by",
            videos.at_several_levels(networks),
            frame,
            ONE_LEVEL.format("sub-videos stand beside their network"),
        ),
        decided(
            "mean_certifies_larger_radii",
            "Against the network alone the certified ACR of Smooth-Mean over clips classified right changes by",
            {kind: _with_right(pairs, frame) for kind, pairs in means.items()},
            frame,
            alone,
            _radius_gain,
            unit="% of ACR over correct clips",
        ),
        decided(
            "mean_more_accurate",
            "At 0, 1/4, 1/2 and 3/4 of the largest R the certified accuracy of Smooth-Mean less that of the network is",
            {kind: _at_radii(pairs, frame) for kind, pairs in means.items()},
            frame,
            alone,
            paired_shares,
            unit="points of clips",
            words=" points",
        ),
        decided(
            "larger_chunks_at_every_level",
            "From the smallest chunks to the largest, of a network trained on each, the certified ACR changes by",
            videos.at_several_levels(videos.both_kinds(videos.chunks_apart, frame)),
            frame,
            ONE_LEVEL.format("networks see chunks of several sizes"),
        ),
        decided(
            "longer_sub_videos_at_every_level",
            "From the shortest sub-videos to the longest the certified ACR changes by",
            videos.at_several_levels(videos.both_kinds(videos.lengths_apart, frame)),
            frame,
            ONE_LEVEL.format("sub-videos have several lengths"),
        ),
        _order(frames["averages"]),
    ]


def _with_right(found: Found, frame: pd.DataFrame) -> dict[Pair, tuple[np.ndarray, ...]]:
    """Both classifiers, then which clips each classifies right."""
    right = videos.beside_network(frame, "correct")
    return {pair: (*both, *right[pair]) for pair, both in found.items()}


def _radius_gain(
    first: np.ndarray, second: np.ndarray, first_right: np.ndarray, second_right: np.ndarray, level: float = 0.95
) -> Estimate:
    """By what fraction the mean radius over clips classified right exceeds another's."""
    ratio = ratio_over_correct(first, second, first_right, second_right, level)
    return Estimate(*(part - 1 for part in ratio))


def _at_radii(found: Found, frame: pd.DataFrame) -> dict[At, Images]:
    """Which clips are classified right with at least these radii."""
    first, right = frame.iloc[0], videos.beside_network(frame, "correct")
    cases = {}
    for pair, both in found.items():
        top = radius_ceiling(pair.sigma, int(first.n), first.alpha)
        for share in SHARES:
            hits = [(own >= share * top) & (clips == 1) for own, clips in zip(both, right[pair])]
            cases[At(pair, share * top)] = (hits[0], hits[1])
    return cases


def _order(averages: pd.DataFrame) -> Finding:
    """The certified ACRs over all clips, in order."""
    parts = []
    for sigma, level in averages[averages.kind == CERTIFIED].groupby("sigma"):
        rows = level.sort_values("acr_all", ascending=False, kind="stable").rename(columns={"name": "label"})
        words = [
            f"{row.acr_all:.3f} {row.label}" + (f" ({noise_on(row.space, clips=True)})" if row.space else "")
            for row in rows.itertuples()
        ]
        parts.append(f"sigma = {sigma:g}: {', '.join(words)}")
    return observation(f"Certified ACRs over all clips, in order; {'; '.join(parts)}.")
