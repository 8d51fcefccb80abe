"""How long does it take to draw noise? Every family against torch.randn, on the same device, in one process and one run.

    python benchmarks/bench_noise.py

One draw is noise for 1,000 images of 3 x 32 x 32, in float32; where the noise depends on the image it is noise.perturbation of
1,000 8-bit images. Repetitions are interleaved, so that a busy machine slows all alike. A ratio is that of the medians; beside it
stands that of the fastest, which a busy machine disturbs less. On the CPU with 1 and 2 threads, and on a GPU if there is one.
Prints a table and writes results/benchmarks/noise.json.
"""

import argparse
import platform
import statistics
import time
from pathlib import Path

import torch

import resmooth as rs
from resmooth import storage

SHAPE = (1000, 3, 32, 32)
DIM = 3 * 32 * 32
SIGMA = {"mask": 0.9, "ablation": 0.95}  # shares of masked pixels
SIGMA_OF_OTHERS = 0.5
LABELS = {  # family: its cases, where one does not stand for all
    "normal": ("normal", "normal arithmetic=exact"),
    "expp": ("expp p=0.5", "expp p=1", "expp p=1.5", "expp p=4"),
    "exp1": ("exp1 k=0.5", "exp1 k=1", "exp1 k=2"),
    "exp2": ("exp2 k=1", "exp2 k=3"),
    "expinf": ("expinf k=1", "expinf k=2"),
    "mask": ("mask", "mask channels=3"),
    "ablation": ("ablation", "ablation channels=3"),
}
REFERENCE = "torch.randn"


def draws(device):
    """name -> a function of no arguments that makes one draw, for torch.randn and all cases of all families."""
    images = torch.randint(256, SHAPE, device=device).float() / 255

    def draw(label):
        name, parameters = rs.noise.parse(label)
        noise = rs.noise.make(name, DIM, sigma=SIGMA.get(name, SIGMA_OF_OTHERS), **parameters)
        if noise.additive:
            return lambda: noise.sample(SHAPE, device=device)
        return lambda: noise.perturbation(images)

    labels = [label for name in rs.noise.FAMILIES for label in LABELS.get(name, (name,))]
    return {REFERENCE: lambda: torch.randn(SHAPE, device=device), **{label: draw(label) for label in labels}}


def seconds(function, device):
    """Wall-clock time of one call, with all that it started on the device."""
    if device == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def measure(device, threads, repetitions):
    """Time all draws `repetitions` times in turn and print their ratios to torch.randn. Returns one dict for each."""
    torch.set_num_threads(threads)
    functions = draws(device)
    times = {name: [] for name in functions}
    for repetition in range(repetitions + 1):  # the first warms up
        for name, function in functions.items():
            elapsed = seconds(function, device)
            if repetition:
                times[name].append(elapsed)

    reference = times[REFERENCE]
    print(f"\n{device}, {threads} thread{'s' * (threads > 1)}, {repetitions} repetitions")
    print(f"{'noise':26s}{'median':>10s}{'ratio':>8s}  of the fastest")
    rows = []
    for name, values in times.items():
        ratio = statistics.median(values) / statistics.median(reference)
        fastest = min(values) / min(reference)
        print(f"{name:26s}{statistics.median(values) * 1e3:7.2f} ms{ratio:7.2f}x{fastest:8.2f}x")
        rows.append({"noise": name, "ratio": ratio, "ratio_of_fastest": fastest, "seconds": values})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    report = {"shape": SHAPE, "torch": torch.__version__, "cpu": platform.processor() or platform.machine()}
    report["cpu, 1 thread"] = measure("cpu", 1, repetitions)
    report["cpu, 2 threads"] = measure("cpu", 2, repetitions)
    if torch.cuda.is_available():
        report["gpu"] = torch.cuda.get_device_name()
        report["cuda"] = measure("cuda", 1, repetitions)
    storage.write_json(Path(__file__).parent.parent / "results" / "benchmarks" / "noise.json", report)


if __name__ == "__main__":
    main()
