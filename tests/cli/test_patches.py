"""Smooth-Reduce from the command line: sample --patches, then certify."""

import json

import numpy as np
import pytest
from helpers import assert_one_line_error

import resmooth as rs
from resmooth import storage
from resmooth.classifiers.checkpoint import load_model

PATCHES = {"resize": 9, "patch": 8, "sizes": [1, 4], "reduce": ["max", "mean"]}


@pytest.fixture(scope="session")
def sampled(command, digits_folder, checkpoints, tmp_path_factory):
    """sampled(space) -> the counts of 3 images under noise in that space."""
    folder = tmp_path_factory.mktemp("patches")

    def run(space, *options):
        out = folder / f"{space}{len(options)}.parquet"
        arguments = ("--sigma", 0.25, "--n0", 20, "--n", 300, "--out", out, "--threads", 1, "--precision", "float32")
        text = json.dumps(PATCHES | {"noise_space": space})
        shared = (digits_folder / "test.npz", 0, 30, "--step", 10, "--members", checkpoints[0])
        done = command("sample", *shared, *arguments, "--patches", text, *options)
        assert done.returncode == 0, done.stderr
        return out

    return run


@pytest.mark.parametrize("space", ["image", "resized", "patch"])
def test_certificates_hold_in_image_space(command, sampled, checkpoints, test_split, tmp_path, space):
    counts = sampled(space)
    done = command("certify", counts, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    names = ["centre", "max-4", "mean-4"]
    assert sorted(path.stem for path in tmp_path.glob("*.tsv")) == names
    frame, facts = storage.read_counts([counts])
    assert facts["patches"]["noise_space"] == space and list(facts["lipschitz"]) == names
    four, one = ([(0, 0), (0, 1), (1, 0), (1, 1)], [(0, 0)])
    for name, places in zip(names, (one, four, four), strict=True):
        table = storage.read_certificates(tmp_path / f"{name}.tsv")
        norm = rs.patches.operator_norm(8, 9, 8, places, space)
        assert np.allclose(table.lipschitz, norm, rtol=1e-12) and (table.lift.iloc[0] == "identity") == (
            space == "image"
        )
        raw = rs.noise.make("normal", 64, sigma=0.25).radius(table.p_lower, 2)
        assert np.allclose(table.radius, np.where(table.predict >= 0, raw / norm, 0))
    network = load_model(checkpoints[0])[0]
    if space == "image":  # the same copies whatever else one pass counts
        alone = rs.Smoothed(
            rs.Patches(network, 9, 8, reduce="max"), rs.noise.make("normal", 64, sigma=0.25), 10, precision="float32"
        )
        images = test_split.tensor([0, 10, 20])
        expected = alone.counts(images, 300, 0, [0, 10, 20]).numpy()
        assert np.array_equal(np.stack(frame[frame.classifier == "max-4"].counts), expected)


def test_finished_counts_are_kept_and_other_patches_are_other_counts(sampled, command, digits_folder, checkpoints):
    before = sampled("resized").stat().st_ino
    assert sampled("resized").stat().st_ino == before
    assert storage.read_counts([sampled("patch")])[1]["lift"]["max-4"] == "patches 8 of 9 at 0,0 0,1 1,0 1,1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{patch: 8, resize: 9, noise_space: image, layout: content}", "gives no certificate"),
        ("[1, 2]", "expected 'key: value' pairs"),
        ("{size: 4}", "expected 'key: value' pairs"),
        ("{patch: 8, resize: 9, sizes: [9]}", "9 different patches of 8 pixels do not fit an image of 9 pixels"),
        ("{patch: 7, resize: 9}", "the network was made for 8 pixels a side; patches: patch must be that"),
    ],
)
def test_errors_are_one_line(resmooth, digits_folder, checkpoints, tmp_path, text, words):
    shared = (digits_folder / "test.npz", 0, 10, "--members", checkpoints[0], "--sigma", 0.25, "--n0", 10, "--n", 50)
    done = resmooth("sample", *shared, "--out", tmp_path / "counts.parquet", "--patches", text)
    assert_one_line_error(done, words)
    assert not list(tmp_path.iterdir())


def test_patches_are_of_one_network(resmooth, digits_folder, checkpoints, tmp_path):
    members = [word for path in checkpoints[:2] for word in ("--members", path)]
    shared = (digits_folder / "test.npz", 0, 10, *members, "--sigma", 0.25, "--n0", 10, "--n", 50)
    done = resmooth("sample", *shared, "--out", tmp_path / "c.parquet", "--patches", "{patch: 8, resize: 9}")
    assert_one_line_error(done, "patches are of one network, not of 2")
