"""load.json: all figures of a load run as plain data, for its page, the terminal and later comparisons.

What a report shows is computed here, once. Not for deciding: judgement.py; not for showing: report/load_page.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cutover.load.compare import NEW, OLD
from cutover.load.load_verdict import COULD_NOT_DETECT, LoadVerdict
from cutover.load.run_facts import RunFacts
from cutover.load.thresholds import Gate
from cutover.load.trend import stalls
from cutover.load.validity import CPU_SHARE, cpu_peaks, lag_limit_ms
from cutover.stats.histogram import Histogram
from cutover.traffic.ledger import Cell, LedgerTotals, Outcome, Second

SCHEMA: Final = 1
FILE: Final = "load.json"

BINS: Final = 120
"""Points of a line over time, at most: as many as can be told apart on a page."""

CURVE: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)
_QUANTILES: Final = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "p99.9_ms": 0.999, "max_ms": 1.0}


def as_json(
    sums: LedgerTotals,
    facts: RunFacts,
    verdict: LoadVerdict,
    gates: Sequence[Gate],
    *,
    availability: Mapping[str, Any] | None = None,
    could_not_detect: Sequence[str] = (),
    leftovers: Sequence[str] = (),
) -> dict[str, Any]:
    """load.json, schema 1. Times over the run in seconds from its begin, latencies in ms, shares in per cent.

    availability: what the availability probe found, as its own data; leftovers: what could not be removed.
    """
    decided, whole = verdict.verdict, sums.total_by_second()
    return {
        "schema": SCHEMA,
        **facts.as_json(),
        "verdict": decided.verdict.value,
        "exit_code": int(decided.exit_code),
        "reasons": list(decided.reasons),
        "counts": dict(decided.counts),
        "gates": [judged.as_json() for judged in verdict.judged],
        "breaking": None if verdict.breaking is None else verdict.breaking.as_json(),
        "totals": _row(whole),
        "balanced": not list(sums.unbalanced()),
        "ledger": [
            {"endpoint": endpoint, "phase": phase, **_row(cell)}
            for (endpoint, phase), cell in sorted(sums.cells.items())
        ],
        "errors": [
            {"endpoint": endpoint, "phase": phase, "detail": detail, "count": count}
            for (endpoint, phase), cell in sorted(sums.cells.items())
            for detail, count in sorted(cell.details.items(), key=lambda item: (-item[1], item[0]))
        ],
        "generator": {
            "lag_limit_ms": round(lag_limit_ms(gates), 3),
            "cpu_limit_percent": CPU_SHARE * 100,
            "cpu_peak_percent": {name: round(100 * share, 1) for name, share in cpu_peaks(sums.generators).items()},
        },
        "phase_times": _phase_times(sums, facts),
        "timeline": _timeline(sums, whole),
        "stalls": [stall.as_json() for stall in stalls(whole)],
        "sides": _sides(sums),
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
    return {name: _ms(latency.quantile(share)) for name, share in _QUANTILES.items()}


def _phase_times(sums: LedgerTotals, facts: RunFacts) -> list[dict[str, Any]]:
    rows = []
    for phase in facts.phases:
        seconds = [number for (_, name), cell in sums.cells.items() if name == phase for number in cell.seconds]
        if seconds:
            rows.append(
                {"phase": phase, "from_s": min(seconds), "to_s": max(seconds) + 1, "rate": facts.rates.get(phase)}
            )
    return rows


def _timeline(sums: LedgerTotals, cell: Cell) -> dict[str, Any]:
    """Figures over time in at most BINS equal parts of whole seconds."""
    used: dict[int, list[float]] = {}
    for seconds in sums.generators.values():
        for number, (cpu_s, wall_s) in seconds.items():
            share = 100 * cpu_s / wall_s if wall_s > 0 else 0.0
            used.setdefault(number, []).append(share)
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
            for share in used.get(number, ()):
                busiest = share if busiest is None else max(busiest, share)
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


def _sides(sums: LedgerTotals) -> dict[str, Any] | None:
    """Old and new of a comparison, each over time and as a curve of its quantiles; None of any other run."""
    cells = {side: sums.total_by_second({side}) for side in (OLD, NEW)}
    if not all(cell.counted for cell in cells.values()):
        return None
    return {
        side: {
            "timeline": _timeline(LedgerTotals(), cell),
            "curve": [[100 * share, _ms(cell.latency.quantile(share))] for share in CURVE],
            "judged": cell.rated,
        }
        for side, cell in cells.items()
    }


def _ms(value_us: float | None) -> float | None:
    return None if value_us is None else round(value_us / 1000, 3)
