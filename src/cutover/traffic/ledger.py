"""The ledger of a load run: counts every request once by endpoint, phase and outcome, with three time stamps.

The ledger balances: the number of scheduled requests is the sum of all outcomes.

A phase is a part of the profile, by the profile's own name ("warm-up", "steady", "step-3"); the phases of a comparison
are "old" and "new". Time stamps are nanoseconds of one monotonic clock. A second of the run is a whole number counted
from the start of the process's run, so that the totals of machines with different clocks can be added.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, Self

from cutover.stats.histogram import Histogram

SCHEMA: Final = 3
DETAILS_LIMIT: Final = 40
"""Number of different details ("status 500") that are kept for each cell. Further ones are counted together."""

OTHER_DETAILS: Final = "other"

SLOTS: Final = 50
"""Parts of a second. For each part the ledger keeps whether a request was sent and whether a response arrived, as bits
of one integer. Their sum is exact and does not depend on the order."""


class Outcome(IntEnum):
    """The outcome of a scheduled request. Each request has exactly one."""

    OK = 0
    HTTP_ERROR = 1  # a status that the operation does not promise
    NETWORK_ERROR = 2  # refused, reset, truncated, not HTTP
    TIME_OUT = 3
    WRONG_BODY = 4
    WRONG_VERSION = 5  # the response came from another system or version
    REFUSED_BY_MAINTENANCE = 6  # 503 with Retry-After to a write, inside the declared window
    UNSENT = 7  # scheduled but never sent
    CLOSED_WHILE_IDLE = 8  # a kept connection was closed before the request reached the server

    @property
    def label(self) -> str:
        """Return the name used in data and reports."""
        return self.name.lower()


ERRORS: Final = (
    Outcome.HTTP_ERROR,
    Outcome.NETWORK_ERROR,
    Outcome.TIME_OUT,
    Outcome.WRONG_BODY,
    Outcome.WRONG_VERSION,
)
"""Outcomes that are errors of the deployment. A refusal by maintenance was declared, the close of an idle connection
has a threshold of its own, and an unsent request says nothing about the deployment."""

_OUTCOMES: Final = tuple(Outcome)
_BY_LABEL: Final = {outcome.label: outcome for outcome in Outcome}


@dataclass
class Second:
    """One second of the run for one endpoint and phase.

    scheduled, failed: by the second of the intended send time; sent: by the second of the sending; latency: done -
    intended of the responses as promised; lag_us: the longest sent - intended.
    """

    scheduled: int = 0
    sent: int = 0
    failed: int = 0
    lag_us: int = 0
    latency: Histogram = field(default_factory=Histogram)

    def merge(self, other: Second) -> None:
        """Add another second."""
        self.scheduled += other.scheduled
        self.sent += other.sent
        self.failed += other.failed
        self.lag_us = max(self.lag_us, other.lag_us)
        self.latency.merge(other.latency)


class Depth(IntEnum):
    """The parts of a cell that are added up. A generator that sends has no time for parts that are not needed."""

    LATENCY = 0  # counts and latency, which thresholds use
    HISTOGRAMS = 1  # also the other histograms
    ALL = 2  # also the seconds


@dataclass
class Cell:
    """All requests of one endpoint in one phase.

    latency: done - intended of the responses as promised, which thresholds use; failed: the same of errors; service:
    done - sent of both; lag: sent - intended of all sent requests. backwards: requests whose time stamps are not in
    order, which is impossible with a monotonic clock. size: bytes of the response bodies. sent_slots, answered_slots:
    for each second the SLOTS in which a request was sent that may have reached the system, and those in which a request
    ended that was answered as promised or refused by maintenance.
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
    sent_slots: dict[int, int] = field(default_factory=dict)
    answered_slots: dict[int, int] = field(default_factory=dict)

    @property
    def counted(self) -> int:
        """Return the number of requests with an outcome."""
        return sum(self.outcomes)

    @property
    def sent(self) -> int:
        """Return the number of requests that were sent."""
        return self.counted - self.outcomes[Outcome.UNSENT]

    @property
    def errors(self) -> int:
        """Return the number of requests that ended in one of ERRORS."""
        return sum(self.outcomes[outcome] for outcome in ERRORS)

    @property
    def rated(self) -> int:
        """Return the denominator of the error rate: the number of successful requests and errors."""
        return self.outcomes[Outcome.OK] + self.errors

    def merge(self, other: Cell, depth: Depth = Depth.ALL) -> None:
        """Add another cell, as far as `depth` asks for."""
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
        for mine, theirs in ((self.sent_slots, other.sent_slots), (self.answered_slots, other.answered_slots)):
            for second, slots in theirs.items():
                mine[second] = mine.get(second, 0) | slots

    def second(self, second: int) -> Second:
        """Return that second of the run; a new one if there is none yet."""
        held = self.seconds.get(second)
        if held is None:
            held = self.seconds[second] = Second()
        return held

    def add_detail(self, detail: str, count: int) -> None:
        """Count the detail of an error."""
        if detail not in self.details and len(self.details) >= DETAILS_LIMIT:
            detail = OTHER_DETAILS
        self.details[detail] = self.details.get(detail, 0) + count

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
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
            "sent_slots": [list(row) for row in sorted(self.sent_slots.items())],
            "answered_slots": [list(row) for row in sorted(self.answered_slots.items())],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the cell that `as_json` gave. Raises ValueError for anything else."""
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
                    raise ValueError(f"expected a second as an integer, got {number!r}")
                made.seconds[number] = Second(
                    _count(scheduled), _count(sent), _count(failed), _count(lag_us), Histogram.from_json(latency)
                )
            made.sent_slots, made.answered_slots = _slots(data["sent_slots"]), _slots(data["answered_slots"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"the ledger's totals cannot be read: {type(error).__name__}: {error}") from None
        return made


@dataclass
class LedgerTotals:
    """The ledger: cells by endpoint and phase, and the CPU time of each generator by second of the run.

    generators: name of a generator process -> second -> [CPU seconds used, wall seconds passed].
    """

    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    generators: dict[str, dict[int, list[float]]] = field(default_factory=dict)

    def cell(self, endpoint: str, phase: str) -> Cell:
        """Return the cell of an endpoint and phase; a new one if there is none yet."""
        held = self.cells.get((endpoint, phase))
        if held is None:
            held = self.cells[endpoint, phase] = Cell()
        return held

    def merge(self, other: LedgerTotals) -> None:
        """Add the totals of another process.

        The order of merging changes nothing, except which details keep their name beyond DETAILS_LIMIT.
        """
        for (endpoint, phase), cell in other.cells.items():
            self.cell(endpoint, phase).merge(cell)
        for name, seconds in other.generators.items():
            held = self.generators.setdefault(name, {})
            for second, (cpu_s, wall_s) in seconds.items():
                before = held.get(second, [0.0, 0.0])
                held[second] = [before[0] + cpu_s, before[1] + wall_s]

    def total(self, phases: AbstractSet[str] | None = None, endpoints: AbstractSet[str] | None = None) -> Cell:
        """Return the sum of these phases and endpoints, without its seconds. None means all of them."""
        return self._add_up(phases, endpoints, Depth.HISTOGRAMS)

    def quick_total(self, phases: AbstractSet[str] | None = None, endpoints: AbstractSet[str] | None = None) -> Cell:
        """Return the same with counts and latency only: takes a millisecond or two, for use during the run."""
        return self._add_up(phases, endpoints, Depth.LATENCY)

    def total_by_second(
        self, phases: AbstractSet[str] | None = None, endpoints: AbstractSet[str] | None = None
    ) -> Cell:
        """Return the same with its seconds: for use after the run."""
        return self._add_up(phases, endpoints, Depth.ALL)

    def _add_up(self, phases: AbstractSet[str] | None, endpoints: AbstractSet[str] | None, depth: Depth) -> Cell:
        whole = Cell()
        for cell in self.select(phases, endpoints).values():
            whole.merge(cell, depth)
        return whole

    def select(
        self, phases: AbstractSet[str] | None = None, endpoints: AbstractSet[str] | None = None
    ) -> dict[tuple[str, str], Cell]:
        """Return the separate cells of these phases and endpoints. None means all of them."""
        return {
            (endpoint, phase): cell
            for (endpoint, phase), cell in self.cells.items()
            if (phases is None or phase in phases) and (endpoints is None or endpoint in endpoints)
        }

    def unbalanced(self) -> Iterator[str]:
        """Yield a text for each endpoint and phase whose outcomes do not add up to the scheduled requests."""
        for (endpoint, phase), cell in sorted(self.cells.items()):
            if cell.scheduled != cell.counted:
                yield f"{endpoint} in {phase}: {cell.scheduled} requests were scheduled, {cell.counted} have an outcome"

    def as_json(self) -> dict[str, Any]:
        """Return plain data for a message between processes."""
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
        """Return the totals that `as_json` gave. Raises ValueError for anything else, including another schema."""
        made = cls()
        try:
            if data["schema"] != SCHEMA:
                raise ValueError(f"expected totals of schema {SCHEMA}, got {data['schema']!r}")
            for row in data["cells"]:
                made.cell(str(row["endpoint"]), str(row["phase"])).merge(Cell.from_json(row))
            for name, seconds in data["generators"].items():
                made.generators[str(name)] = {
                    int(second): [float(cpu_s), float(wall_s)] for second, cpu_s, wall_s in seconds
                }
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"the ledger's totals cannot be read: {type(error).__name__}: {error}") from None
        return made


def _slots(rows: Any) -> dict[int, int]:
    made = {}
    for second, slots in rows:
        if type(second) is not int or _count(slots) >= 1 << SLOTS:
            raise ValueError(f"expected the slots of a second, got {slots!r} for second {second!r}")
        made[second] = slots
    return made


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a count, got {value!r}")
    return value
