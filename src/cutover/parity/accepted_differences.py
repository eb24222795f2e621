"""Differences that are accepted, each with reason, owner and last day, and the result of each entry in a run.

An entry accepts only the differences that it names. An entry that was not seen although its operation was exercised
is stale. An entry that names more than was seen is too broad. Both fail the gate. accepted_differences_file.py
reads the entries.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cutover.core.acceptances import ACCEPTED_DIFFERENCE, Acceptance
from cutover.parity.differences import Difference, Kind

FILE: Final = "contracts/accepted_differences.toml"
EVERY: Final = "every"
STATE: Final = "state"
NOISY: Final = (Kind.VALUE, Kind.ORDER)
"""Kinds that noise may hide: the value or the order, never the type or the presence."""


@dataclass(frozen=True)
class AcceptedDifference:
    """One entry of the file: an accepted difference, or accepted noise.

    line: its first line in the file. operations: names, or EVERY with the exceptions. paths, kind, legacy, worker: as
    in the key of a Difference; None for a side accepts anything. always: the difference must be in every response of
    these operations. case: "" for any. expires: the last day on which the entry is valid (UTC). file: its file.
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
    file: str = FILE

    @property
    def where(self) -> str:
        """Return file and line."""
        return f"{self.file}:{self.line}"

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

    def acceptances(self, seen: Iterable[tuple[int, str, str]]) -> list[Acceptance]:
        """Return the entries that accepted a difference. seen: (line, operation, path) of the accepted differences."""
        lines = {line for line, _, _ in seen}
        return [
            Acceptance(ACCEPTED_DIFFERENCE, f"{rule.where} {rule.paths[0]}", rule.expires)
            for rule in self.entries
            if rule.line in lines
        ]

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
        undeclared: Iterable[tuple[str, str]] = (),
    ) -> list[DeclarationResult]:
        """Return the result of each entry.

        seen: (line, operation, path) -> count; exercised: operations with at least one compared response; cases:
        (operation, case) of those responses; sides: (line, legacy word, Worker word) of the accepted differences;
        filled: (operation, path) of the lists that had elements on both sides. Without elements, nothing below the
        list was compared. undeclared: (operation, path) of the undeclared differences: an entry that they explain is
        not stale, because one cause is one finding.
        """
        explained = _Explained(undeclared)
        return [_result_of(rule, seen, exercised, cases, sides, filled, explained) for rule in self.entries]


def _result_of(
    rule: AcceptedDifference,
    seen: Mapping[tuple[int, str, str], int],
    exercised: Collection[str],
    cases: Collection[tuple[str, str]],
    sides: Collection[tuple[int, str, str]],
    filled: Collection[tuple[str, str]],
    explained: _Explained,
) -> DeclarationResult:
    meant = [
        name
        for name in (sorted(exercised) if rule.operations == (EVERY,) else rule.operations)
        if rule.covers(name) and name in exercised and (not rule.case or (name, rule.case) in cases)
    ]
    compared = [
        (name, path)
        for name in meant
        for path in rule.paths
        if seen.get((rule.line, name, path)) or (_is_compared(name, path, filled) and not explained.by(name, path))
    ]
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


class _Explained:
    """The places at which an undeclared difference explains that a declared one was not seen.

    A difference of the status or the whole body explains everything in the response, and one at a JSON pointer explains
    everything below it.
    """

    def __init__(self, undeclared: Iterable[tuple[str, str]]) -> None:
        self._paths: dict[str, set[str]] = {}
        for operation, path in undeclared:
            self._paths.setdefault(operation, set()).add(path)

    def by(self, operation: str, path: str) -> bool:
        """Return True if an undeclared difference of the operation explains that the path was not seen."""
        found = self._paths.get(operation, set())
        return bool({"status", "body", path} & found) or any(path.startswith(f"{above}/") for above in found)


def _is_compared(operation: str, path: str, filled: Collection[tuple[str, str]]) -> bool:
    """Return False if the path is below a list that never had elements on both sides."""
    above, element, _ = path.rpartition("/*")
    return not element or not path.startswith("/") or (operation, above) in filled
