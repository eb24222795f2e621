"""Groups the failed and blocked checks of a gate by the broken precondition that caused them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cutover.core.evidence import Record, Status
from cutover.core.requirements import RequiredCheck


@dataclass(frozen=True)
class Cause:
    """One broken precondition ("upload on worker") with the checks that report it and the checks that it blocks.

    observed: what a blocked check saw, "" if none is blocked. owners: the checks that own it. reported_by: those that
    failed, and failed checks with the same findings. findings: number of their distinct findings. outcome: of the
    owners: failed, waived, passed, not verified, missing.
    """

    name: str
    observed: str
    owners: tuple[str, ...]
    reported_by: tuple[str, ...]
    findings: int
    outcome: str
    blocked: tuple[str, ...]
    reasons: tuple[str, ...] = ()

    @property
    def is_failure(self) -> bool:
        """Return True if it makes the verdict NO-GO: an owner failed, or passed although another check saw a failure.

        The second is a precondition that fails now and then: what the blocked check saw is not reported by any other.
        """
        return self.outcome in ("failed", "passed")

    @property
    def line(self) -> str:
        """Return the cause in one line, with its findings and the number of checks that it blocks."""
        found = f"{self.findings} finding{'s' if self.findings != 1 else ''}"
        blocks = f"blocks {len(self.blocked)} check{'s' if len(self.blocked) != 1 else ''}" if self.blocked else ""
        owners = " and ".join(self.owners)
        if self.outcome == "failed":
            reports = "; ".join(self.reasons)
            return f"{self.name}: {found}{', ' + blocks if blocks else ''}: {reports}"
        return f"{self.name} {blocks}: {self.observed}. " + {
            "waived": f"Its finding is waived ({owners}), which does not verify the blocked checks",
            "passed": f"It fails now and then: {owners} passed",
        }.get(self.outcome, f"The check that reports it did not run or was not verified: {owners}")

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "line": self.line}


def causes_of(
    listed: Iterable[RequiredCheck],
    records: Iterable[Record],
    blocked: Iterable[Record],
    failed: Sequence[Record],
    waived: Sequence[Record],
) -> tuple[Cause, ...]:
    """Return the causes of one gate, those that block most checks first.

    A cause is a precondition that blocks a check, or of which several owners failed. listed: the gate's checks in the
    manifest. records: all records of the gate; blocked, failed, waived: the worst ones of their checks.
    """
    owners: dict[str, list[str]] = {}
    for entry in listed:
        for name in entry.owns:
            owners.setdefault(name, []).append(entry.check)
    blocks: dict[str, list[str]] = {}
    observed: dict[str, str] = {}
    for record in blocked:
        for name, seen in record.blocked_by.items():
            blocks.setdefault(name, []).append(record.check)
            observed.setdefault(name, seen)
    several = [name for name, checks in owners.items() if sum(each.check in checks for each in failed) > 1]
    ran = {record.check for record in records}
    passed = {record.check for record in records if record.status is Status.PASSED}
    causes: list[Cause] = []
    for name in sorted({*blocks, *several}, key=lambda name: (-len(blocks.get(name, ())), name)):
        own = owners.get(name, [])
        reports = [record for record in failed if record.check in own]
        found = {each for record in reports for each in _findings(record)}
        reports += [each for each in failed if each.findings and each not in reports and found >= {*each.findings}]
        outcome = (
            "failed" if reports
            else "waived" if any(record.check in own for record in waived)
            else "passed" if passed & {*own}
            else "not verified" if ran & {*own}
            else "missing"
        )  # fmt: skip
        causes.append(
            Cause(
                name,
                observed.get(name, ""),
                tuple(own),
                tuple(record.check for record in reports),
                len(found),
                outcome,
                tuple(sorted(blocks.get(name, ()))),
                tuple(f"{record.check}: {record.reason}" for record in reports),
            )
        )
    return tuple(causes)


def failed_reasons(failed: Iterable[Record], causes: Iterable[Cause]) -> list[str]:
    """Return one reason for each cause of a failure, and one for each failed check that reports no cause."""
    causes = list(causes)
    reported = {check for cause in causes for check in cause.reported_by}
    return [cause.line for cause in causes if cause.is_failure] + [
        f"{record.check}: {record.reason}" for record in failed if record.check not in reported
    ]


def unverified_reasons(records: Iterable[Record], causes: Iterable[Cause]) -> list[str]:
    """Return one reason for each cause without a failed owner, and one for each reason why checks are not verified."""
    why: dict[str, list[str]] = {}
    for record in records:
        why.setdefault(record.observations.incomplete or record.reason, []).append(record.check)
    lines = [cause.line for cause in causes if not cause.is_failure]
    for reason, checks in why.items():
        if len(checks) == 1:
            lines.append(f"{checks[0]} not verified: {reason}")
        else:
            lines.append(f"{len(checks)} checks not verified: {reason} ({', '.join(checks)})")
    return lines


def _findings(record: Record) -> tuple[str, ...]:
    return record.findings or (record.fingerprint or record.check,)
