"""When each arrival is meant to happen: shapes of load, drawn from a seed, and split exactly over processes.

The model is open: a slow system does not slow the arrivals down. Not for sending: engine.py.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final, TypeAlias

SHAPES: Final = ("constant", "poisson", "ramp", "step", "spike")
NS: Final = 1_000_000_000
WARM_UP: Final = "warm-up"
"""The phase that no gate judges; it stands in the ledger like any other."""


@dataclass(frozen=True)
class Shape:
    """One part of a profile. rate, to_rate: arrivals a second; seconds: how long.

    constant: every 1/rate s. poisson: gaps drawn from the exponential distribution of that rate. ramp: from rate to
    to_rate, rising evenly. step: from rate to to_rate in so many equal `steps`, each a phase of its own. spike: a
    third of the time at rate, a third at to_rate, a third at rate again, three phases.
    """

    name: str
    shape: str
    seconds: float
    rate: float
    to_rate: float = 0.0
    steps: int = 1

    @property
    def peak(self) -> float:
        """The highest rate that is meant, in arrivals a second."""
        return max(self.rate, self.to_rate)

    @property
    def arrivals(self) -> float:
        """How many arrivals are to be expected."""
        return sum((part.rate + part.end) / 2 * part.seconds for part in self.parts())

    def parts(self) -> tuple[Part, ...]:
        """The phases of it, in order."""
        if self.shape == "step":
            rise = (self.to_rate - self.rate) / max(1, self.steps - 1)
            long = self.seconds / self.steps
            return tuple(
                Part(f"{self.name}-{number + 1}", long, rate, rate, poisson=True)
                for number, rate in enumerate(self.rate + rise * step for step in range(self.steps))
            )
        if self.shape == "spike":
            long = self.seconds / 3
            rates = {"before": self.rate, "peak": self.to_rate, "after": self.rate}
            return tuple(Part(f"{self.name}-{name}", long, rate, rate, poisson=True) for name, rate in rates.items())
        end = self.to_rate if self.shape == "ramp" else self.rate
        return (Part(self.name, self.seconds, self.rate, end, poisson=self.shape == "poisson"),)


@dataclass(frozen=True)
class Part:
    """One phase: from `rate` to `end` arrivals a second, evenly changing."""

    name: str
    seconds: float
    rate: float
    end: float
    poisson: bool = False

    def times_s(self, draw: Random) -> Iterator[float]:
        """The arrivals' times from the phase's begin, in s, ascending, below `seconds`."""
        if self.poisson:
            at = -math.log(1.0 - draw.random()) / self.rate if self.rate > 0 else self.seconds
            while at < self.seconds:
                yield at
                at -= math.log(1.0 - draw.random()) / self.rate
            return
        rise = (self.end - self.rate) / self.seconds
        for number in range(math.ceil(round((self.rate + self.end) / 2 * self.seconds, 6))):
            # The moment t at which rate·t + rise·t²/2 = number: the arrivals' cumulative count, turned round.
            root = math.sqrt(max(0.0, self.rate * self.rate + 2 * rise * number))
            at = 2 * number / (self.rate + root) if self.rate + root > 0 else 0.0
            if at < self.seconds:
                yield at


Arrival: TypeAlias = tuple[int, int, int]
"""Nanoseconds from the run's begin, number of its phase, number of its journey in the mix."""


@dataclass(frozen=True)
class Schedule:
    """All arrivals of a run, or one process's share of them.

    phases, journeys: names by number. begins_ns: when each phase begins, and last, when the run ends.
    """

    phases: tuple[str, ...]
    journeys: tuple[str, ...]
    begins_ns: tuple[int, ...]
    at_ns: array[int]
    phase: array[int]
    journey: array[int]

    def __len__(self) -> int:
        return len(self.at_ns)

    def __iter__(self) -> Iterator[Arrival]:
        return zip(self.at_ns, self.phase, self.journey, strict=True)

    @property
    def duration_s(self) -> float:
        """How long the arrivals go on, in s."""
        return self.begins_ns[-1] / NS

    def part(self, index: int, of: int) -> Schedule:
        """The share of one of so many processes: each arrival is in exactly one. ValueError for no such share."""
        if not 0 <= index < of:
            raise ValueError(f"there is no part {index} of {of}")
        cut = slice(index, None, of)
        return Schedule(self.phases, self.journeys, self.begins_ns, self.at_ns[cut], self.phase[cut], self.journey[cut])

    def count(self, journey: str) -> int:
        """How many arrivals begin that journey."""
        return self.journey.count(self.journeys.index(journey)) if journey in self.journeys else 0

    def most_in(self, window_s: float) -> int:
        """The most arrivals in any window of so many seconds."""
        window, first, most = int(window_s * NS), 0, 0
        for last, at in enumerate(self.at_ns):
            while self.at_ns[first] <= at - window:
                first += 1
            most = max(most, last - first + 1)
        return most


def schedule(
    shapes: Sequence[Shape], mix: Sequence[tuple[str, float]], seed: int, *, sides: Sequence[str] = ("",)
) -> Schedule:
    """Draw a run's arrivals.

    mix: journeys with their weights. seed: the same seed gives the same arrivals on every machine; only
    Random.random() is drawn from, whose numbers Python promises not to change. sides: with several, so many arrivals
    in a row are the same journey, one for each side, in a drawn order; the journey is then named "JOURNEY SIDE".
    A journey with a weight that was drawn for no judged arrival takes one of the commonest's, where that has several.
    """
    times = Random(f"times {seed}")  # noqa: S311 - a schedule that can be repeated, no secret
    kinds = Random(f"journeys {seed}")  # noqa: S311 - the same
    sums = list(accumulate(weight for _, weight in mix))
    at_ns, phase, journey = array("q"), array("H"), array("H")
    turns: list[tuple[int, bool]] = []
    names: list[str] = []
    begins = [0]
    for shape in shapes:
        for part in shape.parts():
            for at in part.times_s(times):
                at_ns.append(begins[-1] + int(at * NS))
                phase.append(len(names))
                if len(at_ns) % len(sides) == 0:
                    kind = min(bisect_right(sums, kinds.random() * sums[-1]), len(sums) - 1)
                    first = int(kinds.random() * len(sides))
                    journey.extend(kind * len(sides) + (first + side) % len(sides) for side in range(len(sides)))
                    turns.append((kind, part.name != WARM_UP))
            names.append(part.name)
            begins.append(begins[-1] + int(part.seconds * NS))
    for turn, taken, kind in _left_out(turns, mix, kinds):
        for place in range(turn * len(sides), (turn + 1) * len(sides)):
            journey[place] += (kind - taken) * len(sides)
    whole = len(journey)  # what is left over of a last pair is dropped
    journeys = tuple(f"{name} {side}".rstrip() for name, _ in mix for side in sides)
    return Schedule(tuple(names), journeys, tuple(begins), at_ns[:whole], phase[:whole], journey)


def _left_out(
    turns: Sequence[tuple[int, bool]], mix: Sequence[tuple[str, float]], draw: Random
) -> Iterator[tuple[int, int, int]]:
    """For each journey with a weight and no judged turn: the turn that it gets, whose that was, and its own number.

    turns: number of the journey and whether it is judged, in order. A profile promises every journey of its mix, and
    a rare one would now and then not be asked for at all.
    """
    held: list[list[int]] = [[] for _ in mix]
    for turn, (kind, judged) in enumerate(turns):
        if judged:
            held[kind].append(turn)
    for kind, (_, weight) in enumerate(mix):
        commonest = max(range(len(mix)), key=lambda other: len(held[other]))
        if weight > 0 and not held[kind] and len(held[commonest]) > 1:
            turn = held[commonest].pop(int(draw.random() * len(held[commonest])))
            held[kind].append(turn)
            yield turn, commonest, kind
