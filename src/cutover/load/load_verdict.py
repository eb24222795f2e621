"""The verdict of a load run: its validity before any figure, then each gate's interval against its limit.

INVALID, then NO-GO, then INCONCLUSIVE, then GO. Not for measuring: metrics.py; not for showing: report/load_page.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from cutover.core.verdict import ExitCode, GateVerdict, Verdict
from cutover.load.breaking_point import BreakingPoint, find_breaking_point
from cutover.load.compare import NEW, OLD
from cutover.load.run_facts import RunFacts
from cutover.load.threshold_result import State, ThresholdResult, evaluate_threshold
from cutover.load.thresholds import EACH_STEP, STEP, Gate
from cutover.load.validity import untrusted
from cutover.traffic.arrivals import WARM_UP
from cutover.traffic.ledger import LedgerTotals, Outcome

GATE: Final = "load"

LOOK_S: Final = 2.0
"""Seconds between two looks at a run that goes on."""

COULD_NOT_DETECT: Final = (
    "what users elsewhere wait: every request came from the machines of this run",
    "requests are taken as independent in the intervals; in a standstill they are not (see the latency over time)",
)

NO_FRESH_CONNECTIONS: Final = "what a new connection costs: no arrival of this profile asks over one of its own"


@dataclass(frozen=True)
class LoadVerdict:
    """A run's verdict with what it rests on. judged: every gate but those of single steps, in gates.toml's order;
    breaking: the steps of a stress run, None of any other."""

    verdict: GateVerdict
    judged: tuple[ThresholdResult, ...]
    breaking: BreakingPoint | None


def judge(sums: LedgerTotals, facts: RunFacts, gates: Sequence[Gate]) -> LoadVerdict:
    """The verdict on the whole run, once, at its end, on all processes' sums. gates: those of its profile."""
    whole = tuple(evaluate_threshold(gate, sums, facts.phases) for gate in gates if gate.phase != EACH_STEP)
    steps = find_breaking_point(sums, gates, facts.phases, facts.rates) if len(whole) < len(gates) else None
    invalid = tuple(untrusted(sums, facts, gates, _looked_at(facts, steps)))
    failed = [judged.reason for judged in whole if judged.state is State.BROKEN]
    undecided = [judged.reason for judged in whole if judged.state is State.UNDECIDED]
    names_failed = [judged.gate.name for judged in whole if judged.state is State.BROKEN]
    names_undecided = [judged.gate.name for judged in whole if judged.state is State.UNDECIDED]
    kept = sum(judged.state is State.KEPT for judged in whole)
    if steps is not None:
        state, reason = _first_step(steps)
        kept += state is State.KEPT
        if state is State.BROKEN:
            failed.append(reason)
            names_failed.append(steps.steps[0].phase)
        elif state is State.UNDECIDED:
            undecided.append(reason)
            names_undecided.append(steps.steps[0].phase if steps.steps else EACH_STEP)
    undecided += _unshown(sums, facts, ended_for_nothing=not failed and steps is None)
    if invalid:
        word, code, reasons = Verdict.INVALID, ExitCode.INVALID, invalid
    elif failed:
        word, code, reasons = Verdict.NO_GO, ExitCode.NO_GO, tuple(failed)
    elif undecided or not gates:
        reasons = tuple(undecided) or ("no gate judges this run",)
        word, code = Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE
    else:
        word, code, reasons = Verdict.GO, ExitCode.GO, ()
    counts = {
        "required": len(whole) + (steps is not None),
        "passed": kept,
        "failed": len(names_failed),
        "waived": 0,
        "not_verified": len(names_undecided),
        "missing": 0,
    }
    verdict = GateVerdict(
        f"{GATE} {facts.profile}",
        word,
        int(code),
        reasons,
        counts,
        not_verified=tuple(names_undecided),
        failed=tuple(names_failed),
    )
    return LoadVerdict(verdict, whole, steps)


class EarlyStop:
    """Tells while a run goes on that a limit is surely broken for as long as its gate's `abort_after` says.

    A stress run ends with the first step that surely breaks a limit. Looking every second would sooner or later find
    an interval on the wrong side by chance; so it must stay there. It never ends a run for a good figure.
    """

    def __init__(self, gates: Sequence[Gate], phases: Sequence[str]) -> None:
        """gates: those of the profile; phases: its phases, in order."""
        self._gates = gates
        self._phases = tuple(phases)
        self._since: dict[str, float] = {}
        self._next_s = 0.0

    def look(self, sums: LedgerTotals, now_s: float) -> str | None:
        """Why the run should end now, None while it need not. sums: of all so far; now_s: seconds of the run.

        May be called as often as one likes: it looks every LOOK_S, since summing up takes the generator's time.
        """
        if now_s < self._next_s:
            return None
        self._next_s = now_s + LOOK_S
        if any(gate.phase == EACH_STEP for gate in self._gates):
            sent = {phase for _, phase in sums.cells}
            latest = [phase for phase in self._phases if phase.startswith(STEP) and phase in sent][-2:]
            steps = find_breaking_point(sums, self._gates, latest, {})
            if steps.broke is not None:
                return f"{steps.broke.phase}: {steps.broke.broken[0].reason}"
        for gate in self._gates:
            if gate.abort_after_s is None or gate.phase == EACH_STEP:
                continue
            judged = evaluate_threshold(gate, sums, self._phases)
            if judged.state is not State.BROKEN:
                self._since.pop(gate.name, None)
            elif now_s - self._since.setdefault(gate.name, now_s) >= gate.abort_after_s:
                return judged.reason
        return None


def _first_step(steps: BreakingPoint) -> tuple[State, str]:
    """A stress run is for finding a limit, so breaking one is no failure; not even holding the first step is."""
    if not steps.steps:
        return State.UNDECIDED, "no step of the stress run was sent"
    first = steps.steps[0]
    if first.held:
        return State.KEPT, steps.sentence
    if first.broken:
        return State.BROKEN, f"already the first step, {first.rate:g}/s: {first.broken[0].reason}"
    reason = next(judged.reason for judged in first.judged if judged.state is State.UNDECIDED)
    return State.UNDECIDED, f"the first step, {first.rate:g}/s: {reason}"


def _unshown(sums: LedgerTotals, facts: RunFacts, *, ended_for_nothing: bool) -> Iterator[str]:
    """Why a run whose figures are good is still not GO."""
    unsent = sums.total().outcomes[Outcome.UNSENT]
    if unsent:
        yield f"{unsent:,} requests were scheduled and never sent: what the system would have answered is unknown"
    judged = frozenset(facts.phases) - {WARM_UP}
    for phases in [{OLD}, {NEW}] if {OLD, NEW} <= judged else [judged]:
        for endpoint in facts.endpoints:
            cell = sums.quick_total(phases, {endpoint})
            if not cell.outcomes[Outcome.OK]:
                yield (
                    f"{endpoint} was not answered as promised once in {', '.join(sorted(phases))} "
                    f"({cell.sent:,} requests): whether it works is unknown"
                )
    if facts.maintenance is not None:
        yield from _not_come_back(sums, judged, facts.maintenance)
    if facts.broke is not None and ended_for_nothing:
        yield f"the run was ended for a limit that its sums do not show as broken: {facts.broke}"
    if not facts.local:
        for mark in facts.marks:
            yield f"{mark}: this is not the profile's own form, and outside the embedded pair that is not judged"


def _not_come_back(sums: LedgerTotals, judged: frozenset[str], window: tuple[float, float]) -> Iterator[str]:
    """What maintenance refused and nobody saw answered after it. A declared refusal is no error, and no service."""
    begin, end = window
    for endpoint in sorted({endpoint for endpoint, _ in sums.cells}):
        cell = sums.total_by_second(judged, {endpoint})
        refused = cell.outcomes[Outcome.REFUSED_BY_MAINTENANCE]
        if refused and not sum(held.latency.total for second, held in cell.seconds.items() if second >= end):
            yield (
                f"{endpoint} was refused {refused:,} times by the maintenance of seconds {begin:g} to {end:g} and not "
                "answered as promised once after it: whether it came back is unknown"
            )


def _looked_at(facts: RunFacts, steps: BreakingPoint | None) -> frozenset[str] | None:
    """The phases whose lag matters. Beyond a stress run's breaking point the generator may choke as well."""
    if steps is None:
        return frozenset(facts.phases) - {WARM_UP}
    return frozenset(step.phase for step in steps.steps) or None
