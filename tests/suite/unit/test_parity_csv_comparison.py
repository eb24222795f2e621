"""Tests of CSV comparison: each change of a table is reported once, with its class, in bounded time."""

import csv
import io
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.parity.csv_comparison import compare_tables

pytestmark = pytest.mark.unit

Table = list[list[str]]
HEADER = ["id", "name", "city"]
BOUND_S = 5.0
"""Limit for 10,000 rows on any machine: fifty times the usual time, far below quadratic time."""


def text(rows: Table, *, end: str = "\r\n", quoting: Any = csv.QUOTE_MINIMAL) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=end, quoting=quoting).writerows(rows)
    return out.getvalue().encode()


def found(baseline: bytes, candidate: bytes) -> list[tuple[str, str]]:
    """Return (path, class) of each difference."""
    told: list[tuple[str, str]] = []
    compare_tables(baseline, candidate, lambda path, kind, *_: told.append((path, kind.value)))
    return told


def words(baseline: bytes, candidate: bytes) -> list[str]:
    told: list[str] = []
    compare_tables(baseline, candidate, lambda *args: told.append(args[3]))
    return told


def big(count: int = 10_000) -> Table:
    return [HEADER, *([str(i), f"name {i}", f"city {i % 7}"] for i in range(count))]


@pytest.mark.parametrize("place", [1, 2, 5_000, 9_999, 10_000])
def test_dropped_row_is_one_missing_row(place: int) -> None:
    """At the start, in the middle, at the end; and one additional row likewise."""
    rows = big()
    fewer = rows[:place] + rows[place + 1 :]
    assert found(text(rows), text(fewer)) == [("csv/*", "missing")]
    assert found(text(fewer), text(rows)) == [("csv/*", "extra")]


def test_dropped_row_hides_no_later_change() -> None:
    """For any number of rows between them."""
    rows = big()
    changed = [HEADER, *rows[2:-1], [*rows[-1][:2], "elsewhere"]]
    assert found(text(rows), text(changed)) == [("csv/*", "missing"), ("csv/*/city", "value")]


def test_different_table_is_compared_in_bounded_time() -> None:
    """10,000 rows all different, shifted by one, reversed, and alternating between two kinds."""
    rows = big()
    cases = {
        "different": ([HEADER, *([*row[:2], "x"] for row in rows[1:])], 10_000),
        "shifted": ([HEADER, ["new", "new", "new"], *rows[1:-1]], 2),
        "reversed": ([HEADER, *rows[:0:-1]], 1),
    }
    for name, (other, count) in cases.items():
        started = time.monotonic()
        assert len(found(text(rows), text(other))) == count, name
        assert time.monotonic() - started < BOUND_S, name
    two = [HEADER, *([str(i % 2)] * 3 for i in range(10_000))]
    started = time.monotonic()
    assert found(text(two), text([HEADER, *(row for i, row in enumerate(two[1:]) if i % 3)]))
    assert time.monotonic() - started < BOUND_S


ROWS = [HEADER, ["1", "ann", "Bern"], ["2", 'b"ob', "Genf, CH"], ["3", "two\nlines", ""]]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ([HEADER, ROWS[2], ROWS[1], ROWS[3]], [("csv/*", "order")]),
        ([HEADER, ROWS[1], ["2", 'b"ob', "Genf"], ROWS[3]], [("csv/*/city", "value")]),
        ([HEADER, ROWS[1], ["2", 'b"ob'], ROWS[3]], [("csv/*", "missing")]),
        ([HEADER, *ROWS[1:3], ["3", "two", ""]], [("csv/*/name", "value")]),
        ([HEADER, *ROWS[1:3], ["3", "two"], ["lines", ""]], [("csv/*", "missing"), ("csv/*", "extra")]),
        ([[row[2], row[0], row[1]] for row in ROWS], [("csv/header", "order")]),
        ([["id", "city", "name"], ["1", "Bern", "eve"], *([r[0], r[2], r[1]] for r in ROWS[2:])],
         [("csv/header", "order"), ("csv/*/name", "value")]),
        ([[row[0], row[2]] for row in ROWS], [("csv/header", "missing")]),
        ([[row[0], row[2]] for row in [HEADER, ["1", "ann", "Bonn"], *ROWS[2:]]],
         [("csv/header", "missing"), ("csv/*/city", "value")]),
        ([[*row, "new"] for row in ROWS], [("csv/header", "extra")]),
        ([["id", "Name", "city"], *ROWS[1:]], [("csv/header", "value")]),
        ([[row[1], row[0], row[2], *(["more"] if i == 2 else [])] for i, row in enumerate(ROWS)],
         [("csv/header", "order"), ("csv/*", "extra")]),
        ([], [("csv/header", "missing")] + [("csv/*", "missing")] * 3),
        ([HEADER], [("csv/*", "missing")] * 3),
        ([*ROWS, []], [("csv/*", "extra")]),
    ],
)  # fmt: skip
def test_change_of_a_table_has_its_class_and_place(other: Table, expected: list[tuple[str, str]]) -> None:
    """Each change is reported once at its place, next to other differences."""
    assert found(text(ROWS), text(other)) == expected


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (text(ROWS, end="\n"), "the same records, different line ends"),
        (text(ROWS, quoting=csv.QUOTE_ALL), "the same records, different quoting"),
        (b"\xef\xbb\xbf" + text(ROWS), "the same records, a BOM on one side"),
        (b"\xef\xbb\xbf" + text(ROWS, quoting=csv.QUOTE_ALL), "the same records, a BOM on one side"),
        (text(ROWS)[:-2], "the same records, different end of the last line"),
        (text(ROWS).replace(b"ann,Bern\r\n", b"ann,Bern\n"), "the same records, different line ends"),
    ],
)
def test_same_records_in_other_bytes_are_found(other: bytes, word: str) -> None:
    """The words name the difference of serialization, in both directions."""
    assert found(text(ROWS), other) == found(other, text(ROWS)) == [("csv", "semantics")]
    assert words(text(ROWS), other) == [word]


@pytest.mark.parametrize("spoilt", ["BOM", "LF", "end"])
def test_serialization_is_reported_next_to_other_rows(spoilt: str) -> None:
    """An accepted difference of a row hides no BOM and no line ends."""
    other = text([HEADER, *ROWS[1:3], ["3", "two\nlines", "Bonn"]])
    other = {"BOM": b"\xef\xbb\xbf" + other, "LF": other.replace(b"\r\n", b"\n"), "end": other[:-2]}[spoilt]
    assert found(text(ROWS), other) == [("csv", "semantics"), ("csv/*/city", "value")]
    quoted = text([HEADER, ["9", "x", "y"], *ROWS[2:]], quoting=csv.QUOTE_ALL)
    assert found(text(ROWS), quoted)[0] == ("csv", "semantics")


def test_invalid_csv_is_another_type() -> None:
    """An open quote, or bytes that are not UTF-8, are a type difference, which noise cannot hide."""
    for broken in (b'a,"b\r\n', b"a,\xff\r\n", b'"a"b\r\n'):
        assert found(text(ROWS), broken) == [("csv", "type")]
        assert found(broken, text(ROWS)) == [("csv", "type")]
        assert found(broken, broken + b"x") == [("csv", "value")]
        assert found(broken, broken) == []
    assert found(b"", text(ROWS))


def test_columns_are_named_if_a_path_can_contain_it() -> None:
    """Other columns are numbered."""
    assert found(text([["a b", "c"], ["1", "2"]]), text([["a b", "c"], ["3", "4"]])) == [
        ("csv/*/column 1", "value"), ("csv/*/c", "value"),
    ]  # fmt: skip
    assert found(text([["a"], ["1", "2"]]), text([["a"], ["1", "3"]])) == [("csv/*/column 2", "value")]


cells = st.text('ab,"\n\r é', max_size=4)
tables = st.lists(st.lists(cells, min_size=1, max_size=3), max_size=6)


@given(tables, tables)
def test_tables_differ_if_their_bytes_do(one: Table, other: Table) -> None:
    """In both directions. Different records are never reported as the same records."""
    left, right = text(one), text(other)
    assert bool(found(left, right)) == bool(found(right, left)) == (left != right)
    if one != other:
        assert not any(word.startswith("the same records") for word in words(left, right)) or csv_of(left) == csv_of(
            right
        )


def csv_of(body: bytes) -> Table:
    return list(csv.reader(io.StringIO(body.decode(), newline=""), strict=True))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_are_compared(one: bytes, other: bytes) -> None:
    """No exception, and different bytes are never equal."""
    assert bool(found(one, other)) == (one != other)


def test_columns_of_users_lists_are_numbered() -> None:
    """A list without a header begins with a user's data."""
    told: list[str] = []
    compare_tables(b"Lovelace,1\nb,2\n", b"Lovelace,1\nb,3\n", lambda path, *_: told.append(path), named=False)
    assert told == ["csv/*/column 2"]
