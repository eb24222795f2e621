"""Resolve references ($ref) within a document: JSON pointers in URI fragments (RFC 6901, 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from cutover.config.operations import follow_pointer

_LONGEST_CHAIN: Final = 50


def target_of(document: Mapping[str, Any], reference: str) -> Any:
    """Return the part of the document that a reference names. Raises KeyError if it names none.

    The fragment is percent-decoded first, then split at slashes; ~1 and ~0 mean slash and tilde.
    """
    try:
        pointer = unquote(reference.removeprefix("#"), errors="strict")
    except UnicodeDecodeError:
        raise KeyError(reference) from None
    if not reference.startswith("#") or (pointer and not pointer.startswith("/")):
        raise KeyError(reference)
    try:
        return follow_pointer(document, pointer)
    except KeyError:
        raise KeyError(reference) from None


def resolved(document: Mapping[str, Any], value: Any) -> Any:
    """Return the target of a $ref in the document, or the value itself if it is no $ref.

    Raises KeyError if a reference has no target, or if more than 50 follow each other.
    """
    followed = 0
    while isinstance(value, Mapping) and isinstance(value.get("$ref"), str):
        followed += 1
        reference = value["$ref"]
        if followed > _LONGEST_CHAIN:
            raise KeyError(reference)
        value = target_of(document, reference)
    return value
