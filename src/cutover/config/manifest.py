"""What each gate must have shown: the checked-in list of its checks, manifest.toml.

It is the denominator of every verdict, so it never comes from what pytest happened to collect. Not
for stages: gates.toml lists which gates those require.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cutover.config.operations import SYSTEMS
from cutover.config.validation import ConfigurationError, known_keys, read_toml, typed
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel

FILE: Final = "manifest.toml"
GATES: Final = ("smoke", "contract", "parity", "migration")
"""Markers that make a check part of a gate, in the order in which their verdicts are given."""

CLOSING: Final = {
    "parity": ("contracts/parity.toml::coverage", "contracts/accepted_differences.toml::every_line_holds"),
}
"""Checks of a gate that only the sum of its other checks shows; its conclusion makes their records."""

_HEADER: Final = """\
# What each gate must have shown. A check that is listed and did not run is missing, and the verdict is not GO.
# Written by `cutover manifest --write` from the checks' markers; read the difference before you commit it.
"""


def load_manifest(project: Path) -> tuple[RequiredCheck, ...]:
    """The checked-in entries, by gate and name. Raises ConfigurationError."""
    file = project / FILE
    entries = []
    for gate, checks in read_toml(file).items():
        if gate not in GATES:
            raise ConfigurationError(file, gate, "no such gate", f"One of: {', '.join(GATES)}.")
        for check, row in typed(file, gate, checks, dict, "a table of checks").items():
            key = f'{gate}."{check}"'
            known_keys(file, key, typed(file, key, row, dict, "a table"), {"system", "level", "never_waived", "needs"})
            for name, value in row.items():
                typed(file, f"{key}.{name}", value, str, "a text")
            system = row.get("system")
            if system is not None and system not in SYSTEMS:
                raise ConfigurationError(file, f"{key}.system", f"{system!r} is no system", f"One of {SYSTEMS}.")
            try:
                level = SafetyLevel.parse(str(row.get("level")))
            except ValueError as error:
                raise ConfigurationError(file, f"{key}.level", str(error), "Mend the value.") from None
            entries.append(RequiredCheck(gate, check, system, level, row.get("never_waived"), _needs(row)))
    return tuple(sorted(entries, key=_order))


def _needs(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row["needs"].split(", ")) if "needs" in row else ()


def _order(entry: RequiredCheck) -> tuple[str, str]:
    return entry.gate, entry.check


def render(entries: Iterable[RequiredCheck]) -> str:
    """The text of manifest.toml for these entries."""
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
            "never_waived": entry.never_waived,
        }
        # JSON's strings are TOML's basic strings for all that pytest allows in a test's id.
        inner = ", ".join(f"{key} = {json.dumps(value)}" for key, value in row.items() if value is not None)
        lines.append(f"{json.dumps(entry.check)} = {{ {inner} }}")
    return "\n".join(lines) + "\n"
