"""What reading one side of a migration means, whichever database it is: one query, few cells, raw bytes.

Not for the databases themselves: postgres.py, sqlite_file.py, d1_rest.py, export.py; nor for the queries: rendering.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

Cell = bytes | int | float | None
"""A text as its UTF-8 bytes, a whole number, NULL."""

_DIGITS: Final = re.compile(rb"-?[0-9]{1,19}")


class Dialect(StrEnum):
    """Whose SQL a side speaks."""

    POSTGRES = "postgres"
    SQLITE = "sqlite"


class Unrenderable(Exception):  # noqa: N818 - what the answer is, no error of ours
    """A range cannot be rendered as JSON as it stands: a BLOB, text that is no UTF-8, or more than the side may answer.

    too_big: it is the amount; fewer rows may pass.
    """

    def __init__(self, text: str, *, too_big: bool) -> None:
        super().__init__(text)
        self.too_big = too_big


class Reader(Protocol):
    """One connection to one side, for one thread. It only reads.

    batch_bytes: how many bytes an answer should have; where: what is read, for messages.
    """

    dialect: Dialect
    batch_bytes: int
    where: str

    def query(self, sql: str) -> list[Sequence[Cell]]:
        """The rows of one query. Raises Unrenderable; CheckFailed or MeasurementError for a side that cannot answer."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Side(Protocol):
    """One side of a migration: makes readers that see one state, and tells whether that state is still the newest.

    label: "PostgreSQL" or "D1". tells_writes: whether `written_meanwhile` can be believed in every case; else what was
    read is remembered and, where there is doubt, read once more.
    """

    label: str
    dialect: Dialect
    tells_writes: bool

    def reader(self) -> Reader:
        """One more connection, at most one a thread."""
        ...

    def mark(self, tables: Sequence[str]) -> str | None:
        """A text that changes with every write, comparable by a later process; None where the side has none.

        tables: those whose rows count. What this side's readers see is not older than the mark.
        """
        ...

    def written_since(self, mark: str, tables: Sequence[str]) -> str | None:
        """What was written since a mark of this or an earlier process, in one sentence; None: proven that nothing."""
        ...

    def written_meanwhile(self, tables: Sequence[str]) -> str | None:
        """The same since this object was made. Raises NotVerified where the side has nothing to tell it by."""
        ...

    def close(self) -> None:
        """Close everything."""
        ...


def text_of(cell: Cell) -> str:
    """A cell's text; bytes that are no UTF-8 stay visible as lone surrogates."""
    return cell.decode("utf-8", "surrogateescape") if isinstance(cell, bytes) else str(cell)


def whole(cell: Cell) -> int:
    """A cell that must be a whole number. Raises TypeError otherwise, as it is then no answer to the question.

    Keys come as their digits: D1's REST interface rounds numbers above 2^53, as JavaScript does.
    """
    if isinstance(cell, bytes) and _DIGITS.fullmatch(cell):
        return int(cell)
    if not isinstance(cell, int):
        raise TypeError(f"a whole number is expected, {type(cell).__name__} came")
    return cell
