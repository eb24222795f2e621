"""Type check of an OpenAPI document (OpenAPI 3.1, JSON Schema), for the parts that this package reads.

It is not a full validation against the OpenAPI schema; a unit test does that for the documents of this project.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cutover.contract.document_shape import EXTENSION, METHODS
from cutover.contract.references import target_of

_SCHEMAS: Final = "table of schema"
_PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "document": {"paths": "table of path", "components": "components", "security": "list of requirement"},
    "components": {
        "schemas": _SCHEMAS, "parameters": "table of parameter", "headers": "table of header",
        "responses": "table of response", "requestBodies": "table of body", "pathItems": "table of path",
    },
    "path": {"parameters": "list of parameter", **dict.fromkeys(METHODS, "operation")},
    "operation": {
        "parameters": "list of parameter", "requestBody": "body", "responses": "table of response",
        "security": "list of requirement",
    },
    "parameter": {"in": "string", "name": "string", "schema": "schema"},
    "header": {"schema": "schema"},
    "body": {"content": "table of media type"},
    "response": {"content": "table of media type", "headers": "table of header"},
    "media type": {"schema": "schema"},
    "requirement": {},
    "schema": {
        "properties": _SCHEMAS, "items": "schema", "additionalProperties": "schema",
        "allOf": "list of schema", "anyOf": "list of schema", "oneOf": "list of schema",
        "required": "list of string", "enum": "list of value", "type": "type", "pattern": "string",
        **dict.fromkeys(
            ("maxLength", "minLength", "maximum", "minimum", "maxItems", "minItems", "exclusiveMaximum",
             "exclusiveMinimum", "maxProperties", "minProperties"), "number",
        ),
    },
}  # fmt: skip
"""Kind of a table -> kind of the value of each key. Other keys are not checked."""
_NEEDED: Final = {"parameter": ("in", "name")}
_PLAIN: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,), "number": (int, float), "type": (str, list), "value": (object,),
}  # fmt: skip


def type_errors(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (dotted path, expected kind) for each part of the document that has another type."""
    seen: set[tuple[int, str]] = set()  # references and YAML aliases repeat a part, or nest it in itself

    def look(value: Any, kind: str, where: str) -> Iterator[tuple[str, str]]:
        if (id(value), kind) in seen:
            return
        holder, _, inner = kind.partition(" of ")
        if holder == "list" and isinstance(value, list):
            for number, each in enumerate(value, 1):
                yield from look(each, inner, f"{where} {number}")
        elif holder == "table" and isinstance(value, dict):
            for name, each in value.items():
                if inner == "path" and str(name).startswith(EXTENSION):
                    continue
                if not isinstance(name, str):
                    yield f"{where}.{name}", "string (write it in quotes)"
                yield from look(each, inner, f"{where}.{name}")
        elif kind in _PLAIN:
            right = isinstance(value, _PLAIN[kind]) and not (isinstance(value, float) and not math.isfinite(value))
            if not right or (kind == "type" and isinstance(value, list) and not _are_strings(value)):
                yield where, kind
        elif kind in _PARTS and isinstance(value, dict):
            seen.add((id(value), kind))
            yield from members(value, kind, where)
        elif not (kind == "schema" and isinstance(value, bool)):
            yield where, kind

    def members(value: dict[str, Any], kind: str, where: str) -> Iterator[tuple[str, str]]:
        reference = value.get("$ref")
        if reference is not None:
            if not isinstance(reference, str):
                yield f"{where}.$ref", "string"
                return
            try:
                target = target_of(document, reference)
            except KeyError:
                yield f"{where}.$ref", f"reference to a part of this document, got {reference!r}"
                return
            yield from look(target, kind, reference)
        elif any(name not in value for name in _NEEDED.get(kind, ())):
            yield where, kind
        for name, inner in _PARTS[kind].items():
            if name in value:
                yield from look(value[name], inner, f"{where}.{name}".lstrip("."))

    yield from look(document, "document", "")


def _are_strings(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
