"""Find the shortest journey that still shows a difference, by leaving out steps (delta debugging).

Algorithm: ddmin, Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, IEEE TSE 28(2), 2002. Each
try is a new journey with its own accounts on both systems.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cutover.parity.steps import Journey, Step

TRIES: Final = 40
SECONDS: Final = 20.0


@dataclass(frozen=True)
class Shortest:
    """The shortest journey found. tried: number of journeys played. complete: no further step can be left out."""

    steps: tuple[Step, ...]
    tried: int
    complete: bool


def shorten(
    journey: Journey, shows: Callable[[Journey], bool], *, tries: int = TRIES, seconds: float = SECONDS
) -> Shortest:
    """Leave out steps while `shows` returns True. The last step stays. Steps that need an omitted step are omitted
    too.

    Return the shortest journey found within that number of tries and seconds.
    """
    if not journey.steps:
        return Shortest((), 0, complete=True)
    *rest, last = journey.steps
    budget = _Budget(journey, shows, last, tries, time.monotonic() + seconds)
    needed = _closure([], rest, last)
    if len(needed) < len(rest) and budget.try_out(needed):
        rest = needed
    pieces = 2
    while len(rest) >= 1 and not budget.spent:
        size = max(1, len(rest) // pieces)
        for start in range(0, len(rest), size):
            fewer = _consistent([*rest[:start], *rest[start + size :]], last)
            if fewer is not None and len(fewer) < len(rest) and budget.try_out(fewer):
                rest, pieces = fewer, max(2, pieces - 1)
                break
        else:
            if size == 1:
                return Shortest((*rest, last), budget.tried, complete=not budget.refused)
            pieces = min(len(rest), pieces * 2)
    return Shortest((*rest, last), budget.tried, complete=not rest)


@dataclass
class _Budget:
    journey: Journey
    shows: Callable[[Journey], bool]
    last: Step
    tries: int
    deadline: float
    tried: int = 0
    refused: bool = False

    @property
    def spent(self) -> bool:
        return self.tried >= self.tries or time.monotonic() > self.deadline

    def try_out(self, rest: Sequence[Step]) -> bool:
        if self.spent:
            self.refused = True
            return False
        self.tried += 1
        return self.shows(self.journey.only((*rest, self.last)))


def _closure(kept: Sequence[Step], steps: Sequence[Step], last: Step) -> list[Step]:
    """Return the steps that the last one refers to, and the steps that those refer to."""
    wanted = last.needs()
    found: list[Step] = list(kept)
    for step in reversed(steps):
        if step.saves and step.saves in wanted:
            wanted |= step.needs()
            found.insert(0, step)
    return found


def _consistent(steps: Sequence[Step], last: Step) -> list[Step] | None:
    """Return the steps without those that refer to missing ones, None if the last one does."""
    saved: set[str] = set()
    kept = []
    for step in steps:
        if step.needs() <= saved:
            kept.append(step)
            saved |= {step.saves} if step.saves else set()
    return kept if last.needs() <= saved else None
