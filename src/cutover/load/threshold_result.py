"""The result of one threshold on the ledger: kept, broken or undecided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cutover.load.compare import NEW, OLD
from cutover.load.metrics import Measured
from cutover.load.thresholds import Threshold
from cutover.traffic.ledger import LedgerTotals


class State(StrEnum):
    """The state of a threshold after the run."""

    KEPT = "kept"  # the whole interval keeps the limit
    BROKEN = "broken"  # the whole interval breaks it
    UNDECIDED = "undecided"  # the interval includes the limit, or there are too few samples


@dataclass(frozen=True)
class ThresholdResult:
    """A threshold with its measured value. phases: the phases that it covered; reason: one sentence, for each state."""

    threshold: Threshold
    state: State
    measured: Measured
    phases: tuple[str, ...]
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            **self.threshold.as_json(),
            **self.measured.as_json(),
            "state": self.state.value,
            "phases": list(self.phases),
            "reason": self.reason,
        }


def evaluate_threshold(threshold: Threshold, totals: LedgerTotals, phases: Sequence[str]) -> ThresholdResult:
    """Compare one metric with its limit. phases: the run's phases, or those of them to be covered.

    A threshold is kept or broken only if the whole interval is on one side; a point estimate decides nothing.
    """
    covered = threshold.phases_of(phases)
    if threshold.metric.compares:
        measured = threshold.metric.measure(
            totals.quick_total({NEW}, threshold.members), totals.quick_total({OLD}, threshold.members)
        )
    elif threshold.metric.by_row:
        measured = threshold.metric.measure(totals.select(covered, threshold.members))
    else:
        add_up = totals.total_by_second if threshold.metric.over_time else totals.quick_total
        measured = threshold.metric.measure(add_up(covered, threshold.members))
    interval = measured.interval
    value = value_text(measured, threshold.metric.unit)
    ordered = tuple(phase for phase in phases if phase in covered)
    if threshold.is_kept_by(interval.high) and measured.samples >= threshold.minimum:
        state, reason = State.KEPT, f"{threshold.name}: {value}, threshold {threshold.condition} kept"
    elif not threshold.is_kept_by(interval.low) and (
        measured.samples >= threshold.minimum or not threshold.metric.sampled
    ):
        # A metric that is counted completely can break with any number of requests.
        state, reason = State.BROKEN, f"{threshold.name}: {value}, threshold {threshold.condition} broken"
    elif measured.samples < threshold.minimum:
        state = State.UNDECIDED
        reason = (
            f"{threshold.name}: {measured.samples:,} requests, threshold {threshold.condition} needs "
            f"{threshold.minimum:,}. Run longer or at a higher rate. So far {value}"
        )
    else:
        state = State.UNDECIDED
        reason = (
            f"{threshold.name}: {value}, threshold {threshold.condition} undecided: the interval includes the limit. "
            "More requests narrow it"
        )
    note = f" ({measured.note})" if measured.note else ""
    return ThresholdResult(threshold, state, measured, ordered, reason + note)


def value_text(measured: Measured, unit: str) -> str:
    """Return a value as text, with its interval if it has one."""
    interval = measured.interval
    if not math.isfinite(interval.estimate):
        return number_text(interval.estimate)
    if interval.low == interval.high:
        return f"{number_text(interval.estimate)} {unit}"
    return f"{number_text(interval.estimate)} {unit} [{number_text(interval.low)}, {number_text(interval.high)}]"


def number_text(value: float) -> str:
    """Return a number as text, with as many digits as its limit may need; a value that is not finite in words."""
    if math.isnan(value):
        return "no value"
    if math.isinf(value):
        return "unbounded"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
