"""Series of requests with known latencies, entered into a ledger as an engine does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cutover.load.run_facts import RunFacts
from cutover.load.thresholds import Threshold, load_thresholds, thresholds_of
from cutover.traffic.ledger import LedgerTotals, Outcome
from cutover.traffic.ledger_writer import LedgerWriter

ROOT = Path(__file__).parents[3]
SECOND = 1_000_000_000
Result = tuple[Outcome, float]


def steady(milliseconds: float = 3.0) -> Callable[[int, float], Result]:
    """Return responses of almost constant latency."""
    return lambda number, _: (Outcome.OK, milliseconds * (1 + number % 7 / 1000))


def stalling(at_s: float, length_s: float, milliseconds: float = 3.0) -> Callable[[int, float], Result]:
    """Return responses with a stall from at_s on; all waiting requests are answered at its end."""

    def answer(number: int, intended_s: float) -> Result:
        waited_s = at_s + length_s - intended_s if at_s <= intended_s < at_s + length_s else 0.0
        return Outcome.OK, 1000 * waited_s + milliseconds * (1 + number % 7 / 1000)

    return answer


def failing(each: int, outcome: Outcome = Outcome.HTTP_ERROR) -> Callable[[int, float], Result]:
    """Return responses of which one in `each` fails."""
    return lambda number, _: (outcome if number % each == each - 1 else Outcome.OK, 3.0 + number % 7 / 1000)


def slower(each: int, times: float, milliseconds: float = 3.0) -> Callable[[int, float], Result]:
    """Return responses of which one in `each` takes `times` as long."""
    return lambda number, _: (
        Outcome.OK, milliseconds * (times if number % each == each - 1 else 1) * (1 + number % 7 / 1000),
    )  # fmt: skip


@dataclass
class Series:
    """A run with its ledger, for `decide_load`."""

    totals: LedgerTotals
    facts: RunFacts

    def with_facts(self, **changes: Any) -> Series:
        """Return the same requests with other facts."""
        return Series(self.totals, replace(self.facts, **changes))


def series(
    *parts: tuple[str, float, float, Callable[[int, float], Result]],
    profile: str = "baseline",
    endpoints: tuple[str, ...] = ("list_files", "upload", "health"),
    lag_ms: float = 0.1,
    cpu: float = 0.2,
) -> Series:
    """Return a run. parts: phase, seconds, requests per second, response to request n at its time in the phase (s)."""
    recorder, began, planned = LedgerWriter(0), 0.0, 0
    for phase, seconds, rate, answer in parts:
        for number in range(round(seconds * rate)):
            outcome, latency_ms = answer(number, number / rate)
            intended = round((began + number / rate) * SECOND)
            endpoint = endpoints[number % len(endpoints)]
            recorder.schedule(endpoint, phase, intended)
            if outcome is Outcome.UNSENT:
                recorder.record(endpoint, phase, outcome, intended, 0, 0, 0)
            else:
                sent = intended + round(lag_ms * 1e6)
                recorder.record(
                    endpoint, phase, outcome, intended, sent, max(sent, intended + round(latency_ms * 1e6)), 100
                )
            planned += 1
        if phase != "old":  # old and new are interleaved: both begin at the same time
            began += seconds
    for second in range(round(began)):
        recorder.add_cpu_time("generator", second * SECOND, cpu, 1.0)
    totals = recorder.take()
    facts = RunFacts(
        profile=profile, environment="embedded", run="a-run", phases=tuple(dict.fromkeys(part[0] for part in parts)),
        endpoints=endpoints, planned=planned, begun=totals.total().sent, planned_s=began, duration_s=began,
        network_latency_ms=0.2, rates={part[0]: part[2] for part in parts}, local=True, seed=1,
    )  # fmt: skip
    return Series(totals, facts)


def profile_thresholds(run: Series) -> tuple[Threshold, ...]:
    """Return the thresholds of the project's gates.toml for this run's profile.

    Those on new connections are not applicable to a series without them.
    """
    endpoints = (*run.facts.endpoints, "fresh:user")
    return thresholds_of(load_thresholds(ROOT), ROOT, run.facts.profile, run.facts.phases, endpoints)


def through_json(totals: LedgerTotals) -> LedgerTotals:
    """Return the totals as another process receives them."""
    return LedgerTotals.from_json(json.loads(json.dumps(totals.as_json())))
