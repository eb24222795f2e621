"""The metrics that thresholds can use: each by its name, from the ledger, with its interval and its samples.

A name ends with its unit, so that a limit in per cent is never compared with a fraction.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cutover.load.compare import MIN_REQUESTS_PER_SIDE, error_rate_increase, fraction_above, latency_ratio
from cutover.load.trend import (
    growth,
    longest_silence,
    longest_stall_us,
    median_growth_ms_per_s,
    stalled_percent,
    stalls,
)
from cutover.stats.intervals import (
    Interval,
    mean,
    min_samples_for_quantile,
    min_samples_for_rate,
    quantile,
    wilson,
)
from cutover.traffic.ledger import Cell, Depth, Outcome
from cutover.traffic.wire import TRUNCATED

_QUANTILES: Final = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
_LATENCY: Final = re.compile(r"(p[0-9.]+)_(ms|ratio|growth_ratio)")
_MIN_FOR_MEAN: Final = 30  # from here the central limit theorem is accurate enough for durations


@dataclass(frozen=True)
class Measured:
    """A measured value in its metric's unit. samples: the requests behind it (in a comparison: of the smaller side)."""

    interval: Interval
    samples: int
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {"interval": self.interval.as_json(), "samples": self.samples, "note": self.note}


@dataclass(frozen=True)
class Metric:
    """A metric of a load run.

    measure: computes it from one cell, from the new and the old cell of a comparison, or, with by_row, from the
    ledger's rows. min_samples: the samples that a limit needs. is_latency: the limit is in milliseconds, and the send
    lag must be well below it. sampled: it has an interval; metrics that are counted completely have none. over_time: it
    uses the seconds of the run.
    """

    name: str
    unit: str
    measure: Callable[..., Measured]
    min_samples: Callable[[float], int]
    compares: bool = False
    is_latency: bool = False
    sampled: bool = True
    over_time: bool = False
    by_row: bool = False

    @property
    def is_timed(self) -> bool:
        """Return True if a system that has to wait measures worse, also without an error."""
        return self.unit in ("ms", "ms/s", "times") or self.name in ("stalled_percent", "share_above_old_p99_percent")

    @property
    def most(self) -> float:
        """Return the largest limit that a value can exceed. A run can break no limit above it."""
        return _MOST.get(self.unit, 1e6)


_MOST: Final = {"%": 99.99, "% points": 99.99, "ms": 600_000.0, "times": 100.0, "ms/s": 1000.0}
"""Largest limits by unit. A share is never above 100 %; load.toml allows requests of at most 600 s."""


def metric_named(name: str) -> Metric | None:
    """Return the metric of that name, None if there is none."""
    if (found := _SIMPLE.get(name)) is not None:
        return found
    match = _LATENCY.fullmatch(name)
    if match is None or match[1] not in _QUANTILES:
        return None
    fraction = _QUANTILES[match[1]]
    samples = min_samples_for_quantile(fraction)
    if match[2] == "ms":
        return Metric(name, "ms", lambda cell: _quantile(cell, fraction), lambda _: samples, is_latency=True)
    if match[2] == "growth_ratio":
        return Metric(name, "times", lambda cell: Measured(*growth(cell, fraction)), lambda _: samples, over_time=True)
    return Metric(
        name,
        "times",
        lambda new, old: Measured(latency_ratio(new, old, fraction), min(new.rated, old.rated)),
        lambda _: max(samples, MIN_REQUESTS_PER_SIDE),
        compares=True,
    )


def metric_names() -> list[str]:
    """Return all names, for the message about an unknown one."""
    return [*_SIMPLE, *(f"{quantile}_{kind}" for kind in ("ms", "ratio", "growth_ratio") for quantile in _QUANTILES)]


def _quantile(cell: Cell, fraction: float) -> Measured:
    interval = quantile(cell.latency, fraction, cell.errors).scaled(1 / 1000)
    note = "" if not math.isinf(interval.estimate) else "the quantile is among the failed requests"
    return Measured(interval, cell.rated, note)


def _average(cell: Cell) -> Measured:
    note = f"{cell.errors} failed requests are not included" if cell.errors else ""
    return Measured(mean(cell.latency).scaled(1 / 1000), cell.latency.total, note)


def _error_rate(cell: Cell) -> Measured:
    return Measured(wilson(cell.errors, cell.rated).scaled(100), cell.rated)


def _worst_endpoint(rows: Mapping[tuple[str, str], Cell]) -> Measured:
    """Return the error rate of the endpoint and phase that fails most: the lower bound.

    The rate of all requests hides an endpoint with few requests. The bound is used instead of the rate itself, so that
    a single failed request decides nothing: 3 of 3 are certainly more than one half, 2 of 2 are not.
    """
    found = [(wilson(cell.errors, cell.rated), cell, *names) for names, cell in rows.items() if cell.rated]
    if not found:
        return Measured(_exactly(0.0), 0)
    worst, cell, endpoint, phase = max(found, key=lambda row: row[0].low)
    samples = sum(cell.rated for _, cell, *_ in found)
    note = f"{endpoint} in {phase}: {cell.errors:,} of {cell.rated:,} failed" if cell.errors else ""
    return Measured(_exactly(100 * worst.low), samples, note)


def _connection_setup(rows: Mapping[tuple[str, str], Cell]) -> Measured:
    """Return how much longer the average request takes over a new connection than over a kept one.

    A system or a machine that is slow is so on both, which says nothing about connections. Bounds by MOVER (Zou and
    Donner, Statistics in Medicine 27 (2008), 1693).
    """
    fresh, kept = Cell(), Cell()
    for (endpoint, _), cell in rows.items():
        (fresh if endpoint == "fresh:user" else kept).merge(cell, Depth.LATENCY)
    new, old = mean(fresh.latency).scaled(1 / 1000), mean(kept.latency).scaled(1 / 1000)
    interval = Interval(
        new.estimate - old.estimate,
        new.estimate - old.estimate - math.hypot(new.estimate - new.low, old.high - old.estimate),
        new.estimate - old.estimate + math.hypot(new.high - new.estimate, old.estimate - old.low),
    )
    return Measured(interval, min(fresh.latency.total, kept.latency.total))


def _closed_while_idle(cell: Cell) -> Measured:
    closed = cell.outcomes[Outcome.CLOSED_WHILE_IDLE]
    return Measured(wilson(closed, cell.sent).scaled(100), cell.sent)


def _dropped(cell: Cell) -> Measured:
    return Measured(_exactly(cell.errors), cell.rated, dropped_summary(cell))


def dropped_summary(cell: Cell) -> str:
    """Return a text with Wilson's bounds. No dropped request in a sample only proves that few are dropped."""
    rate = wilson(cell.errors, cell.rated).scaled(100)
    return (
        f"{cell.errors:,} of {cell.rated:,} requests were dropped: at least {rate.low:.3g} % and at most "
        f"{rate.high:.3g} % of all such requests (Wilson)"
    )


def _wrong_bodies(cell: Cell) -> Measured:
    return Measured(_exactly(cell.outcomes[Outcome.WRONG_BODY]), cell.rated)


def _longest_stall(cell: Cell) -> Measured:
    return Measured(_exactly(longest_stall_us(cell) / 1000), cell.rated)


def _stalled(cell: Cell) -> Measured:
    found = list(stalls(cell))
    note = f"{len(found)} stalls, the longest {max(stall.longest_us for stall in found) / 1000:.0f} ms" if found else ""
    return Measured(_exactly(stalled_percent(cell)), cell.rated, note)


def _truncated(cell: Cell) -> Measured:
    count = sum(count for detail, count in cell.details.items() if detail.startswith(TRUNCATED))
    return Measured(_exactly(count), cell.rated)


def _median_growth(cell: Cell) -> Measured:
    slope = median_growth_ms_per_s(cell)
    note = f"the median changed by {slope.estimate:+.2f} ms per second of the run" if cell.seconds else ""
    known = slope.low > -math.inf  # the bound is used, so that the slope of noise decides nothing
    return Measured(_exactly(slope.low) if known else slope, cell.rated, note if known else "too few seconds")


def _longest_silence(cell: Cell) -> Measured:
    interval = longest_silence(cell)
    return Measured(interval, cell.rated, "" if math.isfinite(interval.high) else "no later response")


def _increase(new: Cell, old: Cell) -> Measured:
    return Measured(error_rate_increase(new, old).scaled(100), min(new.rated, old.rated))


def _above_old(new: Cell, old: Cell) -> Measured:
    return Measured(fraction_above(new, old, 0.99).scaled(100), min(new.rated, old.rated))


def _exactly(value: float) -> Interval:
    return Interval(value, value, value)


def _min_for_per_cent(limit: float) -> int:
    """Return the samples for a limit in per cent. A limit of zero needs no sample size: failures are counted."""
    return min_samples_for_rate(limit / 100) if 0 < limit < 100 else 1


_SIMPLE: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric("error_rate_percent", "%", _error_rate, _min_for_per_cent),
        Metric("closed_while_idle_percent", "%", _closed_while_idle, _min_for_per_cent),
        Metric("worst_endpoint_errors_percent", "%", _worst_endpoint, lambda _: 1, sampled=False, by_row=True),
        Metric("average_ms", "ms", _average, lambda _: _MIN_FOR_MEAN, is_latency=True),
        Metric("connection_setup_ms", "ms", _connection_setup, lambda _: _MIN_FOR_MEAN, is_latency=True, by_row=True),
        Metric("dropped", "requests", _dropped, lambda _: 1, sampled=False),
        Metric("wrong_bodies", "responses", _wrong_bodies, lambda _: 1, sampled=False),
        Metric("longest_stall_ms", "ms", _longest_stall, lambda _: 1, sampled=False, over_time=True),
        Metric("stalled_percent", "%", _stalled, lambda _: 1, sampled=False, over_time=True),
        Metric("truncated_responses", "responses", _truncated, lambda _: 1, sampled=False),
        Metric("median_growth_ms_per_s", "ms/s", _median_growth, lambda _: 200, sampled=False, over_time=True),
        Metric("longest_silence_ms", "ms", _longest_silence, lambda _: 1, sampled=False, over_time=True),
        Metric("error_rate_increase_percent", "% points", _increase, lambda _: MIN_REQUESTS_PER_SIDE, compares=True),
        Metric("share_above_old_p99_percent", "%", _above_old, lambda _: MIN_REQUESTS_PER_SIDE, compares=True),
    )
}
