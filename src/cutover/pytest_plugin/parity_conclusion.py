"""The end of a parity run on the process that reports: closing checks, parity.json and parity.html.

Not for the rules: parity/summary.py judges, report/parity_page.py shows.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.config.operations import load_operations
from cutover.config.validation import ConfigurationError
from cutover.core.evidence import Record, Status
from cutover.core.verdict import GateVerdict
from cutover.parity.accepted_differences import load_acceptances
from cutover.parity.parity_run import ATTACHMENT
from cutover.parity.rules import load_rules
from cutover.parity.summary import Summary, closing_records, summed

if TYPE_CHECKING:
    from cutover.pytest_plugin.session import GateSession

GATE: Final = "parity"
ADMINISTRATOR: Final = ("postgres", "d1")
"""What it takes to make an administrator: without one of these no cell of that role is required."""


def showed(record: Record) -> bool:
    """Whether a check came to its end and compared something; one that passed without its sums showed nothing."""
    sums = record.observations.attachments.get(ATTACHMENT)
    return record.status in (Status.PASSED, Status.FAILED) and isinstance(sums, dict) and bool(sums.get("compared"))


class ParityConclusion:
    """Made when a parity run ends and at least one journey was played."""

    def __init__(self, session: GateSession) -> None:
        """Raises ConfigurationError for the contracts; each check has met it before."""
        self._session = session
        environment = session.environment
        rules = load_rules(session.project, environment.operations)
        today = datetime.datetime.now(datetime.UTC).date()
        decisions = load_acceptances(session.project, environment.operations["worker"], today)
        ran = {record.check for record in session.records if showed(record)}
        required = {
            entry.check
            for entry in session.manifest
            if entry.gate == GATE and "::test_" in entry.check and not {*entry.needs} & set(environment.absent)
        }
        without = [name for name in ADMINISTRATOR if name in environment.absent]
        spared = {"admin": environment.absent[without[0]]} if without else {}
        self.summary: Summary = summed(session.records, rules, decisions, complete=required <= ran, spared=spared)

    def add_records(self) -> None:
        """Add the closing checks to the run's records."""
        session = self._session
        for record in closing_records(self.summary, session.name or "", GATE):
            session.records.append(record)
            if session.log is not None:
                session.log.record(record)

    def lines(self) -> list[str]:
        """What a person sees above the verdict: coverage, and how what differed was decided."""
        summary = self.summary
        totals, cells = summary.totals, [cell for cell in summary.rules.cells if cell.role not in summary.spared]
        decided = Counter(seen.decision for seen in totals.seen.values())
        operations = sorted({cell.operation for cell in cells})
        return [
            f"coverage: {len(cells) - len(summary.uncovered)} of {len(cells)} required combinations of operation, role "
            f"and status, over {len(operations)} operations: {', '.join(operations)}",
            f"compared: {sum(totals.compared.values())} pairs of answers in {len(totals.journeys)} journeys; kinds of "
            f"difference: {decided['undeclared']} undeclared, {decided['accepted']} accepted, {decided['noise']} noise",
            f"report: {self._session.folder / 'parity.html'}",
        ]

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
            not_asked="no journey asks for it",
        )


def judge_contracts(project: Path, name: str) -> None:
    """Read parity's contracts before anything is started. Raises ConfigurationError, for an acceptance that has
    expired, too."""
    operations = load_operations(project / "contracts" / "operations.toml", {}, {}, name)
    load_rules(project, operations)
    load_acceptances(project, operations["worker"], datetime.datetime.now(datetime.UTC).date())


def parity_conclusion(session: GateSession) -> ParityConclusion | None:
    """The conclusion of this run; None where no journey was played."""
    if GATE not in session.asked or not session.loaded:
        return None
    if not any(ATTACHMENT in record.observations.attachments for record in session.records):
        return None
    try:
        return ParityConclusion(session)
    except (ConfigurationError, ValueError) as error:  # ValueError: a check's sums cannot be read
        session.trouble.invalid.append(str(error))
        return None
