"""Oracle for columns and exports: expected results computed with Python's csv and decimal modules.

It shares no code with either system. The grammar is contracts/api.md, Reading a list file. It handles tables written by
Python's csv module, not malformed ones.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal
from typing import Any, Final

_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_SPACES: Final = " \t\r\n"
_EXACT: Final = Context(prec=5000, Emin=-999999, Emax=999999)
"""More digits than a generated cell has, so that comparisons do not round."""
OPERATORS: Final = ("=", "!=", "<", "<=", ">", ">=", "BETWEEN", "IN")


def write_csv(records: Iterable[Sequence[str]]) -> bytes:
    """Return the bytes of an export: comma, CRLF, quotes only if needed, a single empty field as two quotes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(records)
    return text.getvalue().encode()


def expected_export(
    table: Sequence[Sequence[str]], columns: Sequence[str], filters: Sequence[Mapping[str, Any]]
) -> list[list[str]]:
    """Return header and rows of the expected export. table: header first; short rows are filled with empty fields.

    Raises ValueError for an unknown column.
    """
    header = list(table[0])
    at = [header.index(name) for name in columns]  # the first of equal names counts
    kept = [[header[index] for index in at]]
    for row in table[1:]:
        full = [*row, *[""] * (len(header) - len(row))]
        if all(matches(full[header.index(each["column"])], each["operator"], each["value"]) for each in filters):
            kept.append([full[index] for index in at])
    return kept


def matches(cell: str, operator: str, value: Any) -> bool:
    """Return True if the cell matches the filter. value: string or integer, or a list of them for BETWEEN and IN.

    Raises KeyError for an unknown operator.
    """
    if operator == "IN":
        return any(compare(cell, each) == 0 for each in value)
    if operator == "BETWEEN":
        return compare(cell, value[0]) >= 0 and compare(cell, value[1]) <= 0
    order = compare(cell, value)
    return {"=": order == 0, "!=": order != 0, "<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[
        operator
    ]


def compare(cell: str, operand: str | int) -> int:
    """Return a negative number, 0 or a positive number if the cell is below, equal to or above the operand."""
    left, right = cell.strip(_SPACES), str(operand).strip(_SPACES)
    if _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right):
        return int(_EXACT.compare(Decimal(left), Decimal(right)))
    # Python orders strings by code point.
    return (left > right) - (left < right)
