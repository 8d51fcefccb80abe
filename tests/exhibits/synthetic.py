"""Small runs with planted results, for the tests of exhibits: no network, milliseconds.

    run = synthetic.run(tmp_path, seeds=3, sigmas=(0.25, 0.5), images=40)
    synthetic.certify(run, lambda case, kind, number: synthetic.base(run) * (1.1 if kind == "soft" else 1.0))
    exhibits.exhibit("ensembles/acr_vs_k").compute(run)

Use it as `from exhibits import synthetic` (tests/ is on the path).
"""

from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from scipy import special

from resmooth import storage
from resmooth.classifiers.names import aggregation_of
from resmooth.plan import Run

ROOT = Path(__file__).parents[2]


def run(
    folder, architectures=("resnet8",), seeds=2, sigmas=(0.25,), images=20, experiments=(), patches=None, **sections
) -> Run:
    """A Run like config/tiny.yaml, without idrs, whose results lie in `folder`.

    The first group of experiments is Gaussian training of `architectures` with `seeds`, and the section `patches` if it is given;
    further groups (dicts as in a config) are `experiments`. Every section takes the images 0..images-1. `sections` replace whole
    keys of the config; None removes one.
    """
    config = yaml.safe_load((ROOT / "config" / "tiny.yaml").read_text())
    group = {"architectures": list(architectures), "recipes": ["gaussian"], "seeds": seeds}
    group |= {"patches": patches} if patches else {}
    config |= {"run": "synthetic", "sigmas": list(sigmas), "experiments": [group, *experiments], "idrs": None}
    for name in ("sample", "margins", "decide", "scores"):
        config[name] |= {"start": 0, "stop": images, "step": 1}
    config["sample"]["shard"] = images  # one file of counts for each case
    config = {key: value for key, value in (config | sections).items() if value is not None}
    return Run(config, ROOT / "config" / "recipes", str(folder))


def images(run) -> np.ndarray:
    """Numbers of the images that `run` certifies [N]."""
    part = run.config["sample"]
    return np.arange(part["start"], part["stop"], part["step"])


def base(run, seed=0) -> np.ndarray:
    """A planted radius for each image [N], in sigma: spread between 0.1 and 2, one in ten images wrong (-1)."""
    radii = np.random.default_rng(seed).uniform(0.1, 2, len(images(run)))
    return np.where(np.arange(len(radii)) % 10 == 9, -1.0, radii)


def certify(run, radius, experiments=None, classes=10, lipschitz=None) -> None:
    """Write the certificates of all cases of `experiments` (default: all), for all their classifiers.

    radius(case, kind, number) -> [N] radii in units of sigma: of "member", "soft", "softmax" or "vote", `number` of the member or
    of members. Negative: wrong, or where it is below -1.5, abstained. Images are the run's, labels their numbers mod `classes`.
    lipschitz(case, kind, number) -> L of a classifier of patches, by which its radius is divided; 1 by default.
    """
    for case in run.cases:
        if experiments is not None and case.experiment not in experiments:
            continue
        for classifier in case.experiment.classifiers:
            kind = aggregation_of(classifier)
            radii, norm = np.asarray(radius(case, *kind), dtype=float), lipschitz(case, *kind) if lipschitz else 1.0
            storage.write_certificates(
                run.paths.certificates(*case.key, classifier), certificates(run, case, radii, classes, norm)
            )


def measure(run, what, rows) -> None:
    """Write what else is measured ("margins", "scores", "procedures") in all cases: rows(case) -> one dict for each row."""
    for case in run.cases:
        with storage.atomic(run.paths.measured(what, *case.key)) as temporary:
            pd.DataFrame(rows(case)).to_parquet(temporary)


def certificates(run, case, radii, classes=10, lipschitz=1.0) -> pd.DataFrame:
    """Certificates with these radii [N] (see `certify`), divided by L; their counts are those that give them, unrounded."""
    index, sample = images(run), run.config["sample"]
    label, right = index % classes, radii >= 0
    predict = np.where(right, label, np.where(radii < -1.5, -1, (label + 1) % classes))
    p_lower = special.ndtr(np.maximum(radii, 0))
    about = {"n": sample["n"], "n0": sample["n0"], "alpha": run.config["certify"]["alpha"], "sigma": case.level}
    about |= {"noise": case.experiment.noise, "dim": run.dim, "norm": 2}
    columns = {
        "idx": index,
        "label": label,
        "predict": predict,
        "radius": np.maximum(radii, 0) * case.level / lipschitz,
    }
    columns |= {"correct": right.astype(int), "time": "", "p_lower": p_lower, "n_top": (p_lower * sample["n"]).round()}
    about |= {"lift": "planted" if lipschitz > 1 else "identity", "lipschitz": lipschitz}
    return pd.DataFrame(columns | about).astype({"n_top": int})
