"""Reads a run's JSON for showing it. What is absent is told from what is empty; no shape of it crashes a page.

Not for judging it, and not for writing it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cutover.report.html.tables import any_text


def rows(data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]] | None:
    """The list of objects under the key; None when there is no such list: nothing was said, which is not "none"."""
    value = _list(data, key)
    return None if value is None else [item for item in value if isinstance(item, Mapping)]


def unreadable(data: Mapping[str, Any], key: str) -> int:
    """How many entries of the list under the key are no objects, and so cannot be shown."""
    return sum(not isinstance(item, Mapping) for item in _list(data, key) or ())


def inner(data: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """The object under the key, None when there is none."""
    value = data.get(key)
    return value if isinstance(value, Mapping) else None


def words(data: Mapping[str, Any], key: str) -> list[str]:
    """The list of texts under the key; a single text counts as one."""
    value = _list(data, key)
    if value is None:
        return [] if data.get(key) is None else [word(data, key)]
    return [any_text(item) for item in value]


def word(data: Mapping[str, Any], key: str) -> str:
    """What stands under the key, as text; NOT_GIVEN when nothing does."""
    return any_text(data.get(key))


def whole(data: Mapping[str, Any], key: str) -> int | None:
    """The whole number under the key, None when there is none."""
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def order_by(*keys: Any) -> tuple[tuple[int, float, str], ...]:
    """A sort key for values of any kinds: numbers before texts."""
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
