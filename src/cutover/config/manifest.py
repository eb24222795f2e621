"""Read and write manifest.toml: the checks that each gate requires.

The list is the denominator of every verdict, so it never depends on what pytest collected.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.operations import SYSTEMS
from cutover.config.validation import ConfigurationError, Table, Text, read_toml, table_of
from cutover.core.requirements import RequiredCheck
from cutover.core.rule_table import Rule
from cutover.core.safety import SafetyLevel

FILE: Final = "manifest.toml"
GATES: Final = ("preflight", "smoke", "contract", "parity", "migration")
"""The gates: markers of their checks, in the order of their verdicts."""

WITHOUT_SYSTEMS: Final = frozenset({"preflight"})
"""Gates whose runs do not wait until both systems answer: each of their checks reports what it cannot reach."""

CLOSING: Final = {
    "parity": (
        "contracts/parity.toml::coverage",
        "contracts/accepted_differences.toml::every_line_holds",
        "contracts/api.md::no_foreign_data",
    ),
}
"""Checks of a gate that the end of the run performs on the results of all other checks."""

_CHECK: Final = Table(
    {
        "system": Text(choices=SYSTEMS),
        "level": Text(choices=tuple(level.label for level in SafetyLevel)),
        "never_waived": Text("a reason"),
        "needs": Text("capabilities"),
        "owns": Text("preconditions"),
        "rule": Text(choices=tuple(Rule)),
    },
    required=("level",),
)
_HEADER: Final = """\
# The checks that each gate requires. A listed check that did not run is missing, and the verdict is not GO.
# Written by `cutover manifest --write` from the markers of the checks. Read the difference before you commit it.
"""


def load_manifest(project: Path) -> tuple[RequiredCheck, ...]:
    """Return the required checks, sorted by gate and name. Raises ConfigurationError."""
    return parse_manifest(project / FILE, read_toml(project / FILE))


def parse_manifest(file: Path, tables: Mapping[str, Any]) -> tuple[RequiredCheck, ...]:
    """Return the required checks of the file's tables. Raises ConfigurationError."""
    entries = []
    for gate, checks in tables.items():
        if gate not in GATES:
            raise ConfigurationError(file, gate, "no such gate", f"Use one of: {', '.join(GATES)}.")
        for check, table in table_of(file, gate, checks).items():
            row = _CHECK.read(file, f'{gate}."{check}"', table)
            level = SafetyLevel.parse(row["level"])
            needs, owns = (tuple(row[key].split(", ")) if key in row else () for key in ("needs", "owns"))
            rule = Rule(row["rule"]) if "rule" in row else None
            entries.append(
                RequiredCheck(gate, check, row.get("system"), level, row.get("never_waived"), needs, owns, rule)
            )
    return tuple(sorted(entries, key=_order))


def _order(entry: RequiredCheck) -> tuple[str, str]:
    return entry.gate, entry.check


def render(entries: Iterable[RequiredCheck]) -> str:
    """Return the text of manifest.toml for these checks."""
    lines = [_HEADER]
    gate = None
    for entry in sorted(entries, key=_order):
        if entry.gate != gate:
            gate = entry.gate
            lines.append(f"[{gate}]")
        row = {
            "system": entry.system,
            "level": entry.level.label,
            "needs": ", ".join(entry.needs) or None,
            "owns": ", ".join(entry.owns) or None,
            "rule": entry.rule,
            "never_waived": entry.never_waived,
        }
        # For every id that pytest allows, a JSON string is also a TOML basic string.
        inner = ", ".join(f"{key} = {json.dumps(value)}" for key, value in row.items() if value is not None)
        lines.append(f"{json.dumps(entry.check)} = {{ {inner} }}")
    return "\n".join(lines) + "\n"
