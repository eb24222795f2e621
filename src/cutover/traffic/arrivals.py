"""The schedule of a load run: load shapes, arrivals generated from a seed, and an exact split over processes.

The arrival model is open: a slow system does not delay the arrivals.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, TypeAlias

SHAPES: Final = ("constant", "poisson", "ramp", "step", "spike")
NS: Final = 1_000_000_000
WARM_UP: Final = "warm-up"
"""The phase that no threshold covers. The ledger contains it like every other phase."""


@dataclass(frozen=True)
class Shape:
    """One shape of a profile. rate, to_rate: arrivals per second; seconds: duration.

    constant: an arrival every 1/rate s. poisson: a Poisson process of that rate, given its number of arrivals. ramp: a
    linear change from rate to to_rate. step: from rate to to_rate in `steps` equal steps, each of which is a phase.
    spike: three phases of equal length at rate, at to_rate, and at rate again.
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
            # The arrivals of a Poisson process are independent and uniform, given their number. The number is fixed, so
            # that every seed gives a threshold the requests that it needs.
            yield from sorted(random.random() * self.seconds for _ in range(round(self.rate * self.seconds)))
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
    journey, one for each side, in random order; the journey's name is then "JOURNEY SIDE".

    Every seed gives each phase the same number of arrivals of each journey, in another order: its share of the weights,
    rounded. A journey with a weight but without an arrival after the warm-up takes one of the most frequent journey, if
    that has several.
    """
    times = Random(f"times {seed}")  # noqa: S311 - a repeatable schedule, not a secret
    kinds = Random(f"journeys {seed}")  # noqa: S311 - the same
    at_ns, phase, journey = array("q"), array("H"), array("H")
    names: list[str] = []
    starts = [0]
    for shape in shapes:
        for planned in shape.phases():
            for at in planned.times_s(times):
                at_ns.append(starts[-1] + int(at * NS))
                phase.append(len(names))
            names.append(planned.name)
            starts.append(starts[-1] + int(planned.seconds * NS))
    whole = len(at_ns) // len(sides) * len(sides)  # an incomplete last group of sides is dropped
    turns = [phase[last] for last in range(len(sides) - 1, whole, len(sides))]  # a group belongs to its last phase
    judged = [number for number, name in enumerate(names) if name != WARM_UP]
    for kind in _journeys(turns, [weight for _, weight in mix], judged, kinds):
        first = int(kinds.random() * len(sides))
        journey.extend(kind * len(sides) + (first + side) % len(sides) for side in range(len(sides)))
    journeys = tuple(f"{name} {side}".rstrip() for name, _ in mix for side in sides)
    return Schedule(tuple(names), journeys, tuple(starts), at_ns[:whole], phase[:whole], journey)


def _journeys(turns: Sequence[int], weights: Sequence[float], judged: Collection[int], random: Random) -> Sequence[int]:
    """Return the journey of each turn. turns: the phase of each, in order; judged: the phases after the warm-up."""
    counts: dict[int, list[int]] = {}
    planned, before = [0] * len(weights), 0
    for number in sorted(set(turns)):
        size = turns.count(number)
        counts[number] = _quotas(weights, before, size, planned)
        planned = [old + new for old, new in zip(planned, counts[number], strict=True)]
        before += size
    for kind, weight in enumerate(weights):
        held = [sum(counts[number][each] for number in judged if number in counts) for each in range(len(weights))]
        commonest = max(range(len(weights)), key=held.__getitem__)
        if weight > 0 and not held[kind] and held[commonest] > 1:
            giver = max((number for number in judged if number in counts), key=lambda each: counts[each][commonest])
            counts[giver][commonest] -= 1
            counts[giver][kind] += 1
    kinds: list[int] = []
    for number in sorted(counts):
        part = [kind for kind, count in enumerate(counts[number]) for _ in range(count)]
        for last in range(len(part) - 1, 0, -1):  # Fisher and Yates
            other = int(random.random() * (last + 1))
            part[last], part[other] = part[other], part[last]
        kinds += part
    return kinds


def _quotas(weights: Sequence[float], before: int, size: int, planned: Sequence[int]) -> list[int]:
    """Return the number of turns of each journey in a phase of `size` turns, by the largest remainder.

    before, planned: the turns of the phases before, all and by journey. What rounding left out there is made up for.
    """
    total = sum(weights)
    wanted = [weight / total * (before + size) - had for weight, had in zip(weights, planned, strict=True)]
    counts = [max(0, math.floor(each)) for each in wanted]
    by_remainder = sorted(range(len(weights)), key=lambda kind: counts[kind] - wanted[kind])
    positive = [kind for kind in by_remainder if weights[kind] > 0]
    place = 0
    while sum(counts) < size:
        counts[positive[place % len(positive)]] += 1
        place += 1
    while sum(counts) > size:
        counts[
            max(range(len(counts)), key=lambda kind: counts[kind] - wanted[kind] if counts[kind] else -math.inf)
        ] -= 1
    return counts
