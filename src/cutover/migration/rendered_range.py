"""The rows of one key range as one side renders them: requested, validated, and parsed only if they differ."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from cutover.core.errors import MeasurementError
from cutover.migration import values
from cutover.migration.database_side import Cell, Dialect, Reader, Unrenderable, whole
from cutover.migration.ranges import KeyRange
from cutover.migration.row_queries import Owner, TableQueries, range_query
from cutover.migration.values import Value

MAX_PLAIN_FAILURES: Final = 3
"""After so many ranges of a table whose texts need escaping, the plain style is not tried again for the table."""

_EMPTY: Final = b"[]"


class MismatchedError(MeasurementError):
    """A response that does not match its query, or two responses that contradict each other."""


class Style(Enum):
    """A style of rendering a range.

    PLAIN: JSON without escaping. Only control characters would go unnoticed: if the bytes equal those of the other
    side's JSON they are JSON, and a range that differs is requested again as JSON. CAREFUL: with the storage class of
    each value.
    """

    PLAIN = auto()
    JSON = auto()
    CAREFUL = auto()


class _NotPlainError(Exception):
    """A text of the range contains a quote or a backslash."""


@dataclass(frozen=True)
class Rendered:
    """One side's rows of a range, column by column. violations: rows that violate each condition."""

    rows: int
    violations: tuple[int, ...]
    keys: bytes
    columns: tuple[bytes, ...]
    style: Style = Style.JSON

    @property
    def size(self) -> int:
        """Return the size in bytes."""
        return len(self.keys) + sum(map(len, self.columns))

    @property
    def digest(self) -> bytes:
        """Return a digest of rows, violations, keys and columns."""
        digest = hashlib.blake2b(f"{self.rows} {self.violations}".encode(), digest_size=16)
        for text in (self.keys, *self.columns):
            digest.update(b"%d " % len(text))
            digest.update(text)
        return digest.digest()

    def equals(self, other: Rendered) -> bool:
        """Return True if every byte is equal."""
        return self.keys == other.keys and self.columns == other.columns

    @property
    def last_key(self) -> int:
        """Return the last key. Raises ValueError if it is not an integer."""
        if self.style is Style.CAREFUL:
            last = self.values_of(None)[-1]
            if not isinstance(last, int):
                raise ValueError("a key is not an integer")
            return last
        return int(self.keys[max(self.keys.rfind(b","), 0) + 1 : -1])

    def values_of(self, number: int | None) -> list[Value]:
        """Return the values of a column, the keys for None. Raises ValueError if they cannot be parsed."""
        text = self.keys if number is None else self.columns[number]
        parsed = values.read_careful_column(text) if self.style is Style.CAREFUL else values.read_column(text)
        if len(parsed) != self.rows:
            raise MismatchedError(f"a column has {len(parsed)} values for {self.rows} rows: a response lost rows")
        return parsed


class RangeReader:
    """Requests ranges of one table from readers of either side. Safe for threads that use different readers."""

    def __init__(self, queries: TableQueries) -> None:
        self._queries = queries
        self._plain_failures = 0

    def read(self, reader: Reader, keys: KeyRange) -> Rendered:
        """Return the rows of a range in the cheapest style. Raises Unrenderable, MismatchedError and as the reader."""
        if reader.dialect is Dialect.POSTGRES and self._plain_failures < MAX_PLAIN_FAILURES:
            try:
                return self._query(reader, keys, Style.PLAIN)
            except _NotPlainError:
                self._plain_failures += 1  # too low by one if two threads get here at once, which does no harm
        return self.read_exact(reader, keys)

    def read_exact(self, reader: Reader, keys: KeyRange) -> Rendered:
        """Return the rows of a range in a style that represents every value. Raises as `read`."""
        try:
            return self._query(reader, keys, Style.JSON)
        except Unrenderable as error:
            if error.too_big or reader.dialect is not Dialect.SQLITE:
                raise
            return self._query(reader, keys, Style.CAREFUL)

    def _query(self, reader: Reader, keys: KeyRange, style: Style) -> Rendered:
        careful, plain = style is Style.CAREFUL, style is Style.PLAIN
        rows = reader.query(
            range_query(self._queries, reader.dialect, keys.first, keys.last, keys.limit, careful=careful, plain=plain)
        )
        if len(rows) != 1:
            raise MismatchedError(f"{reader.where}: expected 1 row, got {len(rows)}. A page was lost or doubled")
        row = rows[0]
        owner = owner_of(reader.dialect)
        conditions, columns = len(self._queries.conditions_on(owner)), self._columns_of(owner)
        text_columns = self._queries.legacy_text_columns if plain else ()
        arrays = 1 + len(set(columns))
        if len(row) != 3 + conditions + arrays + len(text_columns):
            raise MismatchedError(f"{reader.where}: a response has {len(row)} columns, others were requested")
        if (optional_whole(row[0]), optional_whole(row[1])) != (keys.first, keys.last):
            raise MismatchedError(
                f"{reader.where}: expected keys {keys.first} to {keys.last}, got {row[0]!r} to {row[1]!r}"
            )
        cells = row[3 + conditions : 3 + conditions + arrays]
        texts = [_EMPTY if cell is None else b"[%b]" % _bytes(cell) if plain else _bytes(cell) for cell in cells]
        for place, count in zip(text_columns, row[3 + conditions + arrays :], strict=True):
            text = texts[1 + place]
            if b"\\" in text or text.count(b'"') != 2 * whole(count):
                raise _NotPlainError
        rendered = tuple(texts[1 + place] for place in columns)
        return Rendered(whole(row[2]), tuple(map(whole, row[3 : 3 + conditions])), texts[0], rendered, style)

    def _columns_of(self, owner: Owner) -> tuple[int, ...]:
        """Return for each column the number of the rendered array that contains it."""
        if owner is Owner.D1:
            return tuple(range(len(self._queries.columns)))
        rendered = list(self._queries.legacy_expressions)
        return tuple(rendered.index(column.legacy) for column in self._queries.columns)


def owner_of(dialect: Dialect) -> Owner:
    """Return the side that speaks a dialect."""
    return Owner.LEGACY if dialect is Dialect.POSTGRES else Owner.D1


def optional_whole(cell: Cell) -> int | None:
    """Return the integer of a cell, None for NULL. Raises TypeError for anything else."""
    return None if cell is None else whole(cell)


def _bytes(cell: Cell) -> bytes:
    if not isinstance(cell, bytes):
        raise MismatchedError(f"expected an array of JSON in a response, got {type(cell).__name__}")
    return cell
