"""Network architectures by name. Every network takes images, or chunks of video, in [0, 1]; its first layer normalises them."""

from collections.abc import Sequence

from torch import nn

from resmooth.models.cifar_resnet import cifar_resnet
from resmooth.models.densenet import densenet
from resmooth.models.resnet3d import resnet3d8
from resmooth.models.resnet50 import resnet50
from resmooth.models.resnext3d import resnext3d
from resmooth.models.wide_resnet import wide_resnet

ARCHITECTURES = {
    "resnet8": lambda **shape: cifar_resnet(8, **shape),
    "resnet14": lambda **shape: cifar_resnet(14, **shape),
    "resnet20": lambda **shape: cifar_resnet(20, **shape),
    "resnet110": lambda **shape: cifar_resnet(110, **shape),
    "wrn40_2": lambda **shape: wide_resnet(40, 2, **shape),
    "densenet40": lambda **shape: densenet(40, 12, **shape),
    "resnet50": lambda **shape: resnet50(**shape),
    "resnet3d8": lambda **shape: resnet3d8(**shape),
    "resnext3d101": lambda **shape: resnext3d((3, 4, 23, 3), **shape),
}
VIDEO = {"resnet3d8", "resnext3d101"}  # those that take chunks


def of_clips(name: str) -> bool:
    """Whether the network `name` takes chunks [B, T, C, H, W] of T frames each, rather than images [B, C, H, W]."""
    return name in VIDEO


def build(
    name: str,
    num_classes: int,
    channels: int,
    image_size: int,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
) -> nn.Sequential:
    """Build the network `name`: images [B, channels, image_size, image_size] in [0, 1] -> scores [B, num_classes].

    A network in VIDEO takes chunks [B, T, channels, image_size, image_size] in [0, 1], of any number of frames T.
    mean, std: normalisation of each channel, part of the network and of its checkpoint (default 0.5 and 0.25).
    Centring only is std (1, 1, 1); no normalisation is mean (0, 0, 0) as well.
    Random weights come from torch's global generator. ValueError if the name is unknown.
    """
    if name not in ARCHITECTURES:
        raise ValueError(f"unknown architecture {name!r}; known: {', '.join(ARCHITECTURES)}")
    mean = (0.5,) * channels if mean is None else mean
    std = (0.25,) * channels if std is None else std
    if len(mean) != channels or len(std) != channels:
        raise ValueError(f"mean and std need one value for each of the {channels} channels")
    return ARCHITECTURES[name](num_classes=num_classes, channels=channels, image_size=image_size, mean=mean, std=std)
