"""Reading of an OpenAPI document that a system serves: its operations with their parameters, fields and statuses.

The document is text of a foreign server. A part with another type than OpenAPI requires is ignored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

_METHODS: Final = ("get", "post", "put", "patch", "delete")
_DEPTH: Final = 6
"""Depth of properties that are read. Answers of an API are flatter; a recursive schema would never end."""


@dataclass(frozen=True)
class Field:
    """A property of a schema. pointer: JSON pointer; kind: its type, "" if the schema names none."""

    pointer: str
    name: str
    kind: str
    schema: Mapping[str, Any] = field(repr=False)

    @property
    def depth(self) -> int:
        """Return the number of segments of the pointer."""
        return self.pointer.count("/")


@dataclass(frozen=True)
class Served:
    """One operation of the document. media: of the successful response. fields, sent: of the response and the body.

    words: lower-case words of path and operationId. examples: property of the body -> example value.
    """

    method: str
    path: str
    name: str
    words: frozenset[str]
    secured: bool
    parameters: tuple[str, ...]
    statuses: tuple[int, ...]
    refusals: frozenset[int]
    media: frozenset[str]
    fields: tuple[Field, ...]
    sent_as: frozenset[str]
    sent: tuple[Field, ...]
    examples: Mapping[str, Any]

    @property
    def label(self) -> str:
        """Return method, path and operationId, for comments."""
        return f"{self.method} {self.path} ({self.name})"


def parse(body: bytes) -> dict[str, Any] | None:
    """Return the document of a response body, None if it is no OpenAPI 3 document in JSON."""
    try:
        raw = json.loads(body)
    except (ValueError, RecursionError):
        return None
    is_document = isinstance(raw, dict) and str(raw.get("openapi", "")).startswith("3.")
    return raw if is_document and isinstance(raw.get("paths"), dict) else None


def operations(raw: Mapping[str, Any]) -> list[Served]:
    """Return the operations of a document, in its order, with the base path of its first server."""
    base = _base_path(raw)
    found = []
    for path, item in raw["paths"].items():
        for method in _METHODS:
            row = _table(_table(item).get(method))
            if row:
                shared = _list(_table(item).get("parameters"))
                found.append(_served(raw, base + str(path), method, row, shared))
    return found


def _served(raw: Mapping[str, Any], path: str, method: str, row: Mapping[str, Any], shared: list[Any]) -> Served:
    name = str(row.get("operationId") or f"{method} {path}")
    security = row.get("security", raw.get("security"))
    responses = {str(status): _resolved(raw, inner) for status, inner in _table(row.get("responses")).items()}
    statuses = tuple(int(status) for status in responses if re.fullmatch(r"2\d\d", status))
    refusals = frozenset(int(status) for status in responses if re.fullmatch(r"4\d\d", status))
    success = responses.get(str(statuses[0])) if statuses else None
    content = _table(_table(success).get("content"))
    sent = _table(_table(_resolved(raw, row.get("requestBody"))).get("content"))
    parameters = [_resolved(raw, each) for each in [*shared, *_list(row.get("parameters"))]]
    return Served(
        method=method.upper(),
        path=path,
        name=name,
        words=_words(f"{path} {name}"),
        secured=bool(security) and {} not in _list(security),
        parameters=tuple(
            str(each.get("name")) for each in parameters if isinstance(each, Mapping) and each.get("in") == "path"
        ),
        statuses=statuses,
        refusals=refusals,
        media=frozenset(content),
        fields=tuple(_fields_of(raw, content)),
        sent_as=frozenset(sent),
        sent=tuple(_fields_of(raw, sent)),
        examples=_examples(raw, sent),
    )


def _fields_of(raw: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[Field]:
    for media, holder in content.items():
        if "json" in media or "form" in media:
            yield from _fields(raw, _table(holder).get("schema"), "", 0)
            return


def _fields(raw: Mapping[str, Any], schema: Any, pointer: str, depth: int) -> Iterator[Field]:
    """Yield the properties of a schema. An element of an array has the pointer segment `*`."""
    schema = _resolved(raw, schema)
    if not isinstance(schema, Mapping) or depth > _DEPTH:
        return
    for inner in [*_list(schema.get("allOf")), *_list(schema.get("oneOf"))[:1], *_list(schema.get("anyOf"))[:1]]:
        yield from _fields(raw, inner, pointer, depth + 1)
    for name, inner in _table(schema.get("properties")).items():
        resolved = _table(_resolved(raw, inner))
        here = f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
        yield Field(here, name, _kind(resolved), resolved)
        yield from _fields(raw, resolved, here, depth + 1)
    if "items" in schema:
        yield from _fields(raw, schema["items"], f"{pointer}/*", depth + 1)


def _kind(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((each for each in kind if each != "null"), "")
    if not kind and "properties" in schema:
        kind = "object"
    if not kind and isinstance(schema.get("const"), (str, bool)):
        kind = "boolean" if isinstance(schema["const"], bool) else "string"
    return str(kind or "")


def _examples(raw: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the first example of a JSON body, and the `example` of its properties."""
    for media, holder in content.items():
        if "json" not in media:
            continue
        table = _table(holder)
        named = next(iter(_table(table.get("examples")).values()), None)
        example = table.get("example", _table(_resolved(raw, named)).get("value"))
        schema = _table(_resolved(raw, table.get("schema")))
        own = {
            name: _table(_resolved(raw, inner)).get("example")
            for name, inner in _table(schema.get("properties")).items()
        }
        return {**{name: value for name, value in own.items() if value is not None}, **_table(example)}
    return {}


def _resolved(raw: Mapping[str, Any], value: Any) -> Any:
    """Return the target of a local $ref, or the value itself; None for a reference without a target."""
    for _ in range(20):
        if not isinstance(value, Mapping) or not isinstance(value.get("$ref"), str):
            return value
        found: Any = raw
        for segment in value["$ref"].removeprefix("#/").split("/"):
            found = _table(found).get(segment.replace("~1", "/").replace("~0", "~"))
        value = found
    return None


def _base_path(raw: Mapping[str, Any]) -> str:
    """Return the path of the first server's URL. Its host is ignored: only the named system is asked."""
    first = next(iter(_list(raw.get("servers"))), None)
    try:
        path = urlsplit(str(_table(first).get("url", ""))).path
    except ValueError:
        return ""
    return path.rstrip("/") if path.startswith("/") else ""


def _words(text: str) -> frozenset[str]:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    return frozenset(word.lower() for word in re.findall(r"[A-Za-z]+", spaced))


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
