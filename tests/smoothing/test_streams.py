import pytest
import torch

import resmooth as rs
from resmooth.smoothing import streams

NORMAL = rs.noise.make("normal", dim=64, sigma=0.5)


def noise_of(batch_size, n=300, seed=3, index=5, purpose=streams.ESTIMATION):
    stream = streams.Stream(NORMAL, torch.zeros(1, 8, 8), seed, index, purpose)
    noise = torch.full((n, 1, 8, 8), float("nan"))
    for start in range(0, n, batch_size):
        stream.take(noise[start : start + batch_size])
    return noise


@pytest.mark.parametrize("batch_size", [1, 7, 128, 200, 1000])
def test_noise_is_identical_at_every_batch_size(batch_size):
    assert torch.equal(noise_of(batch_size), noise_of(64))


def test_a_longer_run_extends_a_shorter_one():
    assert torch.equal(noise_of(64, n=300)[:131], noise_of(100, n=131))


def test_seeds_indices_and_purposes_have_their_own_noise():
    first = noise_of(64)
    others = [noise_of(64, seed=4), noise_of(64, index=6), noise_of(64, purpose=streams.SELECTION)]
    assert not any(torch.equal(first, other) for other in others)


def test_streams_of_one_seed_never_collide():
    number = [
        streams.generator(11, index, purpose, "cpu").initial_seed() for index in range(20_000) for purpose in range(4)
    ]
    assert len(set(number)) == len(number)
    with pytest.raises(ValueError, match="index"):
        streams.generator(0, 2**30, 0, "cpu")


def test_copies_are_converted_to_the_buffer_s_precision_and_layout():
    def draw():
        return streams.Stream(NORMAL, torch.rand(1, 8, 8), 0, 0, 0)

    torch.manual_seed(0)
    exact = torch.empty(200, 1, 8, 8)
    draw().take(exact)
    torch.manual_seed(0)
    rounded = torch.empty((200, 1, 8, 8), dtype=torch.bfloat16, memory_format=torch.channels_last)
    draw().take(rounded)
    assert torch.equal(rounded, exact.bfloat16())


def test_an_image_has_one_uniform_number_of_its_own():
    numbers = [streams.uniform(seed, index) for seed in range(3) for index in range(200)]
    assert len(set(numbers)) == 600 and 0 < min(numbers) < 0.02 and 0.98 < max(numbers) <= 1
    assert streams.uniform(1, 7) == streams.uniform(1, 7)
