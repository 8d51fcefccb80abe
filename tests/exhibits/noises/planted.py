"""Certificates under any noise, with planted shares of votes for the label of each image: no network."""

import numpy as np
from exhibits import synthetic

from resmooth import noise, storage
from resmooth.smoothing.certify import certify_from_counts

CLASSES, N0, N = 4, 50, 400


def counts_of(share, label, total) -> np.ndarray:
    """Counts [N, K] of `total` votes: the rounded `share` of them for the label, the others for the next class."""
    right = np.rint(np.asarray(share) * total).astype(int)
    counts = np.zeros((len(label), CLASSES), dtype=int)
    counts[np.arange(len(label)), label] = right
    counts[np.arange(len(label)), (label + 1) % CLASSES] = total - right
    return counts


def certify(run, share, alpha=0.001) -> None:
    """Write the certificates of the first network of all cases; share(case) -> [N] shares of votes for the labels."""
    index = synthetic.images(run)
    label = index % CLASSES
    for case in run.cases:
        law = noise.from_label(case.experiment.noise, run.dim, case.level)
        total = law.passes or N
        counts = counts_of(share(case), label, total)
        counts0 = counts_of(share(case), label, N0)
        found = certify_from_counts(counts0, counts, law, alpha, law.norms[0])
        storage.write_certificates(run.paths.certificates(*case.key, "member-1"), found.to_frame(label, index))


def sure(run, least=0.55, most=0.999, seed=0) -> np.ndarray:
    """Shares [N] spread between `least` and `most`."""
    return np.random.default_rng(seed).uniform(least, most, len(synthetic.images(run)))


def group(noises, sigmas=(0.5,), recipes=("gaussian",)) -> dict:
    """A group of experiments of a config."""
    return {
        "architectures": ["resnet8"],
        "recipes": list(recipes),
        "noise": list(noises),
        "sigmas": list(sigmas),
        "seeds": 1,
    }


def publish(run, dataset="cifar10", value=40) -> None:
    """Write the file of published numbers: two radii of two methods on `dataset`."""
    import pandas as pd

    rows = [
        {
            "id": f"{method}-{radius}",
            "source": "noises",
            "item": "certified_accuracy",
            "dataset": dataset,
            "method": method,
        }
        | {"metric": "certified_accuracy_l1", "radius": radius, "printed": str(value)}
        for method in ("Laplace (Teng et al.)", "Uniform", "Uniform + stability")
        for radius in (0.25, 0.5)
    ]
    rows.append({"id": "other", "source": "noises", "item": "masking", "method": "a formula", "printed": "1"})
    with storage.atomic(run.paths.published_claims) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)
