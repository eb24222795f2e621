"""Old and new under the same load: differences with their intervals. No verdict below 5,000 requests a side.

Not for one system alone: metrics.py. Not for answers' contents: that is the parity gate.
"""

from __future__ import annotations

import math
from typing import Final

from cutover.stats.intervals import Interval, newcombe, quantile, ratio, wilson
from cutover.traffic.ledger import Cell

OLD: Final = "old"
NEW: Final = "new"
"""The phases of a comparison: what the old system answered, and what the new one did, interleaved on one schedule."""

MINIMUM_A_SIDE: Final = 5000
"""Requests on each side below which nothing is said. A p95 that is really equal reads as more than 10 % above in
18 % of comparisons of 300 a side, in 4 % of 1,000, and in none of 5,000 that look at the interval."""


SLOWER: Final = 1.1
"""What is at most a tenth slower is no slow request: a system whose times hardly differ would otherwise be found
wholly above the other's p99 when it is one per cent slower."""


def latency_ratio(new: Cell, old: Cell, share: float) -> Interval:
    """The new system's quantile over the old one's. Failed requests stand behind all others."""
    return ratio(quantile(new.latency, share, new.errors), quantile(old.latency, share, old.errors))


def error_rate_increase(new: Cell, old: Cell) -> Interval:
    """By how much the new system's error rate is higher, as a fraction."""
    return newcombe(new.errors, new.rated, old.errors, old.rated)


def share_above(new: Cell, old: Cell, share: float) -> Interval:
    """The share of the new system's requests that took more than SLOWER times the old system's quantile, or failed.

    Were both equal it would be at most 1 - share. It finds what a quantile misses: 3 % of requests that are 8 times
    slower. The quantile is itself an estimate, so the bounds are taken at its own bounds.
    """
    total = old.latency.total + old.errors
    if not total or not new.rated:
        return Interval(math.nan, 0.0, 1.0)
    limits = quantile(old.latency, share, old.errors)
    estimate, least, most = (_above(new, SLOWER * limit) for limit in (limits.estimate, limits.high, limits.low))
    return Interval(wilson(estimate, new.rated).estimate, wilson(least, new.rated).low, wilson(most, new.rated).high)


def _above(cell: Cell, limit_us: float) -> int:
    return cell.errors + (cell.latency.count_above(limit_us) if math.isfinite(limit_us) else 0)
