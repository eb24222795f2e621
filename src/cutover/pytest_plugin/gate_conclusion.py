"""Finds the verdicts of a gate run from its records and pytest's own exit code."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cutover.accounts.registered import unremoved
from cutover.config.worker_version import several_versions, unproven_version
from cutover.core.acceptances import Acceptance, used_waivers, with_acceptances
from cutover.core.evidence import Status
from cutover.core.requirements import Waiver
from cutover.core.rule_table import HOUSE
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import ExitCode, GateVerdict, Run, decide, exit_code, stale_waivers
from cutover.pytest_plugin.foreign_data_conclusion import add_foreign_data_records
from cutover.pytest_plugin.selection import narrowing

CONTRACT_FILE: Final = "contract.json"

if TYPE_CHECKING:
    from cutover.contract.totals import ContractTotals
    from cutover.pytest_plugin.parity_conclusion import ParityConclusion
    from cutover.pytest_plugin.session import GateSession


@dataclass
class Trouble:
    """Problems that pytest reported and that no check's record contains.

    lost_processes: xdist workers that ended early. others_failed: a test that is not a check of a gate failed.
    interrupted: by Ctrl-C or SIGTERM, not by -x or --maxfail. at_the_end: an exception in the last teardowns.
    wrong_usage: an error of the configuration that only the running pair shows.
    """

    invalid: list[str] = field(default_factory=list)
    uncollected: list[str] = field(default_factory=list)
    lost_processes: list[str] = field(default_factory=list)
    others_failed: bool = False
    interrupted: bool = False
    at_the_end: str | None = None
    wrong_usage: str | None = None


def conclude(session: GateSession, before: int) -> int:
    """Decide every gate, write the run's files, and return the exit code. before: pytest's own exit code."""
    trouble = session.trouble
    failed = any(record.status is Status.FAILED for record in session.records)
    before = _meaning_of(before, session, failed=failed)
    if session.log is not None:
        session.log.event("pytest ended", exit_code=before)
    parity = _parity(session)
    add_foreign_data_records(session)
    facts = session.run.facts()
    facts["leftovers"] += unremoved(session.ledger, facts["leftovers"])
    environment = session.environment if session.loaded else None
    failure = session.run.write_failure()
    run = Run(
        environment=facts["environment"],
        safety=environment.safety if environment else SafetyLevel.READ_ONLY,
        absent=environment.absent if environment else {},
        read_only_form=environment.read_only_form if environment else {},
        invalid=[*trouble.invalid, *_measurement_errors(session), *([failure] if failure else [])],
        lost=session.pair.lost,
        tool_error=(int(ExitCode.WRONG_USAGE), trouble.wrong_usage)
        if trouble.wrong_usage
        else _tool_error(before, stale_waivers(session.records, session.waivers)),
        selection=narrowing(session.config),
        unproven=unproven_version(environment, session.config.option.cutover_version),
        requests=facts["requests"],
        rate_limited=facts["rate_limited"],
        rules=environment.rules if environment else HOUSE,
    )
    gates = [gate for gate in session.asked if gate in session.selected_gates or session.config.option.markexpr]
    verdicts = [decide(gate, run, session.manifest, session.records, session.waivers) for gate in gates]
    if parity is not None:
        verdicts = [parity.with_causes(verdict) for verdict in verdicts]
    today = datetime.datetime.now(datetime.UTC).date()
    verdicts = [with_acceptances(verdict, _acceptances(session, verdict.gate, parity), today) for verdict in verdicts]
    code = exit_code(verdicts)
    if before == ExitCode.NO_GO and code == 0 and (trouble.others_failed or not failed):
        code = int(ExitCode.NO_GO)  # a test that is not a check failed, or a failure that no record explains
    session.lines += session.run.finish(
        verdicts, facts, code=code, present=lambda decided, known: _present(session, parity, decided, known)
    )
    return session.run.code


def _present(
    session: GateSession, parity: ParityConclusion | None, verdicts: Sequence[GateVerdict], facts: Mapping[str, Any]
) -> Iterable[str]:
    """Write the files of each gate and yield its lines for the terminal."""
    from cutover.pytest_plugin.migration_conclusion import conclude_migration

    if parity is not None:
        parity.write(verdicts, facts)
        yield from parity.lines()
    contract = _contract(session)
    if contract is not None and session.log is not None:
        identity = {name: facts[name] for name in ("run", "environment", "url", "versions") if name in facts}
        session.log.write(CONTRACT_FILE, contract.as_json(identity))
        yield from contract.lines()
        yield f"contract: {session.folder / CONTRACT_FILE}"
    yield from conclude_migration(session, verdicts, facts)


def _parity(session: GateSession) -> ParityConclusion | None:
    """Return the totals of all journeys, whose closing checks were added to the records; None without journeys."""
    if not any("parity" in record.gates for record in session.records):
        return None
    from cutover.pytest_plugin.parity_conclusion import parity_conclusion

    found = parity_conclusion(session)
    if found is not None:
        found.add_records()
    return found


def _acceptances(session: GateSession, gate: str, parity: ParityConclusion | None) -> list[Acceptance]:
    """Return the accepted findings that occurred in this gate."""
    records = [record for record in session.records if gate in record.gates]
    found = used_waivers(records, session.waivers)
    if gate == "parity" and parity is not None:
        found += parity.acceptances()
    contract = _contract(session) if gate == "contract" else None
    return found + (contract.acceptances if contract is not None else [])


def _contract(session: GateSession) -> ContractTotals | None:
    """Return the totals of the contract gate's checks, None if none ran."""
    records = [record for record in session.records if "contract" in record.gates]
    if not records:
        return None
    from cutover.contract.totals import totals_of

    return totals_of(records)


def _meaning_of(before: int, session: GateSession, *, failed: bool) -> int:
    """Return pytest's exit code with the meaning of docs/gates.md."""
    trouble = session.trouble
    if trouble.interrupted:
        return before
    if before == ExitCode.NOTHING_SELECTED and trouble.invalid:
        return int(ExitCode.INVALID)  # no check was selected because a system could not be reached
    if before != ExitCode.WRONG_USAGE and trouble.lost_processes:
        return int(ExitCode.INVALID)  # xdist ends such a run with 0, 1, 2, 3 or 5
    if before in (ExitCode.NO_GO, ExitCode.NOTHING_SELECTED) and trouble.uncollected:
        return int(ExitCode.INVALID)  # xdist ends with 1 if its workers collect different items
    if before == ExitCode.INTERRUPTED and failed and session.config.option.maxfail:
        return int(ExitCode.NO_GO)  # xdist ends a run that -x or --maxfail stops as if it were interrupted
    if trouble.at_the_end is not None and before in (ExitCode.GO, ExitCode.NO_GO):
        return int(ExitCode.CRASHED)
    return before


def _measurement_errors(session: GateSession) -> list[str]:
    """Return the reasons why the run as a whole is not a valid measurement."""
    trouble = session.trouble
    errors = [f"{name or 'tests'} could not be collected" for name in trouble.uncollected]
    if trouble.lost_processes and not any(record.status is Status.CRASHED for record in session.records):
        errors.append(
            f"{len(trouble.lost_processes)} xdist worker process(es) ended early: "
            f"{', '.join(sorted(set(trouble.lost_processes)))}. Their checks may be lost. Run it again, without -n if "
            "this recurs"
        )
    versions = {
        exchange.version
        for record in session.records
        for exchange in record.observations.exchanges
        if exchange.system == "worker" and exchange.version is not None
    }
    errors += several_versions(versions)
    if session.log is None and session.records:
        errors.append("checks ran before the systems were ready, and without evidence")
    return errors


def _tool_error(before: int, stale: Sequence[Waiver]) -> tuple[int, str] | None:
    reasons = {
        ExitCode.INTERRUPTED: "interrupted before the end (Ctrl-C, SIGTERM or an error during collection)",
        ExitCode.CRASHED: "internal error of pytest or of the suite; its text is above",
        ExitCode.WRONG_USAGE: "wrong usage or configuration; the message is above",
        ExitCode.NOTHING_SELECTED: "no check was selected",
    }
    for code, reason in reasons.items():
        if before == code:
            return int(code), reason
    if stale:
        names = ", ".join(f"{waiver.check} ({waiver.fingerprint})" for waiver in stale)
        return int(ExitCode.WRONG_USAGE), (
            f"waivers.toml: the waiver of {names} matches no finding although its check ran. Remove it."
        )
    return None


def describe(error: BaseException) -> str:
    """Return one line about an exception."""
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
