"""Small runs of Smooth-Reduce with planted radii, for the tests of its exhibits."""

import math

import numpy as np
from exhibits import synthetic

SIGMAS = (0.25, 0.5)
ALL_SPACES = ("image", "resized", "patch")


def lipschitz(case, kind, number):
    """L of a classifier over patches: sqrt(k) for noise on each patch, 1.2 on the resized image, 1 on the image."""
    space = case.experiment.patches.get("noise_space", "image")
    return {"image": 1.0, "resized": 1.2, "patch": math.sqrt(max(number, 1) if kind in ("max", "mean") else 1)}[space]


def run(folder, spaces=ALL_SPACES, sizes=(4,), sigmas=SIGMAS, macer=True, images=60, seeds=1, **cut):
    """A run of a Gaussian network over patches, and of one by MACER at the first level, if `macer`; and a larger network.

    `cut`: further keys of the section `patches`.
    """
    patches = {"resize": 10, "patch": 8, "sizes": list(sizes), "noise_space": list(spaces)} | cut
    base = {"architectures": ["resnet8"], "recipes": ["gaussian"], "seeds": seeds, "patches": patches}
    other = {"architectures": ["resnet8"], "recipes": ["macer"], "seeds": 1}
    other["patches"] = patches | {"noise_space": ["patch"], "sigmas": [sigmas[0]]}
    groups = [base, *([other] if macer else [])]
    recipes = {name: {"method": name, "epochs": 1, "batch_size": 8} for name in ("gaussian", "macer", "smoothadv")}
    return synthetic.run(folder, ("resnet20",), 1, sigmas, images, groups, recipes=recipes)


def certify(run, gain, base=None):
    """Certify `run`: gain(case, kind, number) times the certified radius of a network, `base` [N] in sigma; -1 stays -1."""
    own = synthetic.base(run) if base is None else np.asarray(base, dtype=float)

    def radius(case, kind, number):
        factor = gain(case, kind, number) * lipschitz(case, kind, number) if case.experiment.patches else 1.0
        return np.where(own >= 0, own * factor * jitter(run, case, number), own)

    synthetic.certify(run, radius, lipschitz=lipschitz)


def jitter(run, case, number=0):
    """Factors close to 1 [N], so that no interval has width zero; other ones for each experiment, level and number of patches."""
    seed = sum(map(ord, case.experiment.name)) + int(1000 * case.level) + 7919 * number
    return np.random.default_rng(seed).normal(1, 0.02, len(synthetic.images(run)))
