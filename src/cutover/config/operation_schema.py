"""The schema of one operation of one system, in contracts/operations.toml and in an environment's `operations`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import (
    CORRECT,
    ConfigurationError,
    Flag,
    Items,
    Rule,
    Table,
    Text,
    table_of,
    typed,
)

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
TOKENS: Final = ("access_token", "refresh_token")
PARTS: Final = ("request", "response", "entry")
"""The tables of fields of an operation."""


@dataclass(frozen=True)
class Dropped:
    """A field that an environment does not have, with the reason."""

    reason: str


@dataclass(frozen=True)
class Constant:
    """A text that every request sends under a key of the deployment. text: may contain {parameters}."""

    key: str
    text: str


@dataclass(frozen=True)
class PathText:
    """A path that begins with a slash."""

    def read(self, file: Path, key: str, value: object) -> str:
        """Return the path. Raises ConfigurationError."""
        path: str = typed(file, key, value, str, "a path")
        if not path.startswith("/"):
            raise ConfigurationError(file, key, f"expected a path that begins with /, got {path!r}", CORRECT)
        if re.search(r"[{}]", re.sub(r"\{\+?\w+\}", "", path)):
            raise ConfigurationError(
                file, key, f"expected parameters of the form {{name}}, got {path!r}", "Correct the braces."
            )
        return path


@dataclass(frozen=True)
class Statuses:
    """A status or an array of statuses, from least to most. why: the reason of the limits, for messages."""

    least: int
    most: int
    why: str = ""
    excepted: frozenset[int] = frozenset()

    def read(self, file: Path, key: str, value: object) -> tuple[int, ...]:
        """Return the statuses. Raises ConfigurationError."""
        statuses = value if isinstance(value, list) else [value]
        if not statuses:
            raise ConfigurationError(file, key, "expected at least one status, got none", "Add a status.")
        return tuple(self._one(file, key, status) for status in statuses)

    def _one(self, file: Path, key: str, value: object) -> int:
        status: int = typed(file, key, value, int, "an integer")
        if not self.least <= status <= self.most or status in self.excepted:
            limits = f"{self.least} to {self.most}" + "".join(f" except {each}" for each in sorted(self.excepted))
            why = f" ({self.why})" if self.why else ""
            raise ConfigurationError(file, key, f"expected {limits}, got {status}{why}", CORRECT)
        return status


_NO_BREACH: Final = "a redirect can lead to the data, 429 and 5xx refuse nothing: a breach or an error would pass"
_SUCCESS: Final = Statuses(200, 399, "an error is no success: a check would accept a system that does not work")
_REFUSAL: Final = Statuses(400, 499, _NO_BREACH, frozenset({429}))
_LOGIN_REFUSAL: Final = Statuses(300, 499, "429 and 5xx refuse nothing, and a success is a breach", frozenset({429}))
_REFUSED: Final = frozenset({"no_such_operation"})
"""Operations whose declared status is a refusal."""


@dataclass(frozen=True)
class Refusals:
    """A table: status of contracts/api.md -> the statuses of this deployment with the same meaning.

    Only for 401 a redirect has the same meaning: it leads to the login. 429 and 5xx never refuse.
    """

    def read(self, file: Path, key: str, value: object) -> dict[int, tuple[int, ...]]:
        """Return the table. Raises ConfigurationError."""
        read = {}
        for name, inner in table_of(file, key, value).items():
            if not re.fullmatch(r"[45]\d\d", name):
                raise ConfigurationError(
                    file, f"{key}.{name}", f"expected a status from 400 to 599 as key, got {name!r}", CORRECT
                )
            allowed = _LOGIN_REFUSAL if name == "401" else _REFUSAL
            read[int(name)] = allowed.read(file, f"{key}.{name}", inner)
        return read


@dataclass(frozen=True)
class Fields:
    """A table of fields: our name -> the deployment's.

    pointers: the values are JSON pointers; droppable: false and { absent = "reason" } drop a field; constants:
    { key = "…", value = "…" } sends a constant.
    """

    pointers: bool
    droppable: bool = False
    constants: bool = False

    def read(self, file: Path, key: str, value: object) -> dict[str, str | Dropped | Constant]:
        """Return the table. Raises ConfigurationError."""
        return {ours: self._field(file, f"{key}.{ours}", inner) for ours, inner in table_of(file, key, value).items()}

    def _field(self, file: Path, key: str, value: object) -> str | Dropped | Constant:
        if self.droppable and value is False:
            return Dropped(f"{file.name} [{key}] = false")
        if self.droppable and isinstance(value, dict):
            table = table_of(file, key, value, {"absent", "key", "value"} if self.constants else {"absent"})
            if "absent" in table:
                return Dropped(Text("a reason").read(file, f"{key}.absent", table["absent"]))
            row = Table({"key": Text(), "value": Text()}, required=("key", "value")).read(file, key, table)
            return Constant(row["key"], row["value"])
        name = "a JSON pointer" if self.pointers else "a name"
        text: str = typed(file, key, value, str, f"{name}, or false" if self.droppable else name)
        if self.pointers and not text.startswith("/"):
            raise ConfigurationError(file, key, f"expected a JSON pointer, got {text!r}", "Begin it with a slash.")
        return text


def _rules(*, override: bool, refused: bool) -> dict[str, Rule]:
    return {
        "method": Text(choices=METHODS),
        "path": PathText(),
        "status": _REFUSAL if refused else _SUCCESS,
        "request": Fields(pointers=False, droppable=override, constants=override),
        "response": Fields(pointers=True, droppable=override),
        "entry": Fields(pointers=True, droppable=override),
        "revokes": Items(Text("a token", choices=TOKENS), "an array of tokens"),
        "object_key": Text("a key with {parameters}"),
        "absent": Text("a reason"),
    }


def operation_table(name: str) -> Table:
    """Return the schema of an operation of this name in contracts/operations.toml."""
    return Table(_rules(override=False, refused=name in _REFUSED))


def override_table(name: str) -> Table:
    """Return the schema of an operation of this name in an environment.

    replace: its tables of fields replace those of contracts/operations.toml.
    """
    rules = _rules(override=True, refused=name in _REFUSED)
    return Table({**rules, "replace": Flag(), "refusal": Refusals()})


ROUTES: Final = Table(
    {
        "prefix": Table({"from": PathText(), "to": PathText()}, defaults={"from": "/api/", "to": "/api/"}),
        "trailing_slash": Flag(),
        "fields": Fields(pointers=False, droppable=True),
        "refusal": Refusals(),
    },
    defaults={"prefix": {"from": "/api/", "to": "/api/"}, "trailing_slash": None, "fields": {}, "refusal": {}},
)
"""The paths, fields and refusals of all operations of a system."""


def merged(base: dict[str, Any], change: dict[str, Any], where: str) -> dict[str, Any]:
    """Return an operation with an environment's changes, as read by `operation_table` and `override_table`.

    Tables of fields are merged key by key, or replaced with `replace = true`. The result has two more keys: dropped
    (PART.FIELD -> reason) and constants (key -> text). where: the place of the change, for the reasons.
    """
    row: dict[str, Any] = {**base, **{key: value for key, value in change.items() if key not in PARTS}}
    if change and "absent" not in change:
        row.pop("absent", None)
    dropped: dict[str, str] = {}
    constants: dict[str, str] = {}
    for part in PARTS:
        old, new = base.get(part, {}), change.get(part)
        fields = dict(new or {}) if change.get("replace") and new is not None else {**old, **(new or {})}
        dropped |= {f"{part}.{ours}": f"{where}.{part} replaces the table without it" for ours in old.keys() - fields}
        dropped |= {f"{part}.{ours}": value.reason for ours, value in fields.items() if isinstance(value, Dropped)}
        constants |= {value.key: value.text for value in fields.values() if isinstance(value, Constant)}
        row[part] = {ours: value for ours, value in fields.items() if isinstance(value, str)}
    return {**row, "dropped": dropped, "constants": constants}
