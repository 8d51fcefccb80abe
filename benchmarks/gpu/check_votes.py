"""Votes and certificates of the device against the CPU's, and the other measurements on images."""

import copy
import tempfile

import numpy as np
import torch
from gpu.common import (
    ALPHA,
    CLASSES,
    CPU,
    SIGMA,
    finding,
    from_one_law,
    homogeneity,
    images_of,
    largest_pixel,
    network,
    noise_of,
    without_tf32,
)
from scipy import stats

import resmooth as rs
from resmooth import measure
from resmooth.measure import ddrs, decisions, margins, scores
from resmooth.smoothing.engine import count_votes
from resmooth.smoothing.streams import ESTIMATION

SAMPLED = (
    ("normal", {}),
    ("normal", {"arithmetic": "exact"}),
    ("laplace", {}),
)  # noises under which votes are compared


def subject_of(device, size, seed=0, members=2, precision="float32"):
    """A `measure.Subject`: images under an ensemble of untrained networks on `device`. `seed`: of the noise."""
    models = [network(size, number, device=device) for number in range(members)]
    smoothed = rs.Smoothed(rs.Ensemble(models), noise_of("normal", size), CLASSES, None, device, precision)
    return measure.Subject(smoothed, images_of(size, size.images), [0] * size.images, range(size.images), seed)


def votes_of(subject, noise, n):
    """Counts [images, classifiers, K] of n noisy copies of each image, by every classifier."""
    smoothed = copy.copy(subject.smoothed)  # the same networks: compiled once
    smoothed.noise = noise
    streams = [(smoothed.stream(subject.images[i], subject.seed, i, ESTIMATION), n) for i in subject.indices]
    return np.stack([counts[:, 0].numpy() for counts in count_votes(smoothed, smoothed.classifier.votes, streams)])


def check_votes(device, size):
    """Votes of all classifiers of an ensemble, in float32: one test over images and classes for each noise and classifier."""
    groups = []
    with without_tf32():
        here, there = subject_of(CPU, size, 0), subject_of(device, size, 1)
        for name, parameters in SAMPLED:
            noise = noise_of(name, size, **parameters)
            first, second = (votes_of(subject, noise, size.samples).swapaxes(0, 1) for subject in (here, there))
            groups += [[homogeneity(*pair) for pair in zip(*both)] for both in zip(first, second)]
    return from_one_law(groups, f"votes, {size.images} images, n = {size.samples}")


def check_radii(device, size):
    """Certificates made on the device equal those that its counts give, where they lie on the CPU and where on the device."""
    found = []
    for name in ("normal", "laplace", "uniform", "exp2"):
        noise = noise_of(name, size)
        smoothed = rs.Smoothed(largest_pixel, noise, CLASSES, device=device, precision="as given")
        made = smoothed.certify(images_of(size, size.images), 50, size.samples, 0.001)
        for where in (CPU, device):
            counts0, counts = (torch.from_numpy(each).to(where) for each in (made.counts0, made.counts))
            again = rs.certify_from_counts(counts0, counts, noise, 0.001, noise.norms[0])
            found.append(np.array_equal(again.radius, made.radius) and np.array_equal(again.predict, made.predict))
    return finding("equal radii and classes", f"{sum(found)} of {len(found)} tables equal", all(found))


def check_procedures(device, size):
    """certify, certify_at, certify_within and predict, on the device and on the CPU, never contradict each other."""
    with without_tf32():
        first, second = (answers(where, seed, size) for where, seed in ((CPU, 0), (device, 1)))
    answered = (first >= 0) & (second >= 0)
    against = int((answered & (first != second)).sum())
    return finding(
        f"no contradiction, some answers in each of {len(first)} procedures",
        f"{against} among {answered.sum(axis=1).tolist()} answers that both give",
        not against and answered.any(axis=1).all(),
    )


def answers(device, seed, size):
    """Classes [4, images] by the four procedures, -1 where they abstain; each wrong with probability at most ALPHA / 100."""
    images, options = images_of(size, size.images), {"n": size.samples, "alpha": ALPHA / 100, "seed": seed}
    model = network(size, lead=3.0, device=device)
    smoothed = rs.Smoothed(model, noise_of("normal", size), CLASSES, precision="float32")
    return np.array(
        [
            smoothed.certify(images, 50, **options).predict,
            smoothed.certify_at(images, 0.01, **options).predict,
            smoothed.certify_within(images, 0.5, **options).predict,
            smoothed.predict(images, **options),
        ]
    )


def check_scores(device, size):
    """Mean softmax scores of the device and of the CPU, in standard errors."""
    with without_tf32():
        first, second = (mean_scores(where, seed, size) for where, seed in ((CPU, 0), (device, 1)))
    error = np.sqrt((first[1] + second[1]) / size.samples)
    worst, limit = np.max(np.abs(first[0] - second[0]) / error), stats.norm.isf(ALPHA / 2 / error.size)
    return finding(f"means at most {limit:.1f} standard errors apart", f"{worst:.1f}", worst <= limit)


def mean_scores(device, seed, size):
    """(mean softmax scores, their variances) of an ensemble's classifiers on all images: arrays [rows, K]."""
    with tempfile.TemporaryDirectory() as folder:
        table = measure.run(scores.scores(subject_of(device, size, seed), 50, size.samples), folder)
    return np.stack(table["mean"]), np.stack(table["variance"])


def check_measurements(device, size):
    """Every other measurement runs on the device, and all its numbers are finite."""
    subject, n = subject_of(device, size), size.samples
    single = network(size, device=device)
    smoothed = rs.Smoothed(single, noise_of("normal", size), CLASSES)
    alone = measure.Subject(smoothed, subject.images, subject.labels, subject.indices)
    sizes = {"alpha": 0.01, "n0": 20, "n": n, "stages": [100, n]}
    with tempfile.TemporaryDirectory() as folder:
        tables = {
            "margins": measure.run(margins.margins(subject, n), folder),
            "decisions": measure.run(decisions.decisions(subject, [0.1], sizes, 1), folder),
            "ddrs": ddrs.ddrs(alone, single, folder, SIGMA, 20, n, 0.01, iterations=3, samples=2),
        }
    broken = [name for name, table in tables.items() if not len(table) or not all(map(finite, table.to_numpy().flat))]
    return finding("finite numbers", f"{', '.join(broken) or 'none'} broken of {', '.join(tables)}", not broken)


def finite(value):
    """Whether a number, or all of a list, is finite; words are."""
    return isinstance(value, str) or bool(np.isfinite(np.asarray(value, dtype=float)).all())


CHECKS = {
    "votes in distribution": check_votes,
    "radii from equal counts": check_radii,
    "procedures": check_procedures,
    "soft scores": check_scores,
    "other measurements": check_measurements,
}
