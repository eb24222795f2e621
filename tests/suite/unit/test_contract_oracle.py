"""The oracle of the property tests against Python's csv, fractions, and known cases."""

import csv
import io
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.contract.generated_tables import Table, cells, export_cases, tables
from cutover.contract.generated_texts import kept_tags, tag_lists, trimmed
from cutover.contract.oracle import compare, expected_export, matches, write_csv

pytestmark = pytest.mark.unit

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)


@given(tables())
def test_generated_table_is_read_by_csv(table: Table) -> None:
    """Python's csv reads the bytes of a generated table as its records."""
    text = _decoded(table.content)
    readings = []
    for delimiter in ",;\t":
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        readings.append(tuple(tuple(record) for record in reader if record))
    assert table.records in readings


@given(st.lists(st.lists(cells(), min_size=1, max_size=4), min_size=1, max_size=6))
def test_written_csv_reads_back(records: list[list[str]]) -> None:
    """Written CSV is read back unchanged, ends each record with CRLF and has no unnecessary quotes."""
    text = write_csv(records).decode()
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == records
    assert text.endswith("\r\n")
    for record in records:
        for cell in record:
            must = any(char in cell for char in ',"\r\n') or record == [""]
            assert write_csv([[cell, "x"] if record != [""] else [""]]).startswith(b'"') == must


@given(cells(), cells())
def test_compare_is_an_order(left: str, right: str) -> None:
    """Numbers are compared as fractions, other texts by code point after trimming; swapping reverses the result."""
    a, b = (text.strip(" \t\r\n") for text in (left, right))
    if NUMBER.fullmatch(a) and NUMBER.fullmatch(b):
        expected = (Fraction(a) > Fraction(b)) - (Fraction(a) < Fraction(b))
    else:
        expected = ([*map(ord, a)] > [*map(ord, b)]) - ([*map(ord, a)] < [*map(ord, b)])
    assert compare(left, right) == expected
    assert compare(right, left) == -expected


@pytest.mark.parametrize(
    ("cell", "operator", "value", "expected"),
    [
        ("10", "=", "1e1", True),
        ("9007199254740993", ">", "9007199254740992", True),
        ("9", "<", "10", True),
        ("9", "<", "10a", False),  # strings: "9" is above "1"
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
def test_filter_matches_as_the_contract_defines(cell: str, operator: str, value: object, expected: bool) -> None:
    """Known cases of contracts/api.md match as expected."""
    assert matches(cell, operator, value) is expected


def test_export_fills_short_rows_and_uses_first_column() -> None:
    """Short rows are filled and the first of equal column names counts (contracts/api.md, Reading a list file)."""
    table = [["a", "b", "a"], ["1"], ["2", "x", "3", "beyond"]]
    assert expected_export(table, ["b", "a"], []) == [["b", "a"], ["", "1"], ["x", "2"]]
    assert expected_export(table, ["a"], [{"column": "b", "operator": "=", "value": ""}]) == [["a"], ["1"]]
    with pytest.raises(ValueError, match="c"):
        expected_export(table, ["c"], [])


@given(export_cases())
def test_generated_export_case_is_valid(case: tuple[Table, list[str], list[dict[str, object]]]) -> None:
    """Every generated export names known columns and has operands that fit their operator."""
    table, columns, filters = case
    rows = expected_export(table.records, columns, filters)
    assert rows[0] == columns
    assert len(rows) <= len(table.records)


@given(tag_lists())
def test_generated_tags_are_valid(tags: list[str]) -> None:
    """Generated tags have 1 to 64 characters after trimming, and kept tags have no duplicates."""
    kept = kept_tags(tags)
    assert all(1 <= len(tag) <= 64 for tag in kept)
    assert len(kept) == len(set(kept)) <= 50


def test_trimming_removes_only_white_space() -> None:
    """U+0085 is trimmed as white space; U+001C, U+200B and U+FEFF are not (PropList.txt)."""
    assert trimmed("\x85\u3000 a\u2029") == "a"
    assert trimmed("\x1c\ufeffa\u200b") == "\x1c\ufeffa\u200b"


def _decoded(content: bytes) -> str:
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252")
