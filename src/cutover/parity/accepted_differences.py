"""Read contracts/accepted_differences.toml: the differences that are accepted, each with reason, owner and last day.

An entry accepts only the differences that it names. An entry that was not seen although its operation was exercised
is stale. An entry that names more than was seen is too broad. Both fail the gate.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, known_keys, read_toml, texts_of, typed
from cutover.parity.differences import Difference, Kind

FILE: Final = "contracts/accepted_differences.toml"
EVERY: Final = "every"
STATE: Final = "state"
_NEEDED: Final = ("operations", "path", "class", "reason", "owner", "expires")
_KEYS: Final = {*_NEEDED, "except", "legacy", "worker", "case", "always"}
_BYTES: Final = (
    ("download", "body"), ("export", "body"), (STATE, "/files/*/bytes"), (STATE, "/files/*/stored_size"),
)  # fmt: skip
_ONE_TO_ONE: Final = ("id", "token")
"""Baseline words of differences in the ID mapping."""
NOISY: Final = (Kind.VALUE, Kind.ORDER)
"""Kinds that noise may hide: the value or the order, never the type or the presence."""


@dataclass(frozen=True)
class AcceptedDifference:
    """One entry of the file: an accepted difference, or accepted noise.

    line: its first line in the file. operations: names, or EVERY with the exceptions. paths, kind, legacy, worker: as
    in the key of a Difference; None for a side accepts anything. always: the difference must be in every response of
    these operations. case: "" for any. expires: the last day on which the entry is valid (UTC).
    """

    line: int
    operations: tuple[str, ...]
    paths: tuple[str, ...]
    kind: Kind
    legacy: tuple[str, ...] | None
    worker: tuple[str, ...] | None
    case: str
    reason: str
    owner: str
    expires: datetime.date
    exceptions: tuple[str, ...] = ()
    always: bool = False
    noise: bool = False

    @property
    def where(self) -> str:
        """Return file and line."""
        return f"{FILE}:{self.line}"

    def covers(self, operation: str) -> bool:
        """Return True if the entry applies to that operation."""
        if self.operations == (EVERY,):
            return operation != STATE and operation not in self.exceptions
        return operation in self.operations

    def accepts(self, difference: Difference) -> bool:
        """Return True if the entry accepts that difference."""
        return (
            self.kind is difference.kind
            and difference.path in self.paths
            and self.covers(difference.operation)
            and self.case in ("", difference.case)
            and (self.legacy is None or difference.baseline in self.legacy)
            and (self.worker is None or difference.candidate in self.worker)
        )


@dataclass(frozen=True)
class DeclarationResult:
    """The result of one entry in a run.

    state: "seen", "stale", "too broad", "not exercised", or "not seen this time" for noise. detail: parts that were
    not seen.
    """

    entry: AcceptedDifference
    state: str
    seen: int
    detail: str = ""

    @property
    def fails(self) -> bool:
        """Return True if the gate fails because of this entry."""
        return self.state in ("stale", "too broad")


@dataclass
class AcceptedDifferences:
    """All entries that are valid today."""

    entries: tuple[AcceptedDifference, ...]
    _decided: dict[tuple[str, ...], AcceptedDifference | None] = field(default_factory=dict)

    def only_noise(self) -> AcceptedDifferences:
        """Return the entries for noise only: they apply if a system is compared with itself."""
        return AcceptedDifferences(tuple(rule for rule in self.entries if rule.noise))

    def matching(self, difference: Difference) -> AcceptedDifference | None:
        """Return the entry that accepts this difference, None if there is none."""
        if difference.key not in self._decided:
            found = [entry for entry in self.entries if entry.accepts(difference)]
            self._decided[difference.key] = found[0] if found else None
        return self._decided[difference.key]

    def is_settled(self, operation: str, case: str, found: Iterable[Difference]) -> bool:
        """Return True if all differences are accepted, and all entries of this case were found."""
        decided = [self.matching(difference) for difference in found]
        awaited = [rule for rule in self.entries if case and rule.case == case and rule.covers(operation)]
        return None not in decided and all(rule in decided for rule in awaited)

    def lost(self, operation: str, case: str, sent: Callable[[str], bool]) -> list[Difference]:
        """Return a difference for each path of an entry with `always` that the Worker's response does not have.

        Such an entry declares something that the Worker adds to every response. sent: returns True if the Worker's
        response has that path. A path that both systems have is not lost: the entry is stale then.
        """
        return [
            Difference(operation, path, Kind.MISSING, f"declared: {' or '.join(rule.worker or ())}", "absent", case)
            for rule in self.entries
            if rule.always and rule.covers(operation) and rule.case in ("", case)
            for path in rule.paths
            if not sent(path)
        ]

    def results(
        self,
        seen: Mapping[tuple[int, str, str], int],
        exercised: Collection[str],
        *,
        cases: Collection[tuple[str, str]],
        sides: Collection[tuple[int, str, str]],
        filled: Collection[tuple[str, str]],
    ) -> list[DeclarationResult]:
        """Return the result of each entry.

        seen: (line, operation, path) -> count; exercised: operations with at least one compared response; cases:
        (operation, case) of those responses; sides: (line, legacy word, Worker word) of the accepted differences;
        filled: (operation, path) of the lists that had elements on both sides. Without elements, nothing below the
        list was compared.
        """
        return [_result_of(rule, seen, exercised, cases, sides, filled) for rule in self.entries]


def _result_of(
    rule: AcceptedDifference,
    seen: Mapping[tuple[int, str, str], int],
    exercised: Collection[str],
    cases: Collection[tuple[str, str]],
    sides: Collection[tuple[int, str, str]],
    filled: Collection[tuple[str, str]],
) -> DeclarationResult:
    meant = [
        name
        for name in (sorted(exercised) if rule.operations == (EVERY,) else rule.operations)
        if rule.covers(name) and name in exercised and (not rule.case or (name, rule.case) in cases)
    ]
    compared = [(name, path) for name in meant for path in rule.paths if _is_compared(name, path, filled)]
    total = sum(count for (line, _, _), count in seen.items() if line == rule.line)
    if not compared:
        return DeclarationResult(rule, "not exercised", total)
    unseen = [f"{name} {path}" for name, path in compared if not seen.get((rule.line, name, path))]
    if rule.noise:
        return DeclarationResult(rule, "seen" if total else "not seen this time", total)
    if not total:
        return DeclarationResult(
            rule, "stale", 0, f"not seen, although the operation was exercised: {', '.join(unseen)}"
        )
    if len(compared) == len(meant) * len(rule.paths) and set(meant) >= (
        {*rule.operations} - {EVERY}
    ):  # otherwise an operation that was not requested may have the others
        unseen += [
            f"{system} {text}"
            for at, system, named in ((1, "legacy", rule.legacy), (2, "worker", rule.worker))
            for text in named or ()
            if not any(side[0] == rule.line and side[at] == text for side in sides)
        ]
    if unseen:
        return DeclarationResult(rule, "too broad", total, f"names more than was seen: {', '.join(unseen)}")
    return DeclarationResult(rule, "seen", total)


def _is_compared(operation: str, path: str, filled: Collection[tuple[str, str]]) -> bool:
    """Return False if the path is below a list that never had elements on both sides."""
    above, element, _ = path.rpartition("/*")
    return not element or not path.startswith("/") or (operation, above) in filled


def load_accepted_differences(
    project: Path, operations: Collection[str], today: datetime.date, file: Path | None = None
) -> AcceptedDifferences:
    """Read contracts/accepted_differences.toml, or the environment's own file.

    Raises ConfigurationError for an entry that is expired, incomplete, or accepts something that must not be
    accepted.
    """
    file = file or project / FILE
    tables = read_toml(file)
    known_keys(file, "", tables, {"accepted", "noise"})
    lines: dict[str, list[int]] = {"accepted": [], "noise": []}
    for number, text in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        for table in lines:
            if text.strip().startswith(f"[[{table}]]"):
                lines[table].append(number)
    rules = []
    for table, starts in lines.items():
        rows = typed(file, table, tables.get(table, []), list, f"[[{table}]]")
        if len(rows) != len(starts):
            raise ConfigurationError(file, table, "expected tables", f"Write each entry as [[{table}]].")
        for line, row in zip(starts, rows, strict=True):
            rules.append(_read_entry(file, f"line {line} {table}", line, row, operations, noise=table == "noise"))
            if rules[-1].expires < today:
                raise ConfigurationError(
                    file,
                    f"line {line} {table}.expires",
                    f"the entry for {rules[-1].paths[0]} expired on {rules[-1].expires}",
                    f"Remove it, or ask {rules[-1].owner} to renew it with a reason.",
                )
    return AcceptedDifferences(tuple(rules))


def _read_entry(
    file: Path, key: str, line: int, row: Any, operations: Collection[str], *, noise: bool
) -> AcceptedDifference:
    known_keys(file, key, typed(file, key, row, dict, "a table"), _KEYS)
    for name in _NEEDED:
        given = row.get(name)
        blank = [
            text for text in (given if isinstance(given, list) else [given]) if text is None or not str(text).strip()
        ]
        if blank or given == []:
            raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
    if type(row["expires"]) is not datetime.date:
        raise ConfigurationError(
            file, f"{key}.expires", f"expected a date, got {row['expires']!r}", "Example: 2027-03-31."
        )
    texts = texts_of(file, key, {name: row[name] for name in ("reason", "owner", "class", "case") if name in row})
    try:
        kind = Kind(texts["class"])
    except ValueError:
        words = ", ".join(kind.value for kind in Kind)
        raise ConfigurationError(
            file, f"{key}.class", f"unknown class {texts['class']!r}", f"Use one of {words}."
        ) from None
    names = _texts(file, f"{key}.operations", row["operations"])
    exceptions = _texts(file, f"{key}.except", row.get("except", []))
    for name in (*names, *exceptions):
        if name not in operations and name not in (EVERY, STATE):
            raise ConfigurationError(file, f"{key}.operations", f"unknown operation {name!r}", "See operations.toml.")
    if (EVERY in names and len(names) > 1) or (exceptions and names != (EVERY,)):
        raise ConfigurationError(
            file,
            f"{key}.operations",
            '"every" must be the only operation, and "except" needs it',
            "Change one of them.",
        )
    sides = [_texts(file, f"{key}.{side}", row[side]) if side in row else None for side in ("legacy", "worker")]
    rule = AcceptedDifference(
        line, names, _texts(file, f"{key}.path", row["path"]), kind, sides[0], sides[1], texts.get("case", ""),
        texts["reason"], texts["owner"], row["expires"], exceptions,
        typed(file, f"{key}.always", row.get("always", False), bool, "true or false"), noise,
    )  # fmt: skip
    _refuse(file, key, rule)
    return rule


def _refuse(file: Path, key: str, rule: AcceptedDifference) -> None:
    """Raise ConfigurationError for an entry that must not be accepted, or accepts more than it names."""
    if any("*" in path.replace("/*", "").replace("csv*", "") for path in rule.paths):
        raise ConfigurationError(
            file, f"{key}.path", "patterns are not allowed", "Name the path; /* means each element of a list."
        )
    if rule.noise:
        if rule.kind not in NOISY:
            raise ConfigurationError(
                file, f"{key}.class", "noise may hide only a value or an order", "Use value or order."
            )
        if rule.always:
            raise ConfigurationError(file, f"{key}.always", "not allowed for noise", "Remove it.")
        for path in rule.paths:
            if path in ("body", "csv"):
                raise ConfigurationError(
                    file, f"{key}.path", f"noise at {path} would hide a whole file", "Name a path inside of it."
                )
        _refuse_loss(file, key, rule)
        return
    headers_only = all(path.startswith("header:") for path in rule.paths)
    if rule.always and (rule.kind is not Kind.EXTRA or rule.worker is None or not headers_only):
        raise ConfigurationError(
            file,
            f"{key}.always",
            "allowed only for a header that the Worker always adds",
            "Use class extra with worker, and paths that begin with header:.",
        )
    both_needed = rule.kind not in (Kind.MISSING, Kind.EXTRA)
    if both_needed and (rule.legacy is None or rule.worker is None):
        raise ConfigurationError(
            file, key, "legacy or worker is missing", "Copy both from the report of this difference."
        )
    _refuse_loss(file, key, rule)
    if rule.kind is Kind.STATUS:
        for legacy in rule.legacy or ():
            for worker in rule.worker or ():
                if legacy[:1] == "4" and worker[:1] in ("2", "3") and legacy != "400":
                    raise ConfigurationError(
                        file, key, f"{legacy} that becomes {worker} allows what was forbidden",
                        "Isolation between users cannot be accepted: fix the Worker.",
                    )  # fmt: skip
                if worker[:1] == "5":
                    raise ConfigurationError(file, key, f"{worker} is a server error of the Worker", "Fix the Worker.")


def _refuse_loss(file: Path, key: str, rule: AcceptedDifference) -> None:
    """Raise ConfigurationError for an entry that would accept lost data or another user's data."""
    if rule.kind is Kind.SEMANTICS and set(rule.legacy or ()) & set(_ONE_TO_ONE):
        raise ConfigurationError(file, key, "an id or token of another object cannot be accepted", "Fix the Worker.")
    for path in rule.paths:
        element = path.endswith("/*") and rule.kind in (Kind.MISSING, Kind.EXTRA)
        bytes_of = any(rule.covers(operation) and path == place for operation, place in _BYTES)
        cell = path.startswith("csv/") and rule.kind is Kind.VALUE
        if element or bytes_of or cell:
            raise ConfigurationError(
                file, f"{key}.path", f"{rule.kind.value} at {path} means lost data or another user's data",
                "Neither can be accepted: fix the Worker.",
            )  # fmt: skip


def _texts(file: Path, key: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(str(typed(file, key, text, str, "a text")) for text in values)
