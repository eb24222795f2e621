"""The figures that a load gate may ask for: each by its name, from the ledger, with its interval and its samples.

A name ends with its unit, so that no limit in per cent meets a figure that is a fraction. Not for limits: gates.py.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cutover.load.compare import MINIMUM_A_SIDE, error_rate_increase, latency_ratio, share_above
from cutover.load.trend import growth, longest_silence, longest_stall_us
from cutover.stats.intervals import (
    Interval,
    mean,
    min_samples_for_quantile,
    min_samples_for_rate,
    quantile,
    wilson,
)
from cutover.traffic.ledger import Cell, Outcome

_QUANTILES: Final = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
_LATENCY: Final = re.compile(r"(p[0-9.]+)_(ms|ratio|growth_ratio)")
_LEAST_FOR_MEAN: Final = 30  # from there the central limit theorem is good enough for durations


@dataclass(frozen=True)
class Measured:
    """A figure in its metric's unit. samples: requests that it rests on (of a comparison: of the smaller side)."""

    interval: Interval
    samples: int
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {"interval": self.interval.as_json(), "samples": self.samples, "note": self.note}


@dataclass(frozen=True)
class Metric:
    """A figure that can be asked for.

    of: measures it, on one cell, of a comparison on the new and the old one, with by_row on the ledger's rows. least:
    the samples that a limit needs. is_latency: whether the limit is one of milliseconds that the send lag must stay
    well below. sampled: whether it has an interval; what is counted or timed in full has none. over_time: whether it
    looks at the seconds of the run.
    """

    name: str
    unit: str
    of: Callable[..., Measured]
    least: Callable[[float], int]
    compares: bool = False
    is_latency: bool = False
    sampled: bool = True
    over_time: bool = False
    by_row: bool = False


def metric_named(name: str) -> Metric | None:
    """The metric of that name, None when there is none."""
    if (found := _SIMPLE.get(name)) is not None:
        return found
    match = _LATENCY.fullmatch(name)
    if match is None or match[1] not in _QUANTILES:
        return None
    share = _QUANTILES[match[1]]
    least = min_samples_for_quantile(share)
    if match[2] == "ms":
        return Metric(name, "ms", lambda cell: _quantile(cell, share), lambda _: least, is_latency=True)
    if match[2] == "growth_ratio":
        return Metric(name, "times", lambda cell: Measured(*growth(cell, share)), lambda _: least, over_time=True)
    return Metric(
        name,
        "times",
        lambda new, old: Measured(latency_ratio(new, old, share), min(new.rated, old.rated)),
        lambda _: max(least, MINIMUM_A_SIDE),
        compares=True,
    )


def metric_names() -> list[str]:
    """All names, for the message about one that is not known."""
    return [*_SIMPLE, *(f"{quantile}_{kind}" for kind in ("ms", "ratio", "growth_ratio") for quantile in _QUANTILES)]


def _quantile(cell: Cell, share: float) -> Measured:
    interval = quantile(cell.latency, share, cell.errors).scaled(1 / 1000)
    note = "" if not math.isinf(interval.estimate) else "so many requests failed that the quantile is one of them"
    return Measured(interval, cell.rated, note)


def _average(cell: Cell) -> Measured:
    note = f"{cell.errors} failed requests have no part in it" if cell.errors else ""
    return Measured(mean(cell.latency).scaled(1 / 1000), cell.latency.total, note)


def _error_rate(cell: Cell) -> Measured:
    return Measured(wilson(cell.errors, cell.rated).scaled(100), cell.rated)


def _worst_endpoint(rows: Mapping[tuple[str, str], Cell]) -> Measured:
    """Of all endpoints in each phase: the error rate of the one that fails most, its lower bound.

    A rate of all requests hides an endpoint that is rarely asked for. The bound, and not the share itself, so that
    one failed request of one decides nothing: 3 of 3 are surely more than one half, 2 of 2 are not.
    """
    found = [(wilson(cell.errors, cell.rated), cell, *names) for names, cell in rows.items() if cell.rated]
    if not found:
        return Measured(_known(0.0), 0)
    worst, cell, endpoint, phase = max(found, key=lambda row: row[0].low)
    samples = sum(cell.rated for _, cell, *_ in found)
    note = f"{endpoint} in {phase}: {cell.errors:,} of {cell.rated:,} failed" if cell.errors else ""
    return Measured(_known(100 * worst.low), samples, note)


def _closed_while_idle(cell: Cell) -> Measured:
    closed = cell.outcomes[Outcome.CLOSED_WHILE_IDLE]
    return Measured(wilson(closed, cell.sent).scaled(100), cell.sent)


def _dropped(cell: Cell) -> Measured:
    return Measured(_known(cell.errors), cell.rated, dropped_share(cell))


def dropped_share(cell: Cell) -> str:
    """In words, with Wilson's bounds: that nothing was dropped shows no more than that hardly anything is."""
    share = wilson(cell.errors, cell.rated).scaled(100)
    return (
        f"{cell.errors:,} of {cell.rated:,} requests were dropped: at least {share.low:.3g} % and at most "
        f"{share.high:.3g} % of all such requests (Wilson)"
    )


def _wrong_bodies(cell: Cell) -> Measured:
    return Measured(_known(cell.outcomes[Outcome.WRONG_BODY]), cell.rated)


def _longest_stall(cell: Cell) -> Measured:
    return Measured(_known(longest_stall_us(cell) / 1000), cell.rated)


def _longest_silence(cell: Cell) -> Measured:
    interval = longest_silence(cell)
    return Measured(interval, cell.rated, "" if math.isfinite(interval.high) else "no answer came any more")


def _increase(new: Cell, old: Cell) -> Measured:
    return Measured(error_rate_increase(new, old).scaled(100), min(new.rated, old.rated))


def _above_old(new: Cell, old: Cell) -> Measured:
    return Measured(share_above(new, old, 0.99).scaled(100), min(new.rated, old.rated))


def _known(value: float) -> Interval:
    return Interval(value, value, value)


def _for_per_cent(limit: float) -> int:
    """Samples for a limit in per cent; below a limit of zero nothing can be sampled, it is counted."""
    return min_samples_for_rate(limit / 100) if 0 < limit < 100 else 1


_SIMPLE: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric("error_rate_percent", "%", _error_rate, _for_per_cent),
        Metric("closed_while_idle_percent", "%", _closed_while_idle, _for_per_cent),
        Metric("worst_endpoint_errors_percent", "%", _worst_endpoint, lambda _: 1, sampled=False, by_row=True),
        Metric("average_ms", "ms", _average, lambda _: _LEAST_FOR_MEAN, is_latency=True),
        Metric("dropped", "requests", _dropped, lambda _: 1, sampled=False),
        Metric("wrong_bodies", "answers", _wrong_bodies, lambda _: 1, sampled=False),
        Metric("longest_stall_ms", "ms", _longest_stall, lambda _: 1, sampled=False, over_time=True),
        Metric("longest_silence_ms", "ms", _longest_silence, lambda _: 1, sampled=False, over_time=True),
        Metric("error_rate_increase_percent", "% points", _increase, lambda _: MINIMUM_A_SIDE, compares=True),
        Metric("share_above_old_p99_percent", "%", _above_old, lambda _: MINIMUM_A_SIDE, compares=True),
    )
}
