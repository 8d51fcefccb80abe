"""Smooth-Reduce on clips, on a run: the certificates that fig5 and fig10 read, names as in the paper, and pairs to compare.

A name says frames: "RS-4" is randomized smoothing of the network on chunks of 4 frames, "Smooth-Mean-(16,4)" averages over
sub-videos of 16 frames, each classified by its chunks of 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from resmooth.datasets import describe
from resmooth.exhibits.smooth_reduce import _methods as methods
from resmooth.exhibits.smooth_reduce._fig3_numbers import averages
from resmooth.exhibits.smooth_reduce._methods import CASE, CERTIFIED, COLUMNS, PUBLISHED, Case
from resmooth.storage.names import OVER_FRAMES, aggregation_of

if TYPE_CHECKING:
    from resmooth.plan import Experiment, Run

KINDS = OVER_FRAMES[:2]  # Smooth-Max and Smooth-Mean
NAMES = [*CASE, "chunk", "name"]
Images = tuple[np.ndarray, np.ndarray]
Found = dict["Pair", Images]


class Pair(NamedTuple):
    """Two classifiers of clips that are compared, by their names."""

    first: str
    second: str
    space: str
    sigma: float

    def __str__(self) -> str:
        """In words."""
        return f"{self.first} beside {self.second}, {methods.noise_on(self.space, clips=True)}, sigma {self.sigma:g}"


def bases(run: Run) -> list[Experiment]:
    """The experiments on clips whose network is certified over sub-videos too: the first of each chunk, of one architecture."""
    if run.videos is None or not run.videos.over_frames:
        return []
    found: dict[int, Experiment] = {}
    for each in run.videos.general:
        if each.architecture == run.videos.over_frames[0].architecture and run.videos.cut(each.name):
            found.setdefault(chunk_of(run, each.name, each.sigmas[0]), each)
    return list(found.values())


def over(run: Run, base: Experiment) -> list[Experiment]:
    """The experiments over sub-videos that certify the network of `base`."""
    return run.videos.cut(base.name) if run.videos else []


def chunk_of(run: Run, base: str, sigma: str) -> int:
    """Frames of the chunks that a network of the run on clips sees."""
    assert run.videos is not None
    return int(run.videos.recipe(base, sigma).get("chunk", 0))


def needs(run: Run, at: set[str] | None = None) -> dict[str, list[str]] | None:
    """Certificates of these networks alone, and of both reductions over sub-videos; at all levels, or at those in `at`."""
    found: dict[str, list[str]] = {"base": [], "reduced": []}
    for base in bases(run):
        assert run.videos is not None
        levels = [sigma for sigma in base.sigmas if at is None or sigma in at]
        found["base"] += methods.single(run.videos, [base], set(levels))
        found["reduced"] += [
            run.videos.paths.certificates(each.name, sigma, name)
            for each in over(run, base)
            for sigma in levels
            for name in each.classifiers
            if aggregation_of(name)[0] in KINDS
        ]
    return found if found["reduced"] else None


def read(run: Run, files: dict[str, list[str]] | None) -> pd.DataFrame:
    """The certificates in `files` (from `needs`), one row for each clip, with the columns of `_methods.read` and these.

    chunk        frames of a chunk
    frames, k    frames of a sub-video, and number of sub-videos of a clip; 0 for a network alone
    name         as in the paper: "RS-4", "Smooth-Mean-(16,4)"
    evaluations  forward passes of the network on a chunk that the certificate of a clip took: (n0 + n) times different chunks
    frames_of_clip, dataset
    """
    assert run.videos is not None
    clips, frame = run.videos, methods.read(run.videos, [path for paths in (files or {}).values() for path in paths])
    frame["chunk"] = [chunk_of(run, base, level) for base, level in zip(frame.base, frame.level, strict=True)]
    frame["frames_of_clip"], frame["dataset"] = describe(clips.dataset).frames, clips.dataset
    keys = ["experiment", "chunk", "frames"]
    asked = {key: _asked(clips, *key) for key in frame[keys].drop_duplicates().itertuples(index=False, name=None)}
    each = [asked[key] for key in frame[keys].itertuples(index=False, name=None)]
    frame["k"], chunks = [k for k, _ in each], np.array([number for _, number in each])
    frame["name"] = [_name(*about) for about in zip(frame.method, frame.frames, frame.chunk, strict=True)]
    return frame.assign(evaluations=(frame.n0 + frame.n) * chunks)


def _asked(clips: Run, experiment: str, chunk: int, length: int) -> tuple[int, int]:
    """Sub-videos of a clip, 0 if there are none, and chunks that one noisy copy asks the network about."""
    from resmooth.classifiers.video import SubVideos, Video

    video, frames = Video(lambda chunks: chunks[..., 0], chunk), describe(clips.dataset).frames
    if not length:
        return 0, len(video.starts(frames))
    cut = clips.experiments[experiment].sub_videos
    windows = SubVideos(video, length, cut["stride"]).windows(frames)
    chunks = [first + start for first, own in windows for start in video.starts(own)]
    return len(windows), len(chunks if cut["noise_space"] == "patch" else set(chunks))


def _name(method: str, length: int, chunk: int) -> str:
    """What the paper calls a classifier."""
    return f"{method}-({length},{chunk})" if length else f"RS-{chunk}"


def numbers(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """images; averages, with the largest radius that can be certified at all (`ceiling`); curves: with names and chunks."""
    names = frame.drop_duplicates(CASE)[NAMES]
    return {
        "images": frame,
        "averages": averages(frame).merge(names, on=CASE),
        "curves": methods.curves(frame).merge(names, on=CASE),
    }


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """The table of docs/replication.md: evaluations, L, ACR, accuracy and abstention of every classifier."""
    shown = table[table.part == "averages"]
    columns = ["sigma", "name", "space", "kind", "evaluations", "lipschitz"]
    shown = shown[[*columns, "acr_all", "acr_correct", "accuracy", "abstention"]]
    return shown.astype({"evaluations": int}).round(3)


def told(frame: pd.DataFrame) -> str:
    """What is certified, in a few sentences."""
    levels = ", ".join(f"{sigma:g}" for sigma in sorted(frame.sigma.unique()))
    chunks = " and of ".join(map(str, sorted(frame.chunk.unique())))
    lengths = " and of ".join(map(str, sorted(frame.frames[frame.frames > 0].unique())))
    places = " and ".join(methods.PLACES_IN_CLIPS[space] for space in spaces(frame))
    return (
        f"{frame.idx.nunique()} clips of `{frame.dataset.iloc[0]}`, {frame.frames_of_clip.iloc[0]} frames each; networks on "
        f"chunks of {chunks} frames, sub-videos of {lengths}, noise on {places}, sigma = {levels}; n = {frame.n.max():,}, alpha "
        f"= {frame.alpha.max():g}. A certificate is one of the whole clip"
    )


def spaces(frame: pd.DataFrame) -> list[str]:
    """The places of the noise of sub-videos, in the order of the figures."""
    return [space for space in methods.PLACES_IN_CLIPS if space and (frame.space == space).any()]


# --- what is compared: {kind: {pair: `column` of both, clip by clip}}; kinds are certified and as published


def _named(frame: pd.DataFrame, found: dict[tuple[Case, Case], Images]) -> Found:
    names = frame.drop_duplicates(CASE).set_index(CASE)["name"].to_dict()
    return {Pair(names[one], names[other], one.space, one.sigma): both for (one, other), both in found.items()}


def beside_network(frame: pd.DataFrame, column: str = "certified") -> Found:
    """Each classifier over sub-videos beside its network alone."""
    found = methods.beside_one(frame, column)
    alone = {case: Case(case.base, case.base, case.sigma, methods.ONE, "", 0) for case in found}
    return _named(frame, {(case, alone[case]): both for case, both in found.items()})


def chunks_apart(frame: pd.DataFrame, column: str = "certified") -> Found:
    """The largest chunk beside the smallest, all else equal: of networks alone, and over sub-videos of one length."""
    chunk = frame.drop_duplicates(CASE).set_index(CASE).chunk.to_dict()
    found = methods.extremes(
        frame, column, lambda case: (case.sigma, case.method, case.space, case.frames), chunk.__getitem__
    )
    return _named(frame, found)


def lengths_apart(frame: pd.DataFrame, column: str = "certified") -> Found:
    """The longest sub-videos beside the shortest, all else equal."""
    found = methods.extremes(
        frame,
        column,
        lambda case: (case.base, case.sigma, case.method, case.space) if case.frames else None,
        lambda case: case.frames,
    )
    return _named(frame, found)


def both_kinds(pairs: Callable[..., Found], frame: pd.DataFrame) -> dict[str, Found]:
    """`pairs` (a function above) of certified radii and of those as published."""
    return {kind: pairs(frame, COLUMNS[kind]) for kind in (CERTIFIED, PUBLISHED)}


def of_method(found: dict[str, Found], method: str) -> dict[str, Found]:
    """Those of one reduction."""
    return {
        kind: {pair: both for pair, both in part.items() if pair.first.startswith(method)}
        for kind, part in found.items()
    }


def at_several_levels(found: dict[str, Found]) -> dict[str, Found]:
    """The same, or nothing where all pairs are of one level."""
    return found if len({pair.sigma for pair in found[CERTIFIED]}) > 1 else {kind: {} for kind in found}
