"""The reading of one side of a migration, the same for every database: one query, few cells, raw bytes.

The databases are in postgres_side.py, sqlite_side.py, d1_side.py and export_side.py, the queries in row_queries.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

Cell = bytes | int | float | None
"""A text as its UTF-8 bytes, a number, NULL."""

_DIGITS: Final = re.compile(rb"-?[0-9]{1,19}")


class Dialect(StrEnum):
    """The SQL dialect of a side."""

    POSTGRES = "postgres"
    SQLITE = "sqlite"


class Unrenderable(Exception):  # noqa: N818 - a property of the response
    """A range that the side cannot render as JSON: it contains a BLOB or invalid UTF-8, or the response is too big.

    too_big: True if fewer rows may succeed.
    """

    def __init__(self, text: str, *, too_big: bool) -> None:
        super().__init__(text)
        self.too_big = too_big


class Reader(Protocol):
    """A read-only connection to one side, for one thread.

    batch_bytes: preferred size of a response; where: the database's address or file, for messages.
    """

    dialect: Dialect
    batch_bytes: int
    where: str

    def query(self, sql: str) -> list[Sequence[Cell]]:
        """Return the rows of one query. Raises Unrenderable, CheckFailed or MeasurementError."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class Side(Protocol):
    """One side of a migration: opens readers of one state, and detects writes since.

    label: "PostgreSQL" or "D1". tells_writes: True if `written_meanwhile` is always reliable. Otherwise digests are
    kept and, in doubt, the rows are read again.
    """

    label: str
    dialect: Dialect
    tells_writes: bool

    def reader(self) -> Reader:
        """Return a reader for one thread."""
        ...

    def mark(self, tables: Sequence[str]) -> str | None:
        """Return a text that changes with every write, which a later process can compare; None if there is none.

        tables: those whose rows count. The state that the readers see is not older than the mark.
        """
        ...

    def written_since(self, mark: str, tables: Sequence[str]) -> str | None:
        """Return in one sentence what was written since a mark, None if it is proven that nothing was."""
        ...

    def written_meanwhile(self, tables: Sequence[str]) -> str | None:
        """Return the same for the time since this object was created. Raises NotVerified if that is unknown."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


def text_of(cell: Cell) -> str:
    """Return a cell as a text, with bytes that are not UTF-8 as lone surrogates."""
    return cell.decode("utf-8", "surrogateescape") if isinstance(cell, bytes) else str(cell)


def whole(cell: Cell) -> int:
    """Return the integer of a cell. Raises TypeError for anything else.

    Keys are requested as digits, because D1's REST API rounds integers above 2^53 like JavaScript.
    """
    if isinstance(cell, bytes) and _DIGITS.fullmatch(cell):
        return int(cell)
    if not isinstance(cell, int):
        raise TypeError(f"expected an integer, got {type(cell).__name__}")
    return cell
