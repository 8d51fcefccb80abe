"""What each way to certify a pre-set radius costs, and whether they agree: the same images through all of them."""

import functools
import time

import numpy as np
import pandas as pd

from resmooth import storage
from resmooth.classifiers.consensus import Consensus
from resmooth.smoothing.certify import ABSTAIN
from resmooth.smoothing.sampling import Smoothed, groups_of
from resmooth.smoothing.sequential import RULES

STATE = "procedures.jsonl"  # finished images, in the state folder
TOGETHER = 64  # images that are certified side by side, and lost together by a kill
COLUMNS = ["idx", "label", "classifier", "rule", "radius", "predict", "samples", "stage", "agreed", "seconds"]


def compare_procedures(
    smoothed, images, labels, indices, radii, sizes, consensus, seed, state, identity, report=lambda done, total: None
):
    """Decide every image at every radius by every rule, for the full ensemble and for K-consensus.

    smoothed   Smoothed of an Ensemble of k members; images, labels aligned with `indices` (global image numbers)
    radii      certified radii to ask for, in units of the image
    sizes      dict with alpha, n0, n (of the fixed rule and most of the sequential ones) and stages (of CertifyAdp)
    consensus  K, how many members must agree; 0 leaves K-consensus out

    Returns a frame with COLUMNS: classifier "soft-k" or "consensus-K"; rule "fixed" (CERTIFY) or a name of `sequential.RULES`;
    predict (-1 abstains); samples, those of selection included; stage at which it ended. Of all images that ran side by side:
    agreed, the share of samples that K members decided (1 for the full ensemble, which asks all), and seconds to an image. A
    killed run goes on after the last of them; `state` and `identity` as in `sample_images`.
    """
    for radius in radii:  # refuse what cannot be decided before the work, not after
        for rule in RULES:
            smoothed.certify_at(images[:0], radius, rule, sizes["alpha"], seed, [], **_options(rule, **sizes))
    ensemble = smoothed.classifier
    classifiers = {f"soft-{len(ensemble.models)}": ensemble}
    if consensus:
        classifiers[f"consensus-{consensus}"] = Consensus(ensemble.models, consensus)
    with storage.journal(state / STATE, identity, _check_record) as (records, add):
        rows = [row for record in records for row in record["rows"]]
        done = {row["idx"] for row in rows}
        todo = [position for position, index in enumerate(indices) if index not in done]
        report(len(done), len(indices))
        for group in groups_of(todo, TOGETHER):
            numbers, fresh = [indices[position] for position in group], []
            for name, classifier in classifiers.items():
                shared = (smoothed.noise, smoothed.num_classes, smoothed.batch_size, smoothed.device)
                part = Smoothed(classifier, *shared, precision="as given")  # its networks are rewritten already
                for table in _decide(part, images[group], numbers, radii, seed, **sizes):
                    table = table.assign(
                        idx=numbers, label=[int(labels[position]) for position in group], classifier=name
                    )
                    fresh += table[COLUMNS].to_dict("records")
            add({"idx": numbers, "rows": fresh})
            rows += fresh
            done |= set(numbers)
            report(len(done), len(indices))
    return pd.DataFrame(rows, columns=COLUMNS).sort_values("idx", kind="stable", ignore_index=True)


def _decide(smoothed, images, indices, radii, seed, alpha, n0, n, stages):
    """Yield a frame for each rule and radius: predict, samples, stage, agreed, seconds of the images, in their order."""
    fixed, cost = _measured(smoothed, functools.partial(smoothed.certify, images, n0, n, alpha, seed, indices))
    for radius in radii:
        predict = np.where(fixed.radius >= radius, fixed.predict, ABSTAIN)
        yield pd.DataFrame(
            {"rule": "fixed", "radius": radius, "predict": predict, "samples": n0 + n, "stage": 1, **cost}
        )
    for rule in RULES:
        for radius in radii:
            options = _options(rule, alpha, n0, n, stages)
            run = functools.partial(smoothed.certify_at, images, radius, rule, alpha, seed, indices, **options)
            decided, cost = _measured(smoothed, run)
            about = {"predict": decided.predict, "samples": decided.samples, "stage": decided.stage}
            yield pd.DataFrame({"rule": rule, "radius": radius, **about, **cost})


def _options(rule, alpha, n0, n, stages):
    """What the rule takes besides alpha."""
    return {"stages": stages, "n0": n0} if rule == "adaptive" else {"n": n}


def _measured(smoothed, run):
    """(result of `run()`, what it cost: seconds to an image and the share of samples on which the first members agreed)."""
    classifier = smoothed.classifier
    asked, agreed = getattr(classifier, "asked", 0), getattr(classifier, "agreed", 0)
    start = time.perf_counter()
    result = run()
    seconds = (time.perf_counter() - start) / len(result.predict)
    if isinstance(classifier, Consensus):
        return result, {"seconds": seconds, "agreed": (classifier.agreed - agreed) / (classifier.asked - asked)}
    return result, {"seconds": seconds, "agreed": 1.0}


def _check_record(record):
    """KeyError unless the rows of `record` have all COLUMNS."""
    for row in record["rows"]:
        [row[name] for name in COLUMNS]
