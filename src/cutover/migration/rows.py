"""Every row of one table on both sides: ranges of keys, bytes compared, and only where they differ row and column.

Not for what is asked: rendering.py; nor for when two values are the same: values.py; nor for which tables: run.py.
"""

from __future__ import annotations

import hashlib
import operator
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import compress
from typing import Final

from cutover.core.errors import MeasurementError
from cutover.migration import values
from cutover.migration.database_side import Cell, Dialect, Reader, Side, Unrenderable, text_of, whole
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.mapping import Form
from cutover.migration.ranges import KeyRange, RangePlan
from cutover.migration.row_queries import (
    Condition,
    Owner,
    TableQueries,
    bounds_query,
    next_key_query,
    offenders_query,
    range_query,
)
from cutover.migration.values import Value

WORKERS: Final = 2
_EMPTY: Final = b"[]"


_SPOILED_MOST: Final = 3
"""After so many ranges of a table that were asked for in vain, nothing of it is asked for in the plain style."""


class Style(Enum):
    """How a range is rendered. PLAIN: as JSON, had it no quotes, backslashes and control characters, of which only the
    last go unnoticed: equal to JSON it is JSON, and it is asked for anew where it differs. CAREFUL: with the storage
    class of each value."""

    PLAIN = auto()
    JSON = auto()
    CAREFUL = auto()


class _NotPlainError(Exception):
    """A text of the range has a quote or a backslash in it."""


class MismatchedError(MeasurementError):
    """An answer that is not of the question that was asked, or two that cannot both be true."""


@dataclass
class RowNumbers:
    """What was read of one table. bytes: rendered, of both sides. differing_ranges: whose bytes were not equal.

    resumed_rows: on the source's side, in ranges that an earlier run has proven and nobody has written since.
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
        """Plain data."""
        return {**vars(self), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class Rendered:
    """One side's rows of one range, column by column."""

    rows: int
    violations: tuple[int, ...]
    keys: bytes
    columns: tuple[bytes, ...]
    style: Style = Style.JSON

    @property
    def size(self) -> int:
        """Bytes of it."""
        return len(self.keys) + sum(map(len, self.columns))

    @property
    def digest(self) -> bytes:
        """Of all of it."""
        found = hashlib.blake2b(f"{self.rows} {self.violations}".encode(), digest_size=16)
        for text in (self.keys, *self.columns):
            found.update(b"%d " % len(text))
            found.update(text)
        return found.digest()

    def equals(self, other: Rendered) -> bool:
        """Every byte."""
        return self.keys == other.keys and self.columns == other.columns

    @property
    def last_key(self) -> int:
        """The last of the keys. Raises ValueError where it is no whole number."""
        if self.style is Style.CAREFUL:
            last = self.values_of(None)[-1]
            if not isinstance(last, int):
                raise ValueError("a key is no whole number")
            return last
        return int(self.keys[max(self.keys.rfind(b","), 0) + 1 : -1])

    def values_of(self, number: int | None) -> list[Value]:
        """The values of a column, of the keys for None. Raises ValueError for what cannot be read."""
        text = self.keys if number is None else self.columns[number]
        found = values.read_careful_column(text) if self.style is Style.CAREFUL else values.read_column(text)
        if len(found) != self.rows:
            raise MismatchedError(
                f"a column of {len(found)} values came for {self.rows} rows: rows of an answer were lost"
            )
        return found


@dataclass
class TableComparison:
    """One table, from its first key to its last.

    source, target: the sides by their roles; legacy is the one of the two that is Django's. proven: ranges (first,
    last, rows) that an earlier run has shown. on_range: told of each range without a finding: first, last, rows.
    remembered: the side of which digests of all ranges are kept in `seen` (first, last, digest), to be read once more.
    on_bounds: told how many rows the source has, and how many of them are proven. on_rows: how many more were read.
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
    _spoiled: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, readers: Sequence[tuple[Reader, Reader]]) -> RowNumbers:
        """Compare. readers: a pair of source's and target's for each thread; the first pair counts, too.

        Raises MeasurementError and CheckFailed as the readers do, and MismatchedError if the number of rows read is not
        that of the table: a page was lost, or an answer was returned twice.
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
        self._hold_to_counts()
        self.numbers.seconds = time.monotonic() - started
        return self.numbers

    def changed_since(self, reader: Reader) -> str | None:
        """Read the remembered side's ranges once more: what is not as it was, in one sentence; None: all is.

        The number of rows and the bytes of every range: a row that came or went between two ranges changes the number.
        """
        rows = self._bounds(reader, self.source)[2]
        own = self.numbers.source_rows if self.source.dialect is reader.dialect else self.numbers.target_rows
        if rows != own:
            return f"{self.queries.name}: {own} rows became {rows}"
        if self.numbers.resumed_ranges:
            return f"{self.queries.name}: what an earlier run has read cannot be compared"
        for first, last, digest in self.seen:
            if self._ask(reader, KeyRange(first, last)).digest != digest:
                return f"{self.queries.name}: rows from key {first} to {last} are not what they were"
        return None

    def _read_all(self, plan: RangePlan, readers: Sequence[tuple[Reader, Reader]]) -> None:
        def work(pair: tuple[Reader, Reader]) -> None:
            keys: KeyRange | None = None
            try:
                while (keys := plan.take(wait=True)) is not None:
                    self._work_off(plan, keys, *pair)
            except Unrenderable as error:
                raise MismatchedError(f"{self.queries.name} from key {keys.first if keys else 0}: {error}") from None
            finally:
                plan.end()  # all is read, or something failed and the other threads have no more to do

        if len(readers) == 1:
            work(readers[0])
            return
        with ThreadPoolExecutor(len(readers)) as pool:
            for done in [pool.submit(work, pair) for pair in readers]:
                done.result()

    def _work_off(self, plan: RangePlan, keys: KeyRange, source: Reader, target: Reader) -> None:
        """One range that was handed out, as far as its rows are no more than was asked for; the rest is given back."""
        began = time.monotonic()
        part, one, other = self._rendered(plan, keys, source, target)
        self._compare(part, one, other, source, target)
        rows = max(one.rows, other.rows)
        plan.learn(part, rows, max(one.size, other.size), time.monotonic() - began)
        if self.on_rows:
            self.on_rows(one.rows)
        if rows == 0 and part.last == keys.last:
            self._pass_over_gap(plan, part.last, source, target)
        plan.done(keys, part.last)

    def _rendered(
        self, plan: RangePlan, part: KeyRange, source: Reader, target: Reader
    ) -> tuple[KeyRange, Rendered, Rendered]:
        """Both sides of a range, which ends early where a side has more rows than the limit or can answer."""
        while True:
            try:
                one, other = (self._ask(reader, part) for reader in (source, target))
            except Unrenderable as error:
                rows = part.limit or part.last - part.first + 1
                if not error.too_big or rows <= 1:
                    raise MismatchedError(f"{self.queries.name} from key {part.first}: {error}") from None
                plan.shrink(rows)
                part = KeyRange(part.first, part.last, max(1, rows // 2))
                continue
            full = [side.last_key for side in (one, other) if part.limit and side.rows >= part.limit]
            if not full or min(full) >= part.last:
                return part, one, other
            cut = KeyRange(part.first, min(full), part.limit)
            # What reached the limit there has been read to the cut and no further; the other is read again to it.
            if not (one.rows >= (part.limit or 0) and one.last_key == cut.last):
                one = self._ask(source, KeyRange(cut.first, cut.last, None))
            if not (other.rows >= (part.limit or 0) and other.last_key == cut.last):
                other = self._ask(target, KeyRange(cut.first, cut.last, None))
            return cut, one, other

    def _ask(self, reader: Reader, keys: KeyRange) -> Rendered:
        if reader.dialect is Dialect.POSTGRES and self._spoiled < _SPOILED_MOST:
            try:
                return self._answer(reader, keys, Style.PLAIN)
            except _NotPlainError:
                self._spoiled += 1  # by one too few, should two threads meet here: no harm
        return self._exact(reader, keys)

    def _exact(self, reader: Reader, keys: KeyRange) -> Rendered:
        try:
            return self._answer(reader, keys, Style.JSON)
        except Unrenderable as error:
            if error.too_big or reader.dialect is not Dialect.SQLITE:
                raise
            return self._answer(reader, keys, Style.CAREFUL)

    def _answer(self, reader: Reader, keys: KeyRange, style: Style) -> Rendered:
        careful, plain = style is Style.CAREFUL, style is Style.PLAIN
        rows = reader.query(
            range_query(self.queries, reader.dialect, keys.first, keys.last, keys.limit, careful=careful, plain=plain)
        )
        if len(rows) != 1:
            raise MismatchedError(
                f"{reader.where} answered {len(rows)} rows where one is due: a page was lost or doubled"
            )
        row = rows[0]
        owner = _owner(reader.dialect)
        number, columns = len(self.queries.held_to(owner)), self._columns_of(owner)
        texts_of = self.queries.texts_of_legacy if plain else ()
        arrays = 1 + len(set(columns))
        if len(row) != 3 + number + arrays + len(texts_of):
            raise MismatchedError(f"{reader.where} answered {len(row)} columns, and others were asked for")
        if (_optional(row[0]), _optional(row[1])) != (keys.first, keys.last):
            raise MismatchedError(
                f"{reader.where} answered keys {row[0]!r} to {row[1]!r} when {keys.first} to {keys.last} were asked for"
            )
        cells = row[3 + number : 3 + number + arrays]
        texts = [_EMPTY if cell is None else b"[%b]" % _bytes(cell) if plain else _bytes(cell) for cell in cells]
        for place, count in zip(texts_of, row[3 + number + arrays :], strict=True):
            text = texts[1 + place]
            if b"\\" in text or text.count(b'"') != 2 * whole(count):
                raise _NotPlainError
        rendered = tuple(texts[1 + place] for place in columns)
        return Rendered(whole(row[2]), tuple(map(whole, row[3 : 3 + number])), texts[0], rendered, style)

    def _columns_of(self, owner: Owner) -> tuple[int, ...]:
        """Which of the arrays that a side renders is that of each column."""
        if owner is Owner.D1:
            return tuple(range(len(self.queries.columns)))
        rendered = list(self.queries.rendered_by_legacy)
        return tuple(rendered.index(column.legacy) for column in self.queries.columns)

    def _compare(self, keys: KeyRange, one: Rendered, other: Rendered, source: Reader, target: Reader) -> None:
        found: list[Finding] = []
        equal = one.equals(other)
        if not equal and Style.PLAIN in (one.style, other.style):
            one = self._exact(source, keys) if one.style is Style.PLAIN else one
            other = self._exact(target, keys) if other.style is Style.PLAIN else other
            equal = one.equals(other)
        if not equal:
            found = self._drill_down(one, other)
        total = len(found)
        for reader, side in ((source, one), (target, other)):
            for condition, count in zip(self.queries.held_to(_owner(reader.dialect)), side.violations, strict=True):
                if count:
                    found += self._offenders(reader, condition, keys, count)
                    total += count
        with self._lock:
            numbers = self.numbers
            numbers.ranges += 1
            numbers.differing_ranges += not equal
            numbers.source_read += one.rows
            numbers.target_read += other.rows
            numbers.bytes += one.size + other.size
            for reader, side in ((source, one), (target, other)):
                if self.remembered is _owner(reader.dialect):
                    self.seen.append((keys.first, keys.last, side.digest))
            for finding in found:
                self.findings.add(finding)
            if not total and self.on_range:
                self.on_range(keys.first, keys.last, one.rows)

    def _drill_down(self, one: Rendered, other: Rendered) -> list[Finding]:
        """Return row and column of each difference. Raises MismatchedError if none explains why the bytes differ."""
        ours, theirs, found = *self._aligned(one, other), []
        by_key, others = _positions(ours), _positions(theirs)
        counts = Counter(ours), Counter(theirs)
        explained = bool(ours != theirs)
        for key in sorted(by_key.keys() - others.keys(), key=str):
            found += [self._finding(Kind.MISSING, key)] * counts[0][key]
        for key in sorted(others.keys() - by_key.keys(), key=str):
            found += [self._finding(Kind.EXTRA, key)] * counts[1][key]
        for counted, more in ((counts[0], "source"), (counts[1], "target")):
            if counted.total() > len(counted):
                for key, count in counted.items():
                    if count > 1 and key in by_key and key in others:
                        found += [self._finding(Kind.DUPLICATED, key, note=f"in the {more}")] * (count - 1)
        common = [key for key in counts[0] if key in others]
        here, there = [by_key[key] for key in common], [others[key] for key in common]
        for number, column in enumerate(self.queries.columns):
            if one.columns[number] == other.columns[number] and ours == theirs:
                continue
            mine, yours = self._values(one, number), self._values(other, number)
            pairs = [mine[place] for place in here], [yours[place] for place in there]
            # Without booleans and floats, values that are equal are identical: ranges are compared at C's speed.
            for place in compress(range(len(common)), map(operator.ne, *pairs)):
                explained = True
                if not values.same(column.form, pairs[0][place], pairs[1][place]):
                    found.append(
                        self._changed(common[place], column.name, column.form, pairs[0][place], pairs[1][place])
                    )
            # Equal values that are spelled differently, as two versions of SQLite escape: the bytes alone differ.
            explained = explained or mine == yours
        if not explained:
            raise MismatchedError(
                f"{self.queries.name}, keys {ours[0] if ours else ''} to {ours[-1] if ours else ''}: the bytes differ "
                "and no row and column does, so one of both answers cannot be right"
            )
        return found

    def _aligned(self, one: Rendered, other: Rendered) -> tuple[list[Value], list[Value]]:
        return self._values(one, None), self._values(other, None)

    def _values(self, rendered: Rendered, number: int | None) -> list[Value]:
        try:
            return rendered.values_of(number)
        except ValueError as error:
            name = "the key" if number is None else self.queries.columns[number].name
            raise MismatchedError(f"{self.queries.name}: {name} cannot be read as JSON: {error}") from None

    def _changed(self, key: Value, column: str, form: Form, expected: Value, got: Value) -> Finding:
        classes = values.storage_class(expected), values.storage_class(got)
        kind = Kind.STORAGE_CLASS if classes[0] != classes[1] and "null" not in classes else Kind.CHANGED
        if form is Form.TIMESTAMP and isinstance(expected, str) and values.instant(expected) is None:
            kind = Kind.NOT_CARRIED  # infinity, or a year that has no four digits: D1's form has no place for it
        return self._finding(kind, key, column, values.shown(expected), values.shown(got))

    def _finding(
        self,
        kind: Kind,
        key: Value,
        column: str | None = None,
        expected: str | None = None,
        got: str | None = None,
        note: str = "",
    ) -> Finding:
        text = str(key) if isinstance(key, int) else values.shown(key)
        return Finding(self.part, self.queries.name, kind, text, column, expected, got, note)

    def _offenders(self, reader: Reader, condition: Condition, keys: KeyRange, count: int) -> list[Finding]:
        """A finding for each row that breaks a condition."""
        found = []
        limit = count if self.findings.sink is not None else min(count, self.findings.keep)
        for key, value in reader.query(offenders_query(self.queries, condition, keys.first, keys.last, limit)):
            got = None if value is None else text_of(value)
            found.append(
                Finding(
                    self.part,
                    self.queries.name,
                    condition.kind,
                    text_of(key),
                    condition.column,
                    condition.expected,
                    got,
                )
            )
        if len(found) < limit:
            raise MismatchedError(
                f"{self.queries.name}.{condition.column}: {count} rows were counted that break it, {len(found)} found"
            )
        # The rest is counted without its values.
        rest = Finding(self.part, self.queries.name, condition.kind, "", condition.column, condition.expected, None)
        return found + [rest] * (count - len(found))

    def _pass_over_gap(self, plan: RangePlan, last: int, source: Reader, target: Reader) -> None:
        nexts = [
            reader.query(next_key_query(self.queries, _owner(reader.dialect), last))[0][0]
            for reader in (source, target)
        ]
        known = [whole(key) for key in nexts if key is not None]
        if known:
            plan.jump(last, min(known))

    def _bounds(self, reader: Reader, side: Side) -> tuple[int | None, int | None, int]:
        rows = reader.query(bounds_query(self.queries, _owner(reader.dialect)))
        if len(rows) != 1 or len(rows[0]) != 3:
            raise MismatchedError(f"{reader.where} does not answer how many rows {self.queries.name} has")
        first, last, count = rows[0]
        try:
            return _optional(first), _optional(last), whole(count)
        except TypeError:
            raise MismatchedError(f"{self.queries.name}: a key on {side.label}'s side is no whole number") from None

    def _hold_to_counts(self) -> None:
        """What was read is what is there. An earlier run's ranges count as read: equal on both sides."""
        numbers = self.numbers
        for label, rows, read in (
            (self.source.label, numbers.source_rows, numbers.source_read + numbers.resumed_rows),
            (self.target.label, numbers.target_rows, numbers.target_read + numbers.resumed_rows),
        ):
            if rows != read:
                raise MismatchedError(
                    f"{self.queries.name}: {label} holds {rows} rows and {read} were read: a page was lost or came "
                    "twice, rows have keys that are no whole numbers, or rows were written meanwhile. Run it again."
                )


def _owner(dialect: Dialect) -> Owner:
    return Owner.LEGACY if dialect is Dialect.POSTGRES else Owner.D1


def _bytes(cell: Cell) -> bytes:
    if not isinstance(cell, bytes):
        raise MismatchedError(f"an array of JSON is expected in an answer, {type(cell).__name__} came")
    return cell


def _optional(cell: Cell) -> int | None:
    return None if cell is None else whole(cell)


def _positions(keys: Sequence[Value]) -> dict[Value, int]:
    """Where each key first stands."""
    return dict(zip(reversed(keys), range(len(keys) - 1, -1, -1), strict=True))
