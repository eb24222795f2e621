"""Compare every row of one table on both sides: key ranges by bytes, and rows and columns only if a range differs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from cutover.migration.database_side import Reader, Side, Unrenderable, text_of, whole
from cutover.migration.findings import Finding, Findings, Part
from cutover.migration.ranges import KeyRange, RangePlan
from cutover.migration.rendered_range import MismatchedError, RangeReader, Rendered, Style, optional_whole, owner_of
from cutover.migration.row_differences import RowDifferences
from cutover.migration.row_queries import (
    Condition,
    Owner,
    TableQueries,
    bounds_query,
    next_key_query,
    violations_query,
)

WORKERS: Final = 2


@dataclass
class RowNumbers:
    """The amount that was read of one table.

    bytes: rendered, of both sides. differing_ranges: with unequal bytes. resumed_rows: of the source, in ranges that an
    interrupted run compared and that were not written since.
    """

    source_rows: int = 0
    target_rows: int = 0
    source_read: int = 0
    target_read: int = 0
    ranges: int = 0
    differing_ranges: int = 0
    resumed_ranges: int = 0
    resumed_rows: int = 0
    bytes: int = 0
    seconds: float = 0.0

    def as_json(self) -> dict[str, int | float]:
        """Return plain data."""
        return {**vars(self), "seconds": round(self.seconds, 3)}


@dataclass
class TableComparison:
    """The comparison of one table, from its first key to its last.

    source, target: the sides by their roles. proven: ranges (first, last, rows) that an interrupted run compared.
    on_range: called for each range without a finding, with first, last, rows. remembered: the side of which digests of
    all ranges are kept in `seen` (first, last, digest), to be compared again at the end. on_bounds: called with the
    number of rows of the source and how many of them are proven. on_rows: called with the number of rows just read.
    """

    queries: TableQueries
    source: Side
    target: Side
    findings: Findings
    part: Part = Part.ROWS
    proven: Iterable[tuple[int, int, int]] = ()
    on_range: Callable[[int, int, int], None] | None = None
    on_bounds: Callable[[int, int], None] | None = None
    on_rows: Callable[[int], None] | None = None
    remembered: Owner | None = None
    seen: list[tuple[int, int, bytes]] = field(default_factory=list)
    numbers: RowNumbers = field(default_factory=RowNumbers)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._ranges = RangeReader(self.queries)
        self._differences = RowDifferences(self.queries, self.part)

    def run(self, readers: Sequence[tuple[Reader, Reader]]) -> RowNumbers:
        """Compare the table. readers: a pair of source's and target's for each thread.

        Raises MeasurementError and CheckFailed as the readers do, and MismatchedError if the number of rows read is not
        the number of rows in the table: a page was lost or returned twice.
        """
        started = time.monotonic()
        source, target = readers[0]
        bounds = [self._bounds(source, self.source), self._bounds(target, self.target)]
        self.numbers.source_rows, self.numbers.target_rows = bounds[0][2], bounds[1][2]
        firsts = [first for first, _, _ in bounds if first is not None]
        lasts = [last for _, last, _ in bounds if last is not None]
        proven = list(self.proven)
        for _, _, rows in proven:
            self.numbers.resumed_ranges += 1
            self.numbers.resumed_rows += rows
        if self.on_bounds:
            self.on_bounds(self.numbers.source_rows, self.numbers.resumed_rows)
        if firsts and lasts:
            batch = min(source.batch_bytes, target.batch_bytes)
            most = max(self.numbers.source_rows, self.numbers.target_rows)
            plan = RangePlan(min(firsts), max(lasts), most, batch, [(first, last) for first, last, _ in proven])
            self._read_all(plan, readers)
        self._compare_counts()
        self.numbers.seconds = time.monotonic() - started
        return self.numbers

    def changed_since(self, reader: Reader) -> str | None:
        """Read the remembered side's ranges again. Return the first change in one sentence, None if there is none.

        Compares the number of rows and the bytes of every range: a row that was inserted or deleted between two ranges
        changes the number.
        """
        rows = self._bounds(reader, self.source)[2]
        before = self.numbers.source_rows if self.source.dialect is reader.dialect else self.numbers.target_rows
        if rows != before:
            return f"{self.queries.name}: {before} rows became {rows}"
        if self.numbers.resumed_ranges:
            return f"{self.queries.name}: ranges that an interrupted run read cannot be compared again"
        for first, last, digest in self.seen:
            if self._ranges.read(reader, KeyRange(first, last)).digest != digest:
                return f"{self.queries.name}: rows from key {first} to {last} changed"
        return None

    def _read_all(self, plan: RangePlan, readers: Sequence[tuple[Reader, Reader]]) -> None:
        def work(pair: tuple[Reader, Reader]) -> None:
            keys: KeyRange | None = None
            try:
                while (keys := plan.take(wait=True)) is not None:
                    self._process(plan, keys, *pair)
            except Unrenderable as error:
                raise MismatchedError(f"{self.queries.name} from key {keys.first if keys else 0}: {error}") from None
            finally:
                plan.end()  # all ranges are read, or one failed and the other threads stop

        if len(readers) == 1:
            work(readers[0])
            return
        with ThreadPoolExecutor(len(readers)) as pool:
            for done in [pool.submit(work, pair) for pair in readers]:
                done.result()

    def _process(self, plan: RangePlan, keys: KeyRange, source: Reader, target: Reader) -> None:
        """Compare a range up to the limit of rows that was requested, and give the rest back to the plan."""
        began = time.monotonic()
        part, of_source, of_target = self._rendered(plan, keys, source, target)
        self._compare(part, of_source, of_target, source, target)
        rows = max(of_source.rows, of_target.rows)
        plan.learn(part, rows, max(of_source.size, of_target.size), time.monotonic() - began)
        if self.on_rows:
            self.on_rows(of_source.rows)
        if rows == 0 and part.last == keys.last:
            self._pass_over_gap(plan, part.last, source, target)
        plan.done(keys, part.last)

    def _rendered(
        self, plan: RangePlan, part: KeyRange, source: Reader, target: Reader
    ) -> tuple[KeyRange, Rendered, Rendered]:
        """Return both sides of a range. It ends early if a side has more rows than the limit or than it can return."""
        while True:
            try:
                of_source, of_target = (self._ranges.read(reader, part) for reader in (source, target))
            except Unrenderable as error:
                rows = part.limit or part.last - part.first + 1
                if not error.too_big or rows <= 1:
                    raise MismatchedError(f"{self.queries.name} from key {part.first}: {error}") from None
                plan.shrink(rows)
                part = KeyRange(part.first, part.last, max(1, rows // 2))
                continue
            full = [side.last_key for side in (of_source, of_target) if part.limit and side.rows >= part.limit]
            if not full or min(full) >= part.last:
                return part, of_source, of_target
            cut = KeyRange(part.first, min(full), part.limit)
            # The side that reached its limit at the cut was read exactly to it. The other is read again up to it.
            if not (of_source.rows >= (part.limit or 0) and of_source.last_key == cut.last):
                of_source = self._ranges.read(source, KeyRange(cut.first, cut.last, None))
            if not (of_target.rows >= (part.limit or 0) and of_target.last_key == cut.last):
                of_target = self._ranges.read(target, KeyRange(cut.first, cut.last, None))
            return cut, of_source, of_target

    def _compare(
        self, keys: KeyRange, of_source: Rendered, of_target: Rendered, source: Reader, target: Reader
    ) -> None:
        found: list[Finding] = []
        equal = of_source.equals(of_target)
        if not equal and Style.PLAIN in (of_source.style, of_target.style):
            of_source = self._ranges.read_exact(source, keys) if of_source.style is Style.PLAIN else of_source
            of_target = self._ranges.read_exact(target, keys) if of_target.style is Style.PLAIN else of_target
            equal = of_source.equals(of_target)
        if not equal:
            found = self._differences.between(of_source, of_target)
        total = len(found)
        sides = ((source, of_source), (target, of_target))
        for reader, side in sides:
            conditions = self.queries.conditions_on(owner_of(reader.dialect))
            for condition, count in zip(conditions, side.violations, strict=True):
                if count:
                    found += self._violations(reader, condition, keys, count)
                    total += count
        with self._lock:
            numbers = self.numbers
            numbers.ranges += 1
            numbers.differing_ranges += not equal
            numbers.source_read += of_source.rows
            numbers.target_read += of_target.rows
            numbers.bytes += of_source.size + of_target.size
            for reader, side in sides:
                if self.remembered is owner_of(reader.dialect):
                    self.seen.append((keys.first, keys.last, side.digest))
            for finding in found:
                self.findings.add(finding)
            if not total and self.on_range:
                self.on_range(keys.first, keys.last, of_source.rows)

    def _violations(self, reader: Reader, condition: Condition, keys: KeyRange, count: int) -> list[Finding]:
        """Return a finding for each row that violates a condition."""
        place = (self.part, self.queries.name, condition.kind)
        found = []
        limit = count if self.findings.sink is not None else min(count, self.findings.keep)
        for key, value in reader.query(violations_query(self.queries, condition, keys.first, keys.last, limit)):
            got = None if value is None else text_of(value)
            found.append(Finding(*place, text_of(key), condition.column, condition.expected, got))
        if len(found) < limit:
            raise MismatchedError(
                f"{self.queries.name}.{condition.column}: {count} rows that violate the mapping were counted, "
                f"{len(found)} were found"
            )
        # The others are counted without their values.
        rest = Finding(*place, "", condition.column, condition.expected, None)
        return found + [rest] * (count - len(found))

    def _pass_over_gap(self, plan: RangePlan, last: int, source: Reader, target: Reader) -> None:
        cells = [
            reader.query(next_key_query(self.queries, owner_of(reader.dialect), last))[0][0]
            for reader in (source, target)
        ]
        keys = [whole(key) for key in cells if key is not None]
        if keys:
            plan.jump(last, min(keys))

    def _bounds(self, reader: Reader, side: Side) -> tuple[int | None, int | None, int]:
        """Return the first and the last key, None in an empty table, and the number of rows."""
        rows = reader.query(bounds_query(self.queries, owner_of(reader.dialect)))
        if len(rows) != 1 or len(rows[0]) != 3:
            raise MismatchedError(f"{reader.where} did not return the number of rows of {self.queries.name}")
        first, last, count = rows[0]
        try:
            return optional_whole(first), optional_whole(last), whole(count)
        except TypeError:
            raise MismatchedError(f"{self.queries.name}: a key of {side.label} is not an integer") from None

    def _compare_counts(self) -> None:
        """Raise MismatchedError unless every row was read. Proven ranges of an interrupted run count as read."""
        numbers = self.numbers
        for label, rows, read in (
            (self.source.label, numbers.source_rows, numbers.source_read + numbers.resumed_rows),
            (self.target.label, numbers.target_rows, numbers.target_read + numbers.resumed_rows),
        ):
            if rows != read:
                raise MismatchedError(
                    f"{self.queries.name}: {label} has {rows} rows, {read} were read. A page was lost or returned "
                    "twice, keys are not integers, or rows were written meanwhile. Run it again."
                )
