"""The validity of a load run: the reasons why it measured its own generator and not the system (INVALID)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cutover.load.run_facts import RunFacts
from cutover.load.threshold_result import State, ThresholdResult
from cutover.load.thresholds import Threshold
from cutover.traffic.ledger import Cell, LedgerTotals, Outcome
from cutover.traffic.wire import TRUNCATED

LAG_MS: Final = 5.0
LAG_FRACTION: Final = 0.1
"""The p99 of the send lag may be 5 ms, and at most a tenth of the smallest latency threshold."""

LAG_SAMPLES: Final = 100
"""Requests that a phase needs for a p99 of its own. Smaller phases count only in the whole run."""

CPU_FRACTION: Final = 0.8
CPU_WINDOW_S: Final = 10
"""A generator may use at most 80 % of a core over any ten seconds. Above that, requests wait for the generator."""

SENT_FRACTION: Final = 0.995
DURATION_FRACTION: Final = 0.99
CLOCK_STEP_S: Final = 0.1
"""The wall clock may be stepped by 100 ms in total. Slewing by NTP is no step (traffic/clock.py)."""

NETWORK_FRACTION: Final = 0.5


def invalid_reasons(
    totals: LedgerTotals, facts: RunFacts, thresholds: Sequence[Threshold], phases: frozenset[str] | None = None
) -> Iterator[str]:
    """Yield each reason why the run's figures are not valid. phases: those that thresholds cover, None for all.

    Good figures do not outweigh a reason: a run with one reason is INVALID.
    """
    whole = totals.total()
    if not whole.sent:
        yield "no request was sent"
    if facts.cut_short is not None:
        yield f"the run was cut short: {facts.cut_short}"
    elif facts.broken_threshold is None and facts.duration_s < DURATION_FRACTION * facts.planned_s:
        yield f"the run lasted {facts.duration_s:.1f} s of the planned {facts.planned_s:.1f} s"
    if facts.workers_reported != facts.workers_planned:
        yield (
            f"{facts.workers_planned} generator processes were started, {facts.workers_reported} sent a last report: "
            "the requests of the others are unknown"
        )
    if facts.broken_threshold is None and facts.begun < SENT_FRACTION * facts.planned:
        yield (
            f"{facts.begun:,} of {facts.planned:,} planned arrivals were sent, less than {SENT_FRACTION:.1%}: the "
            "generator could not keep to its schedule. Use a lower rate or more processes."
        )
    elif (due := totals.total(phases)).sent < SENT_FRACTION * due.scheduled:
        yield (
            f"{due.sent:,} of {due.scheduled:,} due requests were sent, less than {SENT_FRACTION:.1%}. The error table "
            "below the ledger says what the generator lacked."
        )
    yield from totals.unbalanced()
    if whole.backwards:
        yield f"{whole.backwards} requests have time stamps that go backwards"
    if abs(facts.clock_step_s) > CLOCK_STEP_S:
        yield f"the clock was stepped by {facts.clock_step_s:+.3f} s during the run"
    if wrong := whole.outcomes[Outcome.WRONG_VERSION]:
        yield (
            f"{wrong:,} responses came from another system or version. Check for a deployment during the run or split "
            "traffic."
        )
    yield from _lag(totals, thresholds, phases)
    for name, fraction in cpu_peaks(totals.generators).items():
        if fraction > CPU_FRACTION:
            yield (
                f"the generator {name} used {fraction:.0%} of a core over {CPU_WINDOW_S} s, more than "
                f"{CPU_FRACTION:.0%}: the latency includes its own queue. Use a lower rate or more processes."
            )
    yield from _network_latency(facts, thresholds)


def busy_machine_reason(results: Iterable[ThresholdResult], totals: LedgerTotals, facts: RunFacts) -> str | None:
    """Return why the measured times are not the pair's: other processes kept it waiting for a core. None if not.

    results: of all thresholds. Times that keep their limits on a busy machine are good enough. A broken threshold that
    waiting does not explain, such as a wrong body, is a finding on any machine.
    """
    if facts.machine is None or not facts.machine.busy:
        return None
    waited_for: list[str] = []
    for result in results:
        if result.state is State.KEPT or (
            result.state is State.UNDECIDED and result.measured.samples < result.threshold.minimum
        ):
            continue
        metric = result.threshold.metric
        if not metric.is_timed and _errors_without_waiting(totals):
            if result.state is State.BROKEN:
                return None
        elif facts.machine.disturbs(any_second=metric.over_time):
            waited_for.append(result.reason)
        elif result.state is State.BROKEN:
            return None
    if not waited_for:
        return None
    return (
        f"the machine was too busy for its pair: {facts.machine.text}. So these are not the pair's own times: "
        f"{'; '.join(waited_for)}. Run it again when fewer processes compute"
    )


def _errors_without_waiting(totals: LedgerTotals) -> int:
    """Return the errors that a lack of CPU time does not explain.

    It explains time-outs, connections that are closed without a response (timers of the server ended them), and a
    health report of slow parts.
    """
    count = 0
    for (endpoint, _), cell in totals.cells.items():
        truncated = sum(number for detail, number in cell.details.items() if detail.startswith(TRUNCATED))
        explained = cell.outcomes[Outcome.TIME_OUT] + cell.outcomes[Outcome.NETWORK_ERROR] - truncated
        explained += cell.outcomes[Outcome.HTTP_ERROR] if endpoint == "health" else 0
        count += cell.errors - explained
    return count


def lag_limit_ms(thresholds: Iterable[Threshold]) -> float:
    """Return the limit of the p99 of sent - intended, in ms."""
    limits = [threshold.limit for threshold in thresholds if threshold.metric.is_latency]
    return min([LAG_MS, *(LAG_FRACTION * limit for limit in limits)])


def cpu_peaks(generators: Mapping[str, Mapping[int, Sequence[float]]]) -> dict[str, float]:
    """Return the largest fraction of a core that each generator used over ten seconds (or its whole run)."""
    peaks = {}
    for name, seconds in generators.items():
        numbers = sorted(seconds)
        last = max(numbers[-1] - CPU_WINDOW_S + 1, numbers[0]) if numbers else 0
        fractions = []
        for begin in (number for number in numbers if number <= last):
            used = [seconds[number] for number in range(begin, begin + CPU_WINDOW_S) if number in seconds]
            wall_s = sum(wall for _, wall in used)
            fractions.append(sum(cpu for cpu, _ in used) / wall_s if wall_s > 0 else 0.0)
        peaks[name] = max(fractions, default=0.0)
    return peaks


def _lag(totals: LedgerTotals, thresholds: Sequence[Threshold], phases: frozenset[str] | None) -> Iterator[str]:
    limit_ms = lag_limit_ms(thresholds)
    cells: dict[str, Cell] = {"the run": totals.total(phases)}
    for phase in sorted({phase for _, phase in totals.cells if phases is None or phase in phases}):
        cell = totals.total({phase})
        if cell.lag.total >= LAG_SAMPLES:
            cells[phase] = cell
    for name, cell in cells.items():
        lag_us = cell.lag.quantile(0.99)
        if lag_us is not None and lag_us / 1000 > limit_ms:
            yield (
                f"requests of {name} were sent late: the p99 of the send lag is {lag_us / 1000:.1f} ms, more than "
                f"{limit_ms:g} ms. The generator or its machine was too busy; the latencies are not the system's."
            )
            return


def _network_latency(facts: RunFacts, thresholds: Sequence[Threshold]) -> Iterator[str]:
    for threshold in thresholds:
        if not threshold.needs_network_latency:
            continue
        if facts.network_latency_ms is None:
            yield (
                f"{threshold.name}: the network's minimum latency was not measured, so the limit of "
                f"{threshold.limit:g} ms proves nothing"
            )
        elif facts.network_latency_ms > NETWORK_FRACTION * threshold.limit:
            yield (
                f"{threshold.name}: the network alone takes {facts.network_latency_ms:.1f} ms, more than half of the "
                f"limit of {threshold.limit:g} ms. Run from a place nearer to the deployment."
            )
