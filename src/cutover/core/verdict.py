"""GO, NO-GO, INCONCLUSIVE or INVALID: from a run's records and the manifest alone.

The one place that decides. Not for showing it: that is report/. docs/gates.md explains the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Final

from cutover.config.manifest import Entry
from cutover.config.waivers import Waiver, base_of
from cutover.core.evidence import Record, Status
from cutover.core.safety import SafetyLevel

RATE_LIMITED_SHARE_LIMIT: Final = 0.02
"""Above this share of answers with 429 that the run provoked itself, its budget was wrong: INVALID."""


class Verdict(StrEnum):
    """The word of a gate."""

    GO = "GO"
    GO_READ_ONLY = "GO (read-only form)"  # a word of its own, so that nobody takes it for the whole gate's
    NO_GO = "NO-GO"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    TOOL_ERROR = "TOOL ERROR"


class ExitCode(IntEnum):
    """What a process ends with. 2, 3, 4 and 5 keep pytest's meaning."""

    GO = 0
    NO_GO = 1
    INTERRUPTED = 2
    CRASHED = 3
    WRONG_USAGE = 4
    NOTHING_SELECTED = 5
    INCONCLUSIVE = 10
    INVALID = 11


_CODES: Final = {
    Verdict.GO: ExitCode.GO,
    Verdict.GO_READ_ONLY: ExitCode.GO,
    Verdict.NO_GO: ExitCode.NO_GO,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Verdict.INVALID: ExitCode.INVALID,
}
_NAMED: Final = 12
"""So many missing checks are named in the reason; all of them stand in verdict.json."""

_UNTRUSTED: Final = {
    Status.UNREACHABLE: "could not be reached",
    Status.IDENTITY_MISMATCH: "somebody else answered",
    Status.RATE_LIMITED: "was answered 429 although it waited",
    Status.STOPPED: "was stopped by the kill switch",
    Status.CRASHED: "was lost with the process that ran it",
}


@dataclass(frozen=True)
class Run:
    """What a run was asked and what came of it, as far as the verdict needs it.

    absent: system or capability -> why the environment has none. read_only_form: gate -> why the environment
    asks for no more of it than what only looks. invalid: reasons found outside any check.
    tool_error: pytest's own exit code where it is 2 to 5, with its reason. selection: how the run
    was narrowed ("-k health"), "" when it was not. unproven: what no check could show, whatever they found.
    requests, rate_limited: over all processes.
    """

    environment: str
    safety: SafetyLevel
    absent: Mapping[str, str] = field(default_factory=dict)
    read_only_form: Mapping[str, str] = field(default_factory=dict)
    invalid: Sequence[str] = ()
    tool_error: tuple[int, str] | None = None
    selection: str = ""
    unproven: Sequence[str] = ()
    requests: int = 0
    rate_limited: int = 0


@dataclass(frozen=True)
class GateVerdict:
    """A gate's verdict with the reasons and names behind it.

    counts: required, passed, failed, waived, not_verified, missing. reasons: most important first.
    read_only_form: why the environment asks for this form of the gate, None for the whole gate; not_in_form:
    the checks that are no part of it.
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

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**self.__dict__, "verdict": self.verdict.value, "exit_code": int(self.exit_code)}


def decide(
    gate: str, run: Run, manifest: Iterable[Entry], records: Iterable[Record], waivers: Iterable[Waiver]
) -> GateVerdict:
    """The verdict of one gate.

    Order: tool error, INVALID, NO-GO, INCONCLUSIVE, GO. A check that ran several times (a rerun, two
    workers) counts with its worst status: a pass does not undo a failure. In the read-only form the checks
    above that level are not required, and its GO is another word.
    """
    listed = [entry for entry in manifest if entry.gate == gate]
    applicable = {entry.check for entry in listed if not {entry.system, *entry.needs} & set(run.absent)}
    form = run.read_only_form.get(gate)
    beyond = {
        entry.check
        for entry in listed
        if form is not None and entry.level > SafetyLevel.READ_ONLY and entry.check in applicable
    }
    required = [entry for entry in listed if entry.check in applicable - beyond]
    inapplicable = {entry.check for entry in listed} - applicable
    mine = _worst([record for record in records if gate in record.gates])
    waived, failed = _split_failures(mine.values(), waivers)
    untrusted = [record for record in mine.values() if record.status in _UNTRUSTED]
    missing = tuple(entry.check for entry in required if entry.check not in mine)
    unshown = tuple(
        record.check
        for record in mine.values()
        if record.status in (Status.NOT_VERIFIED, Status.EXPECTED_FAILURE) and record.check not in inapplicable | beyond
    ) + tuple(record.check for record in waived if _left_out(record))
    passed = [record for record in mine.values() if record.status is Status.PASSED]
    counts = {
        "required": len(required),
        "passed": len(passed),
        "failed": len(failed),
        "waived": len(waived),
        "not_verified": len(unshown),
        "missing": len(missing),
    }
    listed_names = {entry.check for entry in listed}
    verdict, code, reasons = _judge(run, required, failed, untrusted, unshown, missing, mine)
    if verdict is Verdict.GO and form is not None:
        verdict = Verdict.GO_READ_ONLY
    return GateVerdict(
        gate,
        verdict,
        code,
        tuple(reasons),
        counts,
        missing,
        unshown,
        tuple(record.check for record in failed),
        tuple(record.check for record in waived),
        tuple(sorted(inapplicable)),
        tuple(check for check in mine if check not in listed_names),
        form,
        tuple(sorted(beyond)),
    )


def stale_waivers(records: Iterable[Record], waivers: Iterable[Waiver]) -> tuple[Waiver, ...]:
    """Waivers whose check passed: they accept what is no longer there.

    A check that failed otherwise may not have come as far as the finding that is waived.
    """
    seen = list(records)
    failed = {record.check for record in seen if record.status is Status.FAILED}
    passed = {record.check for record in seen if record.status is Status.PASSED} - failed
    # A waiver of all of a check's parts is stale when every part that ran passed.
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
    """One code for several gates: any NO-GO, then tool errors, INVALID, INCONCLUSIVE, GO (DESIGN: a stage)."""
    codes = [verdict.exit_code for verdict in verdicts]
    for wanted in (ExitCode.NO_GO, 2, 3, 4, 5, ExitCode.INVALID, ExitCode.INCONCLUSIVE):
        if wanted in codes:
            return int(wanted)
    return int(ExitCode.GO) if codes else int(ExitCode.NOTHING_SELECTED)


def word(verdicts: Sequence[GateVerdict], code: int) -> Verdict | None:
    """The word of the gate that this exit code comes from, a read-only form's first; None when it is no gate's."""
    words = [verdict.verdict for verdict in verdicts if verdict.exit_code == code]
    return Verdict.GO_READ_ONLY if Verdict.GO_READ_ONLY in words else next(iter(words), None)


def _judge(
    run: Run,
    required: Sequence[Entry],
    failed: Sequence[Record],
    untrusted: Sequence[Record],
    unshown: Sequence[str],
    missing: Sequence[str],
    mine: Mapping[str, Record],
) -> tuple[Verdict, int, list[str]]:
    if run.tool_error is not None:
        return Verdict.TOOL_ERROR, run.tool_error[0], [run.tool_error[1]]
    invalid = list(run.invalid)
    invalid += [f"{record.check} {_UNTRUSTED[record.status]}: {record.reason}" for record in untrusted]
    share = run.rate_limited / run.requests if run.requests else 0.0
    if share > RATE_LIMITED_SHARE_LIMIT:
        invalid.append(
            f"{run.rate_limited} of {run.requests} requests were answered 429: more than "
            f"{RATE_LIMITED_SHARE_LIMIT:.0%}, the budget in environments.toml is too high for this deployment"
        )
    if invalid:
        return Verdict.INVALID, ExitCode.INVALID, invalid
    if failed:
        return Verdict.NO_GO, ExitCode.NO_GO, [f"{record.check}: {record.reason}" for record in failed]
    reasons = list(run.unproven)
    if not required:
        reasons.append("the manifest lists no check of this gate that this environment could show")
    if missing:
        why = f"not selected ({run.selection})" if run.selection else "not collected: removed, renamed or unmarked"
        part = f"partial: {len(missing)} of {len(required)} required checks did not run, {why}"
        more = f" and {len(missing) - _NAMED} more, in verdict.json" if len(missing) > _NAMED else ""
        reasons.append(f"{part}: {', '.join(missing[:_NAMED])}{more}")
    reasons += [f"{check} not verified: {_left_out(mine[check]) or mine[check].reason}" for check in unshown]
    if reasons:
        return Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE, reasons
    return Verdict.GO, ExitCode.GO, []


def _left_out(record: Record) -> str:
    """Why a check that failed did not come to its end either: who waives what it found has not waived the rest."""
    return str(record.page.get("unshown", ""))


def _worst(records: Iterable[Record]) -> dict[str, Record]:
    order = [*_UNTRUSTED, Status.FAILED, Status.NOT_VERIFIED, Status.EXPECTED_FAILURE, Status.PASSED]
    worst: dict[str, Record] = {}
    for record in records:
        held = worst.get(record.check)
        if held is None or order.index(record.status) < order.index(held.status):
            worst[record.check] = record
    return worst


def _split_failures(records: Iterable[Record], waivers: Iterable[Waiver]) -> tuple[list[Record], list[Record]]:
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
