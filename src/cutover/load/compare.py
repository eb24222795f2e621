"""Differences between the old and the new system under the same load, with intervals.

There is no verdict below 5,000 requests on each side.
"""

from __future__ import annotations

import math
from typing import Final

from cutover.stats.intervals import Interval, newcombe, quantile, ratio, wilson
from cutover.traffic.ledger import Cell

OLD: Final = "old"
NEW: Final = "new"
"""The phases of a comparison: requests to the old and to the new system, interleaved on one schedule."""

MIN_REQUESTS_PER_SIDE: Final = 5000
"""Requests required on each side. If both p95 are equal, the new one reads as more than 10 % above in 18 % of
comparisons with 300 requests on each side, in 4 % with 1,000, and in none with 5,000 that use the interval."""


SLOWER: Final = 1.1
"""A request that takes at most a tenth longer is not slow. Otherwise a system with almost constant response times would
be completely above the other's p99 if it were one per cent slower."""


def latency_ratio(new: Cell, old: Cell, fraction: float) -> Interval:
    """Return the new system's quantile divided by the old one's. Failed requests rank after all others."""
    return ratio(quantile(new.latency, fraction, new.errors), quantile(old.latency, fraction, old.errors))


def error_rate_increase(new: Cell, old: Cell) -> Interval:
    """Return how much higher the new system's error rate is, as a fraction."""
    return newcombe(new.errors, new.rated, old.errors, old.rated)


def fraction_above(new: Cell, old: Cell, fraction: float) -> Interval:
    """Return the fraction of the new system's requests that failed or took more than SLOWER times the old quantile.

    If both systems are equal, it is at most 1 - quantile. It detects changes that a quantile misses: 3 % of requests
    that are 8 times slower. The old quantile is itself an estimate, so the bounds are computed at its own bounds.
    """
    total = old.latency.total + old.errors
    if not total or not new.rated:
        return Interval(math.nan, 0.0, 1.0)
    limits = quantile(old.latency, fraction, old.errors)
    estimate, least, most = (_count_above(new, SLOWER * limit) for limit in (limits.estimate, limits.high, limits.low))
    return Interval(wilson(estimate, new.rated).estimate, wilson(least, new.rated).low, wilson(most, new.rated).high)


def _count_above(cell: Cell, limit_us: float) -> int:
    return cell.errors + (cell.latency.count_above(limit_us) if math.isfinite(limit_us) else 0)
