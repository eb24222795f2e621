"""Whether a load run measured the system at all, and not its own generator: the reasons why it is INVALID.

Not for what the system did: judgement.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from cutover.load.run_facts import RunFacts
from cutover.load.thresholds import Gate
from cutover.traffic.ledger import Cell, LedgerTotals, Outcome

LAG_MS: Final = 5.0
LAG_SHARE: Final = 0.1
"""The 99th percentile of the send lag may be 5 ms, and at most a tenth of the tightest latency that a gate asks for."""

LAG_SAMPLES: Final = 100
"""Requests from which a phase's own p99 of the lag is looked at; smaller phases count in the whole run's."""

CPU_SHARE: Final = 0.8
CPU_WINDOW_S: Final = 10
"""A generator may use at most 80 % of a core over any ten seconds; above it, requests wait for it and not for the
system."""

SENT_SHARE: Final = 0.995
DURATION_SHARE: Final = 0.99
CLOCK_STEP_S: Final = 0.1
"""The wall clock may be stepped by 100 ms in all. What NTP slews is no step, however long the run: clock.py."""

FLOOR_SHARE: Final = 0.5


def untrusted(
    sums: LedgerTotals, facts: RunFacts, gates: Sequence[Gate], phases: frozenset[str] | None = None
) -> Iterator[str]:
    """Each reason why the run's figures cannot be trusted. phases: those that are judged, None for all.

    Nothing here can be outweighed by good figures: a run with one reason is INVALID.
    """
    whole = sums.total()
    if not whole.sent:
        yield "no request was sent"
    if facts.cut_short is not None:
        yield f"the run was cut short: {facts.cut_short}"
    elif facts.broke is None and facts.duration_s < DURATION_SHARE * facts.planned_s:
        yield f"the run lasted {facts.duration_s:.1f} s of the planned {facts.planned_s:.1f} s"
    if facts.workers_reported != facts.workers_planned:
        yield (
            f"{facts.workers_planned} generating processes were started, the last sums came from "
            f"{facts.workers_reported}: what the others sent is unknown"
        )
    if facts.broke is None and facts.begun < SENT_SHARE * facts.planned:
        yield (
            f"{facts.begun:,} of {facts.planned:,} planned arrivals were sent, less than {SENT_SHARE:.1%}: the "
            "generator could not keep to its schedule. Plan a lower rate or more processes."
        )
    elif (due := sums.total(phases)).sent < SENT_SHARE * due.scheduled:
        yield (
            f"{due.sent:,} of {due.scheduled:,} requests that fell due were sent, less than {SENT_SHARE:.1%}: the "
            'generator lacked what "said" below the ledger names.'
        )
    yield from sums.unbalanced()
    if whole.backwards:
        yield f"{whole.backwards} requests have time stamps that go backwards"
    if abs(facts.clock_step_s) > CLOCK_STEP_S:
        yield f"the clock was stepped by {facts.clock_step_s:+.3f} s during the run"
    if wrong := whole.outcomes[Outcome.WRONG_VERSION]:
        yield (
            f"{wrong:,} answers came from another system or version than was named: a deployment was going on, or "
            "traffic is split. What was measured is not the one that is to be judged."
        )
    yield from _lagging(sums, gates, phases)
    for name, share in cpu_peaks(sums.generators).items():
        if share > CPU_SHARE:
            yield (
                f"the generator {name} used {share:.0%} of a core over {CPU_WINDOW_S} s, more than {CPU_SHARE:.0%}: "
                "its own queue is part of the latency. Plan a lower rate or more processes."
            )
    yield from _floor(facts, gates)


def lag_limit_ms(gates: Iterable[Gate]) -> float:
    """How far the p99 of sent - intended may be behind, in ms."""
    limits = [gate.limit for gate in gates if gate.metric.is_latency]
    return min([LAG_MS, *(LAG_SHARE * limit for limit in limits)])


def cpu_peaks(generators: Mapping[str, Mapping[int, Sequence[float]]]) -> dict[str, float]:
    """Of each generator the largest share of a core that it used over any ten seconds (or its whole, shorter time)."""
    peaks = {}
    for name, seconds in generators.items():
        numbers = sorted(seconds)
        last = max(numbers[-1] - CPU_WINDOW_S + 1, numbers[0]) if numbers else 0
        shares = []
        for begin in (number for number in numbers if number <= last):
            used = [seconds[number] for number in range(begin, begin + CPU_WINDOW_S) if number in seconds]
            wall_s = sum(wall for _, wall in used)
            shares.append(sum(cpu for cpu, _ in used) / wall_s if wall_s > 0 else 0.0)
        peaks[name] = max(shares, default=0.0)
    return peaks


def _lagging(sums: LedgerTotals, gates: Sequence[Gate], phases: frozenset[str] | None) -> Iterator[str]:
    limit_ms = lag_limit_ms(gates)
    cells: dict[str, Cell] = {"the run": sums.total(phases)}
    for phase in sorted({phase for _, phase in sums.cells if phases is None or phase in phases}):
        cell = sums.total({phase})
        if cell.lag.total >= LAG_SAMPLES:
            cells[phase] = cell
    for name, cell in cells.items():
        lag_us = cell.lag.quantile(0.99)
        if lag_us is not None and lag_us / 1000 > limit_ms:
            yield (
                f"requests of {name} were sent late: the 99th percentile of the lag is {lag_us / 1000:.1f} ms, more "
                f"than {limit_ms:g} ms. The generator or its machine was too busy; the latencies are not the system's."
            )
            return


def _floor(facts: RunFacts, gates: Sequence[Gate]) -> Iterator[str]:
    for gate in gates:
        if not gate.floor:
            continue
        if facts.network_floor_ms is None:
            yield f"{gate.name}: the network's floor was not measured, so the limit of {gate.limit:g} ms means nothing"
        elif facts.network_floor_ms > FLOOR_SHARE * gate.limit:
            yield (
                f"{gate.name}: the network alone takes {facts.network_floor_ms:.1f} ms, more than half of the limit of "
                f"{gate.limit:g} ms. Run it from nearer to the deployment."
            )
