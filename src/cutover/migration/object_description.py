"""What describes an object beside its bytes: type, encoding, caching, metadata. Not for the bytes: object_pairs.py."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, unquote

from cutover.migration.findings import Kind
from cutover.migration.mapping import ObjectRules

DESCRIBING: Final = ("content_type", "content_encoding", "cache_control")
"""Columns of a finding, each the header of that name."""

# RFC 3339, section 5.6; what a migrator writes: UTC or with an offset, any number of digits.
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FIELD: Final = re.compile(r"\{([A-Za-z_]\w*)(:percent)?\}")
_ESCAPED: Final = re.compile(r"(?:[ -$&-~]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True)
class Undescribed:
    """One thing that is not as the mapping says. expected, got: texts, None where there is none."""

    kind: Kind
    column: str
    expected: str | None
    got: str | None


def undescribed(
    rules: ObjectRules,
    row: Mapping[str, Any],
    headers: Mapping[str, str],
    metadata: Mapping[str, str],
    *,
    reverse: bool,
) -> list[Undescribed]:
    """Everything that is wrong with an object's description. row: D1's values; headers, metadata: by lower-case name.

    reverse: metadata that the mapping calls optional may be left out. Forward every object came by the migration;
    backward the Worker's own uploads are among them.
    """
    found = []
    wanted = {"content_type": rules.content_type, "content_encoding": "", "cache_control": rules.cache_control}
    for column in DESCRIBING:
        got = headers.get(column.replace("_", "-"), "")
        if got != wanted[column]:
            found.append(Undescribed(Kind.CHANGED, column, wanted[column] or None, got or None))
    names = {name.lower(): name for name in rules.metadata}
    extra = sorted(metadata.keys() - names.keys())
    found += [Undescribed(Kind.UNMAPPED, f"metadata.{name}", None, metadata[name]) for name in extra]
    for lower, name in names.items():
        told = metadata.get(lower)
        if told is None and reverse and name in rules.optional_metadata:
            continue
        shown, matches = _expected(rules.metadata[name], row)
        if told is None or not matches(told):
            kind = Kind.MISSING if told is None else Kind.CHANGED
            found.append(Undescribed(kind, f"metadata.{name}", shown, told))
    return found


def _expected(rule: str, row: Mapping[str, Any]) -> tuple[str, Callable[[str], bool]]:
    """What a metadata value must be: as it is shown, and how it is known."""
    if rule == "instant":
        return "an instant, RFC 3339", _is_instant
    plain = _FIELD.sub(lambda match: str(row[match[1]]), rule)
    if not any(match[2] for match in _FIELD.finditer(rule)):
        return plain, plain.__eq__
    return quote(plain, safe="-_.!~*'()", errors="surrogatepass"), lambda got: _percent_decoded(got) == plain


def _is_instant(text: str) -> bool:
    if not _INSTANT.fullmatch(text):
        return False
    try:
        datetime.datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _percent_decoded(text: str) -> str | None:
    """The text whose percent-encoding this is, whatever was escaped beyond need; None for what is none."""
    if not _ESCAPED.fullmatch(text):
        return None
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None
