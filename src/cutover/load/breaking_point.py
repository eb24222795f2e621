"""The breaking point of a stress run: the highest rate that keeps all thresholds, and the first one that breaks any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cutover.load.threshold_result import State, ThresholdResult, evaluate_threshold
from cutover.load.thresholds import EACH_STEP, STEP, Threshold
from cutover.traffic.ledger import LedgerTotals


@dataclass(frozen=True)
class Step:
    """One step: its phase, planned arrivals per second, requests sent, and the result of each threshold."""

    phase: str
    rate: float
    sent: int
    results: tuple[ThresholdResult, ...]

    @property
    def held(self) -> bool:
        """Return True if each threshold was kept."""
        return all(result.state is State.KEPT for result in self.results)

    @property
    def broken(self) -> tuple[ThresholdResult, ...]:
        """Return the thresholds that were broken."""
        return tuple(result for result in self.results if result.state is State.BROKEN)

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "phase": self.phase,
            "rate": self.rate,
            "sent": self.sent,
            "held": self.held,
            "broken": [result.threshold.name for result in self.broken],
            "gates": [result.as_json() for result in self.results],
        }


@dataclass(frozen=True)
class BreakingPoint:
    """All steps in order. held_rate: the highest rate up to which every step kept all thresholds, None if not even the
    first did; broken_step: the first step that broke a threshold, None if none did."""

    steps: tuple[Step, ...]
    held_rate: float | None
    broken_step: Step | None

    @property
    def summary(self) -> str:
        """Return the result of a stress run in one sentence."""
        held = (
            "no rate kept all thresholds"
            if self.held_rate is None
            else f"all thresholds kept up to {self.held_rate:g}/s"
        )
        if self.broken_step is None:
            last = f"{self.steps[-1].rate:g}/s" if self.steps else "no step"
            return f"{held}; no threshold broke up to {last}"
        broken = "; ".join(result.reason for result in self.broken_step.broken)
        return f"{held}; breaking point {self.broken_step.rate:g}/s: {broken}"

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "sentence": self.summary,
            "held_rate": self.held_rate,
            "broke_at_rate": None if self.broken_step is None else self.broken_step.rate,
            "steps": [step.as_json() for step in self.steps],
        }


def find_breaking_point(
    totals: LedgerTotals, thresholds: Sequence[Threshold], phases: Sequence[str], rates: Mapping[str, float]
) -> BreakingPoint:
    """Evaluate each step separately, up to the first that breaks a threshold. Later steps say nothing new.

    phases: the run's, in order; rates: arrivals per second by phase.
    """
    mine = [threshold for threshold in thresholds if threshold.phase == EACH_STEP]
    steps: list[Step] = []
    held_rate: float | None = None
    all_held = True
    for phase in (phase for phase in phases if phase.startswith(STEP)):
        cell = totals.quick_total({phase})
        if not cell.counted:
            continue  # the run ended before this step
        step = Step(
            phase,
            rates.get(phase, 0.0),
            cell.sent,
            tuple(evaluate_threshold(threshold, totals, [phase]) for threshold in mine),
        )
        steps.append(step)
        all_held = all_held and step.held
        if all_held:
            held_rate = step.rate
        if step.broken:
            return BreakingPoint(tuple(steps), held_rate, step)
    return BreakingPoint(tuple(steps), held_rate, None)
