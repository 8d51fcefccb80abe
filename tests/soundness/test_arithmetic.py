"""False certificates by rounding errors (Voracek and Hein 2023; Jin et al. 2022): float arithmetic issues them, exact does not.

x + noise in float32 betrays x: the sum is rounded, and not every float32 number z is some x + noise. Where z is no such
number for the image y, the noisy image cannot come from y; a classifier that looks for such pixels tells y from a neighbour.
"""

import pytest
import torch

import resmooth as rs

SHAPE = (3, 32, 32)
DIM = 3072
LEVELS = {
    "black": torch.zeros(SHAPE),
    "grey": torch.full(SHAPE, 100.0),
    "random": torch.randint(0, 256 - 2, SHAPE, generator=torch.Generator().manual_seed(0)).float(),
}


def reads_rounding_errors(y):
    """Class 1 if the noisy image could come from the image y, class 0 if the rounding of some pixel rules it out."""

    def classifier(z):
        ruled_out = ((z - y) + y != z).flatten(1).any(dim=1)
        return torch.stack([ruled_out, ~ruled_out], dim=1).float()

    return classifier


def certificates_of_neighbours(image, step, sigma, arithmetic):
    """Certificates of x and of y, `step` levels brighter everywhere, and their distance."""
    x, y = LEVELS[image] / 255, (LEVELS[image] + step) / 255
    noise = rs.noise.make("normal", dim=DIM, sigma=sigma, arithmetic=arithmetic)
    smoothed = rs.Smoothed(reads_rounding_errors(y), noise, 2)
    return smoothed.certify(torch.stack([x, y]), n0=20, n=1000), float((x - y).norm())


FAMILY = [
    *((image, 1, sigma) for image in ("black", "random") for sigma in (0.12, 0.25, 0.5, 1.0)),
    *(("black", 2, sigma) for sigma in (0.25, 0.5, 1.0)),
    ("grey", 1, 1.0),
]


@pytest.mark.parametrize(("image", "step", "sigma"), FAMILY)
def test_float_arithmetic_certifies_two_classes_for_the_same_neighbourhood(image, step, sigma):
    result, distance = certificates_of_neighbours(image, step, sigma, "float")
    assert result.predict.tolist() == [0, 1]
    assert min(result.radius) > distance  # each claims that the other does not exist


@pytest.mark.parametrize(("image", "step", "sigma"), FAMILY)
def test_exact_arithmetic_does_not(image, step, sigma):
    result, distance = certificates_of_neighbours(image, step, sigma, "exact")
    assert result.predict[0] == result.predict[1] != -1
    assert min(result.radius) > distance  # and loses no power by it


@pytest.mark.parametrize("sigma", [0.12, 0.5])
def test_exact_noisy_images_are_the_same_function_of_image_steps_and_noise_steps(sigma):
    noise = rs.noise.make("normal", dim=DIM, sigma=sigma, arithmetic="exact")
    steps = []
    for levels in LEVELS.values():
        z = noise.noisy(levels / 255, 128, torch.Generator().manual_seed(1))
        total = (z.double() * noise.grid).round()
        assert torch.equal((total.float()) * (1 / noise.grid), z)
        steps.append(total - levels * (noise.grid // 255))
    assert torch.equal(steps[0], steps[1]) and torch.equal(steps[0], steps[2])
