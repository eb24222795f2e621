"""What the gate's checks promise of a reconciliation: nothing is found in their part, and the part was looked at.

Not for finding: run.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.core.errors import CheckFailed, NotVerified
from cutover.migration.findings import Part
from cutover.migration.reconciliation_result import places, sentence

CONTRACT = "contracts/migration.toml"


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
    """Raise CheckFailed when anything was found in that part, of that table, of those kinds (all when None).

    finding: stable name of what then is wrong. promised: in words, what should have been.
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


def expect_read(data: Mapping[str, Any], table: str) -> Mapping[str, Any]:
    """What was read of a table. Raises NotVerified for one that could not be read, and for a source without any row."""
    if "rows" in data["unverified"]:
        raise NotVerified(data["unverified"]["rows"])
    if table not in data["tables"]:
        raise NotVerified(f"{table} could not be read, as its schema is not as mapped: see test_schema_is_as_mapped")
    numbers: Mapping[str, Any] = data["tables"][table]
    return numbers


def expect_quiet(data: Mapping[str, Any]) -> None:
    """Raise NotVerified when anything was written while the run read, or nobody can tell."""
    for part, reason in data["unverified"].items():
        if part.startswith("quiet"):
            raise NotVerified(reason)
    for side in ("PostgreSQL", "D1"):
        if side not in data["written"]:
            raise NotVerified(f"whether {side} was written during the run was not asked")
        if written := data["written"][side]:
            raise NotVerified(
                f"{side}: {written}. What was read may be older than what is there: freeze writes (maintenance), "
                "migrate the rest (delta), run it again"
            )
