"""Every request of a load run, counted once by endpoint, phase and outcome, with its three time stamps.

The ledger balances: what was scheduled is the sum of all outcomes. Not for judging it: judgement.py.

A phase is a part of the profile, by the profile's own name ("warm-up", "steady", "step-3"); a comparison calls its
phases "old" and "new". Time stamps are nanoseconds of one monotonic clock. A second of the run is a whole number
counted from `started_ns`, so that the sums of machines with different clocks can be added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, Self

from cutover.stats.histogram import Histogram

SCHEMA: Final = 2
DETAILS_LIMIT: Final = 40
"""Different details ("status 500") of one endpoint that are told apart; further ones are counted together."""

OTHER_DETAILS: Final = "other"

SLOTS: Final = 50
"""Parts of a second in which it is kept whether anything was asked and answered: bits of one whole number, that add
up exactly and whatever the order."""


class Outcome(IntEnum):
    """What became of one scheduled request. Each has exactly one."""

    OK = 0
    HTTP_ERROR = 1  # a status that the operation does not promise here
    NETWORK_ERROR = 2  # refused, reset, broken off, no HTTP
    TIME_OUT = 3
    WRONG_BODY = 4
    WRONG_VERSION = 5  # another system or version answered than was asked
    REFUSED_BY_MAINTENANCE = 6  # 503 with Retry-After to a write, inside the declared window
    UNSENT = 7  # planned, and never sent
    CLOSED_WHILE_IDLE = 8  # a kept connection was closed before the request reached the server

    @property
    def label(self) -> str:
        """The word for it in data and reports."""
        return self.name.lower()


ERRORS: Final = (
    Outcome.HTTP_ERROR,
    Outcome.NETWORK_ERROR,
    Outcome.TIME_OUT,
    Outcome.WRONG_BODY,
    Outcome.WRONG_VERSION,
)
"""What counts as an error of the deployment. A refusal by maintenance was declared; an idle connection's end has a
budget of its own; what was not sent makes the run untrustworthy, and says nothing of the deployment."""

_OUTCOMES: Final = tuple(Outcome)
_BY_LABEL: Final = {outcome.label: outcome for outcome in Outcome}


@dataclass
class Second:
    """One second of the run for one endpoint and phase.

    scheduled, failed: by the second in which the request was meant to be sent; sent: by that in which it was;
    latency: done - intended of what was answered as promised; lag_us: the longest sent - intended.
    """

    scheduled: int = 0
    sent: int = 0
    failed: int = 0
    lag_us: int = 0
    latency: Histogram = field(default_factory=Histogram)

    def merge(self, other: Second) -> None:
        """Add the other one's."""
        self.scheduled += other.scheduled
        self.sent += other.sent
        self.failed += other.failed
        self.lag_us = max(self.lag_us, other.lag_us)
        self.latency.merge(other.latency)


class Depth(IntEnum):
    """How much of a cell is added up. A generator that sums up while it sends has no time for what nobody asks."""

    LATENCY = 0  # counts and latency: what gates judge
    HISTOGRAMS = 1  # and the other histograms
    ALL = 2  # and the seconds


@dataclass
class Cell:
    """All requests of one endpoint in one phase.

    latency: done - intended of what was answered as promised, the one that gates judge; failed: the same of errors;
    service: done - sent of both; lag: sent - intended of all that was sent. backwards: requests whose time stamps
    are not in order, which a monotonic clock cannot give. size: bytes of the answers' bodies. asked, answered: of each
    second the SLOTS in which a request was sent that may have reached the system, and in which one was done that was
    answered as promised or refused by maintenance.
    """

    scheduled: int = 0
    outcomes: list[int] = field(default_factory=lambda: [0] * len(_OUTCOMES))
    details: dict[str, int] = field(default_factory=dict)
    size: int = 0
    backwards: int = 0
    latency: Histogram = field(default_factory=Histogram)
    failed: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    lag: Histogram = field(default_factory=Histogram)
    seconds: dict[int, Second] = field(default_factory=dict)
    asked: dict[int, int] = field(default_factory=dict)
    answered: dict[int, int] = field(default_factory=dict)

    @property
    def counted(self) -> int:
        """Requests with an outcome."""
        return sum(self.outcomes)

    @property
    def sent(self) -> int:
        """Requests that were sent."""
        return self.counted - self.outcomes[Outcome.UNSENT]

    @property
    def errors(self) -> int:
        """Requests that ended in one of ERRORS."""
        return sum(self.outcomes[outcome] for outcome in ERRORS)

    @property
    def judged(self) -> int:
        """Requests that an error rate is a share of: ok and errors."""
        return self.outcomes[Outcome.OK] + self.errors

    def merge(self, other: Cell, depth: Depth = Depth.ALL) -> None:
        """Add all that the other one counted, as far as is asked for."""
        self.scheduled += other.scheduled
        self.outcomes = [mine + theirs for mine, theirs in zip(self.outcomes, other.outcomes, strict=True)]
        for detail, count in other.details.items():
            self.add_detail(detail, count)
        self.size += other.size
        self.backwards += other.backwards
        self.latency.merge(other.latency)
        if depth is Depth.LATENCY:
            return
        self.failed.merge(other.failed)
        self.service.merge(other.service)
        self.lag.merge(other.lag)
        if depth is Depth.HISTOGRAMS:
            return
        for second, figures in other.seconds.items():
            self.second(second).merge(figures)
        for mine, theirs in ((self.asked, other.asked), (self.answered, other.answered)):
            for second, slots in theirs.items():
                mine[second] = mine.get(second, 0) | slots

    def second(self, second: int) -> Second:
        """The figures of that second of the run, new when there are none yet."""
        held = self.seconds.get(second)
        if held is None:
            held = self.seconds[second] = Second()
        return held

    def add_detail(self, detail: str, count: int) -> None:
        """Count what an error said."""
        if detail not in self.details and len(self.details) >= DETAILS_LIMIT:
            detail = OTHER_DETAILS
        self.details[detail] = self.details.get(detail, 0) + count

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "scheduled": self.scheduled,
            "outcomes": {outcome.label: self.outcomes[outcome] for outcome in Outcome},
            "details": dict(sorted(self.details.items())),
            "size": self.size,
            "backwards": self.backwards,
            "latency": self.latency.as_json(),
            "failed": self.failed.as_json(),
            "service": self.service.as_json(),
            "lag": self.lag.as_json(),
            "seconds": [
                [number, held.scheduled, held.sent, held.failed, held.lag_us, held.latency.as_json()]
                for number, held in sorted(self.seconds.items())
            ],
            "asked": [list(row) for row in sorted(self.asked.items())],
            "answered": [list(row) for row in sorted(self.answered.items())],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The cell that `as_json` gave. Raises ValueError for anything else."""
        made = cls()
        try:
            made.scheduled, made.size, made.backwards = (
                _count(data[key]) for key in ("scheduled", "size", "backwards")
            )
            for label, count in data["outcomes"].items():
                made.outcomes[_BY_LABEL[label]] = _count(count)
            made.details = {str(detail): _count(count) for detail, count in data["details"].items()}
            for name in ("latency", "failed", "service", "lag"):
                setattr(made, name, Histogram.from_json(data[name]))
            for number, scheduled, sent, failed, lag_us, latency in data["seconds"]:
                if type(number) is not int:
                    raise ValueError(f"{number!r} is no second")
                made.seconds[number] = Second(
                    _count(scheduled), _count(sent), _count(failed), _count(lag_us), Histogram.from_json(latency)
                )
            made.asked, made.answered = _slots(data["asked"]), _slots(data["answered"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"sums that cannot be read: {type(error).__name__}: {error}") from None
        return made


@dataclass
class LedgerTotals:
    """The ledger: cells by endpoint and phase, and the CPU time of every generator by second of the run.

    generators: name of a generating process -> second -> [CPU seconds used, wall seconds passed].
    """

    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    generators: dict[str, dict[int, list[float]]] = field(default_factory=dict)

    def cell(self, endpoint: str, phase: str) -> Cell:
        """The cell of an endpoint and phase, new when there is none yet."""
        held = self.cells.get((endpoint, phase))
        if held is None:
            held = self.cells[endpoint, phase] = Cell()
        return held

    def merge(self, other: LedgerTotals) -> None:
        """Add another process's sums. The order of merging changes nothing but, in details beyond DETAILS_LIMIT,
        which of them keep their name."""
        for (endpoint, phase), cell in other.cells.items():
            self.cell(endpoint, phase).merge(cell)
        for name, seconds in other.generators.items():
            held = self.generators.setdefault(name, {})
            for second, (cpu_s, wall_s) in seconds.items():
                before = held.get(second, [0.0, 0.0])
                held[second] = [before[0] + cpu_s, before[1] + wall_s]

    def of(self, phases: AbstractSet[str] | None = None, endpoints: AbstractSet[str] | None = None) -> Cell:
        """One cell that adds up these phases and endpoints, None stands for all of them; without its seconds."""
        return self._summed(phases, endpoints, Depth.HISTOGRAMS)

    def so_far(self, phases: AbstractSet[str] | None = None, endpoints: AbstractSet[str] | None = None) -> Cell:
        """Its counts and latency alone: for looking at a run while it goes on, in a millisecond or two."""
        return self._summed(phases, endpoints, Depth.LATENCY)

    def over_time(self, phases: AbstractSet[str] | None = None, endpoints: AbstractSet[str] | None = None) -> Cell:
        """The same with its seconds: for after the run."""
        return self._summed(phases, endpoints, Depth.ALL)

    def _summed(self, phases: AbstractSet[str] | None, endpoints: AbstractSet[str] | None, depth: Depth) -> Cell:
        whole = Cell()
        for cell in self.rows(phases, endpoints).values():
            whole.merge(cell, depth)
        return whole

    def rows(
        self, phases: AbstractSet[str] | None = None, endpoints: AbstractSet[str] | None = None
    ) -> dict[tuple[str, str], Cell]:
        """The cells of these phases and endpoints, each by itself; None stands for all of them."""
        return {
            (endpoint, phase): cell
            for (endpoint, phase), cell in self.cells.items()
            if (phases is None or phase in phases) and (endpoints is None or endpoint in endpoints)
        }

    def unbalanced(self) -> Iterator[str]:
        """One sentence for each endpoint and phase whose outcomes do not add up to what was scheduled."""
        for (endpoint, phase), cell in sorted(self.cells.items()):
            if cell.scheduled != cell.counted:
                yield f"{endpoint} in {phase}: {cell.scheduled} were scheduled, {cell.counted} have an outcome"

    def as_json(self) -> dict[str, Any]:
        """Plain data for a message between processes."""
        return {
            "schema": SCHEMA,
            "cells": [
                {"endpoint": endpoint, "phase": phase, **cell.as_json()}
                for (endpoint, phase), cell in sorted(self.cells.items())
            ],
            "generators": {
                name: [[second, *used] for second, used in sorted(seconds.items())]
                for name, seconds in sorted(self.generators.items())
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The sums that `as_json` gave. Raises ValueError for anything else, another schema included."""
        made = cls()
        try:
            if data["schema"] != SCHEMA:
                raise ValueError(f"sums of schema {data['schema']!r} are not known, only {SCHEMA}")
            for row in data["cells"]:
                made.cell(str(row["endpoint"]), str(row["phase"])).merge(Cell.from_json(row))
            for name, seconds in data["generators"].items():
                made.generators[str(name)] = {
                    int(second): [float(cpu_s), float(wall_s)] for second, cpu_s, wall_s in seconds
                }
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"sums that cannot be read: {type(error).__name__}: {error}") from None
        return made


def _slots(rows: Any) -> dict[int, int]:
    made = {}
    for second, slots in rows:
        if type(second) is not int or _count(slots) >= 1 << SLOTS:
            raise ValueError(f"{slots!r} are no slots of second {second!r}")
        made[second] = slots
    return made


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value
