"""Compare CSV bodies, first by records, then by bytes.

The format is the one that the contract promises for an export: commas, CRLF, doubled quotes. Downloads of uploaded
lists are compared byte for byte, not here.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.parity.alignment import align, same_elements
from cutover.parity.differences import Kind

Report = Callable[[str, Kind, str, str, Any, Any], None]
Row = tuple[str, ...]
_ABSENT: Final = "absent"
_BOM: Final = "\ufeff"
_ENDS: Final = {"\r\n": "CRLF", "\n": "LF", "\r": "CR", "": "none"}


@dataclass(frozen=True)
class _Table:
    """The records of a CSV text and their spelling. raw: records as written, without their line ends."""

    rows: list[Row]
    raw: list[str]
    bom: bool
    ends: frozenset[str]  # of all records except the last
    last_end: str


def compare_tables(baseline: bytes, candidate: bytes, report: Report, *, named: bool = True) -> None:
    """Report the differences of two CSV texts. Equal bytes are not parsed.

    named: paths contain column names. False if the first record may be a user's data instead of a header. Paths:
    csv/header, csv/*/COLUMN for a field, csv/* for a row, csv for the serialization only: BOM, line ends, quoting. A
    difference of serialization is also reported next to others, so that an accepted difference hides no other.
    """
    if baseline == candidate:
        return
    ours, theirs = _read(baseline), _read(candidate)
    if ours is None or theirs is None:
        words = ["CSV" if side is not None else "not CSV in UTF-8" for side in (ours, theirs)]
        kind = Kind.VALUE if words[0] == words[1] else Kind.TYPE
        report("csv", kind, words[0], words[1], baseline, candidate)
        return
    serialization = _serialization_difference(ours, theirs)
    if serialization or ours.rows == theirs.rows:
        word = f"the same records, {serialization or 'different bytes'}" if ours.rows == theirs.rows else serialization
        report("csv", Kind.SEMANTICS, "CSV", word, baseline, candidate)
    header, other = (side.rows[0] if side.rows else () for side in (ours, theirs))
    left, right = ours.rows[1:], theirs.rows[1:]
    names = header
    if header != other:
        _headers(header, other, report)
        names, left, right = _by_name(header, other, left, right)
    if left != right:
        _rows(names if named else (), left, right, report)
    elif header == other and not serialization and ours.rows != theirs.rows:
        report("csv", Kind.SEMANTICS, "CSV", "one empty record more or fewer", baseline, candidate)


def _read(body: bytes) -> _Table | None:
    """Return the records (RFC 4180), None if the bytes are not CSV in UTF-8."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return None
    csv.field_size_limit(1 << 30)
    lines: list[str] = []

    def taken() -> Iterator[str]:
        for line in io.StringIO(text.removeprefix(_BOM), newline=""):
            lines.append(line)
            yield line

    rows, raw, ends = [], [], []
    try:
        for row in csv.reader(taken(), strict=True):
            record = "".join(lines)
            lines.clear()
            end = record[-2:] if record.endswith("\r\n") else record[-1:] if record.endswith(("\r", "\n")) else ""
            rows.append(tuple(row))
            raw.append(record[: len(record) - len(end)])
            ends.append(_ENDS[end])
    except csv.Error:
        return None
    return _Table(rows, raw, text.startswith(_BOM), frozenset(ends[:-1]), ends[-1] if ends else "none")


def _serialization_difference(ours: _Table, theirs: _Table) -> str:
    """Return the difference of serialization, "" if equal rows are written equally in both texts."""
    if ours.bom != theirs.bom:
        return "a BOM on one side"
    ends = [side.ends or {side.last_end} for side in (ours, theirs)]
    if ends[0] != ends[1] and ours.rows and theirs.rows:
        return "different line ends"
    if ours.last_end != theirs.last_end and ours.rows and theirs.rows:
        return "different end of the last line"
    looks: list[dict[Row, set[str]]] = [{}, {}]
    for side, look in zip((ours, theirs), looks, strict=True):
        for row, raw in zip(side.rows, side.raw, strict=True):
            look.setdefault(row, set()).add(raw)
    return "different quoting" if any(look != looks[1].get(row, look) for row, look in looks[0].items()) else ""


def _headers(ours: Row, theirs: Row, report: Report) -> None:
    if Counter(ours) == Counter(theirs):
        report("csv/header", Kind.ORDER, "columns", "columns in another order", ours, theirs)
    elif len(ours) == len(theirs):
        report("csv/header", Kind.VALUE, "columns", "columns with other names", ours, theirs)
    elif len(ours) > len(theirs):
        report("csv/header", Kind.MISSING, f"{len(ours)} columns", "fewer columns", ours, theirs)
    else:
        report("csv/header", Kind.EXTRA, f"{len(ours)} columns", "more columns", ours, theirs)


def _by_name(header: Row, other: Row, left: list[Row], right: list[Row]) -> tuple[Row, list[Row], list[Row]]:
    """Return the common columns and the rows with these columns only, in the baseline's order.

    A difference of the header is then not repeated for each row. Rows that are not as wide as their header stay as
    they are. Nothing changes if only names differ, because columns then correspond by position, or if two columns
    share a name.
    """
    if len(set(header)) < len(header) or len(set(other)) < len(other):
        return header, left, right
    common = tuple(name for name in header if name in other)
    if len(header) == len(other) != len(common):
        return header, left, right
    here, there = [header.index(name) for name in common], [other.index(name) for name in common]
    return (
        common,
        [tuple(row[index] for index in here) if len(row) == len(header) else row for row in left],
        [tuple(row[index] for index in there) if len(row) == len(other) else row for row in right],
    )


def _rows(header: Row, ours: Sequence[Row], theirs: Sequence[Row], report: Report) -> None:
    aligned = align(ours, theirs)
    if aligned.moved:
        report("csv/*", Kind.ORDER, "rows", "rows in another order", None, None)
        if same_elements(ours, theirs):
            return
    for left, right in aligned.gaps:
        both = min(len(left), len(right))
        for one, other in zip(left[:both], right[:both], strict=True):
            _fields(header, ours[one], theirs[other], report)
        for one in left[both:]:
            report("csv/*", Kind.MISSING, "row", _ABSENT, str(ours[one]), None)
        for other in right[both:]:
            report("csv/*", Kind.EXTRA, _ABSENT, "row", None, str(theirs[other]))


def _fields(header: Row, ours: Row, theirs: Row, report: Report) -> None:
    if len(ours) != len(theirs):
        kind = Kind.MISSING if len(ours) > len(theirs) else Kind.EXTRA
        report("csv/*", kind, "row", "row with another number of fields", str(ours), str(theirs))
        return
    for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
        if one != other:
            report(f"csv/*/{_column(header, index)}", Kind.VALUE, "field", "another field", one, other)


def _column(header: Row, index: int) -> str:
    """Return the column's name if a path can contain it, else its number. Names are the user's data."""
    name = header[index] if index < len(header) else ""
    return name if name.isidentifier() and len(name) <= 40 else f"column {index + 1}"
