"""The engine: rewritten and compiled networks, batches that do not fit the memory, interrupted sampling, claiming a GPU."""

import contextlib
import functools
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from gpu.common import CHANNELS, CLASSES, finding, free, images_of, largest_pixel, network, noise_of, without_tf32

import resmooth as rs
from resmooth import measure
from resmooth.classifiers.inference import InferenceGraph
from resmooth.measure import votes
from resmooth.smoothing.engine import count_votes
from resmooth.smoothing.streams import ESTIMATION

LIMITS = {"float32": (1e-3, 0.995), "bfloat16": (0.2, 0.9)}  # precision: difference of scores, share of equal classes
CLAIM = """
import torch
from resmooth import device
names = device.gpu_names()
print(len(names), len(set(names)), sum(torch._C._cuda_hasPrimaryContext(number) for number in range(len(names))))
"""


def engines(device, precision="bfloat16"):
    """The engines that may run a network of this project on the device."""
    if device.type == "cuda":
        return ("triton", "compiled") if precision == "bfloat16" else ("compiled",)
    return ("onednn", "eager")


def check_rewriting(precision, device, size):
    """Two rewritten networks in turn against their uncompiled graphs: three full batches, whose scores must outlive the next
    call, and a short one."""
    generator, shape = torch.Generator(device).manual_seed(3), (CHANNELS, size.side, size.side)
    given = [torch.rand((n, *shape), device=device, generator=generator) for n in (*[size.batch] * 3, 7)]
    graphs = [InferenceGraph(network(size, seed, device=device), precision, device) for seed in range(2)]
    with without_tf32(), torch.inference_mode():
        for graph in graphs:
            graph.build(shape, size.batch)
        made = [graph(images) for images in given for graph in graphs]
        plain = [uncompiled(graph, images) for images in given for graph in graphs]
    found, expected = (each - each.mean(dim=1, keepdim=True) for each in (torch.cat(made), torch.cat(plain)))
    worst = ((found - expected).abs() / (expected.abs() + expected.abs().median())).max().item()
    agree = (found.argmax(dim=1) == expected.argmax(dim=1)).float().mean().item()
    wanted, (tolerance, least) = {f"{precision}/{engine}" for engine in engines(device, precision)}, LIMITS[precision]
    identities = {"/".join(graph.identity.values()) for graph in graphs}
    return finding(
        f"{' or '.join(sorted(wanted))}; scores within {tolerance:g}, at least {least:.1%} of classes as uncompiled",
        f"{', '.join(sorted(identities))}; scores within {worst:.2g}, {agree:.2%} of classes",
        identities <= wanted and worst <= tolerance and agree >= least,
    )


def check_convolutions(device, size):
    """Our convolutions in bfloat16, with all that they may add, against float32: two roundings of the last of eight bits."""
    if device.type == "cpu":
        return finding("a GPU", "none: nothing to compare", True)
    from resmooth.classifiers import convolutions

    found = {}
    for inputs, outputs in convolutions.TILES:
        for stride, relu, side in ((1, True, 32), (2, False, 9)):
            layer = torch.nn.Conv2d(inputs, outputs, 3, stride, 1, device=device, dtype=torch.bfloat16)
            features = torch.randn(size.images, inputs, side, side, device=device).bfloat16()
            with without_tf32(), torch.no_grad():
                exact = F.conv2d(features.float(), layer.weight.float(), layer.bias.float(), stride, 1)
                shortcut = torch.randn_like(exact).bfloat16()
                exact = (exact + shortcut.float()).relu() if relu else exact + shortcut.float()
                ours = convolutions.Convolution(layer, relu)(features, shortcut)
            found[inputs, outputs, stride] = ((ours.float() - exact).abs() / (exact.abs() + 0.1)).max().item()
    worst = max(found, key=found.get)
    return finding("within 0.01", f"within {found[worst]:.2g} ({worst}) in {len(found)} cases", found[worst] <= 0.01)


def uncompiled(graph, images):
    """The scores of an InferenceGraph's network, rewritten but neither compiled nor traced."""
    if graph.engine == "as given":
        return graph.network(images)
    rewritten = getattr(graph._rewritten[0], "_orig_mod", graph._rewritten[0])
    return rewritten(images.to(graph.dtype, memory_format=graph.layout)).float()


@contextlib.contextmanager
def little_memory(device, gigabytes):
    """Let this process have so much more GPU memory than it holds now."""
    if device.type != "cuda":
        yield
        return
    free(device)
    whole = torch.cuda.get_device_properties(device).total_memory
    share = (torch.cuda.memory_reserved(device) + gigabytes * 2**30) / whole
    torch.cuda.set_per_process_memory_fraction(min(1.0, share), device)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)


def greedy(function, device, size, bytes_each=0):
    """`function` of a batch, which also takes `bytes_each` of the GPU for every image; the CPU pretends to be out of memory."""

    def call(images):
        if device.type == "cuda":
            torch.empty(len(images) * bytes_each, dtype=torch.uint8, device=device)
        elif len(images) > size.huge // 3:
            raise torch.OutOfMemoryError("pretended")
        return function(images)

    return call


def check_halving(device, size):
    """Out of memory, with a classifier without arithmetic: halved batches, and other batches, give the same votes bit for bit."""
    images, noise, n = images_of(size, size.images), noise_of("normal", size), 2 * size.huge

    def smoothed(classifier, batch_size):
        return rs.Smoothed(classifier, noise, CLASSES, batch_size, device, "as given")

    expected = [smoothed(largest_pixel, number).counts(images, n, seed=0) for number in (100, 1000)]
    halved = smoothed(greedy(largest_pixel, device, size, 2**19), size.huge)
    with little_memory(device, 2):
        found = halved.counts(images, n, seed=0)
    equal = torch.equal(found, expected[0]) and torch.equal(found, expected[1])
    return finding(
        f"batches below {size.huge}, equal votes",
        f"batches of {halved.batch_size}, {'equal' if equal else 'DIFFERENT'} votes",
        equal and halved.batch_size < size.huge,
    )


def check_halving_network(device, size):
    """Out of memory in a rewritten network: it goes on in smaller batches, whose kernels may round otherwise and move votes."""
    model, noise, n = network(size, device=device), noise_of("normal", size), 2 * size.huge
    images = images_of(size, 2)

    def counts(smoothed, vote):
        streams = [(smoothed.stream(image, 0, number, ESTIMATION), n) for number, image in enumerate(images)]
        return torch.cat([each[0] for each in count_votes(smoothed, vote, streams)])

    fitting = rs.Smoothed(model, noise, CLASSES, size.batch, device)
    expected = counts(fitting, fitting.vote)
    del fitting
    with little_memory(device, 1.25):
        halved = rs.Smoothed(model, noise, CLASSES, size.huge, device)
        found = counts(halved, greedy(halved.vote, device, size))
    moved = (found - expected).abs().sum().item() / 2 / found.sum().item()
    return finding(
        f"batches below {size.huge}, at most 1 % of the votes moved",
        f"batches of {halved.batch_size}, {moved:.3%} moved",
        moved <= 0.01 and halved.batch_size < size.huge,
    )


def check_resuming(device, size):
    """Sampling stopped after two of the groups of images and started again ends with the counts of an undisturbed run."""
    models = [network(size, seed, device=device) for seed in range(2)]
    smoothed = rs.Smoothed(rs.Ensemble(models), noise_of("normal", size), CLASSES, 16, device)
    subject = measure.Subject(smoothed, images_of(size, size.images), [0] * size.images, range(size.images))
    measurement = votes.votes(subject, 10, max(200, size.samples // 10))

    def stop(done, total):
        if done >= 2:
            raise InterruptedError

    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as parts:
        expected = measure.run(measurement, whole)
        with contextlib.suppress(InterruptedError):
            measure.run(measurement, parts, stop, pause=0)
        kept = len(measure.driver.progress_of(measurement, parts).images)
        found = measure.run(measurement, parts)
    equal = all(np.array_equal(*pair) for pair in zip(found.by_step, expected.by_step, strict=True))
    return finding(
        f"2 of {size.images} images kept, equal counts",
        f"{kept} kept, {'equal' if equal else 'DIFFERENT'} counts",
        equal and kept == 2,
    )


def check_claiming(device, size):
    """Telling the GPUs apart, before one is claimed, takes no memory on any of them."""
    done = subprocess.run([sys.executable, "-c", CLAIM], capture_output=True, text=True)
    if done.returncode:
        return finding("UUIDs, and no context on a GPU", done.stderr.strip().splitlines()[-1], False)
    number, different, contexts = map(int, done.stdout.split())
    return finding(
        "a UUID for each GPU, and no context on any",
        f"{different} UUIDs of {number} GPUs, {contexts} contexts",
        different == number and not contexts and (number > 0 or device.type == "cpu"),
    )


CHECKS = {
    "our convolutions": check_convolutions,
    "rewritten network, bfloat16": functools.partial(check_rewriting, "bfloat16"),
    "rewritten network, float32": functools.partial(check_rewriting, "float32"),
    "out of memory, equal votes": check_halving,
    "out of memory in a network": check_halving_network,
    "sampling resumes": check_resuming,
    "GPUs told apart": check_claiming,
}
