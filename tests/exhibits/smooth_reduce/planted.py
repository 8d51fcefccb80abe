"""A small run with planted certificates of Smooth-Reduce: a network, its patches in each noise space, an ensemble."""

import numpy as np
from exhibits import synthetic

SPACES = ("image", "resized", "patch")
NORM = {"image": 1.0, "resized": 1.25, "patch": 2.4}  # of four patches
GAIN = {"image": 1.1, "resized": 1.0, "patch": 1.5}  # planted: the radius as published over that of the network alone
PATCHES = [
    {"resize": 9, "patch": 8, "sizes": [4]},
    {"resize": 10, "patch": 8, "sizes": [4, 9], "noise_space": ["patch"]},
]


def run(folder, gain=GAIN, seeds=2, sigmas=(0.25, 0.5), images=100, radius=None, patches=PATCHES, **sections):
    """The run, its certificates written: over patches gain times the network's radii, divided by L, or `radius`."""
    made = synthetic.run(folder, seeds=seeds, sigmas=sigmas, images=images, patches=patches, **sections)
    base = synthetic.base(made)

    def planted(case, kind, number):
        space = case.experiment.patches.get("noise_space")
        if not space:
            return base * (1.05 if kind == "soft" else 1.0)
        more = 1 if kind == "centre" else np.sqrt(number / 4) * (1.02 if kind == "mean" else 1.0)
        return np.where(base < 0, base, base * gain[space] * more)

    synthetic.certify(made, radius or planted, lipschitz=norm)
    return made


def norm(case, kind, number):
    """L of a classifier over patches; 1 of others."""
    space = case.experiment.patches.get("noise_space")
    if not space or space == "image":
        return 1.0
    return NORM[space] * (np.sqrt(number / 4) if space == "patch" and kind != "centre" else 1.0)
