"""The cost of every procedure that certifies a pre-set radius, and whether they agree, on the same images."""

import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from resmooth import storage
from resmooth.classifiers.consensus import check_size
from resmooth.measure.driver import Measurement, run
from resmooth.measure.replay import Evaluations, Replay
from resmooth.measure.subject import Subject
from resmooth.smoothing.certificates import ABSTAIN
from resmooth.smoothing.engine import groups_of, held_side_by_side
from resmooth.smoothing.sequential import RULES
from resmooth.smoothing.smoothed import Smoothed

TOGETHER = 64  # images that are certified side by side, and lost together by a kill
COLUMNS = [
    "idx",
    "label",
    *storage.CLASSIFIER_COLUMNS,
    "rule",
    "radius",
    "predict",
    "samples",
    "stage",
    "agreed",
    "seconds",
]


def decisions(subject: Subject, radii: Sequence[float], sizes: dict, consensus: int = 0) -> Measurement:
    """Every image at every radius by every rule, for the full ensemble of k members and for K-consensus.

    radii      certified radii to ask for, in units of the image
    sizes      dict with alpha, n0, n (of the fixed rule and most of the sequential ones) and stages (of CertifyAdp)
    consensus  K, how many members must agree; 0 leaves K-consensus out

    Rows: classifier "soft-k" or "consensus-K"; rule "fixed" (CERTIFY) or a name of `sequential.RULES`; predict (-1 abstains);
    samples, those of selection included; stage at which it ended. Of all images that ran side by side: agreed, the share of
    samples that K members decided (1 for the full ensemble, which asks all), and seconds to an image. All rules at all radii see
    the same noisy copies, which every member sees once (`Replay`): seconds are what the members that a classifier asks took then,
    a batch's time shared equally among its copies, and the rule's own.
    """
    for radius in radii:  # refuse what cannot be decided before the work, not after
        for rule in RULES:
            options = _options(rule, **sizes)
            subject.smoothed.certify_at(subject.images[:0], radius, rule, sizes["alpha"], subject.seed, [], **options)
    if consensus:
        check_size(consensus, len(subject.smoothed.classifier.models))
    return Measurement(
        name="decisions",
        columns=COLUMNS,
        identity=subject.identity(**sizes, radii=list(radii), consensus=consensus),
        indices=subject.indices,
        groups=groups_of(range(len(subject.indices)), min(TOGETHER, -(-held_side_by_side(subject.smoothed) // 2))),
        measure=lambda group: _through_all(subject, consensus, group, radii, sizes),
    )


def compare_procedures(
    smoothed: Smoothed,
    images: torch.Tensor,
    labels: Sequence[int] | np.ndarray,
    indices: Sequence[int],
    radii: Sequence[float],
    sizes: dict,
    consensus: int,
    seed: int,
    state: str | Path,
    identity: dict,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Run `decisions` on the images [N, C, H, W] numbered `indices`; `identity`: their `Subject.facts`; `state`: as for `run`."""
    subject = Subject(smoothed, images, labels, indices, seed, identity)
    return run(decisions(subject, radii, sizes, consensus), state, report)


def _through_all(
    subject: Subject, consensus: int, group: Sequence[int], radii: Sequence[float], sizes: dict
) -> list[dict]:
    """The rows of the images at the positions `group`, sorted by image."""
    indices = [subject.indices[position] for position in group]
    labels = [int(subject.labels[position]) for position in group]
    evaluations, tables = Evaluations(subject.smoothed, consensus), []
    for name in evaluations.names:
        for table in _decide(Replay(evaluations, name), subject.images[group], indices, radii, subject.seed, **sizes):
            tables.append(table.assign(idx=indices, label=labels, **storage.classifier_columns(name)))
    return pd.concat(tables).sort_values("idx", kind="stable")[COLUMNS].to_dict("records")


def _decide(smoothed, images, indices, radii, seed, alpha, n0, n, stages):
    """Yield a frame for each rule and radius: predict, samples, stage, agreed, seconds of the images, in their order."""
    fixed, cost = _measured(
        smoothed, functools.partial(smoothed.certify, images, n0, n, alpha, seed, indices, progress=False)
    )
    for radius in radii:
        predict = np.where(fixed.radius >= radius, fixed.predict, ABSTAIN)
        yield pd.DataFrame(
            {"rule": "fixed", "radius": radius, "predict": predict, "samples": n0 + n, "stage": 1, **cost}
        )
    for rule in RULES:
        for radius in radii:
            options = _options(rule, alpha, n0, n, stages)
            follow = functools.partial(
                smoothed.certify_at, images, radius, rule, alpha, seed, indices, progress=False, **options
            )
            decided, cost = _measured(smoothed, follow)
            about = {"predict": decided.predict, "samples": decided.samples, "stage": decided.stage}
            yield pd.DataFrame({"rule": rule, "radius": radius, **about, **cost})


def _options(rule, alpha, n0, n, stages):
    """What the rule takes besides alpha."""
    return {"stages": stages, "n0": n0} if rule == "adaptive" else {"n": n}


def _measured(replay, follow):
    """(result of `follow()`, what it cost: seconds to an image and the share of samples on which the first members agreed)."""
    before, worked = replay.asked, replay.evaluations.worked
    start = time.perf_counter()
    result = follow()
    passed = time.perf_counter() - start
    copies, agreed, seconds = (now - then for now, then in zip(replay.asked, before))
    own = max(0.0, passed - (replay.evaluations.worked - worked))  # evaluations count as often as it asked for them
    return result, {"seconds": (own + seconds) / len(result.predict), "agreed": agreed / copies}
