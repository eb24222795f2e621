"""Read the operations of each system: contracts/operations.toml and the overrides of an environment.

No check and no other module contains a path or the name of a field. systems/target.py sends operations.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from cutover.config.operation import Operation, Operations, follow_pointer, names_in
from cutover.config.operation_schema import ROUTES, Dropped, merged, operation_table, override_table
from cutover.config.validation import CORRECT, ConfigurationError, Table, read_toml, table_of, typed
from cutover.core.safety import SafetyLevel

__all__ = ["SYSTEMS", "Operation", "Operations", "follow_pointer", "load_operations"]

SYSTEMS: Final = ("worker", "legacy")
NAMES: Final = (
    "health",
    "metrics",
    "register",
    "login",
    "refresh",
    "user",
    "logout",
    "delete_account",
    "upload",
    "list_files",
    "file",
    "download",
    "delete",
    "tags",
    "columns",
    "export",
    "list_filters",
    "create_filter",
    "filter",
    "delete_filter",
    "index",
    "front_end",
    "no_such_operation",
)
"""The operations that the suite uses. An environment that lacks one declares it absent; the file names all of them."""

_OF_A_FILE: Final = "file_id"
"""The parameter of operations on one list file. Other values of its upload may take its place."""


def load_operations(file: Path, overrides: Any, routes: Any, where: str) -> Operations:
    """Return the operations with the overrides of an environment.

    overrides: operation -> system -> keys to replace (`override_table`). routes: system -> changes of all its
    operations (operation_schema.ROUTES), applied after the overrides; a path of an override is final. where: name of
    the environment, for messages. Raises ConfigurationError.
    """
    tables = read_toml(file)
    environments = file.parent.parent / "environments.toml"
    for name in table_of(environments, f"{where}.operations", overrides):
        if name not in tables:
            raise ConfigurationError(
                environments, f"{where}.operations.{name}", "no such operation", f"Use a name of {file.name}."
            )
    routed = Table(dict.fromkeys(SYSTEMS, ROUTES)).read(environments, f"{where}.routes", routes)
    result: dict[str, dict[str, Operation]] = {system: {} for system in SYSTEMS}
    expected: dict[str, frozenset[str]] = {}
    for name, row in tables.items():
        table = table_of(file, name, row, {*SYSTEMS, "write", "needs"})
        level = _level(file, name, table)
        needs = typed(file, f"{name}.needs", table["needs"], str, "a capability") if "needs" in table else None
        changed = table_of(environments, f"{where}.operations.{name}", overrides.get(name, {}), set(SYSTEMS))
        expected[name] = frozenset()
        for system in SYSTEMS:
            if system not in table:
                raise ConfigurationError(file, f"{name}.{system}", "missing", 'Add it, or absent = "why".')
            base = operation_table(name).read(file, f"{name}.{system}", table[system])
            expected[name] |= names_in(base.get("path", ""))
            key = f"{where}.operations.{name}.{system}"
            change = override_table(name).read(environments, key, changed.get(system, {}))
            source, key = (environments, key) if system in changed else (file, f"{name}.{system}")
            operation = _operation(source, key, name, system, level, merged(base, change, f"{source.name} [{key}]"))
            if operation.absent is None:
                operation = _routed(operation, routed.get(system))
            result[system][name] = replace(operation, needs=needs)
    if missing := [name for name in NAMES if name not in tables]:
        raise ConfigurationError(
            file, missing[0], "missing", "Add the operation. An environment without it declares it absent."
        )
    for system, found in result.items():
        signed_in = [found[name] for name in ("register", "login") if name in found and found[name].absent is None]
        if signed_in and not any(each.has("access_token") for each in signed_in):
            raise ConfigurationError(
                environments, f"{where}.operations.login.{system}.response", "expected access_token, got none",
                "Name it in the response of login or register: without a token hardly any check can run.",
            )  # fmt: skip
    return {
        system: _with_object_keys(file, environments, where, found, expected, overrides)
        for system, found in result.items()
    }


def _level(file: Path, name: str, table: Mapping[str, Any]) -> SafetyLevel:
    try:
        return SafetyLevel.parse(str(table.get("write", "read-only")))
    except ValueError as error:
        raise ConfigurationError(file, f"{name}.write", str(error), CORRECT) from None


def _routed(operation: Operation, routes: Mapping[str, Any] | None) -> Operation:
    if routes is None:
        return operation
    prefix, slash, renamed = routes["prefix"], routes["trailing_slash"], routes["fields"]
    path = operation.path
    if path.startswith(prefix["from"]):
        path = prefix["to"] + path[len(prefix["from"]) :]
        if slash is not None:
            path = path.rstrip("/") + ("/" if slash else "")
    dropped = dict(operation.dropped)
    parts: dict[str, dict[str, str]] = {}
    for part in ("request", "response", "entry"):
        parts[part] = {}
        for ours, theirs in getattr(operation, part).items():
            name = renamed.get(ours)
            if isinstance(name, Dropped):
                dropped[f"{part}.{ours}"] = name.reason
            elif name is None:
                parts[part][ours] = theirs
            else:
                parts[part][ours] = name if part == "request" else f"{theirs.rpartition('/')[0]}/{name}"
    refusals = {**routes["refusal"], **operation.refusals}
    return replace(
        operation,
        path=path,
        dropped=dropped,
        refusals=refusals,
        request=parts["request"],
        response=parts["response"],
        entry=parts["entry"],
    )


def _operation(file: Path, key: str, name: str, system: str, level: SafetyLevel, row: Mapping[str, Any]) -> Operation:
    if "absent" in row:
        return Operation(name, system, "", "", (), level, absent=row["absent"])
    for needed in ("method", "path", "status"):
        if needed not in row:
            raise ConfigurationError(file, f"{key}.{needed}", "missing", "Add it.")
    return Operation(
        name,
        system,
        row["method"],
        row["path"],
        row["status"],
        level,
        request=row["request"],
        response=row["response"],
        entry=row["entry"],
        revokes=row.get("revokes", ()),
        object_key=row.get("object_key"),
        dropped=row["dropped"],
        constants=row["constants"],
        refusals=row.get("refusal", {}),
    )


def _with_object_keys(
    file: Path,
    environments: Path,
    where: str,
    operations: Mapping[str, Operation],
    expected: Mapping[str, frozenset[str]],
    overrides: Mapping[str, Any],
) -> dict[str, Operation]:
    """Return the operations with the request fields that name an object.

    expected: operation -> parameters of its path in contracts/operations.toml: the values that callers have. Raises
    ConfigurationError for a parameter without a value, and for an operation that does not name its object.
    """
    upload = operations.get("upload")
    of_a_file = {"filename", *(upload.response if upload is not None else ())} - {"success", "tags", "file_size"}
    result = {}
    for name, operation in operations.items():
        changed = operation.system in overrides.get(name, {})
        source = environments if changed else file
        key = f"{where}.operations.{name}.{operation.system}" if changed else f"{name}.{operation.system}"
        values = expected[name] | (of_a_file if _OF_A_FILE in expected[name] else set())
        named = replace(operation, object_keys=frozenset(operation.request) & values)
        result[name] = named
        if operation.absent is not None:
            continue
        if name == "upload" and ("file" not in operation.request or operation.constants):
            raise ConfigurationError(
                source, f"{key}.request", "expected the multipart field `file` and no constant, got "
                f"{', '.join([*operation.request, *operation.constants]) or 'none'}",
                'Name the field of the file: request = { file = "…" }.',
            )  # fmt: skip
        known = {"user_id", "username", _OF_A_FILE, *of_a_file}
        for place, used, allowed in (
            ("path", named.parameters, values),
            ("request", named.values - named.parameters, values),
            ("object_key", names_in(named.object_key or ""), known),
        ):
            for parameter in sorted(used - allowed):
                raise ConfigurationError(
                    source, f"{key}.{place}", f"expected {_braced(allowed)}, got {{{parameter}}}",
                    "Use a value that the suite has.",
                )  # fmt: skip
        if values and not named.values & values:
            raise ConfigurationError(
                source, f"{key}.path", f"expected {_braced(values)}, got {named.path!r}",
                "Name the object in the path, or by a field of that name in request.",
            )  # fmt: skip
    return result


def _braced(names: Collection[str]) -> str:
    return f"one of {', '.join(f'{{{name}}}' for name in sorted(names))}" if names else "no parameter"
