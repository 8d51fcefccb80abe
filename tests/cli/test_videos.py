"""Videos from the command line: train on chunks, sample clips whole and over sub-videos, certify."""

import json

import numpy as np
import pytest
from helpers import assert_one_line_error

import resmooth as rs
from resmooth import datasets, storage
from resmooth.classifiers.checkpoint import load_model

SUB_VIDEOS = {"lengths": [16, 32], "stride": 8, "reduce": ["max", "mean"]}
RECIPE = "{chunk: 4, epochs: 2, batch_size: 256, learning_rate: 0.05, milestones: [], noise_steps: 1}"


@pytest.fixture(scope="session")
def clips(command, tmp_path_factory):
    """A folder with prepared moving digits, and in it the checkpoint of a network of chunks."""
    folder = tmp_path_factory.mktemp("clips")
    datasets.prepare("moving_digits", folder)
    shared = (folder / "train.npz", "--arch", "resnet3d8", "--sigma", 0.5, "--threads", 1, "--device", "cpu")
    done = command("train", *shared, "--recipe", RECIPE, "--out", folder / "network.safetensors")
    assert done.returncode == 0, done.stderr
    return folder


def sample(command, clips, out, *options, images=(0, 30)):
    shared = (clips / "test.npz", *images, "--step", 10, "--members", clips / "network.safetensors")
    arguments = ("--sigma", 0.5, "--n0", 5, "--n", 40, "--threads", 1, "--precision", "float32")
    return command("sample", *shared, *arguments, "--out", out, *options)


def test_the_checkpoint_says_how_many_frames_its_network_sees(clips):
    _, manifest = load_model(clips / "network.safetensors")
    assert manifest["frames"] == 4 and manifest["recipe"]["noise_steps"] == 1


def test_a_clip_is_certified_by_the_mean_over_its_chunks(command, clips, tmp_path):
    done = sample(command, clips, tmp_path / "counts.parquet")
    assert done.returncode == 0, done.stderr
    frame, facts = storage.read_counts([tmp_path / "counts.parquet"])
    assert (facts["frames"], facts["chunks"], facts["dim"]) == (48, [4], 48 * 256)
    network, _ = load_model(clips / "network.safetensors")
    video = rs.Smoothed(rs.Video(network, 4), rs.noise.make("normal", 48 * 256, sigma=0.5), 10, precision="float32")
    given = datasets.read(clips / "test.npz").tensor([0, 10, 20])
    expected = video.counts(given, 40, 0, [0, 10, 20]).numpy()
    assert np.array_equal(np.stack(frame[frame.classifier == "member-1"].counts), expected)


@pytest.mark.parametrize("space", ["image", "patch"])
def test_sub_videos_are_certified_in_the_space_of_the_clip(command, clips, tmp_path, space):
    out = tmp_path / "counts.parquet"
    done = sample(command, clips, out, "--sub-videos", json.dumps(SUB_VIDEOS | {"noise_space": space}))
    assert done.returncode == 0, done.stderr
    done = command("certify", out, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    names = ["max_frames-16", "max_frames-32", "mean_frames-16", "mean_frames-32"]
    assert sorted(path.stem for path in tmp_path.glob("*.tsv")) == names
    frame, facts = storage.read_counts([out])
    assert facts["sub_videos"]["noise_space"] == space and sorted(facts["lipschitz"]) == names
    assert frame[["classifier", "aggregation", "frames"]].drop_duplicates().values.tolist() == [
        ["max_frames-16", "max", 16],
        ["max_frames-32", "max", 32],
        ["mean_frames-16", "mean", 16],
        ["mean_frames-32", "mean", 32],
    ]
    for name, norm in zip(names, (2**0.5, 3**0.5) * 2):
        table = storage.read_certificates(tmp_path / f"{name}.tsv")
        assert np.allclose(table.lipschitz, norm if space == "patch" else 1)
        raw = rs.noise.make("normal", 48 * 256, sigma=0.5).radius(table.p_lower, 2)
        assert np.allclose(table.radius, np.where(table.predict >= 0, raw / table.lipschitz, 0))


@pytest.mark.parametrize(
    ("option", "text", "words"),
    [
        ("--sub-videos", "{length: 16}", "expected 'key: value' pairs of lengths, noise_space, reduce, stride"),
        ("--sub-videos", "{lengths: [16", "sub-videos: not valid YAML"),
        ("--sub-videos", "{lengths: [2], stride: 1}", "sub-videos of 2 frames hold no chunk of 4; choose longer ones"),
        ("--sub-videos", "{lengths: [16], noise_space: resized}", "noise_space must be one of image, patch"),
        ("--patches", "{patch: 16, resize: 18}", "patches are cut from images, and the data set holds clips"),
    ],
)
def test_what_cannot_be_cut_is_refused_in_one_line(command, clips, tmp_path, option, text, words):
    done = sample(command, clips, tmp_path / "counts.parquet", option, text)
    assert_one_line_error(done, words)
    assert not list(tmp_path.glob("*.parquet"))


def test_images_have_no_sub_videos(command, digits_folder, checkpoints, tmp_path):
    shared = (digits_folder / "test.npz", 0, 10, "--members", checkpoints[0], "--sigma", 0.25, "--threads", 1)
    done = command(
        "sample", *shared, "--out", tmp_path / "counts.parquet", "--sub-videos", "{lengths: [16], stride: 4}"
    )
    assert_one_line_error(done, "sub-videos are cut from clips, and the data set holds images")


def test_networks_of_images_and_of_chunks_are_not_mixed_up(command, clips, digits_folder, checkpoints, tmp_path):
    done = command(
        "sample", digits_folder / "test.npz", 0, 10, "--members", clips / "network.safetensors", "--sigma", 0.5, "--out",
        tmp_path / "counts.parquet",
    )  # fmt: skip
    assert_one_line_error(done, "made for 1x16x16 images of 10 classes, but digits has 1x8x8")
    shared = (digits_folder / "train.npz", "--arch", "resnet3d8", "--sigma", 0.5, "--out", tmp_path / "a.safetensors")
    assert_one_line_error(command("train", *shared), "resnet3d8 is not a network of images")
    shared = (clips / "train.npz", "--arch", "resnet3d8", "--sigma", 0.5, "--out", tmp_path / "a.safetensors")
    assert_one_line_error(command("train", *shared), "chunk=0, and moving_digits holds clips")
