"""The subject of a measurement: images of a prepared split, and the smoothed ensemble of some checkpoints."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from resmooth import datasets, noise
from resmooth.classifiers.checkpoint import load_members
from resmooth.classifiers.ensemble import Ensemble
from resmooth.classifiers.patches import Patches
from resmooth.classifiers.video import SubVideos
from resmooth.device import choose
from resmooth.smoothing.smoothed import Smoothed


@dataclass(frozen=True)
class OnDemand:
    """Clips of a split that are files, decoded when they are asked for: one of 160 frames of 112x112 is 24 MB."""

    split: Any
    indices: Sequence[int]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, position: int) -> torch.Tensor:
        """The clip [F, C, H, W] at this position, floats in [0, 1]."""
        return self.split.tensor([self.indices[position]])[0]


def images_of(split: Any, indices: Sequence[int]) -> torch.Tensor:
    """The images, or clips, of these numbers, for a `Subject`."""
    if isinstance(split, datasets.ClipSplit):
        return cast(torch.Tensor, OnDemand(split, indices))  # of which measurements take one after the other
    return split.tensor(indices)


@dataclass(frozen=True)
class Subject:
    """Images, and the smoothed ensemble that is measured on them.

    smoothed  `Smoothed` of an `Ensemble`
    images    [N, C, H, W] or clips [N, F, C, H, W]: floats in [0, 1], or what gives each of them by its position
    labels    N classes
    indices   N global image numbers, which with the seed choose the noise
    seed      of the noise
    facts     JSON-able: which images, noise and networks these are
    """

    smoothed: Smoothed
    images: torch.Tensor
    labels: Sequence[int] | np.ndarray
    indices: Sequence[int]
    seed: int = 0
    facts: dict = field(default_factory=dict)

    def identity(self, **settings: Any) -> dict:
        """What a measurement of this subject with these settings is, JSON-able."""
        return self.facts | settings | {"seed": self.seed}


def open_ensemble(
    data: Path,
    members: Sequence[Path],
    label: str,
    sigma: float,
    arithmetic: str = "float",
    precision: str = "auto",
    batch_size: int = 0,
    device: str = "auto",
    threads: int | None = None,
    gpu_memory: float = 0,
    patches: Mapping[str, Any] | None = None,
    sub_videos: Mapping[str, Any] | None = None,
) -> tuple[datasets.Split | datasets.FolderSplit, Smoothed, dict]:
    """Read a prepared split and the checkpoints of the members. Returns (split, Smoothed, facts: what is sampled, JSON-able).

    label, sigma, arithmetic: the noise. batch_size: noisy images to a forward pass, 0 for what fits. Levels that depend on the
    image are decided by the train.npz beside `data`. patches: parameters of `Patches`, to smooth the only member over patches;
    sub_videos: of `SubVideos`, to smooth it over sub-videos.
    """
    split = datasets.read(data)
    about = split.description
    where = choose(device, threads, gpu_memory)
    reference = split if split.split == "train" else data.with_name("train.npz")
    distribution = make_noise(split, label, sigma, arithmetic, reference=reference, device=where)
    models, manifests = load_members(members, split, where)
    smoothed = Smoothed(
        _classifier(models, about, patches, sub_videos),
        distribution,
        about.num_classes,
        batch_size=batch_size or None,
        device=where,
        precision=precision,
    )
    shape = about.shape
    graphs = smoothed.build(shape)
    facts = {
        "dataset": split.dataset,
        "split": split.split,
        "order_sha256": split.order_sha256,
        **smoothed.noise.facts(),
        "checkpoints": [manifest["sha256"] for manifest in manifests],
        "device": where.type,
        **graphs,
    }
    if about.frames:
        facts |= {"frames": about.frames, "chunks": [manifest["frames"] for manifest in manifests]}
    for name, parameters in (("patches", patches), ("sub_videos", sub_videos)):
        facts |= {name: dict(parameters)} if parameters else {}
    if patches or sub_videos:
        lifts = {name: smoothed.classifier.lift_for(shape, name) for name in smoothed.classifier.names}
        facts |= {"lift": {name: each.label for name, each in lifts.items()}}
        facts |= {"lipschitz": {name: each.norm(shape) for name, each in lifts.items()}}
    return split, smoothed, facts


def _classifier(
    models: Sequence[Any],
    about: datasets.Description,
    patches: Mapping[str, Any] | None,
    sub_videos: Mapping[str, Any] | None,
) -> Ensemble | Patches | SubVideos:
    """What is smoothed. ValueError where the parameters do not fit the networks."""
    if (patches or sub_videos) and len(models) > 1:
        raise ValueError(f"{'patches' if patches else 'sub-videos'} are of one network, not of {len(models)}")
    if sub_videos:
        if not about.frames:
            raise ValueError("sub-videos are cut from clips, and the data set holds images; leave them out")
        return SubVideos(models[0], **sub_videos)
    if patches:
        if about.frames:
            raise ValueError("patches are cut from images, and the data set holds clips; leave them out")
        if patches.get("patch") != about.image_size:
            raise ValueError(f"the network was made for {about.image_size} pixels a side; patches: patch must be that")
        return Patches(models[0], **patches)
    return Ensemble(models)


def make_noise(
    split: datasets.Split | datasets.FolderSplit,
    label: str,
    sigma: float,
    arithmetic: str = "float",
    reference: datasets.Split | datasets.FolderSplit | Path | None = None,
    device: str | torch.device = "cpu",
    chunk: int = 0,
) -> noise.Noise:
    """The noise that `label` names, at level `sigma`, for the images of `split`.

    reference: the training split that decides levels which depend on the image, or its path (default: `split` itself).
    chunk: for so many frames of a clip at once (default: all).
    """
    about = split.description
    shape = (chunk, *about.shape[1:]) if chunk else about.shape
    made = noise.from_label(label, math.prod(shape), sigma, arithmetic, about.channels)
    if not made.input_dependent:
        return made
    reference = datasets.read(reference) if isinstance(reference, Path) else reference or split
    if not hasattr(reference, "images"):
        raise ValueError(
            f"{made.name} noise compares images with all training images in memory; those of {split.dataset} stay files"
        )
    return made.on(cast(datasets.Split, reference).images.transpose(0, 3, 1, 2), device)


def images_in(start: int, stop: int, step: int, total: int) -> list[int]:
    """Global image numbers of a shard: the multiples of `step` in [start, stop). ValueError if none, or outside 0..total."""
    if not 0 <= start < stop <= total or step < 1:
        raise ValueError(f"images {start}-{stop} step {step} do not fit a split of {total} images")
    numbers = list(range(math.ceil(start / step) * step, stop, step))
    if not numbers:
        raise ValueError(f"images {start}-{stop} hold no multiple of {step}; choose another step or range")
    return numbers
