import numpy as np
import pytest

from resmooth import datasets, storage


def test_digits_are_the_bundled_images(train_split, test_split):
    from sklearn.datasets import load_digits

    images, labels = (
        np.concatenate([getattr(part, name) for part in (train_split, test_split)]) for name in ("images", "labels")
    )
    assert images.shape == (1797, 8, 8, 1) and images.dtype == np.uint8
    np.testing.assert_array_equal(labels, load_digits().target)
    np.testing.assert_allclose(images[..., 0] / 255, load_digits().images / 16, atol=0.5 / 255)


def test_tensor_is_channels_first_in_the_unit_interval(test_split):
    tensor = test_split.tensor()
    assert tensor.shape == (500, 1, 8, 8) and 0 <= tensor.min() and tensor.max() == 1
    np.testing.assert_allclose(tensor[3, 0].numpy(), test_split.images[3, ..., 0] / 255, rtol=1e-6)


def test_manifest_and_preparation_are_reproducible(digits_folder, tmp_path):
    datasets.prepare("digits", tmp_path)
    first, again = (storage.read_json(folder / "manifest.json") for folder in (digits_folder, tmp_path))
    assert first == again
    facts = first["splits"]["test"]
    assert facts["images"] == 500 and facts["inexact_images"] == 0 and len(facts["order_sha256"]) == 64


def test_order_hash_notices_a_swap(test_split):
    swapped = np.r_[1, 0, 2:500]
    assert test_split.order_sha256 == datasets.order_sha256(test_split.images, test_split.labels)
    assert test_split.order_sha256 != datasets.order_sha256(test_split.images[swapped], test_split.labels[swapped])


@pytest.mark.parametrize("damage", ["truncate", "alter"])
def test_damaged_prepared_files_are_refused(tmp_path, damage):
    datasets.prepare("digits", tmp_path)
    path = tmp_path / "test.npz"
    content = bytearray(path.read_bytes())
    if damage == "truncate":
        content = content[:-100]
    else:
        content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"test\.npz.*prepare the data again"):
        datasets.read(path)


def test_missing_files_and_unknown_names(tmp_path):
    with pytest.raises(FileNotFoundError, match="prepare the data first"):
        datasets.read(tmp_path / "test.npz")
    with pytest.raises(ValueError, match="unknown data set"):
        datasets.prepare("svhn", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"mnist/train\.npz.*RESMOOTH_MIRROR"):
        datasets.prepare("mnist", tmp_path / "out", mirror=tmp_path)
    assert not list((tmp_path / "out").glob("*.npz"))


def test_altered_digits_of_scikit_learn_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.digits, "FILE_SHA256", "0" * 64)
    with pytest.raises(ValueError, match="install scikit-learn again"):
        datasets.prepare("digits", tmp_path)


def test_mnist_from_the_mirror(mirror, tmp_path):
    datasets.prepare("mnist", tmp_path, mirror=mirror)
    split = datasets.read(tmp_path / "test.npz")
    assert split.images.shape == (10_000, 28, 28, 1) and np.bincount(split.labels).tolist() == [
        *(980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    ]
    about = split.description
    assert split.images.mean() / 255 == pytest.approx(about.mean[0], abs=0.01)


def test_cifar10_from_the_mirror_says_what_is_inexact(mirror, tmp_path):
    datasets.prepare("cifar10", tmp_path, mirror=mirror)
    facts = storage.read_json(tmp_path / "manifest.json")
    assert "re-assembled copy" in facts["source"]
    assert [facts["splits"][split]["inexact_images"] for split in ("train", "test")] == [73, 20]
    split = datasets.read(tmp_path / "train.npz")
    np.testing.assert_allclose(split.images.mean(axis=(0, 1, 2)) / 255, split.description.mean, atol=1e-3)


@pytest.mark.parametrize("damage", ["truncate", "swap"])
def test_a_damaged_mirror_is_refused(mirror, tmp_path, damage):
    (tmp_path / "mnist").mkdir()
    damaged = tmp_path / "mnist" / "train.npz"
    if damage == "truncate":
        damaged.write_bytes((mirror / "mnist" / "train.npz").read_bytes()[:1_000_000])
    else:
        with np.load(mirror / "mnist" / "train.npz") as arrays:
            order = np.r_[1, 0, 2:60_000]
            np.savez(damaged, images=arrays["images"][order], labels=arrays["labels"][order], exact=arrays["exact"])
    with pytest.raises(ValueError, match=r"train\.npz.*assemble the mirror again"):
        datasets.prepare("mnist", tmp_path / "out", mirror=tmp_path)
