"""Histograms: the promised error, quantiles as an independent histogram tells them, and merging that loses nothing."""

import json
import math

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.stats.histogram import RELATIVE_ERROR, Histogram, bounds_of, bucket_of, rank_of

pytestmark = pytest.mark.unit
timeless = settings(deadline=None)  # a busy machine is slow, which is not what is tested here

HOUR_US = 3_600_000_000
values = st.integers(0, HOUR_US) | st.integers(0, 2000) | st.sampled_from([0, 1, 511, 512, 513, 1023, 1024, HOUR_US])
lists = st.lists(values, max_size=60)
shares = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 0.95, 0.99, 0.999, 1.0])


def held(recorded: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.record_all(recorded)
    return histogram


@timeless
@given(values)
def test_a_value_lies_in_its_bucket_and_near_its_middle(value: int) -> None:
    """The middle of the bucket differs from the value by at most 0.25 %, and by nothing below 512 µs."""
    low, high = bounds_of(bucket_of(value))
    assert low <= value <= high
    assert abs((low + high) / 2 - value) <= RELATIVE_ERROR * value <= 0.0025 * value
    assert value >= 512 or low == high
    assert bounds_of(bucket_of(value) + 1)[0] == high + 1


@timeless
@given(lists, shares)
def test_a_quantile_is_within_the_error_of_the_sorted_values(recorded: list[int], share: float) -> None:
    """Nearest rank of the exact list, within 0.25 %."""
    found = held(recorded).quantile(share)
    if not recorded:
        assert found is None
        return
    exact = sorted(recorded)[rank_of(share, len(recorded)) - 1]
    assert found is not None
    assert abs(found - exact) <= 0.0025 * exact


@timeless
@given(st.lists(st.integers(1, HOUR_US), min_size=1, max_size=200), st.sampled_from([1, 25, 50, 90, 95, 99, 99.9, 100]))
def test_quantiles_are_those_of_hdrhistogram(recorded: list[int], percentile: float) -> None:
    """Four significant figures of the oracle, and our error on top."""
    oracle = HdrHistogram(1, HOUR_US, 4)
    for value in recorded:
        oracle.record_value(value)
    # Both count from the nearest rank; the oracle rounds the rank, so the neighbours are right, too.
    ranks = {
        min(max(1, int(percentile / 100 * len(recorded) + 0.5)), len(recorded)),
        rank_of(percentile / 100, len(recorded)),
    }
    found = held(recorded)
    told = oracle.get_value_at_percentile(percentile)
    near = [abs((found.at_rank(rank) or 0) - told) <= 0.0027 * told for rank in ranks]
    assert any(near), (told, [found.at_rank(rank) for rank in ranks])


@timeless
@given(lists, lists, lists)
def test_merging_is_recording_everything_in_one(first: list[int], second: list[int], third: list[int]) -> None:
    """In any order, to the last count, and through JSON."""
    one = held(first + second + third)
    forward = Histogram.merged([held(first), held(second), held(third)])
    backward = Histogram.merged([held(third), held(first), held(second)])
    assert one == forward == backward
    assert Histogram.from_json(json.loads(json.dumps(one.as_json()))) == one
    single = Histogram()
    for value in first + second + third:
        single.record(value)
    assert single == one


@timeless
@given(st.lists(values, min_size=2, max_size=60))
def test_mean_is_exact_and_variance_is_near(recorded: list[int]) -> None:
    """The mean comes from the sum, not from buckets."""
    histogram = held(recorded)
    mean = sum(recorded) / len(recorded)
    assert histogram.mean() == mean
    exact = math.sqrt(sum((value - mean) ** 2 for value in recorded) / (len(recorded) - 1))
    found = histogram.variance()
    assert found is not None
    assert abs(math.sqrt(found) - exact) <= 0.003 * max(recorded)


@timeless
@given(lists, st.integers(1000, HOUR_US))
def test_shares_above_a_value_are_counted(recorded: list[int], limit: int) -> None:
    """Exactly, but for values within the error of the limit."""
    found = held(recorded).count_above(limit)
    assert (
        sum(value > 1.0025 * limit for value in recorded) <= found <= sum(value > 0.9975 * limit for value in recorded)
    )


@pytest.mark.parametrize("value", [-1, 1 << 42])
def test_what_is_no_duration_is_refused_and_counts_nothing(value: int) -> None:
    """Neither alone nor among others."""
    histogram = Histogram()
    with pytest.raises(ValueError, match="nothing to record"):
        histogram.record(value)
    with pytest.raises(ValueError, match="nothing to record"):
        histogram.record_all([5, value])
    assert histogram == Histogram()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"counts": [[1, 0]], "sum_us": 0, "least_us": 1, "greatest_us": 1},
        {"counts": [[-1, 1]], "sum_us": 0, "least_us": 1, "greatest_us": 1},
        {"counts": [[5, 1], [5, 1]], "sum_us": 10, "least_us": 5, "greatest_us": 5},
        {"counts": [[5, 1.5]], "sum_us": 5, "least_us": 5, "greatest_us": 5},
        {"counts": [[5, 1]], "sum_us": 5, "least_us": 4, "greatest_us": 5},
        {"counts": [[5, 1]], "sum_us": 5, "least_us": 5, "greatest_us": None},
        {"counts": [], "sum_us": 1, "least_us": None, "greatest_us": None},
        {"counts": 3, "sum_us": 0, "least_us": None, "greatest_us": None},
    ],
)
def test_what_is_no_histogram_is_refused(data: dict[str, object]) -> None:
    """A message that was cut or made up is not counted."""
    with pytest.raises(ValueError, match=r"no histogram|no bucket"):
        Histogram.from_json(data)


def test_ranks_are_those_of_the_definition() -> None:
    """0.95 of 200 is the 190th although 0.95 is not exact in binary."""
    assert [rank_of(0.95, 200), rank_of(0.99, 1000), rank_of(0.999, 1000), rank_of(0, 10), rank_of(1, 10)] == [
        190, 990, 999, 1, 10,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no share"):
        rank_of(1.01, 5)
