"""Words for the differences between both live schemas and the mapping, most important first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cutover.migration.findings import Kind

_HEADS: Final = {Kind.MISSING: "no such {what} {note}", Kind.UNMAPPED: "not in the mapping, {note}"}
_ORDER: Final = (
    (Kind.MISSING, "table"),
    (Kind.MISSING, "column"),
    (Kind.UNUSABLE, "column"),
    (Kind.UNMAPPED, "column"),
    (Kind.UNMAPPED, "table"),
)


def schema_differences(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return one clause for each kind of difference in each table, with the names of all tables and columns.

    rows: findings of the part "schema", as in reconciliation.json. Order: what is missing, what cannot store its
    values, what the mapping does not name.
    """
    clauses: dict[str, list[str]] = {}
    rows = [*rows]
    for kind, what in _ORDER:
        for row in rows:
            if row["kind"] != kind or (row["column"] is None) is (what == "column"):
                continue
            sample, name = row["samples"][0], row["column"] or row["table"]
            if kind is Kind.UNUSABLE:
                head = f"{row['table']}.{name} ({sample['note']})"
                clauses[head] = [f"expected {sample['expected']}, got {sample['got']}"]
            else:
                clauses.setdefault(_HEADS[kind].format(what=what, note=sample["note"]), []).append(name)
    return [f"{head}: {', '.join(names)}" for head, names in clauses.items()]
