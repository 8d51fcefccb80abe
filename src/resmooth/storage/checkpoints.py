"""Checkpoints: safetensors beside a JSON manifest, which holds the file's sha256."""

from pathlib import Path

from resmooth.storage.atomic import atomic, file_sha256, read_json, write_json

MANIFEST_KEYS = {"arch", "num_classes", "channels", "image_size", "mean", "std", "sha256"}


def manifest_path(checkpoint: str | Path) -> Path:
    """The manifest that belongs to a checkpoint: the same name ending in .json."""
    return Path(checkpoint).with_suffix(".json")


def check_checkpoint_name(path: str | Path) -> None:
    """ValueError unless `path` ends in .safetensors: its manifest is the file of the same name that ends in .json."""
    if Path(path).suffix != ".safetensors":
        raise ValueError(f"{path}: name a file that ends in .safetensors")


def write_checkpoint(path: str | Path, tensors: dict, manifest: dict) -> None:
    """Write `tensors` (name -> CPU tensor) as safetensors and `manifest` (plus the file's sha256) as JSON beside it.

    The manifest is renamed first and the checkpoint last: a checkpoint that exists is complete.
    """
    from safetensors.torch import save_file

    with atomic(path) as temporary:
        save_file(tensors, temporary)
        write_json(manifest_path(path), manifest | {"sha256": file_sha256(temporary)})


def read_manifest(path: str | Path) -> dict:
    """The manifest of a checkpoint, checked against the file's sha256. FileNotFoundError or ValueError, one line each."""
    for needed in (Path(path), manifest_path(path)):
        if not needed.is_file():
            raise FileNotFoundError(
                f"{needed}: no such file; train the model, or copy the checkpoint with its manifest"
            )
    manifest = read_json(manifest_path(path))
    if not isinstance(manifest, dict) or not MANIFEST_KEYS <= set(manifest):
        raise ValueError(
            f"{manifest_path(path)}: not the manifest of a checkpoint; copy the one that was written with it"
        )
    if manifest["sha256"] != file_sha256(path):
        raise ValueError(
            f"{path}: does not match the sha256 in its manifest, truncated or altered; train again with --force"
        )
    return manifest


def read_checkpoint(path: str | Path) -> tuple[dict, dict]:
    """Returns (tensors: dict name -> CPU tensor, manifest). Refuses a file that its manifest does not vouch for."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    manifest = read_manifest(path)
    try:
        return load_file(path), manifest
    except SafetensorError:
        raise ValueError(f"{path}: not a safetensors file; train the model again with --force") from None
