"""Changes over time that the totals of a run hide: growing latency, stalls and silences. Uses a cell's seconds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from cutover.stats.histogram import Histogram
from cutover.stats.intervals import Interval, quantile, ratio
from cutover.traffic.ledger import SLOTS, Cell, Second

PARTS: Final = 4
"""Number of equal parts of the time. Growth compares the last one with the first."""

SLOW_US: Final = 100_000
SLOW_TIMES: Final = 10
"""A request is slow in the sense of a stall if it took more than 100 ms and more than ten times the median."""

STALLED_FRACTION: Final = 0.2
"""A second belongs to a stall if at least this fraction of its responses were slow. A system that is slow for 3 % of
its requests does not stall. A request without a response is an error and not a stall; `longest_silence` includes it."""

STALLED_REQUESTS: Final = 5

SILENT_SLOTS: Final = 5
"""A silence needs requests in at least this many slots. A single slow response at a rate of 1/s is no silence."""


_SLOPE_POINTS: Final = 60
_SLOPE_LEAST: Final = 8
_ONE_SIDED_95: Final = 1.645


@dataclass(frozen=True)
class Stall:
    """A time without responses. first_s, last_s: the seconds of the run in which requests met it; longest_us: the wait
    of the request that met its start, which is its length; requests: the number of slow requests."""

    first_s: int
    last_s: int
    longest_us: int
    requests: int

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return dict(vars(self))


def growth(cell: Cell, fraction: float) -> tuple[Interval, int]:
    """Return a quantile of the last quarter of the time divided by that of the first, and the smaller sample."""
    numbers = sorted(cell.seconds)
    if not numbers:
        return Interval(math.nan, 0.0, math.inf), 0
    length = numbers[-1] - numbers[0] + 1
    first, last = ([cell.seconds[number] for number in numbers if part(number - numbers[0], length) == wanted]
                   for wanted in (0, PARTS - 1))  # fmt: skip
    begun, ended = (Histogram.merged(second.latency for second in seconds) for seconds in (first, last))
    failed = [sum(second.failed for second in seconds) for seconds in (first, last)]
    found = ratio(quantile(ended, fraction, failed[1]), quantile(begun, fraction, failed[0]))
    return found, min(begun.total + failed[0], ended.total + failed[1])


def part(second: int, length: int) -> int:
    """Return the number of the part, from 0, that contains a second of `length` seconds."""
    return min(PARTS - 1, second * PARTS // length)


def stalls(cell: Cell) -> Iterator[Stall]:
    """Yield every stall, in order. A stall across several seconds is one."""
    median = cell.latency.quantile(0.5)
    slow_us = max(SLOW_US, SLOW_TIMES * median) if median is not None else SLOW_US
    met: list[tuple[int, Second]] = []
    for number in sorted(cell.seconds):
        second = cell.seconds[number]
        slow, answered = second.latency.count_above(slow_us), second.latency.total
        if answered and slow >= STALLED_FRACTION * answered:
            if met and number > met[-1][0] + 1:
                yield from _stall(met, slow_us)
                met = []
            met.append((number, second))
    yield from _stall(met, slow_us)


def longest_stall_us(cell: Cell) -> int:
    """Return the length of the longest stall in µs, 0 without one."""
    return max((stall.longest_us for stall in stalls(cell)), default=0)


def stalled_percent(cell: Cell) -> float:
    """Return the length of all stalls in per cent of the time, 0 without requests."""
    length_s = max(cell.seconds) - min(cell.seconds) + 1 if cell.seconds else 1
    return min(100.0, sum(stall.longest_us for stall in stalls(cell)) / 1e4 / length_s)


def median_growth_ms_per_s(cell: Cell) -> Interval:
    """Return the growth of the median per second of the run, in ms/s, with its one-sided 95 % bounds.

    Theil's and Sen's slope over at most _SLOPE_POINTS equal parts of the time, which one stall does not change, with
    the bounds of Sen (1968, Journal of the American Statistical Association 63, 1379). Bounds are infinite with fewer
    than _SLOPE_LEAST parts.
    """
    numbers = sorted(cell.seconds)
    length = math.ceil((numbers[-1] - numbers[0] + 1) / _SLOPE_POINTS) if numbers else 1
    parts: dict[int, list[Second]] = {}
    for number in numbers:
        parts.setdefault((number - numbers[0]) // length, []).append(cell.seconds[number])
    medians = [
        (place * length, median / 1000)
        for place, seconds in sorted(parts.items())
        if (median := Histogram.merged(second.latency for second in seconds).quantile(0.5)) is not None
    ]
    if len(medians) < _SLOPE_LEAST:
        return Interval(math.nan, -math.inf, math.inf)
    slopes = sorted((late - early) / (end - begin) for (begin, early), (end, late) in combinations(medians, 2))
    count = len(medians)
    spread = _ONE_SIDED_95 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low, high = int((len(slopes) - spread) // 2), math.ceil((len(slopes) + spread) / 2)
    return Interval(
        statistics.median(slopes),
        slopes[low] if low >= 0 else -math.inf,
        slopes[high] if high < len(slopes) else math.inf,
    )


def longest_silence(cell: Cell) -> Interval:
    """Return the longest time in ms in which requests were sent and none was answered as promised.

    It lasts from the sending of the first request after a response to the next response, each known to one slot.
    Requests that the generator did not send in time do not count. The upper bound is infinite if there was no later
    response.
    """
    slot_ms = 1000 / SLOTS
    longest = Interval(0.0, 0.0, 0.0)
    begin = last = sent = 0
    for second in sorted({*cell.sent_slots, *cell.answered_slots}):
        sending, answering = cell.sent_slots.get(second, 0), cell.answered_slots.get(second, 0)
        for slot in range(SLOTS):
            at = second * SLOTS + slot
            if answering >> slot & 1:
                if sent >= SILENT_SLOTS and at - begin > longest.estimate:
                    longest = Interval(at - begin, at - begin - 1, at - begin + 1)
                sent = 0
            elif sending >> slot & 1:
                begin, last, sent = (begin if sent else at), at, sent + 1
    if sent >= SILENT_SLOTS:
        longest = Interval(max(longest.estimate, last - begin), max(longest.low, last - begin), math.inf)
    return longest.scaled(slot_ms)


def _stall(met: list[tuple[int, Second]], slow_us: float) -> Iterator[Stall]:
    requests = sum(second.latency.count_above(slow_us) for _, second in met)
    if requests >= STALLED_REQUESTS:
        longest = max(second.latency.max_us or 0 for _, second in met)
        yield Stall(met[0][0], met[-1][0], longest, requests)
