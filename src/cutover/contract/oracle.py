"""What columns and export must answer, found out on another way: Python's csv, and comparisons by decimal.

The grammar is contracts/api.md, Reading a list file; for tables that are written by Python's csv only, not for
malformed ones. Independent of both systems on purpose: nothing here is theirs.
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
"""More digits than a cell of ours has: comparing rounds nothing."""
OPERATORS: Final = ("=", "!=", "<", "<=", ">", ">=", "BETWEEN", "IN")


def write_csv(records: Iterable[Sequence[str]]) -> bytes:
    """Records as an export writes them: comma, CRLF, a field quoted when it must be, one empty field as two quotes."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(records)
    return text.getvalue().encode()


def cut(
    table: Sequence[Sequence[str]], columns: Sequence[str], filters: Sequence[Mapping[str, Any]]
) -> list[list[str]]:
    """The header and the rows that an export must have. table: header first; short rows are filled with empty fields.

    Raises ValueError for a column that is not there.
    """
    header = list(table[0])
    at = [header.index(name) for name in columns]  # of two equal names the first is meant
    kept = [[header[index] for index in at]]
    for row in table[1:]:
        full = [*row, *[""] * (len(header) - len(row))]
        if all(holds(full[header.index(each["column"])], each["operator"], each["value"]) for each in filters):
            kept.append([full[index] for index in at])
    return kept


def holds(cell: str, operator: str, value: Any) -> bool:
    """Whether the filter holds for this cell. value: a text or whole number, or a list of them for BETWEEN and IN.

    Raises KeyError for an operator that is none.
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
    """Below, equal to or above 0 as the cell is below, equal to or above the operand."""
    left, right = cell.strip(_SPACES), str(operand).strip(_SPACES)
    if _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right):
        return int(_EXACT.compare(Decimal(left), Decimal(right)))
    # Python's texts are ordered by code point.
    return (left > right) - (left < right)
