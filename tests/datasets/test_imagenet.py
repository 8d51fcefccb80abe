"""The ImageNet path, on a hundred real photographs where there is a mirror and on small generated images elsewhere."""

import os
import random
import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets import ImageFolder

from resmooth import cli, datasets, models, storage
from resmooth.datasets.image_split import random_crop
from resmooth.measure import images_in

NAMES = ["ant", "bee", "cat"]


def photograph(seed, size=(60, 40), mode="RGB"):
    """A smooth coloured picture, another one for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)


def lay_out(root, names=NAMES, images=2):
    """An ImageFolder layout of small JPEGs below `root`."""
    for number, name in enumerate(names):
        for part, folder in enumerate(["train", "val"]):
            (root / folder / name).mkdir(parents=True)
            for image in range(images):
                photograph([number, part, image]).save(root / folder / name / f"{name}_{image}.JPEG")


def prepare(copy, folder, classes=3):
    """Prepare `copy`/imagenet into `folder`; the validation split."""
    datasets.prepare("imagenet", folder, copy, classes=classes)
    return datasets.read(folder / "test.npz")


@pytest.fixture
def copy(tmp_path):
    """A folder with an ImageNet of three classes and twelve small images."""
    lay_out(tmp_path / "copy" / "imagenet")
    return tmp_path / "copy"


@pytest.fixture(scope="module")
def sample(mirror):
    """The photographs: (folder, table with class index and file)."""
    folder = mirror / "imagenet-sample"
    return folder, pd.read_csv(folder / "labels.csv").sort_values("index")


@pytest.fixture(scope="module")
def photographs(sample, tmp_path_factory):
    """One photograph for each of 100 classes, in train and in val, prepared: (root, prepared folder)."""
    (folder, table), copy = sample, tmp_path_factory.mktemp("photographs")
    for name, file in zip(table.wnid, table.file):
        for part in ("train", "val"):
            (copy / "imagenet" / part / name).mkdir(parents=True)
            (copy / "imagenet" / part / name / file).symlink_to(folder / file)
    datasets.prepare("imagenet", copy / "data", copy, classes=100)
    return copy / "imagenet", copy / "data"


def test_the_evaluation_images_are_those_of_torchvision(photographs):
    root, data = photographs
    split = datasets.read(data / "test.npz")
    cut = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])
    reference = ImageFolder(root / "val", cut)
    assert len(split) == len(reference) == 100
    assert [entry[0] for entry in reference.samples] == [str(root / os.fsdecode(path)) for path in split.paths]
    assert split.labels.tolist() == reference.targets == list(range(100))
    images = split.tensor()
    assert images.shape == (100, 3, 224, 224) and images.dtype == torch.float32
    assert all(torch.equal(image, entry[0]) for image, entry in zip(images, reference))
    for numbers in ([7, 3], np.array([7, 3]), slice(7, 2, -4), torch.tensor([7, 3])):
        assert torch.equal(split.tensor(numbers), images[[7, 3]])
    assert split.tensor([]).shape == (0, 3, 224, 224)


def test_the_members_of_both_kinds_of_split_agree(photographs, test_split):
    split = datasets.read(photographs[1] / "test.npz")
    for one in (split, test_split):
        assert len(one) == len(one.labels) and one.labels.dtype == np.int64 and one.split == "test"
        assert one.tensor([1]).shape[1:] == (one.description.channels, *(one.description.image_size,) * 2)
        assert one.dataset in datasets.DATASETS and len(one.order_sha256) == 64
    about = split.description
    assert (about.num_classes, about.image_size, about.mean) == (100, 224, (0.485, 0.456, 0.406))
    mean = split.tensor().mean(dim=(0, 2, 3)).numpy()
    np.testing.assert_allclose(mean, about.mean, atol=0.04)  # a hundred photographs


def test_every_hundredth_validation_image_is_the_one_of_the_literature(sample, mirror, tmp_path):
    """A whole validation set, 50 images in each of 1,000 classes: the photographs at their true class, others between them."""
    folder, table = sample
    root, pool = tmp_path / "imagenet", tmp_path / "pool"
    pool.mkdir()
    for number, file in enumerate(table.file[:50]):
        (pool / f"{number:02}.JPEG").symlink_to(folder / file)
    (root / "train").mkdir(parents=True)
    for name, file in zip(table.wnid, table.file):
        (root / "val" / name).mkdir(parents=True)
        for number in range(50):
            (root / "val" / name / f"ILSVRC2012_val_{number:08}.JPEG").symlink_to(folder / file)
        (root / "train" / name).symlink_to(root / "val" / name)
        for number in range(1, 10):
            for part in ("train", "val"):
                (root / part / f"{name}_{number}").symlink_to(pool)
    datasets.prepare("imagenet", tmp_path / "data", tmp_path)
    split = datasets.read(tmp_path / "data" / "test.npz")
    assert len(split) == 50_000 and (split.labels == np.arange(50_000) // 50).all()
    reference = ImageFolder(root / "val")
    assert [entry[0] for entry in reference.samples] == [str(root / os.fsdecode(path)) for path in split.paths]
    chosen = images_in(0, 50_000, 100, len(split))
    published = mirror / "published_logs/locuslab/smoothing/imagenet/resnet50/noise_0.50/test/sigma_0.50.tsv"
    log = storage.read_certificates(published)
    assert log.idx.tolist() == chosen and log.label.tolist() == split.labels[chosen].tolist()
    for index, file in list(zip(table["index"], table.file))[::25]:
        assert split.paths[50 * index].startswith(b"val/n") and split.labels[50 * index] == index
        assert torch.equal(
            transforms.functional.pil_to_tensor(split.image(50 * index)),
            transforms.functional.pil_to_tensor(Image.open(folder / file).convert("RGB")),
        )


@pytest.fixture
def stream(copy, tmp_path):
    """stream(batches, seed, epoch, workers): all the crops of the training images, one after the other."""
    prepare(copy, tmp_path / "data")
    split = datasets.read(tmp_path / "data" / "train.npz")

    def run(batches, *arguments):
        batches = [torch.tensor(batch) for batch in batches]
        found = list(split.stream(batches, *arguments))
        assert [len(batch) for batch in found] == [len(batch) for batch in batches]
        assert all(batch.dtype == torch.uint8 and batch.shape[1:] == (3, 224, 224) for batch in found)
        return torch.cat(found)

    return run


def test_a_stream_does_not_depend_on_workers_or_batches(stream):
    whole = stream([[4, 2, 0, 1, 5, 3]], 7, 1, 0)
    for batches in ([[4, 2, 0, 1, 5, 3]], [[4, 2], [0, 1], [5, 3]], [[4], [2, 0, 1, 5], [3]]):
        for workers in (0, 1, 2):
            assert torch.equal(stream(batches, 7, 1, workers), whole)
    assert torch.equal(stream([[3, 5], [4]], 7, 1, 2), whole[[5, 4, 0]])


def test_a_stream_is_another_in_another_epoch_or_under_another_seed(stream):
    first = stream([[0, 1, 2]], 7, 1, 0)
    for seed, epoch in ((7, 2), (8, 1), (1, 7)):
        other = stream([[0, 1, 2]], seed, epoch, 0)
        assert all(not torch.equal(one, two) for one, two in zip(first, other))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stream_leaves_the_generators_of_the_caller_alone(stream, workers):
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    stream([[0, 1], [2]], 7, 1, workers)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (np.random.get_state()[1].tolist(), random.getstate())


def test_the_random_crops_are_spread_as_torchvisions():
    """A picture whose pixels tell their place shows what was cut out: its place and its share of the area."""
    rows, columns = np.mgrid[0:256, 0:256].astype(np.uint8)
    picture = Image.fromarray(np.stack([rows, columns, 0 * rows], axis=2))

    def places(crops):
        corners = torch.stack([torch.stack([crop[:2, 0, 0], crop[:2, -1, -1]]) for crop in crops]).double()
        return corners.flatten(1).numpy(), (corners[:, 1] - corners[:, 0]).prod(dim=1).numpy() / 256**2

    own, shares = places([random_crop(picture, 224, 0, 0, number) for number in range(400)])
    draw = transforms.Compose([transforms.RandomResizedCrop(224), transforms.PILToTensor()])
    reference, expected = places([draw(picture) for _ in range(400)])
    assert len(np.unique(own, axis=0)) > 390  # no two images are cut alike
    np.testing.assert_allclose(own.mean(axis=0), reference.mean(axis=0), atol=20)  # standard error 6
    np.testing.assert_allclose(np.quantile(shares, [0.1, 0.5, 0.9]), np.quantile(expected, [0.1, 0.5, 0.9]), atol=0.12)


def test_grey_and_cmyk_files_become_colour_images(copy, tmp_path):
    for mode in ("L", "CMYK"):
        photograph(5, mode=mode).save(copy / "imagenet" / "val" / "ant" / f"{mode}.JPEG")
    split = prepare(copy, tmp_path / "data")
    numbers = {os.fsdecode(path).split("/")[-1]: number for number, path in enumerate(split.paths)}
    grey, colour = split.tensor([numbers["L.JPEG"], numbers["CMYK.JPEG"]])
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[0], grey[2])
    true = transforms.functional.to_tensor(photograph(5, (384, 256)))[:, 16:-16, 80:-80]  # up to resizing
    assert (colour - true).abs().mean() < 0.05


def test_the_order_hash_knows_paths_labels_and_sizes_and_not_the_place(copy, tmp_path):
    first = prepare(copy, tmp_path / "one").order_sha256
    shutil.copytree(copy, tmp_path / "elsewhere")
    assert prepare(tmp_path / "elsewhere", tmp_path / "two").order_sha256 == first
    moved = tmp_path / "elsewhere" / "imagenet" / "val" / "ant" / "ant_0.JPEG"
    moved.rename(moved.with_name("ant_9.JPEG"))
    assert prepare(tmp_path / "elsewhere", tmp_path / "three").order_sha256 != first
    photograph(9, (61, 41)).save(copy / "imagenet" / "val" / "ant" / "ant_0.JPEG")
    assert prepare(copy, tmp_path / "four").order_sha256 != first


def test_a_mirror_with_imagenet_comes_before_the_data_folder(copy, tmp_path):
    datasets.prepare("imagenet", tmp_path / "data", tmp_path / "nothing", mirror=copy, classes=3)
    assert storage.read_json(tmp_path / "data" / "manifest.json")["root"] == str(copy / "imagenet")
    (tmp_path / "empty").mkdir()
    datasets.prepare("imagenet", tmp_path / "data", copy, mirror=tmp_path / "empty", classes=3)


def remove(path):
    shutil.rmtree(path)


def flatten(folder):
    for path in list(folder.rglob("*.JPEG")):
        path.rename(folder / path.name)
    for path in folder.iterdir():
        if path.is_dir():
            remove(path)


def empty(folder):
    remove(folder)
    folder.mkdir()


LAYOUTS = {  # what is done to the copy, classes, what the message says
    "nothing there": (remove, 3, r"imagenet: no such folder; link it to a copy of imagenet \(ln -s .* train/<class>/"),
    "no val": (lambda root: remove(root / "val"), 3, r"imagenet/val: no such folder"),
    "no train": (lambda root: remove(root / "train"), 3, r"imagenet/train: no such folder"),
    "flat": (
        flatten,
        3,
        r"imagenet: images lie directly in it \(ant_0.JPEG and 5 others\); sort them into train/<class>/",
    ),
    "flat val": (lambda root: flatten(root / "val"), 3, r"imagenet/val: images lie directly in it .*; sort them"),
    "no classes": (lambda root: empty(root / "train"), 3, r"imagenet/train: holds no class folders; unpack"),
    "empty class": (
        lambda root: empty(root / "val" / "bee"),
        3,
        r"imagenet/val/bee: holds no images \(1 of 3 classes in val is empty\); complete",
    ),
    "class missing": (
        lambda root: remove(root / "val" / "bee"),
        3,
        r"different classes \(bee is in train alone, 1 differ\)",
    ),
    "wrong number": (lambda root: None, None, r"imagenet: holds 3 classes, not 1000; .*--classes 3"),
    "no number": (lambda root: None, 0, r"imagenet: holds 3 classes, not 0; .*--classes 3"),
    "dead link": (
        lambda root: (root / "val/bee/x.JPEG").symlink_to("gone"),
        3,
        r"bee/x.JPEG: cannot be read \(No such file",
    ),
}


@pytest.mark.parametrize("damage", LAYOUTS)
def test_other_layouts_are_refused(copy, tmp_path, damage):
    change, classes, message = LAYOUTS[damage]
    change(copy / "imagenet")
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        prepare(copy, tmp_path / "data", classes)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "data").exists()


def test_a_number_of_classes_is_for_folders_of_images(tmp_path):
    with pytest.raises(ValueError, match="digits always has its 10 classes"):
        datasets.prepare("digits", tmp_path, classes=5)


def truncate(path):
    os.truncate(path, path.stat().st_size - 200)


FILES = {  # damage before and after preparing, what the message says
    "truncated": (truncate, None, r"bee_1.JPEG: cannot be decoded \(.*truncated.*copy the file again"),
    "no image": (lambda path: path.write_text("<html>"), None, r"bee_1.JPEG: cannot be decoded \(not an image\)"),
    "other size": (None, truncate, r"bee_1.JPEG: has \d+ bytes, but had \d+ when .*restore the file"),
    "gone": (None, os.remove, r"bee_1.JPEG: cannot be read \(No such file or directory\); restore the file"),
    "all gone": (
        None,
        lambda path: remove(path.parents[2]),
        r"imagenet: no such folder, but the data were prepared from it",
    ),
}


@pytest.mark.parametrize("damage", FILES)
def test_damaged_files_are_refused_by_name(copy, tmp_path, damage):
    before, after, message = FILES[damage]
    path = copy / "imagenet" / "val" / "bee" / "bee_1.JPEG"
    if before:
        before(path)
    split = prepare(copy, tmp_path / "data")
    if after:
        after(path)
    ways = [lambda: split.tensor([0, 3])]
    ways += [
        lambda workers=workers: list(split.stream([np.array([0]), np.array([3])], 0, 0, workers)) for workers in (0, 2)
    ]
    for use in ways:
        with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
            use()
        assert "\n" not in str(caught.value)


def test_a_copy_that_has_moved_is_missed_at_once(copy, tmp_path):
    prepare(copy, tmp_path / "data")
    (copy / "imagenet").rename(copy / "elsewhere")
    with pytest.raises(
        FileNotFoundError, match="imagenet: no such folder, but the data were prepared from it; put it back"
    ):
        datasets.read(tmp_path / "data" / "test.npz")
    (copy / "imagenet").symlink_to(copy / "elsewhere")
    assert datasets.read(tmp_path / "data" / "test.npz").tensor([5]).shape == (1, 3, 224, 224)


def test_an_altered_list_or_manifest_is_refused(copy, tmp_path):
    prepare(copy, tmp_path)
    manifest = storage.read_json(tmp_path / "manifest.json")
    storage.write_json(tmp_path / "manifest.json", {key: manifest[key] for key in manifest if key != "root"})
    with pytest.raises(ValueError, match="manifest.json: truncated or altered"):
        datasets.read(tmp_path / "test.npz")
    storage.write_json(tmp_path / "manifest.json", manifest)
    with open(tmp_path / "test.npz", "r+b") as file:
        file.seek(300)
        file.write(b"x")
    with pytest.raises(ValueError, match=r"test\.npz: does not match the sha256"):
        datasets.read(tmp_path / "test.npz")


def run_here(monkeypatch, *arguments):
    """Run the command line in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", ["resmooth", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code


def test_the_command_line_from_files_to_counts(photographs, tmp_path, monkeypatch, capsys):
    root, _ = photographs
    monkeypatch.setenv("RESMOOTH_MIRROR", str(root.parent))
    assert run_here(monkeypatch, "data", "imagenet", tmp_path / "data") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"resmooth: {root}: holds 100 classes, not 1000")
    assert not run_here(monkeypatch, "data", "imagenet", tmp_path / "data", "--classes", 100)

    split = datasets.read(tmp_path / "data" / "test.npz")
    about = split.description
    shape = {name: getattr(about, name) for name in ("num_classes", "channels", "image_size", "mean", "std")}
    torch.manual_seed(0)
    tensors = {name: tensor.contiguous() for name, tensor in models.build("resnet8", **shape).state_dict().items()}
    storage.write_checkpoint(tmp_path / "member.safetensors", tensors, {"arch": "resnet8"} | shape)
    member, out = tmp_path / "member.safetensors", tmp_path / "counts.parquet"
    inputs = (tmp_path / "data" / "test.npz", 0, 100, "--step", 50, "--members", member, "--sigma", 0.25)
    sizes = ("--n0", 2, "--n", 4, "--device", "cpu", "--threads", 1)
    code = run_here(monkeypatch, "sample", *inputs, *sizes, "--out", out)
    assert not code, capsys.readouterr().err
    frame, facts = storage.read_counts([out])
    assert sorted(set(frame.idx)) == sorted(set(frame.label)) == [0, 50]
    assert all(len(counts) == 100 and counts.sum() == 4 for counts in frame.counts)
    assert facts["order_sha256"] == split.order_sha256 and facts["dim"] == 3 * 224 * 224
