"""Networks for chunks of video [B, T, C, H, W]: sizes by arithmetic from the papers' layers, shapes, shortcuts, order of axes."""

import pytest
import torch
from torch import nn

import resmooth as rs
from resmooth.models.cifar_resnet import BasicBlock
from resmooth.models.layers import ChannelsFirst
from resmooth.models.resnet3d import BasicBlock3d
from resmooth.models.resnext3d import Bottleneck, resnext3d

GENERATOR = torch.Generator().manual_seed(0)
SMALL = dict(image_size=32, mean=(0.5,) * 3, std=(0.25,) * 3)


def chunks(*shape):
    return torch.rand(shape, generator=GENERATOR)


def resnext_parameters(blocks, classes, channels):
    """Convolutions have no bias, and each channel that one makes has the two numbers of a batch norm."""
    count, inputs = channels * 64 * 7**3 + 2 * 64, 64
    for planes, number in zip((128, 256, 512, 1024), blocks):
        outputs = 2 * planes
        count += inputs * outputs + 2 * outputs  # the projection of the stage's first block
        for _ in range(number):
            count += inputs * planes + 27 * planes * planes // 32 + planes * outputs + 2 * (2 * planes + outputs)
            inputs = outputs
    return count + (2048 + 1) * classes


def test_resnext101_has_the_papers_layers():
    """47,728,165 weights for the 101 classes of UCF-101; 33 blocks of three convolutions, the first and the last layer: 101."""
    model = rs.models.build("resnext3d101", 101, 3, 112)
    count = sum(weight.numel() for weight in model.parameters())
    assert count == resnext_parameters((3, 4, 23, 3), 101, 3) == 47_728_165
    blocks = [module for module in model if isinstance(module, Bottleneck)]
    assert 3 * len(blocks) + 2 == 101 and {block.conv2.groups for block in blocks} == {32}
    assert [len(list(block.shortcut.children())) for block in blocks] == [
        *(2, 0, 0, 2, 0, 0, 0),
        *(2, *[0] * 22, 2, 0, 0),
    ]
    assert [block.conv2.stride[0] for block in blocks if not isinstance(block.shortcut, nn.Identity)] == [1, 2, 2, 2]


@pytest.mark.parametrize(("frames", "last"), [(8, 1), (16, 1), (17, 2), (64, 4)])
def test_a_chunk_keeps_a_sixteenth_of_its_frames(frames, last):
    """As in the authors' code, whose last pooling takes ceil(T / 16) frames of ceil(S / 32) pixels a side."""
    model = resnext3d((1, 1, 1, 1), 5, 3, **SMALL | {"image_size": 112}).eval()
    with torch.inference_mode():
        features = model[:-3](chunks(1, frames, 3, 112, 112))
    assert isinstance(model[-3], nn.AdaptiveAvgPool3d) and features.shape == (1, 2048, last, 4, 4)


@pytest.mark.parametrize("frames", [8, 16])
def test_resnext101_scores_chunks(frames):
    torch.manual_seed(0)
    model, given = rs.models.build("resnext3d101", 101, 3, 112).eval(), chunks(1, frames, 3, 112, 112)
    with torch.inference_mode():
        scores = model(given)
    assert scores.shape == (1, 101) and scores.isfinite().all()


@pytest.mark.parametrize(("channels", "size"), [(1, 4), (1, 16), (3, 17)])
@pytest.mark.parametrize("frames", [1, 2, 3, 4, 8, 16])
def test_the_small_network_takes_any_chunk(channels, size, frames):
    model = rs.models.build("resnet3d8", 7, channels, size).eval()
    assert model(chunks(2, frames, channels, size, size)).shape == (2, 7)


def test_which_networks_take_chunks():
    assert rs.models.VIDEO <= set(rs.models.ARCHITECTURES)
    for name in rs.models.ARCHITECTURES:
        assert rs.models.of_clips(name) == ("3d" in name)


@pytest.mark.parametrize("name", rs.models.ARCHITECTURES)
def test_every_network_scores_what_it_takes_and_passes_gradients(name):
    """Images [B, C, H, W] or chunks [B, T, C, H, W]; every weight and every pixel has a part in the scores."""
    torch.manual_seed(0)
    shape = (2, 2, 3, 32, 32) if rs.models.of_clips(name) else (2, 3, 32, 32)
    model, given = rs.models.build(name, 5, 3, 32), chunks(*shape).requires_grad_()
    scores = model(given)
    assert scores.shape == (2, 5)
    nn.functional.cross_entropy(scores, torch.tensor([1, 3])).backward()
    assert all(weight.grad.isfinite().all() and weight.grad.any() for weight in model.parameters())
    assert given.grad.isfinite().all() and given.grad.flatten(1).any(dim=1).all()


@pytest.mark.parametrize("block", [Bottleneck(256, 128, 1), Bottleneck(64, 128, 1), Bottleneck(64, 128, 2)])
def test_without_its_last_convolution_a_bottleneck_is_its_shortcut(block):
    block.eval()
    nn.init.zeros_(block.conv3.weight)
    features = torch.randn(1, block.conv1.in_channels, 2, 4, 4, generator=GENERATOR)
    with torch.inference_mode():
        torch.testing.assert_close(block(features), block.shortcut(features).relu())
        assert block(features).shape == (1, 256, *((1, 2, 2) if block.conv2.stride[0] == 2 else (2, 4, 4)))


def test_a_bottleneck_reaches_one_frame_to_either_side():
    block, features = Bottleneck(64, 128, 1).eval(), torch.zeros(1, 64, 5, 3, 3)
    other = features.clone()
    other[:, :, 0] = torch.randn(64, 3, 3, generator=GENERATOR)
    with torch.inference_mode():
        changed = (block(features) != block(other)).any(dim=4).any(dim=3).any(dim=1)[0]
    assert changed.tolist() == [True, True, False, False, False]


def test_the_small_block_is_the_image_network_s_over_time():
    """On one frame, with the outer two of its kernels' three time steps zero, it computes what the block for images does."""
    torch.manual_seed(0)
    flat = BasicBlock(4, 6, 2).eval()
    block = BasicBlock3d(4, 6, 2).eval()
    state = flat.state_dict()
    for name, tensor in block.state_dict().items():
        if tensor.dim() == 5:
            middle = tensor.zero_()[:, :, tensor.shape[2] // 2]
            middle.copy_(state[name])
    features = torch.randn(2, 4, 8, 8, generator=GENERATOR)
    with torch.inference_mode():
        torch.testing.assert_close(block(features[:, :, None])[:, :, 0], flat(features))


def test_frames_come_before_channels_and_each_channel_is_normalised():
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.6, 0.7)
    model, given = rs.models.build("resnet3d8", 10, 3, 8, mean, std), chunks(2, 4, 3, 8, 8)
    first = model[:2](given)
    assert isinstance(model[1], ChannelsFirst) and first.shape == (2, 3, 4, 8, 8)
    for channel in range(3):
        torch.testing.assert_close(first[:, channel], (given[:, :, channel] - mean[channel]) / std[channel])
    assert {"0.mean", "0.std"} <= set(model.state_dict())


def test_the_order_of_frames_counts():
    model, given = rs.models.build("resnet3d8", 10, 1, 16).eval(), chunks(3, 4, 1, 16, 16)
    with torch.inference_mode():
        assert not torch.allclose(model(given), model(given.flip(1)), atol=1e-4)


def test_weights_start_from_he():
    """Standard deviation sqrt(2 / fan out) of a normal distribution, as the papers start."""
    torch.manual_seed(0)
    model = rs.models.build("resnet3d8", 10, 3, 16)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv3d)]
    for layer in convolutions:
        if layer.weight.numel() > 5000:
            expected = (2 / (layer.out_channels * layer.kernel_size[0] ** 3)) ** 0.5
            assert layer.weight.std().item() == pytest.approx(expected, rel=0.05)
    assert len(convolutions) == 9


def test_frames_too_small_are_refused():
    with pytest.raises(ValueError, match="a 3D ResNeXt takes frames of at least 32x32 pixels, got 16x16"):
        rs.models.build("resnext3d101", 10, 3, 16)
