"""Reading, filtering and writing of lists by Roster's new system, with regular expressions.

The rules are those of contracts/api.md, "Reading a list file". old_lists.py implements them a second time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, Final

from reference.foreign.new_requests import Number, Problem

_QUOTED: Final = r'"[^"]*(?:""[^"]*)*(?:"|\Z)'
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_RESULTS: Final = {"=": (0,), "!=": (-1, 1), "<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}

Order = Callable[[str, str], int]


def table(content: bytes) -> list[list[str]]:
    """Return header and records, each as long as the header or longer. Raises Problem (422) for a malformed list."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        text = "".join(chr(byte) if byte in b"\x81\x8d\x8f\x90\x9d" else chr(byte) if byte < 128
                       else bytes([byte]).decode("cp1252") for byte in content)  # fmt: skip
    if "\0" in text:
        raise Problem(422, "The list has a NUL character")
    header, *records = list(_records(text, _delimiter(text))) or [[]]
    return [header, *(row + [""] * (len(header) - len(row)) for row in records)]


def _delimiter(text: str) -> str:
    """Return the most frequent of , ; TAB outside quotes in the first record that is not empty; a comma on a tie."""
    first = re.match(rf"(?:(?:(?<=[,;\t])|\A){_QUOTED}|[^\r\n])*", text.lstrip("\r\n"))
    bare = re.sub(rf"(\A|[,;\t]){_QUOTED}", r"\1", first[0]) if first else ""
    counts = sorted(((bare.count(mark), mark) for mark in ",;\t"), reverse=True)
    return counts[0][1] if counts[0][0] > counts[1][0] else ","


def _records(text: str, mark: str) -> Iterator[list[str]]:
    field = re.compile(rf'(?:"([^"]*(?:""[^"]*)*)"(?=[{mark}\r\n]|\Z)|(?!")([^{mark}\r\n]*))([{mark}]|\r\n|\r|\n|\Z)')
    at, row = 0, list[str]()
    while at < len(text) or row:
        found = field.match(text, at)
        if found is None:
            raise Problem(422, "The list has a quote that is not closed, or text after one")
        quoted, plain, end = found.groups()
        row.append(quoted.replace('""', '"') if quoted is not None else plain)
        at = found.end()
        if end != mark:
            if row != [""] or quoted is not None:
                yield row
            row = []


def conditions(where: Any, header: list[str], order: Order) -> list[Callable[[list[str]], bool]]:
    """Return a test for each condition {column, operator, value}. order: compares two texts. Raises Problem (422)."""
    if not isinstance(where, list):
        raise Problem(422, "where: a list of conditions")
    return [_condition(each, header, order) for each in where]


def _condition(each: Any, header: list[str], order: Order) -> Callable[[list[str]], bool]:
    if not isinstance(each, dict) or not named(each.get("column"), header):
        raise Problem(422, "where: unknown column")
    at, operator, value = header.index(each["column"]), each.get("operator"), each.get("value")
    many = value if operator in ("IN", "BETWEEN") else [value]
    if not isinstance(many, list) or not many or (operator == "BETWEEN" and len(many) != 2):
        raise Problem(422, "where: wrong number of values")
    if any(not isinstance(one, str) for one in many):
        raise Problem(422, "where: strings and numbers only")
    if operator == "IN":
        return lambda row: any(order(row[at], one) == 0 for one in many)
    if operator == "BETWEEN":
        return lambda row: order(row[at], many[0]) >= 0 >= order(row[at], many[1])
    if not isinstance(operator, str) or operator not in _RESULTS:
        raise Problem(422, "where: unknown operator")
    return lambda row: order(row[at], many[0]) in _RESULTS[operator]


def named(name: Any, header: list[str]) -> bool:
    """Return True if this is the name of a column. A number is not a name."""
    return isinstance(name, str) and not isinstance(name, Number) and name in header


def order(one: str, other: str) -> int:
    """Return -1, 0 or 1: compared as exact numbers if both are numbers, otherwise by code points."""
    left, right = one.strip(" \t\r\n"), other.strip(" \t\r\n")
    if _NUMBER.fullmatch(left) and _NUMBER.fullmatch(right):
        first, second = Fraction(left), Fraction(right)
        return (first > second) - (first < second)
    return (left > right) - (left < right)


def record(row: list[str]) -> str:
    """Return one record of an export."""
    if row == [""]:
        return '""\r\n'
    cells = ['"' + cell.replace('"', '""') + '"' if re.search(r'[,"\r\n]', cell) else cell for cell in row]
    return ",".join(cells) + "\r\n"
