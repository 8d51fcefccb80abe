"""Counts files of one network whose class probabilities are known, for the tests of lecture/abstain and lecture/inference."""

import numpy as np
import pandas as pd
from exhibits import synthetic

from resmooth import storage

SAMPLE = {"split": "test", "start": 0, "stop": 60, "step": 1, "shard": 100, "n0": 20, "n": 400, "seed": 0}


def run(folder, sigmas=(0.25, 0.5), images=60, **sections):
    """A run of one network at these levels, with certificates; its counts are still to be written."""
    planted = synthetic.run(folder, seeds=1, sigmas=sigmas, images=images, sample=SAMPLE | {"stop": images}, **sections)
    synthetic.certify(planted, lambda case, kind, number: synthetic.base(planted))
    return planted


def write(run, path, probabilities, sigma, seed=0, step=1, noise="normal") -> None:
    """Votes of "member-1" drawn with class probabilities [N, K], in an order that is drawn too."""
    generator, part = np.random.default_rng(seed), run.config["sample"]
    rows = []
    for idx, p in zip(synthetic.images(run), np.asarray(probabilities, dtype=float)):
        steps = generator.multinomial(step, p, size=part["n"] // step)
        row = {
            "idx": idx,
            "label": int(p.argmax()),
            "classifier": "member-1",
            "counts0": generator.multinomial(part["n0"], p),
        }
        row |= {
            "counts": steps.sum(axis=0),
            "n0": part["n0"],
            "n": part["n"],
            "seconds": 0.0,
            "uniform": 0.5,
            "step": step,
        }
        rows.append(row | {"by_step": steps.ravel()})
    facts = {"noise": noise, "dim": run.dim, "sigma": sigma, "arithmetic": "float"}
    storage.write_counts(path, pd.DataFrame(rows), facts)


def of_level(run, probabilities, sigma, **options) -> None:
    """The run's own counts at one level."""
    case = next(case for case in run.cases if case.level == sigma)
    write(run, run.counts(*case.key)[0], probabilities, sigma, **options)
