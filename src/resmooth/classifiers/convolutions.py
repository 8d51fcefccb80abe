"""3x3 convolutions of few channels on a GPU, each in one kernel with all that follows it: bias, shortcut and ReLU.

The kernels of cuDNN compute 64 output channels or more at a time, of which the first stage of a CIFAR ResNet has 16, and leave
what follows to a second pass over the memory. This kernel (Triton) writes once, and sums in float32 in a fixed order.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable

import torch
import triton
import triton.language as tl
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.nn import functional as F

TILES = {  # (inputs, outputs): taps multiplied at once (1, or the 3 of a row), pixels to a tile, warps; the fastest on an H200
    (3, 16): (3, 256, 4),
    (16, 16): (1, 128, 2),
    (16, 32): (3, 128, 4),
    (32, 32): (1, 128, 8),
    (32, 64): (1, 64, 4),
    (64, 64): (1, 128, 8),
}
LARGEST = 2**31 - 2**20  # numbers whose places, and those just beyond the edge, 32 bits count


@triton.jit
def _convolve(  # type: ignore[no-untyped-def]  # Triton reads annotations
    features,
    weight,
    bias,
    shortcut,
    out,
    pixels,
    HEIGHT: tl.constexpr,
    WIDTH: tl.constexpr,
    STRIDE: tl.constexpr,
    INPUTS: tl.constexpr,
    OUTPUTS: tl.constexpr,
    TAPS: tl.constexpr,
    DEPTH: tl.constexpr,
    RELU: tl.constexpr,
    SHORTCUT: tl.constexpr,
    TILE: tl.constexpr,
    WIDE: tl.constexpr,
):
    """TILE of the `pixels` of `out`: channels-last features, zero beyond the edge; weight [9 / TAPS, DEPTH, OUTPUTS].

    WIDE: places are numbers of 64 bits."""
    OUT_HEIGHT: tl.constexpr = (HEIGHT + STRIDE - 1) // STRIDE
    OUT_WIDTH: tl.constexpr = (WIDTH + STRIDE - 1) // STRIDE
    first = tl.program_id(0)
    if WIDE:
        first = first.to(tl.int64)
    pixel = first * TILE + tl.arange(0, TILE)
    inside = pixel < pixels
    row = pixel // OUT_WIDTH % OUT_HEIGHT * STRIDE
    column = pixel % OUT_WIDTH * STRIDE
    centre = (pixel // (OUT_WIDTH * OUT_HEIGHT) * HEIGHT + row) * WIDTH + column
    depth = tl.arange(0, DEPTH)
    channel = tl.arange(0, OUTPUTS)
    sums = tl.full((TILE, OUTPUTS), 0.0, tl.float32) + tl.load(bias + channel)[None, :]
    for step in tl.static_range(9 // TAPS):  # neighbours in a row lie side by side in memory: TAPS of them are one run
        down = step * TAPS // 3 - 1
        right = step * TAPS % 3 - 1
        across = column[:, None] + (right + depth // INPUTS)[None, :]
        known = (inside & (row + down >= 0) & (row + down < HEIGHT))[:, None] & (across >= 0) & (across < WIDTH)
        known = known & (depth < TAPS * INPUTS)[None, :]
        place = (centre + down * WIDTH + right)[:, None] * INPUTS + depth[None, :]
        seen = tl.load(features + place, mask=known, other=0.0)
        sums = tl.dot(seen, tl.load(weight + (step * DEPTH + depth[:, None]) * OUTPUTS + channel[None, :]), sums)
    place = pixel[:, None] * OUTPUTS + channel[None, :]
    if SHORTCUT:
        sums += tl.load(shortcut + place, mask=inside[:, None], other=0.0).to(tl.float32)
    if RELU:
        sums = tl.maximum(sums, 0.0)
    tl.store(out + place, sums.to(out.dtype.element_ty), mask=inside[:, None])


@torch.library.custom_op("resmooth::convolve", mutates_args=())  # a compiled graph calls it, and does not look inside
def convolve(
    features: Tensor,
    weight: Tensor,
    bias: Tensor,
    shortcut: Tensor | None,
    stride: int,
    relu: bool,
    tile: int,
    warps: int,
) -> Tensor:
    """Features [B, I, H, W] -> [B, O, H / stride, W / stride], rounded up, both channels-last; zero beyond the edge.

    weight [9 / taps, depth, O]: see `Convolution`; bias [O] in float32; shortcut: of the shape of the result, added before ReLU.
    """
    features, out = features.contiguous(memory_format=torch.channels_last), _empty(features, weight, stride)
    added = features if shortcut is None else shortcut.contiguous(memory_format=torch.channels_last)
    (_, inputs, height, width), (steps, depth, outputs) = features.shape, weight.shape
    pixels, wide = out.numel() // outputs, max(features.numel(), out.numel()) >= LARGEST
    _convolve[(-(-pixels // tile),)](
        *(features, weight, bias, added, out, pixels),
        *(height, width, stride, inputs, outputs, 9 // steps, depth, relu, shortcut is not None, tile, wide),
        num_warps=warps,
    )
    return out


@convolve.register_fake
def _(features, weight, bias, shortcut, stride, relu, tile, warps):
    return _empty(features, weight, stride)


def _empty(features, weight, stride):
    number, _, height, width = features.shape
    shape = (number, weight.shape[2], -(-height // stride), -(-width // stride))
    return torch.empty(shape, dtype=features.dtype, device=features.device, memory_format=torch.channels_last)


class Convolution(nn.Module):
    """What `convolution` computes, plus the shortcut if one is given, then ReLU if `relu`."""

    def __init__(self, convolution: nn.Conv2d, relu: bool) -> None:
        super().__init__()
        inputs, outputs = convolution.in_channels, convolution.out_channels
        taps, self.tile, self.warps = TILES[inputs, outputs]
        self.stride, self.relu = convolution.stride[0], relu
        rows = convolution.weight.detach().permute(2, 3, 1, 0).reshape(9 // taps, taps * inputs, outputs)
        depth = max(16, triton.next_power_of_2(taps * inputs))  # what a product of matrices takes; filled up by zeros
        bias = rows.new_zeros(outputs) if convolution.bias is None else convolution.bias.detach()
        self.register_buffer("weight", F.pad(rows, (0, 0, 0, depth - taps * inputs)).contiguous())
        self.register_buffer("bias", bias.float())

    def forward(self, features: Tensor, shortcut: Tensor | None = None) -> Tensor:
        return convolve(features, self.weight, self.bias, shortcut, self.stride, self.relu, self.tile, self.warps)


def fused(graph: fx.GraphModule, images: Tensor) -> fx.GraphModule | None:
    """A copy of a bfloat16 network in which these kernels compute what they can, for images like `images`; None if nothing."""
    made = copy.copy(graph)
    made.graph = copy.deepcopy(graph.graph)
    ShapeProp(made).propagate(images)
    modules = dict(made.named_modules())
    found = [node for node in made.graph.nodes if node.op == "call_module" and _fits(modules[node.target])]
    for number, node in enumerate(found):
        added, shortcut = _sum_of(node)
        relu = _only_user(added or node, lambda user: _is_relu(user, modules))
        name, last = f"convolution{number}", relu or added or node
        made.add_submodule(name, Convolution(modules[node.target], relu is not None))
        with made.graph.inserting_before(last):
            new = made.graph.call_module(name, (node.args[0], shortcut))
        new.meta = last.meta
        last.replace_all_uses_with(new)
        for old in filter(None, (relu, added, node)):
            made.graph.erase_node(old)
    made.delete_all_unused_submodules()
    made.recompile()
    return made if found else None


def _fits(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv2d)
        and (module.in_channels, module.out_channels) in TILES
        and module.stride in ((1, 1), (2, 2))
        and (module.kernel_size, module.padding, module.dilation) == ((3, 3), (1, 1), (1, 1))
        and (module.groups, module.padding_mode) == (1, "zeros")
    )


def _sum_of(node: fx.Node) -> tuple[fx.Node | None, fx.Node | None]:
    """(the sum that alone uses the features of `node`, its other term), if that has the same shape; else (None, None)."""
    added = _only_user(node, lambda user: user.target in (operator.add, operator.iadd))
    for other in added.args if added else ():
        if isinstance(other, fx.Node) and other is not node and _shape(other) == _shape(node):
            return added, other
    return None, None


def _only_user(node: fx.Node, fits: Callable[[fx.Node], bool]) -> fx.Node | None:
    """The node that uses the features of `node`, if it is the only one and fits."""
    user, *others = node.users
    return user if not others and fits(user) else None


def _shape(node: fx.Node) -> torch.Size | None:
    return getattr(node.meta.get("tensor_meta"), "shape", None)


def _is_relu(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    return node.target in (F.relu, torch.relu) or isinstance(modules.get(str(node.target)), nn.ReLU)
