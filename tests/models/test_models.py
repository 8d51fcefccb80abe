import pytest
import torch

import resmooth as rs


@pytest.mark.parametrize(("name", "parameters"), [("resnet8", 78_042), ("resnet20", 272_474), ("resnet110", 1_730_714)])
def test_shapes_and_parameter_counts(name, parameters):
    """272,474 and 1,730,714: the published ResNet-20 and -110 (269,722 and 1,727,962) plus the projected shortcuts' 2,752."""
    model = rs.models.build(name, num_classes=10, channels=3, image_size=32).eval()
    assert sum(weight.numel() for weight in model.parameters()) == parameters
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(("channels", "size"), [(1, 8), (1, 28), (4, 17)])
def test_any_channels_and_image_size(channels, size):
    model = rs.models.build("resnet8", num_classes=7, channels=channels, image_size=size).eval()
    assert model(torch.rand(2, channels, size, size)).shape == (2, 7)


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
    with pytest.raises(ValueError, match="4x4"):
        rs.models.build("resnet8", 10, 3, 2)
    with pytest.raises(ValueError, match="mean and std"):
        rs.models.build("resnet8", 10, 3, 32, mean=(0.5,))
