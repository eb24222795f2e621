"""Readers of a run's JSON that accept any shape, so that a page can be rendered from incomplete or wrong data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cutover.report.html.figures import any_text


def rows(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]] | None:
    """Return the objects of the list under the key, or None if the data contain no such list."""
    value = _list(data, key)
    return None if value is None else [item for item in value if isinstance(item, Mapping)]


def unreadable(data: Mapping[str, Any], key: str) -> int:
    """Return the number of entries of the list under the key that are not objects. `rows` leaves them out."""
    return sum(not isinstance(item, Mapping) for item in _list(data, key) or ())


def inner(data: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """Return the object under the key, or None if there is none."""
    value = data.get(key)
    return value if isinstance(value, Mapping) else None


def words(data: Mapping[str, Any], key: str) -> list[str]:
    """Return the list of texts under the key. A single text is a list of one."""
    value = _list(data, key)
    if value is None:
        return [] if data.get(key) is None else [word(data, key)]
    return [any_text(item) for item in value]


def word(data: Mapping[str, Any], key: str) -> str:
    """Return the value under the key as text, NOT_GIVEN if there is none."""
    return any_text(data.get(key))


def whole(data: Mapping[str, Any], key: str) -> int | None:
    """Return the integer under the key, or None if there is none."""
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(data: Mapping[str, Any], key: str) -> float | None:
    """Return the number under the key, or None if there is none that a chart can show (finite, below 1e15)."""
    value = data.get(key)
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e15
    return value if usable else None


def value(data: Mapping[str, Any], key: str) -> Any:
    """Return the value under the key, whatever it is, or None if there is none."""
    return data.get(key)


def order_by(*keys: Any) -> tuple[tuple[int, float, str], ...]:
    """Return a sort key for values of any types: numbers before texts."""
    return tuple(
        (0, float(key), "") if isinstance(key, (int, float)) and abs(key) < 1e300 else (1, 0.0, any_text(key))
        for key in keys
    )


def wrong_schema(file: str, expected: int, data: Mapping[str, Any]) -> str:
    """Return the error message for data of another schema than the page can render."""
    got = any_text(data.get("schema"))
    return f"{file}:schema: expected {expected}, got {got}. Render it with the version of cutover that wrote it."


def _list(data: Mapping[str, Any], key: str) -> Sequence[Any] | None:
    value = data.get(key)
    return value if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else None
