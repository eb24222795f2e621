"""Compare two values: by storage class and exactly, except for instants and JSON, which have several spellings."""

from __future__ import annotations

import datetime
import json
import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cutover.migration.mapping import Form

_INSTANT: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:Z|([+-])(\d\d):(\d\d))")
_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND: Final = datetime.timedelta(microseconds=1)


_NO_VALUES: Final = frozenset((bool, dict, list))


class Stored(NamedTuple):
    """A value that JSON cannot represent. kind: SQLite's storage class; text: digits, hexadecimal for a BLOB."""

    kind: str
    text: str


Value = str | int | Stored | None
"""A cell. Never a bool or a float, because Python treats 1, 1.0 and True as equal."""


def storage_class(value: Value) -> str:
    """Return SQLite's storage class of a value."""
    if isinstance(value, Stored):
        return value.kind
    return "null" if value is None else "integer" if isinstance(value, int) else "text"


def shown(value: Value) -> str:
    """Return a value as JSON text in ASCII."""
    if isinstance(value, Stored):
        return f"{value.kind.upper()} {value.text}"
    return json.dumps(value)


def identical(one: Value, other: Value) -> bool:
    """Return True if value and storage class are equal."""
    return type(one) is type(other) and one == other


def same(form: Form, one: Value, other: Value) -> bool:
    """Return True if both values mean the same in that form. Their storage classes must always be equal."""
    if identical(one, other):
        return True
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    if form is Form.TIMESTAMP:
        first, second = instant(one), instant(other)
        return first is not None and first == second
    if form in (Form.JSON, Form.TEXT_ARRAY):
        return _same_json(one, other)
    return False


def instant(text: str) -> int | None:
    """Return the microseconds since 1970 of an RFC 3339 time with Z or an offset, None for anything else."""
    found = _INSTANT.fullmatch(text)
    if found is None or not text.isascii():
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.UTC)
    except ValueError:
        return None
    micros = int((found[7] or "0").ljust(6, "0"))
    offset = (int(found[9]) * 60 + int(found[10])) * (-1 if found[8] == "-" else 1) if found[8] else 0
    return (moment - _EPOCH) // _MICROSECOND + micros - offset * 60_000_000


def is_time(text: str) -> bool:
    """Return True for an RFC 3339 time and for PostgreSQL's words for infinite ones, which D1 stores unchanged."""
    return text in ("infinity", "-infinity") or instant(text) is not None


class _Lexeme(str):
    """A number in its spelling: 1, 1.0 and 1e0 differ."""

    __slots__ = ()


@lru_cache(maxsize=4096)
def _same_json(one: str, other: str) -> bool:
    try:
        return _equal(_parsed(one), _parsed(other))
    except (ValueError, RecursionError):
        return False


def _parsed(text: str) -> Any:
    return json.loads(
        text, parse_int=_Lexeme, parse_float=_Lexeme, parse_constant=_no_constant, object_pairs_hook=_object
    )


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice, and parsers differ in which one counts")
    return found


def _equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    return bool(one == other)


def read_column(text: bytes) -> list[Value]:
    """Return the values of a rendered column. Raises ValueError unless it is a JSON array of plain values."""
    found = json.loads(
        text.decode("utf-8", "surrogateescape"),
        parse_float=lambda digits: Stored("real", digits),
        parse_constant=lambda name: Stored("real", name),
    )
    if not isinstance(found, list) or not _NO_VALUES.isdisjoint(map(type, found)):
        raise ValueError("expected an array of texts, numbers and null")
    return found


def read_careful_column(text: bytes) -> list[Value]:
    """Return the values of a column that was rendered with storage classes."""
    found: list[Value] = []
    for kind, value in json.loads(text.decode("utf-8", "surrogateescape")):
        if kind in ("blob", "real"):
            found.append(Stored(kind, str(value)))
        else:
            found.append(value)
    return found
