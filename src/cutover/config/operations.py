"""Read the operations of each system: contracts/operations.toml and the overrides of an environment.

No check and no other module contains a path or the name of a field. systems/target.py sends operations.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from cutover.config.validation import CORRECT, ConfigurationError, read_toml, table_of, texts_of, typed, whole_of
from cutover.core.safety import SafetyLevel

SYSTEMS: Final = ("worker", "legacy")
METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_KEYS: Final = {"method", "path", "status", "request", "response", "entry", "revokes", "object_key", "absent"}
_ROUTE_KEYS: Final = {"prefix", "trailing_slash", "fields"}


@dataclass(frozen=True)
class Operation:
    """One operation of one system.

    path: contains {parameters}. request: our field name -> the deployment's. response, entry: our field name -> JSON
    pointer (RFC 6901); pointers of entry are relative to one element of a list. revokes: tokens that must be refused
    afterwards. object_key: key of the uploaded object in R2. absent: reason why the system has no such operation, None
    if it has. needs: capability (environment_schema.CAPABILITIES) without which an environment has no such operation.
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
        """Return the place of its declaration, for messages."""
        return f"contracts/operations.toml [{self.name}] {self.system}"

    def url_path(self, parameters: Mapping[str, str]) -> str:
        """Return the path with its parameters filled in, percent-encoded. Raises KeyError for a missing parameter.

        {+name} keeps slashes (RFC 6570, reserved expansion).
        """
        return re.sub(
            r"\{(\+?)(\w+)\}", lambda match: quote(parameters[match[2]], safe="/" if match[1] else ""), self.path
        )


Operations = Mapping[str, Mapping[str, Operation]]
"""System -> name of the operation -> operation."""


def load_operations(file: Path, overrides: Any, routes: Any, where: str) -> Operations:
    """Return the operations with the overrides of an environment.

    overrides: operation -> system -> keys to replace (request, response and entry are merged key by key). routes:
    system -> prefix {from, to}, trailing_slash, fields (our field name -> last segment of every pointer and request key
    of that field). where: name of the environment, for messages. Raises ConfigurationError.
    """
    tables = read_toml(file)
    environments = file.parent.parent / "environments.toml"
    for name in table_of(environments, f"{where}.operations", overrides):
        if name not in tables:
            raise ConfigurationError(
                environments, f"{where}.operations.{name}", "no such operation", f"Use a name of {file.name}."
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
        raise ConfigurationError(file, f"{name}.write", str(error), CORRECT) from None


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
                raise ConfigurationError(
                    file, f"{key}.prefix.{end}", f"expected a path that begins with /, got {prefix.get(end)!r}", CORRECT
                )
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
        raise ConfigurationError(
            file, f"{key}.method", f"expected one of {', '.join(METHODS)}, got {row['method']!r}", CORRECT
        )
    path = typed(file, f"{key}.path", row["path"], str, "a path")
    if not path.startswith("/"):
        raise ConfigurationError(file, f"{key}.path", f"expected a path that begins with /, got {path!r}", CORRECT)
    statuses = row["status"] if isinstance(row["status"], list) else [row["status"]]
    if not statuses:
        raise ConfigurationError(
            file, f"{key}.status", "expected at least one status, got none", "Add the status of success."
        )
    for status in statuses:
        whole_of(file, f"{key}.status", status, least=100, most=599)
    pointers = {part: texts_of(file, f"{key}.{part}", row.get(part, {})) for part in ("response", "entry")}
    for part, rows in pointers.items():
        for ours, pointer in rows.items():
            if not pointer.startswith("/"):
                raise ConfigurationError(
                    file, f"{key}.{part}.{ours}", f"expected a JSON pointer, got {pointer!r}", "Begin it with a slash."
                )
    revokes = typed(file, f"{key}.revokes", row.get("revokes", []), list, "a list of tokens")
    for token in revokes:
        if token not in ("access_token", "refresh_token"):
            raise ConfigurationError(
                file, f"{key}.revokes", f"expected access_token or refresh_token, got {token!r}", CORRECT
            )
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
    """Return the value at a JSON pointer (RFC 6901). Raises KeyError if there is none."""
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
