"""The result of a reconciliation for the gate's checks and reconciliation.json: exact counts, masked samples."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.migration.findings import Findings, Part
from cutover.migration.masking import shown_values

FILE: Final = "reconciliation.json"


@dataclass
class Reconciliation:
    """The result of one run.

    tables: RowNumbers by table of D1; owners: the same for rows counted by owner. kinds: table -> kind of value ->
    column -> rows of Django that have one (value_kinds.py). own: numbers of the tables that only the Worker has.
    written: by side, what was written during the run, None if it is proven that nothing was. unverified: part -> why it
    was not verified.
    """

    environment: str
    direction: str
    thorough: bool
    findings: Findings
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    owners: dict[str, dict[str, Any]] = field(default_factory=dict)
    kinds: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    keys: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)
    objects: dict[str, Any] = field(default_factory=dict)
    logins: dict[str, Any] = field(default_factory=dict)
    written: dict[str, str | None] = field(default_factory=dict)
    unverified: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def as_json(self, *, show_values: bool = False) -> dict[str, Any]:
        """Return plain data. show_values: do not mask samples."""
        return {
            "schema": 1,
            **{key: value for key, value in vars(self).items() if key != "findings"},
            "seconds": round(self.seconds, 3),
            "total_findings": self.findings.total,
            "findings": found_in(self.findings, show_values=show_values),
            "values_shown": show_values,
        }


def found_in(findings: Findings, *, show_values: bool) -> list[dict[str, Any]]:
    """Return each place and kind with its exact count and its first samples."""
    rows = []
    for (part, table, column, kind), count in findings.counts.items():
        samples = []
        for finding in findings.samples[part, table, column, kind]:
            expected, got = shown_values(finding, show_values=show_values)
            samples.append({"key": finding.key, "expected": expected, "got": got, "note": finding.note})
        rows.append(
            {"part": part.value, "table": table, "column": column, "kind": kind.value, "count": count,
             "samples": samples}
        )  # fmt: skip
    return rows


def places(data: dict[str, Any], *parts: Part, table: str | None = None) -> list[dict[str, Any]]:
    """Return the findings of some parts from the file's data. table: only of this one, None for all."""
    wanted = {part.value for part in parts}
    return [row for row in data["findings"] if row["part"] in wanted and (table is None or row["table"] == table)]


def sentence(row: dict[str, Any]) -> str:
    """Return a place as one sentence: count, kind, place, first sample."""
    place = row["table"] + (f".{row['column']}" if row["column"] else "")
    text = f"{row['count']} {row['kind']}: {place}"
    for sample in row["samples"][:1]:
        text += f", first key {sample['key'] or 'unknown'}"
        if row["column"]:
            text += f" (expected {sample['expected']}, got {sample['got']})"
        text += f", {sample['note']}" if sample["note"] else ""
    return text


def text_of_file(data: dict[str, Any]) -> str:
    """Return the text of the file."""
    return json.dumps(data, indent=1, ensure_ascii=True) + "\n"
