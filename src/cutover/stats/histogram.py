"""Durations in log-linear buckets: 256 to the octave, in whole microseconds; merged by addition, exactly.

For quantiles, averages and shares of many requests in little memory. Not for intervals: intervals.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, Self

SUB_BUCKET_BITS: Final = 8
"""256 equal buckets in each octave. The middle of a bucket is off by at most 1/512 of the value, 0.2 %. (128 would
be off by up to 0.39 % at the beginning of an octave.)"""

RELATIVE_ERROR: Final = 1 / (1 << (SUB_BUCKET_BITS + 1))
"""By how much a value read from a histogram may differ from the value that was recorded, as a fraction of it."""

_EXACT: Final = 1 << (SUB_BUCKET_BITS + 1)
_LONGEST_US: Final = 1 << 42  # 51 days: what is longer is no duration of a request


def bucket_of(value_us: int) -> int:
    """The number of the bucket that holds a value of so many microseconds. Below 512 µs each value has its own."""
    if value_us < _EXACT:
        return value_us
    shift = value_us.bit_length() - SUB_BUCKET_BITS - 1
    return (shift << SUB_BUCKET_BITS) + (value_us >> shift)


def bounds_of(bucket: int) -> tuple[int, int]:
    """The least and the greatest whole number of microseconds in a bucket."""
    if bucket < _EXACT:
        return bucket, bucket
    shift = (bucket >> SUB_BUCKET_BITS) - 1
    low = (bucket - (shift << SUB_BUCKET_BITS)) << shift
    return low, low + (1 << shift) - 1


class Histogram:
    """How many values fell into each bucket, with the exact least, greatest and sum. Values are microseconds."""

    __slots__ = ("counts", "greatest_us", "least_us", "sum_us", "total")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.total = 0
        self.sum_us = 0
        self.least_us: int | None = None
        self.greatest_us: int | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.as_json() == other.as_json()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Histogram({self.total} values from {self.least_us} to {self.greatest_us} µs)"

    def record(self, value_us: int, count: int = 1) -> None:
        """Count a value so many times. Raises ValueError for what is no duration: negative, or above 50 days."""
        if not 0 <= value_us < _LONGEST_US or count < 1:
            raise ValueError(f"{value_us} µs, {count} times, is nothing to record")
        bucket = bucket_of(value_us)
        self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.total += count
        self.sum_us += value_us * count
        if self.least_us is None or value_us < self.least_us:
            self.least_us = value_us
        if self.greatest_us is None or value_us > self.greatest_us:
            self.greatest_us = value_us

    def record_all(self, values_us: Sequence[int]) -> None:
        """Count each of the values once. Raises ValueError, and counts none, when one of them is no duration."""
        if not values_us:
            return
        least, greatest = min(values_us), max(values_us)
        if least < 0 or greatest >= _LONGEST_US:
            raise ValueError(f"{least if least < 0 else greatest} µs is nothing to record")
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
        self.least_us = least if self.least_us is None else min(self.least_us, least)
        self.greatest_us = greatest if self.greatest_us is None else max(self.greatest_us, greatest)

    def merge(self, other: Histogram) -> None:
        """Add all that the other one counted. The order in which histograms are merged changes nothing."""
        for bucket, count in other.counts.items():
            self.counts[bucket] = self.counts.get(bucket, 0) + count
        self.total += other.total
        self.sum_us += other.sum_us
        if other.least_us is not None and other.greatest_us is not None:
            self.least_us = other.least_us if self.least_us is None else min(self.least_us, other.least_us)
            self.greatest_us = (
                other.greatest_us if self.greatest_us is None else max(self.greatest_us, other.greatest_us)
            )

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Self:
        """A new histogram of all that the parts counted."""
        whole = cls()
        for part in parts:
            whole.merge(part)
        return whole

    def at_rank(self, rank: int) -> float | None:
        """The value with that place when all are sorted (1 is the least), in µs; None when there is no such place."""
        if not 1 <= rank <= self.total or self.least_us is None or self.greatest_us is None:
            return None
        if rank == self.total:
            return float(self.greatest_us)
        buckets = sorted(self.counts)
        for bucket, below in zip(buckets, accumulate(self.counts[bucket] for bucket in buckets), strict=True):
            if below >= rank:
                low, high = bounds_of(bucket)
                return min(max((low + high) / 2, self.least_us), self.greatest_us)
        raise AssertionError("the buckets hold fewer values than the total")

    def quantile(self, share: float) -> float | None:
        """The least value that at least this share of all values does not exceed (nearest rank), in µs.

        share: from 0 to 1. None when nothing was recorded.
        """
        return self.at_rank(rank_of(share, self.total))

    def mean(self) -> float | None:
        """The exact average in µs; None when nothing was recorded."""
        return self.sum_us / self.total if self.total else None

    def variance(self) -> float | None:
        """The sample variance in µs², from the buckets' middles; None with fewer than two values."""
        if self.total < 2:
            return None
        mean = self.sum_us / self.total
        squares = sum(
            count * ((bounds_of(bucket)[0] + bounds_of(bucket)[1]) / 2 - mean) ** 2
            for bucket, count in self.counts.items()
        )
        return squares / (self.total - 1)

    def count_above(self, value_us: float) -> int:
        """How many values lie in buckets whose middle is greater."""
        return sum(count for bucket, count in self.counts.items() if sum(bounds_of(bucket)) / 2 > value_us)

    def as_json(self) -> dict[str, Any]:
        """Plain data: the counts of the buckets that hold any, and the exact least, greatest and sum in µs."""
        return {
            "counts": [[bucket, self.counts[bucket]] for bucket in sorted(self.counts)],
            "sum_us": self.sum_us,
            "least_us": self.least_us,
            "greatest_us": self.greatest_us,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The histogram that `as_json` gave. Raises ValueError for anything that it cannot have given."""
        made = cls()
        try:
            for bucket, count in data["counts"]:
                whole = type(bucket) is int and type(count) is int
                if not whole or bucket < 0 or count < 1 or bucket in made.counts:
                    raise ValueError(f"no bucket: {bucket!r} with {count!r}")
                made.counts[bucket] = count
                made.total += count
            made.sum_us, made.least_us, made.greatest_us = data["sum_us"], data["least_us"], data["greatest_us"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"no histogram: {error}") from None
        ends = made.least_us, made.greatest_us
        if not made.counts:
            if ends != (None, None) or made.sum_us != 0:
                raise ValueError("no histogram: nothing was counted, and yet there are values")
        elif (
            type(made.sum_us) is not int
            or not all(type(end) is int and end >= 0 for end in ends)
            or tuple(bucket_of(end) for end in ends if end is not None) != (min(made.counts), max(made.counts))
        ):
            raise ValueError("no histogram: the least or the greatest value lies in another bucket than counted")
        return made


def rank_of(share: float, total: int) -> int:
    """The place of a quantile among so many sorted values, nearest rank. Raises ValueError for a share outside 0 to 1.

    share 0.95 of 200 is the 190th; a product that is a whole number but for rounding counts as that number.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"{share} is no share")
    return max(1, math.ceil(round(share * total, 6)))
