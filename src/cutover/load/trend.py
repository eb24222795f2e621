"""What a sum over the whole run hides: latency that grows, stalls, and silence. Works on a cell's seconds.

Not for limits: gates.py.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cutover.stats.histogram import Histogram
from cutover.stats.intervals import Interval, quantile, ratio
from cutover.traffic.ledger import SLOTS, Cell, Second

PARTS: Final = 4
"""Growth compares the last of so many equal parts of the time with the first."""

SLOW_US: Final = 100_000
SLOW_TIMES: Final = 10
"""A request is slow in the sense of a stall when it took more than 100 ms and more than ten times the median."""

STALLED_SHARE: Final = 0.2
"""A second belongs to a stall when so many of its answers were slow: a system that is slow for 3 % of its requests
does not stall. What was never answered is an error, and no stall; `longest_silence` counts it in."""

STALLED_REQUESTS: Final = 5

SILENT_SLOTS: Final = 5
"""So many slots must have asked in vain before it is silence: a lone slow answer at a rate of 1/s is none."""


@dataclass(frozen=True)
class Stall:
    """A time in which nothing was answered. first_s, last_s: the seconds of the run in which requests met it;
    longest_us: what the request waited that met its beginning, so the length of it; requests: how many were slow."""

    first_s: int
    last_s: int
    longest_us: int
    requests: int

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


def growth(cell: Cell, share: float) -> tuple[Interval, int]:
    """A quantile in the last quarter of the time over that in the first, and the samples of the smaller one."""
    numbers = sorted(cell.seconds)
    if not numbers:
        return Interval(math.nan, 0.0, math.inf), 0
    length = numbers[-1] - numbers[0] + 1
    first, last = ([cell.seconds[number] for number in numbers if part(number - numbers[0], length) == wanted]
                   for wanted in (0, PARTS - 1))  # fmt: skip
    begun, ended = (Histogram.merged(second.latency for second in seconds) for seconds in (first, last))
    failed = [sum(second.failed for second in seconds) for seconds in (first, last)]
    found = ratio(quantile(ended, share, failed[1]), quantile(begun, share, failed[0]))
    return found, min(begun.total + failed[0], ended.total + failed[1])


def part(second: int, length: int) -> int:
    """The number of the part, from 0, in which a second of so many lies."""
    return min(PARTS - 1, second * PARTS // length)


def stalls(cell: Cell) -> Iterator[Stall]:
    """Every stall, in order. One that spans a second's end is one."""
    median = cell.latency.quantile(0.5)
    slow_us = max(SLOW_US, SLOW_TIMES * median) if median is not None else SLOW_US
    met: list[tuple[int, Second]] = []
    for number in sorted(cell.seconds):
        second = cell.seconds[number]
        slow, answered = second.latency.count_above(slow_us), second.latency.total
        if answered and slow >= STALLED_SHARE * answered:
            if met and number > met[-1][0] + 1:
                yield from _stall(met, slow_us)
                met = []
            met.append((number, second))
    yield from _stall(met, slow_us)


def longest_stall_us(cell: Cell) -> int:
    """The length of the longest stall, 0 when there was none."""
    return max((stall.longest_us for stall in stalls(cell)), default=0)


def longest_silence(cell: Cell) -> Interval:
    """The longest time in ms in which requests were sent and none was answered well: slow, failed, or not at all.

    From the sending of the first request after an answer to the next answer, each known to one slot; what the generator
    did not send in time counts for nothing, as it is not the system's silence. Without bound above when no answer came
    any more.
    """
    slot_ms = 1000 / SLOTS
    longest = Interval(0.0, 0.0, 0.0)
    begin = last = asked = 0
    for second in sorted({*cell.sent_slots, *cell.answered_slots}):
        asking, answering = cell.sent_slots.get(second, 0), cell.answered_slots.get(second, 0)
        for slot in range(SLOTS):
            at = second * SLOTS + slot
            if answering >> slot & 1:
                if asked >= SILENT_SLOTS and at - begin > longest.estimate:
                    longest = Interval(at - begin, at - begin - 1, at - begin + 1)
                asked = 0
            elif asking >> slot & 1:
                begin, last, asked = (begin if asked else at), at, asked + 1
    if asked >= SILENT_SLOTS:
        longest = Interval(max(longest.estimate, last - begin), max(longest.low, last - begin), math.inf)
    return longest.scaled(slot_ms)


def _stall(met: list[tuple[int, Second]], slow_us: float) -> Iterator[Stall]:
    requests = sum(second.latency.count_above(slow_us) for _, second in met)
    if requests >= STALLED_REQUESTS:
        longest = max(second.latency.max_us or 0 for _, second in met)
        yield Stall(met[0][0], met[-1][0], longest, requests)
