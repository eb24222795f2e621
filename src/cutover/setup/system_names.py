"""Proposals for the proof of identity: a header on every answer, or a JSON field with a constant value."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping

from cutover.setup.discovery import Discovered

_FIELDS = ("system", "service", "app", "application", "backend", "server", "who", "source", "served_by")
_HEADERS = ("x-served-by", "x-service", "x-app", "x-backend")


def identity_of(found: Discovered, other: Discovered | None) -> tuple[str, str]:
    """Return the `identity` of a system as TOML, and the reason for a comment.

    other: the other system. What both systems send alike proves nothing.
    """
    for header in _HEADERS:
        value = found.served_by.get(header)
        if value is not None and (other is None or other.served_by.get(header) != value):
            return f"{{ header = {json.dumps(header)}, value = {json.dumps(value)} }}", f"every answer has {header}"
    theirs = set(_constants(other)) if other is not None else set()
    named = {value: fields for value, fields in _constants(found).items() if value not in theirs}
    if named:
        value, fields = max(named.items(), key=lambda each: len(each[1]))
        rows = ", ".join(f"{name} = {json.dumps(pointer)}" for name, pointer in sorted(fields.items()))
        return f"{{ fields = {{ {rows} }}, value = {json.dumps(value)} }}", "only these answers name the system"
    reason = "no header and no field names the system"
    return f"{{ address_only = {json.dumps(reason)} }}", "nothing proves which system answered"


def _constants(found: Discovered) -> Mapping[str, dict[str, str]]:
    """Return value -> operation -> pointer, of fields that have one value by the document or in the health answer."""
    constants: dict[str, dict[str, str]] = defaultdict(dict)
    for name, each in found.matches.items():
        for one in each.served.fields:
            if one.name.lower() in _FIELDS and isinstance(one.schema.get("const"), str):
                constants[one.schema["const"]][name] = one.pointer
    for key, value in found.health_fields.items():
        if key.lower() in _FIELDS and isinstance(value, str):
            constants[value]["health"] = f"/{key}"
    return constants
