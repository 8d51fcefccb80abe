"""The plain densely connected networks of Huang et al. 2017: no bottlenecks, no compression (so not their DenseNet-BC).

Depth 3n + 4: three dense blocks of n layers, each of which adds `growth` features to all those before it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from resmooth.models.layers import check_image_size, pre_activated_network


class DenseLayer(nn.Module):
    """Batch norm, ReLU and a 3x3 convolution to `growth` new features, joined to the given ones."""

    def __init__(self, inputs: int, growth: int) -> None:
        super().__init__()
        self.bn, self.relu = nn.BatchNorm2d(inputs), nn.ReLU()
        self.conv = nn.Conv2d(inputs, growth, 3, padding=1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        return torch.cat([features, self.conv(self.relu(self.bn(features)))], dim=1)


def densenet(
    depth: int,
    growth: int,
    num_classes: int,
    channels: int,
    image_size: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> nn.Sequential:
    """DenseNet of `depth` = 3n + 4 as an nn.Sequential; any number of channels, images of at least 4x4 pixels.

    ValueError if the depth has another form or the images are too small for two halvings.
    """
    if depth % 3 != 1 or depth < 7:
        raise ValueError(f"depth must be 3n + 4 (7, 10, ..., 40), got {depth}")
    check_image_size(image_size)
    layers, width = [], 16
    for block in range(3):
        if block:
            layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width, 1, bias=False), nn.AvgPool2d(2)]
        for _ in range((depth - 4) // 3):
            layers.append(DenseLayer(width, growth))
            width += growth
    return pre_activated_network(layers, width, num_classes, channels, mean, std)
