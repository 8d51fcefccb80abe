"""ResNet-50 (He et al. 2016) for large colour images: torchvision's, behind this project's normalisation."""

from collections.abc import Sequence

from torch import nn

from resmooth.models.layers import Normalize


def resnet50(
    num_classes: int, channels: int, image_size: int, mean: Sequence[float], std: Sequence[float]
) -> nn.Sequential:
    """torchvision's ResNet-50 with random weights; colour images of at least 32x32 pixels (224x224 for ImageNet).

    ValueError if the images have other than 3 channels or are smaller.
    """
    if channels != 3:
        raise ValueError(f"resnet50 takes images of 3 channels, got {channels}")
    if image_size < 32:
        raise ValueError(f"resnet50 takes images of at least 32x32 pixels, got {image_size}x{image_size}")
    import torchvision  # takes seconds

    return nn.Sequential(Normalize(mean, std), torchvision.models.resnet50(weights=None, num_classes=num_classes))
