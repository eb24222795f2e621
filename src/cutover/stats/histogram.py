"""A histogram of durations in log-linear buckets: 256 per octave, in whole microseconds. Merging is exact."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, Self

SUB_BUCKET_BITS: Final = 8
"""256 equal buckets in each octave. The middle of a bucket differs from a value in it by at most 1/512 of the value,
0.2 %. (128 buckets would differ by up to 0.39 % at the start of an octave.)"""

RELATIVE_ERROR: Final = 1 / (1 << (SUB_BUCKET_BITS + 1))
"""The largest relative difference between a recorded value and the value read from a histogram."""

_EXACT: Final = 1 << (SUB_BUCKET_BITS + 1)
_LONGEST_US: Final = 1 << 42  # 51 days; no request takes longer


def bucket_of(value_us: int) -> int:
    """Return the number of the bucket of a value in microseconds. Below 512 µs each value has its own bucket."""
    if value_us < _EXACT:
        return value_us
    shift = value_us.bit_length() - SUB_BUCKET_BITS - 1
    return (shift << SUB_BUCKET_BITS) + (value_us >> shift)


def bounds_of(bucket: int) -> tuple[int, int]:
    """Return the least and the greatest whole number of microseconds in a bucket."""
    if bucket < _EXACT:
        return bucket, bucket
    shift = (bucket >> SUB_BUCKET_BITS) - 1
    low = (bucket - (shift << SUB_BUCKET_BITS)) << shift
    return low, low + (1 << shift) - 1


class Histogram:
    """The number of values in each bucket, with the exact minimum, maximum and sum. Values are microseconds."""

    __slots__ = ("counts", "max_us", "min_us", "sum_us", "total")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.total = 0
        self.sum_us = 0
        self.min_us: int | None = None
        self.max_us: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.as_json() == other.as_json()

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Histogram({self.total} values from {self.min_us} to {self.max_us} µs)"

    def record(self, value_us: int, count: int = 1) -> None:
        """Count a value `count` times. Raises ValueError for a negative duration or one above 50 days."""
        if not 0 <= value_us < _LONGEST_US or count < 1:
            raise ValueError(f"expected a duration from 0 to 50 days, got {value_us} µs, {count} times")
        bucket = bucket_of(value_us)
        self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.total += count
        self.sum_us += value_us * count
        if self.min_us is None or value_us < self.min_us:
            self.min_us = value_us
        if self.max_us is None or value_us > self.max_us:
            self.max_us = value_us

    def record_all(self, values_us: Sequence[int]) -> None:
        """Count each value once. Raises ValueError, and counts none, if one of them is no duration."""
        if not values_us:
            return
        least, greatest = min(values_us), max(values_us)
        if least < 0 or greatest >= _LONGEST_US:
            raise ValueError(f"{least if least < 0 else greatest} µs is no duration from 0 to 50 days")
        counts = self.counts
        for value in values_us:
            if value < _EXACT:
                bucket = value
            else:  # bucket_of, written out: a call for each value would take longer than all the rest
                shift = value.bit_length() - SUB_BUCKET_BITS - 1
                bucket = (shift << SUB_BUCKET_BITS) + (value >> shift)
            counts[bucket] = counts.get(bucket, 0) + 1
        self.total += len(values_us)
        self.sum_us += sum(values_us)
        self.min_us = least if self.min_us is None else min(self.min_us, least)
        self.max_us = greatest if self.max_us is None else max(self.max_us, greatest)

    def merge(self, other: Histogram) -> None:
        """Add all that the other one counted. The order in which histograms are merged changes nothing."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.total += other.total
        self.sum_us += other.sum_us
        if other.min_us is not None and other.max_us is not None:
            self.min_us = other.min_us if self.min_us is None else min(self.min_us, other.min_us)
            self.max_us = other.max_us if self.max_us is None else max(self.max_us, other.max_us)

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Self:
        """Return a new histogram of all values of the parts."""
        whole = cls()
        for part in parts:
            whole.merge(part)
        return whole

    def at_rank(self, rank: int) -> float | None:
        """Return the value at that rank in µs (1 is the smallest value); None if there is no such rank."""
        if not 1 <= rank <= self.total or self.min_us is None or self.max_us is None:
            return None
        if rank == self.total:
            return float(self.max_us)
        buckets = sorted(self.counts)
        for bucket, below in zip(buckets, accumulate(self.counts[bucket] for bucket in buckets), strict=True):
            if below >= rank:
                low, high = bounds_of(bucket)
                return min(max((low + high) / 2, self.min_us), self.max_us)
        raise AssertionError("the buckets contain fewer values than the total")

    def quantile(self, fraction: float) -> float | None:
        """Return the smallest value that at least this fraction of all values does not exceed (nearest rank), in µs.

        fraction: from 0 to 1. None if nothing was recorded.
        """
        return self.at_rank(rank_of(fraction, self.total))

    def mean(self) -> float | None:
        """Return the exact average in µs; None if nothing was recorded."""
        return self.sum_us / self.total if self.total else None

    def variance(self) -> float | None:
        """Return the sample variance in µs², from the middles of the buckets; None with fewer than two values."""
        if self.total < 2:
            return None
        mean = self.sum_us / self.total
        squares = sum(
            count * ((bounds_of(bucket)[0] + bounds_of(bucket)[1]) / 2 - mean) ** 2
            for bucket, count in self.counts.items()
        )
        return squares / (self.total - 1)

    def count_above(self, value_us: float) -> int:
        """Return the number of values in buckets whose middle is greater."""
        return sum(count for bucket, count in self.counts.items() if sum(bounds_of(bucket)) / 2 > value_us)

    def as_json(self) -> dict[str, Any]:
        """Return plain data: counts of the buckets that are not empty, exact minimum, maximum and sum in µs."""
        return {
            "counts": [[bucket, self.counts[bucket]] for bucket in sorted(self.counts)],
            "sum_us": self.sum_us,
            "min_us": self.min_us,
            "max_us": self.max_us,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the histogram that `as_json` gave. Raises ValueError for anything else."""
        made = cls()
        try:
            for bucket, count in data["counts"]:
                whole = type(bucket) is int and type(count) is int
                if not whole or bucket < 0 or count < 1 or bucket in made.counts:
                    raise ValueError(f"expected a bucket and a count, got {bucket!r} and {count!r}")
                made.counts[bucket] = count
                made.total += count
            made.sum_us, made.min_us, made.max_us = data["sum_us"], data["min_us"], data["max_us"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a histogram: {error}") from None
        ends = made.min_us, made.max_us
        if not made.counts:
            if ends != (None, None) or made.sum_us != 0:
                raise ValueError("not a histogram: no counts, but a minimum, a maximum or a sum")
        elif (
            type(made.sum_us) is not int
            or not all(type(end) is int and end >= 0 for end in ends)
            or tuple(bucket_of(end) for end in ends if end is not None) != (min(made.counts), max(made.counts))
        ):
            raise ValueError("not a histogram: the minimum or the maximum is outside the counted buckets")
        return made


def rank_of(fraction: float, total: int) -> int:
    """Return the rank of a quantile among `total` sorted values (nearest rank). Raises ValueError for another fraction.

    fraction: from 0 to 1; 0.95 of 200 is rank 190. A product that is an integer except for rounding counts as that
    integer.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"expected a fraction from 0 to 1, got {fraction}")
    return max(1, math.ceil(round(fraction * total, 6)))
