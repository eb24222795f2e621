"""Collection of the findings of one check on one system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.config.operations import Operation
from cutover.contract.findings import Finding, Findings, Place, conclude, place_of
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.systems.target import Result, Target


class Inspection:
    """The findings of one check on one system, and the number of inspected responses by operation."""

    def __init__(self, target: Target, check: str, rule: str) -> None:
        """Start without findings. check: stable first word of each finding's name. rule: source of the promise."""
        self.target, self.check, self.rule = target, check, rule
        self.findings = Findings()
        self.counts: dict[str, int] = {}

    def count(self, operation: str) -> None:
        """Count one inspected response of the operation."""
        self.counts[operation] = self.counts.get(operation, 0) + 1

    def report(
        self,
        result: Result,
        defect: str,
        *,
        expected: object,
        got: object = "",
        role: str = "",
        rule: str = "",
        do_next: str = "",
        seed: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Add a finding for a response. got: the response's excerpt by default. seed: the input if it was generated."""
        place = place_of(result.answer, role=role, seed=seed, variables=variables)
        self.report_at(place, defect, expected=expected, got=got or result.answer.excerpt, rule=rule, do_next=do_next)

    def report_at(
        self, place: Place, defect: str, *, expected: object, got: object, rule: str = "", do_next: str = ""
    ) -> None:
        """Add a finding at a place that is not a response of the client."""
        self.findings.add(
            Finding(
                self.check,
                defect,
                self.target.system,
                rule or self.rule,
                str(expected),
                str(got),
                (place,),
                do_next,
            )
        )

    def expect_status(
        self, result: Result, *statuses: int, defect: str, role: str = "", why: str = "", do_next: str = ""
    ) -> bool:
        """Count the response. Return True if its status is one of these; report a finding otherwise."""
        self.count(result.operation.name)
        if result.status in statuses:
            return True
        expected = f"status {' or '.join(map(str, statuses))}{': ' + why if why else ''}"
        self.report(result, defect, expected=expected, role=role, do_next=do_next)
        return False

    def close(self, recorder: Recorder, **counts: Any) -> None:
        """End the check. Raises ContractFailed if there are findings, NotVerified if no response was inspected."""
        total = sum(self.counts.values())
        recorder.measure("responses inspected", total, "> 0", sample=len(self.counts))
        conclude(self.findings, recorder, requests=self.counts, **counts)
        if not total:
            raise NotVerified(f"{self.check}: {self.target.system} has no operation for this check")


def available_operations(target: Target, recorder: Recorder) -> list[Operation]:
    """Return the operations that the system and the environment have. Absent capabilities are noted in the record."""
    environment = target.environment
    found = []
    for operation in environment.operations[target.system].values():
        if operation.absent is not None:
            continue
        if (operation.needs or "") in environment.absent:
            recorder.note_undetectable(f"{operation.name}: {environment.name} has no {operation.needs}")
            continue
        found.append(operation)
    return found
