"""What all checks of a contract run found and sent, added up: contract.json, and the lines above the verdict.

Not for the verdict: each check's record is judged in verdict.py.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cutover.contract.findings import ATTACHMENT, Finding, Findings, told_of
from cutover.contract.request_sequence import hash_of_all
from cutover.core.evidence import Record


@dataclass
class ContractTotals:
    """Findings by defect, requests by system and operation, and the hashes of the sequences by check.

    debts: findings of the legacy system that are declared.
    """

    findings: Findings = field(default_factory=Findings)
    debts: Findings = field(default_factory=Findings)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    sequences: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    @property
    def sequence(self) -> str | None:
        """One hash of all that was drawn and sent; None when nothing was."""
        return hash_of_all(self.sequences) if self.sequences else None

    @property
    def sent(self) -> int:
        """Drawn requests in all."""
        return sum(row["sent"] for row in self.operations.values())

    @property
    def not_reached(self) -> dict[str, int]:
        """Operations that got fewer requests than there were -> how many were left."""
        left = {name: row["planned"] - row["sent"] - row["unsendable"] for name, row in self.operations.items()}
        return {name: count for name, count in left.items() if count > 0}

    def add(self, check: str, attached: Mapping[str, Any]) -> None:
        """Add what one check attached to its record. What cannot be read is named, and counts nothing."""
        try:
            found = [Finding.from_json(row) for row in attached.get("findings", [])]
            debts = [Finding.from_json(row) for row in attached.get("debts", [])]
            operations = {
                f"{attached['system']} {name}": dict(row) for name, row in attached.get("operations", {}).items()
            }
        except (KeyError, TypeError, AttributeError):
            self.unreadable.append(check)
            return
        self.findings.merge(found)
        self.debts.merge(debts)
        for name, row in operations.items():
            held = self.operations.get(name)
            self.operations[name] = row if held is None else _added(held, row)
        if isinstance(attached.get("sequence"), str):
            self.sequences[check] = attached["sequence"]

    def as_json(self, facts: Mapping[Any, Any]) -> str:
        """The text of contract.json. facts: of the run (run, environment, version)."""
        data = {
            **facts,
            "sequence": self.sequence,
            "requests": self.sent,
            "operations": self.operations,
            "not_reached": self.not_reached,
            "findings": self.findings.as_json(),
            "debts": self.debts.as_json(),
            "sequences": self.sequences,
            "unreadable": self.unreadable,
        }
        return json.dumps(data, indent=1, ensure_ascii=False) + "\n"

    def lines(self) -> list[str]:
        """What a person sees above the verdict."""
        if not self.operations and not len(self.findings):
            return []
        counts = ", ".join(f"{name} {row['sent']}" for name, row in self.operations.items())
        lines = [f"requests drawn and sent: {self.sent} to {len(self.operations)} operations: {counts}"]
        if self.not_reached:
            left = ", ".join(f"{name} ({count} left)" for name, count in self.not_reached.items())
            lines.append(f"not reached: {left}")
        lines += [f"known debt of the legacy system: {debt.name} ({len(debt.places)} places)" for debt in self.debts]
        lines += [line for finding in self.findings for line in told_of(finding)]
        lines.append(f"sequence {self.sequence}, {len(self.findings)} finding(s)")
        return lines


def _added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Two counts of one operation."""
    both = {**other, **one}
    for name, value in other.items():
        if isinstance(value, int) and isinstance(one.get(name), int):
            both[name] = one[name] + value
        elif isinstance(value, Mapping):
            counts = Counter(one.get(name) or {})
            counts.update(value)
            both[name] = dict(counts)
    return both


def sums_of(records: Iterable[Record]) -> ContractTotals:
    """The sums of a run's records."""
    sums = ContractTotals()
    for record in records:
        attached = record.observations.attachments.get(ATTACHMENT)
        if isinstance(attached, Mapping):
            sums.add(record.check, attached)
    return sums
