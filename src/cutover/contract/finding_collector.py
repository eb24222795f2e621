"""What a check of ours sees on its way over the operations, put down as findings with their places.

Not for what is looked for: the check knows that; nor for how findings are grouped: findings.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.config.operations import Operation
from cutover.contract.findings import Finding, Findings, Place, place_of, show
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.systems.target import Result, Target


class Inspection:
    """The findings of one check on one system, and how many answers it looked at."""

    def __init__(self, target: Target, check: str, rule: str) -> None:
        """check: stable word that each finding's name begins with. rule: where the promise stands."""
        self.target, self.check, self.rule = target, check, rule
        self.findings = Findings()
        self.looked_at: dict[str, int] = {}

    def looked(self, operation: str) -> None:
        """One more answer of this operation was looked at."""
        self.looked_at[operation] = self.looked_at.get(operation, 0) + 1

    def see(
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
        """A defect, shown by this answer. got: its excerpt when left out; seed: the input, where it was drawn."""
        place = place_of(result.answer, role=role, seed=seed, variables=variables)
        self.see_at(place, defect, expected=expected, got=got or result.answer.excerpt, rule=rule, do_next=do_next)

    def see_at(
        self, place: Place, defect: str, *, expected: object, got: object, rule: str = "", do_next: str = ""
    ) -> None:
        """The same, where no single answer of the client shows it."""
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
        """Whether the status is one of these; when it is not, that is a finding."""
        self.looked(result.operation.name)
        if result.status in statuses:
            return True
        expected = f"status {' or '.join(map(str, statuses))}{': ' + why if why else ''}"
        self.see(result, defect, expected=expected, role=role, do_next=do_next)
        return False

    def close(self, recorder: Recorder, **counted: Any) -> None:
        """The end of the check. Raises ContractFailed with what was found, NotVerified when nothing was looked at."""
        total = sum(self.looked_at.values())
        recorder.measure("answers looked at", total, "> 0", sample=len(self.looked_at))
        show(self.findings, recorder, requests=self.looked_at, **counted)
        if not total:
            raise NotVerified(f"{self.check}: {self.target.system} has no operation that this could be tried on")


def present(target: Target, recorder: Recorder) -> list[Operation]:
    """The operations that this system has and the environment allows for; what it does not is written down."""
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
