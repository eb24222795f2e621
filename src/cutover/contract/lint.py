"""Lint of an OpenAPI document: open schemas, missing statuses, missing security, undescribed operations.

An open schema hides leaked fields. A missing status turns a correct response into a finding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cutover.config.operations import Operation
from cutover.contract.document import (
    ACCEPTS_INVALID,
    REFUSES_VALID,
    SERVES_NOTHING,
    Contract,
    Described,
)
from cutover.contract.references import resolved

OPEN: Final = "x-open"
_REASONS: Final = (OPEN, REFUSES_VALID, ACCEPTS_INVALID, SERVES_NOTHING)
_COMBINED: Final = ("allOf", "anyOf", "oneOf")


def lint(contract: Contract, operations: Mapping[str, Operation]) -> list[str]:
    """Return one line per problem, with operation and place.

    operations: operations of the system by name (contracts/operations.toml).
    """
    described = list(contract.operations())
    lines = list(_coverage(described, operations))
    for each in described:
        where = f"{each.name} ({each.method} {each.path})"
        lines += [f"{where}: {problem}" for problem in _of_operation(contract, each, operations.get(each.name))]
    return lines


def _coverage(described: list[Described], operations: Mapping[str, Operation]) -> Iterator[str]:
    counts = Counter(each.name for each in described)
    for name, count in counts.items():
        if count > 1:
            yield f"{name}: {count} operations have this operationId"
        if name not in operations or operations[name].absent is not None:
            yield f"{name}: unknown operation; expected an operationId that is a name in contracts/operations.toml"
    for name, operation in operations.items():
        refused = all(status >= 400 for status in operation.statuses)  # for example no_such_operation
        if operation.absent is None and name not in counts and not refused:
            yield f"{name}: missing in the document ({operation.method} {operation.path})"


def _of_operation(contract: Contract, each: Described, known: Operation | None) -> Iterator[str]:
    raw, row = contract.raw, each.row
    responses: Mapping[str, Any] = row.get("responses", {})
    security = row.get("security", raw.get("security"))
    if security is None:
        yield "security is missing: name a scheme, or security: [] for an unauthenticated operation"
    elif security and not contract.needs_token(each):
        yield "the token is optional: requests without a token are not refused"
    if security and "401" not in responses:
        yield "requires a token, but has no response 401"
    if each.has_body:
        yield from (f"has a body, but no response {status}" for status in ("400", "415") if status not in responses)
    if known is not None:
        yield from (
            f"has no response {status}, its status of success"
            for status in known.statuses
            if str(status) not in responses
        )
    for status in responses:
        if not (status.isdigit() and len(status) == 3):
            yield f"expected single statuses, got {status!r}: list each status"
    yield from (f"{name} has no reason" for name in _REASONS if name in row and not _is_reason(row[name]))
    try:
        for status, response in responses.items():
            yield from _content(raw, resolved(raw, response), f"response {status}", is_response=True)
        if each.has_body:
            yield from _content(raw, resolved(raw, row["requestBody"]), "request", is_response=False)
    except KeyError as error:
        yield f"$ref without a target: {error.args[0]}"


def _content(raw: Mapping[str, Any], holder: Any, where: str, *, is_response: bool) -> Iterator[str]:
    for media, row in (holder.get("content") or {}).items():
        if "schema" not in row:
            yield f"{where} as {media} has no schema"
            continue
        yield from _open_places(raw, row["schema"], f"{where} as {media}", is_response=is_response, seen=frozenset())


def _open_places(
    raw: Mapping[str, Any], schema: Any, where: str, *, is_response: bool, seen: frozenset[str], closed: bool = False
) -> Iterator[str]:
    """Yield the objects that allow undeclared properties.

    closed: an outer schema (allOf) closes this one by unevaluatedProperties.
    """
    reference = schema.get("$ref") if isinstance(schema, Mapping) else None
    if reference in seen:
        return
    if reference is not None:
        seen |= {reference}
    schema = resolved(raw, schema)
    if not isinstance(schema, Mapping):
        if schema is True and is_response:
            yield f"{where}: the schema allows any value"
        return
    if OPEN in schema and not _is_reason(schema[OPEN]):
        yield f"{where}: {OPEN} has no reason"
    declared = any(name in schema for name in ("additionalProperties", "unevaluatedProperties"))
    refused = any(schema.get(name) is False for name in ("additionalProperties", "unevaluatedProperties"))
    typed_map = isinstance(schema.get("additionalProperties"), Mapping) and bool(schema["additionalProperties"])
    if _is_object(schema) and not closed and OPEN not in schema:
        if is_response and not (refused or typed_map):
            yield f"{where}: the object is open: set additionalProperties: false, or {OPEN} with a reason"
        if not is_response and not declared:
            yield f"{where}: additionalProperties is missing: set true or false"
        if not is_response and declared and not (refused or typed_map):
            yield f"{where}: the object is open without a reason: add {OPEN}"
    for name, inner in (schema.get("properties") or {}).items():
        yield from _open_places(raw, inner, f"{where} {name}", is_response=is_response, seen=seen)
    if "items" in schema:
        yield from _open_places(raw, schema["items"], f"{where} []", is_response=is_response, seen=seen)
    if typed_map:
        yield from _open_places(
            raw, schema["additionalProperties"], f"{where} {{}}", is_response=is_response, seen=seen
        )
    for word in _COMBINED:
        for inner in schema.get(word, ()):
            # A subschema next to `properties` only narrows them. A lone subschema describes the whole object, unless
            # the outer schema closes it.
            narrows = closed or schema.get("unevaluatedProperties") is False or "properties" in schema
            yield from _open_places(raw, inner, where, is_response=is_response, seen=seen, closed=narrows)


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def _is_reason(value: Any) -> bool:
    return isinstance(value, str) and len(value.strip()) >= 5
