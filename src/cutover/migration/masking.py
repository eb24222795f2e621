"""Mask users' values in findings: only type, length and the position of the first difference are shown."""

from __future__ import annotations

import json
from typing import Any, Final

from cutover.migration.findings import Finding, Kind, Part


def shown_values(finding: Finding, *, show_values: bool) -> tuple[str, str]:
    """Return `expected` and `got` of a finding as they may be shown, "none" if there is none.

    Words of the mapping and of schemas are not users' data and are shown unmasked. Only `expected` contains such words;
    `got` is a value.
    """
    expected, got = finding.expected, finding.got
    if show_values or finding.part is Part.SCHEMA or finding.kind is Kind.SEQUENCE:
        return expected or "none", got or "none"
    one, other = _parsed(expected), _parsed(got)
    if finding.part is Part.LOGINS or (finding.part is Part.OBJECTS and finding.column in _NOT_USER_DATA):
        return _plain(expected, one), _plain(got, other)
    if finding.kind is Kind.NOT_CARRIED:
        return expected or "none", got or "none"
    shown = [str(one) if isinstance(one, _Words) and not _stored(one) else _described(expected, one)]
    shown.append(_described(got, other))
    if all(isinstance(each, str) and not isinstance(each, _Words) for each in (one, other)) and one != other:
        at = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
        shown[1] += f", different from character {(min(len(one), len(other)) if at is None else at) + 1} on"
    return shown[0], shown[1]


# Columns that describe an object: ids, sizes, checksums. None: the object itself, described in words.
_NOT_USER_DATA: Final = frozenset({
    None, "size", "file_size", "sha256", "content_type", "content_encoding", "cache_control", "r2_key", "file_path",
    "metadata.userId", "metadata.fileId", "metadata.migratedAt",
})  # fmt: skip


def _plain(text: str | None, value: Any) -> str:
    return "none" if text is None else str(value) if isinstance(value, str) else text


class _Words(str):
    __slots__ = ()


def _parsed(text: str | None) -> Any:
    """Return the JSON value of a text, or the text as _Words if it is not JSON."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return _Words(text)


def _stored(words: str) -> bool:
    """Return True if the words are a value with its storage class."""
    return words.startswith(("BLOB ", "REAL "))


def _described(text: str | None, value: Any) -> str:
    if text is None:
        return "none"
    if isinstance(value, _Words):
        kind, _, rest = value.partition(" ")
        if kind == "BLOB":
            return f"BLOB of {len(rest) // 2} bytes"
        return "a REAL number" if kind == "REAL" else f"something of {len(value)} characters"
    if isinstance(value, str):
        return f"text of {len(value)} characters" if value else "empty text"
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return text
    if isinstance(value, int):
        return text if value in (0, 1) else f"integer of {len(str(abs(value)))} digits"
    return "JSON"
