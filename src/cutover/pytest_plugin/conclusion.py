"""The end of a gate run: from pytest's own exit code and the evidence to the verdicts and one exit code.

Writes verdict.json and the step summary. The rules themselves are in verdict.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from cutover.accounts.registered import unremoved
from cutover.core.evidence import Status
from cutover.core.requirements import Waiver
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import ExitCode, GateVerdict, Run, Verdict, decide, exit_code, stale_waivers
from cutover.pytest_plugin.selection import narrowing

CONTRACT_FILE: Final = "contract.json"

if TYPE_CHECKING:
    from cutover.contract.totals import ContractTotals
    from cutover.pytest_plugin.parity_conclusion import ParityConclusion
    from cutover.pytest_plugin.session import GateSession


@dataclass
class Trouble:
    """What pytest told on the way that no check's record says."""

    invalid: list[str] = field(default_factory=list)
    uncollected: list[str] = field(default_factory=list)
    others_failed: bool = False  # a failed test that is no check of a gate
    interrupted: bool = False  # Ctrl-C or SIGTERM, and not -x or --maxfail
    at_the_end: str | None = None  # an exception in the last teardowns


def conclude(session: GateSession, before: int) -> tuple[list[GateVerdict], int]:
    """Every gate's verdict, written down, and the exit code of the whole run. before: pytest's own code."""
    from cutover.pytest_plugin.migration_conclusion import conclude_migration
    from cutover.report.step_summary import append_step_summary
    from cutover.run.verdict_file import finished

    trouble = session.trouble
    failed = any(record.status is Status.FAILED for record in session.records)
    before = _pytests_own(before, session, failed=failed)
    if session.log is not None:
        session.log.event("ended", pytest=before)
    parity = _parity(session)
    contract = _contract(session)
    invalid = [*trouble.invalid, *_found_at_the_end(session)]
    facts = session.facts()
    facts["leftovers"] += unremoved(session.ledger, facts["leftovers"])
    run = Run(
        environment=facts["environment"],
        safety=session.environment.safety if session.loaded else SafetyLevel.READ_ONLY,
        absent=session.environment.absent if session.loaded else {},
        read_only_form=session.environment.read_only_form if session.loaded else {},
        invalid=invalid,
        tool_error=_tool_error(before, stale_waivers(session.records, session.waivers)),
        selection=narrowing(session.config),
        unproven=_unproven(session),
        requests=facts["requests"],
        rate_limited=facts["rate_limited"],
    )
    gates = [gate for gate in session.asked if gate in session.selected_gates or session.config.option.markexpr]
    verdicts = [decide(gate, run, session.manifest, session.records, session.waivers) for gate in gates]
    final = exit_code(verdicts)
    if before == ExitCode.NO_GO and final == 0 and (trouble.others_failed or not failed):
        final = int(ExitCode.NO_GO)  # a test that is no check failed, or a failure that no record explains
    if session.log is not None:
        session.log.write("verdict.json", finished(facts, verdicts, final))
        append_step_summary(verdicts, session.records, facts)
        if parity is not None:
            parity.write(verdicts, facts)
            session.told += parity.lines()
        if contract is not None:
            told = {name: facts[name] for name in ("run", "environment", "url", "versions") if name in facts}
            session.log.write(CONTRACT_FILE, contract.as_json(told))
            session.told += [*contract.lines(), f"contract: {session.folder / CONTRACT_FILE}"]
        session.told += conclude_migration(session, verdicts, facts)
        if session.log.failure is not None and final == 0:  # the file still says that the run did not end
            verdicts = [_unwritten(verdict, session.log.failure) for verdict in verdicts]
            final = int(ExitCode.INVALID)
    session.final_facts = facts
    return verdicts, final


def _parity(session: GateSession) -> ParityConclusion | None:
    """What only the sum of all journeys shows, added to the records."""
    if not any("parity" in record.gates for record in session.records):
        return None
    from cutover.pytest_plugin.parity_conclusion import parity_conclusion

    found = parity_conclusion(session)
    if found is not None:
        found.add_records()
    return found


def _contract(session: GateSession) -> ContractTotals | None:
    """What the checks of the contract gate found and sent in all."""
    records = [record for record in session.records if "contract" in record.gates]
    if not records:
        return None
    from cutover.contract.totals import sums_of

    return sums_of(records)


def _unwritten(verdict: GateVerdict, failure: str) -> GateVerdict:
    reason = f"the verdict could not be written: {failure}. Free the disk and run again."
    return replace(
        verdict, verdict=Verdict.INVALID, exit_code=int(ExitCode.INVALID), reasons=(reason, *verdict.reasons)
    )


def _pytests_own(before: int, session: GateSession, *, failed: bool) -> int:
    """pytest's exit code in the meaning of docs/gates.md."""
    if before == ExitCode.NOTHING_SELECTED and session.trouble.invalid:
        return int(ExitCode.INVALID)  # nothing was selected because nothing could be reached
    if before == ExitCode.INTERRUPTED and failed and session.config.option.maxfail and not session.trouble.interrupted:
        return int(ExitCode.NO_GO)  # xdist ends a run that -x or --maxfail stops as if it were interrupted
    if session.trouble.at_the_end is not None and before in (ExitCode.GO, ExitCode.NO_GO):
        return int(ExitCode.CRASHED)
    return before


def _found_at_the_end(session: GateSession) -> list[str]:
    """Reasons why the whole measurement cannot be trusted."""
    found = [f"{name} could not be collected" for name in session.trouble.uncollected]
    versions = {
        exchange.version
        for record in session.records
        for exchange in record.observations.exchanges
        if exchange.system == "worker" and exchange.version is not None
    }
    if len(versions) > 1:
        found.append(
            f"{len(versions)} versions of the Worker answered in one run ({', '.join(sorted(versions))}): "
            "a deployment was going on, or traffic is split. Wait for it, or ask for one with --worker-version."
        )
    if session.log is None and session.records:
        found.append("checks ran before the systems were asked whether they are ready, and without evidence")
    if session.log is not None and session.log.failure is not None:
        found.append(f"evidence could not be written: {session.log.failure}. Free the disk and run again.")
    return found


def _unproven(session: GateSession) -> list[str]:
    """Which deployment answered, where only its version tells it from another and nobody asked for one."""
    worker = session.environment.systems.get("worker") if session.loaded else None
    if worker is None or worker.identity is None or not worker.identity.version_required:
        return []
    if session.config.option.cutover_version:
        return []
    return [
        f"which deployment answered is not proven: others say {worker.identity.value!r} as well. "
        f"Ask for a version of {worker.name}: --worker-version ID"
    ]


def _tool_error(before: int, stale: Sequence[Waiver]) -> tuple[int, str] | None:
    if before == ExitCode.INTERRUPTED:
        return before, "interrupted before the end (Ctrl-C, SIGTERM or an error while collecting)"
    if before == ExitCode.CRASHED:
        return before, "an internal error of pytest or of the suite; its text is above"
    if before == ExitCode.WRONG_USAGE:
        return before, "wrong usage or configuration; the message is above"
    if before == ExitCode.NOTHING_SELECTED:
        return before, "no check was selected"
    if stale:
        names = ", ".join(f"{waiver.check} ({waiver.fingerprint})" for waiver in stale)
        return int(ExitCode.WRONG_USAGE), (
            f"waivers.toml: the waiver of {names} matches nothing although its check ran. Remove it."
        )
    return None


def describe(error: BaseException) -> str:
    """One line about an exception."""
    first = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
