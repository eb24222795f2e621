"""The verdict of a load run: its validity, then the result of each threshold, in the precedence of core/verdict.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from cutover.config.environments import Environment
from cutover.core.evidence import Record
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import redact
from cutover.core.verdict import GateVerdict, by_precedence, decide
from cutover.core.verdict import Run as DecisionFacts
from cutover.load.breaking_point import BreakingPoint, find_breaking_point
from cutover.load.compare import NEW, OLD
from cutover.load.journey_preconditions import JourneyCause
from cutover.load.required_thresholds import missing_thresholds
from cutover.load.run_facts import RunFacts
from cutover.load.threshold_result import State, ThresholdResult, evaluate_threshold
from cutover.load.thresholds import EACH_STEP, Threshold
from cutover.load.validity import busy_machine_reason, invalid_reasons
from cutover.run.lifecycle import Outcome as PreparationOutcome
from cutover.traffic.arrivals import WARM_UP
from cutover.traffic.ledger import LedgerTotals, Outcome

GATE: Final = "load"

COULD_NOT_DETECT: Final = (
    "response times for users elsewhere: every request came from the machines of this run",
    "exact intervals during a stall: they take requests as independent (see the latency over time)",
)

NO_FRESH_CONNECTIONS: Final = "the cost of new connections: no journey of this profile uses a new one for each request"


@dataclass(frozen=True)
class LoadVerdict:
    """A run's verdict with its evidence. results: of every threshold except those of single steps, in the order of
    gates.toml; breaking_point: of a stress run, None for other profiles."""

    verdict: GateVerdict
    results: tuple[ThresholdResult, ...]
    breaking_point: BreakingPoint | None


def decide_load(
    totals: LedgerTotals,
    facts: RunFacts,
    thresholds: Sequence[Threshold],
    *,
    causes: Sequence[JourneyCause] = (),
    invalid: Sequence[str] = (),
    tool_error: tuple[int, str] | None = None,
) -> LoadVerdict:
    """Return the verdict on the whole run, once, at its end.

    thresholds: those of its profile. causes: findings that the ledger does not contain (broken preconditions, lost
    writes), and preconditions that could not be verified. invalid: measurement errors outside the ledger (evidence that
    could not be written). tool_error: exit code and reason of a run that a signal or a user ended.
    """
    missing = missing_thresholds(facts.profile, thresholds)
    planned = {*facts.endpoints, *facts.blocked_endpoints}
    thresholds = [each for each in thresholds if each.members is None or each.members & planned]
    results = tuple(_evaluated(threshold, totals, facts) for threshold in thresholds if threshold.phase != EACH_STEP)
    steps = None
    if len(results) < len(thresholds):
        steps = find_breaking_point(totals, thresholds, facts.phases, facts.rates)
    outcomes = [(result.threshold.name, result.state, result.reason) for result in results]
    if steps is not None:
        outcomes.append(_first_step(steps))
    findings = [cause for cause in causes if cause.failed]
    failed = [cause.text for cause in findings] + [reason for _, state, reason in outcomes if state is State.BROKEN]
    unverified = [cause.text for cause in causes if not cause.failed]
    unverified += [*missing.values(), *(reason for _, state, reason in outcomes if state is State.UNDECIDED)]
    unverified += _unverified(totals, facts, ended_without_cause=not failed and steps is None)
    if not thresholds:
        unverified.append("no threshold covers this run")
    first_step = steps.steps[0].results if steps is not None and steps.steps else ()
    busy = None if findings else busy_machine_reason([*results, *first_step], totals, facts)
    invalid = [*invalid, *([busy] if busy else [])]
    verdict, code, reasons = by_precedence(
        tool_error=tool_error,
        invalid=[*invalid, *invalid_reasons(totals, facts, thresholds, _covered_phases(facts, steps))],
        failed=failed,
        unverified=unverified,
    )
    names_failed = [name for name, state, _ in outcomes if state is State.BROKEN]
    names_failed += dict.fromkeys(cause.name for cause in findings)
    names_unverified = [name for name, state, _ in outcomes if state is State.UNDECIDED]
    names_unverified += dict.fromkeys(cause.name for cause in causes if not cause.failed)
    blocked = [journey for cause in causes for journey in cause.journeys]
    counts = {
        "required": len(outcomes) + len(missing) + len(dict.fromkeys(cause.name for cause in causes)),
        "passed": sum(state is State.KEPT for _, state, _ in outcomes),
        "failed": len(names_failed),
        "waived": 0,
        "blocked": len(blocked),
        "not_verified": len(names_unverified),
        "missing": len(missing),
    }
    decided = GateVerdict(
        f"{GATE} {facts.profile}",
        verdict,
        code,
        reasons,
        counts,
        missing=tuple(missing),
        not_verified=tuple(names_unverified),
        failed=tuple(names_failed),
        blocked=tuple(blocked),
    )
    return LoadVerdict(decided, results, steps)


def _first_step(steps: BreakingPoint) -> tuple[str, State, str]:
    """Return name, state and reason of a stress run's first step.

    A stress run looks for the breaking point, so reaching it is no failure. A broken first step is one.
    """
    if not steps.steps:
        return EACH_STEP, State.UNDECIDED, "no step of the stress run was sent"
    first = steps.steps[0]
    if first.held:
        return first.phase, State.KEPT, steps.summary
    if first.broken:
        reason = f"already the first step, {first.rate:g}/s, broke a threshold: {first.broken[0].reason}"
        return first.phase, State.BROKEN, reason
    reason = next(result.reason for result in first.results if result.state is State.UNDECIDED)
    return first.phase, State.UNDECIDED, f"the first step, {first.rate:g}/s: {reason}"


def _evaluated(threshold: Threshold, totals: LedgerTotals, facts: RunFacts) -> ThresholdResult:
    """Return the result of a threshold. One whose endpoints were all blocked is undecided for that reason."""
    result = evaluate_threshold(threshold, totals, facts.phases)
    if threshold.members is None or threshold.members & set(facts.endpoints):
        return result
    reason = f"{threshold.name}: not measured, because every journey to {threshold.endpoints} is blocked"
    return replace(result, state=State.UNDECIDED, reason=reason)


def unprepared(
    gate: str, environment: Environment, outcome: PreparationOutcome, started: float, invalid: Sequence[str]
) -> GateVerdict:
    """Return the verdict of a run that ended before its first arrival. outcome: of the preparation."""
    record = Record(gate, (gate,), environment.name, outcome.status, started, 0.0, None, redact(outcome.reason))
    run = DecisionFacts(
        environment=environment.name, safety=environment.safety, absent=environment.absent, invalid=invalid
    )
    return decide(gate, run, [RequiredCheck(gate, gate, None, SafetyLevel.READ_ONLY)], [record], ())


def _unverified(totals: LedgerTotals, facts: RunFacts, *, ended_without_cause: bool) -> Iterator[str]:
    """Yield each reason why a run with good figures is still not GO."""
    unsent = totals.total().outcomes[Outcome.UNSENT]
    if unsent:
        yield f"{unsent:,} scheduled requests were never sent: the system's responses to them are unknown"
    covered = frozenset(facts.phases) - {WARM_UP}
    for phases in [{OLD}, {NEW}] if {OLD, NEW} <= covered else [covered]:
        for endpoint in facts.endpoints:
            cell = totals.quick_total(phases, {endpoint})
            if not cell.outcomes[Outcome.OK]:
                yield (
                    f"{endpoint} never responded as promised in {', '.join(sorted(phases))} ({cell.sent:,} requests): "
                    "it is unknown if it works"
                )
    if facts.maintenance is not None:
        yield from _not_resumed(totals, covered, facts.maintenance)
    if facts.broken_threshold is not None and ended_without_cause:
        yield f"the run was ended for a threshold that its totals do not break: {facts.broken_threshold}"
    if not facts.local:
        for mark in facts.marks:
            yield f"{mark}: the profile's short form is judged on the embedded pair only"


def _not_resumed(totals: LedgerTotals, covered: frozenset[str], window: tuple[float, float]) -> Iterator[str]:
    """Yield a reason for each endpoint that maintenance refused and that did not respond as promised afterwards.

    A declared refusal is no error, but it does not prove that the endpoint works.
    """
    begin, end = window
    for endpoint in sorted({endpoint for endpoint, _ in totals.cells}):
        cell = totals.total_by_second(covered, {endpoint})
        refused = cell.outcomes[Outcome.REFUSED_BY_MAINTENANCE]
        if refused and not sum(held.latency.total for second, held in cell.seconds.items() if second >= end):
            yield (
                f"{endpoint} was refused {refused:,} times by the maintenance of seconds {begin:g} to {end:g} and "
                "never responded as promised after it: it is unknown if it works again"
            )


def _covered_phases(facts: RunFacts, steps: BreakingPoint | None) -> frozenset[str] | None:
    """Return the phases whose send lag matters: not those after the breaking point, where the generator may lag too."""
    if steps is None:
        return frozenset(facts.phases) - {WARM_UP}
    return frozenset(step.phase for step in steps.steps) or None
