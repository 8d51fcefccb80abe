"""The command line as a person uses it: interruptions, repetition, and what it says when something is wrong."""

import json
import os
import signal

import numpy as np
import pandas as pd
import pytest
from helpers import assert_one_line_error

from resmooth import storage
from resmooth.storage.journal import UNFINISHED

RECIPE = "{epochs: 3, batch_size: 64, learning_rate: 0.05, crop: 1}"


def train_arguments(digits_folder, out, *more):
    basic = ("train", digits_folder / "train.npz", "--arch", "resnet8", "--sigma", 0.25, "--recipe", RECIPE)
    return (*basic, "--threads", 1, "--out", out, *more)


def sample_arguments(digits_folder, checkpoints, out, start=0, stop=20, n=1200, batch_size=128):
    members = [word for path in checkpoints for word in ("--members", path)]
    sizes = ("--n0", 50, "--n", n, "--batch-size", batch_size, "--threads", 1, "--sigma", 0.25)
    return ("sample", digits_folder / "test.npz", start, stop, *members, *sizes, "--step", 2, "--out", out)


DIES = """
import os, signal
from resmooth.measure import driver
from resmooth.storage import Journal
from resmooth.training import loop

driver.PAUSE = 0  # stores every group
calls, (owner, name) = [], {"training": (loop, "save_state"), "sampling": (Journal, "add")}[WORK]
store = getattr(owner, name)

def store_or_die(*given):
    store(*given)
    calls.append(name)
    if len(calls) == TIMES:
        os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, store_or_die)
"""


def kill(resmooth, work, times, *arguments):
    """Run the command; kill -9 ends it as soon as it has stored its progress so many times."""
    done = resmooth(*arguments, code=f"WORK, TIMES = {work!r}, {times}\n{DIES}")
    assert done.returncode == -signal.SIGKILL, done.stderr


def certificates(resmooth, counts, out, *options):
    done = resmooth("certify", *counts, "--out", out, *options)
    assert done.returncode == 0, done.stderr
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


@pytest.fixture(scope="module")
def whole(resmooth, digits_folder, checkpoints, tmp_path_factory):
    """An undisturbed sampling run in one shard: (counts file, certificates)."""
    folder = tmp_path_factory.mktemp("whole")
    counts = folder / "counts.parquet"
    done = resmooth(*sample_arguments(digits_folder, checkpoints, counts))
    assert done.returncode == 0, done.stderr
    return counts, certificates(resmooth, [counts], folder / "certificates")


def test_a_killed_training_ends_like_an_undisturbed_one(resmooth, digits_folder, tmp_path):
    undisturbed, killed = tmp_path / "undisturbed.safetensors", tmp_path / "killed.safetensors"
    assert resmooth(*train_arguments(digits_folder, undisturbed)).returncode == 0
    state = tmp_path / "killed.safetensors.state" / "last.safetensors"
    for _ in range(2):
        kill(resmooth, "training", 1, *train_arguments(digits_folder, killed))
        assert state.exists() and not killed.exists()
    done = resmooth(*train_arguments(digits_folder, killed))
    assert done.returncode == 0, done.stderr
    assert killed.read_bytes() == undisturbed.read_bytes()
    assert not state.parent.exists()
    history = json.loads(killed.with_suffix(".json").read_text())["history"]
    assert [entry["epoch"] for entry in history] == [1, 2, 3]


def test_a_killed_sampling_keeps_its_finished_images(resmooth, digits_folder, checkpoints, whole, tmp_path):
    counts = tmp_path / "counts.parquet"
    state = tmp_path / "counts.parquet.state"
    arguments = sample_arguments(digits_folder, checkpoints, counts)
    kill(resmooth, "sampling", 4, *arguments)
    assert not counts.exists()
    with open(state / UNFINISHED, "ab") as file:
        file.write(b"PAR1")  # a part that the kill cut short
    kept = pd.concat([pd.read_parquet(path) for path in state.glob("*.part.parquet")]).drop_duplicates("idx")
    assert len(kept) == 4
    done = resmooth(*arguments)
    assert done.returncode == 0, done.stderr
    seconds = storage.read_counts([counts])[0].drop_duplicates("idx").set_index("idx").seconds
    assert all(seconds[row.idx] == row.seconds for row in kept.itertuples())  # not sampled again
    assert certificates(resmooth, [counts], tmp_path / "certificates") == whole[1]
    assert not state.exists()


def test_certificates_of_one_and_four_shards_are_identical_files(resmooth, digits_folder, checkpoints, whole, tmp_path):
    shards = [(0, 3), (3, 8), (8, 15), (15, 20)]
    paths = [tmp_path / f"{start}-{stop}.parquet" for start, stop in shards]
    for path, (start, stop) in zip(paths, shards):
        assert resmooth(*sample_arguments(digits_folder, checkpoints, path, start, stop)).returncode == 0
    assert certificates(resmooth, paths, tmp_path / "certificates") == whole[1]
    assert len(whole[1]) == 12  # three members; soft, softmax and vote of each prefix


def test_another_batch_size_changes_nothing(resmooth, digits_folder, checkpoints, whole, tmp_path):
    path = tmp_path / "counts.parquet"
    assert resmooth(*sample_arguments(digits_folder, checkpoints, path, batch_size=333)).returncode == 0
    assert certificates(resmooth, [path], tmp_path / "certificates") == whole[1]


@pytest.fixture(scope="module")
def fresh(resmooth, digits_folder, checkpoints, tmp_path_factory):
    """Counts of a run with fewer samples."""
    path = tmp_path_factory.mktemp("fresh") / "fresh.parquet"
    assert resmooth(*sample_arguments(digits_folder, checkpoints, path, n=500)).returncode == 0
    return path


@pytest.mark.parametrize("how", [("--alpha", 0.05), ("--bound", "randomized"), ("--bound", "chebyshev")])
def test_stored_counts_certify_again_as_if_sampled_afresh(resmooth, whole, fresh, how, tmp_path):
    again = certificates(resmooth, [whole[0]], tmp_path / "again", "--n", 500, *how)
    assert again == certificates(resmooth, [fresh], tmp_path / "fresh", *how)
    assert again != whole[1]


def test_a_prefix_that_was_not_kept_is_refused(resmooth, whole, tmp_path):
    for n, words in ((501, (whole[0], "every 2 samples")), (5000, (whole[0], "holds 1200 samples")), (0, ("not 0",))):
        done = resmooth("certify", whole[0], "--n", n, "--out", tmp_path / "certificates")
        assert_one_line_error(done, *words)
    assert not (tmp_path / "certificates").exists()


def test_counts_say_which_base_classifier_was_sampled(whole):
    facts = storage.read_counts([whole[0]])[1]
    assert facts["precision"] in ("float32", "bfloat16") and facts["arithmetic"] == "float" and facts["engine"]


def test_exact_arithmetic_from_the_command_line(resmooth, digits_folder, checkpoints, tmp_path):
    path = tmp_path / "counts.parquet"
    arguments = sample_arguments(digits_folder, checkpoints[:1], path, stop=10, n=200)
    done = resmooth(*arguments, "--arithmetic", "exact", "--precision", "float32")
    assert done.returncode == 0, done.stderr
    facts = storage.read_counts([path])[1]
    assert (facts["arithmetic"], facts["precision"]) == ("exact", "float32")
    assert resmooth("certify", path, "--out", tmp_path / "certificates").returncode == 0
    assert_one_line_error(resmooth(*arguments, "--arithmetic", "sloppy"), "sloppy")
    assert_one_line_error(resmooth(*arguments, "--precision", "float8"), "float8")


def decide_arguments(digits_folder, checkpoints, out, *more):
    members = [word for path in checkpoints for word in ("--members", path)]
    sizes = ("--n0", 20, "--n", 400, "--stage", 50, "--stage", 400, "--radius", 0.5, "--radius", 1)
    settings = ("--consensus", 2, "--sigma", 0.25, "--threads", 1)
    return ("decide", digits_folder / "test.npz", 0, 6, *members, *sizes, *settings, "--out", out, *more)


def test_decide_puts_every_image_through_every_procedure(resmooth, digits_folder, checkpoints, tmp_path):
    out = tmp_path / "procedures.parquet"
    done = resmooth(*decide_arguments(digits_folder, checkpoints, out))
    assert done.returncode == 0, done.stderr
    frame = pd.read_parquet(out)
    assert len(frame) == 6 * 2 * 4 * 2 and not frame.isna().any().any()
    assert set(frame.classifier) == {"soft-3", "consensus-2"}
    assert set(frame.rule) == {"fixed", "adaptive", "union_bound", "confidence_sequence"}
    assert set(frame.radius) == {0.125, 0.25}
    assert (frame[frame.rule == "fixed"].samples == 420).all()
    assert (frame[frame.classifier == "soft-3"].agreed == 1).all()
    assert frame[frame.classifier == "consensus-2"].agreed.between(0.01, 0.99).all()
    assert not (tmp_path / "procedures.parquet.state").exists()
    assert_one_line_error(resmooth(*decide_arguments(digits_folder, checkpoints[:2], out)), "consensus", "2 members")
    assert_one_line_error(
        resmooth(*decide_arguments(digits_folder, checkpoints, out, "--radius", -1)), "radius", "-0.25"
    )


def test_certificates_agree_with_the_python_interface(checkpoints, test_split, whole):
    import resmooth as rs
    from resmooth.classifiers.checkpoint import load_model

    models = [load_model(path)[0] for path in checkpoints]
    noise = rs.noise.make("normal", dim=64, sigma=0.25)
    smoothed = rs.Smoothed(rs.Ensemble(models), noise, 10, batch_size=128)
    index = [0, 2, 4]
    result = smoothed.certify(test_split.tensor()[index], n0=50, n=1200, alpha=0.001, seed=0, index=index)
    table = pd.read_csv(whole[0].parent / "certificates" / "soft-3.tsv", sep="\t")
    np.testing.assert_allclose(table.radius[:3], result.radius, rtol=1e-12)
    assert list(table.columns[:6]) == ["idx", "label", "predict", "radius", "correct", "time"]
    assert table.idx.tolist() == list(range(0, 20, 2)) and table.label.tolist() == test_split.labels[:20:2].tolist()


def test_first_member_is_every_prefix_of_one(whole):
    first = whole[1]["member-1.tsv"]
    assert all(whole[1][f"{kind}-1.tsv"] == first for kind in ("soft", "softmax", "vote"))
    assert whole[1]["soft-3.tsv"] != first


def test_a_finished_checkpoint_is_kept(resmooth, digits_folder, tmp_path):
    out = tmp_path / "model.safetensors"
    assert resmooth(*train_arguments(digits_folder, out)).returncode == 0
    before = out.stat().st_mtime_ns
    again = resmooth(*train_arguments(digits_folder, out))
    assert again.returncode == 0 and "is finished" in again.stderr
    assert_one_line_error(resmooth(*train_arguments(digits_folder, out, "--seed", 1)), out, "--replace")
    assert out.stat().st_mtime_ns == before
    forced = resmooth(*train_arguments(digits_folder, out, "--seed", 1, "--force"))
    assert forced.returncode == 0 and storage.read_manifest(out)["seed"] == 1


def test_a_state_folder_keeps_what_is_not_ours(resmooth, digits_folder, checkpoints, tmp_path):
    notes = tmp_path / "state" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    train = train_arguments(digits_folder, tmp_path / "m.safetensors", "--state", notes.parent)
    sample = (*sample_arguments(digits_folder, checkpoints, tmp_path / "c.parquet", n=100), "--state", notes.parent)
    assert resmooth(*train).returncode == resmooth(*sample).returncode == 0
    assert sorted(path.name for path in notes.parent.iterdir()) == ["lock", "notes.txt"]


def test_one_process_at_a_time(resmooth, digits_folder, tmp_path):
    out = tmp_path / "model.safetensors"
    with storage.exclusive(tmp_path / "model.safetensors.state"):
        assert_one_line_error(resmooth(*train_arguments(digits_folder, out)), "another process")


def test_divergence_is_one_line(resmooth, digits_folder, tmp_path):
    arguments = ("train", digits_folder / "train.npz", "--arch", "resnet8", "--sigma", 0.25)
    recipe = ("--recipe", "{epochs: 3, learning_rate: 1.0e+30}", "--out", tmp_path / "m.safetensors")
    assert_one_line_error(resmooth(*arguments, *recipe), "training diverged in epoch 1", "lower learning_rate")
    assert [path.name for path in tmp_path.iterdir()] in ([], ["m.safetensors.state"])


def test_mistakes_are_one_line_each_and_leave_nothing(resmooth, digits_folder, checkpoints, tmp_path):
    train = ("train", digits_folder / "train.npz", "--out", tmp_path / "m.safetensors", "--arch")
    assert_one_line_error(resmooth(*train, "resnet8", "--sigma", -0.5), "sigma must be a positive number, got -0.5")
    assert_one_line_error(resmooth(*train, "resnet9", "--sigma", 0.5), "unknown architecture 'resnet9'")
    assert_one_line_error(resmooth(*train, "resnet8", "--sigma", 0.5, "--recipe", "{epoch: 3}"), "unknown key 'epoch'")
    assert_one_line_error(resmooth(*train, "resnet8", "--sigma", 0.5, "--recipe", "none.yaml"), "no such recipe file")
    assert_one_line_error(resmooth(*train, "resnet8", "--sigma", 0.5, "--device", "cuda:7"), "cuda:7", "not available")
    missing = ("train", tmp_path / "none" / "train.npz", "--arch", "resnet8", "--sigma", 0.5, "--out", tmp_path / "x")
    assert_one_line_error(resmooth(*missing), "none/train.npz", "prepare the data first")
    named = ("train", digits_folder / "train.npz", "--arch", "resnet8", "--sigma", 0.5)
    assert_one_line_error(resmooth(*named, "--out", tmp_path / "m.json"), "m.json", "ends in .safetensors")
    twice = ("--out", tmp_path / "m.safetensors") * 2
    assert_one_line_error(
        resmooth(*named, "--seed", 0, "--seed", 1, *twice), "2 different seeds for 1 different checkpoints"
    )
    assert_one_line_error(resmooth(*named, *twice[:2], "--workers", -1), "workers must be at least 0")
    assert_one_line_error(resmooth(*train, "resnet8"), "Missing option '--sigma'", "resmooth train --help")
    assert_one_line_error(resmooth(*train, "resnet8", "--sigma", "much"), "--sigma", "--help")
    out = tmp_path / "c.parquet"
    twice = sample_arguments(digits_folder, [checkpoints[0], checkpoints[0]], out)
    assert_one_line_error(resmooth(*twice), "give each member once")
    assert_one_line_error(resmooth(*sample_arguments(digits_folder, checkpoints, tmp_path)), "is a folder")
    assert_one_line_error(resmooth(*sample_arguments(digits_folder, [tmp_path / "gone.safetensors"], out)), "gone")
    assert_one_line_error(resmooth(*sample_arguments(digits_folder, checkpoints, out, stop=501)), "0-501", "500 images")
    assert_one_line_error(resmooth(*sample_arguments(digits_folder, checkpoints, out, n=0)), "at least 1")
    assert_one_line_error(resmooth("certify", out, "--out", tmp_path / "t"), "c.parquet", "sample it first")
    assert_one_line_error(resmooth("data", "svhn", tmp_path / "svhn"), "unknown data set 'svhn'")
    mirrored = os.environ | {"RESMOOTH_MIRROR": str(tmp_path / "nowhere")}
    assert_one_line_error(resmooth("data", "mnist", tmp_path / "mnist", env=mirrored), "nowhere", "RESMOOTH_MIRROR")
    assert list(tmp_path.iterdir()) == []


def test_damaged_checkpoints_and_counts_are_refused(resmooth, digits_folder, checkpoints, whole, tmp_path):
    model = tmp_path / "model.safetensors"
    manifest = json.loads(checkpoints[0].with_suffix(".json").read_text())
    model.write_bytes(checkpoints[0].read_bytes()[:-10])
    model.with_suffix(".json").write_text(json.dumps(manifest))
    out = tmp_path / "c.parquet"
    assert_one_line_error(resmooth(*sample_arguments(digits_folder, [model], out)), model, "truncated or altered")
    model.write_bytes(checkpoints[0].read_bytes())
    model.with_suffix(".json").write_text(json.dumps(manifest | {"arch": "resnet14"}))
    assert_one_line_error(resmooth(*sample_arguments(digits_folder, [model], out)), "not those of resnet14")
    model.with_suffix(".json").write_text(json.dumps(manifest | {"image_size": 32}))
    assert_one_line_error(resmooth(*sample_arguments(digits_folder, [model], out)), "made for 1x32x32 images")
    counts = tmp_path / "0-40.parquet"
    counts.write_bytes(whole[0].read_bytes()[:-200])
    assert_one_line_error(resmooth("certify", counts, "--out", tmp_path / "t"), counts, "sample it again")
    assert_one_line_error(resmooth("certify", whole[0], whole[0], "--out", tmp_path / "t"), "more than one shard")
    assert not out.exists() and not (tmp_path / "t").exists()


def test_damaged_progress_is_refused(resmooth, digits_folder, checkpoints, tmp_path):
    model, counts = tmp_path / "m.safetensors", tmp_path / "c.parquet"
    folder, sample = tmp_path / "c.parquet.state", sample_arguments(digits_folder, checkpoints, counts)
    states = [tmp_path / "m.safetensors.state" / "last.safetensors", folder / "votes-00000000.part.parquet"]
    for state in states:
        state.parent.mkdir()
        state.write_bytes(b"not what it was\n")
    assert_one_line_error(resmooth(*train_arguments(digits_folder, model)), states[0], "delete this file")
    assert_one_line_error(resmooth(*sample), states[1], "delete this file")
    states[1].unlink()
    storage.Journal(folder, "votes", {"dataset": "another"}, ["idx"]).add([{"idx": 0}])
    assert_one_line_error(resmooth(*sample), "other settings", folder, "delete this folder")
    states[1].unlink()
    (folder / "images.jsonl").write_text('{"dataset": "another"}\n')
    assert_one_line_error(resmooth(*sample), "older version", folder / "images.jsonl", "delete this file")


@pytest.mark.parametrize(
    ("measuring", "name", "more"),
    [
        ("sample", "votes", ()),
        ("decide", "decisions", ("--radius", 0.5)),
        ("margins", "margins", ()),
        ("scores", "scores", ()),
        ("draws", "draws", ()),
        ("ddrs", "sigma", ("--iterations", 20)),
        ("ddrs", "claims", ("--iterations", 1)),
    ],
)
def test_every_measurement_keeps_its_progress_in_the_state_folder(
    resmooth, digits_folder, checkpoints, measuring, name, more, tmp_path
):
    """Progress of other work in that folder stops it; alone, it ends and leaves nothing there."""
    out, state = tmp_path / ("table.tsv" if measuring == "ddrs" else "table.parquet"), tmp_path / "state"
    basic = (measuring, digits_folder / "test.npz", 0, 3, "--members", checkpoints[0], "--sigma", 0.25, "--n", 50)
    arguments = (*basic, *more, "--threads", 1, "--state", state, "--out", out)
    with storage.exclusive(state):
        storage.Journal(state, name, {"dataset": "another"}, ["idx"]).add([{"idx": 0}])
    assert_one_line_error(resmooth(*arguments, "--seed", 1), "other settings", state)
    assert not out.exists()
    storage.finished(state)
    done = resmooth(*arguments)
    assert done.returncode == 0, done.stderr
    assert out.exists() and not state.exists()


def test_shards_sampled_differently_are_not_mixed(resmooth, digits_folder, checkpoints, whole, tmp_path):
    other = tmp_path / "other.parquet"
    assert resmooth(*sample_arguments(digits_folder, checkpoints, other, 40, 44, n=100)).returncode == 0
    assert_one_line_error(resmooth("certify", whole[0], other, "--out", tmp_path / "t"), "another n than")


def test_audit_without_connection_or_mirror_says_what_is_unchecked(resmooth, tmp_path):
    proxy = {"https_proxy": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""}
    offline = {key: value for key, value in os.environ.items() if key != "RESMOOTH_MIRROR"} | proxy
    arguments = ("audit", "--claims", "claims/lecture.csv", "--out", tmp_path, "--data-dir", tmp_path / "data")
    done = resmooth(*arguments, env=offline)
    assert done.returncode == 0 and "72 of 101 claims unchecked" in done.stderr
    assert (tmp_path / "index.html").exists()


def sample_noise(resmooth, digits_folder, checkpoints, out, noise, *more):
    sizes = ("--n0", 20, "--n", 200, "--threads", 1, "--sigma", 0.5, "--noise", noise, "--out", out)
    return resmooth("sample", digits_folder / "test.npz", 0, 6, "--members", checkpoints[0], *sizes, *more)


def read_member(folder):
    return pd.read_csv(folder / "member-1.tsv", sep="\t")


def test_another_noise_from_the_command_line(resmooth, digits_folder, checkpoints, tmp_path):
    from resmooth.noise import make

    counts = tmp_path / "counts.parquet"
    done = sample_noise(resmooth, digits_folder, checkpoints, counts, "exp1 k=2")
    assert done.returncode == 0, done.stderr
    assert storage.read_counts([counts])[1]["noise"] == "exp1 k=2"
    noise = make("exp1", dim=64, sigma=0.5, k=2)
    for norm, option in ((1, ()), (1, ("--norm", 1)), (2, ("--norm", 2)), (np.inf, ("--norm", "inf"))):
        folder = tmp_path / f"{norm}{len(option)}"
        done = resmooth("certify", counts, "--out", folder, *option)
        assert done.returncode == 0, done.stderr
        frame = read_member(folder)
        answered = frame[frame.predict >= 0]
        np.testing.assert_allclose(answered.radius, noise.radius(answered.p_lower, norm), rtol=1e-12)
        assert len(answered) and set(frame.noise) == {"exp1 k=2"} and set(frame.norm.astype(float)) == {norm}
    done = resmooth("certify", counts, "--norm", 0, "--out", tmp_path / "l0")
    assert_one_line_error(done, "l0", "exp1")
    assert not (tmp_path / "l0").exists()


def test_deterministic_splitting_from_the_command_line(resmooth, digits_folder, checkpoints, tmp_path):
    counts = tmp_path / "counts.parquet"
    done = sample_noise(resmooth, digits_folder, checkpoints, counts, "dssn template=3")
    assert done.returncode == 0, done.stderr
    resmooth("certify", counts, "--out", tmp_path / "tables")
    frame = read_member(tmp_path / "tables")
    assert_one_line_error(resmooth("certify", counts, "--n", 100, "--out", tmp_path / "few"), "all its 441 copies")
    assert (frame.n == 441).all() and (frame.n0 == 0).all() and (frame.alpha == 0).all() and (frame.predict >= 0).all()
    steps = frame.radius * 255
    np.testing.assert_allclose(steps, steps.round(), atol=1e-9)


def test_masks_are_of_whole_pixels(resmooth, digits_folder, checkpoints, tmp_path):
    counts = tmp_path / "counts.parquet"
    assert sample_noise(resmooth, digits_folder, checkpoints, counts, "ablation").returncode == 0
    resmooth("certify", counts, "--out", tmp_path / "tables")
    frame = read_member(tmp_path / "tables")
    assert set(frame.noise) == {"ablation channels=1"} and (frame.radius == frame.radius.round()).all()


@pytest.mark.parametrize(
    ("noise", "more", "words"),
    [
        ("cauchy", (), "unknown noise 'cauchy'"),
        ("exp1 k", (), "key=value"),
        ("laplace k=2", (), "laplace takes match"),
        ("lomax k=1.5", (), "no finite sigma"),
        ("laplace", ("--arithmetic", "exact"), "arithmetic"),
        ("exp1 k=-1", (), "k"),
    ],
)
def test_noise_that_cannot_be_is_refused(resmooth, digits_folder, checkpoints, tmp_path, noise, more, words):
    done = sample_noise(resmooth, digits_folder, checkpoints, tmp_path / "counts.parquet", noise, *more)
    assert_one_line_error(done, words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("recipe", "noise", "words"),
    [
        ("{method: macer}", "laplace", "macer"),
        ("{method: smoothadv, options: {attack: {epsilon: 0.5, steps: 1}}}", "mask", "depends on the image"),
    ],
)
def test_methods_that_need_another_noise_are_refused(resmooth, digits_folder, tmp_path, recipe, noise, words):
    basic = ("train", digits_folder / "train.npz", "--arch", "resnet8", "--sigma", 0.25, "--recipe", recipe)
    done = resmooth(*basic, "--noise", noise, "--out", tmp_path / "a.safetensors", "--threads", 1)
    assert_one_line_error(done, words)
    assert not list(tmp_path.rglob("*.safetensors"))
