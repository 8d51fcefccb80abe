"""Load base classifiers from checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resmooth import models, storage
from resmooth.classifiers.video import Video

if TYPE_CHECKING:
    import torch
    from torch import nn

    from resmooth.datasets import FolderSplit, Split


def load_model(path: str | Path, device: str | torch.device = "cpu") -> tuple[nn.Module, dict[str, Any]]:
    """Rebuild the network of a checkpoint in evaluation mode on `device`. Returns (model, manifest).

    FileNotFoundError or ValueError, one line, if the file is missing, altered, or not of the architecture in its manifest.
    """
    tensors, manifest = storage.read_checkpoint(path)
    model = models.build(*(manifest[name] for name in ("arch", "num_classes", "channels", "image_size", "mean", "std")))
    expected = model.state_dict()
    wrong = sorted(set(expected) ^ set(tensors)) or [
        name for name in expected if expected[name].shape != tensors[name].shape
    ]
    if wrong:
        raise ValueError(
            f"{path}: its tensors are not those of {manifest['arch']} (first difference: {wrong[0]}); "
            "the manifest names another architecture than was trained"
        )
    model.load_state_dict(tensors)
    return model.to(device).eval(), manifest


def load_members(
    paths: Sequence[str | Path], split: Split | FolderSplit, device: str | torch.device = "cpu"
) -> tuple[list[nn.Module], list[dict[str, Any]]]:
    """Load the members that are to classify `split`. Returns (models, manifests); ValueError if one does not fit.

    A network of chunks comes as the `Video` that averages its scores over the chunks of a clip.
    """
    loaded = [load_model(path, device) for path in paths]
    hashes = [manifest["sha256"] for _, manifest in loaded]
    for number, path in enumerate(paths):
        if hashes[number] in hashes[:number]:
            raise ValueError(f"{path}: the same checkpoint as a member before it; give each member once")
    about = split.description
    for path, (_, manifest) in zip(paths, loaded):
        trained = (manifest["channels"], manifest["image_size"], manifest["num_classes"])
        given = (about.channels, about.image_size, about.num_classes)
        if trained != given:
            raise ValueError(
                f"{path}: made for {trained[0]}x{trained[1]}x{trained[1]} images of {trained[2]} classes, but "
                f"{split.dataset} has {given[0]}x{given[1]}x{given[1]} images of {given[2]} classes"
            )
        if bool(manifest.get("frames")) != bool(about.frames):
            kinds = ("clips", "images") if about.frames else ("images", "clips")
            raise ValueError(f"{path}: a network of {kinds[1]}, but {split.dataset} has {kinds[0]}")
    members = [Video(model, manifest["frames"]) if about.frames else model for model, manifest in loaded]
    return members, [manifest for _, manifest in loaded]
