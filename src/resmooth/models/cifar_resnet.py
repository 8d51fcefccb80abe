"""The residual networks for small images of He et al. 2016 (section 4.2): depth 6n + 2, widths 16, 32, 64.

As the smoothing literature uses them: the shortcut of a block that changes shape is a 1x1 convolution with batch norm, weights
start from He's normal initialisation (fan out), and the network ends in a global average.
"""

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from resmooth.models.layers import Normalize, check_image_size, start_from_he


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with batch norm around an identity or projected shortcut."""

    convolution: ClassVar[type[nn.Conv2d | nn.Conv3d]] = nn.Conv2d
    norm: ClassVar[type[nn.BatchNorm2d | nn.BatchNorm3d]] = nn.BatchNorm2d

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = self.convolution(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = self.norm(outputs)
        self.conv2 = self.convolution(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = self.norm(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            projection = self.convolution(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, self.norm(outputs))

    def forward(self, features: Tensor) -> Tensor:
        residual = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(features)))))
        return F.relu(residual + self.shortcut(features))


def cifar_resnet(
    depth: int, num_classes: int, channels: int, image_size: int, mean: Sequence[float], std: Sequence[float]
) -> nn.Sequential:
    """ResNet of `depth` = 6n + 2 as an nn.Sequential; any number of channels, images of at least 4x4 pixels.

    ValueError if the depth has another form or the images are too small for two halvings.
    """
    if depth % 6 != 2 or depth < 8:
        raise ValueError(f"depth must be 6n + 2 (8, 14, 20, ..., 110), got {depth}")
    check_image_size(image_size)
    blocks, inputs = [], 16
    for width in (16, 32, 64):
        for position in range((depth - 2) // 6):
            blocks.append(BasicBlock(inputs, width, stride=2 if width > 16 and position == 0 else 1))
            inputs = width
    network = nn.Sequential(
        Normalize(mean, std),
        nn.Conv2d(channels, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, num_classes),
    )
    return start_from_he(network)
