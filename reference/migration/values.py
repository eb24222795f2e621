"""Convert a row between the forms of both sides by the mapping; report the column of a value that
cannot be migrated.

Derived columns are in list_shape.py.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Self
from urllib.parse import quote

from migration.mapping import Column, Table

D1_ROW_BYTES = 2_000_000
"""https://developers.cloudflare.com/d1/platform/limits/: maximum size of a string, BLOB or table row."""
R2_METADATA_BYTES = 2048
"""Limit of the local R2; Cloudflare names 8,192 (https://developers.cloudflare.com/r2/platform/limits/)."""
# Characters that JavaScript's encodeURIComponent keeps besides letters and digits: the Worker
# encodes names with it.
UNESCAPED = "-_.!~*'()"
NOT_AN_INSTANT = "!"
"""Marks the text of a PostgreSQL timestamp that ISO text with four-digit years cannot express."""

INFINITE = ("infinity", "-infinity")
"""PostgreSQL's words for times without an end, which D1 stores unchanged."""

_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:?\d\d)?", re.ASCII | re.IGNORECASE
)


class NotCarriedError(Exception):
    """A value without a place in the mapping. column: of the target side."""

    def __init__(self, column: str | None, why: str) -> None:
        super().__init__(f"{column or 'row'}: {why}")
        self.column, self.why = column, why


def forward(table: Table, row: dict[str, Any], calculated: dict[str, Any]) -> dict[str, Any]:
    """Return the row for D1, column -> int, str or None. calculated: derived values by their name in the mapping."""
    _hold_source_only(table, row)
    made = {column.name: _to_d1(column, row, calculated) for column in table.columns}
    for column in table.columns:
        if "template" in column.rule:
            made[column.name] = column.rule["template"].format(**made)
        if made[column.name] is None and not column.nullable:
            raise NotCarriedError(column.name, "NULL")
    size = sum(len(value.encode()) if isinstance(value, str) else 8 for value in made.values())
    if size > D1_ROW_BYTES:
        raise NotCarriedError(None, f"larger than a row of D1 ({D1_ROW_BYTES:,} bytes)")
    return made


def _hold_source_only(table: Table, row: dict[str, Any]) -> None:
    for name, rule in table.source_only.items():
        wanted = rule.get("must_be", row[name])
        if isinstance(wanted, dict):
            wanted = row[wanted["column"]] if "column" in wanted else wanted["template"].format(**row)
        if row[name] != wanted:
            raise NotCarriedError(name, "it has a value without a column in D1")


def _to_d1(column: Column, row: dict[str, Any], calculated: dict[str, Any]) -> Any:
    if "calculated" in column.rule:
        return calculated.get(column.rule["calculated"])
    if column.source is None:
        return column.rule.get("constant")
    value = row[column.source]
    if value is None:
        return None
    if column.kind == "boolean":
        return int(value)
    if column.kind == "empty_is_null":
        return value or None
    if column.kind == "timestamp" and value.startswith(NOT_AN_INSTANT):
        raise NotCarriedError(column.name, "neither a time in the years 1 to 9999 nor infinite")
    if column.kind == "text_array":
        if not all(isinstance(item, str) for item in value):
            raise NotCarriedError(column.name, "not a list of texts")
        return json.dumps(value, ensure_ascii=False)
    return value


def backward(table: Table, row: dict[str, Any]) -> dict[str, Any]:
    """Return the row for Django as `source_kinds` reads it, without the columns that only new rows get (`added`)."""
    made: dict[str, Any] = {}
    for column in table.columns:
        if column.goes_back and column.source is not None:
            made[column.source] = _to_django(column, row[column.name])
    return made


def added(table: Table, row: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """Return the values of columns that D1 does not have, for a row that Django did not have."""
    more = {}
    for name, rule in table.source_only.items():
        value = rule["back"]
        if isinstance(value, dict):
            value = made[value["column"]] if "column" in value else value["template"].format(**row)
        more[name] = value
    return more


def _to_django(column: Column, value: Any) -> Any:
    if column.kind == "empty_is_null":
        value = "" if value is None else value
    if value is None:
        if "back_null" in column.rule:
            return json.dumps(column.rule["back_null"])
        if column.nullable:
            return None
        raise NotCarriedError(column.source, "NULL")
    wanted = int if column.kind in ("integer", "boolean") else str
    if type(value) is not wanted:
        raise NotCarriedError(column.source, f"expected {wanted.__name__}, got {type(value).__name__}")
    if column.kind == "boolean":
        if value not in (0, 1):
            raise NotCarriedError(column.source, "neither 0 nor 1")
        return bool(value)
    if column.kind == "timestamp":
        return value if value in INFINITE else iso(instant(value, column.source))
    if column.kind == "text_array":
        items = parsed(value)
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise NotCarriedError(column.source, "not a JSON list of texts")
        return items
    if column.kind == "json" and parsed(value) is BROKEN:
        raise NotCarriedError(column.source, "not JSON")
    if isinstance(value, str) and "\0" in value:
        raise NotCarriedError(column.source, "contains NUL, which PostgreSQL cannot store")
    return value


def same(column: Column, left: Any, right: Any) -> bool:
    """Return True if two values of a column of D1 mean the same. 1, 1.0 and '1' are three values."""
    if type(left) is not type(right):
        return False
    if left == right or not isinstance(left, str):
        return bool(left == right)
    if column.kind == "timestamp":
        try:
            return instant(left, column.name) == instant(right, column.name)
        except NotCarriedError:
            return False
    if column.kind in ("text_array", "json"):
        one = parsed(left)
        return one is not BROKEN and one == parsed(right)
    return False


BROKEN = object()
"""Result of `parsed` for a text that is not JSON."""


def parsed(text: str) -> Any:
    """Return JSON by value: numbers as lexemes, marked so that 1 is not "1"; BROKEN for invalid JSON."""
    try:
        return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_Number)
    except ValueError:
        return BROKEN


class _Number(tuple[str]):
    """A number's lexeme: equal to the same lexeme only, and to no text."""

    __slots__ = ()

    def __new__(cls, lexeme: str) -> Self:
        return super().__new__(cls, (lexeme,))


def instant(text: str, column: str | None) -> datetime:
    """Return the time of an ISO text; without an offset it is UTC, as in SQLite's own functions."""
    found = _ISO.fullmatch(text)
    try:
        if found is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
        micro = int((found[7] or "").ljust(6, "0"))
        return datetime(year, month, day, hour, minute, second, micro, _offset(found[8])).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotCarriedError(column, "not a time") from None


def _offset(text: str | None) -> timezone:
    if text is None or text in "Zz":
        return UTC
    sign = -1 if text[0] == "-" else 1
    return timezone(sign * timedelta(hours=int(text[1:3]), minutes=int(text[-2:])))


def iso(moment: datetime) -> str:
    """Return the time in UTC with six digits of microseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def object_metadata(template: dict[str, str], row: dict[str, Any], migrated_at: str) -> dict[str, str]:
    """Return the user metadata of a file's object. Raise NotCarriedError if it is too long for R2."""
    words = {
        "instant": migrated_at,
        "{filename:percent}": quote(row["filename"], safe=UNESCAPED),
        "{user_id}": str(row["user_id"]),
        "{file_id}": row["file_id"],
    }
    made = {name: words[value] for name, value in template.items()}
    if sum(len(name) + len(value) for name, value in made.items()) > R2_METADATA_BYTES:
        raise NotCarriedError("filename", "too long for the object's metadata")
    return made


def plain(text: str) -> list[Any]:
    """Parse a row's JSON array, for rows that exist only in D1; integers keep their digits."""
    row = json.loads(text)
    assert isinstance(row, list)
    return row
