"""The benchmarks run, and their peers compute what they claim to; how fast they are is for `make bench` to say."""

import numpy as np
import pytest
import torch
from helpers import benchmark

import resmooth as rs


@pytest.fixture(scope="module")
def bench():
    with benchmark("bench_certify") as module:
        yield module


def test_every_part_reports_its_ratio(bench):
    cpu = torch.device("cpu")
    peers = bench.bench_peers("resnet8", 10, 40, 1, cpu)
    assert peers["over_literal"]["ratio"] > 0 and len(peers["seconds"]["ours"]) == 1
    assert set(peers["rows"]) == {"ours", "int8", "transfer"}
    assert all(row["over_literal"]["ratio"] > 0 and row["base_classifier"] for row in peers["rows"].values())
    ensemble = bench.bench_ensemble("resnet8", 64, 1, cpu)
    assert ensemble["over_bare_forward"]["ratio"] > 0 and ensemble["classifiers"] == 20
    assert bench.bench_exact("resnet8", 64, 1, cpu)["over_float"]["ratio"] > 0
    patches = bench.bench_patches("resnet8", 4, 1, cpu)
    assert [found["ratio"] > 0 for found in patches["over_bare_forward"].values()] == [True] * 3
    product = bench.bench_matrix_product("resnet8", 1, cpu)
    assert 0 < product["share"] and product["flops_per_image"] > 1e6
    result = {"machine": bench.machine(cpu), "arch": "resnet8", "n0": 10, "n": 40, "peers": peers}
    result |= {"ensemble": ensemble, "patches": patches, "exact_arithmetic": bench.bench_exact("resnet8", 9, 1, cpu)}
    bench.report(result | {"matrix_product": product})


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


def test_training_loops_are_compared_on_the_same_work(bench):
    import bench_train

    cpu = torch.device("cpu")
    split = bench_train.random_split(64)
    assert len(bench_train.Pictures(split)) == 64
    pixels, label = bench_train.Pictures(split)[3]
    assert pixels.shape == (3, 32, 32) and 0 <= pixels.min() and pixels.max() <= 1 and label == split.labels[3]
    loss, accuracy = bench_train.conventional_epoch(split, "resnet8", cpu, 0)()
    ours, accuracies = bench_train.our_epoch(split, "resnet8", cpu, bench_train.PLAIN)()
    assert (
        loss == pytest.approx(ours, rel=0.1) and 0 <= accuracy <= 1 and len(accuracies) == 1
    )  # one step from the same weights
    epoch = bench_train.bench_epoch("resnet8", 64, 1, cpu, 0)
    assert epoch["over_conventional"]["ratio"] > 0 and len(epoch["seconds"]["ours"]) == 1
    stacked = {
        name: bench_train.bench_stacked("resnet8", 8, recipe, 64, 1, cpu)
        for name, (_, _, recipe) in bench_train.STACKS.items()
    }
    assert all(found["over_singles"]["ratio"] > 0 for found in stacked.values())
    about = {"machine": bench.machine(cpu), "arch": "resnet8", "images": 64, "workers": 0}
    bench_train.report(about | {"epoch": epoch, "stacked": stacked})


def test_every_noise_is_timed(bench, monkeypatch):
    import bench_noise

    monkeypatch.setattr(bench_noise, "SHAPE", (4, 3, 32, 32))
    (row, *rows) = bench_noise.measure("cpu", 1, repetitions=1)
    assert row["noise"] == bench_noise.REFERENCE and row["ratio"] == 1 and all(each["ratio"] > 0 for each in rows)
    assert {each["noise"].split()[0] for each in rows} == set(rs.noise.FAMILIES)


def test_radii_under_input_dependent_smoothing_are_timed(bench, monkeypatch):
    import bench_idrs

    monkeypatch.setattr(bench_idrs, "RADII", 20)
    monkeypatch.setattr(bench_idrs, "SAMPLE", 2)
    row = bench_idrs.measure(784, repetitions=1)
    assert row["difference"] < 1e-8 and row["scipy_over_ours"] > 0 and row["seconds"]["ours alone"] > 0


def test_every_layout_of_a_video_network_is_timed(bench):
    import bench_video

    names = [f"{precision}, {layout}" for precision in ("float32", "bfloat16") for layout in bench_video.LAYOUTS]
    for arch, shape, count in (("resnet3d8", (16, 4, 1, 16, 16), 8), ("resnext3d101", (1, 2, 3, 32, 32), 6)):
        rows = {row["case"]: row for row in bench_video.measure(arch, shape, repetitions=1)}
        assert len(rows) == count and set(names) <= set(rows) and rows[bench_video.REFERENCE]["ratio"] == 1
        assert all(row["ratio"] > 0 for row in rows.values())
    first, *others = bench_video.cases("resnet3d8", (16, 4, 1, 16, 16)).items()
    with torch.inference_mode():
        expected = first[1]()
        for name, case in others:
            if "resnet8" not in name:
                torch.testing.assert_close(case().float(), expected, atol=0.05 * expected.abs().max().item(), rtol=0)
