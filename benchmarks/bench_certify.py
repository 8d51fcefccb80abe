"""How fast is certification? Ratios against two peers, on the same weights, in one process and one run.

    literal   the published algorithm read literally (Cohen et al. 2019): repeat, randn, float32, votes counted in Python
    toolbox   PyTorchRandomizedSmoothing of the adversarial-robustness-toolbox, as its documentation uses it
    ours      Smoothed.certify, in the precision that it chooses by itself
    int8      the same in 8-bit integers (on a CPU)
    transfer  the float32 network certified by the votes of int8, float32 being asked for a tenth of the copies

All select a class by n0 samples and bound its probability by n others, by Clopper-Pearson. Repetitions are interleaved, so that a
busy machine slows all alike; a ratio is that of the medians. Times alone mean nothing on another machine.

    python benchmarks/bench_certify.py                                              the CPU bars: ResNet-20, n0 + n = 4,100
    python benchmarks/bench_certify.py --arch resnet110 --n 100000 --repetitions 3  on a GPU
"""

import argparse
import functools
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import bench_samples
import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

import resmooth as rs
from resmooth import storage
from resmooth.smoothing.engine import count_votes
from resmooth.smoothing.streams import ESTIMATION

SIGMA, ALPHA, CLASSES, CHANNELS, SIZE = 0.5, 0.001, 10, 3, 32
MEMBERS = 5


def network(arch, seed, device, classes=CLASSES, size=SIZE):
    """An untrained network whose batch norms have seen noise: the speed does not depend on what it learned."""
    torch.manual_seed(seed)
    model = rs.models.build(arch, classes, CHANNELS, size).to(device)
    with torch.no_grad():
        model(torch.rand(64, CHANNELS, size, size, device=device))
    return model.eval()


def certify_literally(model, image, n0, n, batch=1000, classes=CLASSES):
    """CERTIFY as its pseudocode reads; the batch size of the authors' scripts."""

    def counts(samples):
        votes = np.zeros(classes, dtype=int)
        with torch.no_grad():
            while samples > 0:
                size = min(batch, samples)
                samples -= size
                copies = image.repeat((size, 1, 1, 1))
                noise = torch.randn_like(copies) * SIGMA
                for vote in model(copies + noise).argmax(1).cpu().numpy():
                    votes[vote] += 1
        return votes

    guess = counts(n0).argmax()
    lower = rs.bounds.clopper_pearson(counts(n)[guess], n, ALPHA)
    return (
        (-1, 0.0) if lower < 0.5 else (guess, rs.noise.make("normal", dim=image.numel(), sigma=SIGMA).radius(lower, 2))
    )


def toolbox(model, image, n0, n, classes=CLASSES):
    """A function that certifies `image` by the toolbox, or None where it is not installed."""
    try:
        from art.estimators.certification.randomized_smoothing import PyTorchRandomizedSmoothing
    except ImportError:
        print("adversarial-robustness-toolbox is not installed (make bench installs it): no comparison with it")
        return None
    smoothed = PyTorchRandomizedSmoothing(
        model,
        torch.nn.CrossEntropyLoss(),
        tuple(image.shape),
        classes,
        device_type="gpu" if image.is_cuda else "cpu",
        sample_size=n0,
        scale=SIGMA,
        alpha=ALPHA,
    )
    images = image.cpu().numpy()[None]
    return lambda: smoothed.certify(images, n=n, batch_size=128)


def our_ways(model, image, n0, n, precision, classes):
    """How we certify `image`: name -> (function, which base classifier it samples)."""
    noise = rs.noise.make("normal", dim=image.numel(), sigma=SIGMA)

    def smoothed(name):
        return rs.Smoothed(model, noise, classes, precision=name)

    def way(twin):
        return lambda: twin.certify(image[None], n0, n, ALPHA), twin.build(image.shape)

    ways = {"ours": way(smoothed(precision))}
    if image.is_cuda:
        return ways
    fast, exact = smoothed("int8"), smoothed("float32")
    ways["int8"] = way(fast)
    transfer = functools.partial(rs.transfer.certify, fast, exact, image[None], n0, n, max(1, n // 10), ALPHA)
    votes, certified = ways["int8"][1], exact.build(image.shape)
    return ways | {"transfer": (transfer, {key: f"{certified[key]} by {votes[key]}" for key in votes})}


def interleaved(functions, repetitions, device):
    """Seconds of each function, name -> list, taking turns after one warm-up each."""
    seconds = {name: [] for name in functions}
    for repetition in range(repetitions + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if repetition:
                seconds[name].append(time.perf_counter() - start)
    return seconds


def ratio(seconds, slow, fast):
    """Median of `slow` over median of `fast`, with the range over the repetitions."""
    each = [one / other for one, other in zip(seconds[slow], seconds[fast])]
    median = statistics.median(seconds[slow]) / statistics.median(seconds[fast])
    return {"ratio": median, "lowest": min(each), "highest": max(each)}


def bench_peers(arch, n0, n, repetitions, device, classes=CLASSES, size=SIZE, precision="auto"):
    """One image certified by each peer and by us, in `precision` and, on a CPU, in int8."""
    model, image = network(arch, 0, device, classes, size), torch.rand(CHANNELS, size, size, device=device)
    ways = our_ways(model, image, n0, n, precision, classes)
    functions = {
        "literal": lambda: certify_literally(model, image, n0, n, classes=classes),
        "toolbox": toolbox(model, image, n0, n, classes),
        **{name: call for name, (call, _) in ways.items()},
    }
    seconds = interleaved({name: call for name, call in functions.items() if call}, repetitions, device)
    rows = {}
    for name, (_, built) in ways.items():
        rate = (n0 + n) / statistics.median(seconds[name])
        rows[name] = {"images_per_second": rate, "base_classifier": built}
        rows[name] |= {f"over_{peer}": ratio(seconds, peer, name) for peer in ("literal", "toolbox") if peer in seconds}
    return rows["ours"] | {"rows": rows, "seconds": seconds}


def bench_ensemble(arch, n, repetitions, device):
    """All members, prefixes and aggregations of an ensemble, over the bare forward passes of its members."""
    image = torch.rand(CHANNELS, SIZE, SIZE, device=device)
    ensemble = rs.Ensemble([network(arch, seed, device) for seed in range(MEMBERS)])
    smoothed = rs.Smoothed(ensemble, rs.noise.make("normal", dim=image.numel(), sigma=SIGMA), CLASSES)
    images = smoothed.batch(smoothed.batch_size, image.shape)
    smoothed.stream(image, 0, 0, ESTIMATION).take(images)
    n = max(1, n // len(images)) * len(images)

    def bare():
        with torch.inference_mode():
            for _ in range(n // len(images)):
                for graph in smoothed.classifier.models:
                    graph(images)

    def everything():
        count_votes(smoothed, smoothed.classifier.votes, [(smoothed.stream(image, 0, 0, ESTIMATION), n)])

    seconds = interleaved({"bare": bare, "everything": everything}, repetitions, device)
    return {"over_bare_forward": ratio(seconds, "everything", "bare"), "classifiers": len(ensemble.names)}


def bench_patches(arch, patches, repetitions, device):
    """All reductions over the patches of an image, by noise space, over as many bare forward passes of the network."""
    model, image, found = network(arch, 0, device), torch.rand(CHANNELS, SIZE, SIZE, device=device), {}
    noise = rs.noise.make("normal", dim=image.numel(), sigma=SIGMA)
    for space in ("image", "resized", "patch"):
        classifier = rs.Patches(model, resize=SIZE + 4, patch=SIZE, patches=patches, noise_space=space)
        smoothed = rs.Smoothed(classifier, noise, CLASSES)
        smoothed.build(image.shape)
        [graph] = smoothed.classifier.models
        batch = torch.rand(smoothed.batch_size, *image.shape, device=device).to(graph.dtype, memory_format=graph.layout)

        def bare(graph=graph, batch=batch):
            with torch.inference_mode():
                for _ in range(4 * patches):
                    graph(batch)

        def everything(smoothed=smoothed):
            stream = smoothed.stream(image, 0, 0, ESTIMATION)
            count_votes(smoothed, smoothed.classifier.votes, [(stream, 4 * smoothed.batch_size)])

        found[space] = ratio(
            interleaved({"bare": bare, "everything": everything}, repetitions, device), "everything", "bare"
        )
    return {"patches": patches, "over_bare_forward": found}


def bench_exact(arch, n, repetitions, device):
    """Finite-arithmetic mode over the plain mode."""
    model, image = network(arch, 0, device), torch.randint(256, (1, CHANNELS, SIZE, SIZE), device=device) / 255
    functions = {}
    for arithmetic in ("float", "exact"):
        noise = rs.noise.make("normal", dim=image.numel(), sigma=SIGMA, arithmetic=arithmetic)
        smoothed = rs.Smoothed(model, noise, CLASSES)
        functions[arithmetic] = lambda smoothed=smoothed: smoothed.counts(image, n, seed=0)
    return {"over_float": ratio(interleaved(functions, repetitions, device), "exact", "float")}


def bench_matrix_product(arch, repetitions, device):
    """Share of the machine's matrix product rate, in the network's precision, that its forward passes reach: best of each."""
    model = network(arch, 0, device)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.rand(1, CHANNELS, SIZE, SIZE, device=device))
    smoothed = rs.Smoothed(model, rs.noise.make("normal", dim=CHANNELS * SIZE**2, sigma=SIGMA), CLASSES)
    images = smoothed.batch(smoothed.batch_size, (CHANNELS, SIZE, SIZE)).fill_(0.5)
    functions = {"network": torch.inference_mode()(lambda: smoothed.classifier(images))}
    sides = (4096, 8192) if device.type == "cuda" else (1024, 2048)
    for side in sides:
        a, b = (torch.rand(side, side, device=device).to(images.dtype) for _ in range(2))
        functions[side] = functools.partial(torch.matmul, a, b)
    best = {name: min(times) for name, times in interleaved(functions, 4 * repetitions, device).items()}
    product = max(2 * side**3 / best[side] for side in sides)
    reached = counter.get_total_flops() * len(images) / best["network"]
    return {"flops_per_image": counter.get_total_flops(), "product_flops": product, "share": reached / product}


def bench_memory(arch):
    """Peak resident memory, in MB, of processes on the CPU that sample one image n times with an ensemble (Linux)."""
    program = (
        "import sys, torch, resmooth as rs\n"
        "from resmooth.smoothing.engine import count_votes\n"
        "arch, n = sys.argv[1], int(sys.argv[2])\n"
        f"models = [rs.models.build(arch, 10, 3, 32) for _ in range({MEMBERS})]\n"
        "s = rs.Smoothed(rs.Ensemble(models), rs.noise.make('normal', dim=3072, sigma=0.5), 10)\n"
        "stream = s.stream(torch.rand(3, 32, 32), 0, 0, 1)\n"
        "count_votes(s, s.classifier.votes, [(stream, n)], [max(1, n // 1000)])\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )

    def peak(n):
        done = subprocess.run([sys.executable, "-c", program, arch, str(n)], capture_output=True, text=True, check=True)
        return float(done.stdout) / 1024

    return {str(n): peak(n) for n in (1000, 5000, 25_000)}


def machine(device):
    """What the figures were measured on."""
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            cpu = line.split(":", 1)[1].strip()
    about = {"cpu": cpu, "threads": torch.get_num_threads(), "torch": torch.__version__}
    return about | ({"gpu": torch.cuda.get_device_name(device)} if device.type == "cuda" else {})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="resnet20")
    parser.add_argument("--n0", type=int, default=100)
    parser.add_argument("--n", type=int, default=4000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--precision", default="auto", help="of ours, against the peers")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks/certify.json"))
    options = parser.parse_args()
    device = torch.device(options.device)
    sizes = (options.repetitions, device)
    result = {"machine": machine(device), "arch": options.arch, "n0": options.n0, "n": options.n}
    result["peers"] = bench_peers(options.arch, options.n0, options.n, *sizes, precision=options.precision)
    result["ensemble"] = bench_ensemble(options.arch, options.n, *sizes)
    result["patches"] = bench_patches(options.arch, 4, *sizes)
    result["exact_arithmetic"] = bench_exact(options.arch, options.n, *sizes)
    result["matrix_product"] = bench_matrix_product(options.arch, *sizes)
    if device.type == "cpu":
        result["peak_memory_mb"] = bench_memory(options.arch)
    report(result)
    result["samples"] = bench_samples.measure()
    storage.write_json(options.out, result)


def report(result):
    """Print the ratios, one line each."""

    def line(text, found, bar=""):
        found = f"{found['ratio']:6.2f}  ({found['lowest']:.2f} to {found['highest']:.2f})"
        print(f"{text:58} {found:30} {bar}")

    print(f"{result['arch']}, n0 = {result['n0']}, n = {result['n']}, {result['machine']}; the peers run in float32")
    for name, row in result["peers"]["rows"].items():
        built, bars = row["base_classifier"], ("bar 5 (CPU), aim 10 (GPU)", "bar 2.5") if name == "ours" else ("", "")
        print(f"{name}: {row['images_per_second']:.0f} noisy images/s in {built['precision']} ({built['engine']})")
        line("  times faster than the literal algorithm", row["over_literal"], bars[0])
        if "over_toolbox" in row:
            line("  times faster than adversarial-robustness-toolbox", row["over_toolbox"], bars[1])
    number = result["ensemble"]["classifiers"]
    line(
        f"{number} classifiers over {MEMBERS} bare forward passes", result["ensemble"]["over_bare_forward"], "bar 1.15"
    )
    for space, found in result["patches"]["over_bare_forward"].items():
        line(
            f"{result['patches']['patches']} patches, noise on the {space}, over as many bare passes", found, "bar 1.15"
        )
    line("exact arithmetic over float", result["exact_arithmetic"]["over_float"], "bar 1.3")
    product = result["matrix_product"]
    print(f"share of the matrix product rate ({product['product_flops'] / 1e12:.2f} TFLOP/s): {product['share']:.0%}")
    for n, megabytes in result.get("peak_memory_mb", {}).items():
        print(f"peak resident memory at n = {n}: {megabytes:.0f} MB (bar 1536)")


if __name__ == "__main__":
    main()
