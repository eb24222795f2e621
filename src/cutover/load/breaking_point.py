"""A stress run step by step: up to which rate every limit held, and which broke first.

Not for other profiles: judgement.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cutover.load.threshold_result import State, ThresholdResult, evaluate_threshold
from cutover.load.thresholds import EACH_STEP, STEP, Gate
from cutover.traffic.ledger import LedgerTotals


@dataclass(frozen=True)
class Step:
    """One step: its phase, the rate that was planned in arrivals a second, the rate at which requests were sent, and
    each gate's state at it."""

    phase: str
    rate: float
    sent: int
    judged: tuple[ThresholdResult, ...]

    @property
    def held(self) -> bool:
        """Whether each limit was surely kept."""
        return all(judged.state is State.KEPT for judged in self.judged)

    @property
    def broken(self) -> tuple[ThresholdResult, ...]:
        """The limits that were surely broken."""
        return tuple(judged for judged in self.judged if judged.state is State.BROKEN)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "phase": self.phase,
            "rate": self.rate,
            "sent": self.sent,
            "held": self.held,
            "broken": [judged.gate.name for judged in self.broken],
            "gates": [judged.as_json() for judged in self.judged],
        }


@dataclass(frozen=True)
class BreakingPoint:
    """All steps in order. held_rate: the highest rate up to which every step was held, None when not even the first;
    broke: the first step at which a limit surely broke, None when none did."""

    steps: tuple[Step, ...]
    held_rate: float | None
    broke: Step | None

    @property
    def sentence(self) -> str:
        """What a stress run is run for, in one sentence."""
        held = "no rate was surely held" if self.held_rate is None else f"every limit held up to {self.held_rate:g}/s"
        if self.broke is None:
            last = f"{self.steps[-1].rate:g}/s" if self.steps else "no step"
            return f"{held}; no limit surely broke up to {last}"
        broken = "; ".join(judged.reason for judged in self.broke.broken)
        return f"{held}; at {self.broke.rate:g}/s broke {broken}"

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "sentence": self.sentence,
            "held_rate": self.held_rate,
            "broke_at_rate": None if self.broke is None else self.broke.rate,
            "steps": [step.as_json() for step in self.steps],
        }


def find_breaking_point(
    sums: LedgerTotals, gates: Sequence[Gate], phases: Sequence[str], rates: Mapping[str, float]
) -> BreakingPoint:
    """Judge each step by itself, up to the first that breaks a limit: what comes after it is a system under ruins.

    phases: the run's, in order; rates: arrivals a second by phase.
    """
    mine = [gate for gate in gates if gate.phase == EACH_STEP]
    steps: list[Step] = []
    held_rate: float | None = None
    holding = True
    for phase in (phase for phase in phases if phase.startswith(STEP)):
        cell = sums.quick_total({phase})
        if not cell.counted:
            continue  # the run ended before it
        step = Step(
            phase, rates.get(phase, 0.0), cell.sent, tuple(evaluate_threshold(gate, sums, [phase]) for gate in mine)
        )
        steps.append(step)
        holding = holding and step.held
        if holding:
            held_rate = step.rate
        if step.broken:
            return BreakingPoint(tuple(steps), held_rate, step)
    return BreakingPoint(tuple(steps), held_rate, None)
