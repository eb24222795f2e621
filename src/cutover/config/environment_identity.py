"""Read how a system of an environment proves that it sent a response."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.environment import Identity
from cutover.config.operation import Operation
from cutover.config.validation import ConfigurationError, require

_KINDS: Final = ("header", "fields", "address_only")


def read_identity(file: Path, key: str, table: Mapping[str, Any], operations: Mapping[str, Operation]) -> Identity:
    """Return the identity of a system: a header, a JSON field, or only its address. Raises ConfigurationError.

    table: as read by environment_schema. operations: of this system.
    """
    kinds = [kind for kind in _KINDS if kind in table]
    if len(kinds) != 1:
        raise ConfigurationError(
            file, key, f"expected one of {', '.join(_KINDS)}, got {' and '.join(kinds) or 'none'}", "Keep one of them."
        )
    kind = kinds[0]
    required = "version" in table
    if required:
        require(file, key, table, "version_header")
    if kind == "address_only":
        for name in sorted(table.keys() - {"address_only"}):
            raise ConfigurationError(file, f"{key}.{name}", "expected no such key next to address_only", "Remove it.")
        if not table["address_only"].strip():
            raise ConfigurationError(
                file, f"{key}.address_only", "expected a reason, got none", "Say why no response proves the system."
            )
        return Identity(address_only=table["address_only"])
    value = require(file, key, table, "value")
    if not value:
        raise ConfigurationError(file, f"{key}.value", "expected a value, got none", "Add it.")
    for part, names in (("operations", table.get("operations", ())), ("fields", table.get("fields", ()))):
        if part in table and not names:
            raise ConfigurationError(file, f"{key}.{part}", "expected at least one operation, got none", "Add one.")
        for name in names:
            if name not in operations or operations[name].absent is not None:
                raise ConfigurationError(
                    file, f"{key}.{part}", f"expected an operation that this system has, got {name!r}",
                    "Use a name of contracts/operations.toml that is not absent here.",
                )  # fmt: skip
    if kind == "header":
        return Identity(
            table["header"].lower(),
            value,
            table.get("version_header"),
            required,
            operations=frozenset(table.get("operations", ())),
            success_only=table.get("success_only", False),
        )
    for name in table.keys() & {"operations", "success_only"}:
        raise ConfigurationError(
            file, f"{key}.{name}", "expected no such key next to fields", "Remove it: fields names the operations."
        )
    for name, pointer in table["fields"].items():
        if not pointer.startswith("/"):
            raise ConfigurationError(
                file, f"{key}.fields.{name}", f"expected a JSON pointer, got {pointer!r}", "Begin it with a slash."
            )
    return Identity(
        value=value, version_header=table.get("version_header"), version_required=required, pointers=table["fields"]
    )
