"""Where each operation lives on each system: contracts/operations.toml and an environment's overrides.

Not for sending: that is targets.py. No check and no other module holds a path or a field's name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cutover.configuration import ConfigurationError, known_keys, read_toml, typed
from cutover.safety import SafetyLevel

SYSTEMS: Final = ("worker", "legacy")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_KEYS: Final = {"method", "path", "status", "request", "response", "entry", "revokes", "object_key", "absent"}
_ROUTE_KEYS: Final = {"prefix", "trailing_slash", "fields"}


@dataclass(frozen=True)
class Operation:
    """One operation of one system.

    path holds {parameters}; request maps our field names to the deployment's; response and entry map
    them to JSON pointers (RFC 6901), entry's being relative to one element of a list. revokes: the
    tokens that must be refused afterwards. object_key: where R2 keeps what is uploaded. absent says
    why the system has no such operation, None when it has.
    """

    name: str
    system: str
    method: str
    path: str
    statuses: tuple[int, ...]
    level: SafetyLevel
    request: Mapping[str, str] = field(default_factory=dict)
    response: Mapping[str, str] = field(default_factory=dict)
    entry: Mapping[str, str] = field(default_factory=dict)
    revokes: tuple[str, ...] = ()
    object_key: str | None = None
    absent: str | None = None

    @property
    def where(self) -> str:
        """Where a reader finds it."""
        return f"contracts/operations.toml [{self.name}] {self.system}"

    def url_path(self, parameters: Mapping[str, str]) -> str:
        """The path with its parameters filled in, percent-encoded. Raises KeyError for one missing."""
        return re.sub(r"\{(\w+)\}", lambda match: quote(parameters[match[1]], safe=""), self.path)


Operations = Mapping[str, Mapping[str, Operation]]
"""System -> operation's name -> operation."""


def load_operations(file: Path, overrides: Mapping[str, Any], routes: Mapping[str, Any], where: str) -> Operations:
    """Read the operations and apply an environment's overrides.

    overrides: operation -> system -> keys to replace (request, response and entry are merged key by
    key). routes: system -> prefix {from, to}, trailing_slash, fields (our name -> the last segment
    of every pointer and request key of that name). where: the environment's name, for messages.
    Raises ConfigurationError.
    """
    tables = read_toml(file)
    environments = file.parent.parent / "environments.toml"
    for name in overrides:
        if name not in tables:
            raise ConfigurationError(
                environments, f"{where}.operations.{name}", "no such operation", f"See {file.name} for the names."
            )
    known_keys(environments, f"{where}.routes", dict(routes), set(SYSTEMS))
    result: dict[str, dict[str, Operation]] = {system: {} for system in SYSTEMS}
    for name, table in tables.items():
        known_keys(file, name, table, {*SYSTEMS, "write"})
        level = _level(file, name, table)
        changed = overrides.get(name, {})
        known_keys(environments, f"{where}.operations.{name}", changed, set(SYSTEMS))
        for system in SYSTEMS:
            if system not in table:
                raise ConfigurationError(file, f"{name}.{system}", "missing", 'Add it, or absent = "why".')
            row = _merged(table[system], changed.get(system, {}))
            if "absent" not in row:
                row = _routed(row, routes.get(system, {}), environments, f"{where}.routes.{system}")
            source = environments if system in changed else file
            key = f"{where}.operations.{name}.{system}" if system in changed else f"{name}.{system}"
            result[system][name] = _operation(source, key, name, system, level, row)
    return result


def _level(file: Path, name: str, table: Mapping[str, Any]) -> SafetyLevel:
    try:
        return SafetyLevel.parse(str(table.get("write", "read-only")))
    except ValueError as error:
        raise ConfigurationError(file, f"{name}.write", str(error), "Mend the value.") from None


def _merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    row = dict(base)
    if change and "absent" not in change:
        row.pop("absent", None)
    for key, value in change.items():
        row[key] = {**row[key], **value} if isinstance(value, dict) and isinstance(row.get(key), dict) else value
    return row


def _routed(row: dict[str, Any], routes: Mapping[str, Any], file: Path, key: str) -> dict[str, Any]:
    known_keys(file, key, dict(routes), _ROUTE_KEYS)
    path = str(row.get("path", ""))
    prefix = routes.get("prefix")
    if prefix is not None:
        known_keys(file, f"{key}.prefix", prefix, {"from", "to"})
        if path.startswith(prefix["from"]):
            path = prefix["to"] + path[len(prefix["from"]) :]
            if (slash := routes.get("trailing_slash")) is not None:
                path = path.rstrip("/") + ("/" if slash else "")
    elif (slash := routes.get("trailing_slash")) is not None and path.startswith("/api/"):
        path = path.rstrip("/") + ("/" if slash else "")
    renamed = routes.get("fields", {})
    row = {**row, "path": path}
    for part in ("response", "entry"):
        if part in row:
            row[part] = {
                ours: f"{pointer.rpartition('/')[0]}/{renamed[ours]}" if ours in renamed else pointer
                for ours, pointer in row[part].items()
            }
    if "request" in row:
        row["request"] = {ours: renamed.get(ours, theirs) for ours, theirs in row["request"].items()}
    return row


def _operation(file: Path, key: str, name: str, system: str, level: SafetyLevel, row: Mapping[str, Any]) -> Operation:
    known_keys(file, key, dict(row), _KEYS)
    if "absent" in row:
        reason = typed(file, f"{key}.absent", row["absent"], str, "a reason")
        return Operation(name, system, "", "", (), level, absent=reason)
    for needed in ("method", "path", "status"):
        if needed not in row:
            raise ConfigurationError(file, f"{key}.{needed}", "missing", "Add it.")
    if row["method"] not in METHODS:
        raise ConfigurationError(file, f"{key}.method", f"{row['method']!r} is no method", f"One of {METHODS}.")
    path = typed(file, f"{key}.path", row["path"], str, "a path")
    if not path.startswith("/"):
        raise ConfigurationError(file, f"{key}.path", f"{path!r} does not begin with /", "Mend the path.")
    statuses = row["status"] if isinstance(row["status"], list) else [row["status"]]
    for status in statuses:
        typed(file, f"{key}.status", status, int, "an HTTP status")
    for part in ("response", "entry"):
        for ours, pointer in row.get(part, {}).items():
            if not isinstance(pointer, str) or not pointer.startswith("/"):
                raise ConfigurationError(
                    file, f"{key}.{part}.{ours}", f"{pointer!r} is no JSON pointer", "It begins with a slash."
                )
    return Operation(
        name,
        system,
        row["method"],
        path,
        tuple(statuses),
        level,
        request=row.get("request", {}),
        response=row.get("response", {}),
        entry=row.get("entry", {}),
        revokes=tuple(row.get("revokes", ())),
        object_key=row.get("object_key"),
    )


def follow_pointer(document: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901). Raises KeyError when there is none."""
    if pointer == "":
        return document
    for raw in pointer.removeprefix("/").split("/"):
        token = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and token in document:
            document = document[token]
        elif isinstance(document, list) and re.fullmatch(r"0|[1-9]\d*", token) and int(token) < len(document):
            document = document[int(token)]
        else:
            raise KeyError(pointer)
    return document
