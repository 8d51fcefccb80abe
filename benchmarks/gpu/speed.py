"""How fast the GPU is used: certification against its peers, the share of what the hardware can do, and training.

A measurement is a function (device, size, rows) -> dict of numbers; `rows` holds what was measured before it. A certification
that does not run as it should ("problem") counts as a failed check; speeds are never asserted, TARGETS stands beside them.
"""

import dataclasses
import functools
import statistics
import time
from types import SimpleNamespace

import bench_certify
import bench_train
import torch
from gpu.check_engine import engines
from gpu.check_training import flags_restored
from torch.utils.flop_counter import FlopCounterMode

import resmooth as rs
from resmooth.classifiers import inference
from resmooth.smoothing.streams import ESTIMATION, Stream

N0, EPOCH, MEMBERS = 100, 50_000, 5
SIZES = {  # by the option --quick
    # sides of matrix products, bytes to copy, repetitions; a network to train, side and number of its images
    False: SimpleNamespace(
        products=(8192, 16_384), copied=2**32, repetitions=2, arch="resnet20", side=32, images=EPOCH
    ),
    True: SimpleNamespace(products=(128, 256), copied=2**20, repetitions=1, arch="resnet8", side=8, images=256),
}
NETWORKS = {  # by --quick: architecture: (classes, image side, n)
    False: {"resnet20": (10, 32, 100_000), "resnet110": (10, 32, 100_000), "resnet50": (1000, 224, 10_000)},
    True: {"resnet8": (10, 8, 200)},
}
TARGETS = {  # aims on an H100
    "certify resnet110": "10x the literal algorithm or more, 0.5 s or less (floor layer by layer: about 0.16 s)",
}


def rates(device, size, rows):
    """What the hardware does: the best bfloat16 matrix product, and the best copy, which reads and writes the memory."""
    functions = {}
    for side in size.products:
        a, b = (torch.rand(side, side, device=device).bfloat16() for _ in range(2))
        functions[2 * side**3] = functools.partial(torch.matmul, a, b)
    source = torch.zeros(size.copied, dtype=torch.uint8, device=device)
    functions["copy"] = functools.partial(torch.empty_like(source).copy_, source)
    seconds = bench_certify.interleaved(functions, 8, device)
    copied = 2 * size.copied / min(seconds.pop("copy"))
    return {"product_flops": max(flops / min(each) for flops, each in seconds.items()), "bytes_per_second": copied}


def certify(arch, shape, device, size, rows):
    """One image certified literally, by the toolbox and by us, in turns; and which share of the hardware's rates that is."""
    classes, side, n = shape
    peers = bench_certify.bench_peers(arch, N0, n, size.repetitions, device, classes, side)
    median = {name: statistics.median(each) for name, each in peers["seconds"].items()}
    model = bench_certify.network(arch, 0, device, classes, side)
    flops, moved = work_of(model, torch.rand(1, bench_certify.CHANNELS, side, side, device=device))
    row = {
        "n": n,
        "seconds": median["ours"],
        "literal_seconds": median["literal"],
        "toolbox_seconds": median.get("toolbox", "not installed"),
        "over_literal": peers["over_literal"],
        "over_toolbox": peers.get("over_toolbox", "not installed"),
        "noise_seconds": noise_seconds(side, n, device),
        "fingerprint_seconds": timed(lambda: inference._fingerprint(model), device),  # of every call of `certify`
        "flops_per_image": flops,
        "bytes_per_image": moved,
        **peers["base_classifier"],
    }
    known = rows.get("rates", {})
    if "product_flops" in known:
        row["share_of_product"] = flops * n / row["seconds"] / known["product_flops"]
        row["share_of_bandwidth"] = moved * n / row["seconds"] / known["bytes_per_second"]
        row["floor_seconds"] = moved * n / known["bytes_per_second"]
    if row["engine"] not in engines(device):
        row["problem"] = f"runs {row['engine']} in {row['precision']}; expected {' or '.join(engines(device))}"
    return row


def work_of(model, image):
    """(floating-point operations, bytes moved in bfloat16) of a pass of one image, layer by layer: a convolution or linear layer
    reads its input and writes its output; a residual sum, fused with the last of them, reads its other term."""
    numbers = []

    def count(module, inputs, output):
        layer = isinstance(module, (torch.nn.Conv2d, torch.nn.Linear))
        numbers.append(output.numel() + (inputs[0].numel() if layer else 0))

    parts = [each for each in model.modules() if isinstance(each, (torch.nn.Conv2d, torch.nn.Linear)) or residual(each)]
    hooks = [each.register_forward_hook(count) for each in parts]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    for hook in hooks:
        hook.remove()
    return counter.get_total_flops(), 2 * sum(numbers)


def residual(module):
    """Whether a module adds a shortcut: one of our blocks, or of torchvision's."""
    return hasattr(module, "shortcut") or hasattr(module, "downsample")


def timed(function, device):
    """Seconds that `function` takes, with all that it starts on the device."""
    start = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start


def noise_seconds(side, n, device):
    """Seconds to draw the n noisy copies of an image into batches, and no more."""
    image = torch.rand(bench_certify.CHANNELS, side, side, device=device)
    noise = rs.noise.make("normal", dim=image.numel(), sigma=bench_certify.SIGMA)
    smoothed = rs.Smoothed(torch.nn.Identity(), noise, 2, device=device, precision="as given")
    batch = torch.empty((min(n, smoothed.batch_size), *image.shape), dtype=torch.bfloat16, device=device)
    batch = batch.contiguous(memory_format=torch.channels_last)
    stream = Stream(noise, image, 0, 0, ESTIMATION)

    def draw():
        for _ in range(-(-n // len(batch))):
            stream.take(batch)

    timed(draw, device)
    return timed(draw, device)


def train(precision, device, size, rows):
    """Seconds to an epoch of EPOCH images, of one network and of five side by side, in batches of 256."""
    recipe, row = dataclasses.replace(bench_train.OURS, precision=precision), {"arch": size.arch}
    split, few = (bench_train.random_split(images, size.side) for images in (size.images, size.images // 20))
    with flags_restored():
        torch.backends.cudnn.deterministic = True  # as `loop.train` asks
        for name, seeds in (("single", (0,)), ("stacked", tuple(range(MEMBERS)))):
            bench_train.our_epoch(few, size.arch, device, recipe, seeds)()
            seconds = timed(bench_train.our_epoch(split, size.arch, device, recipe, seeds), device)
            row[f"{name}_seconds"] = seconds * EPOCH / size.images
    row["stacked_over_singles"] = MEMBERS * row["single_seconds"] / row["stacked_seconds"]
    return row


def measurements(quick):
    """name -> measurement, in the order that tells most first."""
    certified = {f"certify {arch}": functools.partial(certify, arch, shape) for arch, shape in NETWORKS[quick].items()}
    trained = {f"train, {precision}": functools.partial(train, precision) for precision in ("bfloat16", "float32")}
    return {"rates": rates, **certified, **trained}
