"""Static quantisation to int8: convolutions of 8-bit weights and features, summed up exactly in 32-bit integers.

For CPUs whose instructions multiply bytes (VNNI) but not bfloat16. Every feature map has one scale and zero point, by its range
on calibration images; the weights of every output channel get a scale of their own. Pooling and linear layers, which make the
scores, are in float32, so that close scores do not tie. By `torch.ao.quantization`, in graph mode, on oneDNN.
"""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from resmooth.noise.base import Noise

ENGINE = "onednn"
IMAGES, COPIES = 64, 2  # calibration images, and noisy copies of each
AT_ONCE = 16  # noisy copies to a forward pass of the calibration
TOLERANCE = 0.25  # of the scores' norm; of our architectures, untrained, quantisation changes 0.02 to 0.06 of it
POOLING: tuple[Any, ...] = (nn.AdaptiveAvgPool2d, nn.AvgPool2d, F.adaptive_avg_pool2d, F.avg_pool2d, torch.mean, "mean")


def check_int8(device: torch.device) -> None:
    """ValueError where no network can be quantised: on another device than the CPU, or without `torch.ao.quantization`."""
    if device.type != "cpu":
        raise ValueError(f"precision int8 is for the CPU, not for {device}; use auto, bfloat16 or float32")
    if find_spec("torch.ao") is None or find_spec("torch.ao.quantization") is None:
        raise ValueError(f"precision int8 needs torch.ao.quantization, which PyTorch {torch.__version__} lacks")


def calibration_images(shape: tuple[int, ...], noise: Noise | None = None) -> Tensor:
    """Noisy images [IMAGES * COPIES, C, H, W] that decide the ranges of the features: the same on every run.

    The images have 8 bits and are random at resolutions from 1x1 upwards, in turn, for photographs are smoother than random
    pixels and drive the features further. `noise`: what the network is to be smoothed with; None for normal noise at level 1/2.
    RuntimeError if `shape` is that of chunks of video, not [C, H, W].
    """
    if len(shape) != 3:
        raise RuntimeError("it takes chunks of video, and only networks for images are quantised")
    generator = torch.Generator().manual_seed(0)
    resolutions = [2**power for power in range(min(shape[1:]).bit_length())]
    copies = []
    for number in range(IMAGES):
        side = resolutions[number % len(resolutions)]
        coarse = torch.randint(256, (1, shape[0], side, side), generator=generator) / 255
        image = F.interpolate(coarse, shape[1:], mode="nearest")[0]
        if noise is None:
            copies.append(image + 0.5 * torch.randn((COPIES, *shape), generator=generator))
        else:
            copies.append(noise.for_image(image).next_copies(image, 0, COPIES, generator))
    return torch.cat(copies)


def quantise(network: Any, images: Tensor) -> nn.Module:
    """`network`, a torch.fx.GraphModule in evaluation mode, in int8, for the ranges of its features on `images` [B, C, H, W].

    It takes float32 images, channels-last. RuntimeError where the CPU has no fast int8 instructions, the network no convolution,
    or the result's scores are not those of the network by and large, or depend on the batch.
    """
    if ENGINE not in torch.backends.quantized.supported_engines or not torch.cpu._is_vnni_supported():
        raise RuntimeError("this CPU has no VNNI instructions")
    if not any(isinstance(module, nn.Conv2d) for module in network.modules()):
        raise RuntimeError("it has no convolutions")
    if any(node.target in (torch.cat, torch.concat) for node in network.graph.nodes):
        raise RuntimeError("it concatenates features, which would need one scale in common")
    images = images.contiguous(memory_format=torch.channels_last)
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()), _engine():
        warnings.simplefilter("ignore")  # torch.ao.quantization is deprecated; its successor needs a compiler
        from torch.ao.quantization.quantize_fx import convert_fx, prepare_fx

        observed = prepare_fx(copy.deepcopy(network), _settings(), (images[:1],))
        for part in images.split(AT_ONCE):
            observed(part)
        quantised = convert_fx(observed)
        _check(quantised, network, images[::COPIES][: 2 * AT_ONCE])
    return quantised


def _settings() -> Any:
    """Which layers are quantised, and how. Ranges are the least and largest value: they do not depend on the order of sums."""
    from torch.ao.quantization import MinMaxObserver, QConfig, default_per_channel_weight_observer
    from torch.ao.quantization import get_default_qconfig_mapping as default_mapping

    features = MinMaxObserver.with_args(dtype=torch.quint8, reduce_range=False)
    layer = QConfig(activation=features, weight=default_per_channel_weight_observer)
    mapping = default_mapping(ENGINE).set_global(layer)
    for kind in (
        nn.Conv2d,
        F.conv2d,
        nn.BatchNorm2d,
        nn.ReLU,
        F.relu,
    ):  # the default names observers of its own for them
        mapping.set_object_type(kind, layer)
    for other in (*POOLING, nn.Linear, F.linear):
        mapping.set_object_type(other, None)
    return mapping


def _check(quantised, network, images):
    """RuntimeError unless `quantised` makes about the scores of `network`, of every image by itself."""
    expected, scores = network(images), quantised(images)
    centred, difference = expected - expected.mean(dim=1, keepdim=True), scores - expected
    difference = difference - difference.mean(dim=1, keepdim=True)
    if not difference.norm() <= TOLERANCE * centred.norm():  # not a number: neither
        raise RuntimeError("it changes its scores too much")
    half = len(images) // 2
    if not torch.equal(quantised(images.flip(0)[:half]), scores.flip(0)[:half]):
        raise RuntimeError("its scores depend on the other images of the batch")


@contextlib.contextmanager
def _engine() -> Iterator[None]:
    """PyTorch's engine for packing quantised weights is global; the packed weights remember it."""
    before, torch.backends.quantized.engine = torch.backends.quantized.engine, ENGINE
    try:
        yield
    finally:
        torch.backends.quantized.engine = before
