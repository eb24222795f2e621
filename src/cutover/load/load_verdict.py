"""The verdict of a load run: its validity, then the result of each threshold, in the precedence of core/verdict.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cutover.core.verdict import GateVerdict, by_precedence
from cutover.load.breaking_point import BreakingPoint, find_breaking_point
from cutover.load.compare import NEW, OLD
from cutover.load.run_facts import RunFacts
from cutover.load.threshold_result import State, ThresholdResult, evaluate_threshold
from cutover.load.thresholds import EACH_STEP, Threshold
from cutover.load.validity import invalid_reasons
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
    findings: Sequence[str] = (),
    invalid: Sequence[str] = (),
    tool_error: tuple[int, str] | None = None,
) -> LoadVerdict:
    """Return the verdict on the whole run, once, at its end.

    thresholds: those of its profile. findings: failures that the ledger does not contain (lost writes). invalid:
    measurement errors outside the ledger (evidence that could not be written). tool_error: exit code and reason of a
    run that a signal or a user ended.
    """
    results = tuple(
        evaluate_threshold(threshold, totals, facts.phases) for threshold in thresholds if threshold.phase != EACH_STEP
    )
    steps = None
    if len(results) < len(thresholds):
        steps = find_breaking_point(totals, thresholds, facts.phases, facts.rates)
    outcomes = [(result.threshold.name, result.state, result.reason) for result in results]
    if steps is not None:
        outcomes.append(_first_step(steps))
    failed = [*findings, *(reason for _, state, reason in outcomes if state is State.BROKEN)]
    unverified = [reason for _, state, reason in outcomes if state is State.UNDECIDED]
    unverified += _unverified(totals, facts, ended_without_cause=not failed and steps is None)
    if not thresholds:
        unverified.append("no threshold covers this run")
    verdict, code, reasons = by_precedence(
        tool_error=tool_error,
        invalid=[*invalid, *invalid_reasons(totals, facts, thresholds, _covered_phases(facts, steps))],
        failed=failed,
        unverified=unverified,
    )
    names_failed = [name for name, state, _ in outcomes if state is State.BROKEN]
    names_failed += ["acknowledged writes"] if findings else []
    names_unverified = [name for name, state, _ in outcomes if state is State.UNDECIDED]
    counts = {
        "required": len(outcomes) + bool(findings),
        "passed": sum(state is State.KEPT for _, state, _ in outcomes),
        "failed": len(names_failed),
        "waived": 0,
        "not_verified": len(names_unverified),
        "missing": 0,
    }
    decided = GateVerdict(
        f"{GATE} {facts.profile}",
        verdict,
        code,
        reasons,
        counts,
        not_verified=tuple(names_unverified),
        failed=tuple(names_failed),
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
