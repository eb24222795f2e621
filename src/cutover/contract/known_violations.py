"""Known violations: tolerated deviations of the legacy system from its own document (contracts/known_violations.toml).

They apply to the legacy system only and never cover a finding of access control.
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
    """The declared violations. known: name of a finding -> operations on which it is tolerated."""

    known: Mapping[str, frozenset[str]]

    def split(self, findings: Findings, operation: str, *, whole: bool) -> tuple[Findings, list[Finding]]:
        """Return the findings that are not declared for the operation, and the declared ones.

        whole: all requests were sent. A declared violation that did not occur is then a finding, too.
        """
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
                        check="known-violation-fixed",
                        defect=f"{name} on {operation}",
                        system="legacy",
                        rule=FILE,
                        expected="the declared violation",
                        got="no such finding",
                        do_next=f"remove {operation} from this violation in {FILE}",
                    )
                )
        return unknown, known


def load_known_violations(project: Path, file: Path | None = None) -> KnownViolations:
    """Read contracts/known_violations.toml, or the environment's own file. Raises ConfigurationError."""
    file = file or project / FILE
    table = read_toml(file)
    known_keys(file, "", table, {"violation"})
    found: dict[str, frozenset[str]] = {}
    for number, row in enumerate(typed(file, "violation", table.get("violation", []), list, "[[violation]]"), 1):
        key = f"violation {number}"
        known_keys(file, key, typed(file, key, row, dict, "a table"), {"name", "operations", "reason"})
        for name in ("name", "operations", "reason"):
            if not row.get(name):
                raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
        name = typed(file, f"{key}.name", row["name"], str, "a text")
        typed(file, f"{key}.reason", row["reason"], str, "a text")
        operations = typed(file, f"{key}.operations", row["operations"], list, "a list of operations")
        if name.partition(":")[0] in SECURITY:
            raise ConfigurationError(file, f"{key}.name", f"{name} concerns security", "Fix the legacy system.")
        if name in found:
            raise ConfigurationError(file, f"{key}.name", f"{name} is listed twice", "Merge the two entries.")
        for each in operations:
            typed(file, f"{key}.operations", each, str, "a text")
        found[name] = frozenset(operations)
    return KnownViolations(found)
