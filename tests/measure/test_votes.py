import pytest

from resmooth.measure import images_in
from resmooth.measure.votes import step_of


def test_images_in_a_shard_are_the_multiples_of_the_step():
    assert images_in(0, 100, 20, 100) == [0, 20, 40, 60, 80]
    assert images_in(50, 100, 20, 100) == [60, 80]
    with pytest.raises(ValueError, match="do not fit"):
        images_in(0, 101, 1, 100)
    with pytest.raises(ValueError, match="no multiple of 10"):
        images_in(1, 9, 10, 100)


def test_counts_are_kept_for_every_sample_or_a_thousand_times():
    assert [step_of(n, 10) for n in (1, 1000, 1001, 100_000)] == [1, 1, 2, 100]
    assert step_of(100_000, 1000) == 10_000 and step_of(50, 20_000) == 50
