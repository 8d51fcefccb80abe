"""What each of two processes does for test_distributed.py: torchrun distributed_worker.py FOLDER DIGITS COMMANDS.

After its own tests it runs the command line with each of the COMMANDS, a JSON list of lists of arguments.
"""

import json
import os
import socket
import sys
from pathlib import Path

import torch
from torch import distributed as communication
from torch import nn

import resmooth as rs
from resmooth import cli, datasets
from resmooth.training import batches, distributed, loop
from resmooth.training.objectives import OBJECTIVES
from resmooth.training.recipe import Recipe

METHODS = {
    "gaussian": {},
    "direct": {"noises": 2},
    "stability": {},
    "consistency": {"attack": {"epsilon": 0.5, "steps": 2}},
    "smoothadv": {"attack": {"epsilon": 0.5, "steps": 3, "method": "ddn"}, "noises": 2},
    "macer": {"noises": 2, "beta": 1.0},
    "smoothmix": {"steps": 2, "alpha": 0.5, "mix_step": 1},
}
NOISE = rs.noise.make("normal", dim=64, sigma=0.25)
RECIPE = Recipe(method="smoothmix", options={"steps": 1}, epochs=2, batch_size=64, learning_rate=0.02, crop=1)


class Given:
    """Noise and uniform numbers by the image, the same in whichever process the image is."""

    sigma = 0.25

    def __init__(self, seeds):
        self.seeds = seeds

    def __call__(self, images):
        rows = self.seeds.repeat_interleave(len(images) // len(self.seeds))
        copies = torch.arange(len(images)) % (len(images) // len(self.seeds))
        draws = [torch.Generator().manual_seed(int(seed * 100 + copy)) for seed, copy in zip(rows, copies)]
        return 0.25 * torch.stack([torch.randn(images.shape[1:], generator=one, dtype=images.dtype) for one in draws])

    def uniform(self, images):
        return (self.seeds * 0.618 % 1).to(images.dtype)


def problem():
    """(network without batch norm, images, labels) in float64."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Linear(256, 10)).double()
    return model, torch.rand(12, 1, 8, 8).double(), torch.arange(12) % 10


def gradients(method, numbers):
    """Gradients of the objective on the images with these `numbers`, averaged over the processes."""
    model, images, labels = problem()
    trained = distributed.parallel(model)
    draw = Given(numbers)
    loss, _ = OBJECTIVES[method](trained, images[numbers], labels[numbers], draw, 3, **METHODS[method])
    loss.backward()
    return [parameter.grad for parameter in model.parameters()]


class Interrupted(Exception):
    pass


def train_with_interruption(split, seeds, folder):
    """Train to the end, but once interrupted in the second epoch, in all processes."""
    whole_epoch = loop.run_epoch

    def interrupted(*arguments):
        if arguments[-1] == 1:
            raise Interrupted
        return whole_epoch(*arguments)

    loop.run_epoch = interrupted
    try:
        loop.train(split, "resnet8", NOISE, RECIPE, seeds, folder, report=lambda line: None)
        raise AssertionError("not interrupted")
    except Interrupted:
        loop.run_epoch = whole_epoch
    communication.barrier()
    return loop.train(split, "resnet8", NOISE, RECIPE, seeds, folder, report=lambda line: None)


def free_port():
    with socket.create_server(("localhost", 0)) as server:
        return str(server.getsockname()[1])


def main(folder, digits):
    result = {"rank": distributed.rank(), "processes": distributed.processes()}
    mine = torch.arange(12)[distributed.rank() :: 2]
    result["gradients"] = {method: gradients(method, mine) for method in METHODS}

    buffers = [torch.full((3,), 1.0 + 2 * distributed.rank()), torch.tensor(7 + distributed.rank())]
    distributed.average(buffers)
    result["buffers"], result["agreed"] = buffers, distributed.first(lambda: f"process {distributed.rank()}")

    split = datasets.read(digits / "train.npz")
    split = type(split)(**{**vars(split), "images": split.images[:160], "labels": split.labels[:160]})
    for name, seeds in (("one", [3]), ("two", [3, 8])):
        lines = []
        whole = loop.train(split, "resnet8", NOISE, RECIPE, seeds, folder / name / "whole", report=lines.append)
        parts = train_with_interruption(split, seeds, folder / name / "parts")
        result[name] = {"whole": whole, "parts": parts, "lines": lines}

    generator = torch.Generator().manual_seed(loop.epoch_seed(3, 1))
    result["order"] = batches.order(160, 64, generator, "cpu", distributed.rank(), 2)
    torch.save(result, folder / f"{distributed.rank()}.pt")


if __name__ == "__main__":
    torch.set_num_threads(1)
    commands = json.loads(sys.argv[3])
    with distributed.group(torch.device("cpu")):
        main(*map(Path, sys.argv[1:3]))
        ports = distributed.first(lambda: [free_port() for _ in commands])
    for sys.argv[1:], port in zip(commands, ports):  # the processes meet anew, as after a new start
        os.environ |= {"TORCHELASTIC_USE_AGENT_STORE": "False", "MASTER_PORT": port}
        try:
            cli.main()
        except SystemExit as ended:
            if ended.code:
                raise
