"""Small runs of Smooth-Reduce on clips with planted radii, for the tests of its exhibits."""

import numpy as np
from exhibits import synthetic

from resmooth.storage.names import aggregation_of

BOTH = ("image", "patch")
NORM = {16: 2.0, 32: 2.236}  # L of sub-videos of so many frames, with noise on each
DRAWS = {"start": 0, "stop": 3, "step": 1, "n": 100}


def run(folder, sizes=((4, (16,)), (2, (16, 32))), sigmas=(0.25, 0.5), images=60, spaces=BOTH, stride=4, **cut):
    """A run of images with one on clips within it: a network for each chunk, over sub-videos of these lengths.

    `cut`: further keys of the sections `sub_videos`.
    """
    sections = {"stride": stride, "noise_space": list(spaces)} | cut
    experiments = [
        {"architectures": ["resnet3d8"], "recipes": [f"gaussian_{chunk}"], "seeds": 1}
        | {"sub_videos": {"lengths": list(lengths)} | sections}
        for chunk, lengths in sizes
    ]
    training = {"method": "gaussian", "epochs": 1, "batch_size": 8}
    recipes = {f"gaussian_{chunk}": training | {"chunk": chunk} for chunk, _ in sizes}
    sample = {"split": "test", "start": 0, "stop": images, "step": 1, "shard": images, "n0": 10, "n": 100, "seed": 0}
    clips = {"dataset": "moving_digits", "experiments": experiments, "recipes": recipes, "sample": sample}
    return synthetic.run(folder, videos=clips | {"sigmas": list(sigmas), "draws": DRAWS})


def chunk(run, case):
    """Frames of the chunks that the network of a case sees."""
    return run.videos.recipe(case.experiment.base, case.sigma)["chunk"]


def lipschitz(case, kind, number):
    """L of a classifier over sub-videos; 1 of others."""
    return NORM[number] if case.experiment.sub_videos.get("noise_space") == "patch" else 1.0


def certify(run, gain, base=None):
    """Certify the clips of `run`: gain(chunk, kind, frames, sigma) times the radius `base` [N] in sigma; -1 stays -1.

    kind: "member", "max" or "mean"; frames: of a sub-video, 0 of a network alone. Gains are of what is certified.
    """
    own = synthetic.base(run.videos) if base is None else np.asarray(base, dtype=float)

    def radius(case, kind, number):
        frames = number if case.experiment.sub_videos else 0
        factor = gain(chunk(run, case), kind.removesuffix("_frames"), frames, case.level)
        seed = sum(map(ord, f"{case.experiment.name} {kind} {number}")) + int(1000 * case.level)
        jitter = np.random.default_rng(seed).normal(1, 0.02, len(own))  # no interval has width zero
        return np.where(own >= 0, own * factor * lipschitz(case, kind, number) * jitter, own)

    synthetic.certify(run.videos, radius, lipschitz=lipschitz)
    return run


def names(paths):
    """The classifiers in paths of certificates: {("max_frames", 16), ...}."""
    return {aggregation_of(path.rpartition("/")[2].removesuffix(".tsv")) for path in paths}
