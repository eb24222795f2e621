"""Choose the keys to read next: consecutive ranges, sized by the time of the last ones."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

FIRST_ROWS: Final = 1_000
MOST_ROWS: Final = 50_000
LONGEST_S: Final = 2.0
"""A range that took longer is followed by smaller ones, for progress and because of the sides' time limits."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Keys from first to last, inclusive. limit: maximum rows per side; None: the range cannot contain too many."""

    first: int
    last: int
    limit: int | None = None


class RangePlan:
    """Assigns the ranges of a table to threads. Each key is assigned once, and again only if it was not read."""

    def __init__(
        self, first: int, last: int, rows: int, batch_bytes: int, proven: Iterable[tuple[int, int]] = ()
    ) -> None:
        """first, last: the least and the greatest key of both sides; rows: of the larger side. batch_bytes: intended
        size of a range on one side. proven: ranges that an interrupted run compared; they are skipped."""
        self._batch_bytes = batch_bytes
        self._left: deque[tuple[int, int]] = deque(without([(first, last)], merged(proven)))
        self._changed = threading.Condition()
        self._out, self._ended = 0, False
        self._rows = FIRST_ROWS
        self._keys_a_row = max(1.0, (last - first + 1) / max(1, rows))

    def take(self, *, wait: bool = False) -> KeyRange | None:
        """Return the next range, None if all keys are assigned.

        wait: wait until another thread gives keys back or all assigned ranges are done.
        """
        with self._changed:
            while wait and not self._left and self._out and not self._ended:
                self._changed.wait()
            if self._ended or not self._left:
                return None
            first, end = self._left.popleft()
            width = max(self._rows, int(self._rows * self._keys_a_row))
            last = min(end, first + width - 1)
            if last < end:
                self._left.appendleft((last + 1, end))
            self._out += 1
            # Keys are unique integers: a range with no more keys than intended rows needs no limit.
            return KeyRange(first, last, self._rows if last - first + 1 > self._rows else None)

    def done(self, keys: KeyRange, read_to: int) -> None:
        """Report that a range was read up to a key. The rest of it is assigned again."""
        with self._changed:
            self._out -= 1
            if read_to < keys.last:
                self._left.appendleft((read_to + 1, keys.last))
            self._changed.notify_all()

    def end(self) -> None:
        """Assign no more ranges, and wake waiting threads."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def learn(self, keys: KeyRange, rows: int, size: int, seconds: float) -> None:
        """Adapt the size of ranges: rows and bytes of the larger side of a range, time in s."""
        with self._changed:
            if rows == 0:
                return
            self._keys_a_row = max(1.0, (keys.last - keys.first + 1) / rows)
            wanted = self._batch_bytes * rows / max(1, size)
            if seconds > LONGEST_S:
                wanted = min(wanted, rows * LONGEST_S / seconds)
            # At most double: one range of small rows predicts little about the next.
            self._rows = int(max(1, min(wanted, 2 * max(self._rows, 1), MOST_ROWS)))

    def shrink(self, rows: int) -> None:
        """Report that a side could not return a range of so many rows."""
        with self._changed:
            self._rows = max(1, min(self._rows, rows // 2))

    def jump(self, after: int, to: int) -> None:
        """Report that neither side has a key between these two."""
        with self._changed:
            self._left = deque(without(self._left, [(after + 1, to - 1)]))


def merged(ranges: Iterable[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """Return the same keys in as few ranges as possible, in order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def without(ranges: Iterable[tuple[int, int]], taken: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the keys of the ranges that are in none of `taken`, which is sorted. The order is kept."""
    left = []
    for first, last in ranges:
        for begun, ended in taken:
            if ended < first or begun > last:
                continue
            if begun > first:
                left.append((first, begun - 1))
            first = ended + 1
        if first <= last:
            left.append((first, last))
    return left
