"""What the checks share: their sizes, small networks, images and noises, and the tests that compare two samples.

A check is a function (device, size) -> dict(expected, seen, passed): what should be, what was, and whether they agree. Chance
decides some of them: such a check fails on a right machine with probability at most ALPHA, shared by Bonferroni among its
comparisons. The networks are untrained: what they compute does not matter, only that both sides compute it.
"""

import contextlib
import gc
from types import SimpleNamespace

import numpy as np
import torch
from scipy import stats

import resmooth as rs

ALPHA = 1e-4
ARCH, CLASSES, CHANNELS, SIGMA = "resnet8", 10, 3, 0.5
CPU = torch.device("cpu")
SIZES = {  # by the option --quick
    # image side, vectors of noise, images, samples of each, a batch that fits, one that does not, training images
    False: SimpleNamespace(side=32, vectors=10_000, images=4, samples=10_000, batch=256, huge=2**14, train=512),
    True: SimpleNamespace(side=8, vectors=1000, images=3, samples=300, batch=32, huge=256, train=64),
}
NOISES = {  # family: (level, shape parameters), where it is not (SIGMA, none)
    "mask": (0.6, {"channels": CHANNELS}),
    "ablation": (0.6, {"channels": CHANNELS}),
    "expp": (SIGMA, {"p": 1.5}),
    "exp1": (SIGMA, {"k": 2.0}),
    "exp2": (SIGMA, {"k": 3.0}),
    "expinf": (SIGMA, {"k": 2.0}),
}


def finding(expected, seen, passed):
    """What a check returns."""
    return {"expected": expected, "seen": seen, "passed": bool(passed)}


def images_of(size, number):
    """8-bit images [number, C, H, W] as floats, on the CPU."""
    shape = (number, CHANNELS, size.side, size.side)
    return torch.randint(256, shape, generator=torch.Generator().manual_seed(5)) / 255


def noise_of(name, size, **parameters):
    """The noise of a family for these images, at its level in NOISES."""
    level, own = NOISES.get(name, (SIGMA, {}))
    return rs.noise.make(name, CHANNELS * size.side**2, sigma=level, **own, **parameters)


def network(size, seed=0, lead=0.0, device=CPU):
    """An untrained network whose scores under noise have mean 0 (of class 0: `lead`) and deviation 1, so that classes share
    the votes."""
    torch.manual_seed(seed)
    model = rs.models.build(ARCH, CLASSES, CHANNELS, size.side)
    noisy = images_of(size, 128) + SIGMA * torch.randn(128, CHANNELS, size.side, size.side)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # the statistics of this one batch
    with torch.no_grad():
        model(noisy)
        spread, centre = torch.std_mean(model.eval()(noisy), dim=0)
        model[-1].weight /= spread[:, None]
        model[-1].bias.sub_(centre).div_(spread)
        model[-1].bias[0] += lead
    return model.to(device)


def largest_pixel(images):
    """A classifier without arithmetic, so that equal noise means equal votes: which of ten pixels is the largest."""
    return torch.nn.functional.one_hot(images.flatten(1)[:, :CLASSES].argmax(dim=1), CLASSES).float()


@contextlib.contextmanager
def without_tf32():
    """Convolutions in float32 proper: by default cuDNN rounds what they multiply to ten bits (TF32)."""
    before, torch.backends.cudnn.allow_tf32 = torch.backends.cudnn.allow_tf32, False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def free(device):
    """Give back the GPU memory that compiled graphs and caches hold."""
    if device.type == "cuda":
        torch.compiler.reset()
        gc.collect()
        torch.cuda.empty_cache()


def homogeneity(first, second):
    """(statistic, degrees of freedom) of the chi-square test that two tables of counts [K] share a law; rare cells are one."""
    table = np.array([first, second])
    common = table.sum(axis=0) >= 20
    table = np.column_stack([table[:, common], table[:, ~common].sum(axis=1)])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 0.0, 0
    found = stats.chi2_contingency(table, correction=False)
    return found.statistic, found.dof


def from_one_law(groups, what):
    """The finding that two samples are from one law. `groups`: lists of independent `homogeneity` results, each list one test of
    their sum; Bonferroni among the lists."""
    totals = [np.sum(group, axis=0) for group in groups]
    values = [stats.chi2.sf(statistic, freedom) for statistic, freedom in totals if freedom]
    p = min(1.0, len(values) * min(values, default=0.0))
    return finding(f"one law of {what}: p above {ALPHA:g}", f"p = {p:.2g} over {len(values)} tests", p > ALPHA)
