"""Training: networks side by side against the same ones alone, interrupted runs, and every method on the device."""

import contextlib
import functools
import math
import tempfile
from pathlib import Path

import numpy as np
import torch
from bench_train import random_split
from gpu.common import ARCH, CPU, finding, noise_of, without_tf32

from resmooth.training import batches, loop
from resmooth.training.recipe import Recipe

PLAIN = Recipe(epochs=2, batch_size=64, learning_rate=0.02, milestones=(1,), crop=1, flip=True, channels_last=True)
ROUNDED = Recipe.from_dict(PLAIN.as_dict() | {"precision": "bfloat16"})
METHODS = {  # every training method: its options
    "gaussian": {},
    "direct": {"noises": 2},
    "stability": {},
    "consistency": {"lbd": 5.0},
    "smoothadv": {"noises": 2, "attack": {"epsilon": 0.5, "steps": 2}},
    "macer": {"noises": 4, "beta": 1.0},
    "smoothmix": {"steps": 2, "alpha": 0.5},
}


def one_epoch(seeds, recipe, device, size):
    """The networks of `seeds` trained together for an epoch: (module, loss)."""
    split = random_split(size.train, size.side)
    model = loop.initial_model(split, ARCH, recipe, seeds).to(device)
    optimizer = torch.optim.SGD(model.parameters(), recipe.learning_rate, 0.9, 0, 1e-3)
    source = batches.images_of(split, device)
    return model, loop.run_epoch(model, optimizer, source, noise_of("normal", size), recipe, seeds, 0)[0]


def check_stacked(device, size):
    """In float32 the weights of networks trained side by side, next to what training changed; in bfloat16 their losses."""
    seeds = (3, 0)
    with without_tf32(), flags_restored():
        torch.backends.cudnn.deterministic = True  # as `loop.train` asks: others round differently from run to run
        together, _ = one_epoch(seeds, PLAIN, device, size)
        worst = max(apart(seed, state, device, size) for seed, state in zip(seeds, together.states()))
    losses = [one_epoch((seed,), ROUNDED, device, size)[1] for seed in seeds]
    loss = abs(one_epoch(seeds, ROUNDED, device, size)[1] / np.mean(losses) - 1)
    return finding(
        "float32: weights within 0.01 of what training changed; bfloat16: losses within 0.03",
        f"weights within {worst:.2g}, losses within {loss:.2g}",
        worst <= 0.01 and loss <= 0.03,
    )


def apart(seed, state, device, size):
    """The largest distance of a tensor of `state` from that of the network of `seed` trained alone, next to its own change."""
    start = loop.initial_model(random_split(size.train, size.side), ARCH, PLAIN, (seed,)).state_dict()
    alone = one_epoch((seed,), PLAIN, device, size)[0].state_dict()
    moved = {name: (tensor.cpu() - start[name]).float().norm().item() for name, tensor in alone.items()}
    return max((state[name] - alone[name]).float().norm().item() / length for name, length in moved.items() if length)


def check_resuming(seeds, device, size):
    """A run stopped after its first epoch and started again ends with the weights of an undisturbed one, bit for bit."""
    train = functools.partial(
        loop.train, random_split(size.train, size.side), ARCH, noise_of("normal", size), PLAIN, seeds
    )

    def stop(line):
        raise InterruptedError

    with tempfile.TemporaryDirectory() as folder, flags_restored():
        run = functools.partial(train, device=device, report=lambda line: None)
        whole, _ = run(Path(folder, "whole"))
        again, _ = run(Path(folder, "again"))
        with contextlib.suppress(InterruptedError):
            run(Path(folder, "parts"), report=stop)
        parts, history = run(Path(folder, "parts"))

    def different(states):
        return sum(not torch.equal(one[name], other[name]) for one, other in zip(whole, states) for name in one)

    return finding(
        "2 epochs, 0 tensors different, and 0 in a second undisturbed run",
        f"{len(history)} epochs, {different(parts)} tensors different, and {different(again)} in a second undisturbed run",
        len(history) == 2 and not different(parts) and not different(again),
    )


@contextlib.contextmanager
def flags_restored():
    """`loop.train` asks cuDNN for repeatable kernels in the whole process; what is measured later must not inherit that."""
    before = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = before


def check_methods(device, size):
    """Every training method, in bfloat16: its loss in the first epoch on the device and on the CPU, under other noise."""
    found = {}
    for method, options in METHODS.items():
        recipe = Recipe.from_dict(ROUNDED.as_dict() | {"method": method, "options": options})
        here, there = (one_epoch((seed,), recipe, where, size)[1] for where, seed in ((CPU, 0), (device, 1)))
        found[method] = abs(there / here - 1) if math.isfinite(there) else math.inf
    worst = max(found, key=found.get)
    return finding("losses within a half of each other", f"at most {found[worst]:.2f} ({worst})", found[worst] <= 0.5)


CHECKS = {
    "stacked training": check_stacked,
    "training resumes": functools.partial(check_resuming, (0,)),
    "stacked training resumes": functools.partial(check_resuming, (4, 2)),
    "training methods": check_methods,
}
