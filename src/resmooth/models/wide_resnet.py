"""Wide residual networks of Zagoruyko & Komodakis 2016: depth 6n + 4, widths 16, 32, 64 times k, without dropout.

Blocks are pre-activated: batch norm and ReLU come before each convolution. Where a block changes shape, its shortcut is a 1x1
convolution of the activated features.
"""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from resmooth.models.layers import check_image_size, pre_activated_network


class PreActivatedBlock(nn.Module):
    """Two 3x3 convolutions, each after batch norm and ReLU, around an identity or projected shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.projected = stride != 1 or inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if self.projected else nn.Identity()

    def forward(self, features: Tensor) -> Tensor:
        activated = F.relu(self.bn1(features))
        residual = self.conv2(F.relu(self.bn2(self.conv1(activated))))
        return residual + self.shortcut(activated if self.projected else features)


def wide_resnet(
    depth: int,
    factor: int,
    num_classes: int,
    channels: int,
    image_size: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> nn.Sequential:
    """WRN-`depth`-`factor`, depth = 6n + 4, as an nn.Sequential; any number of channels, images of at least 4x4 pixels.

    ValueError if the depth has another form, the factor is below 1 or the images are too small for two halvings.
    """
    if depth % 6 != 4 or depth < 10:
        raise ValueError(f"depth must be 6n + 4 (10, 16, 22, 28, 34, 40, ...), got {depth}")
    if factor < 1:
        raise ValueError(f"the widening factor must be at least 1, got {factor}")
    check_image_size(image_size)
    blocks, inputs = [], 16
    for width in (16 * factor, 32 * factor, 64 * factor):
        for position in range((depth - 4) // 6):
            blocks.append(PreActivatedBlock(inputs, width, stride=2 if width > 16 * factor and position == 0 else 1))
            inputs = width
    return pre_activated_network(blocks, inputs, num_classes, channels, mean, std)
