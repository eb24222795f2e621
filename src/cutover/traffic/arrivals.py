"""The schedule of a load run: load shapes, arrivals generated from a seed, and an exact split over processes.

The arrival model is open: a slow system does not delay the arrivals.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Final, TypeAlias

SHAPES: Final = ("constant", "poisson", "ramp", "step", "spike")
NS: Final = 1_000_000_000
WARM_UP: Final = "warm-up"
"""The phase that no threshold covers. The ledger contains it like every other phase."""


@dataclass(frozen=True)
class Shape:
    """One shape of a profile. rate, to_rate: arrivals per second; seconds: duration.

    constant: an arrival every 1/rate s. poisson: exponentially distributed gaps of that rate. ramp: a linear change
    from rate to to_rate. step: from rate to to_rate in `steps` equal steps, each of which is a phase. spike: three
    phases of equal length at rate, at to_rate, and at rate again.
    """

    name: str
    shape: str
    seconds: float
    rate: float
    to_rate: float = 0.0
    steps: int = 1

    @property
    def peak(self) -> float:
        """Return the highest planned rate in arrivals per second."""
        return max(self.rate, self.to_rate)

    @property
    def arrivals(self) -> float:
        """Return the expected number of arrivals."""
        return sum((phase.rate + phase.end_rate) / 2 * phase.seconds for phase in self.phases())

    def phases(self) -> tuple[Phase, ...]:
        """Return the phases of the shape, in order."""
        if self.shape == "step":
            rise = (self.to_rate - self.rate) / max(1, self.steps - 1)
            long = self.seconds / self.steps
            return tuple(
                Phase(f"{self.name}-{number + 1}", long, rate, rate, poisson=True)
                for number, rate in enumerate(self.rate + rise * step for step in range(self.steps))
            )
        if self.shape == "spike":
            long = self.seconds / 3
            rates = {"before": self.rate, "peak": self.to_rate, "after": self.rate}
            return tuple(Phase(f"{self.name}-{name}", long, rate, rate, poisson=True) for name, rate in rates.items())
        end = self.to_rate if self.shape == "ramp" else self.rate
        return (Phase(self.name, self.seconds, self.rate, end, poisson=self.shape == "poisson"),)


@dataclass(frozen=True)
class Phase:
    """One phase: a linear change from `rate` to `end_rate` arrivals per second."""

    name: str
    seconds: float
    rate: float
    end_rate: float
    poisson: bool = False

    def times_s(self, random: Random) -> Iterator[float]:
        """Yield the arrival times in s from the start of the phase, ascending, below `seconds`."""
        if self.poisson:
            at = -math.log(1.0 - random.random()) / self.rate if self.rate > 0 else self.seconds
            while at < self.seconds:
                yield at
                at -= math.log(1.0 - random.random()) / self.rate
            return
        rise = (self.end_rate - self.rate) / self.seconds
        for number in range(math.ceil(round((self.rate + self.end_rate) / 2 * self.seconds, 6))):
            # The moment t at which rate·t + rise·t²/2 = number: the inverse of the arrivals' cumulative count.
            root = math.sqrt(max(0.0, self.rate * self.rate + 2 * rise * number))
            at = 2 * number / (self.rate + root) if self.rate + root > 0 else 0.0
            if at < self.seconds:
                yield at


Arrival: TypeAlias = tuple[int, int, int]
"""Nanoseconds from the start of the run, number of the phase, number of the journey in the mix."""


@dataclass(frozen=True)
class Schedule:
    """All arrivals of a run, or the part of one process.

    phases, journeys: names by number. phase_starts_ns: the start of each phase, then the end of the run.
    """

    phases: tuple[str, ...]
    journeys: tuple[str, ...]
    phase_starts_ns: tuple[int, ...]
    at_ns: array[int]
    phase: array[int]
    journey: array[int]

    def __len__(self) -> int:
        return len(self.at_ns)

    def __iter__(self) -> Iterator[Arrival]:
        return zip(self.at_ns, self.phase, self.journey, strict=True)

    @property
    def duration_s(self) -> float:
        """Return the planned duration in s."""
        return self.phase_starts_ns[-1] / NS

    def part(self, index: int, of: int) -> Schedule:
        """Return the arrivals of one of `of` processes: each arrival is in exactly one part. Raises ValueError."""
        if not 0 <= index < of:
            raise ValueError(f"expected a part from 0 to {of - 1}, got {index}")
        cut = slice(index, None, of)
        return Schedule(
            self.phases, self.journeys, self.phase_starts_ns, self.at_ns[cut], self.phase[cut], self.journey[cut]
        )

    def without(self, journeys: Collection[str]) -> Schedule:
        """Return the schedule without the arrivals of these journeys. The times of all others stay the same."""
        left_out = {number for number, name in enumerate(self.journeys) if name in journeys}
        kept = [place for place, number in enumerate(self.journey) if number not in left_out]
        if len(kept) == len(self):
            return self
        at_ns, phase, journey = (
            array(rows.typecode, [rows[place] for place in kept]) for rows in (self.at_ns, self.phase, self.journey)
        )
        return Schedule(self.phases, self.journeys, self.phase_starts_ns, at_ns, phase, journey)

    def count(self, journey: str) -> int:
        """Return the number of arrivals that begin that journey."""
        return self.journey.count(self.journeys.index(journey)) if journey in self.journeys else 0

    def max_in_window(self, window_s: float) -> int:
        """Return the largest number of arrivals in any window of that length."""
        window, first, most = int(window_s * NS), 0, 0
        for last, at in enumerate(self.at_ns):
            while self.at_ns[first] <= at - window:
                first += 1
            most = max(most, last - first + 1)
        return most


def generate_schedule(
    shapes: Sequence[Shape], mix: Sequence[tuple[str, float]], seed: int, *, sides: Sequence[str] = ("",)
) -> Schedule:
    """Generate the arrivals of a run.

    mix: journeys with their weights. seed: the same seed gives the same arrivals on every machine, because only
    Random.random() is used, whose numbers Python does not change. sides: with n sides, n arrivals in a row are the same
    journey, one for each side, in random order; the journey's name is then "JOURNEY SIDE". A journey with a weight but
    without an arrival after the warm-up takes one arrival of the most frequent journey, if that has several.
    """
    times = Random(f"times {seed}")  # noqa: S311 - a repeatable schedule, not a secret
    kinds = Random(f"journeys {seed}")  # noqa: S311 - the same
    cumulative = list(accumulate(weight for _, weight in mix))
    at_ns, phase, journey = array("q"), array("H"), array("H")
    turns: list[tuple[int, bool]] = []
    names: list[str] = []
    starts = [0]
    for shape in shapes:
        for planned in shape.phases():
            for at in planned.times_s(times):
                at_ns.append(starts[-1] + int(at * NS))
                phase.append(len(names))
                if len(at_ns) % len(sides) == 0:
                    kind = min(bisect_right(cumulative, kinds.random() * cumulative[-1]), len(cumulative) - 1)
                    first = int(kinds.random() * len(sides))
                    journey.extend(kind * len(sides) + (first + side) % len(sides) for side in range(len(sides)))
                    turns.append((kind, planned.name != WARM_UP))
            names.append(planned.name)
            starts.append(starts[-1] + int(planned.seconds * NS))
    for turn, replaced, kind in _add_missing_journeys(turns, mix, kinds):
        for place in range(turn * len(sides), (turn + 1) * len(sides)):
            journey[place] += (kind - replaced) * len(sides)
    whole = len(journey)  # an incomplete last group of sides is dropped
    journeys = tuple(f"{name} {side}".rstrip() for name, _ in mix for side in sides)
    return Schedule(tuple(names), journeys, tuple(starts), at_ns[:whole], phase[:whole], journey)


def _add_missing_journeys(
    turns: Sequence[tuple[int, bool]], mix: Sequence[tuple[str, float]], random: Random
) -> Iterator[tuple[int, int, int]]:
    """Yield, for each journey with a weight and no arrival after the warm-up: the turn that it takes, the number of the
    journey that the turn had before, and its own number.

    turns: the number of the journey, and whether the turn is after the warm-up, in order. Without this, a rare journey
    of the mix would sometimes not be requested at all.
    """
    held: list[list[int]] = [[] for _ in mix]
    for turn, (kind, counts) in enumerate(turns):
        if counts:
            held[kind].append(turn)
    for kind, (_, weight) in enumerate(mix):
        commonest = max(range(len(mix)), key=lambda other: len(held[other]))
        if weight > 0 and not held[kind] and len(held[commonest]) > 1:
            turn = held[commonest].pop(int(random.random() * len(held[commonest])))
            held[kind].append(turn)
            yield turn, commonest, kind
