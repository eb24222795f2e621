"""What the systems may differ in: contracts/accepted_differences.toml, each entry with reason, owner and last day.

An entry accepts exactly what it names. One that was not seen although its operation was exercised is
stale; one that names more than was seen is too broad: both fail. Not for finding differences.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping
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
"""What the legacy's side of a difference says where something stands for something."""
NOISY: Final = (Kind.VALUE, Kind.ORDER)
"""Noise may hide how a value varies or in which order it comes, never its type or that it is there."""


@dataclass(frozen=True)
class Acceptance:
    """One accepted difference, or one accepted noise.

    line: where it begins in the file. operations: names, or EVERY with the exceptions in spared. paths, kind,
    legacy, worker: as in a Difference's key; a side that is None may be anything. always: the difference must be
    in each answer of these operations. case: "" for any. expires: the last day on which it holds (UTC).
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
    spared: tuple[str, ...] = ()
    always: bool = False
    noise: bool = False

    @property
    def where(self) -> str:
        """Where it stands."""
        return f"{FILE}:{self.line}"

    def covers(self, operation: str) -> bool:
        """Whether it is meant for that operation."""
        if self.operations == (EVERY,):
            return operation != STATE and operation not in self.spared
        return operation in self.operations

    def accepts(self, difference: Difference) -> bool:
        """Whether it accepts that difference."""
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
    """What a run showed of one acceptance. state: seen, stale, too broad, not exercised. detail: what was not seen."""

    acceptance: Acceptance
    state: str
    seen: int
    detail: str = ""

    @property
    def fails(self) -> bool:
        """Whether the gate fails for it."""
        return self.state in ("stale", "too broad")


@dataclass
class Decisions:
    """All acceptances that hold today, asked for one difference after the other."""

    acceptances: tuple[Acceptance, ...]
    _decided: dict[tuple[str, ...], Acceptance | None] = field(default_factory=dict)

    def noise_only(self) -> Decisions:
        """What may vary by itself: all that holds where a system is compared with itself."""
        return Decisions(tuple(rule for rule in self.acceptances if rule.noise))

    def decide(self, difference: Difference) -> Acceptance | None:
        """What accepts this difference; None when nothing does."""
        if difference.key not in self._decided:
            found = [acceptance for acceptance in self.acceptances if acceptance.accepts(difference)]
            self._decided[difference.key] = found[0] if found else None
        return self._decided[difference.key]

    def settled(self, operation: str, case: str, found: Iterable[Difference]) -> bool:
        """Whether all that was found is accepted, and all that is accepted for just this case was found."""
        decided = [self.decide(difference) for difference in found]
        awaited = [rule for rule in self.acceptances if case and rule.case == case and rule.covers(operation)]
        return None not in decided and all(rule in decided for rule in awaited)

    def lacking(self, operation: str, case: str, found: Iterable[Difference]) -> list[Difference]:
        """Differences that were accepted as always there, and are not in this answer: the Worker lost something.

        Another difference at that place speaks for itself: whatever it is, what the Worker has there is not lost.
        """
        seen = {difference.path for difference in found}
        return [
            Difference(operation, path, Kind.MISSING, f"declared: {' or '.join(rule.worker or ())}", "absent", case)
            for rule in self.acceptances
            if rule.always and rule.covers(operation) and rule.case in ("", case)
            for path in rule.paths
            if path not in seen
        ]

    def judge(
        self,
        seen: Mapping[tuple[int, str, str], int],
        exercised: Collection[str],
        *,
        cases: Collection[tuple[str, str]],
        sides: Collection[tuple[int, str, str]],
    ) -> list[DeclarationResult]:
        """What became of each. seen: (line, operation, path) -> count; exercised: operations with at least one
        compared answer; cases: (operation, case) of those answers; sides: (line, what the legacy had, what the Worker
        had) of what was accepted."""
        return [_judged(rule, seen, exercised, cases, sides) for rule in self.acceptances]


def _judged(
    rule: Acceptance,
    seen: Mapping[tuple[int, str, str], int],
    exercised: Collection[str],
    cases: Collection[tuple[str, str]],
    sides: Collection[tuple[int, str, str]],
) -> DeclarationResult:
    meant = [
        name
        for name in (sorted(exercised) if rule.operations == (EVERY,) else rule.operations)
        if rule.covers(name) and name in exercised and (not rule.case or (name, rule.case) in cases)
    ]
    total = sum(count for (line, _, _), count in seen.items() if line == rule.line)
    if not meant:
        return DeclarationResult(rule, "not exercised", total)
    unseen = [f"{name} {path}" for name in meant for path in rule.paths if not seen.get((rule.line, name, path))]
    if rule.noise:
        return DeclarationResult(rule, "seen" if total else "not seen this time", total)
    if not total:
        return DeclarationResult(rule, "stale", 0, f"not seen, although exercised: {', '.join(unseen)}")
    if set(meant) >= ({*rule.operations} - {EVERY}):  # else an operation that was not asked may show the others
        unseen += [
            f"{system} {text}"
            for at, system, named in ((1, "legacy", rule.legacy), (2, "worker", rule.worker))
            for text in named or ()
            if not any(side[0] == rule.line and side[at] == text for side in sides)
        ]
    if unseen:
        return DeclarationResult(rule, "too broad", total, f"accepts what was not seen: {', '.join(unseen)}")
    return DeclarationResult(rule, "seen", total)


def load_acceptances(project: Path, operations: Collection[str], today: datetime.date) -> Decisions:
    """Read the file. Raises ConfigurationError for one that is expired, incomplete, or accepts what nobody may."""
    file = project / FILE
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
            raise ConfigurationError(file, table, "is not written as tables", f"Write each as [[{table}]].")
        for line, row in zip(starts, rows, strict=True):
            rules.append(_acceptance(file, f"line {line} {table}", line, row, operations, noise=table == "noise"))
            if rules[-1].expires < today:
                raise ConfigurationError(
                    file,
                    f"line {line} {table}.expires",
                    f"the acceptance of {rules[-1].paths[0]} expired on {rules[-1].expires}",
                    f"Remove it, or let {rules[-1].owner} renew it with a reason.",
                )
    return Decisions(tuple(rules))


def _acceptance(file: Path, key: str, line: int, row: Any, operations: Collection[str], *, noise: bool) -> Acceptance:
    known_keys(file, key, typed(file, key, row, dict, "a table"), _KEYS)
    for name in _NEEDED:
        held = row.get(name)
        blank = [text for text in (held if isinstance(held, list) else [held]) if text is None or not str(text).strip()]
        if blank or held == []:
            raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
    if type(row["expires"]) is not datetime.date:
        raise ConfigurationError(file, f"{key}.expires", f"a date is expected, not {row['expires']!r}", "2027-03-31")
    texts = texts_of(file, key, {name: row[name] for name in ("reason", "owner", "class", "case") if name in row})
    try:
        kind = Kind(texts["class"])
    except ValueError:
        words = ", ".join(kind.value for kind in Kind)
        raise ConfigurationError(file, f"{key}.class", f"{texts['class']!r} is no class", f"One of {words}.") from None
    names = _texts(file, f"{key}.operations", row["operations"])
    spared = _texts(file, f"{key}.except", row.get("except", []))
    for name in (*names, *spared):
        if name not in operations and name not in (EVERY, STATE):
            raise ConfigurationError(file, f"{key}.operations", f"no operation {name!r}", "See operations.toml.")
    if (EVERY in names and len(names) > 1) or (spared and names != (EVERY,)):
        raise ConfigurationError(file, f"{key}.operations", "every stands alone, and except with it", "Mend it.")
    sides = [_texts(file, f"{key}.{side}", row[side]) if side in row else None for side in ("legacy", "worker")]
    rule = Acceptance(
        line, names, _texts(file, f"{key}.path", row["path"]), kind, sides[0], sides[1], texts.get("case", ""),
        texts["reason"], texts["owner"], row["expires"], spared,
        typed(file, f"{key}.always", row.get("always", False), bool, "true or false"), noise,
    )  # fmt: skip
    _refuse(file, key, rule)
    return rule


def _refuse(file: Path, key: str, rule: Acceptance) -> None:
    """What nobody may accept, and what would accept more than it says."""
    if any("*" in path.replace("/*", "").replace("csv*", "") for path in rule.paths):
        raise ConfigurationError(file, f"{key}.path", "is a pattern", "Name the path; /* is each element of a list.")
    if rule.noise:
        if rule.kind not in NOISY:
            raise ConfigurationError(file, f"{key}.class", "noise hides no type and no presence", "value or order.")
        if rule.always:
            raise ConfigurationError(file, f"{key}.always", "noise is not always there", "Remove it.")
        for path in rule.paths:
            if path in ("body", "csv"):
                raise ConfigurationError(
                    file, f"{key}.path", f"noise at {path} hides a whole file", "Name the place in it."
                )
        _refuse_loss(file, key, rule)
        return
    if rule.always and (rule.kind is not Kind.EXTRA or rule.worker is None):
        raise ConfigurationError(
            file, f"{key}.always", "is for what the Worker always adds", "class extra, with worker."
        )
    both_needed = rule.kind not in (Kind.MISSING, Kind.EXTRA)
    if both_needed and (rule.legacy is None or rule.worker is None):
        raise ConfigurationError(
            file, key, "says no direction", "Add legacy and worker, as the report shows them for this difference."
        )
    _refuse_loss(file, key, rule)
    if rule.kind is Kind.STATUS:
        for legacy in rule.legacy or ():
            for worker in rule.worker or ():
                if legacy[:1] == "4" and worker[:1] in ("2", "3") and legacy != "400":
                    raise ConfigurationError(
                        file, key, f"{legacy} that becomes {worker} opens what was closed",
                        "Isolation between users is not to be accepted away: mend the Worker.",
                    )  # fmt: skip
                if worker[:1] == "5":
                    raise ConfigurationError(file, key, f"{worker} is an error of the Worker", "Mend the Worker.")


def _refuse_loss(file: Path, key: str, rule: Acceptance) -> None:
    """Elements too many or too few, other bytes, other cells, other things: data lost, or another user's shown."""
    if rule.kind is Kind.SEMANTICS and set(rule.legacy or ()) & set(_ONE_TO_ONE):
        raise ConfigurationError(
            file, key, "something else stands where one thing stood", "That is another's: mend the Worker."
        )
    for path in rule.paths:
        element = path.endswith("/*") and rule.kind in (Kind.MISSING, Kind.EXTRA)
        bytes_of = any(rule.covers(operation) and path == place for operation, place in _BYTES)
        cell = path.startswith("csv/") and rule.kind is Kind.VALUE
        if element or bytes_of or cell:
            raise ConfigurationError(
                file, f"{key}.path", f"{rule.kind.value} at {path} is data lost, or another user's",
                "Neither is to be accepted away: mend the Worker.",
            )  # fmt: skip


def _texts(file: Path, key: str, value: Any) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    return tuple(str(typed(file, key, text, str, "a text")) for text in values)
