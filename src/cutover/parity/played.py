"""Results of a journey that was played: one entry per step, with the differences found."""

from __future__ import annotations

from dataclasses import dataclass, field

from cutover.parity.differences import Difference
from cutover.parity.steps import Journey, Step


@dataclass(frozen=True)
class PlayedStep:
    """A step that was played on both systems.

    statuses: status codes of baseline and candidate, None if the connection broke. requests: ids of the two
    requests, "" if the connection broke. elapsed_s: seconds for both sides.
    """

    step: Step
    statuses: tuple[int | None, int | None]
    requests: tuple[str, str]
    differences: tuple[Difference, ...]
    role: str
    elapsed_s: float


@dataclass
class PlayedJourney:
    """A journey that was played.

    cut_short: the reason why it ended before its last step, "" if it did not. state: differences of the stored
    state after the last step, None if it was not read. filled: (operation, path) of the lists with elements on both
    sides. left_out: step -> why the configuration leaves nothing to compare.
    """

    journey: Journey
    steps: list[PlayedStep] = field(default_factory=list)
    cut_short: str = ""
    state: list[Difference] | None = None
    filled: set[tuple[str, str]] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def differences(self) -> list[Difference]:
        """Return all differences, in the order in which they were found."""
        return [difference for played in self.steps for difference in played.differences] + (self.state or [])
