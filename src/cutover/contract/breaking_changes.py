"""What of our contract another document of the same API breaks: an environment's own, or one that a deployment serves.

It must accept what ours accepts and answer nothing that ours does not allow. Structural: patterns are compared as
texts. Not for whether a deployment keeps to either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cutover.contract.document import Contract, Described, resolved

_MOST: Final = ("maxLength", "maximum", "maxItems", "exclusiveMaximum", "maxProperties")
_LEAST: Final = ("minLength", "minimum", "minItems", "exclusiveMinimum", "minProperties")
_DEPTH: Final = 24


@dataclass(frozen=True)
class Side:
    """A schema and the document in which its references lead somewhere."""

    raw: Mapping[str, Any]
    schema: Any

    def at(self, schema: Any) -> Side:
        """Another schema of the same document."""
        return Side(self.raw, schema)

    @property
    def plain(self) -> Mapping[str, Any]:
        """The schema itself: true is {}, false is {"not": {}}."""
        found = resolved(self.raw, self.schema)
        if isinstance(found, bool):
            return {} if found else {"not": {}}
        return found if isinstance(found, Mapping) else {}


def breaking(ours: Contract, theirs: Contract) -> list[str]:
    """One line for each breaking difference, naming operation and place; empty when there is none."""
    known = {(each.method, each.path): each for each in theirs.operations()}
    named = {each.name: each for each in theirs.operations()}
    told = []
    for each in ours.operations():
        other = named.get(each.name) or known.get((each.method, each.path))
        if other is None:
            told.append(f"{each.name}: {each.method} {each.path} is not there")
            continue
        try:
            told += [f"{each.name}: {line}" for line in _of_operation(ours, each, theirs, other)]
        except KeyError as error:
            told.append(f"{each.name}: a $ref leads nowhere: {error.args[0]}")
    return told


def _of_operation(ours: Contract, mine: Described, theirs: Contract, other: Described) -> Iterator[str]:
    if (mine.method, mine.path) != (other.method, other.path):
        yield f"is {other.method} {other.path}, not {mine.method} {mine.path}"
    needed, asked = ours.needs_token(mine), theirs.needs_token(other)
    if asked and not needed:
        yield "asks for a token that ours does not"
    if needed and not asked:
        yield "asks for no token where ours does"
    yield from _parameters(ours, mine, theirs, other)
    yield from _body(ours, mine, theirs, other)
    for status, response in mine.row.get("responses", {}).items():
        there = other.row.get("responses", {})
        if status.startswith("2") and status not in there:
            yield f"answer {status} is not there"
        elif status in there:
            yield from _answer(Side(ours.raw, response), Side(theirs.raw, there[status]), f"answer {status}")
    for status in other.row.get("responses", {}):
        if status not in mine.row.get("responses", {}):
            yield f"answer {status} is none of ours"


def _parameters(ours: Contract, mine: Described, theirs: Contract, other: Described) -> Iterator[str]:
    def of(contract: Contract, each: Described) -> dict[tuple[str, str], Any]:
        shared = contract.raw["paths"].get(each.path, {}).get("parameters", [])
        rows = [resolved(contract.raw, row) for row in [*shared, *each.row.get("parameters", [])]]
        return {(row["in"], str(row["name"])): row for row in rows}

    before = of(ours, mine)
    for key, row in of(theirs, other).items():
        if key not in before and row.get("required"):
            yield f"parameter {key[1]} in {key[0]} is required and none of ours"
        elif key in before:
            sent, taken = before[key].get("schema", {}), row.get("schema", {})
            where = f"parameter {key[1]}"
            yield from _beyond(Side(ours.raw, sent), Side(theirs.raw, taken), where, "is not accepted any more")


def _body(ours: Contract, mine: Described, theirs: Contract, other: Described) -> Iterator[str]:
    if not mine.has_body:
        if other.has_body and resolved(theirs.raw, other.row["requestBody"]).get("required"):
            yield "request: a body is required where ours has none"
        return
    if not other.has_body:
        yield "request: takes no body"
        return
    sent = resolved(ours.raw, mine.row["requestBody"]).get("content", {})
    taken = resolved(theirs.raw, other.row["requestBody"]).get("content", {})
    for media, row in sent.items():
        if media not in taken:
            yield f"request: {media} is not accepted"
            continue
        pair = Side(ours.raw, row.get("schema", {})), Side(theirs.raw, taken[media].get("schema", {}))
        yield from _beyond(*pair, "request", "is not accepted any more")


def _answer(mine: Side, other: Side, where: str) -> Iterator[str]:
    allowed, given = mine.plain.get("content", {}), other.plain.get("content", {})
    for media, row in given.items():
        if media not in allowed:
            yield f"{where}: {media} is none of ours"
            continue
        pair = other.at(row.get("schema", {})), mine.at(allowed[media].get("schema", {}))
        yield from _beyond(*pair, where, "may be answered now")
    for name, row in mine.plain.get("headers", {}).items():
        headers = {each.lower() for each in other.plain.get("headers", {})}
        if mine.at(row).plain.get("required") and name.lower() not in headers:
            yield f"{where}: header {name} is not promised any more"


def _beyond(sub: Side, sup: Side, where: str, then: str, depth: int = 0) -> Iterator[str]:
    """What the one allows and the other does not: for requests ours beyond theirs, for answers theirs beyond ours."""
    a, b = sub.plain, sup.plain
    # Equal texts of two documents may hold references that lead to what is not equal.
    if depth > _DEPTH or (a == b and "$ref" not in str(a)):
        return
    kinds = _kinds(a) - _kinds(b) - ({"integer"} if "number" in _kinds(b) else set())
    if kinds:
        yield f"{where}: {', '.join(sorted(kinds))} {then}"
    values = _values(b)
    if values is not None:
        more = [value for value in _values(a) or ["another value"] if value not in values]
        if more:
            yield f"{where}: {', '.join(map(str, more[:5]))} {then}"
    for word, sign in [(word, 1) for word in _MOST] + [(word, -1) for word in _LEAST]:
        if word in b and (word not in a or sign * a[word] > sign * b[word]):
            yield f"{where}: {word} {a.get(word, 'none')} {then}, beyond {b[word]}"
    if "pattern" in b and a.get("pattern") != b["pattern"] and "string" in _kinds(a):
        yield f"{where}: texts of another pattern {then}"
    yield from _objects(sub, sup, where, then, depth)
    if "items" in a and "items" in b:
        yield from _beyond(sub.at(a["items"]), sup.at(b["items"]), f"{where} []", then, depth + 1)
    for word in ("anyOf", "oneOf"):
        for inner in a.get(word, ()) if word in b else ():
            fits = (sup.at(each) for each in b[word])
            if not any(not list(_beyond(sub.at(inner), each, where, then, depth + 1)) for each in fits):
                yield f"{where}: one of its forms {then}"


def _objects(sub: Side, sup: Side, where: str, then: str, depth: int) -> Iterator[str]:
    a, b = sub.plain, sup.plain
    if "object" not in _kinds(a) & _kinds(b):
        return
    for name in b.get("required", ()):
        if name not in a.get("required", ()):
            yield f"{where}: without {name} {then}"
    shut = False in (b.get("additionalProperties"), b.get("unevaluatedProperties"))
    properties = b.get("properties", {})
    for name, inner in a.get("properties", {}).items():
        if name in properties:
            yield from _beyond(sub.at(inner), sup.at(properties[name]), f"{where} {name}", then, depth + 1)
        elif shut:
            yield f"{where}: {name} {then}"
    if shut and False not in (a.get("additionalProperties"), a.get("unevaluatedProperties")):
        yield f"{where}: whatever is not named {then}"


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
