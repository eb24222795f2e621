"""Read contracts/parity.toml: meanings of values, matching of list elements, required coverage."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.operations import SYSTEMS, Operations
from cutover.config.validation import ConfigurationError, read_toml, table_of, texts_of, typed

FILE: Final = "contracts/parity.toml"
BODIES: Final = ("json", "csv", "bytes")
ROLES: Final = ("anonymous", "owner", "other", "admin")
_VALUES: Final = ("id", "token", "instant")


@dataclass(frozen=True)
class ListRule:
    """How the elements of a list are matched: by a key or by position. ordered: their order is compared."""

    key: str | None = None
    ordered: bool = True


@dataclass(frozen=True)
class ErrorForm:
    """The error format of a system, as pointers into the body.

    reasons: places of the reason, of which an error has one. fields: the object with reasons by field.
    """

    form: str
    reasons: tuple[str, ...]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    fields: str = ""


@dataclass(frozen=True)
class Cell:
    """One required combination of operation, role and both statuses.

    pairs: the statuses (baseline, candidate) with which these systems say the same; empty for just these two.
    """

    operation: str
    role: str
    baseline: int
    candidate: int
    pairs: frozenset[tuple[int, int]] = frozenset()

    @property
    def covering(self) -> frozenset[tuple[int, int]]:
        """Return the pairs of statuses of which one must be seen."""
        return self.pairs or frozenset({(self.baseline, self.candidate)})


class Place:
    """A place in a JSON body: its path and the rules for its value. Created once for each path, for speed.

    value: "" for a literal value, else "instant", "token" or "id". namespace: of an id. plain: keys of an object
    whose values are literal, as far as seen.
    """

    __slots__ = ("_children", "_rules", "elements", "list", "namespace", "path", "plain", "value")

    def __init__(self, rules: Rules, path: str) -> None:
        self.path = path
        word = rules.value_of(path)
        self.value, _, self.namespace = word.partition(" ")
        self.list = rules.list_of(path)
        self._rules = rules
        self._children: dict[str, Place] = {}
        self.plain: set[str] = set()
        self.elements: Place | None = None

    def child(self, key: str) -> Place:
        """Return the place of that key of an object."""
        found = self._children.get(key)
        if found is None:
            escaped = key.replace("~", "~0").replace("/", "~1")  # RFC 6901
            found = self._children[key] = Place(self._rules, f"{self.path}/{escaped}")
            if not found.value:
                self.plain.add(key)
        return found

    def element(self) -> Place:
        """Return the place of each element of a list."""
        if self.elements is None:
            self.elements = Place(self._rules, f"{self.path}/*")
        return self.elements


@dataclass(frozen=True)
class Rules:
    """The content of parity.toml.

    moves: operation -> (legacy's pointer, Worker's pointer) of fields with different names. fields: (system,
    operation) -> the deployment's request key -> our field name.
    """

    bodies: Mapping[str, str]
    values: Mapping[str, str]
    lists: Mapping[str, ListRule]
    errors: Mapping[str, ErrorForm]
    ignored_headers: Mapping[str, str]
    cells: tuple[Cell, ...]
    moves: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    _roots: dict[str, Place] = field(default_factory=dict, compare=False, repr=False)

    def body_of(self, operation: str) -> str:
        """Return the format of that operation's successful body: "json", "csv" or "bytes"."""
        return self.bodies.get(operation, "json")

    def root(self, operation: str) -> Place:
        """Return the place of that operation's whole body. The rules are the same for all operations."""
        found = self._roots.get(operation)
        if found is None:
            found = self._roots[operation] = Place(self, "")
        return found

    def value_of(self, path: str) -> str:
        """Return the meaning of the value at that path, "" for a literal value."""
        found = _matching(self.values, path)
        return found if found is not None else ""

    def list_of(self, path: str) -> ListRule:
        """Return how a list at that path is matched."""
        found = _matching(self.lists, path)
        return found if found is not None else ListRule()


def _matching(table: Mapping[str, Any], path: str) -> Any:
    if path in table:
        return table[path]
    for pattern, value in table.items():
        if pattern.startswith("*/") and path.endswith(pattern[1:]):
            return value
    return None


def load_rules(project: Path, operations: Operations, file: Path | None = None) -> Rules:
    """Read contracts/parity.toml, or the environment's own file. Raises ConfigurationError."""
    file = file or project / FILE
    tables = read_toml(file)
    wanted = {"bodies", "values", "lists", "errors", "ignored_headers", "coverage"}
    for name in wanted:
        if name not in tables:
            raise ConfigurationError(file, name, "missing", "Add the table.")
    table_of(file, "", tables, wanted)
    bodies = texts_of(file, "bodies", tables["bodies"])
    for name, body in bodies.items():
        _known_operation(file, f"bodies.{name}", name, operations)
        if body not in BODIES:
            raise ConfigurationError(
                file, f"bodies.{name}", f"unknown body format {body!r}", f"Use one of {', '.join(BODIES)}."
            )
    values = texts_of(file, "values", tables["values"])
    for path, word in values.items():
        _path(file, f"values.{path}", path)
        kind, _, namespace = word.partition(" ")
        if kind not in _VALUES or (kind == "id") != bool(namespace):
            raise ConfigurationError(
                file, f"values.{path}", f"unknown meaning {word!r}", 'Use "id NAMESPACE", "token" or "instant".'
            )
    lists = table_of(file, "lists", tables["lists"])
    errors = table_of(file, "errors", tables["errors"], set(SYSTEMS))
    for system in SYSTEMS:
        if system not in errors:
            raise ConfigurationError(file, f"errors.{system}", "missing", "Describe the error format of that system.")
    ignored = texts_of(file, "ignored_headers", tables["ignored_headers"])
    for name, why in ignored.items():
        if not why.strip():
            raise ConfigurationError(
                file, f"ignored_headers.{name}", "the reason is missing", "Explain why the header is irrelevant."
            )
    return Rules(
        bodies,
        values,
        {path: _list_rule(file, f"lists.{path}", path, row) for path, row in lists.items()},
        {system: _error_form(file, f"errors.{system}", row) for system, row in errors.items()},
        {name.lower(): why for name, why in ignored.items()},
        _cells(file, tables["coverage"], operations),
        {name: _moves(name, operations) for name in operations["worker"]},
        {
            (system, name): {sent: ours for ours, sent in operation.request.items()}
            for system, table in operations.items()
            for name, operation in table.items()
        },
    )


def _known_operation(file: Path, key: str, name: str, operations: Operations) -> None:
    if name not in operations["worker"]:
        raise ConfigurationError(file, key, f"unknown operation {name!r}", "See contracts/operations.toml.")


def _path(file: Path, key: str, path: str) -> None:
    """Raise ConfigurationError for a path that no place can have: it would never match."""
    if not path.startswith(("/", "*/")):
        raise ConfigurationError(
            file, key, "expected a path", "Begin it with / (a JSON pointer) or with */ (any place)."
        )


def _pointer(file: Path, key: str, value: Any) -> str:
    text: str = typed(file, key, value, str, "a JSON pointer")
    if not text.startswith("/"):
        raise ConfigurationError(file, key, f"expected a JSON pointer, got {text!r}", "Begin it with /.")
    return text


def _list_rule(file: Path, key: str, path: str, row: Any) -> ListRule:
    _path(file, key, path)
    texts = texts_of(file, key, table_of(file, key, row, {"key", "order"}))
    if texts.get("order", "promised") not in ("promised", "free"):
        raise ConfigurationError(file, f"{key}.order", f"unknown order {texts['order']!r}", 'Use "promised" or "free".')
    if texts.get("key") == "":
        raise ConfigurationError(file, f"{key}.key", "the name is missing", "Name the key, or remove this line.")
    return ListRule(texts.get("key"), texts.get("order", "promised") == "promised")


def _error_form(file: Path, key: str, row: Any) -> ErrorForm:
    table = table_of(file, key, row, {"form", "reason", "required", "optional", "fields"})
    texts = texts_of(file, key, {name: table[name] for name in ("form", "fields") if name in table})
    for name, given in (("form", texts.get("form")), ("reason", table.get("reason"))):
        if not given:
            raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
    if texts.get("fields"):
        _pointer(file, f"{key}.fields", texts["fields"])
    places = typed(file, f"{key}.reason", table["reason"], (str, list), "a JSON pointer or a list of them")
    reasons = tuple(_pointer(file, f"{key}.reason", each) for each in ([places] if isinstance(places, str) else places))
    lists = {}
    for name in ("required", "optional"):
        pointers = typed(file, f"{key}.{name}", table.get(name, []), list, "a list of JSON pointers")
        lists[name] = tuple(_pointer(file, f"{key}.{name}", value) for value in pointers)
    return ErrorForm(texts["form"], reasons, lists["required"], lists["optional"], texts.get("fields", ""))


def _cells(file: Path, table: Any, operations: Operations) -> tuple[Cell, ...]:
    """Return the combinations to cover, without those of operations that a system does not have."""
    cells = []
    if not table_of(file, "coverage", table):
        raise ConfigurationError(file, "coverage", "empty", "Name the statuses that a run must cover.")
    for name, roles in table.items():
        _known_operation(file, f"coverage.{name}", name, operations)
        if not table_of(file, f"coverage.{name}", roles, set(ROLES)):
            raise ConfigurationError(
                file, f"coverage.{name}", "the role is missing", f"Use one of {', '.join(ROLES)}, or remove the line."
            )
        for role, statuses in roles.items():
            key = f"coverage.{name}.{role}"
            if not typed(file, key, statuses, list, "a list of statuses"):
                raise ConfigurationError(
                    file, key, "the status is missing", "Name the statuses to cover, or remove the line."
                )
            for status in statuses:
                baseline, slash, candidate = str(status).partition("/")
                if isinstance(status, bool) or not (_is_status(baseline) and (_is_status(candidate) or not slash)):
                    raise ConfigurationError(
                        file, key, f"expected a status, got {status!r}", 'Examples: 200, "400/413".'
                    )
                legacy, worker = operations["legacy"][name], operations["worker"][name]
                if legacy.absent is None and worker.absent is None:
                    before, after = int(baseline), int(candidate or baseline)
                    pairs = frozenset(itertools.product(legacy.meaning(before), worker.meaning(after)))
                    cells.append(Cell(name, role, before, after, pairs))
    return tuple(cells)


def _is_status(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 100 <= int(text) <= 599


def _moves(name: str, operations: Operations) -> tuple[tuple[str, str], ...]:
    """Return the pointers of fields that operations.toml places differently on the two systems."""
    legacy, worker = operations["legacy"][name], operations["worker"][name]
    moves = [
        (pointer, worker.response[ours])
        for ours, pointer in legacy.response.items()
        if ours in worker.response and worker.response[ours] != pointer
    ]
    for list_field in legacy.response:
        if legacy.entry and list_field in worker.response and list_field == name.removeprefix("list_"):
            moves += [
                # Under the Worker's pointer of the list: the moves above come first.
                (f"{worker.response[list_field]}/*{inner}", f"{worker.response[list_field]}/*{worker.entry[ours]}")
                for ours, inner in legacy.entry.items()
                if ours in worker.entry and worker.entry[ours] != inner
            ]
    return tuple(moves)
