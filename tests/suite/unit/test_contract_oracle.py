"""The oracle of the contract's properties against other oracles: Python's csv, fractions, and known cases."""

import csv
import io
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.contract.generated_tables import Table, cells, cuts, tables
from cutover.contract.generated_texts import kept_tags, tag_lists, trimmed
from cutover.contract.oracle import compare, cut, holds, write_csv

pytestmark = pytest.mark.unit

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)


@given(tables())
def test_drawn_table_is_what_csv_reads(table: Table) -> None:
    """A drawn table's bytes, read by Python's csv with the table's delimiter, are its records."""
    text = _decoded(table.content)
    readings = []
    for delimiter in ",;\t":
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        readings.append(tuple(tuple(record) for record in reader if record))
    assert table.records in readings


@given(st.lists(st.lists(cells(), min_size=1, max_size=4), min_size=1, max_size=6))
def test_written_csv_reads_back(records: list[list[str]]) -> None:
    """What is written as an export reads back, ends each record with CRLF, and quotes nothing that it need not."""
    text = write_csv(records).decode()
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == records
    assert text.endswith("\r\n")
    for record in records:
        for cell in record:
            must = any(sign in cell for sign in ',"\r\n') or record == [""]
            assert write_csv([[cell, "x"] if record != [""] else [""]]).startswith(b'"') == must


@given(cells(), cells())
def test_compare_is_an_order(left: str, right: str) -> None:
    """Numbers are compared as fractions, everything else by code point of the trimmed text; and the other way round."""
    a, b = (text.strip(" \t\r\n") for text in (left, right))
    if NUMBER.fullmatch(a) and NUMBER.fullmatch(b):
        wanted = (Fraction(a) > Fraction(b)) - (Fraction(a) < Fraction(b))
    else:
        wanted = ([*map(ord, a)] > [*map(ord, b)]) - ([*map(ord, a)] < [*map(ord, b)])
    assert compare(left, right) == wanted
    assert compare(right, left) == -wanted


@pytest.mark.parametrize(
    ("cell", "operator", "value", "wanted"),
    [
        ("10", "=", "1e1", True),
        ("9007199254740993", ">", "9007199254740992", True),
        ("9", "<", "10", True),
        ("9", "<", "10a", False),  # texts: "9" stands behind "1"
        (" a ", "=", "a\r\n", True),
        ("a", "=", "A", False),
        ("\u0661", "=", "1", False),
        ("1_000", "=", "1000", False),
        ("5", "BETWEEN", ["1", "5"], True),
        ("5", "BETWEEN", ["5", "1"], False),
        ("", "IN", ["x", " "], True),
        ("1.0", "IN", ["2", 1], True),
        ("", "!=", "0", True),
    ],
)
def test_known_filters_hold_as_the_contract_says(cell: str, operator: str, value: object, wanted: bool) -> None:
    """Cases of contracts/api.md, worked out by hand."""
    assert holds(cell, operator, value) is wanted


def test_cut_fills_short_rows_and_takes_the_first_of_equal_names() -> None:
    """contracts/api.md, Reading a list file, 5 and 7."""
    table = [["a", "b", "a"], ["1"], ["2", "x", "3", "beyond"]]
    assert cut(table, ["b", "a"], []) == [["b", "a"], ["", "1"], ["x", "2"]]
    assert cut(table, ["a"], [{"column": "b", "operator": "=", "value": ""}]) == [["a"], ["1"]]
    with pytest.raises(ValueError, match="c"):
        cut(table, ["c"], [])


@given(cuts())
def test_drawn_cut_asks_for_what_is_there(asked: tuple[Table, list[str], list[dict[str, object]]]) -> None:
    """Every drawn cut has an answer: known columns, and operands that fit their operator."""
    table, columns, filters = asked
    rows = cut(table.records, columns, filters)
    assert rows[0] == columns
    assert len(rows) <= len(table.records)


@given(tag_lists())
def test_drawn_tags_are_valid(tags: list[str]) -> None:
    """No drawn tag is empty or too long when it is trimmed, and what is kept holds each once."""
    kept = kept_tags(tags)
    assert all(1 <= len(tag) <= 64 for tag in kept)
    assert len(kept) == len(set(kept)) <= 50


def test_trimming_takes_white_space_and_nothing_else() -> None:
    """U+0085 is white space; U+001C, U+200B and U+FEFF are not (PropList.txt)."""
    assert trimmed("\x85\u3000 a\u2029") == "a"
    assert trimmed("\x1c\ufeffa\u200b") == "\x1c\ufeffa\u200b"


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")
