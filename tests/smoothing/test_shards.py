import pytest

from resmooth.smoothing import shards


def test_images_in_a_shard_are_the_multiples_of_the_step():
    assert shards.images_in(0, 100, 20, 100) == [0, 20, 40, 60, 80]
    assert shards.images_in(50, 100, 20, 100) == [60, 80]
    with pytest.raises(ValueError, match="do not fit"):
        shards.images_in(0, 101, 1, 100)
    with pytest.raises(ValueError, match="no multiple of 10"):
        shards.images_in(1, 9, 10, 100)


def test_counts_are_kept_for_every_sample_or_a_thousand_times():
    assert [shards.step_of(n, 10) for n in (1, 1000, 1001, 100_000)] == [1, 1, 2, 100]
    assert shards.step_of(100_000, 1000) == 10_000 and shards.step_of(50, 20_000) == 50
