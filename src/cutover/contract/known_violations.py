"""Where the legacy system is known not to keep to its own document: contracts/known_violations.toml.

A debt excuses nobody but the legacy system, and never what concerns security.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutover.config.validation import ConfigurationError, known_keys, read_toml, typed
from cutover.contract.findings import SECURITY, Finding, Findings

FILE: Final = "contracts/known_violations.toml"


@dataclass(frozen=True)
class KnownViolations:
    """Name of a finding -> the operations on which it is known."""

    known: Mapping[str, frozenset[str]]

    def split(self, findings: Findings, operation: str, *, whole: bool) -> tuple[Findings, list[Finding]]:
        """What is no known debt of that operation, and what is. whole: everything was sent, so that a debt that was
        not seen is paid, which is a finding, too."""
        unknown, known = Findings(), []
        for finding in findings:
            if operation in self.known.get(finding.name, ()):
                known.append(finding)
            else:
                unknown.add(finding)
        seen = {finding.name for finding in known}
        for name, operations in self.known.items():
            if whole and operation in operations and name not in seen:
                unknown.add(
                    Finding(
                        check="debt-paid",
                        defect=f"{name} on {operation}",
                        system="legacy",
                        rule=FILE,
                        expected="the debt that is declared",
                        got="no such finding",
                        do_next=f"remove {operation} from the debt in {FILE}",
                    )
                )
        return unknown, known


def load_known_violations(project: Path) -> KnownViolations:
    """The declared debts. Raises ConfigurationError."""
    file = project / FILE
    table = read_toml(file)
    known_keys(file, "", table, {"debt"})
    found: dict[str, frozenset[str]] = {}
    for number, row in enumerate(typed(file, "debt", table.get("debt", []), list, "[[debt]]"), 1):
        key = f"debt {number}"
        known_keys(file, key, typed(file, key, row, dict, "a table"), {"name", "operations", "reason"})
        for name in ("name", "operations", "reason"):
            if not row.get(name):
                raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
        name = typed(file, f"{key}.name", row["name"], str, "a text")
        typed(file, f"{key}.reason", row["reason"], str, "a text")
        operations = typed(file, f"{key}.operations", row["operations"], list, "a list of operations")
        if name.partition(":")[0] in SECURITY:
            raise ConfigurationError(file, f"{key}.name", f"{name} concerns security", "Mend the legacy system.")
        if name in found:
            raise ConfigurationError(file, f"{key}.name", f"{name} stands here twice", "Join the two.")
        for each in operations:
            typed(file, f"{key}.operations", each, str, "a text")
        found[name] = frozenset(operations)
    return KnownViolations(found)
