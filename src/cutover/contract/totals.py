"""Totals of a contract run over all checks: contract.json, and the lines above the verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cutover.contract.findings import ATTACHMENT, Finding, Findings, finding_lines
from cutover.contract.request_sequence import hash_of_all
from cutover.core.acceptances import KNOWN_VIOLATION, Acceptance
from cutover.core.evidence import Record


@dataclass
class ContractTotals:
    """Findings by defect, requests by system and operation, and hashes of the sequences by check.

    known_violations: declared findings of the legacy system. unreadable: checks whose attachment cannot be read.
    """

    findings: Findings = field(default_factory=Findings)
    known_violations: Findings = field(default_factory=Findings)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    sequences: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    @property
    def sequence(self) -> str | None:
        """Return one hash of all generated requests; None if there were none."""
        return hash_of_all(self.sequences) if self.sequences else None

    @property
    def sent(self) -> int:
        """Return the number of generated requests that were sent."""
        return sum(row["sent"] for row in self.operations.values())

    @property
    def not_reached(self) -> dict[str, int]:
        """Return operation -> number of planned requests that were not sent."""
        left = {name: row["planned"] - row["sent"] - row["unsendable"] for name, row in self.operations.items()}
        return {name: count for name, count in left.items() if count > 0}

    @property
    def acceptances(self) -> list[Acceptance]:
        """Return the known violations that were found."""
        return [Acceptance(KNOWN_VIOLATION, each.name) for each in self.known_violations]

    def add(self, check: str, attached: Mapping[str, Any]) -> None:
        """Add the attachment of one check. An attachment that cannot be read is listed as unreadable."""
        try:
            found = [Finding.from_json(row) for row in attached.get("findings", [])]
            known_violations = [Finding.from_json(row) for row in attached.get("known_violations", [])]
            operations = {
                f"{attached['system']} {name}": dict(row) for name, row in attached.get("operations", {}).items()
            }
        except (KeyError, TypeError, AttributeError):
            self.unreadable.append(check)
            return
        self.findings.merge(found)
        self.known_violations.merge(known_violations)
        for name, row in operations.items():
            held = self.operations.get(name)
            self.operations[name] = row if held is None else _added(held, row)
        if isinstance(attached.get("sequence"), str):
            self.sequences[check] = attached["sequence"]

    def as_json(self, facts: Mapping[Any, Any]) -> str:
        """Return the text of contract.json. facts: facts of the run (run, environment, version)."""
        data = {
            **facts,
            "sequence": self.sequence,
            "requests": self.sent,
            "operations": self.operations,
            "not_reached": self.not_reached,
            "findings": self.findings.as_json(),
            "known_violations": self.known_violations.as_json(),
            "sequences": self.sequences,
            "unreadable": self.unreadable,
        }
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"

    def lines(self) -> list[str]:
        """Return the lines for the terminal above the verdict."""
        if not self.operations and not len(self.findings):
            return []
        counts = ", ".join(f"{name} {row['sent']}" for name, row in self.operations.items())
        lines = [f"generated requests sent: {self.sent} to {len(self.operations)} operations: {counts}"]
        if self.not_reached:
            left = ", ".join(f"{name} ({count} left)" for name, count in self.not_reached.items())
            lines.append(f"not reached: {left}")
        lines += [
            f"known violation of the legacy system: {each.name} ({len(each.places)} places)"
            for each in self.known_violations
        ]
        lines += [line for finding in self.findings for line in finding_lines(finding)]
        lines.append(f"sequence {self.sequence}, {len(self.findings)} finding(s)")
        return lines


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sum of two counts of one operation."""
    both = {**other, **one}
    for name, value in other.items():
        if isinstance(value, int) and isinstance(one.get(name), int):
            both[name] = one[name] + value
        elif isinstance(value, Mapping):
            counts = Counter(one.get(name) or {})
            counts.update(value)
            both[name] = dict(counts)
    return both


def totals_of(records: Iterable[Record]) -> ContractTotals:
    """Return the totals of a run's records."""
    totals = ContractTotals()
    for record in records:
        attached = record.observations.attachments.get(ATTACHMENT)
        if isinstance(attached, Mapping):
            totals.add(record.check, attached)
    return totals
