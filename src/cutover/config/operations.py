"""Where each operation lives on each system: contracts/operations.toml and an environment's overrides.

Not for sending: that is targets.py. No check and no other module holds a path or a field's name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cutover.config.validation import ConfigurationError, read_toml, table_of, texts_of, typed, whole_of
from cutover.core.safety import SafetyLevel

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
    why the system has no such operation, None when it has. needs: the capability of an environment (CAPABILITIES
    there) without which there is no such operation in it.
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
    needs: str | None = None

    @property
    def where(self) -> str:
        """Where a reader finds it."""
        return f"contracts/operations.toml [{self.name}] {self.system}"

    def url_path(self, parameters: Mapping[str, str]) -> str:
        """The path with its parameters filled in, percent-encoded. Raises KeyError for one missing.

        {+name} keeps slashes (RFC 6570, reserved expansion).
        """
        return re.sub(
            r"\{(\+?)(\w+)\}", lambda match: quote(parameters[match[2]], safe="/" if match[1] else ""), self.path
        )


Operations = Mapping[str, Mapping[str, Operation]]
"""System -> operation's name -> operation."""


def load_operations(file: Path, overrides: Any, routes: Any, where: str) -> Operations:
    """Read the operations and apply an environment's overrides.

    overrides: operation -> system -> keys to replace (request, response and entry are merged key by
    key). routes: system -> prefix {from, to}, trailing_slash, fields (our name -> the last segment
    of every pointer and request key of that name). where: the environment's name, for messages.
    Raises ConfigurationError.
    """
    tables = read_toml(file)
    environments = file.parent.parent / "environments.toml"
    for name in table_of(environments, f"{where}.operations", overrides):
        if name not in tables:
            raise ConfigurationError(
                environments, f"{where}.operations.{name}", "no such operation", f"See {file.name} for the names."
            )
    table_of(environments, f"{where}.routes", routes, set(SYSTEMS))
    result: dict[str, dict[str, Operation]] = {system: {} for system in SYSTEMS}
    for name, row in tables.items():
        table = table_of(file, name, row, {*SYSTEMS, "write", "needs"})
        level = _level(file, name, table)
        needs = typed(file, f"{name}.needs", table["needs"], str, "a capability") if "needs" in table else None
        changed = table_of(environments, f"{where}.operations.{name}", overrides.get(name, {}), set(SYSTEMS))
        for system in SYSTEMS:
            if system not in table:
                raise ConfigurationError(file, f"{name}.{system}", "missing", 'Add it, or absent = "why".')
            base = table_of(file, f"{name}.{system}", table[system], _KEYS)
            key = f"{where}.operations.{name}.{system}"
            merged = _merged(base, table_of(environments, key, changed.get(system, {}), _KEYS))
            source, key = (environments, key) if system in changed else (file, f"{name}.{system}")
            operation = _operation(source, key, name, system, level, merged)
            if operation.absent is None:
                operation = _routed(operation, routes.get(system, {}), environments, f"{where}.routes.{system}")
            result[system][name] = dataclasses.replace(operation, needs=needs)
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


def _routed(operation: Operation, routes: Any, file: Path, key: str) -> Operation:
    routes = table_of(file, key, routes, _ROUTE_KEYS)
    renamed = texts_of(file, f"{key}.fields", routes.get("fields", {}))
    slash = routes.get("trailing_slash")
    if slash is not None:
        typed(file, f"{key}.trailing_slash", slash, bool, "true or false")
    prefix = {"from": "/api/", "to": "/api/"}
    if "prefix" in routes:
        prefix = texts_of(file, f"{key}.prefix", table_of(file, f"{key}.prefix", routes["prefix"], set(prefix)))
        for end in ("from", "to"):
            if not prefix.get(end, "").startswith("/"):
                raise ConfigurationError(file, f"{key}.prefix.{end}", "no path", "It begins with a slash.")
    path = operation.path
    if path.startswith(prefix["from"]):
        path = prefix["to"] + path[len(prefix["from"]) :]
        if slash is not None:
            path = path.rstrip("/") + ("/" if slash else "")
    return dataclasses.replace(
        operation,
        path=path,
        request={ours: renamed.get(ours, theirs) for ours, theirs in operation.request.items()},
        response={ours: _last_segment(pointer, renamed.get(ours)) for ours, pointer in operation.response.items()},
        entry={ours: _last_segment(pointer, renamed.get(ours)) for ours, pointer in operation.entry.items()},
    )


def _last_segment(pointer: str, name: str | None) -> str:
    return pointer if name is None else f"{pointer.rpartition('/')[0]}/{name}"


def _operation(file: Path, key: str, name: str, system: str, level: SafetyLevel, row: Mapping[str, Any]) -> Operation:
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
    if not statuses:
        raise ConfigurationError(file, f"{key}.status", "no status of success", "Name at least one.")
    for status in statuses:
        whole_of(file, f"{key}.status", status, least=100, most=599)
    pointers = {part: texts_of(file, f"{key}.{part}", row.get(part, {})) for part in ("response", "entry")}
    for part, rows in pointers.items():
        for ours, pointer in rows.items():
            if not pointer.startswith("/"):
                raise ConfigurationError(
                    file, f"{key}.{part}.{ours}", f"{pointer!r} is no JSON pointer", "It begins with a slash."
                )
    revokes = typed(file, f"{key}.revokes", row.get("revokes", []), list, "a list of tokens")
    for token in revokes:
        if token not in ("access_token", "refresh_token"):
            raise ConfigurationError(file, f"{key}.revokes", f"{token!r} is no token", "access_token, refresh_token.")
    return Operation(
        name,
        system,
        row["method"],
        path,
        tuple(statuses),
        level,
        request=texts_of(file, f"{key}.request", row.get("request", {})),
        response=pointers["response"],
        entry=pointers["entry"],
        revokes=tuple(revokes),
        object_key=typed(file, f"{key}.object_key", row["object_key"], str, "a text") if "object_key" in row else None,
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
