"""One load gate against the ledger: kept, broken, or not to be told apart from its limit.

Not for a whole run: judgement.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from cutover.load.compare import NEW, OLD
from cutover.load.metrics import Measured
from cutover.load.thresholds import Gate
from cutover.traffic.ledger import LedgerTotals


class State(StrEnum):
    """What a gate's samples say."""

    KEPT = "kept"  # the whole interval keeps the limit
    BROKEN = "broken"  # the whole interval breaks it
    UNDECIDED = "undecided"  # the interval holds the limit, or there are too few samples


@dataclass(frozen=True)
class ThresholdResult:
    """A gate with what was measured. phases: those that it looked at; reason: one sentence, for each state."""

    gate: Gate
    state: State
    measured: Measured
    phases: tuple[str, ...]
    reason: str

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **self.gate.as_json(),
            **self.measured.as_json(),
            "state": self.state.value,
            "phases": list(self.phases),
            "reason": self.reason,
        }


def evaluate_threshold(gate: Gate, sums: LedgerTotals, phases: Sequence[str]) -> ThresholdResult:
    """Compare one gate's figure with its limit. phases: the run's phases, or those of them that are to be looked at.

    Kept or broken only when the interval lies wholly on one side; a point estimate decides nothing.
    """
    looked_at = gate.phases_of(phases)
    if gate.metric.compares:
        measured = gate.metric.of(sums.quick_total({NEW}, gate.members), sums.quick_total({OLD}, gate.members))
    elif gate.metric.by_row:
        measured = gate.metric.of(sums.select(looked_at, gate.members))
    else:
        summed = sums.total_by_second if gate.metric.over_time else sums.quick_total
        measured = gate.metric.of(summed(looked_at, gate.members))
    interval = measured.interval
    shown = written(measured, gate.metric.unit)
    ordered = tuple(phase for phase in phases if phase in looked_at)
    if gate.kept_by(interval.high) and measured.samples >= gate.minimum:
        state, reason = State.KEPT, f"{gate.name}: {shown} keeps {gate.written}"
    elif not gate.kept_by(interval.low) and (measured.samples >= gate.minimum or not gate.metric.sampled):
        # What is counted in full is broken by the first of them, however few there were.
        state, reason = State.BROKEN, f"{gate.name}: {shown} breaks {gate.written}"
    elif measured.samples < gate.minimum:
        state = State.UNDECIDED
        reason = (
            f"{gate.name}: {measured.samples:,} requests, and {gate.written} needs {gate.minimum:,}. Run it for longer "
            f"or at a higher rate. So far {shown}"
        )
    else:
        state = State.UNDECIDED
        reason = f"{gate.name}: {shown} cannot be told apart from {gate.written}. More requests narrow the interval"
    note = f" ({measured.note})" if measured.note else ""
    return ThresholdResult(gate, state, measured, ordered, reason + note)


def written(measured: Measured, unit: str) -> str:
    """A figure as a reader takes it: with its interval, where it has one."""
    interval = measured.interval
    if not math.isfinite(interval.estimate):
        return amount(interval.estimate)
    if interval.low == interval.high:
        return f"{amount(interval.estimate)} {unit}"
    return f"{amount(interval.estimate)} {unit} [{amount(interval.low)}, {amount(interval.high)}]"


def amount(value: float) -> str:
    """A number in as many digits as its limit could need; what is not finite in words."""
    if math.isnan(value):
        return "no value"
    if math.isinf(value):
        return "without bound"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
