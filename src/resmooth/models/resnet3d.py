"""A small residual network for chunks of video, made for CPUs: ResNet-8 (`resmooth.models.cifar_resnet`) with kernels over time.

Widths 8, 16, 32. The first convolution and the stages 2 and 3 halve time, height and width, rounded up: of 4 frames of 16x16
pixels stage 1 sees 2 of 8x8, so that a chunk costs a fraction of its frames one by one.
"""

from collections.abc import Sequence

from torch import nn

from resmooth.models.cifar_resnet import BasicBlock
from resmooth.models.layers import check_image_size, chunk_network

WIDTHS = (8, 16, 32)  # of the stages


class BasicBlock3d(BasicBlock):
    """Two 3x3x3 convolutions with batch norm around an identity or projected shortcut."""

    convolution, norm = nn.Conv3d, nn.BatchNorm3d


def resnet3d8(
    num_classes: int, channels: int, image_size: int, mean: Sequence[float], std: Sequence[float]
) -> nn.Sequential:
    """The network of one block to a stage: chunks [B, T, channels, S, S] -> scores [B, num_classes].

    Any number of frames T and of channels; frames of at least 4x4 pixels, ValueError if they are smaller.
    """
    check_image_size(image_size)
    layers: list[nn.Module] = [
        nn.Conv3d(channels, WIDTHS[0], 3, stride=2, padding=1, bias=False),
        nn.BatchNorm3d(WIDTHS[0]),
        nn.ReLU(),
    ]
    inputs = WIDTHS[0]
    for width in WIDTHS:
        layers.append(BasicBlock3d(inputs, width, stride=2 if width > WIDTHS[0] else 1))
        inputs = width
    return chunk_network(layers, inputs, num_classes, mean, std)
