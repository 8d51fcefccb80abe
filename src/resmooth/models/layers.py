"""Parts that the networks share: the normalisation of images, the axes of chunks, and the initialisation of weights."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

NORMALIZATIONS = ("standard", "center", "none")


def normalization_constants(
    kind: str, mean: Sequence[float], std: Sequence[float]
) -> tuple[Sequence[float], Sequence[float]]:
    """(mean, std) of the first layer that standardises images of this mean and deviation, only centres them, or leaves them."""
    nothing, one = (0.0,) * len(mean), (1.0,) * len(mean)
    return {"standard": (mean, std), "center": (mean, one), "none": (nothing, one)}[kind]


class Normalize(nn.Module):
    """(image - mean) / std for each channel, of images [B, C, H, W] and of chunks [B, T, C, H, W].

    The constants are buffers, so a checkpoint carries its own normalisation.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.mean) / self.std


class ChannelsFirst(nn.Module):
    """Chunks [B, T, C, H, W] as 3D convolutions take them: [B, C, T, H, W]."""

    def forward(self, chunks: Tensor) -> Tensor:
        return chunks.transpose(1, 2)


def start_from_he(network: nn.Sequential) -> nn.Sequential:
    """Draw the weights of all convolutions from He's normal initialisation (fan out). Returns the network."""
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def pre_activated_network(
    blocks: Iterable[nn.Module],
    width: int,
    num_classes: int,
    channels: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> nn.Sequential:
    """Blocks that activate their input first (16 features in, `width` out), with what comes before and after them."""
    network = nn.Sequential(
        Normalize(mean, std),
        nn.Conv2d(channels, 16, 3, padding=1, bias=False),
        *blocks,
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, num_classes),
    )
    return start_from_he(network)


def chunk_network(
    layers: Iterable[nn.Module], width: int, num_classes: int, mean: Sequence[float], std: Sequence[float]
) -> nn.Sequential:
    """Layers on [B, C, T, H, W] that end in `width` features, with what comes before and after them in a video network."""
    network = nn.Sequential(
        Normalize(mean, std),
        ChannelsFirst(),
        *layers,
        nn.AdaptiveAvgPool3d(1),
        nn.Flatten(),
        nn.Linear(width, num_classes),
    )
    return start_from_he(network)


def network_facts(
    arch: str, about: Any, mean: Sequence[float], std: Sequence[float], frames: int = 0
) -> dict[str, Any]:
    """The manifest's facts on a network for images of `about` (a data set's Description): all that rebuilding it needs.

    frames: of a chunk, for a network of clips.
    """
    facts = {
        "arch": arch,
        "num_classes": about.num_classes,
        "channels": about.channels,
        "image_size": about.image_size,
        "mean": list(mean),
        "std": list(std),
    }
    return facts | {"frames": frames} if frames else facts


def check_image_size(image_size: int) -> None:
    """ValueError if images of this side are too small for two halvings."""
    if image_size < 4:
        raise ValueError(f"images must be at least 4x4 pixels, got {image_size}x{image_size}")
