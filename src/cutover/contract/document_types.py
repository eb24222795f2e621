"""Whether the parts of an OpenAPI document are of the kinds that its readers take them for (OpenAPI 3.1, JSON Schema).

Only what lint, comparison and drawing read. Not for OpenAPI's whole grammar, nor for what a document leaves open.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_SCHEMAS: Final = "table of schema"
_PARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "document": {"paths": "table of path", "components": "components", "security": "list of requirement"},
    "components": {
        "schemas": _SCHEMAS, "parameters": "table of parameter", "headers": "table of header",
        "responses": "table of answer", "requestBodies": "table of body",
    },
    "path": {"parameters": "list of parameter", **dict.fromkeys(_METHODS, "operation")},
    "operation": {
        "parameters": "list of parameter", "requestBody": "body", "responses": "table of answer",
        "security": "list of requirement",
    },
    "parameter": {"in": "text", "name": "text", "schema": "schema"},
    "header": {"schema": "schema"},
    "body": {"content": "table of media type"},
    "answer": {"content": "table of media type", "headers": "table of header"},
    "media type": {"schema": "schema"},
    "requirement": {},
    "schema": {
        "properties": _SCHEMAS, "items": "schema", "additionalProperties": "schema",
        "allOf": "list of schema", "anyOf": "list of schema", "oneOf": "list of schema",
        "required": "list of text", "enum": "list of value", "type": "type", "pattern": "text",
        **dict.fromkeys(
            ("maxLength", "minLength", "maximum", "minimum", "maxItems", "minItems", "exclusiveMaximum",
             "exclusiveMinimum", "maxProperties", "minProperties"), "number",
        ),
    },
}  # fmt: skip
"""Kind of a table -> what its keys hold. Other keys may hold anything."""
_NEEDED: Final = {"parameter": ("in", "name")}
_PLAIN: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,), "number": (int, float), "type": (str, list), "value": (object,),
}  # fmt: skip


def misshapen(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Places of parts that are of another kind, as dotted paths, each with the kind that is expected there."""
    seen: set[tuple[int, str]] = set()  # by references and YAML's aliases one part is in many places, or in itself

    def look(value: Any, kind: str, where: str) -> Iterator[tuple[str, str]]:
        if (id(value), kind) in seen:
            return
        holder, _, inner = kind.partition(" of ")
        if holder == "list" and isinstance(value, list):
            for number, each in enumerate(value, 1):
                yield from look(each, inner, f"{where} {number}")
        elif holder == "table" and isinstance(value, dict):
            for name, each in value.items():
                if not isinstance(name, str) and inner != "answer":  # of answers the names are statuses
                    yield f"{where}.{name}", "text (write it in quotes)"
                yield from look(each, inner, f"{where}.{name}")
        elif kind in _PLAIN:
            right = isinstance(value, _PLAIN[kind])
            if not right or (kind == "type" and isinstance(value, list) and not _are_texts(value)):
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
                yield f"{where}.$ref", "text"
                return
            found, target = _at(document, reference)
            if found:  # where it leads nowhere, lint says so
                yield from look(target, kind, reference)
        elif any(name not in value for name in _NEEDED.get(kind, ())):
            yield where, kind
        for name, inner in _PARTS[kind].items():
            if name in value:
                yield from look(value[name], inner, f"{where}.{name}".lstrip("."))

    yield from look(document, "document", "")


def _are_texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _at(document: Mapping[str, Any], reference: str) -> tuple[bool, Any]:
    """Whether the reference leads anywhere in the document, and where it does."""
    found: Any = document
    for segment in reference[2:].split("/"):
        name = segment.replace("~1", "/").replace("~0", "~")
        if not reference.startswith("#/") or not isinstance(found, Mapping) or name not in found:
            return False, None
        found = found[name]
    return True, found
