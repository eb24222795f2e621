"""Histograms: the promised precision, quantiles compared with an independent histogram, and lossless merging."""

import json
import math

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.stats.histogram import RELATIVE_ERROR, Histogram, bounds_of, bucket_of, rank_of

pytestmark = pytest.mark.unit
timeless = settings(deadline=None)  # a busy machine is slow, but that is not tested here

HOUR_US = 3_600_000_000
values = st.integers(0, HOUR_US) | st.integers(0, 2000) | st.sampled_from([0, 1, 511, 512, 513, 1023, 1024, HOUR_US])
lists = st.lists(values, max_size=60)
fractions = st.floats(0, 1) | st.sampled_from([0.0, 0.5, 0.95, 0.99, 0.999, 1.0])


def histogram_of(recorded: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.record_all(recorded)
    return histogram


@timeless
@given(values)
def test_value_is_in_its_bucket_and_near_its_middle(value: int) -> None:
    """The middle of the bucket differs by at most 0.25 % from the value, and by 0 below 512 µs."""
    low, high = bounds_of(bucket_of(value))
    assert low <= value <= high
    assert abs((low + high) / 2 - value) <= RELATIVE_ERROR * value <= 0.0025 * value
    assert value >= 512 or low == high
    assert bounds_of(bucket_of(value) + 1)[0] == high + 1


@timeless
@given(lists, fractions)
def test_quantile_is_near_that_of_the_sorted_values(recorded: list[int], fraction: float) -> None:
    """The difference from the nearest rank of the exact list is at most 0.25 %."""
    found = histogram_of(recorded).quantile(fraction)
    if not recorded:
        assert found is None
        return
    exact = sorted(recorded)[rank_of(fraction, len(recorded)) - 1]
    assert found is not None
    assert abs(found - exact) <= 0.0025 * exact


@timeless
@given(st.lists(st.integers(1, HOUR_US), min_size=1, max_size=200), st.sampled_from([1, 25, 50, 90, 95, 99, 99.9, 100]))
def test_quantile_agrees_with_hdrhistogram(recorded: list[int], percentile: float) -> None:
    """The oracle has four significant figures; the tolerance adds our own error."""
    oracle = HdrHistogram(1, HOUR_US, 4)
    for value in recorded:
        oracle.record_value(value)
    # Both count from the nearest rank; the oracle rounds the rank, so the neighbours are right, too.
    ranks = {
        min(max(1, int(percentile / 100 * len(recorded) + 0.5)), len(recorded)),
        rank_of(percentile / 100, len(recorded)),
    }
    found = histogram_of(recorded)
    expected = oracle.get_value_at_percentile(percentile)
    near = [abs((found.at_rank(rank) or 0) - expected) <= 0.0027 * expected for rank in ranks]
    assert any(near), (expected, [found.at_rank(rank) for rank in ranks])


@timeless
@given(lists, lists, lists)
def test_merging_equals_recording_in_one_histogram(first: list[int], second: list[int], third: list[int]) -> None:
    """The order does not matter, every count is kept, and JSON keeps it too."""
    one = histogram_of(first + second + third)
    forward = Histogram.merged([histogram_of(first), histogram_of(second), histogram_of(third)])
    backward = Histogram.merged([histogram_of(third), histogram_of(first), histogram_of(second)])
    assert one == forward == backward
    assert Histogram.from_json(json.loads(json.dumps(one.as_json()))) == one
    single = Histogram()
    for value in first + second + third:
        single.record(value)
    assert single == one


@timeless
@given(st.lists(values, min_size=2, max_size=60))
def test_mean_is_exact_and_variance_is_near(recorded: list[int]) -> None:
    """The mean is computed from the sum, not from buckets."""
    histogram = histogram_of(recorded)
    mean = sum(recorded) / len(recorded)
    assert histogram.mean() == mean
    exact = math.sqrt(sum((value - mean) ** 2 for value in recorded) / (len(recorded) - 1))
    found = histogram.variance()
    assert found is not None
    assert abs(math.sqrt(found) - exact) <= 0.003 * max(recorded)


@timeless
@given(lists, st.integers(1000, HOUR_US))
def test_values_above_a_limit_are_counted(recorded: list[int], limit: int) -> None:
    """The count is exact, except for values near the limit."""
    found = histogram_of(recorded).count_above(limit)
    assert (
        sum(value > 1.0025 * limit for value in recorded) <= found <= sum(value > 0.9975 * limit for value in recorded)
    )


@pytest.mark.parametrize("value", [-1, 1 << 42])
def test_invalid_duration_is_refused_and_not_counted(value: int) -> None:
    """It is counted neither alone nor among other values."""
    histogram = Histogram()
    with pytest.raises(ValueError, match="from 0 to 50 days"):
        histogram.record(value)
    with pytest.raises(ValueError, match="from 0 to 50 days"):
        histogram.record_all([5, value])
    assert histogram == Histogram()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"counts": [[1, 0]], "sum_us": 0, "min_us": 1, "max_us": 1},
        {"counts": [[-1, 1]], "sum_us": 0, "min_us": 1, "max_us": 1},
        {"counts": [[5, 1], [5, 1]], "sum_us": 10, "min_us": 5, "max_us": 5},
        {"counts": [[5, 1.5]], "sum_us": 5, "min_us": 5, "max_us": 5},
        {"counts": [[5, 1]], "sum_us": 5, "min_us": 4, "max_us": 5},
        {"counts": [[5, 1]], "sum_us": 5, "min_us": 5, "max_us": None},
        {"counts": [], "sum_us": 1, "min_us": None, "max_us": None},
        {"counts": 3, "sum_us": 0, "min_us": None, "max_us": None},
    ],
)
def test_malformed_histogram_is_refused(data: dict[str, object]) -> None:
    """A truncated or invented message is not counted."""
    with pytest.raises(ValueError, match=r"not a histogram|expected a bucket"):
        Histogram.from_json(data)


def test_rank_follows_the_definition() -> None:
    """0.95 of 200 is rank 190, although 0.95 is not exact in binary."""
    assert [rank_of(0.95, 200), rank_of(0.99, 1000), rank_of(0.999, 1000), rank_of(0, 10), rank_of(1, 10)] == [
        190, 990, 999, 1, 10,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="a fraction from 0 to 1"):
        rank_of(1.01, 5)
