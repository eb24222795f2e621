"""Conditions that the gate's checks require of a reconciliation: the part was examined and has no findings."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cutover.core.errors import CheckFailed, NotApplicable, NotVerified
from cutover.migration.findings import Part
from cutover.migration.reconciliation_result import places, sentence
from cutover.migration.schema_differences import schema_differences

CONTRACT = "contracts/migration.toml"
UNREAD = "the schema differs from the mapping, so the table was not read: see test_schema_is_as_mapped"


def expect_none(
    data: Mapping[str, Any],
    part: Part,
    finding: str,
    *,
    table: str | None = None,
    kinds: frozenset[str] | None = None,
    promised: str,
    do_next: str,
) -> None:
    """Raise CheckFailed if the part has findings of that table and of those kinds (None: of all).

    finding: stable name of the failure. promised: the expected state in words.
    """
    found = [row for row in places(dict(data), part, table=table) if kinds is None or row["kind"] in kinds]
    if found:
        count = sum(row["count"] for row in found)
        got = f"{count} finding{'s' if count > 1 else ''}: " + "; ".join(sentence(row) for row in found[:8])
        if len(found) > 8:
            got += f"; and {len(found) - 8} more kinds in reconciliation.json"
        raise CheckFailed(
            finding,
            expected=promised,
            got=got,
            source=f"{data['environment']}, {data['direction']}",
            contract=CONTRACT,
            do_next=do_next,
        )


def expect_schema(data: Mapping[str, Any]) -> None:
    """Raise CheckFailed with every table and column that differs from the mapping, the missing ones first."""
    found = places(dict(data), Part.SCHEMA)
    if found:
        raise CheckFailed(
            "schema:mapping",
            expected="every table and column of both sides is mapped, with a type that can store its values",
            got="; ".join(schema_differences(found)),
            source=f"{data['environment']}, {data['direction']}",
            contract=CONTRACT,
            do_next="change contracts/migration.toml, or migrate the schema that lacks it",
        )


def expect_mapped(own_tables: Collection[str] | None, table: str) -> None:
    """Raise NotApplicable if the environment's own mapping (None: it has none) does not contain the table."""
    if own_tables is not None and table not in own_tables:
        raise NotApplicable(f"files.migration of the environment maps no table {table}")


def expect_read(data: Mapping[str, Any], table: str) -> Mapping[str, Any]:
    """Return the numbers of a table. Raises NotVerified if it could not be read or if the source has no rows."""
    if "rows" in data["unverified"]:
        raise NotVerified(data["unverified"]["rows"])
    if table not in data["tables"]:
        raise NotVerified(UNREAD)
    numbers: Mapping[str, Any] = data["tables"][table]
    return numbers


def not_read(data: Mapping[str, Any], reason: str) -> NotVerified:
    """Return the exception for a check that found nothing to judge. reason: if the schema is as mapped."""
    return NotVerified(UNREAD if places(dict(data), Part.SCHEMA) else reason)


def expect_quiet(data: Mapping[str, Any]) -> None:
    """Raise NotVerified if a side was written during the run, or if that is unknown."""
    for part, reason in data["unverified"].items():
        if part.startswith("quiet"):
            raise NotVerified(reason)
    for side in ("PostgreSQL", "D1"):
        if side not in data["written"]:
            raise NotVerified(f"writes to {side} during the run were not checked")
        if written := data["written"][side]:
            raise NotVerified(
                f"{side}: {written}. The rows that were read may be outdated: freeze writes (maintenance), migrate the "
                "delta, run it again"
            )
