"""A result: an ensemble of five ResNet-20 on CIFAR-10 at sigma 0.5, trained by the published recipe and certified.

Training continues after its last whole epoch and sampling after its last group of images, so that the time may come in pieces.
"""

import dataclasses
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from gpu.check_training import flags_restored

from resmooth import datasets, measure, metrics, storage
from resmooth.cli.train import network_manifest, read_recipe
from resmooth.measure import votes
from resmooth.smoothing.certify import certify_from_counts
from resmooth.training import loop
from resmooth.training.recipe import Recipe, at_sigma

ROOT = Path(__file__).parent.parent.parent
RECIPE = ROOT / "config" / "recipes" / "cifar10" / "gaussian.yaml"
SIGMA, ALPHA, N0, SEEDS = 0.5, 0.001, 100, range(5)
RADII = (0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
SIZES = {  # by the option --quick; epochs None: as the recipe says
    False: SimpleNamespace(arch="resnet20", epochs=None, precision="bfloat16", images=500, n=100_000),
    True: SimpleNamespace(arch="resnet8", epochs=1, precision="float32", images=5, n=200),
}


class LeftOut(Exception):
    """Why there is no result: one line."""


class TimeOver(Exception):
    """The time is over; what was finished is stored."""


def prepared(data, out):
    """The folder of a prepared data set: `data` (or a file in it), or CIFAR-10 from RESMOOTH_MIRROR or from data/."""
    if data is not None:
        return data if data.is_dir() else data.parent
    mirror, folder = os.environ.get("RESMOOTH_MIRROR"), out / "data"
    if (folder / "manifest.json").exists():
        return folder
    if not mirror and not (ROOT / "data" / "cifar-10-batches-py").is_dir():
        raise LeftOut("no CIFAR-10: name a prepared folder by --data, or an offline copy by RESMOOTH_MIRROR")
    try:
        datasets.prepare("cifar10", folder, ROOT / "data", mirror)
    except (OSError, ValueError) as error:
        raise LeftOut(str(error)) from None
    return folder


def recipe_of(size):
    """The published recipe, in mixed precision; at its own number of epochs, or scaled to another."""
    recipe = Recipe.from_dict(at_sigma(read_recipe(str(RECIPE)), SIGMA) | {"precision": size.precision})
    if size.epochs is None:
        return recipe
    milestones = tuple(epoch * size.epochs // recipe.epochs for epoch in recipe.milestones)
    return dataclasses.replace(recipe, epochs=size.epochs, milestones=milestones)


def train(folder, out, together, device, size, check_time):
    """The checkpoints of the ensemble, trained where they are missing: all side by side, or one after the other."""
    split, recipe = datasets.read(folder / "train.npz"), recipe_of(size)
    law, paths = measure.make_noise(split, "normal", SIGMA), [out / f"seed={seed}.safetensors" for seed in SEEDS]
    for seeds in [tuple(SEEDS)] if together else [(seed,) for seed in SEEDS]:
        identity = loop.run_identity(split, size.arch, law, recipe, seeds)
        if all(finished(paths[seed], identity, seed) for seed in seeds):
            continue
        state = out / f"state-{seeds[0]}-{seeds[-1]}"
        with flags_restored():
            networks, history = loop.train(split, size.arch, law, recipe, seeds, state, device, report=check_time)
        for number, seed in enumerate(seeds):
            storage.write_checkpoint(paths[seed], networks[number], network_manifest(identity, seeds, number, history))
        (state / loop.STATE).unlink()
    return paths


def finished(path, identity, seed):
    """Whether `path` is the checkpoint of `seed` in this training run."""
    return path.exists() and loop.is_finished(storage.read_manifest(path), identity, seed)


def sample(folder, paths, out, device, size, check_time):
    """Counts of all classifiers of the ensemble on images spread over the test set: (frame, the noise)."""
    split, smoothed, facts = measure.open_ensemble(folder / "test.npz", paths, "normal", SIGMA, device=str(device))
    indices = measure.images_in(0, len(split.labels), max(1, len(split.labels) // size.images), len(split.labels))
    indices = indices[: size.images]
    subject = measure.Subject(smoothed, split.tensor(indices), split.labels[indices], indices, 0, facts)
    measurement = votes.votes(subject, N0, size.n)
    state = out / "sampling"
    state.mkdir(parents=True, exist_ok=True)
    frame = measure.run(measurement, state, lambda done, total: check_time(f"{done} of {total} images sampled"))
    storage.write_counts(out / "counts.parquet", frame, measurement.identity)
    return frame, smoothed.noise


def certify(frame, law, out):
    """Certificates of every classifier, one file each, and their metrics: name -> dict."""
    found = {}
    for name, rows in frame.groupby("classifier", sort=False):
        made = certify_from_counts(np.stack(rows.counts0), np.stack(rows.counts), law, ALPHA)
        table = made.to_frame(rows.label, rows.idx)
        storage.write_certificates(out / "certificates" / f"{name}.tsv", table)
        accuracy = metrics.certified_accuracy(table, RADII)
        found[name] = {
            "acr": metrics.acr(table, "all"),
            "acr_se": metrics.acr_se(table, "all"),
            "abstains": float((table.predict == -1).mean()),
            "certified_accuracy": {str(radius): float(share) for radius, share in zip(RADII, accuracy)},
        }
    return found


def run(data, out, together, device, size, check_time):
    """The row of the result. LeftOut without data; `check_time(line)`, called after each step, may raise TimeOver."""
    folder = prepared(data, out)
    paths = train(folder, out / "models", together, device, size, check_time)
    histories = [storage.read_manifest(path)["history"] for path in paths]
    frame, law = sample(folder, paths, out, device, size, check_time)
    once = frame[frame.classifier == frame.classifier.iloc[0]]
    return {
        "arch": size.arch,
        "images": len(once),
        "n": size.n,
        "epochs": len(histories[0]),
        "stacked": together,
        "train_seconds": sum(epoch["seconds"] for own in histories[: 1 if together else None] for epoch in own),
        "seconds_per_image": float(once.seconds.mean()),
        "classifiers": certify(frame, law, out),
    }
