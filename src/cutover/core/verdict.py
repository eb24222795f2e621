"""Decides GO, NO-GO, INCONCLUSIVE or INVALID from the records of a run and its required checks.

All verdicts of the project are decided here. docs/gates.md explains the rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from typing import Any, Final

from cutover.core.causes import Cause, causes_of, failed_reasons, unverified_reasons
from cutover.core.evidence import Record, Status
from cutover.core.requirements import RequiredCheck, Waiver, base_of
from cutover.core.rule_table import HOUSE, VITAL, Rule
from cutover.core.safety import SafetyLevel

RATE_LIMITED_SHARE_LIMIT: Final = 0.02
"""Largest accepted share of responses with 429 that the run caused itself. Above it the request budget is wrong:
INVALID."""


class Verdict(StrEnum):
    """The verdict of a gate."""

    GO = "GO"
    GO_READ_ONLY = "GO (read-only form)"  # a separate name, so that it is not taken for the GO of the whole gate
    NO_GO = "NO-GO"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    TOOL_ERROR = "TOOL ERROR"


class ExitCode(IntEnum):
    """The exit code of a process. 2, 3, 4 and 5 have pytest's meaning."""

    GO = 0
    NO_GO = 1
    INTERRUPTED = 2
    CRASHED = 3
    WRONG_USAGE = 4
    NOTHING_SELECTED = 5
    INCONCLUSIVE = 10
    INVALID = 11


_MISSING_NAMED: Final = 12
"""Number of missing checks that the reason names. verdict.json names all of them."""

_INVALIDATES: Final = {
    Status.INVALID: "was not measured correctly",
    Status.UNREACHABLE: "could not reach the system",
    Status.IDENTITY_MISMATCH: "got a response from another system or version",
    Status.RATE_LIMITED: "got 429 although it waited",
    Status.STOPPED: "was stopped by the kill switch",
    Status.CRASHED: "was lost with the process that ran it",
}


@dataclass(frozen=True)
class Run:
    """Facts about a run that the verdict needs.

    absent: system or capability -> why the environment has none. read_only_form: gate -> why the environment
    requires only the read-only form of it. invalid: measurement errors found outside any check. lost: what ended
    during the run ("the embedded pair ... "), the one cause of all checks that could not reach it; "" if nothing did.
    tool_error: pytest's exit code 2 to 5, with its reason. selection: how the run was narrowed ("-k health"), "" if
    it was not. unproven: what no check of this run could verify. requests, rate_limited: over all processes.
    rules: the profile of rules that the environment selects (core/rule_table.py).
    """

    environment: str
    safety: SafetyLevel
    absent: Mapping[str, str] = field(default_factory=dict)
    read_only_form: Mapping[str, str] = field(default_factory=dict)
    invalid: Sequence[str] = ()
    lost: str = ""
    tool_error: tuple[int, str] | None = None
    selection: str = ""
    unproven: Sequence[str] = ()
    requests: int = 0
    rate_limited: int = 0
    rules: str = HOUSE


@dataclass(frozen=True)
class GateVerdict:
    """The verdict of a gate with its reasons and the checks behind it.

    counts: required, passed, failed, waived, blocked, not_verified, missing. reasons: most important first.
    read_only_form: why the environment requires this form of the gate, None for the whole gate; not_in_form:
    the checks that are not part of it. causes: the broken preconditions, each once with the checks that it blocks.
    not_applicable: the checks that the configuration does not require; inapplicable_because: each of them -> reason.
    rules: the profile of rules; not_judged: the checks of house conventions that it leaves out. accepted: kind ->
    number of accepted findings besides waivers; expiring: those that expire soon, waivers too (core/acceptances.py).
    warnings: of all checks of the gate, each once.
    """

    gate: str
    verdict: Verdict
    exit_code: int
    reasons: tuple[str, ...]
    counts: Mapping[str, int]
    missing: tuple[str, ...] = ()
    not_verified: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    waived: tuple[str, ...] = ()
    not_applicable: tuple[str, ...] = ()
    unlisted: tuple[str, ...] = ()
    read_only_form: str | None = None
    not_in_form: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    inapplicable_because: Mapping[str, str] = field(default_factory=dict)
    rules: str = HOUSE
    not_judged: tuple[str, ...] = ()
    accepted: Mapping[str, int] = field(default_factory=dict)
    expiring: tuple[str, ...] = ()
    vital_left_out: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            **self.__dict__,
            "verdict": self.verdict.value,
            "exit_code": int(self.exit_code),
            "causes": [cause.as_json() for cause in self.causes],
        }


def by_precedence(
    *,
    tool_error: tuple[int, str] | None = None,
    invalid: Iterable[str] = (),
    failed: Iterable[str] = (),
    unverified: Iterable[str] = (),
) -> tuple[Verdict, int, tuple[str, ...]]:
    """Return verdict, exit code and reasons of one gate: tool error, INVALID, NO-GO, INCONCLUSIVE, then GO.

    Each argument holds the reasons for one verdict. The first that is not empty decides (docs/gates.md,
    Verdicts).
    """
    if tool_error is not None:
        return Verdict.TOOL_ERROR, int(tool_error[0]), (tool_error[1],)
    for verdict, code, reasons in (
        (Verdict.INVALID, ExitCode.INVALID, tuple(invalid)),
        (Verdict.NO_GO, ExitCode.NO_GO, tuple(failed)),
        (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE, tuple(unverified)),
    ):
        if reasons:
            return verdict, int(code), reasons
    return Verdict.GO, int(ExitCode.GO), ()


def invalidated(verdict: GateVerdict, reason: str) -> GateVerdict:
    """Return the verdict as INVALID for this reason. A tool error comes first and stays."""
    if verdict.verdict is Verdict.TOOL_ERROR or reason in verdict.reasons:
        return verdict
    reasons = (reason, *verdict.reasons)
    return replace(verdict, verdict=Verdict.INVALID, exit_code=int(ExitCode.INVALID), reasons=reasons)


def decide(
    gate: str, run: Run, manifest: Iterable[RequiredCheck], records: Iterable[Record], waivers: Iterable[Waiver]
) -> GateVerdict:
    """Return the verdict of one gate.

    A check that ran several times (a rerun, two workers) counts with its worst status: a pass does not cancel a
    failure. In the read-only form, checks above that safety level are not required, and GO has another name. In the
    profile `universal`, checks of house conventions are not required.
    """
    listed = [entry for entry in manifest if entry.gate == gate]
    applicable = {entry.check for entry in listed if not {entry.system, *entry.needs} & set(run.absent)}
    form = run.read_only_form.get(gate)
    not_judged = {entry.check for entry in listed if entry.check in applicable and not entry.is_judged(run.rules)}
    beyond = {
        entry.check
        for entry in listed
        if form is not None and entry.level > SafetyLevel.READ_ONLY and entry.check in applicable - not_judged
    }
    of_gate = [record for record in records if gate in record.gates]
    worst = _worst_record_of_each(of_gate)
    because = {
        entry.check: f"no {need}: {run.absent[need]}"
        for entry in listed
        for need in (entry.system, *entry.needs)
        if need is not None and need in run.absent
    } | {check: record.reason for check, record in worst.items() if record.status is Status.NOT_APPLICABLE}
    required = [entry for entry in listed if entry.check in applicable - beyond - not_judged - set(because)]
    dropped = {check for check, record in worst.items() if record.status is Status.NOT_APPLICABLE}
    inapplicable = {entry.check for entry in listed} & set(because)
    not_required = inapplicable | beyond | not_judged
    waived, failed = _split_failures(worst.values(), waivers)
    missing = tuple(entry.check for entry in required if entry.check not in worst)
    not_verified = tuple(
        record.check for record in worst.values() if not _has_other_reason(record) and record.check not in not_required
    ) + tuple(record.check for record in waived if record.observations.incomplete)
    listed_names = {entry.check for entry in listed}
    unlisted = tuple(check for check in worst if check not in listed_names)
    blocked = [
        record for record in worst.values() if record.status is Status.BLOCKED and record.check not in not_required
    ]
    causes = causes_of(listed, of_gate, blocked, failed, waived)
    verdict, code, reasons = by_precedence(
        tool_error=run.tool_error,
        invalid=_invalid(run, worst.values()),
        failed=failed_reasons(failed, causes),
        unverified=_unverified(run, required, missing, unlisted)
        + _left_out([entry for entry in listed if entry.check in applicable - not_judged], dropped)
        + unverified_reasons([worst[check] for check in not_verified], causes),
    )
    if verdict is Verdict.GO and form is not None:
        verdict = Verdict.GO_READ_ONLY
    return GateVerdict(
        gate,
        verdict,
        code,
        reasons,
        {
            "required": len(required),
            "passed": sum(record.status is Status.PASSED for record in worst.values()),
            "failed": len(failed),
            "waived": len(waived),
            "blocked": len(blocked),
            "not_verified": len(not_verified),
            "missing": len(missing),
        },
        missing,
        not_verified,
        tuple(record.check for record in failed),
        tuple(record.check for record in waived),
        tuple(sorted(inapplicable)),
        unlisted,
        form,
        tuple(sorted(beyond)),
        tuple(record.check for record in blocked),
        causes,
        {check: because[check] for check in sorted(inapplicable)},
        run.rules,
        tuple(sorted(not_judged)),
        vital_left_out=tuple(entry.check for entry in listed if entry.check in dropped and entry.never_waived),
        warnings=tuple(dict.fromkeys(text for record in of_gate for text in record.observations.warnings)),
    )


def stale_waivers(records: Iterable[Record], waivers: Iterable[Waiver]) -> tuple[Waiver, ...]:
    """Return the waivers whose check passed: their finding no longer exists.

    A check that failed for another reason may not have reached the waived finding, so its waiver is not stale.
    """
    seen = list(records)
    failed = {record.check for record in seen if record.status is Status.FAILED}
    passed = {record.check for record in seen if record.status is Status.PASSED} - failed
    # A waiver without [parameters] is stale if every variant of the check that ran passed.
    return tuple(
        waiver
        for waiver in waivers
        if waiver.check in passed
        or (
            any(base_of(check) == waiver.check for check in passed)
            and not any(base_of(record.check) == waiver.check for record in seen if record.check not in passed)
        )
    )


def exit_code(verdicts: Sequence[GateVerdict]) -> int:
    """Return the exit code of several gates: any NO-GO, then tool error, INVALID, INCONCLUSIVE, GO."""
    codes = [verdict.exit_code for verdict in verdicts]
    for wanted in (ExitCode.NO_GO, 2, 3, 4, 5, ExitCode.INVALID, ExitCode.INCONCLUSIVE):
        if wanted in codes:
            return int(wanted)
    return int(ExitCode.GO) if codes else int(ExitCode.NOTHING_SELECTED)


def verdict_with(verdicts: Sequence[GateVerdict], code: int) -> Verdict | None:
    """Return the verdict that this exit code comes from, a read-only form's first; None if no gate has it."""
    found = [verdict.verdict for verdict in verdicts if verdict.exit_code == code]
    return Verdict.GO_READ_ONLY if Verdict.GO_READ_ONLY in found else next(iter(found), None)


def _invalid(run: Run, records: Iterable[Record]) -> list[str]:
    """Return the measurement errors, each once. Checks with the same one are counted, and one of them is named."""
    same: dict[tuple[Status, str], list[str]] = {}
    for record in records:
        if record.status in _INVALIDATES:
            same.setdefault((record.status, record.reason), []).append(record.check)
    reasons = list(run.invalid)
    if run.lost:
        hidden = [key for key in same if key[0] is Status.UNREACHABLE]
        count = sum(len(same.pop(key)) for key in hidden)
        reasons.insert(0, f"{run.lost} ({count} check(s) could not reach it)")
    for (status, reason), checks in same.items():
        more = f" and {len(checks) - 1} more check(s)" if len(checks) > 1 else ""
        reasons.append(f"{checks[0]}{more} {_INVALIDATES[status]}: {reason}")
    share = run.rate_limited / run.requests if run.requests else 0.0
    if share > RATE_LIMITED_SHARE_LIMIT:
        reasons.append(
            f"{run.rate_limited} of {run.requests} requests were answered with 429: more than "
            f"{RATE_LIMITED_SHARE_LIMIT:.0%}. The budget in environments.toml is too high for this deployment"
        )
    return reasons


def _unverified(
    run: Run, required: Sequence[RequiredCheck], missing: Sequence[str], unlisted: Sequence[str]
) -> list[str]:
    reasons = list(run.unproven)
    if unlisted:
        more = f" and {len(unlisted) - _MISSING_NAMED} more, in verdict.json" if len(unlisted) > _MISSING_NAMED else ""
        reasons.append(
            f"manifest.toml does not list {len(unlisted)} check(s) that ran: {', '.join(unlisted[:_MISSING_NAMED])}"
            f"{more}. A list that lacks checks proves nothing about the others. Run `cutover manifest --write`, and "
            "review the change"
        )
    if not required:
        reasons.append("manifest.toml lists no check of this gate that can run in this environment")
    if missing:
        why = f"not selected ({run.selection})" if run.selection else "not collected: removed, renamed or unmarked"
        more = f" and {len(missing) - _MISSING_NAMED} more, in verdict.json" if len(missing) > _MISSING_NAMED else ""
        reasons.append(
            f"partial: {len(missing)} of {len(required)} required checks did not run, {why}: "
            f"{', '.join(missing[:_MISSING_NAMED])}{more}"
        )
    return reasons


def _left_out(listed: Sequence[RequiredCheck], dropped: Collection[str]) -> list[str]:
    """Return a reason for each vital rule of a system of which the configuration leaves out every check."""
    of_rule: dict[tuple[str, Rule], list[str]] = {}
    for entry in listed:
        if entry.rule in VITAL and entry.system is not None:
            of_rule.setdefault((entry.system, entry.rule), []).append(entry.check)
    return [
        f"nothing was verified of {rule} on {system}, because the configuration leaves out all {len(checks)} checks: "
        f"{rule.text}"
        for (system, rule), checks in of_rule.items()
        if all(check in dropped for check in checks)
    ]


def _has_other_reason(record: Record) -> bool:
    """Return True if the verdict needs no further reason for this record: it passed, failed or names its cause.

    Every other record is not verified, also one that is blocked by an unnamed precondition.
    """
    if record.status is Status.BLOCKED:
        return bool(record.blocked_by)
    return record.status in (Status.PASSED, Status.FAILED, Status.NOT_APPLICABLE, *_INVALIDATES)


def _worst_record_of_each(records: Iterable[Record]) -> dict[str, Record]:
    order = [*_INVALIDATES, Status.FAILED, Status.BLOCKED, Status.NOT_VERIFIED, Status.EXPECTED_FAILURE]
    order += [Status.NOT_APPLICABLE, Status.PASSED]
    worst: dict[str, Record] = {}
    for record in records:
        held = worst.get(record.check)
        if held is None or order.index(record.status) < order.index(held.status):
            worst[record.check] = record
    return worst


def _split_failures(records: Iterable[Record], waivers: Iterable[Waiver]) -> tuple[list[Record], list[Record]]:
    """Return the failures that are waived, and the others."""
    accepted = {(waiver.check, waiver.fingerprint) for waiver in waivers}

    def is_waived(record: Record) -> bool:
        if record.never_waived:
            return False
        if (record.check, record.fingerprint) in accepted:
            return True
        names = (record.check, base_of(record.check))
        each = [any((name, found) in accepted for name in names) for found in record.findings]
        return bool(each) and all(each)

    waived: list[Record] = []
    failed: list[Record] = []
    for record in records:
        if record.status is Status.FAILED:
            (waived if is_waived(record) else failed).append(record)
    return waived, failed
