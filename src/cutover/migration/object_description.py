"""Compare the headers and metadata of an object with the mapping: type, encoding, caching, user metadata."""

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
"""Columns of findings; each is the header of that name."""

# RFC 3339, section 5.6: UTC or with an offset, any number of fractional digits.
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FIELD: Final = re.compile(r"\{([A-Za-z_]\w*)(:percent)?\}")
_ESCAPED: Final = re.compile(r"(?:[ -$&-~]|%[0-9A-Fa-f]{2})*")


@dataclass(frozen=True, slots=True)
class DescriptionDifference:
    """A header or metadata value that differs from the mapping. expected, got: texts, None if there is none."""

    kind: Kind
    column: str
    expected: str | None
    got: str | None


def description_differences(
    rules: ObjectRules,
    row: Mapping[str, Any],
    headers: Mapping[str, str],
    metadata: Mapping[str, str],
    *,
    reverse: bool,
) -> list[DescriptionDifference]:
    """Return all differences of an object's description. row: D1's values; headers, metadata: by lower-case name.

    reverse: optional metadata of the mapping may be missing, because the Worker created some of the objects. In the
    forward direction the migration created all of them.
    """
    found = []
    wanted = {"content_type": rules.content_type, "content_encoding": "", "cache_control": rules.cache_control}
    for column in DESCRIBING:
        got = headers.get(column.replace("_", "-"), "")
        if got != wanted[column]:
            found.append(DescriptionDifference(Kind.CHANGED, column, wanted[column] or None, got or None))
    names = {name.lower(): name for name in rules.metadata}
    extra = sorted(metadata.keys() - names.keys())
    found += [DescriptionDifference(Kind.UNMAPPED, f"metadata.{name}", None, metadata[name]) for name in extra]
    for lower, name in names.items():
        got_value = metadata.get(lower)
        if got_value is None and reverse and name in rules.optional_metadata:
            continue
        shown, matches = _expected(rules.metadata[name], row)
        if got_value is None or not matches(got_value):
            kind = Kind.MISSING if got_value is None else Kind.CHANGED
            found.append(DescriptionDifference(kind, f"metadata.{name}", shown, got_value))
    return found


def _expected(rule: str, row: Mapping[str, Any]) -> tuple[str, Callable[[str], bool]]:
    """Return the text of an expected metadata value, and a function that checks a value."""
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
    """Return the percent-decoded text, None if it is not a percent-encoding. Characters may be escaped needlessly."""
    if not _ESCAPED.fullmatch(text):
        return None
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None
