import pytest
import torch

import resmooth as rs
from resmooth.models.densenet import DenseLayer, densenet
from resmooth.models.layers import NORMALIZATIONS, normalization_constants
from resmooth.models.wide_resnet import PreActivatedBlock, wide_resnet

PARAMETERS = {
    "resnet8": 78_042,
    "resnet20": 272_474,
    "resnet110": 1_730_714,
    "wrn40_2": 2_243_546,
    "densenet40": 1_019_722,
}


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_shapes_and_parameter_counts(name, parameters):
    """272,474 and 1,730,714: the published ResNet-20 and -110 (269,722 and 1,727,962) plus the projected shortcuts' 2,752.

    WRN-40-2 and DenseNet-40 (growth 12): 2.2 M and 1.0 M in the papers.
    """
    model = rs.models.build(name, num_classes=10, channels=3, image_size=32).eval()
    assert sum(weight.numel() for weight in model.parameters()) == parameters
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("name", ["resnet8", "wrn40_2", "densenet40"])
@pytest.mark.parametrize(("channels", "size"), [(1, 4), (1, 28), (4, 17)])
def test_any_channels_and_image_size(name, channels, size):
    model = rs.models.build(name, num_classes=7, channels=channels, image_size=size).eval()
    assert model(torch.rand(2, channels, size, size)).shape == (2, 7)


def test_resnet50_is_the_published_one():
    model = rs.models.build("resnet50", num_classes=1000, channels=3, image_size=224).eval()
    assert sum(weight.numel() for weight in model.parameters()) == 25_557_032
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 1000)


def test_a_wide_block_activates_first():
    """Without its convolutions a block is its shortcut: the features as they came, or a projection of the activated ones."""
    features, same, projecting = torch.randn(2, 16, 8, 8), PreActivatedBlock(16, 16, 1), PreActivatedBlock(16, 32, 2)
    for block in (same.eval(), projecting.eval()):
        torch.nn.init.zeros_(block.conv2.weight)
    torch.testing.assert_close(same(features), features)
    torch.testing.assert_close(projecting(features), projecting.shortcut(projecting.bn1(features).relu()))


def test_a_dense_layer_keeps_what_it_was_given():
    layer, features = DenseLayer(5, 12).eval(), torch.randn(2, 5, 8, 8)
    assert torch.equal(layer(features)[:, :5], features) and layer(features).shape == (2, 17, 8, 8)


def test_centring_and_no_normalisation_are_constants():
    images, about = torch.rand(2, 3, 32, 32), ((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))
    constants = {kind: normalization_constants(kind, *about) for kind in NORMALIZATIONS}
    first = {kind: rs.models.build("resnet8", 10, 3, 32, *values)[0](images) for kind, values in constants.items()}
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in about)
    assert torch.equal(first["none"], images)
    torch.testing.assert_close(first["center"], images - mean)
    torch.testing.assert_close(first["standard"], (images - mean) / std)


def test_normalisation_is_the_first_layer_and_is_saved():
    model = rs.models.build("resnet8", 10, 3, 32, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7))
    images = torch.rand(2, 3, 32, 32)
    for channel, (mean, std) in enumerate(zip((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))):
        torch.testing.assert_close(model[0](images)[:, channel], (images[:, channel] - mean) / std)
    assert {"0.mean", "0.std"} <= set(model.state_dict())


def test_seed_decides_the_weights():
    first, second, third = (
        [torch.manual_seed(seed), rs.models.build("resnet8", 10, 1, 8)][1].state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["1.weight"], third["1.weight"])


def test_bad_requests_are_refused():
    with pytest.raises(ValueError, match="unknown architecture 'resnet21'"):
        rs.models.build("resnet21", 10, 3, 32)
    for name in ("resnet8", "wrn40_2", "densenet40", "resnet3d8"):
        with pytest.raises(ValueError, match="at least 4x4 pixels, got 2x2"):
            rs.models.build(name, 10, 3, 2)
    with pytest.raises(ValueError, match="images of 3 channels, got 1"):
        rs.models.build("resnet50", 10, 1, 32)
    with pytest.raises(ValueError, match="at least 32x32 pixels, got 28x28"):
        rs.models.build("resnet50", 10, 3, 28)
    for build, message in (
        (lambda **shape: wide_resnet(41, 2, **shape), "6n"),
        (lambda **shape: densenet(41, 12, **shape), "3n"),
    ):
        with pytest.raises(ValueError, match=rf"depth must be {message} \+ 4 .*, got 41"):
            build(num_classes=10, channels=3, image_size=32, mean=(0.5,) * 3, std=(0.25,) * 3)
    with pytest.raises(ValueError, match="mean and std"):
        rs.models.build("resnet8", 10, 3, 32, mean=(0.5,))
