"""The 3D ResNeXt of Hara et al. 2018 for chunks of video, as Crasto et al. 2019 (MARS) train it: ResNeXt-101, cardinality 32.

A ResNet of bottlenecks whose kernels reach over time as well. The middle one of a block's three convolutions is split into 32
groups. Where a block changes shape, its shortcut is a 1x1x1 convolution with batch norm ("shortcut B"). The first convolution
keeps every frame; the pooling after it and stages 2 to 4 halve time, height and width, rounded up: of 16 frames one is left.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from resmooth.models.layers import chunk_network

CARDINALITY, EXPANSION = 32, 2
PLANES = (128, 256, 512, 1024)  # of the stages


class Bottleneck(nn.Module):
    """A 1x1x1, a grouped 3x3x3 and a 1x1x1 convolution with batch norm around an identity or projected shortcut."""

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * EXPANSION
        self.conv1 = nn.Conv3d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm3d(planes)
        self.conv2 = nn.Conv3d(planes, planes, 3, stride, padding=1, groups=CARDINALITY, bias=False)
        self.bn2 = nn.BatchNorm3d(planes)
        self.conv3 = nn.Conv3d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm3d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv3d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm3d(outputs))

    def forward(self, features: Tensor) -> Tensor:
        residual = F.relu(self.bn1(self.conv1(features)))
        residual = F.relu(self.bn2(self.conv2(residual)))
        return F.relu(self.bn3(self.conv3(residual)) + self.shortcut(features))


def resnext3d(
    blocks: Sequence[int], num_classes: int, channels: int, image_size: int, mean: Sequence[float], std: Sequence[float]
) -> nn.Sequential:
    """3D ResNeXt with so many `blocks` in each of its four stages: chunks [B, T, channels, S, S] -> scores [B, num_classes].

    (3, 4, 23, 3) is ResNeXt-101. Any number of frames T and of channels; frames of at least 32x32 pixels (112x112 in the papers),
    ValueError if they are smaller.
    """
    if image_size < 32:
        raise ValueError(f"a 3D ResNeXt takes frames of at least 32x32 pixels, got {image_size}x{image_size}")
    stem = [
        nn.Conv3d(channels, 64, 7, stride=(1, 2, 2), padding=3, bias=False),
        nn.BatchNorm3d(64),
        nn.ReLU(),
        nn.MaxPool3d(3, stride=2, padding=1),
    ]
    stages, inputs = [], 64
    for planes, number in zip(PLANES, blocks):
        for position in range(number):
            stages.append(Bottleneck(inputs, planes, stride=2 if planes > PLANES[0] and position == 0 else 1))
            inputs = planes * EXPANSION
    return chunk_network([*stem, *stages], inputs, num_classes, mean, std)
