"""The end of a parity run in the reporting process: closing checks, parity.json and parity.html."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.config.environments import environment_files, environment_operations
from cutover.config.validation import ConfigurationError
from cutover.core.acceptances import Acceptance
from cutover.core.evidence import Record, Status
from cutover.core.verdict import GateVerdict, Verdict
from cutover.parity.accepted_differences_file import load_accepted_differences
from cutover.parity.difference_causes import Cause
from cutover.parity.journeys.declared import load_journeys
from cutover.parity.parity_failure import UNDECLARED
from cutover.parity.parity_run import ATTACHMENT
from cutover.parity.rules import load_rules
from cutover.parity.summary import Summary, closing_records, summarize

if TYPE_CHECKING:
    from cutover.pytest_plugin.session import GateSession

GATE: Final = "parity"
NEEDED_FOR_ADMINISTRATORS: Final = ("postgres", "d1")
"""Stores that are needed to make an administrator. Without one of them, no coverage of that role is required."""


def compared_something(record: Record) -> bool:
    """Return True if a check finished and compared something. Without totals a check proves nothing."""
    totals = record.observations.attachments.get(ATTACHMENT)
    return record.status in (Status.PASSED, Status.FAILED) and isinstance(totals, dict) and bool(totals.get("compared"))


def with_causes(verdict: GateVerdict, causes: Sequence[Cause], records: Iterable[Record]) -> GateVerdict:
    """Return a NO-GO of parity with the causes as its first reasons, instead of one reason per failed journey.

    records: of the run. The reasons of checks that failed for something else stay.
    """
    if verdict.gate != GATE or verdict.verdict is not Verdict.NO_GO or not causes:
        return verdict
    explained = tuple(
        f"{record.check}: "
        for record in records
        if record.status is Status.FAILED and (record.finding or "").startswith(UNDECLARED)
    )
    others = [reason for reason in verdict.reasons if not reason.startswith(explained)]
    return replace(verdict, reasons=(*(cause.line for cause in causes), *others))


class ParityConclusion:
    """The conclusion of a parity run in which at least one journey was played."""

    def __init__(self, session: GateSession) -> None:
        """Summarize the records of the run. Raises ConfigurationError for the contracts."""
        self._session = session
        environment = session.environment
        rules = load_rules(session.project, environment.operations, environment.files.get("parity"))
        today = datetime.datetime.now(datetime.UTC).date()
        decisions = load_accepted_differences(
            session.project, environment.operations["worker"], today, environment.files.get("accepted_differences")
        )
        self._decisions = decisions
        ran = {record.check for record in session.records if compared_something(record)}
        inapplicable = {record.check for record in session.records if record.status is Status.NOT_APPLICABLE}
        required = {
            entry.check
            for entry in session.manifest
            if entry.gate == GATE and "::test_" in entry.check and not {*entry.needs} & set(environment.absent)
        }
        without = [name for name in NEEDED_FOR_ADMINISTRATORS if name in environment.absent]
        not_required = {"admin": environment.absent[without[0]]} if without else {}
        self.summary: Summary = summarize(
            session.records, rules, decisions, complete=required - inapplicable <= ran, not_required=not_required
        )

    def add_records(self) -> None:
        """Add the closing checks to the run's records."""
        session = self._session
        for record in closing_records(self.summary, session.name or "", GATE):
            session.records.append(record)
            if session.log is not None:
                session.log.record(record)

    def lines(self) -> list[str]:
        """Return the lines above the verdict: coverage, and the number of differences by decision."""
        summary = self.summary
        totals, cells = summary.totals, [cell for cell in summary.rules.cells if cell.role not in summary.not_required]
        decided = Counter(seen.decision for seen in summary.differences)
        operations = sorted({cell.operation for cell in cells})
        return [
            f"coverage: {len(cells) - len(summary.uncovered)} of {len(cells)} required combinations of operation, role "
            f"and status, over {len(operations)} operations: {', '.join(operations)}",
            f"compared: {sum(totals.compared.values())} pairs of responses in {len(totals.journeys)} journeys",
            f"kinds of difference: {decided['undeclared']} undeclared (causes: {len(summary.causes)}), "
            f"{decided['accepted']} accepted, "
            f"{decided['noise']} noise",
            f"report: {self._session.folder / 'parity.html'}",
        ]

    def acceptances(self) -> list[Acceptance]:
        """Return the accepted differences that occurred."""
        return self._decisions.acceptances(self.summary.totals.accepted)

    def with_causes(self, verdict: GateVerdict) -> GateVerdict:
        """Return a NO-GO with one reason per cause instead of one per failed journey."""
        return with_causes(verdict, self.summary.causes, self._session.records)

    def write(self, verdicts: Sequence[GateVerdict], facts: Mapping[str, Any]) -> None:
        """Write parity.json and parity.html into the run's folder."""
        from cutover.parity.report_files import write_parity_files

        session = self._session
        verdict = next((verdict for verdict in verdicts if verdict.gate == GATE), None)
        if session.log is None or verdict is None:
            return
        write_parity_files(
            session.log,
            session.folder,
            self.summary,
            facts,
            verdict,
            statuses={record.check: record.status.value for record in session.records},
            operations=session.environment.operations,
            show_values=session.config.option.cutover_show_values,
            not_asked="no journey requests it",
        )


def check_parity_contracts(project: Path, name: str) -> None:
    """Read the contracts of parity before anything is started.

    Raises ConfigurationError, also for an accepted difference that has expired.
    """
    operations = environment_operations(project, name)
    files = environment_files(project, name)
    load_rules(project, operations, files.get("parity"))
    load_journeys(files.get("journeys"), operations)
    today = datetime.datetime.now(datetime.UTC).date()
    load_accepted_differences(project, operations["worker"], today, files.get("accepted_differences"))


def parity_conclusion(session: GateSession) -> ParityConclusion | None:
    """Return the conclusion of this run, None if no journey was played."""
    if GATE not in session.asked or not session.loaded:
        return None
    if not any(ATTACHMENT in record.observations.attachments for record in session.records):
        return None
    try:
        return ParityConclusion(session)
    except (ConfigurationError, ValueError) as error:  # ValueError: the totals of a check cannot be read
        session.trouble.invalid.append(str(error))
        return None
