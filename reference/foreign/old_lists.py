"""Reading and filtering of list files by Roster's old system, character by character.

The rules are those of contracts/api.md, "Reading a list file". new_lists.py implements them a second time.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from decimal import Context, Decimal
from typing import Any, Final

_MARKS: Final = ",;\t"
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_EXACT: Final = Context(prec=4000, Emax=999_999, Emin=-999_999)
_BLANK: Final = " \t\r\n"


class MalformedError(Exception):
    """The file or the request cannot be used, with the reason."""


def read_list(content: bytes) -> tuple[list[str], list[list[str]]]:
    """Return header and rows. A short row is filled with empty cells. Raises MalformedError."""
    text = _decoded(content)
    if "\0" in text:
        raise MalformedError("a NUL character")
    records = _split(text, _mark(text))
    header = records[0] if records else []
    for row in records[1:]:
        row.extend([""] * (len(header) - len(row)))
    return header, records[1:]


def _decoded(content: bytes) -> str:
    if content[:3] == b"\xef\xbb\xbf":
        content = content[3:]
    try:
        return str(content, "utf-8")
    except UnicodeDecodeError:
        return "".join(_latin(byte) for byte in content)


def _latin(byte: int) -> str:
    try:
        return bytes((byte,)).decode("windows-1252")
    except UnicodeDecodeError:
        return chr(byte)


def _mark(text: str) -> str:
    counts = dict.fromkeys(_MARKS, 0)
    quoted, fresh, seen, at = False, True, False, 0
    while at < len(text):
        each = text[at]
        if quoted:
            if each == '"' and text[at + 1 : at + 2] == '"':
                at += 1
            elif each == '"':
                quoted = False
        elif each in "\r\n":
            if seen:
                break
        else:
            if each == '"' and fresh:
                quoted = True
            elif each in counts:
                counts[each] += 1
            seen = True
        fresh = (not quoted and each in counts) or not seen
        at += 1
    most = max(counts.values())
    winners = [mark for mark, count in counts.items() if count == most]
    return winners[0] if most and len(winners) == 1 else ","


def _split(text: str, mark: str) -> list[list[str]]:
    """Return the records of the text. States: at the start of a cell, in a plain or quoted cell, after a quote."""
    records: list[list[str]] = []
    row: list[str] = []
    cell: list[str] = []
    state, bare = "start", True  # bare: the record has no quoted cell

    def end_record() -> None:
        nonlocal row, bare
        row.append("".join(cell))
        cell.clear()
        if row != [""] or not bare:
            records.append(row)
        row, bare = [], True

    previous = ""
    for each in text:
        if state == "quoted":
            if each == '"':
                state = "after"
            else:
                cell.append(each)
        elif state == "after" and each == '"':
            cell.append('"')
            state = "quoted"
        elif each == mark:
            row.append("".join(cell))
            cell.clear()
            state = "start"
        elif each == "\n" and previous == "\r":
            pass
        elif each in "\r\n":
            end_record()
            state = "start"
        elif state == "after":
            raise MalformedError("text after a closing quote")
        elif state == "start" and each == '"':
            state, bare = "quoted", False
        else:
            cell.append(each)
            state = "plain"
        previous = each if state != "quoted" else ""
    if state == "quoted":
        raise MalformedError("a quote that is not closed")
    if state != "start" or row:
        end_record()
    return records


def export(content: bytes, columns: Any, rules: Any, choose: Callable[[list[str], list[int]], list[str]]) -> str:
    """Return the chosen columns of the rows that match all rules, as CSV. Raises MalformedError.

    choose: returns the cells of a row at these places.
    """
    header, rows = read_list(content)
    if not isinstance(columns, list) or not columns or not isinstance(rules, list):
        raise MalformedError("columns and rules are lists")
    for name in columns:
        _known(name, header)
    chosen = [header.index(name) for name in columns]
    for rule in rules:
        if not isinstance(rule, dict):
            raise MalformedError("a rule is an object")
        _known(rule.get("column"), header)
        _operands(rule)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    matching = [row for row in rows if all(_matches(row[header.index(rule["column"])], rule) for rule in rules)]
    for cells in [columns, *(choose(row, chosen) for row in matching)]:
        if cells == [""] or not any(character in cell for cell in cells for character in '\r\n"'):
            writer.writerow(cells)
        else:
            out.write(",".join(_quoted(cell) for cell in cells) + "\r\n")
    return out.getvalue()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if set(cell) & set(',"\r\n') else cell


def _known(name: Any, header: list[str]) -> None:
    if type(name) is not str or name not in header:
        raise MalformedError("no such column")


def _operands(rule: dict[str, Any]) -> list[str]:
    operator, value = rule.get("operator"), rule.get("value")
    if operator not in ("=", "!=", "<", "<=", ">", ">=", "IN", "BETWEEN"):
        raise MalformedError("no such operator")
    if operator in ("IN", "BETWEEN"):
        if not isinstance(value, list) or not value or (operator == "BETWEEN" and len(value) != 2):
            raise MalformedError("a list of values")
        operands = value
    else:
        operands = [value]
    if not all(isinstance(each, str) for each in operands):
        raise MalformedError("a value is a text or a number")
    return operands


def _matches(cell: str, rule: dict[str, Any]) -> bool:
    operands = _operands(rule)
    match rule["operator"]:
        case "=":
            return compare(cell, operands[0]) == 0
        case "!=":
            return compare(cell, operands[0]) != 0
        case "<":
            return compare(cell, operands[0]) < 0
        case "<=":
            return compare(cell, operands[0]) <= 0
        case ">":
            return compare(cell, operands[0]) > 0
        case ">=":
            return compare(cell, operands[0]) >= 0
        case "IN":
            return any(compare(cell, each) == 0 for each in operands)
        case _:
            return compare(cell, operands[0]) >= 0 and compare(cell, operands[1]) <= 0


def compare(cell: str, operand: str) -> int:
    """Return -1, 0 or 1: compared as exact numbers if both are numbers, otherwise by code points."""
    cell, operand = cell.strip(_BLANK), operand.strip(_BLANK)
    if _DECIMAL.fullmatch(cell) and _DECIMAL.fullmatch(operand):
        difference = _EXACT.compare(Decimal(cell), Decimal(operand))
        return int(difference)
    return -1 if cell < operand else int(cell > operand)
