"""Collection of the findings of one check on one system."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.config.operations import Operation
from cutover.contract.findings import Finding, Findings, Place, conclude, place_of
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Result, Target


class Inspection:
    """The findings of one check on one system, and the number of inspected responses by operation."""

    def __init__(self, target: Target, check: str, rule: str) -> None:
        """Start without findings. check: stable first word of each finding's name. rule: source of the promise."""
        self.target, self.check, self.rule = target, check, rule
        self.findings = Findings()
        self.counts: dict[str, int] = {}
        self._closed = False
        target.unfinished.append(self.report_unfinished)

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
        breaks: Rule | None = None,
    ) -> None:
        """Add a finding for a response. got: the response's excerpt by default. seed: the input if it was generated.

        breaks: the broken rule, if it is not the one that the check names. Without effect if it is not judged here.
        """
        place = place_of(result.answer, role=role, seed=seed, variables=variables)
        self.report_at(
            place,
            defect,
            expected=expected,
            got=got or result.answer.excerpt,
            rule=rule,
            do_next=do_next,
            breaks=breaks,
        )

    def report_at(
        self,
        place: Place,
        defect: str,
        *,
        expected: object,
        got: object,
        rule: str = "",
        do_next: str = "",
        breaks: Rule | None = None,
    ) -> None:
        """Add a finding at a place that is not a response of the client. breaks: as for `report`."""
        if breaks is not None and not self.target.judges(breaks):
            return
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
                breaks or "",
            )
        )

    def expect_status(
        self,
        result: Result,
        *statuses: int,
        defect: str,
        role: str = "",
        why: str = "",
        do_next: str = "",
        breaks: Rule | None = None,
    ) -> bool:
        """Count the response. Return True if its status is one of these; report a finding otherwise.

        If the operation is broken, which is the finding of another check, a refusal proves nothing: False, no finding.
        breaks: as for `report`.
        """
        self.count(result.operation.name)
        if result.is_status(*statuses):
            return True
        if self.is_unproven(result.operation.name, result.status):
            return False
        if breaks is not None and not self.target.judges(breaks):
            self.counts[result.operation.name] -= 1  # nothing was verified with this response
            self.target.recorder.note_undetectable(f"{self.check}: {defect} ({result.operation.name}), {breaks}")
            return False
        expected = f"status {' or '.join(map(str, statuses))}{': ' + why if why else ''}"
        self.report(result, defect, expected=expected, role=role, do_next=do_next, breaks=breaks)
        return False

    def expect_refusal(
        self,
        result: Result,
        *statuses: int,
        defect: str,
        role: str = "",
        why: str = "",
        do_next: str = "",
        breaks: Rule | None = None,
    ) -> bool:
        """Count the response. Return True if the request was refused; report a finding otherwise.

        defect: "accepted: …", for a success or a redirect. A 5xx is neither acceptance nor refusal, and a 4xx that is
        none of the statuses breaks only a house convention: both are findings of their own. breaks: the rule that an
        acceptance breaks, as for `report`. If the operation is broken, as for `expect_status`: False, no finding.
        """
        self.count(result.operation.name)
        if result.is_status(*statuses):
            return True
        if self.is_unproven(result.operation.name, result.status):
            return False
        what = defect.removeprefix("accepted: ")
        wanted = " or ".join(map(str, statuses))
        expected = f"a refusal with {wanted}{': ' + why if why else ''}"
        if result.is_refusal:
            name = f"refused with {result.status} instead of {wanted}: {what}"
            self.report(result, name, expected=expected, role=role, breaks=Rule.STATUSES)
            return True
        if result.status >= 500:
            name = f"{result.status} instead of a refusal: {what}"
            self.report(result, name, expected=expected, role=role, breaks=Rule.DISCLOSURE)
            return False
        self.report(result, defect, expected=expected, role=role, do_next=do_next, breaks=breaks)
        return False

    def is_unproven(self, operation: str, status: int | None) -> bool:
        """Return True for an error of an operation that refuses valid requests as well (`Target.is_broken`).

        A success or a redirect is a finding in any case: what must be refused was accepted. status: None without a
        response.
        """
        return (status is None or status >= 400) and self.target.is_broken(operation)

    def close(self, recorder: Recorder, **counts: Any) -> None:
        """End the check. Raises ContractFailed if there are findings, NotVerified if no response was inspected."""
        self._closed = True
        total = sum(self.counts.values())
        recorder.measure("responses inspected", total, "> 0", sample=len(self.counts))
        conclude(self.findings, recorder, requests=self.counts, **counts)
        if not total:
            raise NotVerified(f"{self.check}: {self.target.system} gave no response that this check could judge")

    def report_unfinished(self) -> None:
        """Raise ContractFailed if an exception ended the check after its first finding, so that none is lost."""
        if not self._closed and len(self.findings):
            recorder = self.target.recorder
            recorder.incomplete = recorder.incomplete or f"{self.check}: an exception ended the check before its end"
            conclude(self.findings, recorder, requests=self.counts)


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
