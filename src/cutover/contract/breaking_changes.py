"""Breaking changes of an OpenAPI document against ours.

The other document must accept every request that ours accepts and must not allow a response that ours does not allow.
The comparison is structural: patterns are compared as strings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cutover.contract.document import Contract, Described
from cutover.contract.references import resolved

_MOST: Final = ("maxLength", "maximum", "maxItems", "exclusiveMaximum", "maxProperties")
_LEAST: Final = ("minLength", "minimum", "minItems", "exclusiveMinimum", "minProperties")
_DEPTH: Final = 24


@dataclass(frozen=True)
class Side:
    """A schema and the document that contains the targets of its references."""

    raw: Mapping[str, Any]
    schema: Any

    def at(self, schema: Any) -> Side:
        """Return another schema of the same document."""
        return Side(self.raw, schema)

    @property
    def plain(self) -> Mapping[str, Any]:
        """Return the schema with resolved reference: true becomes {}, false becomes {"not": {}}."""
        found = resolved(self.raw, self.schema)
        if isinstance(found, bool):
            return {} if found else {"not": {}}
        return found if isinstance(found, Mapping) else {}


def breaking_changes(ours: Contract, theirs: Contract) -> list[str]:
    """Return one line per breaking change, with operation and place."""
    known = {(each.method, each.path): each for each in theirs.operations()}
    named = {each.name: each for each in theirs.operations()}
    lines = []
    for each in ours.operations():
        other = known.get((each.method, each.path))
        if other is None or other.name != each.name:  # two operations can have one operationId by mistake
            other = named.get(each.name) or other
        if other is None:
            lines.append(f"{each.name}: {each.method} {each.path} is missing")
            continue
        try:
            lines += [f"{each.name}: {line}" for line in _of_operation(ours, each, theirs, other)]
        except KeyError as error:
            lines.append(f"{each.name}: $ref without a target: {error.args[0]}")
    return lines


def _of_operation(ours: Contract, mine: Described, theirs: Contract, other: Described) -> Iterator[str]:
    if (mine.method, mine.path) != (other.method, other.path):
        yield f"is {other.method} {other.path}, not {mine.method} {mine.path}"
    ours_needs, theirs_needs = ours.needs_token(mine), theirs.needs_token(other)
    if theirs_needs and not ours_needs:
        yield "requires a token, ours does not"
    if ours_needs and not theirs_needs:
        yield "requires no token, ours does"
    yield from _parameters(ours, mine, theirs, other)
    yield from _body(ours, mine, theirs, other)
    for status, response in mine.row.get("responses", {}).items():
        there = other.row.get("responses", {})
        if status.startswith("2") and status not in there:
            yield f"response {status} is missing"
        elif status in there:
            yield from _response(Side(ours.raw, response), Side(theirs.raw, there[status]), f"response {status}")
    for status in other.row.get("responses", {}):
        if status not in mine.row.get("responses", {}):
            yield f"response {status} is not in our document"


def _parameters(ours: Contract, mine: Described, theirs: Contract, other: Described) -> Iterator[str]:
    def of(contract: Contract, each: Described) -> dict[tuple[str, str], Any]:
        shared = contract.raw["paths"].get(each.path, {}).get("parameters", [])
        rows = [resolved(contract.raw, row) for row in [*shared, *each.row.get("parameters", [])]]
        return {(row["in"], str(row["name"])): row for row in rows}

    before = of(ours, mine)
    for key, row in of(theirs, other).items():
        if key not in before and row.get("required"):
            yield f"parameter {key[1]} in {key[0]} is required and not in our document"
        elif key in before:
            sent, taken = before[key].get("schema", {}), row.get("schema", {})
            where = f"parameter {key[1]}"
            yield from _beyond(Side(ours.raw, sent), Side(theirs.raw, taken), where, "is no longer accepted")


def _body(ours: Contract, mine: Described, theirs: Contract, other: Described) -> Iterator[str]:
    if not mine.has_body:
        if other.has_body and resolved(theirs.raw, other.row["requestBody"]).get("required"):
            yield "request: a body is required, ours has none"
        return
    if not other.has_body:
        yield "request: has no body"
        return
    sent = resolved(ours.raw, mine.row["requestBody"]).get("content", {})
    taken = resolved(theirs.raw, other.row["requestBody"]).get("content", {})
    for media, row in sent.items():
        if media not in taken:
            yield f"request: {media} is not accepted"
            continue
        pair = Side(ours.raw, row.get("schema", {})), Side(theirs.raw, taken[media].get("schema", {}))
        yield from _beyond(*pair, "request", "is no longer accepted")


def _response(mine: Side, other: Side, where: str) -> Iterator[str]:
    allowed, given = mine.plain.get("content", {}), other.plain.get("content", {})
    for media, row in given.items():
        if media not in allowed:
            yield f"{where}: {media} is not in our document"
            continue
        pair = other.at(row.get("schema", {})), mine.at(allowed[media].get("schema", {}))
        yield from _beyond(*pair, where, "may now be returned")
    for name, row in mine.plain.get("headers", {}).items():
        headers = {each.lower() for each in other.plain.get("headers", {})}
        if mine.at(row).plain.get("required") and name.lower() not in headers:
            yield f"{where}: header {name} is no longer required"


def _beyond(sub: Side, sup: Side, where: str, then: str, depth: int = 0) -> Iterator[str]:
    """Yield one line per value that `sub` allows and `sup` does not. then: the consequence, the end of the line.

    For requests sub is our schema, for responses theirs.
    """
    a, b = sub.plain, sup.plain
    # Equal schemas can contain references to parts that differ between the two documents.
    if depth > _DEPTH or (a == b and "$ref" not in str(a)):
        return
    kinds = _kinds(a) - _kinds(b) - ({"integer"} if "number" in _kinds(b) else set())
    if kinds:
        yield f"{where}: {', '.join(sorted(kinds))} {then}"
    values = _values(b)
    if values is not None:
        possible = _values(a)
        more = [value for value in (["another value"] if possible is None else possible) if value not in values]
        if more:
            yield f"{where}: {', '.join(map(str, more[:5]))} {then}"
    for word, sign in [(word, 1) for word in _MOST] + [(word, -1) for word in _LEAST]:
        if word in b and (word not in a or sign * a[word] > sign * b[word]):
            yield f"{where}: {word} {a.get(word, 'none')} {then}, the other limit is {b[word]}"
    if "pattern" in b and a.get("pattern") != b["pattern"] and "string" in _kinds(a):
        yield f"{where}: a string of another pattern {then}"
    yield from _objects(sub, sup, where, then, depth)
    if "items" in a and "items" in b:
        yield from _beyond(sub.at(a["items"]), sup.at(b["items"]), f"{where} []", then, depth + 1)
    for word in ("anyOf", "oneOf"):
        for inner in a.get(word, ()) if word in b else ():
            fits = (sup.at(each) for each in b[word])
            if not any(not list(_beyond(sub.at(inner), each, where, then, depth + 1)) for each in fits):
                yield f"{where}: one alternative of {word} {then}"


def _objects(sub: Side, sup: Side, where: str, then: str, depth: int) -> Iterator[str]:
    a, b = sub.plain, sup.plain
    if "object" not in _kinds(a) & _kinds(b):
        return
    for name in b.get("required", ()):
        if name not in a.get("required", ()):
            yield f"{where}: without {name} {then}"
    closed = False in (b.get("additionalProperties"), b.get("unevaluatedProperties"))
    properties = b.get("properties", {})
    for name, inner in a.get("properties", {}).items():
        if name in properties:
            yield from _beyond(sub.at(inner), sup.at(properties[name]), f"{where} {name}", then, depth + 1)
        elif closed:
            yield f"{where}: {name} {then}"
    if closed and False not in (a.get("additionalProperties"), a.get("unevaluatedProperties")):
        yield f"{where}: any additional property {then}"


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    everything = {"null", "boolean", "object", "array", "number", "string"}
    kind = schema.get("type")
    if isinstance(kind, str):
        return {kind}
    if isinstance(kind, list):
        return set(kind)
    values = _values(schema)
    if values is not None:
        names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
        return {names.get(type(value), "object") for value in values}
    return {"object"} if "properties" in schema else everything


def _values(schema: Mapping[str, Any]) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None
