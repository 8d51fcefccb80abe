"""How fast do video networks score chunks? Precisions and memory layouts against each other, on a CPU, in one run.

    python benchmarks/bench_video.py

Batches are 256 chunks of 4 x 1 x 16 x 16 for resnet3d8 and 16 of 16 x 3 x 112 x 112 for resnext3d101. Batch norm is folded in
all cases. They are float32 and bfloat16, each with weights in PyTorch's own order ("contiguous") and channels-last; "resmooth" is
what `InferenceGraph` chooses. Beside resnet3d8 stands the network for images, resnet8, on the frames of the same chunks. A ratio
is a time over that of float32 in PyTorch's order. Repetitions are interleaved, so that a busy machine slows all alike; beside the
ratio of the medians stands that of the fastest, which a busy machine disturbs less. One thread; --threads takes more.
Prints a table and writes results/benchmarks/video.json.
"""

import argparse
import copy
import functools
import platform
import statistics
import time
from pathlib import Path

import torch
from torch.fx.experimental.optimization import fuse

import resmooth as rs
from resmooth import storage
from resmooth.classifiers.inference import PRECISIONS, InferenceGraph, _to_bfloat16

BATCHES = {"resnet3d8": (256, 4, 1, 16, 16), "resnext3d101": (16, 16, 3, 112, 112)}
LAYOUTS = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last_3d}
REFERENCE = "float32, contiguous"


def cases(arch, shape):
    """name -> a function of no arguments that scores one batch of chunks of `shape` [B, T, C, H, W]."""
    torch.manual_seed(0)
    network, chunks = rs.models.build(arch, 10, *shape[2:4]).eval(), torch.rand(shape)
    found = {}
    for precision in ("float32", "bfloat16"):
        for layout, order in LAYOUTS.items():
            graph = fuse(copy.deepcopy(network))
            graph = (_to_bfloat16(graph) if precision == "bfloat16" else graph).to(memory_format=order)
            found[f"{precision}, {layout}"] = functools.partial(graph, chunks.to(PRECISIONS[precision]))
        found[f"{precision}, resmooth"] = rewritten(network, precision, chunks)
        if arch == "resnet3d8":
            images = rs.models.build("resnet8", 10, *shape[2:4]).eval()
            found[f"{precision}, resnet8 on the frames"] = rewritten(images, precision, chunks.flatten(0, 1))
    return found


def rewritten(network, precision, batch):
    """As `cases`, for a network by itself as `InferenceGraph` runs it."""
    graph = InferenceGraph(network, precision)
    graph.build(batch.shape[1:], len(batch))
    batch = batch.to(graph.dtype)
    return functools.partial(graph, batch)


def measure(arch, shape, repetitions):
    """Time all cases `repetitions` times in turn and print their ratios. Returns one dict for each."""
    functions = cases(arch, shape)
    times = {name: [] for name in functions}
    with torch.inference_mode():
        for repetition in range(repetitions + 1):  # the first warms up
            for name, function in functions.items():
                start = time.perf_counter()
                function()
                if repetition:
                    times[name].append(time.perf_counter() - start)

    reference = times[REFERENCE]
    print(f"\n{arch}, {shape[0]} chunks of {' x '.join(map(str, shape[1:]))}, {torch.get_num_threads()} threads")
    print(f"{'':34s}{'median':>12s}{'ratio':>8s}  of the fastest")
    rows = []
    for name, values in times.items():
        ratio = statistics.median(values) / statistics.median(reference)
        fastest = min(values) / min(reference)
        print(f"{name:34s}{statistics.median(values) * 1e3:9.1f} ms{ratio:7.2f}x{fastest:8.2f}x", flush=True)
        rows.append({"case": name, "ratio": ratio, "ratio_of_fastest": fastest, "seconds": values})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    report = {"torch": torch.__version__, "cpu": platform.processor() or platform.machine(), "batches": BATCHES}
    report["threads"] = arguments.threads
    report |= {arch: measure(arch, shape, arguments.repetitions) for arch, shape in BATCHES.items()}
    storage.write_json(Path(__file__).parent.parent / "results" / "benchmarks" / "video.json", report)


if __name__ == "__main__":
    main()
