"""The benchmarks run, and their peers compute what they claim to; how fast they are is for `make bench` to say."""

import sys

import numpy as np
import pytest
import torch
from helpers import ROOT

import resmooth as rs


@pytest.fixture(scope="module")
def bench():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import bench_certify

        yield bench_certify
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def test_every_part_reports_its_ratio(bench):
    cpu = torch.device("cpu")
    peers = bench.bench_peers("resnet8", 10, 40, 1, cpu)
    assert peers["over_literal"]["ratio"] > 0 and len(peers["seconds"]["ours"]) == 1
    ensemble = bench.bench_ensemble("resnet8", 64, 1, cpu)
    assert ensemble["over_bare_forward"]["ratio"] > 0 and ensemble["classifiers"] == 20
    assert bench.bench_exact("resnet8", 64, 1, cpu)["over_float"]["ratio"] > 0
    product = bench.bench_matrix_product("resnet8", 1, cpu)
    assert 0 < product["share"] and product["flops_per_image"] > 1e6
    result = {"machine": bench.machine(cpu), "arch": "resnet8", "n0": 10, "n": 40, "peers": peers, "ensemble": ensemble}
    bench.report(result | {"exact_arithmetic": bench.bench_exact("resnet8", 9, 1, cpu), "matrix_product": product})


def test_the_literal_algorithm_certifies_what_ours_does(bench):
    weights = torch.randn(3072, 10, generator=torch.Generator().manual_seed(0)) / 10
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(1))

    def linear(images):
        return images.flatten(1) @ weights

    torch.manual_seed(0)
    label, radius = bench.certify_literally(linear, image, 100, 5000)
    noise = rs.noise.make("normal", dim=3072, sigma=bench.SIGMA)
    ours = rs.Smoothed(linear, noise, 10).certify(image[None], 100, 5000, bench.ALPHA)
    assert label == ours.predict[0] >= 0
    assert radius == pytest.approx(ours.radius[0], abs=0.1)


def test_rules_are_compared_on_given_probabilities(bench):
    rows = bench.bench_samples.compare(np.tile([0.99, 0.01], (30, 1)))
    means = bench.bench_samples.summary(rows)
    assert means[bench.bench_samples.ADAPTIVE]["ratio"] == 1 and means["confidence sequence"]["ratio"] > 2
    assert all(mean["false_certificates"] == 0 for mean in means.values())
