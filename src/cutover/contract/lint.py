"""What is wrong with an OpenAPI document before anything is sent: what it leaves open and what it leaves out.

A schema that is open where it need not be hides leaks; a status that is missing makes an honest answer a finding.
Not for whether a deployment keeps to it (fuzzing.py), nor for OpenAPI's own grammar (a unit test, with a validator).
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
    resolved,
)

OPEN: Final = "x-open"
_REASONS: Final = (OPEN, REFUSES_VALID, ACCEPTS_INVALID, SERVES_NOTHING)
_COMBINED: Final = ("allOf", "anyOf", "oneOf")


def lint(contract: Contract, operations: Mapping[str, Operation]) -> list[str]:
    """One line for each thing that is wrong, each naming operation and place; empty for a document in order.

    operations: of the system, by name (contracts/operations.toml).
    """
    described = list(contract.operations())
    told = list(_coverage(described, operations))
    for each in described:
        where = f"{each.name} ({each.method} {each.path})"
        told += [f"{where}: {problem}" for problem in _of_operation(contract, each, operations.get(each.name))]
    return told


def _coverage(described: list[Described], operations: Mapping[str, Operation]) -> Iterator[str]:
    counts = Counter(each.name for each in described)
    for name, count in counts.items():
        if count > 1:
            yield f"{name}: {count} operations have this operationId"
        if name not in operations or operations[name].absent is not None:
            yield f"{name}: no operation of contracts/operations.toml; operationId is its name there"
    for name, operation in operations.items():
        refused = all(status >= 400 for status in operation.statuses)  # a path that is there to be refused
        if operation.absent is None and name not in counts and not refused:
            yield f"{name}: is not described ({operation.method} {operation.path})"


def _of_operation(contract: Contract, each: Described, known: Operation | None) -> Iterator[str]:
    raw, row = contract.raw, each.row
    responses: Mapping[str, Any] = row.get("responses", {})
    security = row.get("security", raw.get("security"))
    if security is None:
        yield "says nothing of security: name a scheme, or security: [] for anybody"
    elif security and not contract.needs_token(each):
        yield "makes its token optional: who has none is not refused"
    if security and "401" not in responses:
        yield "needs a token and does not name 401"
    if each.has_body:
        yield from (f"takes a body and does not name {status}" for status in ("400", "415") if status not in responses)
    if known is not None:
        yield from (
            f"does not name {status}, its status of success"
            for status in known.statuses
            if str(status) not in responses
        )
    for status in responses:
        if not (status.isdigit() and len(status) == 3):
            yield f"status {status!r} is no single status: name each"
    yield from (f"{name} gives no reason" for name in _REASONS if name in row and not _is_reason(row[name]))
    try:
        for status, response in responses.items():
            yield from _content(raw, resolved(raw, response), f"answer {status}", answer=True)
        if each.has_body:
            yield from _content(raw, resolved(raw, row["requestBody"]), "request", answer=False)
    except KeyError as error:
        yield f"a $ref leads nowhere: {error.args[0]}"


def _content(raw: Mapping[str, Any], holder: Any, where: str, *, answer: bool) -> Iterator[str]:
    for media, row in (holder.get("content") or {}).items():
        if "schema" not in row:
            yield f"{where} as {media} has no schema"
            continue
        yield from _open_places(raw, row["schema"], f"{where} as {media}", answer=answer, seen=frozenset())


def _open_places(
    raw: Mapping[str, Any], schema: Any, where: str, *, answer: bool, seen: frozenset[str], closed: bool = False
) -> Iterator[str]:
    """Objects that hold what nobody named. closed: an object around it (allOf) closes it with unevaluatedProperties."""
    reference = schema.get("$ref") if isinstance(schema, Mapping) else None
    if reference in seen:
        return
    if reference is not None:
        seen |= {reference}
    schema = resolved(raw, schema)
    if not isinstance(schema, Mapping):
        if schema is True and answer:
            yield f"{where}: anything is allowed here"
        return
    if OPEN in schema and not _is_reason(schema[OPEN]):
        yield f"{where}: {OPEN} gives no reason"
    said = any(name in schema for name in ("additionalProperties", "unevaluatedProperties"))
    shut = any(schema.get(name) is False for name in ("additionalProperties", "unevaluatedProperties"))
    typed_map = isinstance(schema.get("additionalProperties"), Mapping) and bool(schema["additionalProperties"])
    if _is_object(schema) and not closed and OPEN not in schema:
        if answer and not (shut or typed_map):
            yield f"{where}: the object is open: additionalProperties: false, or {OPEN} with the reason"
        if not answer and not said:
            yield f"{where}: says nothing of other properties: additionalProperties, true or false"
        if not answer and said and not (shut or typed_map):
            yield f"{where}: is open without a reason: {OPEN}"
    for name, inner in (schema.get("properties") or {}).items():
        yield from _open_places(raw, inner, f"{where} {name}", answer=answer, seen=seen)
    if "items" in schema:
        yield from _open_places(raw, schema["items"], f"{where} []", answer=answer, seen=seen)
    if typed_map:
        yield from _open_places(raw, schema["additionalProperties"], f"{where} {{}}", answer=answer, seen=seen)
    for word in _COMBINED:
        for inner in schema.get(word, ()):
            # A part beside named properties narrows them; a part alone is the whole, unless what is around shuts it.
            beside = closed or schema.get("unevaluatedProperties") is False or "properties" in schema
            yield from _open_places(raw, inner, where, answer=answer, seen=seen, closed=beside)


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def _is_reason(value: Any) -> bool:
    return isinstance(value, str) and len(value.strip()) >= 5
