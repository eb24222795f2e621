"""load.json: all figures of a load run as plain data, for the report and for comparisons with later runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cutover.load.compare import NEW, OLD
from cutover.load.load_verdict import COULD_NOT_DETECT, LoadVerdict
from cutover.load.run_facts import RunFacts
from cutover.load.thresholds import Threshold
from cutover.load.trend import stalls
from cutover.load.validity import CPU_FRACTION, cpu_peaks, lag_limit_ms
from cutover.stats.histogram import Histogram
from cutover.traffic.ledger import Cell, LedgerTotals, Outcome, Second

SCHEMA: Final = 1
FILE: Final = "load.json"

BINS: Final = 120
"""Largest number of points of a line over time. A page cannot show more."""

CURVE: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)
_QUANTILES: Final = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "p99.9_ms": 0.999, "max_ms": 1.0}


def as_json(
    totals: LedgerTotals,
    facts: RunFacts,
    verdict: LoadVerdict,
    thresholds: Sequence[Threshold],
    *,
    availability: Mapping[str, Any] | None = None,
    could_not_detect: Sequence[str] = (),
    leftovers: Sequence[str] = (),
) -> dict[str, Any]:
    """Return load.json, schema 1. Times in seconds from the start of the run, latencies in ms, rates in per cent.

    availability: the figures of the availability streams; leftovers: test data that could not be removed.
    """
    decided, whole = verdict.verdict, totals.total_by_second()
    return {
        "schema": SCHEMA,
        **facts.as_json(),
        "verdict": decided.verdict.value,
        "exit_code": int(decided.exit_code),
        "reasons": list(decided.reasons),
        "counts": dict(decided.counts),
        "gates": [result.as_json() for result in verdict.results],
        "breaking": None if verdict.breaking_point is None else verdict.breaking_point.as_json(),
        "totals": _row(whole),
        "balanced": not list(totals.unbalanced()),
        "ledger": [
            {"endpoint": endpoint, "phase": phase, **_row(cell)}
            for (endpoint, phase), cell in sorted(totals.cells.items())
        ],
        "errors": [
            {"endpoint": endpoint, "phase": phase, "detail": detail, "count": count}
            for (endpoint, phase), cell in sorted(totals.cells.items())
            for detail, count in sorted(cell.details.items(), key=lambda item: (-item[1], item[0]))
        ],
        "generator": {
            "lag_limit_ms": round(lag_limit_ms(thresholds), 3),
            "cpu_limit_percent": CPU_FRACTION * 100,
            "cpu_peak_percent": {
                name: round(100 * fraction, 1) for name, fraction in cpu_peaks(totals.generators).items()
            },
        },
        "phase_times": _phase_times(totals, facts),
        "timeline": _timeline(totals, whole),
        "stalls": [stall.as_json() for stall in stalls(whole)],
        "sides": _sides(totals),
        "availability": None if availability is None else dict(availability),
        "could_not_detect": list(dict.fromkeys([*COULD_NOT_DETECT, *could_not_detect])),
        "leftovers": list(leftovers),
    }


def _row(cell: Cell) -> dict[str, Any]:
    return {
        "scheduled": cell.scheduled,
        "sent": cell.sent,
        "errors": cell.errors,
        "outcomes": {outcome.label: cell.outcomes[outcome] for outcome in Outcome},
        "bytes": cell.size,
        "average_ms": _ms(cell.latency.mean()),
        **_latencies(cell.latency),
        "service_p95_ms": _ms(cell.service.quantile(0.95)),
        "lag_p99_ms": _ms(cell.lag.quantile(0.99)),
        "lag_max_ms": _ms(cell.lag.max_us),
    }


def _latencies(latency: Histogram) -> dict[str, float | None]:
    return {name: _ms(latency.quantile(fraction)) for name, fraction in _QUANTILES.items()}


def _phase_times(totals: LedgerTotals, facts: RunFacts) -> list[dict[str, Any]]:
    rows = []
    for phase in facts.phases:
        seconds = [number for (_, name), cell in totals.cells.items() if name == phase for number in cell.seconds]
        if seconds:
            rows.append(
                {"phase": phase, "from_s": min(seconds), "to_s": max(seconds) + 1, "rate": facts.rates.get(phase)}
            )
    return rows


def _timeline(totals: LedgerTotals, cell: Cell) -> dict[str, Any]:
    """Return figures over time in at most BINS equal parts of whole seconds."""
    used: dict[int, list[float]] = {}
    for seconds in totals.generators.values():
        for number, (cpu_s, wall_s) in seconds.items():
            percent = 100 * cpu_s / wall_s if wall_s > 0 else 0.0
            used.setdefault(number, []).append(percent)
    numbers = [*cell.seconds, *used]
    if not numbers:
        return {"bin_s": 1, "bins": []}
    first, last = min(numbers), max(numbers)
    length = math.ceil((last - first + 1) / BINS)
    bins = []
    for begin in range(first, last + 1, length):
        whole, busiest = Second(), None
        for number in range(begin, begin + length):
            if number in cell.seconds:
                whole.merge(cell.seconds[number])
            for percent in used.get(number, ()):
                busiest = percent if busiest is None else max(busiest, percent)
        bins.append(
            {
                "from_s": begin,
                "scheduled": whole.scheduled,
                "sent": whole.sent,
                "failed": whole.failed,
                "lag_max_ms": _ms(whole.lag_us),
                "cpu_percent": None if busiest is None else round(busiest, 1),
                **_latencies(whole.latency),
            }
        )
    return {"bin_s": length, "bins": bins}


def _sides(totals: LedgerTotals) -> dict[str, Any] | None:
    """Return the old and the new side of a comparison, over time and as a curve of quantiles; None for other runs."""
    cells = {side: totals.total_by_second({side}) for side in (OLD, NEW)}
    if not all(cell.counted for cell in cells.values()):
        return None
    return {
        side: {
            "timeline": _timeline(LedgerTotals(), cell),
            "curve": [[100 * fraction, _ms(cell.latency.quantile(fraction))] for fraction in CURVE],
            "judged": cell.rated,
        }
        for side, cell in cells.items()
    }


def _ms(value_us: float | None) -> float | None:
    return None if value_us is None else round(value_us / 1000, 3)
