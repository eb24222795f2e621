"""What of two values may be shown: how they are stored, how long they are, where they part. Users' data is not.

Not for finding the difference: values.py.
"""

from __future__ import annotations

import json
from typing import Any, Final

from cutover.migration.findings import Finding, Kind, Part


def shown_values(finding: Finding, *, show_values: bool) -> tuple[str, str]:
    """Expected and got as they may be shown; "none" where there is none.

    Words of the mapping and of schemas are nobody's data and shown as they are: what is expected may be in such words,
    what was found is a value.
    """
    expected, got = finding.expected, finding.got
    if show_values or finding.part is Part.SCHEMA or finding.kind is Kind.SEQUENCE:
        return expected or "none", got or "none"
    one, other = _parsed(expected), _parsed(got)
    if finding.part is Part.LOGINS or (finding.part is Part.OBJECTS and finding.column in _NOBODYS):
        return _plain(expected, one), _plain(got, other)
    if finding.kind is Kind.NOT_CARRIED:
        return expected or "none", got or "none"
    told = [str(one) if isinstance(one, _Words) and not _stored(one) else _described(expected, one)]
    told.append(_described(got, other))
    if all(isinstance(each, str) and not isinstance(each, _Words) for each in (one, other)) and one != other:
        at = next((n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
        told[1] += f", other from character {(min(len(one), len(other)) if at is None else at) + 1} on"
    return told[0], told[1]


# What describes an object, and where it lies: ids, sizes, checksums. None is the object itself, in words of ours.
_NOBODYS: Final = frozenset({
    None, "size", "file_size", "sha256", "content_type", "content_encoding", "cache_control", "r2_key", "file_path",
    "metadata.userId", "metadata.fileId", "metadata.migratedAt",
})  # fmt: skip


def _plain(text: str | None, value: Any) -> str:
    return "none" if text is None else str(value) if isinstance(value, str) else text


class _Words(str):
    __slots__ = ()


def _parsed(text: str | None) -> Any:
    """The JSON value of a text; a text that is none stays as _Words."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return _Words(text)


def _stored(words: str) -> bool:
    """Whether they tell a value by how it is stored, and are no words of ours."""
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
