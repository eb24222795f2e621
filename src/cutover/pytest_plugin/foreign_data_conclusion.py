"""The end of a gate run: data of other accounts in any answer is one finding of one check."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cutover.accounts.foreign_data import CHECKS, NEVER_WAIVED, SUMMARY, failure_of, found_in
from cutover.config.operations import SYSTEMS
from cutover.core.evidence import Record, Status
from cutover.core.recorder import Observations
from cutover.core.rule_table import Rule

if TYPE_CHECKING:
    from cutover.pytest_plugin.session import GateSession


def add_foreign_data_records(session: GateSession) -> None:
    """Add a failed record to the check of each gate and system in whose answers data of other accounts was found.

    The check itself may have passed or not have run: the data may be in an answer to any other check. Parity has no
    check of its own for this. Its record is added whenever answers were searched, because the manifest requires it.
    """
    listed = {entry.check for entry in session.manifest}
    searched = {gate for record in session.records if record.observations.exchanges for gate in record.gates}
    for gate in sorted({gate for record in session.records for gate in record.gates}):
        if gate == "parity":
            _add(session, gate, None, always=gate in searched and CHECKS[gate] in listed)
        elif gate in CHECKS:
            for system in SYSTEMS:
                _add(session, gate, system)


def _add(session: GateSession, gate: str, system: str | None, *, always: bool = False) -> None:
    check = CHECKS[gate].format(system=system)
    found = found_in(session.records, gate, system)
    if not found and not always:
        return
    if any(record.check == check and record.status is Status.FAILED for record in session.records):
        return  # it has reported them itself
    failure = failure_of(found) if found else None
    record = Record(
        check,
        (gate,),
        session.name or "",
        Status.PASSED if failure is None else Status.FAILED,
        time.time(),
        0.0,
        system,
        "; ".join(line.strip() for line in str(failure).splitlines()[:3]) if failure is not None else "",
        failure.finding if failure is not None else None,
        None,
        SUMMARY,
        Observations(rule=Rule.ISOLATION),
        never_waived=NEVER_WAIVED,
    )
    session.records.append(record)
    if session.log is not None:
        session.log.record(record)
