"""Select columns and rows of a list file (contracts/api.md, "export") and write them as CSV.

Checks a request's columns and filters against the header. Parsing is in list_file.py.
"""

import csv
import operator
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, TextIO

from config.request_body import NumberLexeme, is_sound
from list_cutter.list_file import ListFile

Condition = Callable[[str], bool]

NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
TRIMMED = " \t\r\n"
RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class InvalidExportError(ValueError):
    """Columns or filters that are malformed or do not fit the file. The text is for the client."""


def number(text: str) -> Decimal | None:
    """Return the exact value of a trimmed text, or None if it is not a number.

    Creating a Decimal from a text and comparing two Decimals are exact whatever the context's
    precision is. Only arithmetic rounds, and there is none here.
    """
    return Decimal(text) if NUMBER.fullmatch(text) else None


def operand(value: Any) -> str:
    """Return the operand as a text; a JSON number keeps its spelling."""
    if type(value) not in (str, NumberLexeme):
        raise InvalidExportError("A filter's value must be text or a number.")
    if not is_sound(value):
        raise InvalidExportError("A filter's value must be sound Unicode without NUL.")
    return str(value).strip(TRIMMED)


def relation(symbol: str, value: Any) -> Condition:
    """Return the condition: numbers compare by value if both are numbers, otherwise texts compare by code point."""
    holds, text = RELATIONS[symbol], operand(value)
    wanted = number(text)

    def by_text(cell: str) -> bool:
        return holds(cell.strip(TRIMMED), text)

    def by_number(cell: str) -> bool:
        cell = cell.strip(TRIMMED)
        found = number(cell)
        return holds(cell, text) if found is None else holds(found, wanted)

    return by_text if wanted is None else by_number


def condition(symbol: Any, value: Any) -> Condition:
    if not isinstance(symbol, str):
        raise InvalidExportError("A filter's operator must be text.")
    if symbol in RELATIONS:
        return relation(symbol, value)
    if symbol == "BETWEEN":
        if not isinstance(value, list) or len(value) != 2:
            raise InvalidExportError("BETWEEN takes a list of two values.")
        first, last = relation(">=", value[0]), relation("<=", value[1])
        return lambda cell: first(cell) and last(cell)
    if symbol == "IN":
        if not isinstance(value, list) or not value:
            raise InvalidExportError("IN takes a list of one or more values.")
        members = [relation("=", member) for member in value]
        return lambda cell: any(member(cell) for member in members)
    raise InvalidExportError("Unknown operator.")


class Export:
    """The selected columns of the rows that pass all filters, in file order."""

    def __init__(self, source: ListFile, columns: Any, filters: Any) -> None:
        self.source = source
        self.places: dict[str, int] = {}
        for place, name in enumerate(source.header):
            self.places.setdefault(name, place)  # of two columns with the same name the first is used
        if not isinstance(columns, list) or not columns:
            raise InvalidExportError("columns must be a list of one or more names.")
        if not isinstance(filters, list):
            raise InvalidExportError("filters must be a list.")
        self.chosen = [self._place(name) for name in columns]
        self.conditions = [self._condition(entry) for entry in filters]

    def _place(self, name: Any) -> int:
        if type(name) is not str:
            raise InvalidExportError("A column's name must be text.")
        if name not in self.places:
            raise InvalidExportError("Unknown column.")
        return self.places[name]

    def _condition(self, entry: Any) -> tuple[int, Condition]:
        if not isinstance(entry, dict) or not {"column", "operator", "value"} <= entry.keys():
            raise InvalidExportError("A filter must have column, operator and value.")
        return self._place(entry["column"]), condition(entry["operator"], entry["value"])

    def _rows(self) -> Iterator[list[str]]:
        rows = self.source.rows()
        for place, holds in self.conditions:
            rows = self._kept(rows, place, holds)
        return rows

    @staticmethod
    def _kept(rows: Iterator[list[str]], place: int, holds: Condition) -> Iterator[list[str]]:
        return (row for row in rows if holds(row[place]))

    def write(self, target: TextIO) -> None:
        """Write header and rows as CSV.

        Python's writer quotes minimally, as the contract requires: fields with a comma, a quote, CR
        or LF, and a record of one empty field.
        """
        chosen = self.chosen
        writer = csv.writer(target, lineterminator="\r\n", quoting=csv.QUOTE_MINIMAL)
        writer.writerow([self.source.header[place] for place in chosen])
        writer.writerows([row[place] for place in chosen] for row in self._rows())
